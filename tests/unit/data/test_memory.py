"""The source in memory: blocks, sums with the same bits for any number of threads, samples, moments."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emkit.data import BLOCK_ROWS, Block, MemorySource, as_source
from emkit.errors import DataError

N_BLOCKS = 5


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(1).normal(size=((N_BLOCKS - 1) * BLOCK_ROWS + 17, 3))


@dataclass(frozen=True)
class Gram:
    """Statistics whose sum depends on the order in its last bits."""

    product: np.ndarray
    starts: tuple

    def __add__(self, other):
        return Gram(self.product + other.product, self.starts + other.starts)


def gram(block):
    return Gram(block.X.T @ (block.weights[:, None] * block.X), (block.start,))


def test_blocks_cover_the_rows_in_order_without_a_copy(X):
    blocks = list(as_source(X, n_threads=1).blocks())
    assert [block.start for block in blocks] == [i * BLOCK_ROWS for i in range(N_BLOCKS)]
    assert [block.n_rows for block in blocks] == [BLOCK_ROWS] * (N_BLOCKS - 1) + [17]
    assert all(np.shares_memory(block.X, X) and block.X.flags.c_contiguous for block in blocks)
    np.testing.assert_array_equal(np.concatenate([block.X for block in blocks]), X)
    assert all((block.weights == 1).all() and block.kernel_weights is None for block in blocks)


@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_sums_have_the_same_bits_for_any_number_of_threads(X, n_threads):
    weights = np.random.default_rng(2).uniform(size=len(X))
    alone = as_source(X, weights, n_threads=1).reduce(gram)
    together = as_source(X, weights, n_threads=n_threads).reduce(gram)
    assert alone.product.tobytes() == together.product.tobytes()
    assert alone.starts == together.starts == tuple(i * BLOCK_ROWS for i in range(N_BLOCKS))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_reduce_is_the_left_fold(X, n_threads):
    source = as_source(X, n_threads=n_threads)
    first, *others = [gram(block) for block in source.blocks()]
    for other in others:
        first = first + other
    assert source.reduce(gram).product.tobytes() == first.product.tobytes()


@pytest.mark.parametrize("n_threads", [1, 2])
def test_map_keeps_block_order(X, n_threads):
    source = as_source(X, n_threads=n_threads)
    np.testing.assert_array_equal(np.concatenate(source.map(lambda block: block.X[:, 0])), X[:, 0])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_exception_in_a_block_surfaces(X, n_threads):
    def broken(block):
        if block.start:
            msg = f"block at {block.start}"
            raise RuntimeError(msg)
        return 0

    with pytest.raises(RuntimeError, match=f"block at {BLOCK_ROWS}$"):
        as_source(X, n_threads=n_threads).reduce(broken)


def test_weights_of_ones_are_no_weights(X):
    source = as_source(X, np.ones(len(X)))
    assert not source.is_weighted
    assert source.total_weight == len(X)


def test_weights_reach_the_blocks(X):
    weights = np.arange(len(X), dtype=float)
    source = as_source(X, weights)
    np.testing.assert_array_equal(np.concatenate([block.kernel_weights for block in source.blocks()]), weights)
    assert source.total_weight == weights.sum()
    assert source.is_weighted


def test_missing_is_known_block_by_block(X):
    X = X.copy()
    X[BLOCK_ROWS + 5, 1] = np.nan
    source = as_source(X)
    assert source.has_missing
    assert [block.has_missing for block in source.blocks()] == [False, True, False, False, False]


def test_shared_ones_cannot_be_changed():
    (block,) = as_source(np.ones((3, 1))).blocks()
    with pytest.raises(ValueError, match="read-only"):
        block.weights[0] = 2.0


def test_with_weights_and_back(X):
    source = as_source(X, feature_names=["a", "b", "c"], n_threads=2)
    weighted = source.with_weights(np.full(len(X), 2.0))
    assert weighted.total_weight == 2 * len(X)
    assert (weighted.feature_names, weighted.n_threads) == (("a", "b", "c"), 2)
    assert not weighted.with_weights(None).is_weighted
    with pytest.raises(DataError, match="shape"):
        source.with_weights([1.0])


def test_take_by_index_and_mask():
    X = np.arange(10.0).reshape(5, 2)
    source = as_source(X, [1.0, 2.0, 3.0, 4.0, 5.0])
    taken = source.take([4, 0])
    np.testing.assert_array_equal(taken.X, X[[4, 0]])
    np.testing.assert_array_equal(taken.weights, [5.0, 1.0])
    np.testing.assert_array_equal(source.take(X[:, 0] > 4).X, X[3:])
    np.testing.assert_array_equal(source.permuted([1, 0, 2, 4, 3]).X, X[[1, 0, 2, 4, 3]])


@pytest.mark.parametrize("rows", [[5], [-1], [0.5], [[0]], [True, False]])
def test_rows_outside_the_data(rows):
    with pytest.raises(DataError):
        as_source(np.ones((5, 1))).take(rows)


def test_with_threads_keeps_what_is_known(X):
    source = as_source(X, n_threads=1)
    moments = source.column_moments()
    assert source.with_threads(2).n_threads == 2
    assert source.with_threads(2).column_moments() is moments


def test_a_source_can_be_pickled(X):
    source = pickle.loads(pickle.dumps(as_source(X, n_threads=2)))
    assert source.reduce(gram).product.tobytes() == as_source(X).reduce(gram).product.tobytes()


class TestSample:
    def test_small_data_whole_and_in_order(self):
        X = np.arange(6.0).reshape(3, 2)
        block = as_source(X).sample(3, np.random.default_rng(0))
        np.testing.assert_array_equal(block.X, X)
        assert isinstance(block, Block)

    def test_without_replacement_in_data_order(self):
        X = np.arange(1000.0).reshape(-1, 1)
        drawn = as_source(X).sample(200, np.random.default_rng(0)).X[:, 0]
        assert len(drawn) == 200
        assert (np.diff(drawn) > 0).all()

    def test_rows_of_weight_zero_change_nothing(self):
        X = np.arange(1000.0).reshape(-1, 1)
        weights = np.where(np.arange(1000) % 3 == 0, 0.0, 2.0)
        kept = weights > 0
        with_zeros = as_source(X, weights).sample(50, np.random.default_rng(3))
        without = as_source(X[kept], weights[kept]).sample(50, np.random.default_rng(3))
        np.testing.assert_array_equal(with_zeros.X, without.X)
        assert (with_zeros.weights == 2.0).all()

    def test_uniform(self):
        source = as_source(np.arange(20.0).reshape(-1, 1))
        rng = np.random.default_rng(5)
        counts = sum(np.bincount(source.sample(5, rng).X[:, 0].astype(int), minlength=20) for _ in range(2000))
        assert abs(counts - 500).max() < 5 * np.sqrt(500 * 0.75)

    def test_knows_whether_it_has_missing(self):
        X = np.ones((4, 2))
        X[3, 1] = np.nan
        source = as_source(X, [1.0, 1.0, 1.0, 0.0])
        assert source.has_missing
        assert not source.sample(10, np.random.default_rng(0)).has_missing


class TestColumnMoments:
    def test_weights_and_missing(self):
        X = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 7.0], [99.0, 99.0]])
        moments = as_source(X, [1.0, 2.0, 1.0, 0.0]).column_moments()
        np.testing.assert_allclose(moments.mean, [9 / 4, 17 / 3], rtol=1e-15)
        np.testing.assert_allclose(moments.var, [(1.5625 + 2 * 0.0625 + 3.0625) / 4, 8 / 9], rtol=1e-14)
        np.testing.assert_array_equal(moments.low, [1.0, 5.0])
        np.testing.assert_array_equal(moments.high, [4.0, 7.0])
        np.testing.assert_array_equal(moments.n_observed, [4.0, 3.0])

    def test_exact_at_a_large_offset(self):
        X = 1e8 + 1e-3 * np.random.default_rng(0).normal(size=(3 * BLOCK_ROWS, 1))
        exact = (X - 1e8).astype(np.longdouble)
        moments = as_source(X).column_moments()
        assert abs(moments.var[0] / float(exact.var()) - 1) < 1e-13
        assert abs((moments.mean[0] - 1e8) - float(exact.mean())) <= np.spacing(1e8)

    def test_constant_column_has_variance_zero(self):
        moments = as_source(np.full((3 * BLOCK_ROWS, 1), 0.1)).column_moments()
        assert moments.var[0] == 0.0
        assert moments.mean[0] == 0.1

    def test_scales_apart(self):
        X = np.random.default_rng(0).normal(size=(1000, 2)) * [1e-12, 1e12]
        np.testing.assert_allclose(as_source(X).column_moments().var, X.var(axis=0), rtol=1e-13)

    def test_float32_is_summed_in_float64(self):
        X = (1e4 + np.random.default_rng(0).normal(size=(50_000, 1))).astype(np.float32)
        moments = as_source(X).column_moments()
        np.testing.assert_allclose(moments.var, X.astype(np.float64).var(axis=0), rtol=1e-12)
        assert moments.mean.dtype == np.float64

    def test_column_without_values(self):
        X = np.array([[1.0, np.nan], [2.0, np.nan]])
        moments = as_source(X, allow_missing_columns=True).column_moments()
        assert moments.n_observed.tolist() == [2.0, 0.0]
        assert np.isnan([moments.mean[1], moments.var[1], moments.low[1], moments.high[1]]).all()

    def test_computed_once(self):
        source = as_source(np.ones((4, 1)))
        assert source.column_moments() is source.column_moments()

    @pytest.mark.parametrize("n_threads", [2, 4])
    def test_same_bits_for_any_number_of_threads(self, X, n_threads):
        alone = as_source(X, n_threads=1).column_moments()
        together = as_source(X, n_threads=n_threads).column_moments()
        assert alone.var.tobytes() == together.var.tobytes()
        assert alone.mean.tobytes() == together.mean.tobytes()

    @settings(max_examples=60, deadline=None)
    @given(
        hnp.arrays(
            np.float64,
            st.tuples(st.integers(1, 30), st.integers(1, 4)),
            elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
        ),
        st.integers(0, 2**32 - 1),
    )
    def test_weights_are_repeated_rows(self, X, seed):
        counts = np.random.default_rng(seed).integers(0, 4, size=len(X))
        if not counts.any():
            counts[0] = 1
        weighted = as_source(X, counts, allow_missing_columns=True).column_moments()
        repeated = as_source(np.repeat(X, counts, axis=0), allow_missing_columns=True).column_moments()
        scale = np.maximum(abs(repeated.low), abs(repeated.high))
        np.testing.assert_array_equal(weighted.n_observed, repeated.n_observed)
        np.testing.assert_array_equal(weighted.low, repeated.low)
        np.testing.assert_array_equal(weighted.high, repeated.high)
        for mine, other, unit in [
            (weighted.mean, repeated.mean, scale),
            (weighted.var, repeated.var, scale**2),
        ]:
            seen = ~np.isnan(other)
            assert np.array_equal(np.isnan(mine), ~seen)
            assert (abs(mine - other)[seen] <= 1e-13 * unit[seen] + 1e-300).all()


@pytest.fixture(scope="module")
def matrix():
    return scipy.sparse.random_array((2 * BLOCK_ROWS + 5, 4), density=0.2, rng=np.random.default_rng(0), format="csr")


class TestSparse:
    def test_blocks_are_row_slices(self, matrix):
        source = as_source(matrix, allow_sparse=True)
        parts = [block.X for block in source.blocks()]
        assert all(isinstance(part, scipy.sparse.csr_array) for part in parts)
        assert (scipy.sparse.vstack(parts) != matrix).nnz == 0
        assert np.shares_memory(parts[1].data, source.X.data)

    def test_moments_are_those_of_the_dense_array(self, matrix):
        weights = np.random.default_rng(1).integers(0, 3, size=matrix.shape[0])
        sparse = as_source(matrix, weights, allow_sparse=True).column_moments()
        dense = as_source(matrix.toarray(), weights).column_moments()
        np.testing.assert_allclose(sparse.mean, dense.mean, rtol=1e-12)
        np.testing.assert_allclose(sparse.var, dense.var, rtol=1e-12)
        np.testing.assert_array_equal(sparse.low, dense.low)
        np.testing.assert_array_equal(sparse.high, dense.high)

    def test_sample_and_take(self, matrix):
        source = as_source(matrix, allow_sparse=True)
        assert source.sample(7, np.random.default_rng(0)).X.shape == (7, 4)
        assert (matrix[[3, 1]] != source.take([3, 1]).X).nnz == 0

    def test_unsorted_input_is_put_in_order_in_a_copy(self):
        given_ = scipy.sparse.csr_array(
            (np.array([1.0, 2.0, 4.0]), np.array([1, 0, 1]), np.array([0, 3])), shape=(1, 2)
        )
        before = given_.indices.copy()
        source = as_source(given_, allow_sparse=True)
        assert source.X.toarray().tolist() == [[2.0, 5.0]]
        assert source.X.nnz == 2
        np.testing.assert_array_equal(given_.indices, before)


def test_memory_source_finds_missing_itself():
    assert MemorySource(np.array([[1.0], [np.nan]])).has_missing


def test_values_whose_squares_overflow_are_refused():
    X = np.ones((5, 3))
    X[2, 1] = -1e300
    with pytest.raises(DataError, match=r"-1e\+300 in column 1 .*change the unit"):
        as_source(X).column_moments()
    X[2, 1] = 1e150
    assert as_source(X).column_moments().high[1] == 1e150
