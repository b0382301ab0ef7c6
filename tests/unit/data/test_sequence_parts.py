"""Sequences in the partitions of dask data frames: the answer of the same sequences in memory, on workers too."""

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
from emkit.data import as_sequences
from emkit.data.sequence_parts import PartitionedSequences
from emkit.errors import DataError, ParameterError

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

SIZES = [40] * 300 + [17_000, 3, 900]
CUTS = [0, 100, 100, 290, 302, 303]  # sequences: with none, with one, and with more than a block


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = sum(SIZES)
    who = np.repeat(np.arange(len(SIZES)), SIZES)
    state = np.repeat(rng.integers(0, 2, n // 8 + 1), 8)[:n]
    return pd.DataFrame(
        {
            "x": rng.normal(3.0 * state, 1.0),
            "who": [f"p{i}" for i in who],
            "t": np.concatenate([np.arange(k) for k in SIZES]),
            "w": 1.0 + who % 2,
        }
    )


def parts_of(frame):
    ends = np.concatenate([[0], np.cumsum(SIZES)])
    return [frame[ends[a] : ends[b]] for a, b in pairwise(CUTS)]


def spread(parts):
    return dd.from_delayed([dask.delayed(part) for part in parts], meta=parts[0])


def fitted(data, **options):
    model = emkit.GaussianHMM(2, random_state=0, n_init=2, n_threads=1, tol=1e-4)
    return model.fit(data, sequence="who", time="t", **options)


def test_fit_and_answers_are_those_of_memory(frame):
    plain = frame[["x", "who", "t"]]
    data = spread(parts_of(plain))
    here, there = fitted(plain), fitted(data)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    assert there.fit_.n_iter == here.fit_.n_iter
    np.testing.assert_allclose(there.transmat_, here.transmat_, rtol=1e-9)
    assert there.feature_names_in_.tolist() == ["x"]
    assert there.score(data) == pytest.approx(here.score(plain), rel=1e-12)
    assert there.score_sequences(data).shape == (len(SIZES),)
    states, resp = there.predict(data), there.predict_proba(data)
    assert isinstance(states, da.Array)
    assert isinstance(resp, da.Array)
    assert (states.compute() == here.predict(plain)).all()
    np.testing.assert_allclose(resp.compute(), here.predict_proba(plain), atol=1e-9)


def test_sums_are_those_of_the_partitions_in_order(frame):
    """The law of the engine: blocks of sequences within each partition, then partitions, from left to right."""
    plain = frame[["x", "who", "t"]]
    model = fitted(plain)
    source = as_sequences(spread(parts_of(plain)), sequence="who", time="t")
    assert isinstance(source, PartitionedSequences)

    def statistics(block):
        return model.model_.e_step(model.parameters_, block)

    total = None
    for part in parts_of(plain):
        if len(part):
            own = as_sequences(part, sequence="who", time="t").reduce(statistics)
            total = own if total is None else total + own
    found = source.reduce(statistics)
    assert found.loglik == total.loglik
    assert found.moves.tobytes() == total.moves.tobytes()


def test_samples_sequences_and_blocks_are_those_of_memory(frame):
    plain = frame[["x", "who", "t"]]
    source = as_sequences(spread(parts_of(plain)), sequence="who", time="t")
    memory = as_sequences(plain, sequence="who", time="t")
    assert source.lengths.tolist() == SIZES
    for seed, n in ((0, 500), (1, 10), (2, 10**6)):
        mine, theirs = (s.sample(n, np.random.default_rng(seed)) for s in (source, memory))
        assert mine.X.tobytes() == theirs.X.tobytes()
    assert source.take([301, 0, 0]).X.tobytes() == memory.take([301, 0, 0]).X.tobytes()
    assert [block.first_sequence for block in source.blocks()][:2] == [0, 100]
    assert np.concatenate([block.X for block in source.blocks()]).tobytes() == memory.X.tobytes()
    assert source.name(301) == "sequence 'p301'"


def test_rows_in_any_order_within_a_partition(frame):
    parts = [part.sample(frac=1, random_state=0) for part in parts_of(frame[["x", "who", "t"]])]
    data, shuffled = spread(parts), pd.concat(parts)
    there, here = fitted(data), fitted(shuffled)
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-9)
    assert (there.predict(data).compute() == here.predict(shuffled)).all()
    assert (there.decode(data)[1] == here.predict(shuffled)).all()


def test_weights_by_name_and_as_an_array(frame):
    weights = frame.groupby("who", sort=False)["w"].first().to_numpy()
    named = fitted(spread(parts_of(frame)), sample_weight="w")
    given = fitted(spread(parts_of(frame[["x", "who", "t"]])), sample_weight=weights)
    here = fitted(frame, sample_weight="w")
    assert named.fit_.loglik == given.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    with pytest.raises(DataError, match=r"`sample_weight` must have shape \(303,\)"):
        fitted(spread(parts_of(frame[["x", "who", "t"]])), sample_weight=np.ones(5))


def test_autoregressions_see_their_past(frame):
    plain = frame[["x", "who", "t"]]
    options = {"order": 1, "random_state": 0, "n_init": 1, "tol": 1e-2, "sequence": "who", "time": "t"}
    there, here = (emkit.hmm.AutoregressiveHMM(2, **options).fit(data) for data in (spread(parts_of(plain)), plain))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-9)
    assert (there.predict(spread(parts_of(plain))).compute() == here.predict(plain)).mean() > 0.999


