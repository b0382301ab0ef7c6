"""E-steps of Gaussian hidden Markov models beside dynamax and pomegranate, in one process, one thread each.

    python -P benchmarks/hmm_peers.py

All three make the same E-step, diagonal covariances, at the same parameters: the log-likelihoods are compared. dynamax
is compiled and warm, in double precision; pomegranate keeps single precision, as it does by default. `ns` is
nanoseconds per row, `pair` per row and pair of states; ratios are the peer's time over emkit's. Repeats take turns; the
best of each is printed. The peers are timed on fewer rows: they keep an array of (rows, states, states).
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import time
from collections.abc import Callable
from typing import Any

import dynamax
import jax
import numpy as np
import pomegranate
import torch
from dynamax.hidden_markov_model import DiagonalGaussianHMM
from jax import numpy as jnp
from pomegranate.distributions import Normal
from pomegranate.hmm import DenseHMM

import emkit
from emkit.core.problem import Problem
from emkit.data import as_sequences
from emkit.kernels import instruction_set

ROWS = {2: (1_000_000, 100_000), 4: (1_000_000, 100_000), 8: (1_000_000, 50_000), 32: (250_000, 10_000)}
DYNAMAX_ROWS = {2: 200_000, 4: 200_000, 8: 100_000, 32: 20_000}


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds of one call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def truth(k: int) -> dict[str, np.ndarray]:
    """Return parameters: sticky transitions, two features."""
    trans = np.full((k, k), 0.1 / k) + 0.9 * np.eye(k)
    return {
        "startprob": np.full(k, 1 / k),
        "transmat": trans / trans.sum(axis=1, keepdims=True),
        "means": np.random.default_rng(k).normal(size=(k, 2)) * 2,
        "covars": np.ones((k, 2)),
    }


def own_step(given: dict[str, np.ndarray], X: np.ndarray) -> Callable[[], float]:
    """Return a function that makes one E-step of emkit and returns the log-likelihood."""
    model = emkit.GaussianHMM(len(given["means"]), "diag")
    for name, value in given.items():
        setattr(model, f"{name}_", value)
    inner, parameters = model._now()
    problem = Problem(*inner.prepare(as_sequences(X, n_threads=1)))
    return lambda: problem.evaluate(parameters).loglik


def dynamax_step(given: dict[str, np.ndarray], X: np.ndarray) -> Callable[[], float]:
    """Return a function that makes one compiled E-step of dynamax and returns the log-likelihood."""
    k, d = given["means"].shape
    model = DiagonalGaussianHMM(k, d)
    parameters, _ = model.initialize(
        jax.random.PRNGKey(0),
        initial_probs=jnp.array(given["startprob"]),
        transition_matrix=jnp.array(given["transmat"]),
        emission_means=jnp.array(given["means"]),
        emission_scale_diags=jnp.array(np.sqrt(given["covars"])),
    )
    step, rows = jax.jit(model.e_step), jnp.array(X)

    def run() -> float:
        statistics, loglik = step(parameters, rows)
        jax.block_until_ready(statistics)
        return float(loglik)

    run()
    return run


def pomegranate_step(given: dict[str, np.ndarray], X: np.ndarray) -> Callable[[], float]:
    """Return a function that makes one E-step of pomegranate and returns the log-likelihood."""
    k = len(given["means"])
    emissions = [
        Normal(torch.tensor(mean, dtype=torch.float32), torch.tensor(var, dtype=torch.float32), covariance_type="diag")
        for mean, var in zip(given["means"], given["covars"], strict=True)
    ]
    edges, starts, ends = (a.astype(np.float32) for a in (given["transmat"], given["startprob"], np.ones(k)))
    model = DenseHMM(emissions, edges=edges, starts=starts, ends=ends)
    rows = torch.tensor(X[None], dtype=torch.float32)

    def run() -> float:
        with torch.no_grad():
            return float(model.summarize(rows).sum())

    return run


def main() -> None:
    """Print the table."""
    print(f"{'k':>3}{'ns':>8}{'pair':>8}{'dynamax/emkit':>15}{'gap':>10}{'pomegranate/emkit':>19}{'gap':>10}")
    for k, (n, n_pomegranate) in ROWS.items():
        given = truth(k)
        rng = np.random.default_rng(1)
        X = given["means"][rng.integers(0, k, n)] + rng.normal(size=(n, 2))
        parts = X, X[: DYNAMAX_ROWS[k]], X[:n_pomegranate]
        runs = own_step(given, X), dynamax_step(given, parts[1]), pomegranate_step(given, parts[2])
        times = np.array([[seconds(run) for run in runs] for _ in range(3)]).min(axis=0)
        ns = times / [len(part) for part in parts] * 1e9
        gaps = [abs(run() / own_step(given, part)() - 1) for run, part in zip(runs[1:], parts[1:], strict=True)]
        print(
            f"{k:3}{ns[0]:8.1f}{ns[0] / k**2:8.2f}{ns[1] / ns[0]:15.1f}{gaps[0]:10.0e}"
            f"{ns[2] / ns[0]:19.1f}{gaps[1]:10.0e}",
            flush=True,
        )


def versions() -> dict[str, Any]:
    """Return what was compared."""
    modules = emkit, dynamax, jax, pomegranate, torch
    return {module.__name__: getattr(module, "__version__", "?") for module in modules}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    print(", ".join(f"{name} {version}" for name, version in versions().items()), f"({instruction_set()})")
    main()
