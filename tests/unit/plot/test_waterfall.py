"""The waterfall of one pair, and the raters."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.plot import ConfusionDisplay, WaterfallDisplay

pytest.importorskip("matplotlib")

TABLE = {
    "a": [0, 1, 0, 1, 1, 0, 0, 1],
    "b": [0, 0, 1, 1, 1, 0, 1, 0],
    "c": [0, 0, 0, 0, 1, 1, 1, 1],
    "n": [900, 40, 50, 8, 60, 45, 9, 7],
}


def test_bars_end_at_the_posterior_odds():
    model = emkit.FellegiSunter(random_state=0).fit(TABLE)
    shown = WaterfallDisplay.from_pair(model, {"a": 1, "b": -1, "c": 1}, term_frequencies={"a": 0.001})
    bits = model.match_weights({"a": [1], "b": [-1], "c": [1]}, {"a": [0.001]})[0]
    np.testing.assert_allclose(shown.bits, bits)
    bars = shown.ax_.patches
    assert bars[-2].get_x() + bars[-2].get_width() == pytest.approx(bits.sum())
    assert bars[-1].get_width() == pytest.approx(bits.sum())
    labels = [label.get_text() for label in shown.ax_.get_yticklabels()]
    assert labels == ["all pairs", "a: level 1", "b: not compared", "c: level 1", "together"]
    assert WaterfallDisplay.from_pair(model, [1, -1, 1]).total == pytest.approx(model.match_weights([[1, -1, 1]]).sum())


def test_mistakes_are_told():
    model = emkit.FellegiSunter(random_state=0).fit(TABLE)
    with pytest.raises(ParameterError, match="a level for each of"):
        WaterfallDisplay.from_pair(model, [1, 1])
    three = emkit.FellegiSunter(n_classes=3, n_init=1).fit(TABLE)
    with pytest.raises(ParameterError, match="two classes only, and this fit has 3"):
        WaterfallDisplay.from_pair(three, [1, 1, 1])


def test_confusion_matrices_are_drawn_rater_by_rater():
    model = emkit.DawidSkene(n_init=1).fit(emkit.load_data("anaesthetists"))
    shown = ConfusionDisplay.from_estimator(model, raters=[3, 1])
    assert [panel.get_title() for panel in shown.ax_.reshape(-1)] == ["3", "1"]
    np.testing.assert_allclose(shown.ax_[0, 0].images[0].get_array(), model.confusion_[2])
    assert shown.ax_[0, 1].texts[0].get_text() == f"{model.confusion_[0, 0, 0]:.2f}"
    assert ConfusionDisplay.from_estimator(model).raters == [str(rater) for rater in model.ranking_]
