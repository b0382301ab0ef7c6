"""The door: what it takes, what it refuses, and what it says then."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from emkit.data import BLOCK_ROWS, as_source, load
from emkit.errors import DataError, DataTypeError


def matrix_of(X, **options):
    return as_source(X, **options).X


class TestTakes:
    def test_a_good_array_as_it_is(self):
        for dtype in (np.float64, np.float32):
            X = np.ones((5, 2), dtype=dtype)
            assert matrix_of(X) is X

    @pytest.mark.parametrize("dtype", [">f8", ">f4", "i1", "u8", ">i4", "?", "f2", "g"])
    def test_numbers_of_any_kind(self, dtype):
        X = np.array([[1, 0], [0, 1]]).astype(dtype)
        expected = np.float32 if dtype in {">f4", "f2"} else np.float64
        assert matrix_of(X).dtype == expected
        assert matrix_of(X).dtype.isnative
        np.testing.assert_array_equal(matrix_of(X), [[1, 0], [0, 1]])

    def test_any_strides(self):
        base = np.arange(24.0).reshape(4, 6)
        for X in (
            base.T,
            base[::-1],
            base[:, ::2],
            np.asfortranarray(base),
            np.broadcast_to(base[0], (3, 6)),
        ):
            assert matrix_of(X).flags.c_contiguous
            np.testing.assert_array_equal(matrix_of(X), X)

    def test_read_only_and_memory_mapped(self, tmp_path):
        np.save(tmp_path / "a.npy", np.arange(6.0).reshape(3, 2))
        mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
        assert np.shares_memory(matrix_of(mapped), mapped)
        np.testing.assert_array_equal(matrix_of(mapped), mapped)

    def test_lists_with_none(self):
        np.testing.assert_array_equal(matrix_of([[1, None], (3, 4.5)]), [[1, np.nan], [3, 4.5]])

    def test_objects_that_are_numbers(self):
        X = np.array([[1, Decimal("2.5")], [Fraction(1, 2), None], [np.float32(3), True]], dtype=object)
        np.testing.assert_array_equal(matrix_of(X), [[1, 2.5], [0.5, np.nan], [3, 1]])

    def test_masked(self):
        X = np.ma.masked_array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
        np.testing.assert_array_equal(matrix_of(X), [[1, np.nan], [3, 4]])
        single = np.ma.masked_array(np.ones((2, 1), np.float32), mask=[[1], [0]])
        assert matrix_of(single).dtype == np.float32

    def test_anything_that_knows_itself_as_an_array(self):
        class ArrayLike:
            def __array__(self, dtype=None, copy=None):
                return np.ones((3, 2), dtype=dtype)

        assert as_source(ArrayLike()).n_rows == 3

    def test_structured_array_and_mapping_by_name(self):
        records = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", int), ("b", float)])
        for X in (records, {"a": [1, 3], "b": (2.5, 4.5)}):
            assert as_source(X).feature_names == ("a", "b")
            np.testing.assert_array_equal(matrix_of(X), [[1, 2.5], [3, 4.5]])

    def test_a_flat_list_as_one_feature(self):
        np.testing.assert_array_equal(matrix_of([1, 2, 3.5], one_feature=True), [[1], [2], [3.5]])
        np.testing.assert_array_equal(matrix_of([[1], [2]], one_feature=True), [[1], [2]])

    def test_a_source(self):
        source = as_source(np.ones((3, 1)))
        assert as_source(source) is source
        assert as_source(source, [1, 2, 3]).total_weight == 6
        assert as_source(source, n_threads=5).n_threads == 5

    def test_a_table(self):
        assert as_source(load("faithful")).feature_names == ("eruptions", "waiting")
        with pytest.raises(DataError, match="Column 'Species' holds text, such as 'setosa' in row 0"):
            as_source(load("iris"))

    def test_the_largest_numbers(self):
        X = np.array([[1e308, -1e308], [1e-320, 0.0]])
        assert matrix_of(X) is X
        single = np.full((3, 1), 3e38, dtype=np.float32)
        assert not as_source(single).has_missing

    def test_all_missing_rows(self):
        source = as_source([[np.nan, np.nan], [1, 2]])
        assert source.n_rows == 2

    def test_names_given(self):
        assert as_source(np.ones((2, 2)), feature_names=["a", "b"]).feature_names == ("a", "b")
        with pytest.raises(DataError, match="3 names, but X has 2 columns"):
            as_source(np.ones((2, 2)), feature_names=["a", "b", "c"])

    def test_input_is_never_written_to(self):
        X = np.array([[1.0, np.nan], [2.0, 3.0]], order="F")
        weights = np.array([1.0, 2.0])
        before = X.copy(), weights.copy()
        as_source(X, weights).column_moments()
        np.testing.assert_array_equal(X, before[0])
        np.testing.assert_array_equal(weights, before[1])

    @settings(max_examples=80, deadline=None)
    @given(
        hnp.arrays(
            st.sampled_from([np.float64, np.float32, np.dtype(">f8"), np.int32, np.uint64, np.bool_]),
            st.tuples(st.integers(1, 6), st.integers(1, 4)),
            elements={"allow_infinity": False},
        )
    )
    def test_values_survive(self, X):
        source = as_source(X, allow_missing_columns=True)
        np.testing.assert_array_equal(source.X, X.astype(source.dtype))
        assert source.has_missing == bool(np.isnan(source.X).any())
        np.testing.assert_array_equal(matrix_of(X.tolist(), allow_missing_columns=True), X.astype(np.float64))


class TestRefuses:
    @pytest.mark.parametrize("X", [[1, 2, 3], np.ones(3), 5.0, []])
    def test_too_few_dimensions(self, X):
        with pytest.raises(
            DataError, match=r"Expected 2D array, got (1D|scalar) array.*Reshape your data.*reshape\(-1, 1\)"
        ):
            as_source(X)

    def test_too_many_dimensions(self):
        with pytest.raises(DataError, match=r"dim 3 \(shape=\(2, 2, 2\)\), while dim 2 is expected"):
            as_source(np.ones((2, 2, 2)))

    def test_too_few_rows(self):
        message = r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required."
        with pytest.raises(DataError, match=message):
            as_source(np.empty((0, 3)))
        with pytest.raises(DataError, match=r"1 sample\(s\) \(shape=\(1, 3\)\) while a minimum of 2"):
            as_source(np.ones((1, 3)), min_rows=2)

    def test_no_features(self):
        with pytest.raises(DataError, match=r"0 feature\(s\) \(shape=\(4, 0\)\) while a minimum of 1 is required."):
            as_source(np.empty((4, 0)))

    def test_complex(self):
        for X in (np.array([[1 + 2j]]), [[1j]], np.ones(3, dtype=complex)):
            with pytest.raises(DataError, match="Complex data not supported"):
                as_source(X)

    @pytest.mark.parametrize("value", [np.inf, -np.inf])
    def test_infinity_by_row_and_column(self, value):
        X = np.ones((BLOCK_ROWS + 10, 2))
        X[BLOCK_ROWS + 3, 1] = value
        with pytest.raises(DataError, match=rf"infinity: row {BLOCK_ROWS + 3}, column 1 holds {value} \(the only"):
            as_source(X)
        X[BLOCK_ROWS + 4] = np.inf
        with pytest.raises(DataError, match=r"column 1 \('width'\) holds .*the first of 3 such entries"):
            as_source(X, feature_names=["height", "width"])

    def test_infinity_beside_nan(self):
        with pytest.raises(DataError, match="row 1, column 0"):
            as_source([[np.nan, 1.0], [np.inf, 1.0]])

    def test_number_too_large_for_a_float(self):
        with pytest.raises(DataError, match="infinity: row 0, column 0"):
            as_source(np.array([[10**400]], dtype=object))

    def test_missing_where_not_allowed(self):
        with pytest.raises(DataError, match=r"contains NaN.*first in row 1, column 0"):
            as_source([[1.0, 2.0], [np.nan, np.nan]], allow_missing=False)

    def test_a_source_made_for_another_model(self):
        X = np.ones((BLOCK_ROWS + 10, 1))
        X[BLOCK_ROWS + 7] = np.nan
        with pytest.raises(DataError, match=f"NaN.*row {BLOCK_ROWS + 7}, column 0"):
            as_source(as_source(X), allow_missing=False)
        with pytest.raises(DataError, match="a minimum of 2 is required"):
            as_source(as_source(np.ones((1, 1))), min_rows=2)
        with pytest.raises(DataTypeError, match="sparse"):
            as_source(as_source(scipy.sparse.csr_array(np.eye(2)), allow_sparse=True))

    def test_columns_of_nothing(self):
        X = np.array([[1.0, np.nan, np.nan], [2.0, np.nan, 5.0]])
        with pytest.raises(DataError, match=r"1 column\(s\) of nothing but NaN.*column 1 \('b'\)"):
            as_source(X, feature_names=["a", "b", "c"])
        assert as_source(X, allow_missing_columns=True).n_features == 3

    def test_a_value_in_a_row_of_weight_zero_does_not_count(self):
        X = np.array([[1.0, np.nan], [2.0, 5.0]])
        with pytest.raises(DataError, match="nothing but NaN"):
            as_source(X, [1.0, 0.0])

    def test_text(self):
        with pytest.raises(DataError, match=r"row 0, column 1 holds 'a' \(text\)"):
            as_source([[1, "a"], [2, "b"]])
        with pytest.raises(DataError, match=r"row 0, column 0 holds '1' \(text\)"):
            as_source(np.array([["1", "2"]]))

    def test_dates(self):
        with pytest.raises(DataError, match=r"2020-01-01 \(dates\)"):
            as_source(np.array([["2020-01-01"]], dtype="M8[D]"))
        with pytest.raises(DataError, match="row 0, column 1 holds 2020-01-01"):
            as_source(np.array([[1.0, np.datetime64("2020-01-01")]], dtype=object))

    def test_objects_that_are_no_numbers(self):
        X = np.ones((3, 2), dtype=object)
        X[2, 1] = {"foo": "bar"}
        with pytest.raises(
            DataTypeError, match=r"row 2, column 1 holds .*argument must be a string or a real number.*dict"
        ):
            as_source(X)

    @pytest.mark.parametrize("X", [None, {1, 2}, object(), (x for x in [1])])
    def test_things_that_are_no_table(self, X):
        with pytest.raises(DataTypeError, match=r"X must be a 2-D table of numbers"):
            as_source(X)

    def test_a_file_name(self):
        with pytest.raises(DataError, match=r"There is no file 'faithful\.csv'\. Did you mean the data set 'faithful'"):
            as_source("faithful.csv")

    def test_ragged_rows(self):
        with pytest.raises(DataError, match="row 0 has 2 entries and row 2 has 1"):
            as_source([[1, 2], [3, 4], [5]])

    def test_columns_of_unequal_length(self):
        with pytest.raises(DataError, match=r"'b' has shape \(1,\)"):
            as_source({"a": [1, 2], "b": [3]})


class TestSparse:
    def test_refused_unless_asked_for(self):
        for kind in (scipy.sparse.csr_array, scipy.sparse.coo_matrix):
            with pytest.raises(DataTypeError, match=r"sparse matrix.*toarray\(\)"):
                as_source(kind(np.eye(3)))

    @pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array])
    def test_becomes_compressed_rows(self, kind):
        source = as_source(kind(np.eye(3, dtype=np.int64)), allow_sparse=True)
        assert isinstance(source.X, scipy.sparse.csr_array)
        assert source.dtype == np.float64
        np.testing.assert_array_equal(source.X.toarray(), np.eye(3))

    def test_bad_entries(self):
        with pytest.raises(DataError, match="infinity: row 1, column 0"):
            as_source(scipy.sparse.csr_array(np.array([[0.0, 1.0], [np.inf, 0.0]])), allow_sparse=True)
        with pytest.raises(DataError, match="sparse and contains NaN"):
            as_source(scipy.sparse.csr_array(np.array([[0.0, np.nan]])), allow_sparse=True)
        with pytest.raises(DataError, match="Complex data not supported"):
            as_source(scipy.sparse.csr_array(np.array([[1j]])), allow_sparse=True)


class TestWeights:
    @pytest.mark.parametrize(
        ("weights", "message"),
        [
            ([1, 2], r"must have shape \(3,\).* shape \(2,\)"),
            ([[1], [1], [1]], r"must have shape \(3,\).* shape \(3, 1\)"),
            ([1, -2, 1], r"must not be negative, but it is -2.0 in row 1"),
            ([1, 1, np.nan], r"must be finite, but it is nan in row 2"),
            ([np.inf, 1, 1], r"must be finite, but it is inf in row 0"),
            ([0, 0, 0], r"zero for all 3 rows"),
            (0, r"zero for all 3 rows"),
            (["a", "b", "c"], r"must be numbers"),
        ],
    )
    def test_refused(self, weights, message):
        with pytest.raises(DataError, match=message):
            as_source(np.ones((3, 1)), weights)

    @pytest.mark.parametrize(
        "weights", [np.array([1, 0, 3]), [1.0, 0.0, 3.0], np.array([1, 0, 3], dtype=">f4"), (1, 0, 3)]
    )
    def test_taken(self, weights):
        source = as_source(np.ones((3, 1)), weights)
        assert source.weights.tolist() == [1.0, 0.0, 3.0]
        assert source.weights.dtype == np.float64
        assert source.total_weight == 4.0

    def test_strided_weights_become_contiguous(self):
        source = as_source(np.ones((3, 1)), np.arange(6.0)[::2])
        assert source.weights.flags.c_contiguous
        assert source.weights.tolist() == [0.0, 2.0, 4.0]

    def test_one_number_for_all(self):
        assert as_source(np.ones((3, 1)), 2.0).total_weight == 6.0
        assert not as_source(np.ones((3, 1)), 1).is_weighted


def test_no_optional_library_is_imported():
    code = (
        "import sys, numpy as np\n"
        "from emkit.data import as_source, load\n"
        "as_source(np.ones((4, 2)), [1, 2, 3, 4]).column_moments()\n"
        "load('faithful').numeric()\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'narwhals', 'scipy', 'sklearn', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
