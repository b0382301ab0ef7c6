"""Hidden Markov models from the command line."""

import csv
import json

import numpy as np
import pytest

from emkit.cli import main


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with (tmp_path / "counts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["who", "t", "n", "note"])
        for who in ("a", "b"):
            rows = [(who, t, rng.poisson(2 if t % 40 < 20 else 9), "x") for t in range(60)]
            writer.writerows(rng.permutation(np.array(rows, dtype=object)).tolist())
    return "counts.csv"


def test_fit_predict_and_score(table, capsys):
    words = ["fit", "hmm", table, "--states", "2", "--emission", "poisson", "--sequence", "who", "--time", "t"]
    assert main(words) == 0
    assert "mean stay" in capsys.readouterr().out
    assert main(["predict", "counts.emkit", table]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header == "who,t,state,prob_1,prob_2"
    assert first.split(",")[0] == "a"
    assert main(["score", "counts.emkit", table, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 120
    assert main(["score", "counts.emkit", table, "--each"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_an_unknown_column_is_named(table, capsys):
    assert main(["fit", "hmm", table, "--sequence", "whom"]) == 2
    assert "the columns are t, n" in capsys.readouterr().err.replace("\n", " ")


def test_covariates_and_a_family_for_each_column(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    state, dose = np.arange(200) // 25 % 2, rng.normal(size=200)
    rows = np.column_stack([4 * state + rng.normal(size=200), rng.poisson(2 + 6 * state), dose])
    np.savetxt("rows.csv", rows, delimiter=",", header="y,n,dose", comments="")
    words = [
        "fit",
        "covariate-hmm",
        "rows.csv",
        "--states",
        "2",
        "--emission",
        "y=gaussian,n=poisson",
        "--drive",
        "dose",
    ]
    assert main([*words, "--starts", "2"]) == 0
    assert "Log odds of moves" in capsys.readouterr().out
    assert main(["predict", "rows.emkit", "rows.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "state,prob_1,prob_2"
    words = ["fit", "hmm", "rows.csv", "--columns", "y,n", "--states", "2", "--emission", "y=gaussian,n=poisson"]
    assert main([*words, "--starts", "2"]) == 0
    assert main(["score", "rows.emkit", "rows.csv", "--json"]) == 0
