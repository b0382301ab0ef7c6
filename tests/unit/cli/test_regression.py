"""Mixtures of regressions on the command line."""

import csv
import io

import numpy as np
import pytest

import emkit
from emkit.cli import main


@pytest.fixture
def counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 80)
    y = rng.poisson(np.exp(np.where(rng.random(80) < 0.5, 3 + x, 1 - x)))
    with (tmp_path / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("x", "y"), *zip(x.tolist(), y.tolist(), strict=True)])
    return {"x": x, "y": y.astype(float)}


def test_a_table_is_fitted_saved_and_asked(counts, capsys):
    words = ["fit", "regression-mixture", "data.csv", "--response", "y", "--components", "2", "--family", "poisson"]
    assert main(words) == 0
    told = capsys.readouterr().out
    fit = emkit.MixtureOfRegressions(2, family="poisson", random_state=0).fit(counts, "y")
    assert f"Log-likelihood   {fit.fit_.loglik:.4f}" in told
    assert "Regression of y (poisson)" in told
    assert main(["predict", "data.emkit", "data.csv"]) == 0
    header, *body = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["expected_y", "component", "prob_1", "prob_2"]
    np.testing.assert_array_equal(np.array(body, dtype=float)[:, 1] - 1, fit.clusters(counts, "y"))


def test_the_response_must_be_named(counts, capsys):
    assert main(["fit", "regression-mixture", "data.csv"]) == 2
    assert "regression-mixture needs --response: one of x, y" in capsys.readouterr().err
