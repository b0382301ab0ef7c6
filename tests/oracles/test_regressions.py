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
    words = {"country", "id1", "id2", "class", "Company", "Treatment"}
    return {key: np.array([row[key] if key in words else float(row[key]) for row in rows]) for key in rows[0]}


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


def test_patents_with_concomitant_variable():
    fit = emkit.MixtureOfRegressions(3, family="poisson", predictors=["lgRD"], random_state=0)
    fit.fit(_table("patent"), "Patents", concomitant="RDS")
    assert fit.fit_.loglik == pytest.approx(-197.675022174, abs=1e-5)
    assert fit.bic_ == pytest.approx(437.835, abs=1e-3)
    order = np.argsort(fit.coefficients_[:, 1])
    wanted = [[1.9619523, 0.6719301], [0.5063338, 0.8800911], [-2.647047, 1.588675]]
    np.testing.assert_allclose(fit.coefficients_[order], wanted, atol=2e-3)


def test_beta_blockers_by_center_with_a_common_effect():
    fit = emkit.MixtureOfRegressions(
        3, family="binomial", predictors=["Treatment"], common=["Treatment"], random_state=0
    ).fit(_table("betablocker"), "Deaths", trials="Total", groups="Center")
    assert fit.fit_.loglik == pytest.approx(-159.360519677, abs=1e-6)
    assert fit.bic_ == pytest.approx(341.4262, abs=1e-3)
    np.testing.assert_allclose(fit.weights_, [0.5117451, 0.2490428, 0.2392121], atol=1e-4)
    np.testing.assert_allclose(fit.coefficients_[:, 0], [-2.2501627, -1.6097096, -2.8336905], atol=1e-4)
    np.testing.assert_allclose(fit.coefficients_[:, 1], -0.2581765, atol=1e-4)


def test_seizures_with_an_offset():
    table = _table("seizure")
    table |= {"log_day": np.log(table["Day"]), "log_hours": np.log(table["Hours"])}
    table["both"] = np.where(table["Treatment"] == "Yes", table["log_day"], 0.0)
    fit = emkit.MixtureOfRegressions(
        2, family="poisson", predictors=["Treatment", "log_day", "both"], random_state=0
    ).fit(table, "Seizures", offset="log_hours")
    assert fit.fit_.loglik == pytest.approx(-376.176205123, abs=1e-6)
    np.testing.assert_allclose(fit.coefficients_[0], [2.0704006, 7.431963, -0.2706454, -2.2762059], atol=2e-3)


def test_counts_by_group_and_their_standard_errors():
    fit = emkit.MixtureOfRegressions(2, family="poisson", predictors=["x"], random_state=0)
    fit.fit(_table("NPreg"), "yp", groups="id2")
    assert fit.fit_.loglik == pytest.approx(-420.081382947, abs=1e-6)
    assert fit.bic_ == pytest.approx(866.6544, abs=1e-3)
    table = fit.coefficients()
    np.testing.assert_allclose(table.estimate, [1.928234, -0.174869, 1.039467, 0.093743], atol=1e-4)
    np.testing.assert_allclose(table.standard_error, [0.096686, 0.022187, 0.123731, 0.019905], atol=1e-4)
