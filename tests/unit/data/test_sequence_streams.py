"""Sequences read from files in every pass: the blocks and bits of memory, whole sequences, and clear errors."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import emkit
from emkit.core import leaves
from emkit.data import BLOCK_ROWS, SequenceSource, as_sequences, scan
from emkit.data.sequence_streams import SequenceStream
from emkit.errors import DataError, DataTypeError, ParameterError

SIZES = [5, 1, BLOCK_ROWS + 300, 40, 700] + [97] * 250  # one longer than a block
N = sum(SIZES)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 2, N // 9 + 1), 9)[:N]
    who = np.repeat(np.arange(len(SIZES)), SIZES)
    return pd.DataFrame(
        {
            "who": np.array([f"p{i}" for i in range(len(SIZES))])[who],
            "t": np.concatenate([np.arange(n) for n in SIZES]) * 2.0,
            "x": rng.normal(3.0 * state, 1.0),
            "y": rng.normal(0.0, 1.0 + state),
            "w": 1.0 + who % 3,
        }
    )


def write(kind, frame, folder):
    """Write a table as files of one kind, cut where sequences are not; return what a user would pass."""
    path = folder / f"rows.{kind}"
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=7001)
    elif kind == "folder":
        path = folder / "parts"
        path.mkdir()
        for i, (a, b) in enumerate(((0, 3), (3, 17_000), (17_000, N))):
            pq.write_table(table.slice(a, b - a), path / f"part-{i}.parquet")
    elif kind == "feather":
        pa.feather.write_feather(table, path, chunksize=9999)
    elif kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "dataset":
        pq.write_table(table, folder / "rows.parquet")
        return pa.dataset.dataset(folder / "rows.parquet")
    elif kind == "batches":
        return lambda: iter(table.to_batches(max_chunksize=4321))
    elif kind == "frames":
        return lambda: (frame[i : i + 5000] for i in range(0, len(frame), 5000))
    return path


KINDS = ["parquet", "folder", "feather", "csv", "dataset", "batches", "frames"]


def streamed(data, **options):
    return scan(data, ["x", "y"], sequence="who", time="t", memory_limit=0, **options)


def held(frame, **options):
    return as_sequences(frame[["who", "t", "x", "y"]], sequence="who", time="t", **options)


def bits(model):
    return [leaf.value.tobytes() for leaf in leaves(model.parameters_)], model.fit_.loglik


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_those_of_memory(kind, frame, tmp_path):
    source, memory = streamed(write(kind, frame, tmp_path)), held(frame)
    assert isinstance(source, SequenceStream)
    assert (source.n_rows, source.n_sequences, source.feature_names) == (N, len(SIZES), ("x", "y"))
    assert source.lengths.tolist() == SIZES
    for mine, theirs in zip(source.blocks(), memory.blocks(), strict=True):
        assert mine.X.tobytes() == theirs.X.tobytes()
        assert mine.lengths.tolist() == theirs.lengths.tolist()
        assert (mine.start, mine.first_sequence, mine.has_missing) == (theirs.start, theirs.first_sequence, False)
    for seed, n in ((0, 1000), (1, 1000), (2, 30), (3, 10**6)):
        mine, theirs = (s.sample(n, np.random.default_rng(seed)) for s in (source, memory))
        assert mine.X.tobytes() == theirs.X.tobytes()
        assert mine.lengths.tolist() == theirs.lengths.tolist()
    chosen = [200, 0, 2, 0]
    assert source.take(chosen).X.tobytes() == memory.take(chosen).X.tobytes()
    assert source.name(3) == "sequence 'p3'"


@pytest.mark.parametrize("n_threads", [1, 3])
def test_fit_has_the_bits_of_memory(n_threads, frame, tmp_path):
    source = streamed(write("parquet", frame, tmp_path), weights="w", n_threads=n_threads)
    weights = frame.groupby("who", sort=False)["w"].first().to_numpy()
    memory = held(frame, sample_weight=weights)
    there, here = (emkit.GaussianHMM(2, random_state=0, n_init=2).fit(data) for data in (source, memory))
    assert bits(there) == bits(here)
    rows = frame[["who", "t", "x", "y"]]
    here.sequence, here.time = "who", "t"
    assert (there.predict(source) == here.predict(rows)).all()
    assert there.score(source) == here.score(held(frame), sample_weight=weights)
    np.testing.assert_array_equal(there.predict_proba(source), here.predict_proba(rows))
    assert there.decode(source)[0] == here.decode(rows)[0]
    assert there.forecast(source, h=2)[5].states.tolist() == (here.forecast(rows, h=2)[5].states.tolist())


def test_estimators_take_paths_and_names_of_columns(frame, tmp_path):
    small = frame[:9000].drop(columns="w")[: sum(SIZES[:2])]
    path = write("parquet", small, tmp_path)
    assert isinstance(as_sequences(path, sequence="who", time="t"), SequenceSource)
    there = emkit.GaussianHMM(1, sequence="who").fit(path, time="t")
    here = emkit.GaussianHMM(1).fit(small, sequence="who", time="t")
    assert bits(there) == bits(here)
    assert there.feature_names_in_.tolist() == ["x", "y"]
    assert (there.predict([path]) == here.predict(small)).all()


def test_weights_by_name_in_a_frame_and_in_a_file(frame, tmp_path):
    part = frame[: SIZES[0] + SIZES[1]]
    here = as_sequences(part, sequence="who", time="t", sample_weight="w")
    there = as_sequences(write("parquet", part, tmp_path), sequence="who", time="t", sample_weight="w")
    assert here.weights.tolist() == there.weights.tolist() == [1.0, 2.0]
    assert here.feature_names == there.feature_names == ("x", "y")


def test_small_files_may_stand_in_any_order(frame, tmp_path):
    shuffled = frame[: SIZES[0] + SIZES[1]].sample(frac=1, random_state=0)
    source = as_sequences(write("parquet", shuffled, tmp_path), sequence="who", time="t")
    assert source.X.tobytes() == as_sequences(shuffled, sequence="who", time="t").X.tobytes()


def test_lists_of_record_batches_are_sequences_or_batches(frame):
    batches = pa.Table.from_pandas(frame[["who", "x"]], preserve_index=False).to_batches(max_chunksize=9000)
    assert as_sequences(batches, sequence="who").lengths.tolist() == SIZES
    parts = [batch.select(["x"]) for batch in batches]
    assert as_sequences(parts).lengths.tolist() == [batch.num_rows for batch in batches]


def test_rows_without_a_key_are_one_sequence_and_lengths_tell_others(frame, tmp_path):
    path = write("parquet", frame[["x", "y"]], tmp_path)
    assert as_sequences(path).lengths.tolist() == [N]
    source = scan(path, lengths=SIZES, memory_limit=0)
    assert isinstance(source, SequenceStream)
    assert [b.X.tobytes() for b in source.blocks()] == [b.X.tobytes() for b in held(frame).blocks()]
    with pytest.raises(DataError, match=f"`lengths` add up to {N - 1}, but X has {N} rows"):
        scan(path, lengths=[N - 1], memory_limit=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: emkit.hmm.AutoregressiveHMM(2, order=2, random_state=0, n_init=1, tol=1e-2),
        lambda: emkit.hmm.HiddenSemiMarkovModel(
            n_components=2, max_duration=12, random_state=0, n_init=1, tol=1.0, max_iter=30
        ),
        lambda: emkit.hmm.StudentHMM(2, random_state=0, n_init=1, tol=1e-2),
    ],
    ids=["autoregressive", "semi-markov", "student"],
)
@pytest.mark.filterwarnings("ignore::emkit.errors.ConvergenceWarning")
def test_other_chains_have_the_bits_of_memory(make, frame, tmp_path):
    part = frame[sum(SIZES[:3]) :][["who", "t", "x"]]
    source = scan(write("parquet", part, tmp_path), sequence="who", time="t", memory_limit=0)
    there, here = make().fit(source), make().fit(part, sequence="who", time="t")
    assert bits(there) == bits(here)
    assert (there.predict(source) == here.predict(part)).all()


def test_discrete_emissions_agree_with_memory(frame, tmp_path):
    part = pd.DataFrame({"who": frame["who"], "t": frame["t"], "n": np.round(np.abs(frame["x"]))})
    source = scan(write("parquet", part, tmp_path), sequence="who", time="t", memory_limit=0)
    there, here = (
        emkit.hmm.PoissonHMM(2, random_state=0, n_init=1).fit(d)
        for d in (source, as_sequences(part, sequence="who", time="t"))
    )
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)


def test_missing_entries(frame, tmp_path):
    part = frame.copy()
    part.loc[::11, "x"] = np.nan
    source, memory = streamed(write("parquet", part, tmp_path)), held(part)
    assert [b.has_missing for b in source.blocks()] == [b.has_missing for b in memory.blocks()]
    there, here = (emkit.GaussianHMM(2, random_state=0, n_init=1, tol=1e-2).fit(s) for s in (source, memory))
    assert bits(there) == bits(here)
    part["y"] = np.nan
    with pytest.raises(DataError, match="1 column.* of nothing but NaN"):
        emkit.GaussianHMM(2).fit(streamed(write("batches", part, tmp_path)))


# --- bad input ---


def test_sequences_that_come_back_are_named(frame, tmp_path):
    order = np.r_[0:20_000, 25_000:N, 20_000:25_000]
    path = write("parquet", frame.iloc[order], tmp_path)
    message = r"'p\d+' do not stand together: .*rows\.parquet, row \d+, comes back to it. Sort the rows"
    with pytest.raises(DataError, match=message):
        streamed(path)


def test_times_that_fall_or_occur_twice(frame, tmp_path):
    for row in (3, 4321 * 2):  # within a batch, and where one begins
        swapped = frame.copy()
        swapped.loc[[row - 1, row], "t"] = frame["t"][[row, row - 1]].to_numpy()
        message = r"in sequence 'p\d', time \d+\.0 comes after \d+\.0 .*Sort the rows by sequence and time"
        with pytest.raises(DataError, match=message):
            streamed(write("batches", swapped, tmp_path))
    twice = frame.copy()
    twice.loc[2, "t"] = twice["t"][1]
    with pytest.raises(DataError, match=r"sequence 'p0' has two rows at time 2\.0"):
        streamed(write("batches", twice, tmp_path))


def test_keys_that_are_missing(frame, tmp_path):
    lost = frame.copy()
    lost.loc[17_000, "who"] = None
    with pytest.raises(
        DataError, match=r"batch \d.*`sequence` must name the sequence of every row, but row \d+ has none"
    ):
        streamed(write("batches", lost, tmp_path))
    with pytest.raises(DataError, match=r"rows\.parquet has no column 'group'. Its columns are: 'who', 't'"):
        scan(write("parquet", frame, tmp_path), sequence="group", memory_limit=0)
    text = frame.assign(t="now")
    with pytest.raises(DataError, match="`time` must be numbers or dates"):
        streamed(write("batches", text, tmp_path))


def test_weights_that_change_within_a_sequence(frame, tmp_path):
    other = frame.copy()
    other.loc[6000, "w"] = 9.0
    with pytest.raises(DataError, match=r"must be constant within a sequence, but in sequence 'p2' it is .* and"):
        streamed(write("batches", other, tmp_path), weights="w")


def test_columns_of_keys_are_named(frame, tmp_path):
    path = write("parquet", frame, tmp_path)
    with pytest.raises(DataTypeError, match="`sequence` must be the name of a column where X is read from files"):
        as_sequences(path, sequence=frame["who"])
    with pytest.raises(DataError, match=r"name columns .*scan\(path, sequence=...\)"):
        as_sequences(scan(path, ["x", "y"], memory_limit=0), sequence="who")
    with pytest.raises(ParameterError, match="`lengths` say where sequences end: leave out 'who'"):
        scan(path, ["x"], sequence="who", lengths=SIZES, memory_limit=0)


def test_file_that_changes_during_the_fit(frame, tmp_path):
    path = write("parquet", frame, tmp_path)
    source = streamed(path)

    def meddle(info):
        pq.write_table(pa.Table.from_pandas(frame[:100]), path)

    with pytest.raises(DataError, match=r"rows\.parquet changed while it was in use"):
        emkit.GaussianHMM(2, random_state=0, n_init=1, on_iteration=meddle).fit(source)


def test_corrupt_file_in_the_middle(frame, tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path, row_group_size=7001, compression="gzip", use_dictionary=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"rows\.parquet is damaged, or no \.parquet file"):
        emkit.GaussianHMM(2).fit(path, sequence="who", time="t", sample_weight="w")


def test_columns_that_differ_between_files_and_empty_files(frame, tmp_path):
    part = frame[: sum(SIZES[:2])]
    pq.write_table(pa.Table.from_pandas(part[:5]), tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pandas(part[:0]), tmp_path / "b.parquet")
    pq.write_table(pa.Table.from_pandas(part[5:]), tmp_path / "c.parquet")
    assert scan(tmp_path, ["x"], sequence="who", memory_limit=0).lengths.tolist() == SIZES[:2]
    pq.write_table(pa.Table.from_pandas(part[5:].drop(columns="who")), tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"differ between files: .*c\.parquet lacks 'who', compared with .*a\.parquet"):
        scan(tmp_path, ["x"], sequence="who", memory_limit=0)
    (tmp_path / "c.parquet").unlink()
    (tmp_path / "a.parquet").unlink()
    with pytest.raises(DataError, match="there is no row in any file"):
        scan(tmp_path, ["x"], sequence="who", memory_limit=0)


def test_no_room_for_the_temporary_copy(frame, tmp_path, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("emkit.data.supply.tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(DataError, match=r"No space left on device\. Name a folder"):
        streamed(write("csv", frame, tmp_path))


LIMITED = """
    import re, resource, sys, threading
    from pathlib import Path
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    import emkit
    threading.stack_size(1 << 19)
    path, parts, length, d = sys.argv[1], 75, 20_000, 10
    rng = np.random.default_rng(0)
    def rows(i):
        X = rng.normal(size=(length, d)) + 4 * (rng.random((length, 1)) < 0.5)
        who = np.repeat(np.arange(length // 100) + i * length, 100)
        return pa.table({"who": who, **{f"x{j}": X[:, j] for j in range(d)}})
    def fit(path):
        chain = emkit.GaussianHMM(2, n_init=1, random_state=0, n_threads=2, solver=emkit.EM(), tol=10.0)
        return chain.fit(path, sequence="who")
    with pq.ParquetWriter(path, rows(0).schema) as writer:
        for i in range(parts):
            writer.write_table(rows(i))
    pq.write_table(pa.concat_tables([rows(i) for i in range(22)]), path + ".small.parquet", row_group_size=length)
    fit(path + ".small.parquet")  # loads libraries
    used = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + 8 * parts * length * d // 5,) * 2)
    fitted = fit(path)
    print(fitted.converged_, fitted.fit_.weight)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_file_five_times_larger_than_the_memory_allowed(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path / "rows.parquet")]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == ["True", "1500000.0"], done.stderr
