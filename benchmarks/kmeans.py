"""k-means beside scikit-learn, in one process, two threads each, the same number of starts.

    python benchmarks/kmeans.py

Both with one start (scikit-learn's default), both with four, and each at its own default (emkit makes four starts
of so many rows).
`inertia` is emkit over scikit-learn: at most 1 is the same or lower. `same` is emkit's time when it is stopped
(`max_iter`) once its inertia is not above scikit-learn's. Repeats take turns; medians are printed.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # some machines slow BLAS down by these: fairness to the peer
    if name in os.environ:
        del os.environ[name]
        os.execv(sys.executable, [sys.executable, *sys.argv])

import numpy as np
import sklearn
from sklearn.cluster import KMeans as Peer

import emkit
from emkit.kernels import instruction_set

GRID = (
    (10_000, 2, 10),
    (100_000, 2, 10),
    (100_000, 8, 20),
    (100_000, 16, 50),
    (1_000_000, 2, 10),
    (1_000_000, 32, 100),
)


def rows(n: int, d: int, k: int) -> np.ndarray:
    """Return overlapping clusters."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))


def seconds_of(model: object, X: np.ndarray) -> float:
    """Return the seconds of one fit."""
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    return time.perf_counter() - begun


def iterations_to(inertia: float, k: int, n_init: object, X: np.ndarray) -> int:
    """Return the fewest iterations, of 1, 2, 4, ..., after which emkit is not above an inertia."""
    for max_iter in (1, 2, 4, 8, 16, 32, 64, 128):
        short = emkit.KMeans(k, n_init=n_init, random_state=0, max_iter=max_iter)
        seconds_of(short, X)
        if short.inertia_ <= inertia:
            return max_iter
    return 300


def main() -> None:
    """Print the table."""
    print(
        f"emkit {emkit.__version__} ({instruction_set()}), scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    )
    print("        n   d    k starts   emkit s    same s    peer s  factor    same   inertia")
    for n, d, k in GRID:
        X = rows(n, d, k)
        for n_init in (1, 4, "auto") if n < 1_000_000 else (1, "auto"):
            compare(X, k, n_init)


def compare(X: np.ndarray, k: int, n_init: object) -> None:
    """Print one line of the table."""
    n, d = X.shape
    ours, peer = emkit.KMeans(k, n_init=n_init, random_state=0), Peer(k, n_init=n_init, random_state=0)
    seconds_of(peer, X)
    seconds_of(ours, X)
    short = emkit.KMeans(k, n_init=n_init, random_state=0)
    short.set_params(max_iter=iterations_to(peer.inertia_, k, n_init, X))
    n_repeats = 5 if n * d < 1e7 else 1
    turns = [tuple(seconds_of(model, X) for model in (ours, short, peer)) for _ in range(n_repeats)]
    mine, same, theirs = (statistics.median(own) for own in zip(*turns, strict=True))
    print(
        f"{n:9d} {d:3d} {k:4d} {n_init!s:>6} {mine:9.4f} {same:9.4f} {theirs:9.4f} {theirs / mine:7.1f} "
        f"{theirs / same:7.1f} {ours.inertia_ / peer.inertia_:9.5f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
