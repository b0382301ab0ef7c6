"""Charts go there and back, and pull gradients back as differences find them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emkit.core import (
    Constant,
    Interval,
    NonNegative,
    Ordered,
    Positive,
    PositiveDefinite,
    Probability,
    Real,
    RowStochastic,
    Simplex,
)
from emkit.core.shape_spaces import Rotation, UnitDeterminant, UnitProduct
from emkit.errors import ParameterError

RNG = np.random.default_rng(7)


def _positive_definite(*shape):
    half = RNG.normal(size=(*shape, shape[-1] + 2))
    return half @ np.swapaxes(half, -1, -2)


def _unit_determinant(*shape):
    value = _positive_definite(*shape)
    return value / np.linalg.det(value)[..., None, None] ** (1 / shape[-1])


def _rotation(*shape):
    return np.linalg.qr(RNG.normal(size=(*shape, shape[-1])))[0]


VALUES = {
    "real": (Real(), RNG.normal(size=(3, 2))),
    "real-scalar": (Real(), np.array(2.5)),
    "positive": (Positive(), np.array([[1e-300, 1.0], [3.0, 1e200]])),
    "positive-zero": (Positive(), np.array([0.0, 2.0, 0.0, 1e-9])),
    "interval": (Interval(-1.0, 3.0), np.array([-1 + 1e-12, 0.5, 3 - 1e-12])),
    "ordered": (Ordered(), np.array([[-5.0, 0.1, 0.2], [1.0, 2.0, 1e6]])),
    "simplex": (Simplex(), np.array([0.2, 0.5, 0.3])),
    "simplex-zero": (Simplex(), np.array([0.0, 0.25, 0.75, 0.0])),
    "simplex-near-zero": (Simplex(), np.array([1e-18, 0.4, 0.6 - 1e-18])),
    "simplex-vertex": (Simplex(), np.array([0.0, 1.0, 0.0])),
    "rows": (RowStochastic(), np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])),
    "matrix": (PositiveDefinite(), _positive_definite(3)),
    "matrices": (PositiveDefinite(), _positive_definite(2, 2, 4)),
    "matrix-scales": (PositiveDefinite(), np.diag([1e-12, 1.0, 1e12])),
    "constant": (Constant(), np.array([1.0, -2.0])),
    "non-negative": (NonNegative(), np.array([[0.0, 1e-30], [2.0, 1e100]])),
    "probability": (Probability(), np.array([[0.2, 0.9], [1e-18, 0.5]])),
    "probability-edges": (Probability(), np.array([0.0, 0.3, 1.0])),
    "unit-product": (UnitProduct(), np.array([[4.0, 0.5, 0.5], [1e-9, 1e3, 1e6]])),
    "unit-product-one": (UnitProduct(), np.ones((2, 1))),
    "matrices-unit": (UnitDeterminant(), _unit_determinant(2, 3)),
    "matrix-unit-one": (UnitDeterminant(), np.ones((2, 1, 1))),
    "rotation": (Rotation(), _rotation(2, 4)),
    "rotation-one": (Rotation(), np.array([[1.0]])),
}
N_FREE = {
    "real": 6, "real-scalar": 1, "positive": 4, "positive-zero": 2, "interval": 3, "ordered": 6, "simplex": 2,
    "simplex-zero": 1, "simplex-near-zero": 2, "simplex-vertex": 0, "rows": 3, "matrix": 6, "matrices": 40,
    "matrix-scales": 6, "constant": 0, "non-negative": 4, "probability": 4, "probability-edges": 1,
    "unit-product": 4, "unit-product-one": 0, "matrices-unit": 10, "matrix-unit-one": 0, "rotation": 12,
    "rotation-one": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_value_passes_its_own_check(name):
    space, value = VALUES[name]
    space.check("value", value)  # raises ParameterError


@pytest.mark.parametrize("name", VALUES)
def test_chart_counts_free_parameters(name):
    space, value = VALUES[name]
    assert space.chart(value).size == N_FREE[name]


@pytest.mark.parametrize("name", VALUES)
def test_round_trip_returns_the_value(name):
    space, value = VALUES[name]
    chart = space.chart(value)
    vector = chart.to_vector(value)
    assert vector.shape == (chart.size,)
    back = chart.from_vector(vector)
    assert back.shape == value.shape
    np.testing.assert_allclose(back, value, rtol=1e-12)


@pytest.mark.parametrize("name", VALUES)
def test_any_step_stays_in_the_space(name):
    space, value = VALUES[name]
    chart = space.chart(value)
    for length in (1e-3, 1.0, 5.0):
        vector = chart.to_vector(value) + length * RNG.normal(size=chart.size)
        moved = chart.from_vector(vector)
        if name not in (
            "matrix-scales",
            "matrices-unit",
            "ordered",
        ):  # there rounding, not the map, decides at a step of such a size
            space.check("moved", moved)
        np.testing.assert_array_equal(moved == 0, value == 0 if "zero" in name or name == "rows" else moved == 0)


@pytest.mark.parametrize("name", [name for name in VALUES if N_FREE[name]])
def test_gradient_is_that_of_differences(name):
    space, value = VALUES[name]
    chart = space.chart(value)
    vector = chart.to_vector(value) + 0.05 * RNG.normal(size=chart.size)
    here = chart.from_vector(vector)
    slope = RNG.normal(size=value.shape) / np.maximum(np.abs(here), 1e-3)
    if "matri" in name:
        slope = slope + np.swapaxes(slope, -1, -2)  # the gradient of a function of a symmetric matrix
    found = chart.pull_back(here, vector, slope)
    for i in range(chart.size):
        step = np.zeros(chart.size)
        step[i] = 1e-6 * max(1.0, abs(vector[i]))
        change = chart.from_vector(vector + step) - chart.from_vector(vector - step)
        terms = slope * change / (2 * step[i])
        assert found[i] == pytest.approx(terms.sum(), rel=1e-6, abs=1e-6 * np.abs(terms).sum() + 1e-9)


def test_structural_zero_stays_zero_and_is_not_free():
    value = np.array([[0.5, 0.5, 0.0], [0.1, 0.2, 0.7]])
    chart = Simplex().chart(value)
    moved = chart.from_vector(chart.to_vector(value) + 0.3)
    assert moved[0, 2] == 0.0
    assert chart.size == 3
    assert moved.sum(axis=1) == pytest.approx([1, 1])


def test_probability_that_tends_to_zero_is_a_regular_point():
    """Its coordinate tends to zero, not to minus infinity, and passing through zero changes nothing."""
    chart = Simplex().chart(np.array([1e-12, 0.4, 0.6 - 1e-12]))
    vector = chart.to_vector(np.array([1e-12, 0.4, 0.6 - 1e-12]))
    assert np.abs(vector).max() < 2
    mirrored = vector * np.array([-1, 1])
    np.testing.assert_array_equal(chart.from_vector(mirrored), chart.from_vector(vector))
    near = chart.to_vector(chart.from_vector(mirrored), mirrored)
    np.testing.assert_allclose(near, mirrored, rtol=1e-9)


def test_simplex_chart_reads_a_value_whose_free_entry_became_zero():
    chart = Simplex().chart(np.array([0.2, 0.3, 0.5]))
    vector = chart.to_vector(np.array([0.0, 0.5, 0.5]))
    np.testing.assert_allclose(chart.from_vector(vector), [0.0, 0.5, 0.5])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-12, 1.0), min_size=2, max_size=8), st.lists(st.floats(-4, 4), min_size=8, max_size=8))
def test_simplex_round_trip_from_any_chart(weights, shift):
    value = np.array(weights) / np.sum(weights)
    chart = Simplex().chart(value)
    vector = chart.to_vector(value) + np.array(shift[: chart.size])
    moved = chart.from_vector(vector)
    assert moved.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(chart.from_vector(chart.to_vector(moved, vector)), moved, rtol=1e-9, atol=1e-14)


@settings(deadline=None, max_examples=50)
@given(st.floats(-700, 700), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_interval_never_leaves_its_ends(coordinate, low, width):
    chart = Interval(low, low + width).chart(np.array([low + width / 2]))
    value = chart.from_vector(np.array([coordinate]))
    assert low <= value[0] <= low + width


BAD = [
    (Positive(), [1.0, -2.0], "must not be negative but has -2"),
    (Real(), [1.0, np.nan], "entries that are not finite"),
    (Positive(), [np.inf], "entries that are not finite"),
    (Interval(0.0, 1.0), [0.5, 1.0], "strictly between 0.0 and 1.0"),
    (Ordered(), [[1.0, 2.0], [3.0, 3.0]], "must rise strictly"),
    (Simplex(), [0.5, 0.6], "must sum to one along its last axis but misses it by 0.1"),
    (Simplex(), [-0.5, 1.5], "must not be negative but has -0.5"),
    (PositiveDefinite(), [[1.0, 2.0], [0.0, 1.0]], "must be symmetric"),
    (PositiveDefinite(), [[1.0, 2.0], [2.0, 1.0]], "must be positive definite"),
    (UnitProduct(), [2.0, -0.5], "must be positive but has -0.5"),
    (UnitProduct(), [2.0, 2.0], "must have product one but misses it by 1.39"),
    (UnitDeterminant(), [[1.0, 2.0], [2.0, 1.0]], "must be positive definite"),
    (UnitDeterminant(), [[2.0, 0.0], [0.0, 1.0]], "must have determinant one but misses it by 0.693"),
    (Rotation(), [[1.0, 0.5], [0.0, 1.0]], "must be orthogonal but misses it by 0.5"),
]


@pytest.mark.parametrize(
    ("space", "value", "words"), BAD, ids=[f"{type(space).__name__} {value}" for space, value, _ in BAD]
)
def test_bad_value_is_told_with_its_name_and_shape(space, value, words):
    with pytest.raises(ParameterError) as caught:
        space.check("theta", np.array(value))
    message = str(caught.value)
    assert message.startswith("`theta`")
    assert words in message
    assert f"with shape {np.shape(value)}" in message


def test_symmetry_is_judged_in_the_units_of_the_rows():
    """A rounding error of a large entry is no asymmetry; the same number in a small block is."""
    matrix = np.diag([1e-12, 1e12])
    matrix[0, 1] = matrix[1, 0] = 0.1
    matrix[0, 1] += 1e-9
    PositiveDefinite().check("cov", matrix)
    small = np.diag([1e-12, 1e-12])
    small[0, 1] = 1e-15
    with pytest.raises(ParameterError, match="symmetric"):
        PositiveDefinite().check("cov", small)
