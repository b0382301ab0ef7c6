"""Mixtures of regressions beside flexmix (R), from the same starts, in one run.

Run as `python benchmarks/regressions.py`; needs R with flexmix. Each case: n rows, two covariates, three components,
one climb from the same labels, half of them random. flexmix stops at a relative change of 1e-8; its Gaussian variances
have another divisor, so that its log-likelihood ends slightly lower. Times are process CPU seconds of the fit alone,
medians of three.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import emkit

_R = """
suppressMessages(library(flexmix))
d <- read.csv(commandArgs(TRUE)[1]); family <- commandArgs(TRUE)[2]
driver <- if (family == "gaussian") FLXMRglm() else FLXMRglm(family = family)
times <- c()
for (i in 1:3) {
  began <- proc.time()
  m <- flexmix(y ~ x1 + x2, data = d, k = 3, cluster = d$label + 1, model = driver,
               control = list(tolerance = 1e-8, iter.max = 5000, minprior = 0))
  spent <- proc.time() - began
  times <- c(times, spent[["user.self"]] + spent[["sys.self"]])
}
cat(sprintf('{"seconds": %.6f, "loglik": %.6f, "iterations": %d}', median(times), as.numeric(logLik(m)), m@iter))
"""
_COEF = {
    "gaussian": np.array([[0.0, 1.0, 1.0], [2.0, -1.0, 0.5], [4.0, 0.0, -1.0]]),
    "poisson": np.array([[0.5, 0.3, 0.3], [1.5, -0.3, 0.2], [2.5, 0.0, -0.4]]),
}


def _data(family: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X, z = rng.normal(size=(n, 2)), rng.integers(0, 3, n)
    eta = (np.column_stack([np.ones(n), X]) * _COEF[family][z]).sum(axis=1)
    y = rng.normal(eta, 0.6) if family == "gaussian" else rng.poisson(np.exp(eta)).astype(float)
    flip = rng.random(n) < 0.5
    return X, y, np.where(flip, rng.integers(0, 3, n), z)


def _ours(family: str, X: np.ndarray, y: np.ndarray, label: np.ndarray) -> tuple[float, float, int]:
    times = []
    for _ in range(3):
        began = time.process_time()
        fit = emkit.MixtureOfRegressions(3, family=family, start=label, n_threads=1).fit(X, y)
        times.append(time.process_time() - began)
    return statistics.median(times), fit.fit_.loglik, fit.fit_.n_e_steps


def _theirs(family: str, X: np.ndarray, y: np.ndarray, label: np.ndarray) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        table = np.column_stack([X, y, label])
        np.savetxt(path, table, delimiter=",", header="x1,x2,y,label", comments="", fmt="%.17g")
        command = ["Rscript", "-e", _R, str(path), family]
        return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Print one line for each case."""
    print(
        f"{'family':<10}{'n':>8}{'emkit s':>10}{'flexmix s':>11}{'ratio':>7}{'emkit loglik':>16}{'flexmix loglik':>16}"
    )
    for family in ("gaussian", "poisson"):
        for n in (1000, 20000):
            data = _data(family, n)
            seconds, loglik, _ = _ours(family, *data)
            peer = _theirs(family, *data)
            ratio = peer["seconds"] / seconds
            print(
                f"{family:<10}{n:>8}{seconds:>10.3f}{peer['seconds']:>11.3f}{ratio:>7.1f}{loglik:>16.4f}{peer['loglik']:>16.4f}"
            )


if __name__ == "__main__":
    main()
