"""Arrays of torch: E-steps on a device beside this CPU's kernels, and beside pomegranate where it is installed.

    python -P benchmarks/arrays.py [--rows N] [--device cpu|cuda] [--threads T] [--dtype float64|float32]

Needs torch; `pip install pomegranate` adds that peer (`-P` keeps `coverage.py` here out of its imports). Each model is
taken from the same start on the same rows, and one E-step is timed, the median of several, interleaved. The
log-likelihoods of all sides are printed: they must agree. Of pomegranate it is `summarize`, its E-step with the sums an
M-step needs, in the precision of the rows.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import numpy as np
import torch

from emkit.core.problem import Problem
from emkit.data import as_sequences, as_source
from emkit.data.device import DeviceSource
from emkit.data.device_sequences import DeviceSequences
from emkit.families import Gaussian, Poisson, Student
from emkit.families.covariance import Diagonal
from emkit.hmm import HiddenMarkov
from emkit.hmm.chain import Chain
from emkit.mixture import FiniteMixture

_END = 1e-300


def rows(n: int, d: int, k: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0, 3, (k, d))[rng.integers(0, k, n)] + rng.normal(size=(n, d))


def chain(n: int, d: int, k: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    states = np.cumsum(rng.random(n) < 0.1) % k
    return rng.normal(0, 3, (k, d))[states] + rng.normal(size=(n, d))


class Timed:
    """One side: a name, a function that makes one E-step and returns the log-likelihood, and its times."""

    def __init__(self, name: str, run) -> None:
        self.name, self.run, self.seconds, self.loglik = name, run, [], run()

    def once(self) -> None:
        began = time.perf_counter()
        self.run()
        self.seconds.append(time.perf_counter() - began)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def compare(title: str, sides: list[Timed], repeats: int) -> None:
    for _ in range(repeats):
        for side in sides:
            side.once()
    print(f"\n{title}")
    for side in sides:
        print(f"  {side.name:34} {1e3 * side.median:10.1f} ms {sides[0].median / side.median:7.2f}x  {side.loglik:.6f}")


def waited(run, device: str):
    """Return a function that waits for the device, as work there goes on behind one's back."""

    def done() -> float:
        result = run()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    return done


def e_step(model, source, parameters, device: str = "cpu"):
    problem = Problem(model, source)
    return waited(lambda: problem.evaluate(parameters).loglik, device)


def mixture(title: str, family, X: np.ndarray, k: int, args) -> None:
    here = as_source(X, n_threads=args.threads)
    model, _ = FiniteMixture(family, k).prepare(here)
    start = model.start(here, np.random.default_rng(1))
    T = torch.asarray(X, device=args.device)
    there = DeviceSource(T, None)  # of a tensor on the CPU `as_source` makes what the compiled kernels read
    sides = [
        Timed(f"emkit, CPU, {args.threads} threads", e_step(model, here, start)),
        Timed(f"emkit, torch on {args.device}", e_step(model, there, start, args.device)),
    ]
    peer = pomegranate_mixture(start, T, args.device) if type(family) is Gaussian else None
    compare(title, sides if peer is None else [*sides, peer], args.repeats)


def pomegranate_mixture(start, T, device: str) -> Timed | None:
    try:
        from pomegranate.distributions import Normal
        from pomegranate.gmm import GeneralMixtureModel
    except ImportError:
        return None
    members = start.members
    kind, covs = ("full", members.cov) if members.whiten.ndim == 3 else ("diag", members.var)
    parts = [
        Normal(
            torch.asarray(mean.copy(), dtype=T.dtype),
            torch.asarray(cov.copy(), dtype=T.dtype),
            covariance_type=kind,
        )
        for mean, cov in zip(members.mean, np.broadcast_to(covs, (len(members.mean), *covs.shape[1:])), strict=True)
    ]
    priors = torch.asarray(start.mix.copy(), dtype=T.dtype)
    model = GeneralMixtureModel(parts, priors=priors).to(device)

    def run() -> float:
        found = float(model.summarize(T))
        model._reset_cache()
        return found

    return Timed(f"pomegranate on {device} ({kind})", waited(run, device))


def sequences(title: str, family, X: np.ndarray, lengths, k: int, args) -> None:
    here = as_sequences(X, lengths, n_threads=args.threads)
    model, here = HiddenMarkov(family, Chain(k)).prepare(here)
    start = model.start(here, np.random.default_rng(1))
    T = torch.asarray(X, device=args.device)
    there = DeviceSequences(T, np.array(lengths))
    sides = [
        Timed(f"emkit, CPU, {args.threads} threads", e_step(model, here, start)),
        Timed(f"emkit, torch on {args.device}", e_step(model, there, start, args.device)),
    ]
    length = int(np.max(lengths))
    is_equal = bool((np.asarray(lengths) == length).all())
    peer = pomegranate_chain(start, T, length, args.device) if is_equal and type(family) is Gaussian else None
    compare(title, sides if peer is None else [*sides, peer], args.repeats)


def pomegranate_chain(start, T, length: int, device: str) -> Timed | None:
    try:
        from pomegranate.distributions import Normal
        from pomegranate.hmm import DenseHMM
    except ImportError:
        return None
    mean, var = start.members.mean, np.broadcast_to(start.members.var, start.members.mean.shape)
    parts = [
        Normal(torch.asarray(m.copy(), dtype=T.dtype), torch.asarray(v.copy(), dtype=T.dtype), covariance_type="diag")
        for m, v in zip(mean, var, strict=True)
    ]
    ends = np.full(len(mean), _END)  # it has sequences end by chance: left out of its log-likelihood below
    model = DenseHMM(parts, edges=start.chain.trans, starts=start.chain.init, ends=ends)
    model = model.to(device, T.dtype)
    batch = T.reshape(-1, length, T.shape[1])

    def run() -> float:
        found = float(model.summarize(batch).sum())
        model._reset_cache()
        return found - len(batch) * math.log(_END)

    return Timed(f"pomegranate on {device} (diag)", waited(run, device))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    where = torch.cuda.get_device_name() if args.device == "cuda" else f"CPU, {args.threads} threads"
    print(f"torch {torch.__version__} on {where}; {args.rows} rows of {args.dtype}; one E-step")
    n, dtype = args.rows, np.dtype(args.dtype)
    mixture("Gaussian mixture, full, 8 components, 16 columns", Gaussian(), rows(n, 16, 8).astype(dtype), 8, args)
    mixture(
        "Gaussian mixture, diagonal, 8 components, 16 columns",
        Gaussian(Diagonal()),
        rows(n, 16, 8).astype(dtype),
        8,
        args,
    )
    mixture("t mixture, 4 components, 8 columns", Student(), rows(n, 8, 4).astype(dtype), 4, args)
    counts = np.random.default_rng(0).poisson(np.exp(rows(n, 10, 4) / 3)).astype(dtype)
    mixture("Poisson mixture, 4 components, 10 columns", Poisson(), counts, 4, args)
    long = chain(n, 2, 4).astype(dtype)
    sequences("Gaussian HMM, one sequence, 4 states", Gaussian(Diagonal()), long, [n], 4, args)
    sequences("Gaussian HMM, sequences of 100, 4 states", Gaussian(Diagonal()), long, [100] * (n // 100), 4, args)


if __name__ == "__main__":
    main()
