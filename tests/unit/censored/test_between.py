"""Moments of the truncated normal, against values in 500 digits (mpmath 1.3)."""

import numpy as np
import pytest

from emkit.families.between import log_mass, truncated_moments

_INF = np.inf
EXACT = [
    (-1, 1, -0.38171514630212605, 0.0, 0.2911250947727932),
    (2, 2.000001, -16.73445009102917, 2.0000004999998335, 8.333333335661021e-14),
    (30, 31, -454.32124395634327, 30.033259667433622, 0.0011037715118352822),
    (200, 201, -20006.21728089819, 200.00499975003123, 2.499625078104772e-05),
    (40, _INF, -804.6084420137538, 40.02496884720726, 0.0006226683785913888),
    (1000.0, _INF, -500007.82669481216, 1000.000999998, 9.999940000499995e-07),
    (-_INF, -25, -316.63940800802027, -25.039873012057562, 0.0015848414703928894),
    (-40, -39.99, -805.3174692698356, -39.99466759462084, 8.267076895475097e-06),
    (-8, 3, -0.0013508099647488168, -0.004437839042120607, 0.9866667884582188),
    (5, _INF, -15.064998393988725, 5.186503967125842, 0.032696434617112226),
    (7, 100, -27.384307498811076, 7.137545613226504, 0.01826191169662223),
]


@pytest.mark.parametrize(("low", "high", "mass", "mean", "var"), EXACT)
def test_moments(low, high, mass, mean, var):
    found = [float(part[0]) for part in truncated_moments(np.array([low], float), np.array([high], float))]
    assert found[0] == pytest.approx(mass, rel=1e-11)
    assert found[1] == pytest.approx(mean, rel=1e-11, abs=1e-15)
    assert found[2] == pytest.approx(var, rel=2e-9 if high - low < 1e-5 else 1e-11)


def test_exact_and_unlimited():
    mass, mean, var = truncated_moments(np.array([0.5, -_INF]), np.array([0.5, _INF]))
    assert mass == pytest.approx([-0.125 - 0.5 * np.log(2 * np.pi), 0.0])
    assert mean.tolist() == [0.5, 0.0]
    assert var.tolist() == [0.0, 1.0]
    assert log_mass(np.array([0.0]), np.array([_INF]))[0] == pytest.approx(np.log(0.5))
