"""Latent classes with covariates: poLCA 1.6.0.2 (one step) and stepmix 3.0.0 (one and three steps)."""

import csv
from pathlib import Path

import numpy as np
import pytest

import emkit

_DATA = Path(__file__).parent / "data"


def test_election_by_party_as_in_polca():
    with (_DATA / "election_party.csv").open() as file:
        header, *rows = csv.reader(file)
    table = {name: [int(cell) for cell in column] for name, column in zip(header, zip(*rows, strict=True), strict=True)}
    model = emkit.LatentClassAnalysis(3, random_state=0, n_init=8).fit(table, covariates="PARTY")
    assert model.fit_.weight == 1300
    assert model.fit_.n_free == pytest.approx(112, abs=2)  # probabilities of zero are not free
    assert model.fit_.loglik == pytest.approx(-16222.323348349, abs=1e-5)
    np.testing.assert_allclose(model.class_shares_, [0.38588335023, 0.34051478929, 0.27360186048], atol=1e-5)
    odds = np.array([[-3.8181270755, 0.79326532156], [1.1615205734, -0.5743586926]])  # against the largest class
    np.testing.assert_allclose(model.log_odds_, odds, atol=1e-4)
    errors = np.reshape(model.coefficients(kind="scores").standard_error, (2, 2))
    np.testing.assert_allclose(errors[0], [0.31108503251, 0.062322588985], atol=1e-5)


def _simulated():
    rng = np.random.default_rng(1)
    w = rng.normal(size=600)
    z = rng.random(600) < 1 / (1 + np.exp(-(0.3 + 1.0 * w)))
    X = (rng.random((600, 5)) < np.where(z[:, None], [0.8, 0.7, 0.75, 0.8, 0.7], [0.2, 0.35, 0.3, 0.25, 0.2])) * 1.0
    return X, w, z * 1.0 + rng.normal(size=600)


@pytest.mark.parametrize(
    ("assignment", "correction", "odds"),
    [
        ("modal", "ml", [0.2558064, 0.95258875]),
        ("modal", "bch", [0.24755757, 0.97232529]),
        ("modal", "none", [0.22873646, 0.69993815]),
        ("proportional", "bch", [0.25693663, 1.06887563]),
        ("proportional", "none", [0.21648928, 0.63029789]),
    ],
)
def test_three_steps_as_in_stepmix(assignment, correction, odds):
    X, w, _ = _simulated()
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(X)
    found = model.three_step(X, w, correction=correction, assignment=assignment)
    np.testing.assert_allclose(found.log_odds[0], -np.array(odds), atol=1e-4)
    assert (found.standard_errors > 0.05).all()
    assert "membership" in str(found)


def test_one_step_and_distal_means_as_in_stepmix():
    X, w, y = _simulated()
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(X, covariates=w)
    np.testing.assert_allclose(model.log_odds_[0], [-0.29091884, -1.03504789], atol=1e-4)
    found = emkit.LatentClassAnalysis(2, random_state=0).fit(X).distal(X, y)
    np.testing.assert_allclose(found.means, [0.9627341, -0.05456537], atol=1e-4)
    assert found.p_value < 1e-10
