"""The grid of components and structures beside mclust: seconds, and how many cells are as likely or likelier.

Run as `python benchmarks/mclust_grid.py`, with R and its package mclust installed. R's clock is read inside R, so
that starting it and loading the package do not count. mclust makes one start per cell, from one hierarchical
clustering, and stops at a relative gain of 1e-5; emkit makes four starts per cell, of which two climb on, and those of
its neighbors, searches cells near the best more, and stops at 1e-6 in the log-likelihood.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import emkit

SCRIPT = Path(__file__).with_suffix(".R")


def large(n: int = 100_000, d: int = 4, k: int = 5) -> np.ndarray:
    """Return rows of k correlated normal groups."""
    rng = np.random.default_rng(1)
    factor = np.eye(d) + np.diag([0.5, 0.3, 0.2][: d - 1], 1)
    return 3 * rng.normal(size=(k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d)) @ factor


def of_mclust(X: np.ndarray, largest: int, codes: str) -> tuple[float, float, dict[str, list[float]]]:
    """Return wall and processor seconds and BIC (emkit's sign) by structure."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        np.savetxt(path, X, delimiter=",", fmt="%.17g")
        line = ["Rscript", str(SCRIPT), str(path), str(largest), *([codes] if codes else [])]
        told = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    words = [line.split() for line in told]
    wall, processor = next(map(float, line[1:]) for line in words if line[0] == "seconds")
    bic = {line[1]: [-float(x) if x != "NA" else np.nan for x in line[2:]] for line in words if line[0] == "bic"}
    return wall, processor, bic


def of_emkit(X: np.ndarray, largest: int, codes: str) -> tuple[float, float, dict[str, list[float]]]:
    """Return the same of `emkit.select`."""
    emkit.select(X[:50], [1], structures=["EII"])  # imports its modules
    began, before = time.perf_counter(), time.process_time()
    structures = codes.split(",") if codes else "all"
    selection = emkit.select(X, range(1, largest + 1), structures=structures)
    wall, processor = time.perf_counter() - began, time.process_time() - before
    table = selection.table("bic")
    return wall, processor, {name: table[:, j].tolist() for j, name in enumerate(selection.structures)}


def compared(name: str, X: np.ndarray, largest: int, codes: str = "") -> str:
    """Return one line: seconds of both, their ratio, and whose cells are better."""
    theirs, mine = of_mclust(X, largest, codes), of_emkit(X, largest, codes)
    gaps = np.array([np.subtract(theirs[2][code], mine[2][code]) for code in mine[2]])
    both = np.isfinite(gaps)
    better, worse = int((gaps[both] > 0.05).sum()), int((gaps[both] < -0.05).sum())
    return (
        f"{name:16} mclust {theirs[0]:8.2f} s ({theirs[1]:.2f} cpu)  emkit {mine[0]:8.2f} s ({mine[1]:.2f} cpu)  "
        f"ratio {theirs[0] / mine[0]:5.2f} ({theirs[1] / mine[1]:.2f} cpu)"
        f"  of {both.sum()} cells emkit better {better}, worse {worse}"
    )


def main() -> None:
    """Print the lines of all data sets, or of those named."""
    sets = {
        "faithful": (emkit.load_data("faithful").numeric()[0], 9, ""),
        "iris": (emkit.load_data("iris").numeric()[0], 9, ""),
        "diabetes": (emkit.load_data("diabetes").numeric()[0][:, :3], 9, ""),
        "large": (large(), 7, ""),
        "large-two": (large(d=2), 7, ""),
        "large-few": (large(), 7, "EII,EEE,VEV,VVE,VVV"),
    }
    for name in sys.argv[1:] or ["faithful", "iris", "diabetes", "large-few"]:
        sys.stdout.write(compared(name, *sets[name]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
