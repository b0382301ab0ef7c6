"""Scores of rows and the information that the labels hide: from the family's features, and by differences."""

import numpy as np
import pytest

import emkit
from emkit.core import Problem
from emkit.core import information as engine
from emkit.families.covariance import STRUCTURES
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

RNG = np.random.default_rng(4)
ROWS = np.concatenate([RNG.normal(0, 1, (60, 2)), RNG.normal([2, 1], [1, 2], (90, 2))]) * [1, 50] + [3, -200]
COUNTS = RNG.poisson(np.where(RNG.random((150, 1)) < 0.5, [1.0, 4.0], [5.0, 3.0])).astype(float)
CASES = {
    word: (FiniteMixture(Gaussian(STRUCTURES[word]), 2), ROWS) for word in ("full", "tied", "diag", "spherical", "EEI")
}
CASES["poisson"] = (FiniteMixture(Poisson(), 2), COUNTS)


@pytest.fixture(scope="module", params=CASES)
def fit(request):
    model, rows = CASES[request.param]
    weights = RNG.integers(0, 3, len(rows)).astype(float)
    return emkit.fit(model, rows, sample_weight=weights, rng=0, n_starts=2, tol=1e-9)


def test_louis_form_is_oakes(fit, monkeypatch):
    problem = Problem(fit.model, fit.source)
    louis = engine.observed_information(problem, fit.parameters)
    monkeypatch.setattr(engine, "_missing", lambda *_: None)
    oakes = engine.observed_information(problem, fit.parameters)
    assert louis.n_e_steps == 2
    unit = np.sqrt(oakes.complete.diagonal())
    np.testing.assert_allclose(louis.observed / np.outer(unit, unit), oakes.observed / np.outer(unit, unit), atol=2e-6)


def test_scores_of_rows_add_up_to_the_score(fit):
    problem = Problem(fit.model, fit.source)
    information = engine.observed_information(problem, fit.parameters)
    jacobian = information.chart.jacobian(information.vector)
    parts = [fit.model.row_scores(fit.parameters, block).T @ block.weights for block in fit.source.blocks()]
    unit = np.sqrt(information.complete.diagonal())
    floor = 1e-3  # the fit is an optimum, and rounding is all there is
    np.testing.assert_allclose(sum(parts) @ jacobian / unit, information.score / unit, atol=floor)


def test_scores_of_rows_are_slopes_of_the_log_density(fit):
    from emkit.core import ParametersChart

    block = next(iter(fit.source.blocks()))
    chart = ParametersChart(fit.parameters)
    vector = chart.to_vector(fit.parameters)
    scores = fit.model.row_scores(fit.parameters, block) @ chart.jacobian(vector)
    for i in range(chart.size):
        step = np.zeros(chart.size)
        step[i] = 1e-5 * max(1.0, abs(vector[i]))
        ends = [fit.model.log_density(chart.from_vector(vector + s * step), block) for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step[i])
        np.testing.assert_allclose(scores[:, i], slope, rtol=1e-5, atol=1e-6 * np.abs(slope).max())


def test_rows_with_missing_entries_take_the_general_way():
    rows = ROWS.copy()
    rows[::7, 0] = np.nan
    fit = emkit.fit(FiniteMixture(n_components=2), rows, rng=0, n_starts=2)
    block = next(iter(fit.source.blocks()))
    assert fit.model.row_scores(fit.parameters, block) is None
    assert fit.model.missing_information(fit.parameters, block) is None
    errors, robust = fit.standard_errors(), fit.standard_errors(kind="robust")
    assert np.isfinite(errors.values).all()
    np.testing.assert_allclose(robust.values, errors.values, rtol=1.0)


def test_one_component_hides_nothing():
    fit = emkit.fit(FiniteMixture(n_components=1), ROWS, rng=0)
    block = next(iter(fit.source.blocks()))
    assert not fit.model.missing_information(fit.parameters, block).any()
