"""Fits of tables read in passes, kept on the way, and text as other countries write it."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import emkit
from emkit.cli import main, streaming
from emkit.data import Source


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 4000
    state = np.repeat(rng.integers(0, 2, n // 10), 10)
    return pd.DataFrame(
        {
            "id": [f"s{i // 40}" for i in range(n)],
            "day": np.tile(np.arange(40), n // 40),
            "a": rng.normal(4.0 * state, 1.0),
            "b": rng.normal(0.0, 1.0, n),
            "w": 1.0 + (np.arange(n) // 40) % 2,
        }
    )


@pytest.fixture(autouse=True)
def files(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(streaming, "_LARGE", 1000)
    monkeypatch.setattr(sys.modules["emkit.data.scan"], "IN_MEMORY_BYTES", 0)
    pq.write_table(pa.Table.from_pandas(frame), "rows.parquet", row_group_size=999)


def told(capsys):
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("model", ["gaussian-mixture", "k-means", "student-mixture"])
def test_fit_reads_the_file_in_passes(model, frame, capsys, monkeypatch):
    whole = []
    monkeypatch.setattr("emkit.cli.tables.read_table", lambda *a, **k: whole.append(a))
    options = ["--components", "2", "--starts", "1", "--columns", "a,b", "--weights", "w", "--json"]
    assert main(["fit", model, "rows.parquet", *options]) == 0
    assert whole == []
    found = told(capsys)
    assert (found["n_rows"], found["columns"]) == (4000, ["a", "b"])
    kind = {"gaussian-mixture": emkit.GaussianMixture, "k-means": emkit.KMeans, "student-mixture": emkit.StudentMixture}
    fitted = kind[model](2, n_init=1, random_state=0).fit(frame[["a", "b"]], sample_weight=frame["w"])
    assert found["loglik"] == pytest.approx(fitted.fit_.loglik, rel=1e-9)


def test_columns_that_are_not_numeric_are_left_out_and_named(capsys, tmp_path):
    assert main(["fit", "gaussian-mixture", "rows.parquet", "--weights", "w", "--plot", "fit.png"]) == 0
    out = capsys.readouterr().out
    assert "rows.parquet: 4000 rows, 3 columns (day, a, b); left out, not numeric: id" in out
    assert (tmp_path / "fit.png").exists()
    assert emkit.load("rows.emkit").feature_names_in_.tolist() == ["day", "a", "b"]
    assert main(["fit", "gaussian-mixture", "rows.parquet", "--columns", "a,c"]) == 2
    assert "There is no column 'c' in rows.parquet" in capsys.readouterr().err


def test_sequences_are_read_in_passes(frame, capsys):
    options = ["--states", "2", "--starts", "1", "--sequence", "id", "--time", "day", "--weights", "w", "--json"]
    assert main(["fit", "hmm", "rows.parquet", *options]) == 0
    found = told(capsys)
    assert found["columns"] == ["a", "b"]
    chain = emkit.hmm.HiddenMarkovModel(n_components=2, n_init=1, random_state=0, sequence="id", time="day")
    assert found["loglik"] == pytest.approx(chain.fit(frame, sample_weight="w").fit_.loglik, rel=1e-9)
    assert main(["predict", "rows.emkit", "rows.parquet", "--json"]) == 0
    assert len(told(capsys)["state"]) == 4000


def test_text_is_read_in_passes_too(frame, capsys):
    frame.to_csv("rows.csv", index=False, sep=";", decimal=",", encoding="latin-1")
    options = ["--columns", "a,b", "--components", "2", "--starts", "1", "--json"]
    assert main(["fit", "gaussian-mixture", "rows.csv", *options, "--decimal", ",", "--encoding", "latin-1"]) == 0
    fitted = emkit.GaussianMixture(2, n_init=1, random_state=0).fit(frame[["a", "b"]])
    assert told(capsys)["loglik"] == pytest.approx(fitted.fit_.loglik, rel=1e-9)


# --- checkpoints ---

COMMAND = """
    import os, signal, sys
    from emkit.cli import main
    from emkit.mixture import FiniteMixture

    e_step, count = FiniteMixture.e_step, iter(range(10**9))

    def interrupted(self, parameters, block):
        if next(count) == int(sys.argv[1]):
            os.kill(os.getpid(), getattr(signal, sys.argv[2]))
        return e_step(self, parameters, block)

    FiniteMixture.e_step = interrupted
    command = "fit gaussian-mixture faithful --components 3 --tol 0 --starts 2 --solver em --max-iter 60 --json"
    sys.exit(main([*command.split(), "--threads", "1", *sys.argv[3:]]))
