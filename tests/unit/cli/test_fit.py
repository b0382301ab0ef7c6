"""`emkit fit`: from the name of a table to a table of estimates, a saved fit and a picture."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

import emkit
from emkit.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_main_job_prints_saves_and_draws(folder, capsys):
    assert main(["fit", "gaussian-mixture", "faithful", "--components", "2", "--plot", "faithful.png"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for line in ("1              4.290    79.97", "2             0.2630    5.805", "1                       0.3800"):
        assert line in out
    for words in (
        "Log-likelihood   -1130.2640",
        "BIC              2322.19",
        "converged",
        "starts reached the only optimum",
    ):
        assert words in out
    assert "Saved the fit to faithful.emkit" in out
    assert "faithful.png" in out
    assert max(map(len, out.splitlines())) <= 100
    assert (folder / "faithful.png").read_bytes().startswith(b"\x89PNG")
    assert emkit.load("faithful.emkit").fit_.loglik == pytest.approx(-1130.2639602, abs=1e-6)


def test_fit_is_that_of_the_library_with_the_same_seed(capsys):
    assert main(["fit", "gaussian-mixture", "iris", "-k", "3", "--covariance", "tied", "--seed", "7", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    X, names = emkit.load_data("iris").numeric()
    mixture = emkit.GaussianMixture(3, covariance_type="tied", random_state=7).fit(X)
    assert told["loglik"] == mixture.fit_.loglik
    np.testing.assert_array_equal(told["parameters"]["members.mean"], mixture.means_)
    assert told["columns"] == list(names) == told["feature_names"]
    assert told["skipped_columns"] == ["Species"]
    assert (told["saved"], told["picture"], told["status"]) == ("iris.emkit", None, "converged")


def test_text_columns_that_are_left_out_are_named(capsys):
    main(["fit", "gaussian-mixture", "iris", "--no-save"])
    assert "left out, not numeric: Species" in capsys.readouterr().out


def test_options_reach_the_model(capsys):
    line = "fit gaussian-mixture faithful -k 2 --solver em --starts 3 --tol 0.5 --max-iter 50 --threads 1"
    assert main([*line.split(), "--columns", "waiting", "--out", "x.emkit"]) == 0
    told = capsys.readouterr().out
    loaded = emkit.load("x.emkit")
    assert (
        loaded.get_params() | {"random_state": None}
        == emkit.GaussianMixture(2, solver=emkit.EM(), n_init=3, tol=0.5, max_iter=50, n_threads=1).get_params()
    )
    assert loaded.random_state == 0
    assert list(loaded.feature_names_in_) == ["waiting"]
    assert loaded.fit_.starts.n_starts == 3
    assert "of 3 starts" in told


@pytest.mark.parametrize("word", ["quasi-newton", "squarem", "anderson"])
def test_solvers_go_by_their_names(word, capsys):
    main(["fit", "gaussian-mixture", "faithful", "-k", "2", "--solver", word, "--no-save", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert f"solver={word.replace('-n', 'N').title().replace('Quasin', 'QuasiN')}(" in told["model"]
    assert told["loglik"] == pytest.approx(-1130.2639602, abs=1e-4)


def test_weights_column_counts_rows_and_is_no_feature(capsys):
    main(["fit", "gaussian-mixture", "hasselblad_deaths", "--weights", "freq", "--no-save", "--json"])
    told = json.loads(capsys.readouterr().out)
    table = emkit.load_data("hasselblad_deaths")
    assert told["columns"] == ["deaths"]
    assert told["weight"] == table["freq"].sum()
    mean = np.average(table["deaths"], weights=table["freq"])
    assert told["parameters"]["members.mean"] == [[pytest.approx(mean)]]


def test_fit_that_did_not_converge_is_shown_and_told_by_the_exit_code(capsys):
    line = "fit gaussian-mixture iris -k 4 --max-iter 2 --solver em --starts 1"
    assert main(line.split()) == 1
    out, err = capsys.readouterr()
    assert "max_iter. The iterations ran out" in out
    assert err == ""
    assert not emkit.load("iris.emkit").converged_


def test_collapse_is_exit_code_one(folder, capsys):
    rows = "\n".join(["a", *["0"] * 30, *[str(x / 10) for x in range(30)]])
    (folder / "spike.csv").write_text(rows + "\n")
    assert main(["fit", "gaussian-mixture", "spike.csv", "-k", "2", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "degenerate"
    assert told["notes"]


def test_progress_is_told_on_standard_error_and_then_forgotten(capsys):
    assert main(["fit", "gaussian-mixture", "faithful", "-k", "2", "--progress", "--json"]) == 0
    json.loads(capsys.readouterr().out)
    assert emkit.load("faithful.emkit").on_iteration is None


def test_ctrl_c_prints_the_best_so_far_and_is_130(monkeypatch, capsys):
    from emkit.mixture import FiniteMixture

    m_step, calls = FiniteMixture.m_step, []

    def interrupted(self, statistics, parameters):
        calls.append(1)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return m_step(self, statistics, parameters)

    monkeypatch.setattr(FiniteMixture, "m_step", interrupted)
    assert main(["fit", "gaussian-mixture", "faithful", "-k", "2", "--starts", "1", "--solver", "em"]) == 130
    assert "interrupted. Interrupted from the keyboard" in capsys.readouterr().out


def test_help_needs_no_numpy_and_little_time():
    code = "import sys, emkit.cli; sys.argv = ['emkit', '--help']\ntry: emkit.cli.main()\n"
    code += "except SystemExit: print('numpy' in sys.modules)"
    began = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert time.perf_counter() - began < 2.0  # 0.04 s on an idle machine
    assert out.endswith("False\n")
    assert "emkit fit gaussian-mixture faithful --components 2 --plot faithful.png" in out


def test_module_runs_as_the_command(folder):
    line = [sys.executable, "-m", "emkit", "datasets", "faithful"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=folder)
    assert "272 rows, 2 columns" in done.stdout


@pytest.mark.parametrize("command", ["fit", "predict", "score", "sample", "show", "plot", "datasets"])
def test_every_command_has_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"  emkit {command}" in capsys.readouterr().out
