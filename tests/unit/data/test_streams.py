"""Rows read from files in every pass: the same blocks and bits as in memory, at constant memory, with clear errors."""

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
from emkit.data import BLOCK_ROWS, FileSource, MemorySource, as_source, scan
from emkit.data.ahead import read_ahead
from emkit.data.room import Shelf, free_memory
from emkit.data.views import ColumnView
from emkit.errors import DataError, DataTypeError
from emkit.families.gaussian import Gaussian
from emkit.families.poisson import Poisson
from emkit.families.product import Product
from emkit.mixture import FiniteMixture

N = 2 * BLOCK_ROWS + 1234


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(0, 1, (N // 2, 3)), rng.normal(3, 1, (N - N // 2, 3))])[rng.permutation(N)]


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(1).integers(0, 3, N).astype(float)


def table(X, weights=None):
    columns = {name: X[:, j] for j, name in enumerate("abc")}
    return pa.table(columns if weights is None else {"a": X[:, 0], "w": weights, "b": X[:, 1], "c": X[:, 2]})


def write(kind, X, folder, weights=None):
    """Write rows as files of one kind; return what a user would pass."""
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pq.write_table(table(X, weights), path, row_group_size=7001)
    elif kind == "folder":
        path = folder / "parts"
        path.mkdir()
        (path / "_SUCCESS").touch()
        for i, start in enumerate((0, 5, 20_000, 30_000)):
            pq.write_table(table(X[start : (5, 20_000, 30_000, N)[i]]), path / f"part-{i}.parquet")
    elif kind == "list":
        np.save(folder / "one.npy", X[:20_000])
        np.save(folder / "two.npy", np.asfortranarray(X[20_000:]))
        return [folder / "one.npy", str(folder / "two.npy")]
    elif kind == "feather":
        pa.feather.write_feather(table(X, weights), path, chunksize=9999)
    elif kind == "arrows":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table(X).schema) as writer:
            writer.write_table(table(X), max_chunksize=12_345)
    elif kind in {"csv", "csv.gz"}:
        pd.DataFrame(X, columns=list("abc")).to_csv(path, index=False)
    elif kind == "dataset":
        pq.write_table(table(X), folder / "rows.parquet")
        return pa.dataset.dataset(folder / "rows.parquet")
    elif kind == "arrays":
        return lambda: (X[i : i + 10_001] for i in range(0, N, 10_001))
    elif kind == "batches":
        return lambda: iter(table(X).to_batches(max_chunksize=4321))
    elif kind == "list of batches":
        return table(X).to_batches(max_chunksize=4321)
    elif kind == "iterable":
        return Again(X)
    return path


class Again:
    """Batches that can be iterated over again and again."""

    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter(table(self.X).to_batches(max_chunksize=3210))


KINDS = [
    *("parquet", "folder", "list", "feather", "arrows", "csv", "csv.gz", "dataset", "arrays", "batches"),
    *("list of batches", "iterable"),
]


def same_blocks(source, memory):
    for mine, theirs in zip(source.blocks(), memory.blocks(), strict=True):
        assert mine.X.tobytes() == theirs.X.tobytes()
        assert mine.weights.tobytes() == theirs.weights.tobytes()
        assert (mine.start, mine.is_weighted, mine.has_missing) == (
            theirs.start,
            theirs.is_weighted,
            theirs.has_missing,
        )


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_those_of_memory(kind, X, tmp_path):
    source, memory = scan(write(kind, X, tmp_path), memory_limit=0), as_source(X)
    assert isinstance(source, FileSource)
    assert (source.n_rows, source.n_features, source.dtype) == (N, 3, np.float64)
    same_blocks(source, memory)
    for name in ("mean", "var", "low", "high"):
        mine, theirs = (getattr(s.column_moments(), name) for s in (source, memory))
        assert mine.tobytes() == theirs.tobytes()
    for seed in range(2):
        mine, theirs = (s.sample(1000, np.random.default_rng(seed)) for s in (source, memory))
        assert mine.X.tobytes() == theirs.X.tobytes()
    rows = [N - 1, 3, 3, BLOCK_ROWS]
    assert source.take(rows).X.tobytes() == X[rows].tobytes()


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_fit_has_the_bits_of_memory(kind, X, weights, n_threads, tmp_path):
    path = write(kind, X, tmp_path, weights)
    source = scan(path, weights="w", memory_limit=0, n_threads=n_threads)
    assert source.feature_names == ("a", "b", "c")
    same_blocks(source, as_source(X, weights))
    streamed, held = (
        emkit.GaussianMixture(2, random_state=0, n_init=2).fit(data, sample_weight=w)
        for data, w in ((source, None), (X, weights))
    )
    assert [leaf.value.tobytes() for leaf in leaves(streamed.parameters_)] == [
        leaf.value.tobytes() for leaf in leaves(held.parameters_)
    ]
    assert streamed.fit_.loglik == held.fit_.loglik
    assert (streamed.predict(source) == held.predict(X)).all()


def test_estimators_take_paths_and_names_of_weights(X, weights, tmp_path):
    path = write("parquet", X, tmp_path, weights)
    frame = pd.DataFrame(X, columns=list("abc")).assign(w=weights)
    plain = emkit.GaussianMixture(2, random_state=0, n_init=1).fit(X, sample_weight=weights)
    for data in (path, str(path), frame):
        fitted = emkit.GaussianMixture(2, random_state=0, n_init=1).fit(data, sample_weight="w")
        assert fitted.fit_.loglik == plain.fit_.loglik
        assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]


