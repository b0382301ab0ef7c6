"""Time one EM iteration of a full-covariance Gaussian mixture: the kernel beside scikit-learn, in one process.

Run `python benchmarks/gaussian_kernel.py [ROWS]`. Columns: nanoseconds per row of the E-step kernel on one core,
over blocks of 16384 rows on all cores, and of scikit-learn's E-step and M-step with its own threads; the factor
between the last two; and the rate of multiply-adds on one core as a part of what BLAS reaches there in a large
matrix product, counting only the arithmetic that the formulae need (exp, log and memory count as loss). Medians.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from emkit.kernels import instruction_set
from emkit.kernels.gaussian import full_moments, whiten_factors

GRID = [(1, 3), (2, 8), (4, 8), (8, 16), (16, 16), (32, 32), (64, 32)]
BLOCK = 16384
LARGE = 32768  # rows enough from 32 features on


def median_seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Return the median time of some runs, after one that is not counted."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def peak_rate(size: int = 1024) -> float:
    """Return the multiply-adds per second of a matrix product on one core."""
    a = np.ones((size, size))
    with threadpool_limits(1):
        return size**3 / median_seconds(lambda: a @ a, 7)


def problem(n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows drawn from a mixture whose components overlap, its log_mix, means and covariances."""
    rng = np.random.default_rng(d * 100 + k)
    mean = rng.normal(size=(k, d)) * 2 / d**0.25
    root = rng.normal(size=(k, d, d)) / np.sqrt(d) / 2 + np.eye(d)
    parts = [mean[c] + rng.normal(size=(n // k + 1, d)) @ root[c].T for c in range(k)]
    X = np.concatenate(parts)[rng.permutation(len(parts) * len(parts[0]))[:n]]
    return np.ascontiguousarray(X), np.full(k, -np.log(k)), mean, root @ root.transpose(0, 2, 1)


def peer_seconds(X: np.ndarray, log_mix: np.ndarray, mean: np.ndarray, cov: np.ndarray) -> float:
    """Return the time of one E-step and M-step of scikit-learn at the same parameters."""
    peer = GaussianMixture(len(mean))
    peer.weights_, peer.means_, peer.covariances_ = np.exp(log_mix), mean, cov
    peer.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(cov)).transpose(0, 2, 1)

    def iterate() -> None:
        _, log_resp = peer._e_step(X)
        start = peer.weights_, peer.means_, peer.covariances_, peer.precisions_cholesky_
        peer._m_step(X, log_resp)
        peer.weights_, peer.means_, peer.covariances_, peer.precisions_cholesky_ = start

    return median_seconds(iterate, 3)


def row_of_table(n: int, d: int, k: int, cores: int, peak: float) -> str:
    """Return the line of one size."""
    X, log_mix, mean, cov = problem(n, d, k)
    whiten = whiten_factors(cov)[0]
    blocks = [X[start : start + BLOCK] for start in range(0, n, BLOCK)]

    def step(block: np.ndarray) -> object:
        return full_moments(block, None, log_mix, mean, whiten)

    one = median_seconds(lambda: [step(block) for block in blocks])
    with ThreadPoolExecutor(cores) as pool:
        every = median_seconds(lambda: list(pool.map(step, blocks)))
    peer = peer_seconds(X, log_mix, mean, cov)
    rate = k * (d * (d + 1) + 4 * d) * n / one
    times = f"{one / n * 1e9:10.1f} {every / n * 1e9:10.1f} {peer / n * 1e9:10.0f}"
    return f"{d:3d} {k:3d} {times} {peer / every:6.0f}x {rate / peak:8.0%}"


def main() -> None:
    """Print the table."""
    most = int(float(sys.argv[1])) if len(sys.argv) > 1 else 100_000
    cores, peak = len(os.sched_getaffinity(0)), peak_rate()
    print(f"{instruction_set()}, {cores} cores, scikit-learn {sklearn.__version__}, NumPy {np.__version__}")
    print(f"BLAS: {peak / 1e9:.0f}e9 multiply-adds per second and core")
    print(f"n = {most}, at most {LARGE} from 32 features on; nanoseconds per row\n")
    print(f"{'d':>3} {'k':>3} {'one core':>10} {'all cores':>10} {'sklearn':>10} {'factor':>7} {'of BLAS':>8}")
    for d, k in GRID:
        print(row_of_table(most if d < 32 else min(most, LARGE), d, k, cores, peak))


if __name__ == "__main__":
    main()
