"""Parameters and statistics: records of arrays, nested as one likes."""

from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from emkit.core import (
    Constant,
    Parameters,
    ParametersChart,
    Positive,
    Real,
    Simplex,
    Statistics,
    check_parameters,
    leaves,
    n_free,
    rebuild,
    shared,
    space,
)
from emkit.errors import ParameterError


@dataclass(frozen=True)
class Part(Parameters):
    mean: np.ndarray = space(Real())
    rate: np.ndarray = space(Positive())


@dataclass(frozen=True)
class Whole(Parameters):
    mix: np.ndarray = space(Simplex())
    scale: np.ndarray = space(Constant())
    parts: tuple = ()
    single: Part | None = None
    label: str = "left alone"


@pytest.fixture
def whole():
    parts = (Part(np.zeros(2), np.ones(2)), Part(np.ones(1), np.array([3.0])))
    return Whole(np.array([0.25, 0.75]), np.array([9.0]), parts, Part(np.array([5.0]), np.array([0.0])))


def test_leaves_come_in_field_order_with_their_paths(whole):
    assert [leaf.name for leaf in leaves(whole)] == [
        "mix", "scale", "parts[0].mean", "parts[0].rate", "parts[1].mean", "parts[1].rate", "single.mean", "single.rate"
    ]  # fmt: skip


def test_rebuild_keeps_shape_and_what_is_no_array(whole):
    doubled = rebuild(whole, (2 * leaf.value for leaf in leaves(whole)))
    assert doubled.label == "left alone"
    np.testing.assert_array_equal(doubled.parts[1].rate, [6.0])
    np.testing.assert_array_equal(whole.parts[1].rate, [3.0])


def test_free_parameters_are_counted_without_constants_and_zeros(whole):
    assert n_free(whole) == 1 + 0 + 2 + 2 + 1 + 1 + 1 + 0


def test_chart_of_a_record_goes_there_and_back(whole):
    chart = ParametersChart(whole)
    assert chart.size == n_free(whole)
    vector = chart.to_vector(whole) + 0.1
    moved = chart.from_vector(vector)
    np.testing.assert_allclose(chart.to_vector(moved, vector), vector)
    assert moved.label == "left alone"
    np.testing.assert_array_equal(moved.scale, [9.0])
    np.testing.assert_array_equal(moved.single.rate, [0.0])


def test_gradient_of_a_record_is_that_of_differences(whole):
    def function(at):
        return float(at.mix @ [1.0, -2.0] + at.parts[0].rate @ [3.0, 0.5] + np.sin(at.single.mean[0]))

    parts = (Part(np.zeros(2), np.array([3.0, 0.5])), Part(np.zeros(1), np.zeros(1)))
    gradient = Whole(np.array([1.0, -2.0]), np.zeros(1), parts, Part(np.cos(whole.single.mean), np.zeros(1)))
    chart = ParametersChart(whole)
    vector = chart.to_vector(whole)
    np.testing.assert_allclose(
        chart.pull_back(whole, vector, gradient), chart.difference(function, vector), rtol=1e-8, atol=1e-9
    )


def test_check_names_the_array_that_is_wrong(whole):
    bad = Whole(whole.mix, whole.scale, (whole.parts[0], Part(np.ones(1), np.array([-1.0]))))
    with pytest.raises(ParameterError, match=r"`parts\[1\]\.rate` must not be negative but has -1"):
        check_parameters(bad)


def test_records_are_frozen(whole):
    with pytest.raises(FrozenInstanceError):
        whole.mix = np.ones(1)


@dataclass(frozen=True)
class Sums(Statistics):
    total: np.ndarray
    each: tuple
    inner: object
    origin: np.ndarray = shared()


def _sums(value):
    inner = Statistics(loglik=value, weight=1.0)
    return Sums(-value, 2.0, np.full(2, value), (value, np.ones(1) * value), inner, np.array([7.0]))


def test_statistics_add_and_scale_field_by_field():
    total = _sums(1.0) + _sums(2.0)
    assert (total.loglik, total.weight) == (-3.0, 4.0)
    np.testing.assert_array_equal(total.total, [3.0, 3.0])
    assert total.each[0] == 3.0
    assert total.inner.loglik == 3.0
    np.testing.assert_array_equal(total.origin, [7.0])
    for scaled in (0.5 * total, total * 0.5):
        assert scaled.loglik == -1.5
        np.testing.assert_array_equal(scaled.each[1], [1.5])
        np.testing.assert_array_equal(scaled.origin, [7.0])


def test_statistics_do_not_change_their_summands():
    left, right = _sums(1.0), _sums(2.0)
    assert left + right is not left
    np.testing.assert_array_equal(left.total, [1.0, 1.0])


def test_statistics_of_unequal_tuples_do_not_add():
    odd = Sums(0.0, 1.0, np.ones(2), (1.0,), Statistics(0.0, 1.0), np.array([7.0]))
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        _sums(1.0) + odd
