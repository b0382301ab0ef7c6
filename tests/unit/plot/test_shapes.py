"""The geometry of pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm

from emkit.errors import ParameterError
from emkit.plot.shapes import component_curves, curve_grid, ellipse, histogram, weighted_quantile

VALUES = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))


@given(VALUES)
def test_histogram_integrates_to_one_and_covers_the_data(x):
    density, edges = histogram(x)
    assert (density * np.diff(edges)).sum() == pytest.approx(1)
    assert edges[0] <= x.min()
    assert edges[-1] >= x.max()
    assert len(density) <= 200


def test_bins_are_those_of_freedman_and_diaconis():
    x = np.random.default_rng(0).normal(size=2001)  # quartiles are then values of the sample in every definition
    ours = histogram(x).edges
    np.testing.assert_allclose(ours, np.histogram_bin_edges(x, "fd"), rtol=1e-12)


def test_weights_of_a_histogram_are_repetitions():
    rng = np.random.default_rng(1)
    x, times = rng.normal(size=80), rng.integers(0, 4, 80)
    by_weight, by_rows = histogram(x, times.astype(float)), histogram(np.repeat(x, times))
    np.testing.assert_allclose(by_weight.edges, by_rows.edges)
    np.testing.assert_allclose(by_weight.density, by_rows.density)


def test_missing_values_are_left_out_of_a_histogram():
    np.testing.assert_array_equal(histogram(np.array([1.0, np.nan, 2.0])).edges, histogram(np.array([1.0, 2.0])).edges)
    with pytest.raises(ParameterError, match="no observed value"):
        histogram(np.array([np.nan]))


def test_ties_that_leave_no_quartile_range_still_give_bins():
    assert len(histogram(np.array([0.0] * 90 + [1.0, 2.0, 3.0])).density) >= 5
    assert len(histogram(np.full(4, 7.0)).density) == 1


def test_bins_given_are_taken_or_refused():
    x = np.arange(10.0)
    assert len(histogram(x, bins=4).density) == 4
    np.testing.assert_array_equal(histogram(x, bins=[0, 2, 9]).edges, [0, 2, 9])
    for bad in (0, 2.5, True, [3, 2], [1]):
        with pytest.raises(ParameterError, match="`bins` must be"):
            histogram(x, bins=bad)


def test_weighted_quantile_of_equal_weights():
    x = np.array([4.0, 1.0, 3.0, 2.0])
    np.testing.assert_array_equal(weighted_quantile(x, np.ones(4), np.array([0.25, 0.5, 1.0])), [1, 2, 4])


def test_an_ellipse_lies_at_its_distance():
    mean, cov = np.array([2.0, -1.0]), np.array([[4.0, 1.5], [1.5, 1.0]])
    off = ellipse(mean, cov, 2.0) - mean
    distance = np.sqrt((off @ np.linalg.inv(cov) * off).sum(axis=1))
    np.testing.assert_allclose(distance, 2.0, rtol=1e-12)


def test_curves_are_weighted_normal_densities():
    grid = np.linspace(-3, 8, 50)
    mix, mean, sd = np.array([0.3, 0.7]), np.array([0.0, 4.0]), np.array([1.0, 0.5])
    expected = mix[:, None] * norm(mean[:, None], sd[:, None]).pdf(grid)
    np.testing.assert_allclose(component_curves(grid, mix, mean, sd), expected, rtol=1e-12)


def test_a_narrow_peak_is_on_the_grid():
    grid = curve_grid(np.array([0.0, 50.0]), np.array([10.0, 1e-4]), -30.0, 80.0)
    peak = component_curves(grid, np.array([0.5, 0.5]), np.array([0.0, 50.0]), np.array([10.0, 1e-4]))[1].max()
    assert peak == pytest.approx(0.5 / 1e-4 / np.sqrt(2 * np.pi), rel=1e-6)
