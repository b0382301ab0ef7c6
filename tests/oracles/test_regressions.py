"""Mixtures of regressions against mixtools 2.0.0 (regmixEM) and flexmix 2.3-18, by default settings."""

import csv
from pathlib import Path

import numpy as np
import pytest

import emkit

_DATA = Path(__file__).parent / "data" / "regression"


def _table(name):
    with (_DATA / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    kept = [key for key in rows[0] if key not in ("country", "id1", "id2", "class")]
    return {key: np.array([float(row[key]) for row in rows]) for key in kept}


@pytest.mark.parametrize(
    ("name", "response", "column", "loglik", "weights", "coef", "sd"),
    [
        (
            *("tonedata", "tuned", "stretchratio", 141.1984022997),
            *([0.69772027569, 0.30227972431], [[1.9163801358, 0.042548514314], [-0.019274732902, 0.99229550084]]),
            [0.046192068314, 0.13283407048],
        ),
        (
            *("CO2data", "CO2", "GNP", -66.9397677928),
            *([0.75492242451, 0.24507757549], [[8.6789707217, -0.023343460326], [1.415142987, 0.67659641565]]),
            [2.0493181055, 0.80938809682],
        ),
        (
            *("NOdata", "Equivalence", "NO", 122.0383557855),
            *([0.51027552261, 0.48972447739], [[1.2470811515, -0.082999491285], [0.56498590372, 0.085022937494]]),
            [0.024141167321, 0.043313196845],
        ),
    ],
)
def test_regmixem_optima_are_reached(name, response, column, loglik, weights, coef, sd):
    table = _table(name)
    for seed in (0, 1):
        fit = emkit.MixtureOfRegressions(2, random_state=seed, predictors=[column]).fit(table, response)
        assert fit.fit_.loglik == pytest.approx(loglik, abs=2e-6)
        np.testing.assert_allclose(fit.weights_, weights, atol=2e-4)
        np.testing.assert_allclose(fit.coefficients_, coef, atol=2e-3)
        np.testing.assert_allclose(fit.residual_sd_, sd, atol=5e-4)


def test_npreg_reaches_the_maximum_likelihood_that_flexmix_misses_by_its_divisor():
    table = _table("NPreg")
    table["x2"] = table["x"] ** 2
    fit = emkit.MixtureOfRegressions(2, random_state=0, predictors=["x", "x2"]).fit(table, "yn")
    assert fit.fit_.loglik == pytest.approx(-642.5320137361, abs=2e-6)
    assert fit.bic_ == pytest.approx(1332.7488837711, abs=1e-5)
    np.testing.assert_allclose(fit.weights_, [0.50600030039, 0.49399969961], atol=1e-4)
    np.testing.assert_allclose(fit.residual_sd_, [3.4509308133, 3.4444038199], atol=1e-3)


def test_two_responses_end_above_flexmix_whose_variances_have_another_divisor():
    table = _table("NPreg")
    table["x2"] = table["x"] ** 2
    fit = emkit.MixtureOfRegressions(
        2,
        family={"yn": "gaussian", "yp": "poisson"},
        predictors={"yn": ["x", "x2"], "yp": ["x"]},
        random_state=0,
        n_init=20,
    ).fit(table, ["yn", "yp"])
    assert fit.fit_.n_free == 13
    assert fit.fit_.loglik == pytest.approx(-1044.755549396, abs=1e-5)  # flexmix: -1044.76766967
    assert (fit.coefficients_["yp"][:, 2] == 0).all()


def test_fabric_faults_with_a_common_effect():
    table = _table("fabricfault")
    table["log_length"] = np.log(table["Length"])
    fit = emkit.MixtureOfRegressions(
        2, family="poisson", predictors=["log_length"], common=["log_length"], random_state=0
    ).fit(table, "Faults")
    assert fit.fit_.loglik == pytest.approx(-86.3310865211, abs=1e-6)
    assert (fit.aic_, fit.bic_) == pytest.approx((180.6621730423, 186.5251166534), abs=1e-5)
    np.testing.assert_allclose(fit.weights_, [0.79737298604, 0.20262701396], atol=1e-4)
    np.testing.assert_allclose(fit.coefficients_, [[-3.1280776, 0.7991392], [-2.3621395, 0.7991392]], atol=1e-3)
