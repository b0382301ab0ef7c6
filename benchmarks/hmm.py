"""E-steps and fits of hidden Markov models beside hmmlearn, in one process, one thread each.

    python benchmarks/hmm.py

`log` and `scaling` are hmmlearn's two implementations, the first its default. `ns` is nanoseconds per row, `pair` per
row and pair of states; ratios are hmmlearn's time over emkit's. Both make the same E-step at the same parameters: the
log-likelihoods are compared. Repeats take turns; the best of each is printed. hmmlearn is timed on fewer rows where it
is slow. `fit` climbs to within 1e-3 of the optimum that emkit reports: both from one start, and emkit's default search
beside one fit of hmmlearn from its own start, which may end lower.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import hmmlearn
import numpy as np
from hmmlearn import hmm as peer
from hmmlearn.base import ConvergenceMonitor

import emkit
from emkit.core.problem import Problem
from emkit.data import as_sequences
from emkit.kernels import instruction_set

STATES = (2, 4, 8, 32, 64)
N_ROWS = 1_000_000
PEER_ROWS = {2: 200_000, 4: 200_000, 8: 100_000, 32: 20_000, 64: 10_000}


def chain(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first probabilities and sticky transitions."""
    trans = np.full((k, k), 0.1 / k) + 0.9 * np.eye(k)
    return np.full(k, 1 / k), trans / trans.sum(axis=1, keepdims=True)


def models(kind: str, k: int, implementation: str) -> tuple[Any, Any, Callable[[int], np.ndarray]]:
    """Return emkit's model and hmmlearn's with the same parameters, and the rows."""
    rng = np.random.default_rng(k)
    init, trans = chain(k)
    if kind in ("diag", "full"):
        d = 2 if kind == "diag" else 4
        mean = rng.normal(size=(k, d)) * 2
        cov = np.ones((k, d)) if kind == "diag" else np.tile(np.eye(d) + 0.3, (k, 1, 1))
        own, theirs = emkit.GaussianHMM(k, kind), peer.GaussianHMM(k, kind, implementation=implementation)
        shown = {"means_": mean, "covars_": cov}

        def rows(n: int) -> np.ndarray:
            return mean[rng.integers(0, k, n)] + rng.normal(size=(n, d))

    elif kind == "poisson":
        own, theirs = emkit.PoissonHMM(k), peer.PoissonHMM(k, implementation=implementation)
        shown = {"lambdas_": rng.uniform(1, 20, (k, 1))}

        def rows(n: int) -> np.ndarray:
            return rng.poisson(shown["lambdas_"][rng.integers(0, k, n)])

    else:
        own, theirs = emkit.CategoricalHMM(k), peer.CategoricalHMM(k, implementation=implementation)
        shown = {"emissionprob_": rng.dirichlet(np.ones(10), k)}

        def rows(n: int) -> np.ndarray:
            return rng.integers(0, 10, (n, 1))

    for model in (own, theirs):
        model.startprob_, model.transmat_ = init, trans
        for name, value in shown.items():
            setattr(model, name, value)
    theirs.n_features = 10 if kind == "categorical" else next(iter(shown.values())).shape[1]
    return own, theirs, rows


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of one call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def own_step(model: Any, X: np.ndarray, lengths: np.ndarray | None = None) -> Callable[[], float]:
    """Return a function that makes one E-step of emkit and returns the log-likelihood."""
    inner, parameters = model._now()
    ready, source = inner.prepare(as_sequences(X.astype(float), lengths, n_threads=1))
    problem = Problem(ready, source)
    return lambda: problem.evaluate(parameters).loglik


def peer_step(model: Any, X: np.ndarray, lengths: np.ndarray | None = None) -> Callable[[], float]:
    """Return a function that makes one E-step of hmmlearn and returns the log-likelihood."""
    return lambda: model._do_estep(X, lengths)[1]


