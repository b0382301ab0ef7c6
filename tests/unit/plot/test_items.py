"""Pictures of item response models."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.plot import InformationDisplay, ItemCurvesDisplay, ItemFitDisplay, WrightMapDisplay

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def model():
    table = emkit.load_data("lsat7")
    X = {name: table[name] for name in ("q1", "q2", "q3", "q4", "q5")}
    return emkit.ItemResponseModel("2PL").fit(X, sample_weight=table["freq"])


def test_curves_are_the_probabilities(model):
    shown = ItemCurvesDisplay.from_estimator(model, ["q3", "q1"])
    assert shown.names == ("q3", "q1")
    np.testing.assert_allclose(shown.ax_.lines[0].get_ydata(), model.probability(shown.theta)[:, 2, 1])
    with pytest.raises(ParameterError, match="there is no item 'q9'"):
        ItemCurvesDisplay.from_estimator(model, ["q9"])


def test_each_category_of_a_graded_item_has_a_curve():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(300, 1, 1)) + rng.logistic(size=(300, 3, 1)) > [-1, 0.5]).sum(axis=2)
    graded = emkit.ItemResponseModel("graded").fit(X)
    shown = ItemCurvesDisplay.from_estimator(graded, ["x1"])
    assert shown.names == ("x1: 0", "x1: 1", "x1: 2")
    np.testing.assert_allclose(shown.prob.sum(axis=1), 1.0)
    assert WrightMapDisplay.from_estimator(graded, X).difficulty.shape == (3, 2)


def test_information_is_that_of_the_items(model, tmp_path):
    shown = InformationDisplay.from_estimator(model)
    np.testing.assert_allclose(shown.items.sum(axis=1), shown.information)
    assert shown.save(tmp_path / "information.png").stat().st_size > 1000


def test_wright_map_has_every_item(model):
    shown = WrightMapDisplay.from_estimator(model, [[1, 0, 1, 0, 1], [0, 0, 0, 1, 1]])
    assert {text.get_text() for text in shown.ax_.texts} >= {"q1", "q5"}


def test_pictures_are_of_item_response_models():
    with pytest.raises(ParameterError, match="expected a fitted ItemResponseModel"):
        InformationDisplay.from_estimator(emkit.GaussianMixture(1))


def test_fit_of_an_item_is_by_the_sum(model):
    table = emkit.load_data("lsat7")
    X = {name: table[name] for name in ("q1", "q2", "q3", "q4", "q5")}
    shown = ItemFitDisplay.from_estimator(model, X, "q2", table["freq"])
    assert shown.total.tolist() == [1, 2, 3, 4]
    rows = np.stack([np.asarray(X[name]) for name in X], axis=1)
    weights = np.where(rows.sum(axis=1) == 2, table["freq"], 0)
    np.testing.assert_allclose(shown.observed[1, 0], weights @ rows[:, 1] / weights.sum())
    off, share = shown.observed[:, 0] - shown.expected[:, 0], shown.expected[:, 0]
    shown_x2 = (shown.people * off**2 / (share * (1 - share))).sum()
    assert shown_x2 == pytest.approx(model.item_fit(X, table["freq"]).s_x2[1])
    with pytest.raises(ParameterError, match="there is no item 'q9'"):
        ItemFitDisplay.from_estimator(model, X, "q9")
    with pytest.raises(ParameterError, match="expected a fitted ItemResponseModel"):
        ItemFitDisplay.from_estimator(emkit.GaussianMixture(1), X, "q2")