def test_missing_entries_and_weights_given_as_an_array(X, weights, tmp_path):
    X = X.copy()
    X[np.random.default_rng(2).random(X.shape) < 0.1] = np.nan
    source = scan(write("parquet", X, tmp_path), memory_limit=0).with_weights(weights)
    same_blocks(source, as_source(X, weights))
    options = {"random_state": 0, "n_init": 1, "max_iter": 5000}
    streamed, held = (emkit.GaussianMixture(2, **options).fit(data) for data in (source, as_source(X, weights)))
    assert streamed.fit_.loglik == pytest.approx(held.fit_.loglik, rel=1e-12)


def test_models_of_counts_hold_the_distinct_rows_alone(tmp_path):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.poisson(1, (N // 2, 2)), rng.poisson(6, (N - N // 2, 2))]).astype(float)
    source = scan(write("arrays", X, tmp_path), memory_limit=0)
    streamed, held = (emkit.PoissonMixture(2, random_state=0, n_init=2).fit(data) for data in (source, X))
    assert streamed.fit_.loglik == held.fit_.loglik
    assert streamed.fit_.source.is_in_memory
    binary = (X > 2).astype(float)
    source = scan(lambda: iter([binary]), memory_limit=0)
    streamed, held = (emkit.BernoulliMixture(2, random_state=0, n_init=2).fit(data) for data in (source, binary))
    assert streamed.fit_.loglik == held.fit_.loglik


def test_kmeans(X, tmp_path):
    source = scan(write("parquet", X, tmp_path), memory_limit=0)
    streamed, held = (emkit.KMeans(2, random_state=0).fit(data) for data in (source, X))
    assert streamed.inertia_ == pytest.approx(held.inertia_, rel=1e-12)
    assert (streamed.labels_ == held.labels_).all()
    assert "labels_" not in vars(streamed)  # nothing is kept of the rows


def test_a_family_for_each_column_has_the_bits_of_memory(X, weights):
    rows = np.column_stack([X[:, :2], np.abs(np.round(X[:, 2]))])
    source = scan(lambda: (rows[i : i + 9999] for i in range(0, N, 9999)), memory_limit=0)
    model = FiniteMixture(Product((Gaussian(), Poisson()), ((0, 1), (2,))), 2)
    for w in (None, weights):
        data = source if w is None else source.with_weights(w), as_source(rows, w)
        there, here = (emkit.fit(model, d, rng=0, n_starts=1, tol=0.1, solver=emkit.EM()) for d in data)
        assert there.loglik == pytest.approx(here.loglik, rel=1e-12)
    view, memory = ColumnView(source, (2, 0)), as_source(rows[:, [2, 0]])
    same_blocks(view, memory)
    assert view.sample(100, np.random.default_rng(0)).X.tobytes() == (
        memory.sample(100, np.random.default_rng(0)).X.tobytes()
    )
    assert view.take([5, 3]).column_moments().mean.tolist() == memory.take([5, 3]).column_moments().mean.tolist()


def test_temporary_copy_has_the_same_bits(X, weights, tmp_path):
    path = write("parquet", X, tmp_path, weights)
    source = scan(path, weights="w", memory_limit=0, cache=tmp_path, n_threads=2)
    path.unlink()
    same_blocks(source, as_source(X, weights))
    with pytest.raises(DataError, match="`cache` must be a folder"):
        scan(write("parquet", X, tmp_path), cache=tmp_path / "none")


def test_small_tables_are_held_in_memory(X, tmp_path):
    path = write("parquet", X[:100], tmp_path)
    assert isinstance(as_source(path), MemorySource)
    assert as_source(path).feature_names == ("a", "b", "c")


def test_float32_stays_unless_a_file_is_double(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 2), dtype=np.float32))
    np.save(tmp_path / "b.npy", np.zeros((3, 2)))
    assert scan(tmp_path / "a.npy", memory_limit=0).dtype == np.float32
    assert scan(tmp_path, memory_limit=0).dtype == np.float64


