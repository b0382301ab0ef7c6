"""The door: whatever the user has becomes a source of checked blocks, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from emkit.data import checks
from emkit.data.columns import float_dtype, stack_columns, to_float
from emkit.data.device import device_source, is_device_array
from emkit.data.engines import elsewhere
from emkit.data.frames import frame_columns, series_column
from emkit.data.memory import MemorySource
from emkit.data.parts import Taste
from emkit.data.scan import scanned
from emkit.data.source import Source
from emkit.data.sparse import is_sparse, to_csr
from emkit.data.table import Table
from emkit.data.threads import resolve_threads
from emkit.errors import DataError, DataTypeError
from emkit.kernels.foreign import host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["as_source"]

_MATRIX_NDIM = 2


def as_source(
    X: Any,
    sample_weight: ArrayLike | str | None = None,
    *,
    allow_missing: bool = True,
    allow_missing_columns: bool = False,
    allow_sparse: bool = False,
    allow_device: bool = False,
    one_feature: bool = False,
    n_threads: int | None = None,
    feature_names: Sequence[str] | None = None,
    min_rows: int = 1,
) -> Source:
    """Return a source of the rows of `X`, checked once.

    Parameters
    ----------
    X : array (n, d), list of rows, data frame, Arrow table, `Table`, mapping, scipy.sparse, path, or `Source`
        Numbers of any kind; float32 stays float32, all else becomes float64. NaN, None, null and masked are
        missing. A C-contiguous float array is not copied, and nothing is ever written to it. A `Source`
        passes as it is. A path, a list of paths, a folder, a pyarrow dataset, or a function that makes batches:
        rows are read anew in every pass where they are many; see `scan`.
    sample_weight : array (n,), or number, or the name of a column, or None
        Case weights, finite, at least 0, not all zero. A row of weight 0 changes nothing.
    allow_missing : bool
        Whether the model can marginalise missing entries.
    allow_missing_columns : bool
        Whether a column may have no observed entry at all.
    allow_sparse : bool
        Whether the model takes sparse rows; blocks then carry a csr_array.
    allow_device : bool
        Whether the model runs on arrays of other libraries (torch, cupy, jax, the array-API standard), where they are;
        else they are copied to NumPy's, and answers by row are copied back.
    one_feature : bool
        Whether a flat list or series is meant, as one column.
    n_threads : int or None
        See `resolve_threads`.
    feature_names : sequence of str, or None
        Names of the columns; those of the data frame where None.
    min_rows : int
        Fewest rows the model can use.

    Returns
    -------
    Source
        Its `feature_names` are None unless all column names are strings.

    Raises
    ------
    DataError
        If shapes do not fit, or an entry is text, a date, complex or infinite, or NaN where it is not
        allowed, or a column is all missing, or weights are not as above; it names the row and the column.
    DataTypeError
        If `X` is sparse and `allow_sparse` is False, or is no table of numbers at all.

    Examples
    --------
    >>> source = as_source([[1.0, 2.0], [3.0, None]])
    >>> source.n_rows, source.n_features, source.has_missing
    (2, 2, True)
    """
    taste = Taste(None, None, allow_missing, allow_missing_columns)
    known = X if isinstance(X, Source) else _elsewhere(X, sample_weight, n_threads, taste)
    if known is not None and known.is_deferred:
        return known if isinstance(sample_weight, str) else _again(known, sample_weight, None)
    if known is not None:
        _check_source(known, allow_missing=allow_missing, allow_sparse=allow_sparse, min_rows=min_rows)
        if known is not X and known.has_missing and not allow_missing_columns:
            _check_observed(known)
        return _again(known, sample_weight, n_threads)
    if is_device_array(sample_weight):
        sample_weight = host(sample_weight)
    taken_from = None
    if is_device_array(X):
        found = None
        if allow_device and not isinstance(sample_weight, str):
            found = device_source(
                X,
                sample_weight,
                n_threads=resolve_threads(n_threads),
                min_rows=min_rows,
                allow_missing=allow_missing,
                allow_missing_columns=allow_missing_columns,
                one_feature=one_feature,
            )
        if found is not None:
            return found
        taken_from, X = X, host(X)
    if isinstance(sample_weight, str):
        X, sample_weight = _without_weights(X, sample_weight)
    matrix, names = _matrix(X, allow_sparse=allow_sparse, one_feature=one_feature)
    checks.check_matrix_shape(matrix.shape, min_rows)
    names = _names(names if feature_names is None else feature_names, matrix.shape[1])
    missing = checks.find_missing(matrix, names)
    if any(missing) and not allow_missing:
        checks.refuse_missing(matrix, names)
    weights = checks.checked_weights(sample_weight, matrix.shape[0])
    if any(missing) and not allow_missing_columns:
        checks.check_columns_observed(matrix, weights, names)
    threads = resolve_threads(n_threads)
    return MemorySource(matrix, weights, feature_names=names, n_threads=threads, missing=missing, kind=taken_from)


def _check_source(source: Source, *, allow_missing: bool, allow_sparse: bool, min_rows: int) -> None:
    """Check what this model needs beyond what the source was made for."""
    checks.check_matrix_shape((source.n_rows, source.n_features), min_rows)
    if not allow_sparse and isinstance(source, MemorySource) and is_sparse(source.X):
        _refuse_sparse(source.X)
    if source.has_missing and not allow_missing:
        block = next(block for block in source.blocks() if block.has_missing)
        checks.refuse_missing(block.X, source.feature_names, block.start)


def _elsewhere(X: Any, sample_weight: ArrayLike | str | None, n_threads: int | None, taste: Taste) -> Source | None:
    """Return the source of data that are not in memory: in files, made in batches, or on a cluster."""
    if type(X) is np.ndarray:
        return None
    weight = sample_weight if isinstance(sample_weight, str) else None
    found = elsewhere(X, weight, n_threads, taste)
    return scanned(X, weight, n_threads) if found is None else found


def _check_observed(source: Source) -> None:
    observed = source.reduce(lambda block: ~np.isnan(block.X[block.weights > 0]).all(axis=0))
    if not observed.all():
        checks.refuse_columns(observed, source.feature_names)


def _without_weights(X: Any, name: str) -> tuple[Any, ArrayLike]:
    """Return a data frame without the column of weights, and that column."""
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    names = [] if frame is None else [str(known) for known in frame[0]]
    if frame is None or name not in names:
        has = f"its columns are {', '.join(map(repr, names))}" if names else "it has no named columns"
        msg = f"`sample_weight` is {name!r}, which must then be a column of X, but {has}."
        raise DataError(msg)
    columns = dict(zip(names, frame[1], strict=True))
    weights = columns.pop(name)
    return columns, weights


def _again(source: Source, sample_weight: ArrayLike | str | None, n_threads: int | None) -> Source:
    if isinstance(sample_weight, str):
        if source.is_weighted:
            return source if n_threads is None else source.with_threads(n_threads)
        msg = f"`sample_weight` is {sample_weight!r}, but this source has no such column: name it in emkit.data.scan."
        raise DataError(msg)
    if sample_weight is not None:
        source = source.with_weights(sample_weight)
    return source if n_threads is None else source.with_threads(n_threads)


def _matrix(X: Any, *, allow_sparse: bool, one_feature: bool) -> tuple[NDArray[Any], Sequence[Any] | None]:
    """Return `X` as a checked-kind matrix of floats, and its column names."""
    if type(X) is np.ndarray and X.dtype.names is None:
        return _from_array(X, None, one_feature=one_feature), None
    if is_sparse(X):
        return _from_sparse(X, allow_sparse=allow_sparse), None
    series = series_column(X)
    if series is not None:
        name, values = series
        return _from_array(values, None, one_feature=one_feature), None if name is None else [name]
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    if frame is not None:
        names, columns = frame
        return stack_columns([str(name) for name in names], columns), names
    return _from_array(_array(X), X, one_feature=one_feature), None


def _array(X: Any) -> NDArray[Any]:
    """Return nested lists, masked arrays and anything that knows itself as an array, as one."""
    if isinstance(X, str | bytes | set | frozenset) or X is None:
        msg = f"X must be a 2-D table of numbers, but it is {X!r} ({type(X).__name__})."
        raise DataTypeError(msg)
    if isinstance(X, np.ma.MaskedArray):
        return _unmasked(X)
    try:
        array = np.asarray(X)
    except ValueError:
        _raise_ragged(X)
        raise
    if array.dtype.kind in "US" and isinstance(X, list | tuple):
        # So that the message shows the text cell, not the numbers made text.
        return np.asarray(X, dtype=object)
    return array


def _unmasked(X: Any) -> NDArray[Any]:
    """Return a masked array with NaN, or None among objects, in place of what is masked."""
    if X.dtype.kind not in "fiub":
        return np.asarray(X.filled(None) if X.dtype.kind == "O" else X.data)
    return np.asarray(X.astype(float_dtype(X.dtype)).filled(np.nan))


def _raise_ragged(X: Any) -> None:
    sizes = [np.size(row) for row in X]
    row = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    if row is not None:
        msg = (
            f"X must have rows of equal length, but row 0 has {sizes[0]} entries and row {row} has "
            f"{sizes[row]}. Use NaN where a value is unknown."
        )
        raise DataError(msg) from None


def _from_array(array: NDArray[Any], origin: Any, *, one_feature: bool) -> NDArray[Any]:
    if one_feature and array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != _MATRIX_NDIM:
        _raise_ndim(array, origin)
    return to_float(array)


def _raise_ndim(array: NDArray[Any], origin: Any) -> None:
    if array.dtype.kind == "c":
        to_float(array)  # says so
    if array.ndim == 0 and array.dtype.kind == "O":
        kind = type(origin).__name__
        msg = f"X must be a 2-D table of numbers, but it is a {kind}. Pass an array, list of rows or data frame."
        raise DataTypeError(msg)
    if array.ndim > _MATRIX_NDIM:
        msg = f"Found array with dim {array.ndim} (shape={array.shape}), while dim 2 is expected."
        raise DataError(msg)
    got = "scalar" if array.ndim == 0 else "1D"
    msg = (
        f"Expected 2D array, got {got} array instead (shape={array.shape}). Reshape your data: use "
        "X.reshape(-1, 1) if it is a single feature, X.reshape(1, -1) if it is a single sample."
    )
    raise DataError(msg)


def _from_sparse(X: Any, *, allow_sparse: bool) -> NDArray[Any]:
    if not allow_sparse:
        _refuse_sparse(X)
    if X.ndim != _MATRIX_NDIM:
        msg = f"Expected a 2-D sparse array, but X has shape {X.shape}. Reshape your data."
        raise DataError(msg)
    if X.dtype.kind not in "fiub":
        to_float(np.zeros(0, dtype=X.dtype))
    csr: NDArray[Any] = to_csr(X, float_dtype(X.dtype))
    return csr


def _refuse_sparse(X: Any) -> NoReturn:
    msg = (
        f"X is a sparse matrix ({type(X).__name__}, shape {X.shape}), and this model needs dense data: pass "
        "X.toarray() if it fits in memory. Sparse data are taken by the models for counts and categories."
    )
    raise DataTypeError(msg)


def _names(names: Sequence[Any] | None, n_features: int) -> tuple[str, ...] | None:
    """Return names if all are strings, as scikit-learn has it; else None."""
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    if len(names) != n_features:
        msg = f"`feature_names` has {len(names)} names, but X has {n_features} columns."
        raise DataError(msg)
    return tuple(str(name) for name in names)
