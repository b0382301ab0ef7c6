"""The report: one page that holds all it needs."""

import re

import numpy as np
import pytest

from emkit import ItemResponseModel
from emkit.cli import main
from emkit.errors import DataError

pytest.importorskip("matplotlib")


def answers(n=200, names=("<b>&x", "b", "c", "d")):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=n)
    return {name: (rng.random(n) < 1 / (1 + np.exp(-1.2 * theta - j + 1))).astype(int) for j, name in enumerate(names)}


def test_page_is_whole_and_its_text_escaped(tmp_path):
    X = answers()
    path = ItemResponseModel("Rasch").fit(X).report(tmp_path / "report.html", X)
    page = path.read_text()
    assert "&lt;b&gt;&amp;x" in page
    assert "<b>" not in page
    assert page.count("<img") == 3  # Wright map, information, curves
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import|<script', page)
    for word in ("Fit of items", "s.e. d", "reliability", "S-X2", "rmsea", "q3"):
        assert word in page


def test_items_of_several_answers_groups_and_missing(tmp_path):
    X = np.stack(list(answers(300).values()), axis=1).astype(float)
    X[:, 0] += X[:, 1] * (np.arange(300) % 3 == 0)
    X[::7, 2] = np.nan
    group = np.arange(300) % 2
    model = ItemResponseModel("pcm").fit(X, group=group)
    page = model.report(tmp_path / "report.html", X, group=group).read_text()
    assert page.count("<img") == 4
    bifactor = ItemResponseModel("1PL").fit(X)
    with pytest.raises(DataError, match="there is no folder"):
        bifactor.report(tmp_path / "none" / "report.html", X)


def test_a_model_without_degrees_of_freedom_says_so(tmp_path):
    X = answers(names=("a", "b", "c"))
    page = ItemResponseModel("2PL").fit(X).report(tmp_path / "report.html", X).read_text()
    assert "nothing is left to test" in page


def test_command_line(tmp_path, capsys):
    X = answers(names=("a", "b", "c", "d"))
    data, out = tmp_path / "answers.csv", tmp_path / "report.html"
    np.savetxt(data, np.stack(list(X.values()), axis=1), "%d", ",", header="a,b,c,d", comments="")
    assert main(["fit", "irt", str(data), "--model", "rasch", "--report", str(out), "--no-save"]) == 0
    assert "Item report" in out.read_text()
    assert main(["fit", "irt", str(data), "--report", str(tmp_path / "none" / "r.html"), "--no-save"]) != 0
    assert "there is no folder" in capsys.readouterr().err
