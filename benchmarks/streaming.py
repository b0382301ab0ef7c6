"""Out of core and on many processes: streaming beside memory, dask workers beside one, online beside EM.

    python benchmarks/streaming.py [stream|sequences|dask|online|overhead|spark] [--rows N]

Every ratio is of wall-clock times of the same number of E-steps from the same start; runs are interleaved and medians
taken. The objective of both sides is printed: it must be the same.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import emkit
from emkit.core import Problem
from emkit.data import as_sequences, as_source, scan
from emkit.mixture import FiniteMixture


def rows(n: int, d: int, k: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = rng.normal(0, 3, (k, d))
    return centers[rng.integers(0, k, n)] + rng.normal(size=(n, d))


def begun(X: np.ndarray, k: int):
    source = as_source(X[:10_000])
    model, _ = FiniteMixture(n_components=k).prepare(source)
    return model, model.start(source, np.random.default_rng(1))


def timed(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def stream(n: int, d: int, k: int, repeats: int = 5) -> None:
    """E-steps over a Parquet file, a .npy file and memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    X = rows(n, d, k)
    model, start = begun(X, k)
    with tempfile.TemporaryDirectory() as folder:
        table = pa.table({f"x{j}": X[:, j] for j in range(d)})
        for compression in ("none", "snappy"):
            pq.write_table(
                table, Path(folder) / f"{compression}.parquet", row_group_size=131_072, compression=compression
            )
        np.save(Path(folder) / "rows.npy", X)
        names = ("none.parquet", "snappy.parquet", "rows.npy")
        sources = {"memory": as_source(X), **{name: scan(Path(folder) / name, memory_limit=0) for name in names}}
        sources["cached parquet"] = scan(Path(folder) / names[1], memory_limit=0, cache=folder)
        sources["kept parquet"] = scan(Path(folder) / names[1])  # as a fit reads it where there is room
        times: dict[str, list[float]] = {name: [] for name in sources}
        value: dict[str, float] = {}
        with sources["kept parquet"].held():
            for repeat in range(repeats + 1):
                for name, source in sources.items():
                    problem = Problem(model, source)
                    own = timed(lambda p=problem, key=name: value.update({key: p.evaluate(start).loglik}))
                    times[name] += [own] if repeat else []  # the first pass fills what is kept
        held = statistics.median(times["memory"])
        for name, seconds in times.items():
            own = statistics.median(seconds)
            print(f"n={n} d={d} k={k} {name:15s} {own:.3f} s per E-step, {own / held:.2f} of memory; {value[name]!r}")
        whole_fits(X, Path(folder) / "snappy.parquet", k)


def whole_fits(X: np.ndarray, path: Path, k: int) -> None:
    """Fits at the defaults, from the array and from the path: checks, moments and starts included."""
    made = {}
    for name, data in (("memory", X), ("snappy.parquet", path), ("memory again", X)):
        model = emkit.GaussianMixture(k, random_state=0, n_init=4)
        seconds = timed(lambda m=model, rows=data: m.fit(rows))
        made[name] = seconds, model.fit_.loglik, model.fit_.n_e_steps
    held = statistics.mean((made["memory"][0], made["memory again"][0]))
    for name, (seconds, loglik, n_e_steps) in made.items():
        print(
            f"  whole fit, {name:15s} {seconds:.2f} s, {seconds / held:.2f} of memory; {n_e_steps} E-steps, {loglik!r}"
        )


