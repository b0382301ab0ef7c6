"""Factor analysis against factanal and lavaan and psych of R 4.2.2 (`data/factor/reference.json`, with its commands).

factanal was run with a lower limit of 1e-6 for uniquenesses; its loadings under varimax end with a tolerance of 1e-5.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from emkit.factor import ConfirmatoryFactorAnalysis, FactorAnalysis, ProbabilisticPCA, polychoric
from emkit.factor.confirmatory import Candidate, Shape, _slopes

HERE = Path(__file__).parent / "data" / "factor"
REFERENCE = json.loads((HERE / "reference.json").read_text())
N_ROWS = {"Harman74.cor": 145, "Harman23.cor": 305, "ability.cov": 112, "Harman.5 (cor of raw)": 12}
FILES = {
    "Harman74.cor": "fa_harman74_cor",
    "Harman23.cor": "fa_harman23_cor",
    "ability.cov": "fa_ability_cov",
    "Harman.5 (cor of raw)": "fa_harman_5",
}
EXPLORATORY = [name for name in REFERENCE if name.startswith("fa/factanal") and "HS39" not in name]


def _numbers(name, skip=1):
    with (HERE / f"{name}.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    return np.array([[float(cell) for cell in row[skip:]] for row in rows])


def _correlation(name):
    table = _numbers(FILES[name])
    if name.startswith("Harman.5"):
        return np.corrcoef(table.T)
    sd = np.sqrt(np.diag(table))
    return table / np.outer(sd, sd)


def _tests():
    with (HERE / "holzinger_swineford_1939.csv").open() as file:
        return np.array([[float(row[f"x{j}"]) for j in range(1, 10)] for row in csv.DictReader(file)])


def _records(rows):
    return np.array([[value for key, value in row.items() if key != "_row"] for row in rows])


def _listed(values):
    return list(values.values() if isinstance(values, dict) else values)


@pytest.mark.parametrize("name", EXPLORATORY)
def test_maximum_of_factanal_is_reached(name):
    value = REFERENCE[name]["value"]
    data, k = name.removeprefix("fa/factanal_").rsplit("_", 1)
    n = N_ROWS[data]
    analysis = FactorAnalysis(int(k), random_state=0).fit_covariance(_correlation(data), n)
    # where a uniqueness goes to zero the limit of 1e-6 and emkit's penalty differ in the seventh digit
    assert analysis.fit_.loglik == pytest.approx(n * value["loglik_cov_div_n"], rel=3e-7)
    assert analysis.indices_.df == value["df"]
    assert analysis.indices_.chi_square == pytest.approx(value["chisq"], rel=1e-5)
    uniqueness = list(
        value["uniquenesses"].values() if isinstance(value["uniquenesses"], dict) else value["uniquenesses"]
    )
    np.testing.assert_allclose(analysis.uniquenesses_, uniqueness, atol=2e-4)


@pytest.mark.parametrize("name", ["fa/factanal_Harman23.cor_3", "fa/factanal_Harman.5 (cor of raw)_2"])
def test_heywood_case_is_named(name):
    data, k = name.removeprefix("fa/factanal_").rsplit("_", 1)
    analysis = FactorAnalysis(int(k), random_state=0).fit_covariance(_correlation(data), N_ROWS[data])
    assert analysis.converged_
    assert any("Heywood" in note for note in analysis.fit_.notes)
    assert analysis.uniquenesses_.min() < 1e-4


def test_varimax_of_factanal_and_oblimin_of_psych():
    corr = _correlation("Harman74.cor")
    wanted = _records(REFERENCE["fa/factanal_Harman74.cor_4"]["value"]["varimax"])
    found = FactorAnalysis(4, rotation="varimax").fit_covariance(corr, 145).loadings_
    _assert_same_columns(found, wanted, 1e-4)
    value = REFERENCE["fa/psych_fa_Harman74_4_oblimin"]["value"]
    analysis = FactorAnalysis(4, rotation="oblimin").fit_covariance(corr, 145)
    _assert_same_columns(analysis.loadings_, _records(value["loadings"]), 2e-5)
    np.testing.assert_allclose(
        np.sort(analysis.factor_correlation_.ravel()), np.sort(_records(value["Phi"]).ravel()), atol=2e-5
    )


def _assert_same_columns(found, wanted, tolerance):
    gaps = np.abs(found[:, :, None] - wanted[:, None, :]).max(axis=0)
    other = np.abs(found[:, :, None] + wanted[:, None, :]).max(axis=0)
    assert np.minimum(gaps, other).min(axis=0).max() < tolerance


def test_exploratory_analysis_of_rows():
    value = REFERENCE["fa/factanal_HS39 x1-x9_3"]["value"]
    rows = _tests()
    analysis = FactorAnalysis(3).fit(rows)
    assert analysis.indices_.chi_square == pytest.approx(value["chisq"], rel=1e-8)
    scaled = analysis.uniquenesses_ / rows.var(axis=0)
    uniqueness = value["uniquenesses"]
    np.testing.assert_allclose(
        scaled, list(uniqueness.values() if isinstance(uniqueness, dict) else uniqueness), atol=1e-5
    )


def test_confirmatory_analysis_of_lavaan():
    value = REFERENCE["fa/lavaan_HS_cfa"]["value"]
    factors = {"visual": [0, 1, 2], "textual": [3, 4, 5], "speed": [6, 7, 8]}
    analysis = ConfirmatoryFactorAnalysis(factors, identification="marker").fit(_tests())
    assert analysis.fit_.loglik == pytest.approx(value["logLik"], abs=1e-8)
    assert analysis.indices_.chi_square == pytest.approx(value["chisq"], abs=1e-6)
    assert analysis.indices_.df == value["df"]
    by_name = {(e["lhs"], e["op"], e["rhs"]): e["est"] for e in value["est"]}
    names = list(factors)
    for j in range(9):
        assert analysis.loadings_[j, j // 3] == pytest.approx(by_name[names[j // 3], "=~", f"x{j + 1}"], abs=2e-5)
        assert analysis.uniquenesses_[j] == pytest.approx(by_name[f"x{j + 1}", "~~", f"x{j + 1}"], abs=2e-5)
    for a in range(3):
        for b in range(a, 3):
            wanted = by_name[names[a], "~~", names[b]]
            assert analysis.factor_covariance_[a, b] == pytest.approx(wanted, abs=2e-5)
    unit = ConfirmatoryFactorAnalysis(factors).fit(_tests())
    assert unit.fit_.loglik == pytest.approx(value["logLik"], abs=1e-8)


def test_standard_errors_of_lavaan():
    """lavaan's default are of the expected information, which the scoring steps use; the observed ones lie near."""
    value = REFERENCE["fa/lavaan_HS_cfa"]["value"]
    factors = {"visual": [0, 1, 2], "textual": [3, 4, 5], "speed": [6, 7, 8]}
    fit = ConfirmatoryFactorAnalysis(factors, identification="marker").fit(_tests()).fit_
    wanted = [e["se"] for e in value["est"] if e["op"] == "=~" and e["se"] > 0]
    at, lower = fit.parameters, np.tril_indices(3)
    shape = Shape(np.nonzero(at.mask), lower)
    point = Candidate(at.loadings, at.factor_cov, at.uniqueness)
    expected = np.linalg.inv(_slopes(point, np.cov(_tests().T, bias=True), shape, np.zeros(9))[1] * 301 / 2)
    np.testing.assert_allclose(np.sqrt(np.diag(expected))[:6], wanted, rtol=1e-4)
    np.testing.assert_allclose(fit.standard_errors()["free"], wanted, rtol=0.3)


def test_tetrachoric_correlations_of_psych():
    table = _numbers("lsat7_patterns", skip=0)
    found = polychoric(table[:, :5], sample_weight=table[:, 5])
    value = REFERENCE["fa/psych_tetrachoric_lsat7"]["value"]
    np.testing.assert_allclose(found.correlation, _records(value["rho"]), atol=5e-5)  # psych stops its search there
    np.testing.assert_allclose([cuts[0] for cuts in found.thresholds], list(value["tau"].values()), atol=1e-9)


def test_principal_components_with_missing_entries():
    """An independent EM run to its end: k = 1 on standardised airquality, log-likelihood -751.4721237402."""
    with (HERE.parent / "missing" / "airquality.csv").open() as file:
        rows = [[row[c] for c in ("Ozone", "Solar.R", "Wind", "Temp")] for row in csv.DictReader(file)]
    X = np.array([[np.nan if cell in {"", "NA"} else float(cell) for cell in row] for row in rows])
    X = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0, ddof=1)
    pca = ProbabilisticPCA(1, tol=1e-9).fit(X)
    assert pca.fit_.loglik == pytest.approx(-751.4721237402, abs=1e-6)
    assert pca.noise_variance_ == pytest.approx(0.5904941, abs=1e-6)
