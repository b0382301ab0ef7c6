"""Pictures of hidden Markov models."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.plot import (
    ResidualDisplay,
    StateDisplay,
    StayDisplay,
    TransitionDisplay,
    TransitionGraphDisplay,
    display_of,
)


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


def test_transitions_as_a_graph():
    trans = np.array([[0.5, 0.495, 0.005], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
    shown = TransitionGraphDisplay(trans, np.array([0.5, 0.3, 0.2])).plot()
    written = [text.get_text() for text in shown.ax_.texts]
    assert {"0.49", "0.75", "1.00", "1\n0.50", "2\n0.25", "3"} <= set(written)
    assert "0.01" not in written  # too seldom to be drawn


def test_stays_beside_the_durations_of_the_model():
    law = np.array([[0.0, 1.0], [0.5, 0.5]])
    shown = StayDisplay(np.array([0, 0, 1, 0, 0, 1, 1, 0]), 1 - np.eye(2), law).plot()
    np.testing.assert_array_equal(shown.figure_.axes[0].lines[0].get_ydata(), [0, 1, 0, 0, 0])


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
