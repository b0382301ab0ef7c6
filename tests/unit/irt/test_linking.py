"""Linking of calibrations and equating of sums."""

import numpy as np
import pytest

from emkit import ItemResponseModel
from emkit.errors import ParameterError
from emkit.irt import Link, equate, link

METHODS = ["mean-mean", "mean-sigma", "Haebara", "Stocking-Lord"]


def sat(items, mean, sd, n=3000, seed=0):
    rng = np.random.default_rng(seed)
    slope, place = np.linspace(0.8, 1.8, 16), np.tile(np.linspace(-1.5, 1.5, 8), 2)
    theta = rng.normal(mean, sd, n)
    return {f"q{j}": (rng.random(n) < 1 / (1 + np.exp(-slope[j] * (theta - place[j])))).astype(int) for j in items}


@pytest.fixture(scope="module")
def two():
    base = ItemResponseModel("2PL").fit(sat(range(12), 0, 1))
    return base, ItemResponseModel("2PL").fit(sat(range(4, 16), 0.6, 1.3, seed=1))


@pytest.mark.parametrize("method", METHODS)
def test_the_scale_is_found(two, method):
    found = link(*two, method=method)
    assert found.anchors == tuple(f"q{j}" for j in range(4, 12))
    assert found.slope == pytest.approx(1.3, abs=0.12)
    assert found.intercept == pytest.approx(0.6, abs=0.12)
    np.testing.assert_allclose(found.items["a1"], np.linspace(0.8, 1.8, 16)[4:], atol=0.25)
    np.testing.assert_allclose(found.from_base(found.to_base([-1.0, 2.0])), [-1.0, 2.0])


def test_curves_differ_least_by_their_own_method(two):
    assert link(*two).loss <= min(link(*two, method=m).loss for m in METHODS) + 1e-12


@pytest.mark.parametrize("method", METHODS)
def test_a_moved_scale_is_found_exactly(two, method):
    """The same items in another unit: slopes a / 2 and places 2 b + 1 make y = (x - 1) / 2."""

    class Moved:
        def __init__(self, model):
            self.model_, self.categories_, self.item_names_ = model.model_, model.categories_, model.item_names_
            run, own = model.model_.runs[0], model.parameters_.items[0]
            matrix = run.kind.moved(run.kind.matrix(own, run.n_items), -0.5, 0.5)
            record = run.kind.record(matrix, run.kind.layout(own), lambda rows: rows[:1])
            self.parameters_ = type(model.parameters_)((record,), model.parameters_.latent)
            self._probability, self.base = type(model).probability, model

        def probability(self, theta):
            return self.base.probability((np.asarray(theta) - 1) / 2)

    found = link(two[0], Moved(two[0]), method=method)
    assert (found.slope, found.intercept) == pytest.approx((0.5, -0.5), abs=1e-6)
    assert found.loss < 1e-6


def test_rasch_scales_have_one_unit():
    base, other = (ItemResponseModel("Rasch").fit(sat(range(8), m, 1, seed=s)) for m, s in ((0, 0), (0.5, 1)))
    for method in METHODS:
        found = link(base, other, method=method)
        assert found.slope == 1.0
        assert found.intercept == pytest.approx(0.5, abs=0.12)


def test_what_is_refused(two):
    with pytest.raises(ParameterError, match="'q0' is not an item of both calibrations; in common are q4"):
        link(*two, ["q0", "q4"])
    with pytest.raises(ParameterError, match="two items in common at least, got 1"):
        link(*two, ["q4"])
    with pytest.raises(ParameterError, match="`method` must be one of"):
        link(*two, method="mean")
    halves = np.repeat(np.eye(2, dtype=bool), 4, axis=0)
    plane = ItemResponseModel("2PL", 2, loadings=halves).fit(sat(range(8), 0, 1, 300))
    with pytest.raises(ParameterError, match="of one factor can be linked, got one of 2"):
        link(two[0], plane)
    moved = {name: v + (name == "q5") for name, v in sat(range(4, 9), 0, 1).items()}
    graded = ItemResponseModel("graded").fit(moved)
    with pytest.raises(ParameterError, match=r"item 'q5' has the answers \(0, 1\) in the base .* \(1, 2\)"):
        link(two[0], graded)


@pytest.mark.parametrize("method", ["true", "observed"])
def test_a_form_equated_to_itself_stays(two, method):
    base = two[0]
    same = Link(1.0, 0.0, "none", base.item_names_, base.coef_, 0.0)
    np.testing.assert_allclose(equate(base, base, same, method=method).equivalent, np.arange(13), atol=1e-6)


@pytest.mark.parametrize("method", ["true", "observed"])
def test_equated_sums_rise(two, method):
    found = equate(*two, link(*two), method=method)
    assert (np.diff(found.equivalent) > 0).all()
    assert "equivalent" in repr(found)
    with pytest.raises(ParameterError, match="`method` must be 'true' or 'observed'"):
        equate(*two, link(*two), method="linear")


def test_sums_below_guessing_lie_on_a_line():
    model = ItemResponseModel("3PL").fit(sat(range(8), 0, 1, 1000))
    same = Link(1.0, 0.0, "none", model.item_names_, model.coef_, 0.0)
    np.testing.assert_allclose(equate(model, model, same).equivalent, np.arange(9), atol=1e-6)
