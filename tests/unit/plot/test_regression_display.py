"""The picture of a mixture of regressions."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.plot import RegressionDisplay


def _fit():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 100)
    y = np.where(rng.random(100) < 0.5, x, 20 - x) + rng.normal(size=100)
    table = {"x": x, "z": rng.normal(size=100), "y": y}
    return emkit.MixtureOfRegressions(2, random_state=0, n_init=4).fit(table, "y"), table


def test_curves_are_the_expected_responses():
    fit, table = _fit()
    shown = RegressionDisplay.from_estimator(fit)
    wanted = fit.predict_components({"x": shown.grid, "z": np.full(200, table["z"].mean())})
    np.testing.assert_allclose(shown.curves, wanted)
    np.testing.assert_array_equal(shown.labels, fit.clusters(table))
    assert len(shown.ax_.lines) == 2
    assert shown.ax_.get_xlabel() == "x"


def test_bad_names_and_shapes_are_told():
    fit, _ = _fit()
    with pytest.raises(ParameterError, match="`term` must be one of x, z and `response` one of y"):
        RegressionDisplay.from_estimator(fit, term="w")
    with pytest.raises(ParameterError, match="a row for each unit"):
        RegressionDisplay.from_arrays([1, 2], [1], [0, 0], [0, 1], [[0], [1]])
