"""Sequences at the door, and the source's contract by whole sequences."""

import numpy as np
import pytest

from emkit.data import as_sequences
from emkit.errors import DataError, ParameterError


def test_lists_and_lengths_say_the_same():
    parts = [np.arange(3.0), np.arange(2.0), np.empty(0), np.array([7.0])]
    listed = as_sequences(parts)
    flat = as_sequences(np.concatenate(parts), [3, 2, 0, 1])
    assert listed.lengths.tolist() == flat.lengths.tolist() == [3, 2, 0, 1]
    np.testing.assert_array_equal(listed.X, flat.X)


def test_a_frame_is_grouped_and_sorted_and_answers_come_back_in_its_order():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"who": ["b", "a", "b", "a"], "t": [3, 1, 1, 2], "x": [1.0, 2, 3, 4], "y": [0.0, 0, 0, 0]})
    source = as_sequences(frame, sequence="who", time="t")
    assert source.names == ("b", "a")
    assert source.feature_names == ("x", "y")
    np.testing.assert_array_equal(source.X[:, 0], [3, 1, 2, 4])
    np.testing.assert_array_equal(source.as_given(source.X[:, 0]), frame["x"])


def test_gaps_become_missing_rows():
    table = {"t": [1, 2, 5, 3, 4], "who": [1, 1, 1, 2, 2], "x": [10.0, 20.0, 50.0, 30.0, 40.0]}
    source = as_sequences(table, sequence="who", time="t", fill_gaps=True)
    assert source.lengths.tolist() == [5, 2]
    np.testing.assert_array_equal(np.isnan(source.X[:, 0]), [0, 0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(source.as_given(source.X[:, 0]), table["x"])
    assert source.has_missing


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: as_sequences(np.zeros(5), [2, 2]), "add up to 4, but X has 5 rows"),
        (lambda: as_sequences(np.zeros(5), [7, -2]), "that of sequence 1 is -2"),
        (lambda: as_sequences(np.zeros(5), [2.5, 2.5]), "must be whole numbers"),
        (lambda: as_sequences([np.zeros((2, 1)), np.zeros((2, 3))]), "sequence 0 has 1, sequence 1 3"),
        (lambda: as_sequences(np.zeros(3), sequence=["a", "b", "a"]), "rows of sequence 'a' do not stand together"),
        (lambda: as_sequences(np.zeros(3), sequence=["a", None, "a"]), "row 1 has none"),
        (lambda: as_sequences(np.zeros(3), time=[1, 2, 1]), "two rows at time 1"),
        (lambda: as_sequences(np.zeros(3), time=[1, np.nan, 2]), "nan in row 1"),
        (lambda: as_sequences(np.zeros(3), time=["x", "y", "z"]), "must be numbers or dates"),
        (lambda: as_sequences(np.zeros(2), time=[1.0, 2.5], fill_gaps=True), "row 1 has time 2.5"),
        (lambda: as_sequences(np.zeros(2), time=[0, 10**7], fill_gaps=True), "check the unit of `time`"),
        (lambda: as_sequences(np.zeros(2), sequence="who"), "without column names"),
        (lambda: as_sequences({"x": [1.0]}, sequence="who"), "the columns are x"),
        (lambda: as_sequences(np.arange(4.0), [2, 2], [1, 2, 3, 3]), "constant within a sequence, but in sequence 0"),
        (lambda: as_sequences(np.arange(4.0), [2, 2], [1, 2, 3]), "for each of the 2 sequences"),
        (lambda: as_sequences(np.array([1.0, np.inf])), "infinity"),
        (lambda: as_sequences([np.empty(0), np.empty(0)]), "0 sample"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(DataError, match=message):
        make()


def test_contradictions_are_refused():
    with pytest.raises(ParameterError, match="give one of them"):
        as_sequences(np.zeros(2), [1, 1], sequence=[0, 1])
    with pytest.raises(ParameterError, match="needs `time`"):
        as_sequences(np.zeros(2), fill_gaps=True)
    with pytest.raises(ParameterError, match="leave them out"):
        as_sequences(as_sequences(np.zeros(2)), [1, 1])


def test_blocks_hold_whole_sequences_and_do_not_depend_on_threads():
    lengths = [40000, 10000, 0, 6000, 2000, 1]
    source = as_sequences(np.arange(58001.0), lengths)
    cut = [(block.first_sequence, block.lengths.tolist(), block.start) for block in source.blocks()]
    assert cut == [(0, [40000], 0), (1, [10000, 0, 6000], 40000), (4, [2000, 1], 56000)]
    total = source.with_threads(3).reduce(lambda block: block.X.sum())
    assert total == source.reduce(lambda block: block.X.sum()) == np.arange(58001.0).sum()


def test_weights_count_sequences():
    source = as_sequences(np.arange(5.0), [2, 3], [2.0, 0.0])
    assert source.total_weight == 4
    assert source.n_units == 2
    np.testing.assert_array_equal(next(source.blocks()).weights, [2, 2, 0, 0, 0])
    by_row = source.with_weights([3, 3, 1, 1, 1])
    np.testing.assert_array_equal(by_row.weights, [3, 1])
    assert source.with_weights(None).is_weighted is False


def test_taking_and_permuting_moves_whole_sequences():
    source = as_sequences(np.arange(6.0), [1, 2, 3], [1.0, 2.0, 3.0])
    taken = source.take([2, 0])
    np.testing.assert_array_equal(taken.X[:, 0], [3, 4, 5, 0])
    np.testing.assert_array_equal(taken.weights, [3, 1])
    np.testing.assert_array_equal(source.permuted([1, 0, 2]).X[:, 0], [1, 2, 0, 3, 4, 5])


def test_samples_are_whole_sequences_of_positive_weight():
    source = as_sequences(np.arange(3000.0), np.full(300, 10), np.tile([1.0, 0.0], 150))
    block = source.sample(55, np.random.default_rng(0))
    assert block.lengths.tolist() == [10] * 5
    first = block.X[::10, 0] / 10
    assert (first % 2 == 0).all()
    assert (np.diff(first) > 0).all()
    stretch = as_sequences(np.arange(3000.0)).sample(55, np.random.default_rng(0))
    np.testing.assert_array_equal(np.diff(stretch.X[:, 0]), 1)
    assert stretch.lengths.tolist() == [55]


def test_column_moments_are_those_of_the_rows():
    source = as_sequences(np.arange(6.0), [1, 2, 3], [0.0, 1.0, 1.0])
    assert source.column_moments().mean[0] == pytest.approx(3.0)
