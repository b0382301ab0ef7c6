"""Data frames of each library at the door."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest

from emkit.data import as_source
from emkit.data.frames import frame_columns, series_column
from emkit.errors import DataError, DataTypeError

DAY = dt.datetime(2020, 1, 2)  # noqa: DTZ001 - frames without time zones are the case at hand
EXPECTED = np.array([[1, 1, 1], [2, np.nan, np.nan], [np.nan, 3, 0]], dtype=float)
KINDS = [
    "pandas",
    "pandas_nullable",
    "pandas_arrow",
    "polars",
    "pyarrow",
    "record_batch",
    "narwhals",
    "capsule",
]


class Capsule:
    """Some library's table that only speaks Arrow."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


def frame(kind, columns):
    if kind.startswith("pandas"):
        pandas = pytest.importorskip("pandas")
        backend = {"pandas_nullable": "numpy_nullable", "pandas_arrow": "pyarrow"}.get(kind)
        built = pandas.DataFrame(columns)
        return built.convert_dtypes(dtype_backend=backend) if backend else built
    if kind == "polars":
        return pytest.importorskip("polars").DataFrame(columns)
    table = pytest.importorskip("pyarrow").table(columns)
    if kind == "record_batch":
        return table.to_batches()[0]
    if kind == "narwhals":
        return pytest.importorskip("narwhals").from_native(table)
    return Capsule(table) if kind == "capsule" else table


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_truth_values_and_nulls(kind):
    source = as_source(frame(kind, {"a": [1, 2, None], "b": [1.0, None, 3.0], "c": [True, None, False]}))
    np.testing.assert_array_equal(source.X, EXPECTED)
    assert source.feature_names == ("a", "b", "c")
    assert source.dtype == np.float64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("values", "shown"),
    [([None, "red", "blue"], r"text, such as 'red' in row 1"), ([DAY, None, DAY], r"2020-01-02.* in row 0")],
)
def test_other_columns_are_named_with_a_value(kind, values, shown):
    built = frame(kind, {"size": [1.0, 2.0, 3.0], "other": values})
    with pytest.raises(DataError, match=rf"Column 'other' holds .*{shown}.*numeric columns: \['size'\]"):
        as_source(built)


def test_categories_even_of_numbers():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    frames = [
        pandas.DataFrame({"kind": pandas.Categorical([1, 2])}),
        pandas.DataFrame({"kind": pandas.Categorical([True, False])}),
        polars.DataFrame({"kind": polars.Series(["1", "2"], dtype=polars.Categorical)}),
        pyarrow.table({"kind": pyarrow.array([1, 2]).dictionary_encode()}),
    ]
    for built in frames:
        with pytest.raises(DataError, match="Column 'kind' holds text"):
            as_source(built)


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_float32_stays_only_if_all_columns_are(kind):
    single = {"a": np.ones(2, np.float32), "b": np.zeros(2, np.float32)}
    assert as_source(frame(kind, single)).dtype == np.float32
    assert as_source(frame(kind, {**single, "c": np.ones(2)})).dtype == np.float64


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_decimals(kind):
    np.testing.assert_array_equal(as_source(frame(kind, {"a": [Decimal("1.5"), None]})).X, [[1.5], [np.nan]])


def test_columns_in_several_chunks():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"a": pyarrow.chunked_array([[1, None], [3]])})
    np.testing.assert_array_equal(as_source(table).X, [[1], [np.nan], [3]])


def test_names_that_are_not_all_strings_are_dropped():
    pandas = pytest.importorskip("pandas")
    assert as_source(pandas.DataFrame({0: [1.0], "b": [2.0]})).feature_names is None


def test_repeated_names_are_kept_apart():
    pandas = pytest.importorskip("pandas")
    source = as_source(pandas.DataFrame([[1.0, 2.0]], columns=["a", "a"]))
    assert source.X.tolist() == [[1.0, 2.0]]


def test_infinity_is_named_by_column():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"row 1, column 0 \('height'\)"):
        as_source(pandas.DataFrame({"height": [1.0, np.inf]}))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_series(kind):
    built = frame(kind, {"a": [1, None, 3]})
    column = built.column("a") if kind == "pyarrow" else built["a"]
    with pytest.raises(DataError, match=r"Expected 2D array, got 1D array.*reshape\(-1, 1\)"):
        as_source(column)
    source = as_source(column, one_feature=True)
    np.testing.assert_array_equal(source.X, [[1], [np.nan], [3]])
    assert source.feature_names == (None if kind == "pyarrow" else ("a",))


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_weights_from_a_series(kind):
    built = frame(kind, {"w": [1.0, 0.0, 3.0]})
    column = built.column("w") if kind == "pyarrow" else built["w"]
    assert as_source(np.ones((3, 1)), column).total_weight == 4.0


def test_lazy_frames():
    polars = pytest.importorskip("polars")
    narwhals = pytest.importorskip("narwhals")
    lazy = polars.DataFrame({"a": [1.0]}).lazy()
    for built in (lazy, narwhals.from_native(lazy)):
        with pytest.raises(DataTypeError, match=r"lazy frame.*collect\(\)"):
            as_source(built)


def test_no_rows():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match=r"0 sample\(s\) \(shape=\(0, 1\)\)"):
        as_source(pandas.DataFrame({"a": np.empty(0)}))
    with pytest.raises(DataError, match=r"0 feature\(s\) \(shape=\(0, 0\)\)"):
        as_source(pandas.DataFrame())


def test_what_is_no_frame():
    for thing in ([1, 2], "text", np.ones((2, 2)), object()):
        assert frame_columns(thing) is None
        assert series_column(thing) is None
