"""A family made of the user's log density: the right optimum, monotone steps, mistakes."""

import numpy as np
import pytest
from scipy.stats import logistic

import emkit
from emkit.core import EM, Positive, Real
from emkit.errors import ParameterError
from emkit.families.density import DensityFamily
from emkit.testing import laws


def _log_density(X, parameters):
    return logistic.logpdf(X[:, 0], parameters["loc"], parameters["scale"])


def _start(X, weights):
    mean = weights @ X[:, 0] / weights.sum()
    return {"loc": mean, "scale": 0.5 * np.sqrt(weights @ (X[:, 0] - mean) ** 2 / weights.sum())}


def _draw(parameters, n, rng):
    return rng.logistic(parameters["loc"], parameters["scale"], (n, 1))


FAMILY = DensityFamily(_log_density, {"loc": Real(), "scale": Positive()}, _start, _draw)


def _rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.logistic(-4, 1, (120, 1)), rng.logistic(4, 0.5, (80, 1))])


def test_one_member_is_the_maximum_of_scipy():
    X = _rows()[:120]
    mixture = emkit.MixtureModel(FAMILY, 1, tol=1e-10).fit(X)
    loc, scale = logistic.fit(X[:, 0])
    assert mixture.fit_.loglik == pytest.approx(logistic.logpdf(X[:, 0], loc, scale).sum(), abs=1e-5)


def test_mixture_is_found_and_sampled():
    mixture = emkit.MixtureModel(FAMILY, 2, random_state=0).fit(_rows())
    loc = mixture.members_.parts[0].value
    np.testing.assert_allclose(loc, [-4, 4], atol=0.5)
    np.testing.assert_allclose(mixture.weights_, [0.6, 0.4], atol=0.05)
    assert mixture.fit_.is_converged
    rows, labels = mixture.sample(1000, random_state=1)
    assert rows[labels == 0].mean() == pytest.approx(loc[0], abs=0.3)
    assert "scale" in mixture.summary()


@pytest.mark.parametrize("law", [laws.check_monotone, laws.check_score, laws.check_statistics_add, laws.check_weights])
def test_laws_hold(law):
    law(emkit.mixture.FiniteMixture(FAMILY, 2), _rows())  # raises LawBroken


def test_plain_em_ends_at_the_same_optimum():
    fits = [emkit.MixtureModel(FAMILY, 2, solver=solver, random_state=0).fit(_rows()).fit_ for solver in (EM(), "auto")]
    assert fits[0].loglik == pytest.approx(fits[1].loglik, abs=1e-4)


def test_mistakes_are_named():
    with pytest.raises(ParameterError, match="needs `log_density.*`spaces` by the names"):
        DensityFamily(_log_density, {}, _start)
    with pytest.raises(ParameterError, match=r"must return shape \(200,\), one number for each row, got \(200, 1\)"):
        emkit.MixtureModel(DensityFamily(lambda X, p: X - p["loc"], {"loc": Real()}, _start), 1).fit(_rows())
    unsampled = DensityFamily(_log_density, {"loc": Real(), "scale": Positive()}, _start)
    with pytest.raises(ParameterError, match="give it `draw"):
        emkit.MixtureModel(unsampled, 1).fit(_rows()).sample(3)
