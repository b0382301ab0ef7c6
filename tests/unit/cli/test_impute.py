"""`emkit impute`: empty cells filled in, and what was done told column by column."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path):
    with Path(path).open(newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def test_table_is_filled_and_told_of(capsys):
    assert main(["impute", "airquality", "--out", "filled.csv"]) == 0
    told = capsys.readouterr().out
    assert "44 empty cells in 6 columns filled in" in told
    assert "Ozone         37  24.2%" in told
    assert "Wrote filled.csv" in told
    X, names = emkit.load_data("airquality").numeric()
    header, rows = read("filled.csv")
    assert tuple(header) == names
    np.testing.assert_allclose(np.array(rows, dtype=float), emkit.EMImputer().fit_transform(X))
    assert rows[0] == ["41", "190", "7.4", "67", "5", "1"]


def test_copies_bounds_and_json(capsys):
    line = "impute airquality --copies 2 --bounds Ozone=0: --columns Ozone,Wind,Temp --out f.csv --json"
    assert main(line.split()) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["saved"] == ["f-1.csv", "f-2.csv"]
    ozone = told["columns"][0]
    assert (ozone["column"], ozone["missing"]) == ("Ozone", 37)
    assert 0.3 < ozone["explained"] < 0.9
    assert told["left_alone"] == {"Solar.R": 7, "Month": 0, "Day": 0}
    first, second = (read(name)[1] for name in told["saved"])
    assert first != second
    assert min(float(row[0]) for row in first) >= 0
    assert sum(row[1] == "" for row in first) == 7


def test_text_columns_are_copied_and_named(folder, capsys):
    lines = ["a,b,kind"] + [f"{i},{2 * i + i % 3},x" for i in range(9)] + ["4,,", ",7,y"]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    assert main(["impute", "t.csv"]) == 0
    assert "kind was left as it was; its 1 empty cells are still empty" in capsys.readouterr().out
    assert read("t-filled.csv")[1][-1][2] == "y"


def test_categories_are_filled_in(folder, capsys):
    lines = ["a,kind"] + [f"{i % 7 + 5 * (i % 2)},{'uv'[i % 2]}" for i in range(60)] + ["11,", "0,", ",v"]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    assert main(["impute", "t.csv", "--categories", "kind"]) == 0
    assert "kind          2   3.2%" in capsys.readouterr().out
    rows = read("t-filled.csv")[1]
    assert [row[1] for row in rows[-3:]] == ["v", "u", "v"]
    assert float(rows[-1][0]) > 6
    assert main(["impute", "t.csv", "--categories", "kind", "--copies", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["saved"] == ["t-filled-1.csv", "t-filled-2.csv"]
    assert 0 < told["columns"][1]["error"] < 0.3


def test_mistakes_are_one_line(capsys):
    assert main(["impute", "airquality", "--bounds", "Ozone"]) == 2
    assert "NAME=LOW:HIGH" in capsys.readouterr().err
    assert main(["impute", "airquality", "--bounds", "Osone=0:"]) == 2
    assert "columns are Ozone" in capsys.readouterr().err
    assert main(["impute", "airquality", "--out", "nowhere/x.csv"]) == 2
    assert "no folder" in capsys.readouterr().err
