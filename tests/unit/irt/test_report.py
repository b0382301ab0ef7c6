"""The report: one page that holds all it needs."""

import re

import numpy as np
import pytest
from two_factors import HALVES, dichotomous, places

from emkit import ItemResponseModel
from emkit.cli import main
from emkit.errors import DataError, ParameterError

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


@pytest.mark.parametrize("kind", ["factors", "covariates", "nominal", "bifactor"])
def test_models_of_every_kind_have_a_page(kind, tmp_path):
    X = dichotomous(places(500))
    Z = np.random.default_rng(1).normal(size=(500, 1))
    made, given, word = {
        "factors": (ItemResponseModel("2PL", 2, loadings=HALVES), {}, "Curves"),
        "covariates": (ItemResponseModel("2PL", 2, loadings=HALVES), {"covariates": Z}, "Effects of the covariates"),
        "nominal": (ItemResponseModel("nominal"), {}, "Curves"),
        "bifactor": (ItemResponseModel("2PL", specific=[0, 0, 0, 0, 1, 1, 1, 1]), {}, "Curves"),
    }[kind]
    page = made.fit(X, **given).report(tmp_path / "report.html", X, **given).read_text()
    assert ("S-X2" in page) == (kind != "covariates")
    assert word in page
    assert page.count("<img") >= 2


def test_patterns_with_counts_are_the_people_they_stand_for(tmp_path):
    X = np.stack(list(answers(300).values()), axis=1)
    patterns, count = np.unique(X, axis=0, return_counts=True)
    model = ItemResponseModel("2PL").fit(X)
    whole, counted = model.scores(X).reliability, model.scores(patterns).reliability_of(count)
    assert counted == pytest.approx(whole, rel=1e-12)


def test_information_is_of_the_factor_that_is_asked_for():
    model = ItemResponseModel("2PL", 2, loadings=HALVES).fit(dichotomous(places(500)))
    first, second = (model.item_information(np.zeros((1, 2)), factor)[0] for factor in (0, 1))
    np.testing.assert_array_equal(first > 0, HALVES[:, 0])
    np.testing.assert_array_equal(second > 0, HALVES[:, 1])
    with pytest.raises(ParameterError, match="`factor` must be a number from 0 to 1, got 2"):
        model.item_information(np.zeros((1, 2)), 2)


def test_command_line(tmp_path, capsys):
    X = answers(names=("a", "b", "c", "d"))
    data, out = tmp_path / "answers.csv", tmp_path / "report.html"
    np.savetxt(data, np.stack(list(X.values()), axis=1), "%d", ",", header="a,b,c,d", comments="")
    assert main(["fit", "irt", str(data), "--model", "rasch", "--report", str(out), "--no-save"]) == 0
    assert "Item report" in out.read_text()
    assert main(["fit", "irt", str(data), "--report", str(tmp_path / "none" / "r.html"), "--no-save"]) != 0
    assert "there is no folder" in capsys.readouterr().err
