"""Data frames of any library to named NumPy columns; no library is imported that the user has not loaded.

Every converter gives one array for each column: numbers and truth values as such, with NaN for null; dates as
datetime64; everything else as objects, with None for null.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.errors import DataError, DataTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Columns", "frame_columns", "series_column"]

Columns = tuple[list[Any], list[np.ndarray[Any, np.dtype[Any]]]]
_Array = np.ndarray[Any, np.dtype[Any]]


def frame_columns(X: Any) -> Columns | None:
    """Return names and columns of a data frame, mapping or Arrow stream; None if `X` is none of these."""
    for module, kinds, convert in _FRAMES:
        if _is_instance(X, module, kinds):
            return convert(X)
    if isinstance(X, Mapping):
        return _equally_long(list(X), [_plain(values) for values in X.values()])
    if isinstance(X, np.ndarray):
        return None if X.dtype.names is None else (list(X.dtype.names), [X[name] for name in X.dtype.names])
    if hasattr(X, "__arrow_c_stream__"):
        return _capsule_columns(X)
    return _narwhals_columns(X)


def series_column(x: Any) -> tuple[Any, _Array] | None:
    """Return name and values of a series or an Arrow array; None if `x` is no such thing."""
    for module, kinds, convert in _SERIES:
        if _is_instance(x, module, kinds):
            return getattr(x, "name", None), convert(x)
    return None


def _is_instance(X: Any, module: str, kinds: tuple[str, ...]) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and any(isinstance(X, getattr(loaded, kind, ())) for kind in kinds)


def _pandas_columns(frame: Any) -> Columns:
    return list(frame.columns), [_pandas_values(frame.iloc[:, j]) for j in range(frame.shape[1])]


def _pandas_values(series: Any) -> _Array:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return np.asarray(series.to_numpy())
    pandas = sys.modules["pandas"]
    if isinstance(dtype, pandas.CategoricalDtype):
        return _categories(series.astype(object))
    types = pandas.api.types
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        is_single = "float32" in str(dtype).lower() or str(dtype).startswith("float[")
        return np.asarray(series.to_numpy(dtype=np.float32 if is_single else np.float64, na_value=np.nan))
    if types.is_datetime64_any_dtype(dtype):
        return np.asarray(series.to_numpy(dtype="datetime64[ns]", na_value=np.datetime64("NaT")))
    values = series.to_numpy(dtype=object)
    return _objects(None if missing else value for value, missing in zip(values, series.isna(), strict=True))


def _polars_columns(frame: Any) -> Columns:
    if not hasattr(frame, "get_columns"):
        msg = "X is a lazy frame, which holds no data yet: pass X.collect()."
        raise DataTypeError(msg)
    return list(frame.columns), [_polars_values(series) for series in frame.get_columns()]


def _polars_values(series: Any) -> _Array:
    polars = sys.modules["polars"]
    dtype = series.dtype
    if dtype == polars.Float32:
        return np.asarray(series.to_numpy())
    if dtype.is_numeric() or dtype in (polars.Boolean, polars.Null):
        return np.asarray(series.cast(polars.Float64).to_numpy())
    if dtype in (polars.Categorical, polars.Enum):
        return _categories(series.to_list())
    return np.asarray(series.to_numpy()) if dtype.is_temporal() else _objects(series.to_list())


def _arrow_columns(table: Any) -> Columns:
    return list(table.schema.names), [_arrow_values(table.column(j)) for j in range(table.num_columns)]


def _arrow_values(column: Any) -> _Array:
    types = importlib.import_module("pyarrow.types")
    kind = column.type
    if types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind) or types.is_null(kind):
        name = "float32" if types.is_float32(kind) or types.is_float16(kind) else "float64"
        column = column.cast("int8") if types.is_boolean(kind) else column
        return np.asarray(column.cast(name, safe=False).to_numpy(zero_copy_only=False))
    if types.is_decimal(kind):
        return np.asarray(column.cast("float64").to_numpy(zero_copy_only=False))
    if types.is_dictionary(kind):
        return _categories(column.to_pylist())
    if types.is_timestamp(kind) or types.is_date(kind) or types.is_duration(kind):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return _objects(column.to_pylist())


def _capsule_columns(X: Any) -> Columns:
    """Read any other Arrow producer, with whichever Arrow library is at hand."""
    for module in sorted(("pyarrow", "polars"), key=lambda name: name not in sys.modules):
        try:
            library = importlib.import_module(module)
        except ImportError:
            continue
        return _arrow_columns(library.table(X)) if module == "pyarrow" else _polars_columns(library.DataFrame(X))
    msg = f"X is a {type(X).__name__}, an Arrow stream, which needs pyarrow or polars: pip install emkit[tables]"
    raise DataTypeError(msg)


def _narwhals_frame(frame: Any) -> Columns:
    narwhals = sys.modules["narwhals"]
    if not hasattr(frame, "iter_columns"):
        msg = "X is a lazy frame, which holds no data yet: pass X.collect()."
        raise DataTypeError(msg)
    native = narwhals.to_native(frame)
    for module, kinds, convert in _FRAMES[:3]:
        if _is_instance(native, module, kinds):
            return convert(native)
    return list(frame.columns), [_narwhals_values(series) for series in frame.iter_columns()]


def _narwhals_values(series: Any) -> _Array:
    narwhals = sys.modules["narwhals"]
    if series.dtype == narwhals.Float32:
        return np.asarray(series.to_numpy())
    if series.dtype.is_numeric() or series.dtype == narwhals.Boolean:
        return np.asarray(series.cast(narwhals.Float64).to_numpy())
    return _categories(series.to_list())


def _narwhals_columns(X: Any) -> Columns | None:
    """Read a frame of any other library that narwhals knows, where narwhals is loaded."""
    narwhals = sys.modules.get("narwhals")
    if narwhals is None or not hasattr(X, "columns"):
        return None
    frame = narwhals.from_native(X, pass_through=True)
    return None if frame is X else _narwhals_frame(frame)


def _objects(values: Any) -> _Array:
    items = list(values)
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _categories(values: Any) -> _Array:
    """Return categories by their names: numbers that name categories are not quantities."""
    return _objects(None if _is_null(value) else str(value) for value in values)


def _is_null(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - NaN


def _plain(values: Any) -> _Array:
    series = series_column(values)
    return np.asarray(values) if series is None else series[1]


def _equally_long(names: list[Any], columns: list[_Array]) -> Columns:
    for name, column in zip(names, columns, strict=True):
        if column.ndim != 1 or len(column) != len(columns[0]):
            msg = (
                f"A mapping must hold columns of equal length, but {name!r} has shape {column.shape} "
                f"and {names[0]!r} has shape {columns[0].shape}."
            )
            raise DataError(msg)
    return names, columns


_FRAMES: list[tuple[str, tuple[str, ...], Callable[[Any], Columns]]] = [
    ("pandas", ("DataFrame",), _pandas_columns),
    ("polars", ("DataFrame", "LazyFrame"), _polars_columns),
    ("pyarrow", ("Table", "RecordBatch"), _arrow_columns),
    ("narwhals", ("DataFrame", "LazyFrame"), _narwhals_frame),
]
_SERIES: list[tuple[str, tuple[str, ...], Callable[[Any], _Array]]] = [
    ("pandas", ("Series", "Index"), _pandas_values),
    ("polars", ("Series",), _polars_values),
    ("pyarrow", ("ChunkedArray", "Array"), _arrow_values),
]
