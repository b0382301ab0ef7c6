"""Labels of many raters and record linkage on the command line."""

import csv
import io
import json

import pytest

import emkit
from emkit.cli import main

ANSWERS = {
    "item": [f"i{i}" for i in range(6) for _ in range(3)],
    "rater": list("abc") * 6,
    "label": [word for right, wrong in [("cat", "dog"), ("dog", "cat")] * 3 for word in (right, right, wrong)],
}
PATTERNS = {"a": [0, 1, 0, 1, 1, 0], "b": [0, 0, 1, 1, 1, 0], "c": [0, 0, 0, 0, 1, 1], "n": [900, 40, 50, 8, 60, 30]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, columns in (("answers", ANSWERS), ("patterns", PATTERNS)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
    return tmp_path


def _table(capsys):
    header, *body = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, body


def test_dawid_skene_is_fitted_saved_and_asked(capsys):
    columns = ["--item", "item", "--rater", "rater", "--label", "label"]
    assert main(["fit", "dawid-skene", "answers.csv", *columns, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    model = emkit.DawidSkene(random_state=0).fit(ANSWERS)
    assert told["loglik"] == pytest.approx(model.fit_.loglik)
    assert main(["predict", "answers.emkit", "answers.csv"]) == 0
    header, body = _table(capsys)
    assert header == ["item", "label", "prob_cat", "prob_dog"]
    assert [row[:2] for row in body[:2]] == [["i0", "cat"], ["i1", "dog"]]
    assert main(["fit", "mace", "answers.csv", "--no-save"]) == 0
    assert "MACE(random_state=0)" in capsys.readouterr().out


def test_linkage_is_fitted_saved_and_asked(capsys):
    assert main(["fit", "linkage", "patterns.csv", "--counts", "n"]) == 0
    assert "Levels of agreement" in capsys.readouterr().out
    model = emkit.FellegiSunter(random_state=0).fit(PATTERNS)
    assert main(["predict", "patterns.emkit", "patterns.csv"]) == 0
    header, body = _table(capsys)
    assert header == ["match_probability", "match_weight", "bits_a", "bits_b", "bits_c"]
    assert float(body[4][0]) == pytest.approx(model.match_probability(PATTERNS)[4])


def test_columns_that_are_not_there_are_told(capsys):
    assert main(["fit", "dawid-skene", "answers.csv", "--item", "picture"]) == 2
    assert "there is no column 'picture'" in capsys.readouterr().err
    assert main(["fit", "linkage", "patterns.csv", "--counts", "pairs"]) == 2
    assert "there is no column 'pairs'" in capsys.readouterr().err
