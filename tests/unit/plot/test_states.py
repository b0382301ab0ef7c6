"""Pictures of hidden Markov models."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.plot import ResidualDisplay, StateDisplay, StayDisplay, TransitionDisplay, display_of


@pytest.fixture(scope="module")
def fitted():
    counts = emkit.load_data("earthquakes")["n"]
    return emkit.PoissonHMM(2, random_state=0).fit(counts), counts


def test_states_over_time(fitted):
    model, counts = fitted
    shown = display_of(model, counts)
    assert isinstance(shown, StateDisplay)
    labels = [text.get_text() for text in shown.ax_.get_legend().get_texts()]
    assert labels[0] == f"state 1  ({np.count_nonzero(model.predict(counts) == 0)} rows)"
    assert len(shown.figure_.axes) == 2


def test_transitions_are_written_out(fitted):
    shown = TransitionDisplay.from_estimator(fitted[0])
    written = [text.get_text() for text in shown.ax_.texts]
    assert f"{fitted[0].transmat_[0, 0]:.3f}" in written


def test_stays_are_whole_ones():
    shown = StayDisplay(np.array([0, 0, 1, 1, 1, 0, 1, 1, 0]), np.array([[0.5, 0.5], [0.2, 0.8]])).plot()
    titles = [text.get_text() for ax in shown.figure_.axes for text in ax.texts]
    assert titles == ["1 whole stays", "2 whole stays"]


def test_residuals_lie_on_the_line(fitted):
    shown = ResidualDisplay.from_estimator(*fitted)
    normal, ordered = shown.ax_.lines[1].get_data()
    assert np.abs(normal - ordered).max() < 0.7
    with pytest.raises(ParameterError, match="one for each row"):
        ResidualDisplay.from_arrays(np.zeros((2, 2)))
