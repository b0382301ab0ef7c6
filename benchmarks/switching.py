"""Markov-switching autoregressions beside statsmodels: time to the optimum, one thread each.

    python benchmarks/switching.py DATA/rgnp_hamilton.csv DATA/areturns.csv

statsmodels climbs from its own start, and from the best of `search_reps` random ones; emkit searches as by default, and
climbs from one start (`n_init=1`). Seconds are process time, each once after a warm-up.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import statsmodels.api as sm

import emkit


def timed(run: Callable[[], float]) -> tuple[float, float]:
    """Return the log-likelihood and the seconds."""
    begin = time.process_time()
    loglik = run()
    return loglik, time.process_time() - begin


def rows(gnp: np.ndarray, returns: np.ndarray) -> list[tuple[str, Callable[[], float]]]:
    """Return the runs by name."""

    def hamilton(**search: Any) -> float:
        model = sm.tsa.MarkovAutoregression(gnp, k_regimes=2, order=4, switching_ar=False)
        return float(model.fit(disp=False, **search).llf)

    def regression(**search: Any) -> float:
        model = sm.tsa.MarkovRegression(returns[1:], 2, exog=returns[:-1], switching_variance=True)
        return float(model.fit(disp=False, **search).llf)

    def own(series: np.ndarray, order: int, form: Any, **search: Any) -> float:
        model = emkit.AutoregressiveHMM(2, order, form=form, random_state=0, **search)
        return float(model.fit(series).fit_.loglik)

    return [
        ("MS-AR(4)  statsmodels", hamilton),
        ("MS-AR(4)  statsmodels, search_reps=20", lambda: hamilton(search_reps=20)),
        ("MS-AR(4)  emkit", lambda: own(gnp, 4, "mean")),
        ("MS-AR(4)  emkit, n_init=1", lambda: own(gnp, 4, "mean", n_init=1)),
        ("regression  statsmodels", regression),
        ("regression  statsmodels, search_reps=20", lambda: regression(search_reps=20)),
        ("regression  emkit", lambda: own(returns, 1, "intercept")),
        ("regression  emkit, n_init=1", lambda: own(returns, 1, "intercept", n_init=1)),
    ]


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    np.random.seed(0)  # noqa: NPY002  (statsmodels draws from it)
    gnp, returns = (np.loadtxt(path, skiprows=1) for path in sys.argv[1:3])
    emkit.AutoregressiveHMM(2, 1, n_init=1).fit(returns)
    for name, run in rows(gnp, returns):
        loglik, seconds = timed(run)
        sys.stdout.write(f"{name:44} {loglik:12.5f} {seconds:8.3f} s\n")


if __name__ == "__main__":
    main()