def test_columns_are_chosen_by_name(X, tmp_path):
    path = write("parquet", X, tmp_path)
    source = scan(path, ["c", "a"], memory_limit=0)
    assert next(source.blocks()).X.tobytes() == X[:BLOCK_ROWS, [2, 0]].tobytes()
    with pytest.raises(DataError, match=r"rows\.parquet has no column 'z'. Its columns are: 'a', 'b', 'c'"):
        scan(path, ["z"])
    with pytest.raises(DataError, match="no column 'v'"):
        as_source(path, "v")


# --- bad input ---


def test_corrupt_parquet_in_the_middle(X, tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(table(X), path, row_group_size=7001, compression="gzip", use_dictionary=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"rows\.parquet is damaged, or no \.parquet file"):
        as_source(path)


def test_truncated_and_foreign_files(X, tmp_path):
    path = write("parquet", X, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"rows\.parquet is damaged"):
        as_source(path)
    (tmp_path / "x.npy").write_bytes(b"no array at all")
    with pytest.raises(DataError, match=r"x\.npy is damaged"):
        as_source(tmp_path / "x.npy")
    np.save(tmp_path / "short.npy", X)
    whole = (tmp_path / "short.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"short\.npy"):
        as_source(tmp_path / "short.npy")


def test_columns_that_differ_between_files(X, tmp_path):
    pq.write_table(table(X[:10]), tmp_path / "a.parquet")
    pq.write_table(table(X[:10]).drop_columns("c"), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"differ between files: .*b\.parquet lacks 'c', compared with .*a\.parquet"):
        as_source(tmp_path)
    pq.write_table(table(X[:10]).append_column("d", [np.zeros(10)]), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet has 'd' besides"):
        as_source(tmp_path)


def test_text_in_a_later_file_names_file_and_column(X, tmp_path):
    pq.write_table(table(X[:10]), tmp_path / "a.parquet")
    pq.write_table(pa.table({"a": [1.0], "b": ["x"], "c": [2.0]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: .*'b'"):
        as_source(tmp_path)


def test_infinity_names_the_file(X, tmp_path):
    X = X.copy()
    X[20_000, 1] = np.inf
    path = write("parquet", X, tmp_path)
    with pytest.raises(DataError, match=r"rows\.parquet, rows counted from its row \d+: X contains infinity: row \d+"):
        as_source(path)


def test_empty_files_and_partitions(X, tmp_path):
    pq.write_table(table(X[:50]), tmp_path / "a.parquet")
    pq.write_table(table(X[:0]), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").touch()
    assert as_source(tmp_path).n_rows == 50
    with pytest.raises(DataError, match=r"c\.parquet is empty"):
        as_source(tmp_path / "c.parquet")
    with pytest.raises(DataError, match="0 sample"):
        as_source(tmp_path / "b.parquet")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no data files"):
        as_source(tmp_path / "none")


@pytest.mark.parametrize("kind", ["parquet", "list"])
def test_file_that_changes_during_the_fit(kind, X, tmp_path):
    path = write(kind, X, tmp_path)
    source = scan(path, memory_limit=0)
    file = tmp_path / ("two.npy" if kind == "list" else "rows.parquet")

    def meddle(info):
        file.write_bytes(file.read_bytes()[:-8])
        os.utime(file, (1, 1))

    with pytest.raises(DataError, match=rf"{file.name} changed while it was in use"):
        emkit.GaussianMixture(2, random_state=0, n_init=1, solver=emkit.EM(), on_iteration=meddle).fit(source)


def test_batches_that_change_between_passes(X):
    calls = []

    def begin():
        calls.append(1)
        return iter([X[: 30_000 if len(calls) < 3 else 20_000]])

    source = scan(begin, memory_limit=0)
    with pytest.raises(DataError, match="rows changed between two passes: there were 30000"):
        list(source.blocks())


def test_iterators_that_end_are_refused(X):
    with pytest.raises(DataTypeError, match="RecordBatchReader, which can be read only once"):
        as_source(table(X).to_reader())
    with pytest.raises(DataError, match="Each call must begin anew"):
        as_source(lambda: iter([]))
    with pytest.raises(DataTypeError, match="X must be a 2-D table of numbers, but it is a generator"):
        as_source(batch for batch in table(X).to_batches())


def test_missing_entries_are_refused_where_a_model_cannot(X, tmp_path):
    X = X.copy()
    X[BLOCK_ROWS + 7, 2] = np.nan
    with pytest.raises(DataError, match=rf"NaN, a missing value, first in row {BLOCK_ROWS + 7}, column 2 \('c'\)"):
        emkit.KMeans(2).fit(scan(write("parquet", X, tmp_path), memory_limit=0))


def test_no_room_for_the_temporary_copy_of_text(X, tmp_path, monkeypatch):
    path = write("csv", X, tmp_path)

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    monkeypatch.setattr("emkit.data.supply.tempfile.TemporaryFile", lambda **_: Full())
    with pytest.raises(DataError, match=r"No space left on device\. Name a folder"):
        as_source(path)


# --- passes ---


def test_reading_ahead_keeps_order_errors_and_ends_its_thread():
    assert list(read_ahead(range(100), 3)) == list(range(100))

    def broken():
        yield 1
        message = "two"
        raise KeyError(message)

    items = read_ahead(broken(), 2)
    assert next(items) == 1
    with pytest.raises(KeyError, match="two"):
        next(items)
    closed = []

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    items = read_ahead(endless(), 2)
    next(items)
    items.close()
    assert closed == [True]


def test_first_error_in_the_order_of_the_rows_surfaces(X, tmp_path):
    source = scan(write("parquet", X, tmp_path), memory_limit=0, n_threads=3)

    def fail(block):
        message = f"block {block.start}"
        raise ValueError(message)

    with pytest.raises(ValueError, match="block 0"):
        source.map(fail)


def counted(X, calls):
    def begin():
        calls.append(1)
        return (X[i : i + 10_001] for i in range(0, len(X), 10_001))

    return begin


def test_rows_are_read_once_where_there_is_room_and_let_go_after_the_fit(X, weights, monkeypatch):
    monkeypatch.setattr(sys.modules["emkit.data.scan"], "IN_MEMORY_BYTES", 0)
    calls, fits = [], []
    for limit in (0, X.nbytes - 1, X.nbytes, None):
        source = scan(counted(X, calls), memory_limit=limit).with_weights(weights)
        before = len(calls)
        fits.append(emkit.GaussianMixture(2, random_state=0, n_init=1, tol=1.0).fit(source).fit_.loglik)
        n_passes = len(calls) - before
        assert n_passes == 2 if limit in (None, X.nbytes) else n_passes > 5  # a look at the first rows is one
        list(source.blocks())
        assert len(calls) == before + n_passes + 1
    assert len(set(fits)) == 1


def test_a_fit_that_is_given_the_files_reads_them_once(X, weights, monkeypatch):
    monkeypatch.setattr(sys.modules["emkit.data.scan"], "IN_MEMORY_BYTES", 0)
    calls = []
    held = emkit.GaussianMixture(2, random_state=0, n_init=1, solver=emkit.EM(), tol=1.0).fit(X)
    there = emkit.GaussianMixture(2, random_state=0, n_init=1, solver=emkit.EM(), tol=1.0).fit(counted(X, calls))
    assert there.fit_.loglik == held.fit_.loglik
    assert len(calls) == 2  # the names are read off the first batch
    list(there.fit_.source.blocks())
    assert len(calls) == 3  # nothing is kept after the fit
    monkeypatch.setattr("emkit.data.room.free_memory", lambda: 4 * X.nbytes - 1)
    emkit.GaussianMixture(2, random_state=0, n_init=1, solver=emkit.EM(), tol=1.0).fit(counted(X, calls))
    assert len(calls) > 8  # one byte is lacking


def test_a_selection_reads_them_once_too(X, monkeypatch):
    monkeypatch.setattr(sys.modules["emkit.data.scan"], "IN_MEMORY_BYTES", 0)
    calls = []
    options = {"structures": ["EEE", "VVV"], "random_state": 0}
    source = scan(counted(X, calls))
    there, n_calls = emkit.select(source, [1, 2], **options), len(calls)
    assert n_calls < 10  # its many fits share what is kept
    assert there.best.fit_.loglik == emkit.select(X, [1, 2], **options).best.fit_.loglik


def test_numbers_of_several_kinds_are_read_again(X, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["emkit.data.scan"], "IN_MEMORY_BYTES", 0)
    parts = [X[:BLOCK_ROWS].astype(np.float32), X[BLOCK_ROWS:]]
    source = as_source(lambda: iter(parts))
    assert {block.X.dtype for block in source.blocks()} == {np.dtype(np.float64)}


def test_room_is_what_machine_container_and_limits_leave(monkeypatch):
    for name, room in (("_of_machine", 100), ("_of_container", 50), ("_of_limits", 80)):
        monkeypatch.setattr(f"emkit.data.room.{name}", lambda room=room: room)
    assert free_memory() == 50
    shelf = Shelf(None)
    with shelf.opened(13):  # more than a quarter
        shelf.keep(0, "numbers")
        assert shelf.all(1) is None
    with shelf.opened(12), shelf.opened(10**9):  # the first user decides
        shelf.keep(0, "numbers")
        assert shelf.all(1) == ["numbers"]
        assert shelf.all(2) is None
    assert shelf.all(1) is None


LIMITED = """
    import re, resource, sys, threading
    from pathlib import Path
    import numpy as np, pyarrow as pa, pyarrow.parquet as pq
    import emkit
    threading.stack_size(1 << 19)
    path, n, d = sys.argv[1], 1_200_000, 10
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(path, pa.schema([(f"x{j}", pa.float64()) for j in range(d)])) as writer:
        for i in range(80):
            rows = rng.normal(size=(n // 80, d)) + 4 * (rng.random((n // 80, 1)) < 0.5)
            part = pa.table({f"x{j}": rows[:, j] for j in range(d)})
            writer.write_table(part)
    pq.write_table(pa.concat_tables([part] * 32), path + ".small.parquet", row_group_size=n // 80)
    small = emkit.data.scan(path + ".small.parquet", memory_limit=0)
    emkit.GaussianMixture(2, n_init=1, random_state=0, n_threads=2).fit(small)  # loads libraries
    used = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + 8 * n * d // 5,) * 2)
    fitted = emkit.GaussianMixture(2, n_init=1, random_state=0, n_threads=2).fit(path)
    print(fitted.converged_, fitted.fit_.weight)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_file_five_times_larger_than_the_memory_allowed(tmp_path):
    """The numbers of the file are five times the memory that the system gives the fit beyond libraries and code."""
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path / "rows.parquet")]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split() == ["True", "1200000.0"], done.stderr
