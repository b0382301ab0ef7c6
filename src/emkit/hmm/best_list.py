"""The m most probable paths of one sequence (list Viterbi), a tile of rows at a time.

Each state keeps its m best ways to it, by predecessor and rank.

References
----------
Seshadri & Sundberg 1994, IEEE Trans. Communications 42:313 (the parallel algorithm).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.hmm.passes import Emissions
from emkit.kernels import guided as kernel

__all__ = ["best_list"]

_TILE_ROWS = 4096


def best_list(
    log_first: FloatArray,
    emissions: Emissions,
    log_into: Callable[[slice], FloatArray],
    n_rows: int,
    n_paths: int,
) -> tuple[FloatArray, IntArray]:
    """Return log joint probabilities (m,), falling, and paths (m, n); fewer where there are no more.

    Parameters
    ----------
    log_first : array (k,)
        Log first probabilities.
    emissions, log_into : callable
        From a slice of rows to log-densities (b, k), and to log moves (b, k, k) into them, or (1, k, k) for all.
    """
    k = len(log_first)
    score, total, backs = np.full((k, n_paths), -np.inf), 0.0, []
    tiles = [slice(i, min(i + _TILE_ROWS, n_rows)) for i in range(0, n_rows, _TILE_ROWS)]
    for rows in tiles:
        first = log_first if rows.start == 0 else None
        back, score, shift = kernel.best_guided(emissions(rows), log_into(rows), score, first)
        backs.append(back)
        total += float(shift.sum())
    flat = score.reshape(-1)
    place = np.argsort(-flat, kind="stable")[:n_paths]
    place = place[flat[place] > -np.inf] if total > -np.inf else place[:0]
    log_joint = flat[place] + total
    paths = np.empty((len(place), n_rows), dtype=np.intp)
    for rows, back in zip(reversed(tiles), reversed(backs), strict=True):
        paths[:, rows], place = kernel.trace_back(back, place)
    return log_joint, paths