def sequences(n: int, d: int, k: int, length: int = 200, repeats: int = 5) -> None:
    """E-steps of a Gaussian hidden Markov model over sequences in a Parquet file and in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    X, who = rows(n, d, k), np.arange(n) // length
    memory = as_sequences(X, np.full(n // length, length))
    fitted = emkit.GaussianHMM(k, random_state=0, n_init=1, max_iter=1, solver=emkit.EM())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "rows.parquet"
        pq.write_table(pa.table({"who": who, **{f"x{j}": X[:, j] for j in range(d)}}), path, row_group_size=131_072)
        fit = fitted.fit(memory.take(np.arange(50))).fit_
        sources = {"memory": memory, "read anew": scan(path, sequence="who", memory_limit=0)}
        sources["kept"] = scan(path, sequence="who")
        times: dict[str, list[float]] = {name: [] for name in sources}
        value: dict[str, float] = {}
        with sources["kept"].held():
            for repeat in range(repeats + 1):
                for name, source in sources.items():
                    problem = Problem(fit.model, source)
                    own = timed(lambda p=problem, key=name: value.update({key: p.evaluate(fit.parameters).loglik}))
                    times[name] += [own] if repeat else []
    held = statistics.median(times["memory"])
    for name, seconds in times.items():
        own = statistics.median(seconds)
        print(f"HMM n={n} d={d} k={k} {name:10s} {own:.3f} s per E-step, {own / held:.2f} of memory; {value[name]!r}")


def dask_workers(n: int, d: int, k: int, repeats: int = 12) -> None:
    """E-steps on one and two worker processes."""
    import dask
    from distributed import Client, LocalCluster

    n_parts = 16
    model, start = begun(rows(20_000, d, k), k)
    parts = [dask.delayed(rows)(n // n_parts, d, k, seed) for seed in range(n_parts)]
    found = {}
    for workers in (1, 2):
        options = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
        with LocalCluster(**options) as cluster, Client(cluster):
            problem = Problem(model, as_source(parts))
            loglik = problem.evaluate(start).loglik
            found[workers] = min(timed(lambda p=problem: p.evaluate(start)) for _ in range(repeats))
        print(f"n={n} d={d} k={k} {workers} workers: {found[workers]:.2f} s per E-step; {loglik!r}")
    print(f"speedup of two workers: {found[1] / found[2]:.2f}")


def overhead(repeats: int = 20) -> None:
    """What an iteration costs besides the work: E-steps over few rows."""
    import dask.array as da
    from distributed import Client, LocalCluster

    X = rows(4000, 2, 2)
    model, start = begun(X, 2)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "rows.npy", X)
        source = scan(Path(folder) / "rows.npy", memory_limit=0)
        own = statistics.median(timed(lambda: Problem(model, source).evaluate(start)) for _ in range(repeats))
    print(f"overhead per pass over a file: {1000 * own:.1f} ms")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster):
        source = as_source(da.from_array(X, chunks=(1000, 2)))
        source.n_rows  # noqa: B018 - looks at the partitions
        own = statistics.median(timed(lambda: Problem(model, source).evaluate(start)) for _ in range(repeats))
    print(f"overhead per pass over four dask partitions on two workers: {1000 * own:.1f} ms")


def spark(repeats: int = 15) -> None:
    """What a pass over a Spark data frame costs, beside an empty job of the engine."""
    import os
    import sys

    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    X = rows(4000, 2, 2)
    model, start = begun(X, 2)
    frame = session.createDataFrame(pd.DataFrame(X, columns=["a", "b"])).repartition(2).persist()
    source = as_source(frame)
    source.n_rows  # noqa: B018 - looks at the partitions

    def empty(batches):
        yield pa.RecordBatch.from_pydict({"n": [sum(batch.num_rows for batch in batches)]})

    jobs = {
        "an E-step": lambda: Problem(model, source).evaluate(start),
        "an empty job": lambda: frame.mapInArrow(empty, "n bigint").collect(),
    }
    times = {name: [timed(job) for _ in range(repeats + 3)][3:] for name, job in jobs.items()}
    for name, seconds in times.items():
        print(f"Spark, two partitions of few rows, {name}: {1000 * statistics.median(seconds):.0f} ms")
    session.stop()


def online(n: int, d: int, k: int) -> None:
    """E-steps until within one unit of log-likelihood of the optimum, from one start."""
    X = rows(n, d, k)
    model, start = begun(X, k)
    solvers = (emkit.EM(), emkit.Online(), emkit.Incremental(), emkit.QuasiNewton())
    fits = {type(s).__name__: emkit.fit(model, X, start=start, solver=s, max_iter=2000) for s in solvers}
    best = max(fit.objective for fit in fits.values())
    for name, fit in fits.items():
        near = np.flatnonzero(fit.trace.objective > best - 1)
        steps = int(fit.trace.n_e_steps[near[0]]) if near.size else -1
        print(f"n={n} d={d} k={k} {name:12s} {steps} E-steps to within 1 of {best:.2f}; {fit.status.value} after all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["stream", "sequences", "dask", "online", "overhead"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    if "stream" in given.what:
        for d, k in ((5, 3), (10, 5), (20, 10)):
            stream(given.rows, d, k)
    if "sequences" in given.what:
        for d, k in ((2, 2), (10, 5)):
            sequences(given.rows, d, k)
    if "dask" in given.what:
        dask_workers(10 * given.rows, 5, 3)
    if "online" in given.what:
        online(given.rows // 5, 4, 6)
    if "overhead" in given.what:
        overhead()
    if "spark" in given.what:
        spark()


if __name__ == "__main__":
    main()
