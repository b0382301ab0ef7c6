"""The M-steps of all fourteen structures: parameters counted as mclust counts, Q at its maximum, never below."""

import numpy as np
import pytest
from scipy.optimize import minimize

from emkit.core import ParametersChart, check_parameters, n_free
from emkit.core.solvers.base import OFF_CHART
from emkit.families.covariance import CODES

OWN = ("VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")  # those that share a part of a covariance
MEANS = np.zeros((3, 4))


def _statistics(structure, seed, k=3, d=4):
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(k, d, d + 2)) * np.exp(rng.normal(size=(k, d, 1)))
    scatter = half @ np.swapaxes(half, 1, 2)
    scatter = scatter if structure.is_dense else np.einsum("kii->ki", scatter).copy()
    return structure.pooled(rng.uniform(2.0, 50.0, k), scatter)


def _n_covariance(code, d, k):
    """Return the number of covariance parameters by table 1 of Celeux & Govaert 1995, as mclust's nMclustParams."""
    turn = d * (d - 1) // 2
    return {
        "EII": 1, "VII": k, "EEI": d, "VEI": k + d - 1, "EVI": 1 + k * (d - 1), "VVI": k * d,
        "EEE": d + turn, "VEE": k + d - 1 + turn, "EVE": 1 + k * (d - 1) + turn, "VVE": k * d + turn,
        "EEV": d + k * turn, "VEV": k + d - 1 + k * turn, "EVV": 1 + k * (d - 1) + k * turn, "VVV": k * (d + turn),
    }[code]  # fmt: skip


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("code", CODES)
def test_free_parameters_are_counted_as_mclust_counts(code, d):
    structure = CODES[code]
    fitted = structure.estimate(np.zeros((3, d)), *_statistics(structure, 0, d=d), None)
    check_parameters(fitted)
    assert n_free(fitted) == 3 * d + _n_covariance(code, d, 3)


def _negative(structure, chart, statistics):
    def value(vector):
        with np.errstate(all="ignore"):
            try:
                return -structure.loglik(chart.from_vector(vector), *statistics)
            except OFF_CHART:
                return np.inf

    def slope(vector):
        at = chart.from_vector(vector)
        own = structure.slopes(at, MEANS, structure.gradient(at, *statistics))
        return -chart.pull_back(at, vector, own)

    return value, slope


@pytest.mark.parametrize("code", OWN)
def test_m_step_is_where_numerical_maximisation_from_it_ends(code):
    structure = CODES[code]
    statistics = _statistics(structure, 1)
    fitted = structure.estimate(MEANS, *statistics, None)
    chart = ParametersChart(fitted)
    value, slope = _negative(structure, chart, statistics)
    start = chart.to_vector(fitted) + 0.05 * np.random.default_rng(2).normal(size=chart.size)
    assert value(start) > value(chart.to_vector(fitted)) + 1e-3
    found = minimize(value, start, jac=slope, method="BFGS", options={"gtol": 1e-7, "maxiter": 500}).fun
    assert -found == pytest.approx(structure.loglik(fitted, *statistics), abs=1e-6)


@pytest.mark.parametrize("code", OWN)
def test_slopes_are_differences_of_q(code):
    structure = CODES[code]
    statistics = _statistics(structure, 3)
    chart = ParametersChart(structure.estimate(MEANS, *_statistics(structure, 4), None))
    value, slope = _negative(structure, chart, statistics)
    vector = 0.1 * np.random.default_rng(5).normal(size=chart.size)
    steps = 1e-6 * np.eye(chart.size)
    differenced = np.array([(value(vector + step) - value(vector - step)) / 2e-6 for step in steps])
    np.testing.assert_allclose(slope(vector), differenced, atol=1e-6 * np.abs(differenced).max())


@pytest.mark.parametrize("code", OWN)
def test_m_step_never_lowers_q_from_where_it_starts(code):
    structure = CODES[code]
    for seed in range(20):
        previous = structure.estimate(MEANS, *_statistics(structure, 100 + seed), None)
        statistics = _statistics(structure, seed)
        before = structure.loglik(previous, *statistics)
        after = structure.loglik(structure.estimate(MEANS, *statistics, previous), *statistics)
        assert after >= before - 1e-9 * abs(before)


@pytest.mark.parametrize("code", OWN)
def test_covariances_of_a_structure_are_its_own_estimate(code):
    structure = CODES[code]
    fitted = structure.estimate(MEANS, *_statistics(structure, 6), None)
    again = structure.parameters(MEANS, structure.cov(fitted))
    np.testing.assert_allclose(structure.cov(again), structure.cov(fitted), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("code", OWN)
def test_reordering_moves_what_is_not_shared(code):
    structure = CODES[code]
    fitted = structure.estimate(MEANS, *_statistics(structure, 7), None)
    order = np.array([2, 0, 1])
    np.testing.assert_array_equal(structure.cov(structure.reordered(fitted, order)), structure.cov(fitted)[order])


@pytest.mark.parametrize("code", ["EEV", "VEV"])
def test_axes_keep_their_order_and_signs(code):
    structure = CODES[code]
    statistics = _statistics(structure, 8)
    first = structure.estimate(MEANS, *statistics, None)
    turned = structure.slopes(first, MEANS, structure.cov(first))  # any record of the same kind
    assert turned.axes.shape == first.axes.shape
    flipped = type(first)(first.mean, first.volume, first.shape, first.axes * np.array([1.0, -1.0, -1.0, 1.0]))
    again = structure.estimate(MEANS, *statistics, flipped)
    np.testing.assert_allclose(again.axes, flipped.axes, atol=1e-7)


def test_common_axes_are_those_of_the_truth():
    """Scatter that has common axes exactly gives them back, whatever the start."""
    rng = np.random.default_rng(9)
    axes = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    scatter = np.einsum("ij,kj,lj->kil", axes, np.exp(rng.normal(size=(3, 4))), axes)
    for code in ("EVE", "VVE"):
        structure = CODES[code]
        fitted = structure.estimate(MEANS, *structure.pooled(np.array([5.0, 9.0, 2.0]), scatter), None)
        agreement = np.abs(axes.T @ fitted.axes[0])
        np.testing.assert_allclose(np.sort(agreement, axis=0)[-1], 1.0, atol=1e-7)
