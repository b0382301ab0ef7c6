"""Dawid-Skene beside crowd-kit, on the same answers, at equal or better log-likelihood.

    python benchmarks/labels.py [answers.csv ...]      (columns task, worker, label; simulated answers where none)

Needs `pip install crowd-kit pandas`. crowd-kit stops when its mean loss moves less than `tol` (1e-5 unless told), and
keeps probabilities above 1e-10; the log-likelihood of its answer is worked out from its own error rates and shares.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

import emkit

RUNS = 3


def simulated(n_items: int, n_raters: int, per_item: int, k: int, seed: int = 0) -> pd.DataFrame:
    """Return answers of raters who are right 60 to 100 % of the time."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n_items)
    confusion = 0.4 * rng.dirichlet(np.full(k, 0.5), (n_raters, k)) + 0.6 * np.eye(k)
    task = np.repeat(np.arange(n_items), per_item)
    worker = np.argsort(rng.random((n_items, n_raters)), axis=1)[:, :per_item].reshape(-1) if n_raters < 300 else None
    worker = rng.integers(0, n_raters, len(task)) if worker is None else worker
    edges = np.cumsum(confusion[worker, truth[task]], axis=1)
    label = np.minimum((rng.random((len(task), 1)) > edges).sum(axis=1), k - 1)
    return pd.DataFrame({"task": task, "worker": worker, "label": label}).drop_duplicates(["task", "worker"])


def loglik_of(peer, answers: pd.DataFrame) -> float:
    """Return the log-likelihood of crowd-kit's parameters."""
    labels = list(peer.priors_.index)
    workers = peer.errors_.index.get_level_values(0).unique()
    errors = peer.errors_.reindex(pd.MultiIndex.from_product([workers, labels]), fill_value=0.0)
    table = np.log(np.maximum(errors[labels].to_numpy(), 1e-300)).reshape(len(workers), -1, len(labels))
    place = {label: i for i, label in enumerate(labels)}
    at = table[workers.get_indexer(answers["worker"]), answers["label"].map(place)]
    joint = pd.DataFrame(at).groupby(answers["task"].to_numpy()).sum().to_numpy() + np.log(peer.priors_.to_numpy())
    top = joint.max(axis=1)
    return float((top + np.log(np.exp(joint - top[:, None]).sum(axis=1))).sum())


def timed(run):
    """Return what `run` gives and the median of its process time in seconds."""
    seconds, given = [], None
    for _ in range(RUNS):
        began = time.process_time()
        given = run()
        seconds.append(time.process_time() - began)
    return given, statistics.median(seconds)


def compare(name: str, answers: pd.DataFrame) -> None:
    """Print what both reach and take: from the votes alone, as crowd-kit starts, and with many starts."""
    from crowdkit.aggregation import DawidSkene

    one, one_seconds = timed(lambda: emkit.DawidSkene(n_init=1, n_threads=1).fit(answers))
    many, many_seconds = timed(lambda: emkit.DawidSkene(random_state=0, n_threads=1).fit(answers))
    print(f"{name}: {len(answers)} answers")
    for tol in (1e-5, 1e-7, 1e-9):
        peer, peer_seconds = timed(lambda tol=tol: DawidSkene(n_iter=3000, tol=tol).fit(answers))
        iterations = f"{len(peer.loss_history_)} iterations"
        reached = loglik_of(peer, answers)
        print(f"  crowd-kit {tol:6.0e} {peer_seconds:13.3f} s   log-likelihood {reached:.4f}   {iterations}")
    for label, model, seconds in (("from the votes", one, one_seconds), ("default", many, many_seconds)):
        ratio = peer_seconds / seconds
        print(
            f"  emkit {label:14} {seconds:9.3f} s   log-likelihood {model.fit_.loglik:.4f}   {ratio:.1f} times as fast"
        )


def main() -> None:
    paths = [Path(path) for path in sys.argv[1:]]
    for path in paths:
        compare(path.stem, pd.read_csv(path))
    if not paths:
        compare("simulated, 5 classes", simulated(2000, 60, 8, 5))
        compare("simulated, 4 classes", simulated(20000, 400, 5, 4))


if __name__ == "__main__":
    main()
