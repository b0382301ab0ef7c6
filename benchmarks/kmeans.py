"""k-means beside scikit-learn, in one process, two threads each, the same number of starts.

    python benchmarks/kmeans.py

At their own defaults, then both with four starts. `inertia` is emkit over scikit-learn: at most 1 is the same or lower.
Repeats take turns; medians are printed.
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


def main() -> None:
    """Print the table."""
    print(
        f"emkit {emkit.__version__} ({instruction_set()}), scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    )
    print(f"{'n':>9} {'d':>3} {'k':>4} {'starts':>6} {'emkit s':>9} {'peer s':>9} {'factor':>7} {'inertia':>9}")
    for n, d, k in GRID:
        X = rows(n, d, k)
        for n_init in ("auto", 4) if n < 1_000_000 else ("auto",):
            ours = emkit.KMeans(k, n_init=n_init, random_state=0)
            peer = Peer(k, n_init=n_init, random_state=0)
            turns = [(seconds_of(ours, X), seconds_of(peer, X)) for _ in range(3 if n * d < 1e7 else 1)]
            mine, theirs = (statistics.median(own) for own in zip(*turns, strict=True))
            ratio = ours.inertia_ / peer.inertia_
            print(f"{n:9d} {d:3d} {k:4d} {n_init!s:>6} {mine:9.3f} {theirs:9.3f} {theirs / mine:7.1f} {ratio:9.5f}")


if __name__ == "__main__":
    main()
