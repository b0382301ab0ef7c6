"""Dask collections: the answer of the partitions, in this process and on workers that are killed in the middle."""

import os
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.core import leaves
from emkit.data import MemorySource, as_source
from emkit.errors import DataError

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

CUTS = [0, 1, 9000, 9000, 26_000, 40_000]  # one row, none, and more than a block


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(m, 1, size=(20_000, 3)) for m in (0, 3.0)])[rng.permutation(40_000)]


def uneven(X, kind):
    parts = [X[a:b] for a, b in pairwise(CUTS)]
    if kind == "frame":
        parts = [pd.DataFrame(part, columns=list("abc")) for part in parts]
        return dd.from_delayed([dask.delayed(part) for part in parts], meta=parts[0])
    if kind == "array":
        return da.concatenate([da.from_array(part, chunks=(len(part), 2)) for part in parts if len(part)])
    return [dask.delayed(part) for part in parts]


def bits(estimator):
    return [leaf.value.tobytes() for leaf in leaves(estimator.parameters_)], estimator.fit_.loglik


def fitted(data, **options):
    return emkit.GaussianMixture(2, random_state=0, n_init=2, n_threads=1).fit(data, **options)


@pytest.mark.parametrize("kind", ["frame", "array", "delayed"])
def test_fit_is_that_of_the_rows(kind, X):
    data = uneven(X, kind)
    here, there = fitted(X), fitted(data)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    assert there.fit_.n_iter == here.fit_.n_iter
    np.testing.assert_allclose(there.means_, here.means_, rtol=1e-9)
    if kind == "frame":
        assert there.feature_names_in_.tolist() == ["a", "b", "c"]


def test_sums_are_those_of_the_partitions_in_order(X):
    """The law of the engine: blocks within each partition, then partitions, added from left to right."""
    model = fitted(X)
    source = as_source(uneven(X, "frame"))

    def statistics(block):
        return model.model_.e_step(model.parameters_, block)

    parts = [X[a:b] for a, b in pairwise(CUTS) if b > a]
    total = None
    for part in parts:
        own = MemorySource(np.ascontiguousarray(part)).reduce(statistics)
        total = own if total is None else total + own
    found = source.reduce(statistics)
    assert found.loglik == total.loglik
    assert found.members.second.tobytes() == total.members.second.tobytes()


def test_samples_rows_and_blocks_are_those_of_memory(X):
    source, memory = as_source(uneven(X, "frame")), as_source(X)
    mine, theirs = (s.sample(500, np.random.default_rng(3)) for s in (source, memory))
    assert mine.X.tobytes() == theirs.X.tobytes()
    rows = [39_999, 0, 1, 1, 8999, 9000]
    assert source.take(rows).X.tobytes() == X[rows].tobytes()
    assert np.concatenate([block.X for block in source.blocks()]).tobytes() == X.tobytes()
    assert [block.start for block in source.blocks()] == [0, 1, 9000, 9000 + 16384, 26_000]
    for name in ("mean", "var", "low", "high"):
        mine, theirs = (getattr(s.column_moments(), name) for s in (source, memory))
        np.testing.assert_allclose(mine, theirs, rtol=1e-13)


def test_weights_by_name_and_as_an_array(X):
    weights = np.random.default_rng(1).integers(0, 3, len(X)).astype(float)
    frame = pd.DataFrame(X, columns=list("abc")).assign(w=weights)
    named = fitted(dd.from_pandas(frame, npartitions=3), sample_weight="w")
    given = fitted(dd.from_pandas(frame[["a", "b", "c"]], npartitions=3), sample_weight=weights)
    held = fitted(X, sample_weight=weights)
    assert bits(named) == bits(given)
    assert named.fit_.loglik == pytest.approx(held.fit_.loglik, rel=1e-12)
    with pytest.raises(DataError, match="`sample_weight` is 'v', but the columns are 'a', 'b', 'c', 'w'"):
        fitted(dd.from_pandas(frame, npartitions=3), sample_weight="v")


def test_answers_are_collections_made_on_demand(X):
    model, data = fitted(X), uneven(X, "array")
    calls = []
    data = data.map_blocks(lambda part: calls.append(1) or part, dtype=data.dtype, meta=np.empty((0, 3)))
    labels, resp, density = model.predict(data), model.predict_proba(data), model.score_samples(data)
    assert calls == []
    assert isinstance(labels, da.Array)
    assert labels.shape == (len(X),)
    assert (labels.compute() == model.predict(X)).all()
    np.testing.assert_allclose(resp.compute(), model.predict_proba(X), rtol=1e-12)
    np.testing.assert_allclose(density.compute(), model.score_samples(X), rtol=1e-12)


