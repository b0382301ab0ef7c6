"""The trace is a table of equal columns, and joins that of a climb which went on."""

import numpy as np

from emkit.core import EM, Trace, maximise


def test_columns_are_of_equal_length_and_kind(toy):
    trace = maximise(toy.QuadraticWithQ(), toy.source, rng=0, n_starts=1).trace
    columns = trace.to_dict()
    assert list(columns) == ["iteration", "n_e_steps", "objective", "step_length", "is_accepted", "seconds"]
    assert {len(column) for column in columns.values()} == {len(trace)}
    assert columns["iteration"].tolist() == list(range(len(trace)))
    assert columns["is_accepted"].dtype == bool
    assert (np.diff(columns["seconds"]) >= 0).all()


def test_climb_in_stages_has_the_trace_of_one_climb(toy):
    """Starts are looked at after 6 and 12 iterations: nothing of that shows in the trace of the winner."""
    model = toy.QuadraticWithQ()
    one_of_many = maximise(model, toy.source, n_starts=1, rng=4).trace
    begun = toy.Vector(np.zeros(4))
    alone = []

    class Fixed:
        def __getattr__(self, name):
            return getattr(model, name)

        def start(self, source, rng):
            return begun

    staged = maximise(Fixed(), toy.source, n_starts=1, rng=4, solver=EM(), max_iter=30).trace
    direct = maximise(model, toy.source, start=begun, solver=EM(), max_iter=30, on_iteration=alone.append).trace
    for name in ("iteration", "n_e_steps", "objective", "step_length", "is_accepted"):
        np.testing.assert_array_equal(getattr(staged, name), getattr(direct, name))
    assert len(one_of_many) > 12
    assert len(alone) == 30


def test_joined_trace_goes_on_counting():
    def trace(iterations, e_steps, seconds):
        m = len(iterations)
        return Trace(
            np.array(iterations),
            np.array(e_steps),
            np.arange(float(m)),
            np.ones(m),
            np.ones(m, bool),
            np.array(seconds),
        )

    joined = trace([0, 1, 2], [1, 2, 4], [0.0, 1.0, 2.0]).joined(trace([0, 1], [1, 3], [0.0, 0.5]))
    assert joined.iteration.tolist() == [0, 1, 2, 3]
    assert joined.n_e_steps.tolist() == [1, 2, 4, 6]
    assert joined.seconds.tolist() == [0.0, 1.0, 2.0, 2.5]
    assert joined.objective.tolist() == [0.0, 1.0, 2.0, 1.0]
