"""Mixtures of other families, and of several families by column, on the command line."""

import csv
import io

import numpy as np
import pytest

import emkit
from emkit.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_mixed_columns_are_fitted_saved_and_asked(capsys):
    words = "Sepal.Length+Sepal.Width=gaussian-full,Species=categorical"
    assert main(["fit", "mixture", "iris", "--families", words, "-k", "2"]) == 0
    told = capsys.readouterr().out
    assert "Probabilities of Species" in told
    families = {("Sepal.Length", "Sepal.Width"): "gaussian-full", "Species": "categorical"}
    mixture = emkit.MixtureModel(families, 2, random_state=0).fit(emkit.load_data("iris"))
    assert f"Log-likelihood   {mixture.fit_.loglik:.4f}" in told
    assert main(["predict", "iris.emkit", "iris"]) == 0
    header, *body = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header[0] == "component"
    labels = np.array(body, dtype=float)[:, 0] - 1
    np.testing.assert_array_equal(labels, mixture.predict(emkit.load_data("iris")))


@pytest.mark.parametrize(
    ("words", "loglik"),
    [
        (["latent-class", "carcinoma", "-k", "2"], "-317.2568"),
        (["student-mixture", "faithful", "-k", "2"], "-1129.9602"),
        (["poisson-mixture", "hasselblad_deaths", "--columns", "deaths", "--weights", "freq", "-k", "2"], "-1989.9459"),
        (
            ["mixture", "hasselblad_deaths", "--families", "deaths=poisson", "--weights", "freq", "-k", "2"],
            "-1989.9459",
        ),
    ],
    ids=["latent-class", "student", "poisson", "mixture"],
)
def test_optima_of_the_oracles_are_reached(words, loglik, capsys):
    assert main(["fit", *words, "--no-save"]) == 0
    assert f"Log-likelihood   {loglik}" in capsys.readouterr().out


def test_mistakes_are_named(capsys):
    assert main(["fit", "mixture", "iris", "--no-save"]) != 0
    assert "mixture needs --families" in capsys.readouterr().err
    assert main(["fit", "mixture", "iris", "--families", "Species=categorical,oops", "--no-save"]) != 0
    assert "COLUMN=FAMILY parts separated by commas, got 'oops'" in capsys.readouterr().err


def test_proportions_that_depend_on_columns_and_noise(capsys):
    families = "Sepal.Length=gaussian,Species=categorical"
    words = ["--families", families, "--concomitant", "Petal.Width", "-k", "2", "--starts", "2"]
    assert main(["fit", "mixture", "iris", *words, "--no-save"]) == 0
    assert "Log odds against component 1" in capsys.readouterr().out
    table = emkit.load_data("carcinoma")
    items = "A,B,C,D,E,F"
    asked = ["latent-class", "carcinoma", "--concomitant", "G", "--columns", f"{items},G", "-k", "2", "--starts", "2"]
    assert main(["fit", *asked, "--no-save"]) == 0
    classes = emkit.LatentClassAnalysis(2, n_init=2, random_state=0).fit(table, covariates=["G"])
    assert f"Log-likelihood   {classes.fit_.loglik:.4f}" in capsys.readouterr().out
    for noise, free in (["--noise"], 13), (["--noise", "200"], 13), ([], 11):
        assert main(["fit", "gaussian-mixture", "faithful", "-k", "2", *noise, "--starts", "2", "--no-save"]) == 0
        assert f"Free parameters  {free}," in capsys.readouterr().out
    assert main(["fit", "gaussian-mixture", "faithful", "-k", "2", "--noise", "-1", "--no-save"]) != 0
    assert "`noise` must be True, False or the volume" in capsys.readouterr().err