# --- bad input ---


def test_sequence_in_two_partitions_is_named(frame):
    data = dd.from_pandas(frame[["x", "who", "t"]], npartitions=2)
    message = r"sequence 'p\d+' has rows in partitions 0 and 1: each partition .* frame.shuffle\('who'\)"
    with pytest.raises(DataError, match=message):
        fitted(data)


def test_partitions_are_named(frame):
    parts = [part.copy() for part in parts_of(frame[["x", "who", "t"]])]
    parts[2].loc[parts[2].index[3], "x"] = np.inf
    with pytest.raises(DataError, match="partition 2: X contains infinity"):
        fitted(spread(parts))
    parts = parts_of(frame[["x", "who", "t"]])
    lacking = [dask.delayed(part) for part in (parts[0], parts[1], parts[2].drop(columns="t"))]
    with pytest.raises(DataError, match="partition 2: there is no column 't'; its columns are 'x', 'who'"):
        fitted(lacking)
    with pytest.raises(DataError, match="`sequence` is 'group', but the columns are 'x', 'who', 't'"):
        emkit.GaussianHMM(2).fit(spread(parts), sequence="group")
    with pytest.raises(DataError, match="no partition has a row"):
        fitted([dask.delayed(parts[0][:0])])
    with pytest.raises(DataError, match="a dask array has no named columns to tell sequences by"):
        emkit.GaussianHMM(2).fit(da.ones((5, 2)), sequence="who")
    with pytest.raises(ParameterError, match="`fill_gaps` is for data in memory"):
        fitted(spread(parts), fill_gaps=True)


CLUSTER = """
    import os, signal
    import numpy as np, pandas as pd
    import dask, emkit
    from distributed import Client, LocalCluster

    def rows(i):
        rng = np.random.default_rng(i)
        state = np.repeat(rng.integers(0, 2, 500), 8)
        who = i * 100 + np.repeat(np.arange(100), 40)
        return pd.DataFrame({"who": who, "x": rng.normal(3.0 * state, 1.0)})

    if __name__ == "__main__":
        parts = [dask.delayed(rows)(i) for i in range(4)]
        def fit(**options):
            chain = emkit.GaussianHMM(2, random_state=0, n_init=1, solver=emkit.EM(), sequence="who", **options)
            return chain.fit(parts)
        here = fit()
        options = {"dashboard_address": None, "processes": True, "silence_logs": 50}
        with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, Client(cluster) as client:
            there = fit()
            pids = list(client.run(os.getpid).values())[:1]
            def kill(info):
                if info.iteration == 3 and pids:
                    os.kill(pids.pop(), signal.SIGKILL)
            lost = fit(on_iteration=kill)
            states = lost.predict(parts).compute()
        for model in (here, there, lost):
            print(model.fit_.loglik.hex(), model.transmat_.tobytes().hex(), model.n_iter_)
        print((states == here.predict(pd.concat([rows(i) for i in range(4)]))).all())
"""


def test_worker_killed_in_mid_fit_changes_no_bit(tmp_path):
    """A real cluster of two worker processes, one of which is killed with the partitions it holds."""
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
    here, there, lost, last = out.splitlines()
    assert here == there == lost
    assert last == "True"
