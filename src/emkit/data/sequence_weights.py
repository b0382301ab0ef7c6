"""Case weights of sequences, given by sequence or by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emkit.data.checks import checked_weights
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["sequence_weights"]


def sequence_weights(
    weights: ArrayLike | None, lengths: NDArray[np.int64], origin: NDArray[np.int64] | None = None
) -> NDArray[np.float64] | None:
    """Return case weights (s,) from one per sequence, or from one per row of the data as given."""
    if weights is None:
        return None
    n_rows = int(lengths.sum()) if origin is None else int((origin >= 0).sum())
    if np.ndim(weights) == 0 or np.shape(weights) == lengths.shape:
        return checked_weights(weights, len(lengths))
    if np.shape(weights) != (n_rows,):
        message = (
            f"`sample_weight` must have one entry for each of the {len(lengths)} sequences, or for each of the "
            f"{n_rows} rows, but it has shape {np.shape(weights)}"
        )
        raise DataError(message)
    each = checked_weights(weights, n_rows)
    if each is None:
        return None
    if origin is not None:
        each = np.where(origin >= 0, each[np.maximum(origin, 0)], np.nan)
    return _constant(each, lengths)


def _constant(each: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weight of each sequence, or raise where it changes inside one."""
    label = np.repeat(np.arange(len(lengths)), lengths)
    known = ~np.isnan(each)
    result = np.ones(len(lengths))
    result[label[known][::-1]] = each[known][::-1]  # the first row of each sequence says it
    wrong = known & (each != result[label])
    if wrong.any():
        row = int(np.argmax(wrong))
        message = (
            f"`sample_weight` must be constant within a sequence, but in sequence {label[row]} it is "
            f"{result[label[row]]} and then {each[row]}: a hidden Markov model weighs whole sequences"
        )
        raise DataError(message)
    return result
