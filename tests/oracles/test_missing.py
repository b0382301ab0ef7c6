"""The normal distribution with missing entries against norm2, lavaan and mice.

The numbers are in `data/missing/reference.json` with their source.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from emkit import Status
from emkit.errors import DegenerateWarning
from emkit.missing import LinearRegression, MultipleImputer, MultivariateNormal, pool

HERE = Path(__file__).parent / "data" / "missing"
REFERENCE = json.loads((HERE / "reference.json").read_text())
MCAR = {"airquality4": "airquality", "freetrade8": "freetrade"}


def _rows(name):
    entry = REFERENCE["mvn_em"][name]
    with (HERE / entry["file"]).open() as file:
        table = list(csv.DictReader(file))
    columns = entry["columns"] or list(table[0])
    return np.array([[np.nan if row[c] in {"", "NA"} else float(row[c]) for c in columns] for row in table])


@pytest.mark.parametrize("name", REFERENCE["mvn_em"])
def test_maximum_of_norm2_and_lavaan_is_reached(name):
    entry = REFERENCE["mvn_em"][name]
    model = MultivariateNormal(tol=1e-9).fit(_rows(name))
    sd = np.sqrt(np.diag(entry["cov"]))
    assert model.fit_.is_converged
    assert model.fit_.loglik == pytest.approx(entry["loglik"], abs=1e-7)
    np.testing.assert_allclose(model.mean_ / sd, entry["mean"] / sd, atol=2e-6)
    np.testing.assert_allclose(model.covariance_ / np.outer(sd, sd), entry["cov"] / np.outer(sd, sd), atol=2e-6)


@pytest.mark.parametrize("name", REFERENCE["little_mcar"])
def test_littles_test_agrees(name):
    entry = REFERENCE["little_mcar"][name]
    found = MultivariateNormal(tol=1e-10).fit(_rows(MCAR.get(name, name))).mcar_test()
    assert found.df == entry["df"]
    assert found.n_patterns == entry["patterns"]
    assert found.statistic == pytest.approx(entry["d2_ml"], rel=1e-5)
    assert found.p_value == pytest.approx(entry["p_ml"], rel=1e-4)


def test_empirical_prior_is_amelias():
    entry = REFERENCE["amelia_empri10_airquality"]
    model = MultivariateNormal(prior_rows=10, tol=1e-10).fit(_rows("airquality"))
    np.testing.assert_allclose(model.mean_, entry["mean"], rtol=1e-8)
    np.testing.assert_allclose(model.covariance_, entry["cov"], rtol=1e-7)


def test_standard_errors_are_those_of_lavaan():
    columns = ["Ozone", "Solar.R", "Wind", "Temp"]
    se = MultivariateNormal(tol=1e-10).fit(_rows("airquality")).standard_errors()
    for entry in REFERENCE["lavaan_saturated"]:
        left = columns.index(entry["lhs"])
        found = se["mean"][left] if entry["op"] == "~1" else se["cov"][left, columns.index(entry["rhs"])]
        assert found == pytest.approx(entry["se"], rel=1e-5)


@pytest.mark.parametrize(("name", "fraction"), [("airquality", 0.32143), ("apple", 0.61412), ("missvals", 0.95594)])
def test_worst_fraction_is_that_of_norm2(name, fraction):
    # norm2 2.0.4 finds it by a power method from its last iterations: three digits
    assert MultivariateNormal(tol=1e-10).fit(_rows(name)).fraction_missing() == pytest.approx(fraction, abs=1e-3)


def test_littles_test_is_that_of_naniar():
    # naniar's own test file: airquality with Month and Day, and the same with a row of NA
    found = MultivariateNormal(tol=1e-10).fit(_airquality6()).mcar_test()
    assert (found.df, found.n_patterns) == (14, 4)
    assert found.statistic == pytest.approx(35.1061288689702, rel=1e-5)
    assert found.p_value == pytest.approx(0.00141778113856683, rel=1e-4)
    with_empty = np.vstack([_airquality6(), np.full(6, np.nan)])
    assert MultivariateNormal(tol=1e-10).fit(with_empty).mcar_test().statistic == pytest.approx(found.statistic)


def _airquality6():
    days = [(month, day) for month, n in ((5, 31), (6, 30), (7, 31), (8, 31), (9, 30)) for day in range(1, n + 1)]
    return np.column_stack([_rows("airquality"), np.array(days, dtype=float)])


def test_pooling_agrees_with_mice():
    each = REFERENCE["per_imputation"]
    pooled = pool([e["coef"] for e in each], [np.square(e["se"]) for e in each], n=25)
    for j, entry in enumerate(REFERENCE["pool"]):
        assert pooled.estimate[j] == pytest.approx(entry["estimate"], rel=1e-9)
        assert pooled.covariance[j, j] == pytest.approx(entry["t"], rel=1e-9)
        assert pooled.df[j] == pytest.approx(entry["df"], rel=1e-9)
        assert pooled.fraction_missing[j] == pytest.approx(entry["fmi"], rel=1e-9)


def test_regression_is_that_of_lavaan():
    rows = _rows("airquality")
    model = LinearRegression(tol=1e-10).fit(rows[:, 1:], rows[:, 0])
    found = model.coefficients()
    entries = {(e["op"], e["rhs"]): e for e in REFERENCE["lavaan_regression"] if e["lhs"] == "Ozone"}
    wanted = [entries[key] for key in (("~1", ""), ("~", "Solar.R"), ("~", "Wind"), ("~", "Temp"))]
    np.testing.assert_allclose(found.estimate, [e["est"] for e in wanted], rtol=2e-6)
    np.testing.assert_allclose(found.se, [e["se"] for e in wanted], rtol=2e-5)
    assert model.residual_variance_ == pytest.approx(entries["~~", "Ozone"]["est"], rel=1e-6)


@pytest.mark.parametrize("method", ["bootstrap", "posterior"])
def test_multiple_imputation_agrees_with_amelia(method):
    # Amelia's figures have Monte Carlo errors of 0.033 standard errors, ours of 0.06
    rows, entry = _rows("airquality"), REFERENCE["amelia_emb_m300_lm"]
    imputer = MultipleImputer(n_imputations=100, method=method, random_state=0).fit(rows)
    pooled = imputer.pool(rows, _least_squares, n=153)
    np.testing.assert_array_less(np.abs(pooled.estimate - entry["coef"]), 0.2 * np.array(entry["se"]))
    np.testing.assert_allclose(pooled.se, entry["se"], rtol=0.08)


def _least_squares(done):
    design = np.column_stack([np.ones(len(done)), done[:, 1:]])
    inverse = np.linalg.inv(design.T @ design)
    coef = inverse @ design.T @ done[:, 0]
    left = done[:, 0] - design @ coef
    return coef, inverse * (left @ left) / (len(done) - 4)


def test_data_without_a_maximum_are_degenerate():
    # norm2 stops at 465 iterations with an error: 9 rows, 6 columns, the covariance goes singular
    with (HERE / "norm2_marijuana.csv").open() as file:
        table = list(csv.DictReader(file))
    rows = np.array([[np.nan if v in {"", "NA"} else float(v) for v in row.values()] for row in table])
    with pytest.warns(DegenerateWarning, match="singular"):
        model = MultivariateNormal().fit(rows)
    assert model.fit_.status is Status.DEGENERATE