def test_models_of_other_kinds(X):
    frame = uneven(X, "frame")
    there, here = emkit.KMeans(3, random_state=0).fit(frame), emkit.KMeans(3, random_state=0).fit(X)
    assert there.inertia_ == pytest.approx(here.inertia_, rel=1e-12)
    assert (there.predict(frame).compute() == here.predict(X)).all()
    counts = np.abs(np.round(X))
    there, here = (emkit.PoissonMixture(2, random_state=0, n_init=2).fit(d) for d in (uneven(counts, "frame"), counts))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)


def test_bad_partitions_are_named(X):
    X = X.copy()
    X[30_000, 1] = np.nan
    with pytest.raises(DataError, match=r"partition 4: X contains NaN, a missing value, first in row 4000, column 1"):
        emkit.KMeans(2).fit(uneven(X, "frame"))
    parts = [pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"a": [1.0], "c": [2.0]})]
    with pytest.raises(DataError, match="partition 1: there is no column 'b'; its columns are 'a', 'c'"):
        fitted([dask.delayed(part) for part in parts])
    text = dd.from_pandas(pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), npartitions=1)
    with pytest.raises(DataError, match="partition 0: .*'b'"):
        fitted(text)
    with pytest.raises(DataError, match="no partition has a row"):
        fitted([dask.delayed(X[:0])])


def test_corrupt_file_behind_a_partition(X, tmp_path):
    frame = pd.DataFrame(X, columns=list("abc"))
    for i, part in enumerate((frame[:20_000], frame[20_000:])):
        part.to_parquet(tmp_path / f"part-{i}.parquet", compression="gzip")
    data = dd.read_parquet(tmp_path)
    path = tmp_path / "part-1.parquet"
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2 : len(broken) // 2 + 4000] = b"\xff" * 4000
    path.write_bytes(broken)
    with pytest.raises(DataError, match="a partition of the dask collection cannot be read: .*. Nothing is lost"):
        fitted(data)


def test_errors_of_a_model_are_its_own(X):
    def broken(block):
        message = "a bug of the model"
        raise ValueError(message)

    with pytest.raises(ValueError, match="a bug of the model"):
        as_source(uneven(X, "frame")).map(broken)


CLUSTER = """
    import os, signal, warnings
    import numpy as np
    import dask.array as da
    import emkit
    from distributed import Client, LocalCluster

    def rows(i):
        return np.random.default_rng(i).normal(3.0 * (np.arange(8000) % 2)[:, None], 1.0, (8000, 3))

    if __name__ == "__main__":
        import dask
        parts = [dask.delayed(rows)(i) for i in range(6)]
        def fit(**options):
            return emkit.GaussianMixture(2, random_state=0, n_init=1, solver=emkit.EM(), **options).fit(parts)
        here = fit()
        options = {"dashboard_address": None, "processes": True, "silence_logs": 50}
        with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
            there = fit()
            pids = list(client.run(os.getpid).values())
            def kill(info):
                if info.iteration == 3 and pids:
                    os.kill(pids.pop(), signal.SIGKILL)
            lost = fit(on_iteration=kill)
            labels = lost.predict(parts).compute()
            import emkit.data.dask
            emkit.data.dask._SMALL = 0  # functions by tasks of their own, as large ones travel
            large = fit()
        for model in (here, there, lost, large):
            print(model.fit_.loglik.hex(), model.means_.tobytes().hex(), model.n_iter_)
        print(len(pids), (labels == here.predict(np.concatenate([rows(i) for i in range(6)]))).all())
"""


def test_worker_killed_in_mid_fit_changes_no_bit(tmp_path):
    """A real cluster of two worker processes; both are killed, one after the other, with the partitions they hold."""
    pytest.importorskip("distributed")
    script = tmp_path / "cluster.py"
    script.write_text(textwrap.dedent(CLUSTER))
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as run:
        try:
            out, err = run.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            raise
    assert run.returncode == 0, err
    here, there, lost, large, last = out.splitlines()
    assert here == there == lost == large
    assert last == "0 True"