"""


def run(*arguments):
    command = [sys.executable, "-c", textwrap.dedent(COMMAND), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_interrupted_command_goes_on_from_its_checkpoint(tmp_path):
    whole = run("-1", "SIGINT")
    first = run("40", "SIGINT", "--checkpoint", "fit.ckpt")
    assert first.returncode == 130
    assert json.loads(first.stdout)["status"] == "interrupted"
    assert (tmp_path / "fit.ckpt").exists()
    second = run("-1", "SIGINT", "--checkpoint", "fit.ckpt")
    assert json.loads(second.stdout)["loglik"] == json.loads(whole.stdout)["loglik"]
    assert second.returncode == whole.returncode


def test_text_says_how_to_go_on(capsys, monkeypatch):
    def stop(self, parameters, block):
        raise KeyboardInterrupt

    e_step, count = emkit.mixture.FiniteMixture.e_step, iter(range(10**9))

    def interrupted(self, parameters, block):
        if next(count) == 12:
            raise KeyboardInterrupt
        return e_step(self, parameters, block)

    monkeypatch.setattr(emkit.mixture.FiniteMixture, "e_step", interrupted)
    command = "fit gaussian-mixture faithful --components 3 --tol 0 --starts 1 --solver em --threads 1"
    assert main([*command.split(), "--checkpoint", "fit.ckpt"]) == 130
    assert "Interrupted. The same command goes on from fit.ckpt" in capsys.readouterr().out
    count = iter(range(10**9))
    assert main(command.split()) == 130
    assert "With --checkpoint FILE the same command could have gone on." in capsys.readouterr().out


def test_checkpoint_of_another_command_is_refused(capsys):
    command = ["fit", "gaussian-mixture", "faithful", "--checkpoint", "fit.ckpt", "--no-save"]
    assert main([*command, "--components", "2"]) == 0
    assert main([*command, "--components", "3"]) == 2
    assert "checkpoint fit.ckpt: it is that of another model" in capsys.readouterr().err
    assert main(["fit", "density", "galaxies", "--checkpoint", "fit.ckpt"]) == 2
    assert "--checkpoint does not apply to density" in capsys.readouterr().err
    assert main([*command[:-2], "none/fit.ckpt"]) == 2
    assert "none/fit.ckpt: No such file or directory" in capsys.readouterr().err


# --- files of answers ---


def test_states_in_a_parquet_file(frame):
    assert (
        main(["fit", "hmm", "rows.parquet", "--states", "2", "--starts", "1", "--sequence", "id", "--time", "day"]) == 0
    )
    assert main(["predict", "rows.emkit", "rows.parquet", "--out", "states.parquet"]) == 0
    found = pq.read_table("states.parquet")
    assert found.column_names[:3] == ["id", "day", "state"]
    assert found["id"].to_pylist() == frame["id"].tolist()


def test_answers_are_there_as_a_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    assert main(["fit", "gaussian-mixture", "faithful", "--components", "2"]) == 0
    (tmp_path / "labels.csv").write_text("before")
    rows = []

    def full(self, header, columns):
        rows.append(header)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("emkit.cli.writing._Csv.add", full)
        assert main(["predict", "faithful.emkit", "faithful", "--out", "labels.csv"]) == 2
    assert rows
    assert "cannot write labels.csv: No space left on device. What was there before is" in capsys.readouterr().err
    assert (tmp_path / "labels.csv").read_text() == "before"
    assert not list(tmp_path.glob(".*tmp"))


# --- text as it is written elsewhere ---


def test_layout_of_a_text_table(tmp_path, capsys):
    rows = "stra\xdfe;h\xf6he;k\n1,5;2,25;-99\n2,5;-99;1\n3,5;4,5;2\nk. A.;5,5;3\n4,5;6,5;4\n"
    (tmp_path / "table.txt").write_bytes(rows.encode("cp1252"))
    options = ["--encoding", "cp1252", "--decimal", ",", "--delimiter", ";", "--na", "-99,k. A.", "--json"]
    assert main(["fit", "gaussian-mixture", "table.txt", "--covariance", "spherical", *options]) == 0
    found = told(capsys)
    assert found["columns"] == ["stra\xdfe", "h\xf6he", "k"]
    table = emkit.data.read_table("table.txt", encoding="cp1252", decimal=",", missing=["-99", "k. A."])
    assert np.isnan(table["k"][0])
    assert np.isnan(table["stra\xdfe"][3])
    assert main(["predict", "table.emkit", "table.txt", *options]) == 0


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--encoding", "klingon"], "`encoding` must be one such as 'utf-8', 'latin-1' or 'cp1252', got 'klingon'"),
        (["--delimiter", "::"], 'expected one character, or "tab" or "space", got \'::\''),
        (["--decimal", "x"], "invalid choice: 'x'"),
    ],
)
def test_layouts_that_cannot_be(option, message, capsys, tmp_path):
    (tmp_path / "table.txt").write_text("a\tb\n1\t2\n3\t4\n")
    try:
        code = main(["fit", "gaussian-mixture", "table.txt", *option])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_tabs_by_name(tmp_path, capsys):
    (tmp_path / "table.txt").write_text("a b\tc\n1\t2\n3\t4\n5\t1\n")
    assert main(["fit", "gaussian-mixture", "table.txt", "--delimiter", "tab", "--json"]) in (0, 1)
    assert told(capsys)["columns"] == ["a b", "c"]


def test_a_streamed_source_is_what_the_model_gets(monkeypatch):
    seen = []
    fit = emkit.GaussianMixture.fit
    monkeypatch.setattr(
        emkit.GaussianMixture, "fit", lambda self, X, **options: seen.append(X) or fit(self, X, **options)
    )
    assert main(["fit", "gaussian-mixture", "rows.parquet", "--columns", "a", "--no-save"]) == 0
    assert isinstance(seen[0], Source)
    assert not seen[0].is_in_memory
