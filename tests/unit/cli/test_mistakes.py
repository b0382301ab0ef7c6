"""A user's mistake is one line on standard error that says what to do, exit code 2, and no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.cli import app, main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.csv").write_text("who,where\nann,here\nbob,there\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "infinite.csv").write_text("a,b\n1,2\n3,inf\n4,5\n")
    (tmp_path / "notes.emkit").write_text("no saved fit")
    return tmp_path


@pytest.fixture
def mistake(capsys):
    def run(*line):
        try:
            code = main(line)
        except SystemExit as ended:  # argparse's way to leave
            code = ended.code
        out, err = capsys.readouterr()
        assert code == 2
        assert out == ""
        assert err.startswith("emkit: error: ")
        assert err.count("\n") == 1
        return err

    return run


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fit", "MODEL, DATA"),
        ("fly me", "'fly'"),
        ("fit gaussian-mixtur faithful", "Did you mean 'gaussian-mixture'?"),
        ("fit gaussian-mixture faithfull", "Did you mean the data set 'faithful'?"),
        ("fit gaussian-mixture faithful --components two", "expected a whole number of at least 1, got 'two'"),
        ("fit gaussian-mixture faithful --components 0", "at least 1, got '0'"),
        ("fit gaussian-mixture faithful --components 273", "272 rows"),
        ("fit gaussian-mixture faithful --covariance round", "'round'"),
        ("fit gaussian-mixture faithful --columns eruption", "Did you mean 'eruptions'?"),
        ("fit gaussian-mixture faithful --columns waiting,waiting", "'waiting' twice"),
        ("fit gaussian-mixture faithful --columns ,", "separated by commas"),
        ("fit gaussian-mixture iris --columns Species", "'setosa' in row 0"),
        ("fit gaussian-mixture iris --weights Species", "'Species' holds text"),
        ("fit gaussian-mixture iris --weights Specie", "Did you mean 'Species'?"),
        ("fit gaussian-mixture faithful --tol=-1", "`tol` must be at least 0"),
        ("fit gaussian-mixture text.csv", "none numeric"),
        ("fit gaussian-mixture ragged.csv", "ragged.csv"),
        ("fit gaussian-mixture empty.csv", "empty.csv"),
        ("fit gaussian-mixture infinite.csv", "row 1, column 1 ('b')"),
        ("fit gaussian-mixture .", "holds files of several kinds"),
        ("fit gaussian-mixture faithful --out nowhere/x.emkit", "no folder 'nowhere'"),
        ("fit gaussian-mixture faithful --out x.emkit --no-save", "exclude one another"),
        ("fit gaussian-mixture faithful --plot x.doc --no-save", ".png"),
        ("fit k-means faithful --covariance full", "--covariance does not apply to k-means"),
        ("fit density faithful", "Choose one by --columns"),
        ("predict none.emkit faithful", "none.emkit: there is no such file"),
        ("show notes.emkit", "no saved fit"),
        ("datasets irs", "Did you mean 'iris'?"),
    ],
)
def test_mistakes_are_told_in_one_line(mistake, line, words):
    assert words in mistake(*line.split())


def test_nothing_is_left_behind_by_a_mistake(mistake, folder):
    before = sorted(folder.iterdir())
    mistake("fit", "gaussian-mixture", "infinite.csv")
    mistake("fit", "gaussian-mixture", "faithful", "--plot", "x.doc")
    assert sorted(folder.iterdir()) == before


def test_fit_of_other_columns_names_the_one_that_is_missing(mistake):
    emkit.save(emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful")), "some.emkit")
    assert "'eruptions' in iris" in mistake("predict", "some.emkit", "iris")


def test_columns_of_other_names_are_not_taken_by_their_order(mistake, folder):
    emkit.save(emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful")), "some.emkit")
    (folder / "swapped.csv").write_text("waiting,eruption\n79,3.6\n54,1.8\n")
    assert "no column 'eruptions' in swapped.csv. Did you mean 'eruption'?" in mistake(
        "score", "some.emkit", "swapped.csv"
    )


def test_k_means_tells_what_it_does_not_know(mistake):
    emkit.save(emkit.KMeans(2, random_state=0).fit(emkit.load_data("faithful")), "some.emkit")
    assert "a saved KMeans, which tells no density" in mistake("score", "some.emkit", "faithful")


@pytest.mark.parametrize(
    ("missing", "extra", "line"), [("matplotlib", "plot", "--plot x.png"), ("rich", "progress", "--progress")]
)
def test_missing_extra_is_named_before_the_work_begins(mistake, monkeypatch, missing, extra, line):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.setitem(sys.modules, f"{missing}.console", None)
    monkeypatch.setattr(emkit.GaussianMixture, "fit", lambda *_, **__: pytest.fail("the work began"))
    told = mistake("fit", "gaussian-mixture", "faithful", *line.split())
    assert missing in told
    assert f"pip install 'emkit[{extra}]'" in told


def test_full_disk_is_told_after_the_table_is_printed(monkeypatch, capsys):
    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    assert main(["fit", "gaussian-mixture", "faithful"]) == 2
    out, err = capsys.readouterr()
    assert "Log-likelihood" in out
    assert "No space left on device" in err
    assert not Path("faithful.emkit").exists()


@pytest.mark.filterwarnings("default")
def test_warnings_about_the_data_are_one_line(monkeypatch, capsys):
    def fit(self, X, sample_weight=None):
        import warnings

        warnings.warn("a column is odd", emkit.errors.DataWarning, stacklevel=2)
        raise emkit.errors.DataError("so it stops")

    monkeypatch.setattr(emkit.GaussianMixture, "fit", fit)
    assert main(["fit", "gaussian-mixture", "faithful"]) == 2
    assert capsys.readouterr().err == "emkit: warning: a column is odd\nemkit: error: so it stops\n"


def test_ctrl_c_outside_a_climb_is_130(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_command", interrupted)
    assert main(["datasets"]) == 130
    assert capsys.readouterr().err == "emkit: error: interrupted\n"


def test_reader_that_goes_away_ends_the_command_in_silence(folder):
    np.save(folder / "many.npy", np.random.default_rng(0).normal(size=(50_000, 2)))
    emkit.save(emkit.GaussianMixture(1).fit(np.load("many.npy")), "some.emkit")
    line = f"{sys.executable} -m emkit predict some.emkit many.npy | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout == "component,prob_1\n"
    assert done.stderr == ""
    assert done.returncode == 128 + signal.SIGPIPE


def test_errors_of_the_program_itself_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(emkit.GaussianMixture, "fit", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["fit", "gaussian-mixture", "faithful"])
