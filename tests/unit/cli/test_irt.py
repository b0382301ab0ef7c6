"""Item response models on the command line."""

import csv
import io
import json

import pytest

from emkit.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_fit_and_predict(capsys):
    assert main(["fit", "irt", "lsat7", "--model", "2pl", "--weights", "freq", "-o", "fit.emkit"]) == 0
    assert "-2658.8051" in capsys.readouterr().out
    assert main(["predict", "fit.emkit", "lsat7"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["theta", "se_theta"]
    assert len(rows) == 32
    assert float(rows[0][0]) == pytest.approx(-1.86978, abs=1e-4)


def test_key(folder, capsys):
    rows = [["a", "2", "b"], ["a", "1", "c"], ["b", "2", "b"], ["c", "1", "b"], ["a", "2", "c"], ["b", "1", "c"]] * 20
    with (folder / "raw.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["x", "y", "z"], *rows])
    assert main(["fit", "irt", "raw.csv", "--model", "rasch", "--key", "a,2,b", "--no-save", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_free"] == 4


def test_factors_and_density(capsys):
    table = ["--model", "2pl", "--weights", "freq", "--no-save", "--json"]
    assert main(["fit", "irt", "lsat7", *table, "--factors", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["n_free"] == 14
    assert main(["fit", "irt", "lsat7", *table, "--density", "davidian-2", "--seed", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["n_free"] == 12
    assert main(["fit", "irt", "lsat7", *table, "--density", "davidian-20"]) != 0
    assert "'davidian-k' with k from 1 to 10" in capsys.readouterr().err