def e_steps() -> None:
    """Print the table of E-steps."""
    print(f"{'emission':12}{'k':>4}{'ns':>9}{'pair':>8}{'log/emkit':>12}{'scaling/emkit':>15}{'loglik gap':>13}")
    for kind in ("diag", "full", "categorical", "poisson"):
        for k in STATES:
            own, log, rows = models(kind, k, "log")
            _, scaling, _ = models(kind, k, "scaling")
            X = rows(N_ROWS if k < 64 else N_ROWS // 4)
            few = X[: PEER_ROWS[k]]
            runs = (own_step(own, X), peer_step(log, few), peer_step(scaling, few))
            times = np.array([[seconds(run) for run in runs] for _ in range(2)]).min(axis=0)
            ns = times / [len(X), len(few), len(few)] * 1e9
            gap = own_step(own, few)() - runs[2]()
            print(
                f"{kind:12}{k:4}{ns[0]:9.0f}{ns[0] / k**2:8.2f}{ns[1] / ns[0]:12.1f}{ns[2] / ns[0]:15.1f}{gap:13.1e}",
                flush=True,
            )


def short_sequences() -> None:
    """Print E-steps of many short sequences."""
    for k in (2, 4, 8):
        own, log, rows = models("diag", k, "log")
        _, scaling, _ = models("diag", k, "scaling")
        X, lengths, few = rows(2_000_000), np.full(100_000, 20), np.full(5_000, 20)
        runs = (own_step(own, X, lengths), peer_step(log, X[:100_000], few), peer_step(scaling, X[:100_000], few))
        times = np.array([[seconds(run) for run in runs] for _ in range(2)]).min(axis=0) / [2e6, 1e5, 1e5] * 1e9
        print(
            f"100000 x 20   {k:2}{times[0]:9.0f}{times[0] / k**2:8.2f}"
            f"{times[1] / times[0]:12.1f}{times[2] / times[0]:15.1f}"
        )


class Until(ConvergenceMonitor):
    """Stops hmmlearn at a log-likelihood, or where it has stalled."""

    goal = np.inf

    @property
    def converged(self) -> bool:
        """Whether the last E-step was within 1e-3 of the goal, or gained next to nothing."""
        seen = list(self.history)
        is_stalled = len(seen) > 1 and seen[-1] - seen[-2] < 1e-6
        return bool(seen) and (seen[-1] > self.goal - 1e-3 or is_stalled)


def fit_peer(k: int, X: np.ndarray, start: dict[str, Any] | None, goal: float) -> tuple[float, float, int]:
    """Return the seconds of hmmlearn's fit, the log-likelihood it reaches and its iterations."""
    settings = {"covars_prior": 0, "covars_weight": 0, "min_covar": 0, "n_iter": 100, "random_state": 0}
    if start is None:
        model = peer.GaussianHMM(k, "diag", **settings)
    else:
        model = peer.GaussianHMM(k, "diag", init_params="", **settings)
        model.n_features = X.shape[1]
        model.startprob_, model.transmat_ = np.array(start["startprob"]), np.array(start["transmat"])
        model.means_, model.covars_ = start["means"], start["covars"]
    model.monitor_ = Until(1e-6, 100, False)
    model.monitor_.goal = goal
    spent = seconds(lambda: model.fit(X))
    return spent, float(model.monitor_.history[-1]), model.monitor_.iter


def fits() -> None:
    """Print times to the optimum: from one start, and with the defaults of both."""
    for k, n in ((2, N_ROWS), (4, N_ROWS // 4), (8, N_ROWS // 20)):
        own, _, _ = models("diag", k, "log")
        inner, parameters = own._now()
        X = inner.sample(parameters, n, np.random.default_rng(1))[0]
        init, trans = chain(k)
        start = {"startprob": init, "transmat": trans, "means": own.means_ * 0.7, "covars": np.full((k, 2), 1.5)}
        for kind in ("one start", "defaults"):
            given = start if kind == "one start" else None
            fit = emkit.GaussianHMM(k, "diag", start=given, random_state=0, n_threads=1)
            mine = seconds(lambda fit=fit, X=X: fit.fit(X))
            goal, report = fit.fit_.loglik, fit.fit_.starts
            spent, reached, n_iter = fit_peer(k, X, given, goal)
            print(
                f"fit diag k={k} t={len(X)}, {kind}: emkit {mine:.3f} s, {report.n_starts} starts, "
                f"{fit.fit_.n_e_steps} E-steps; hmmlearn {spent:.2f} s, {n_iter} iterations, "
                f"{goal - reached:.4f} below: {spent / mine:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    print(f"emkit {emkit.__version__} ({instruction_set()}), hmmlearn {hmmlearn.__version__}, NumPy {np.__version__}")
    e_steps()
    short_sequences()
    fits()
