"""Item response models against R mirt 1.47 and an independent maximiser (`data/irt/irt.json` names the commands)."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emkit import ItemResponseModel

HERE = Path(__file__).parent / "data" / "irt"
ENTRIES = {key: entry["value"] for key, entry in json.loads((HERE / "irt.json").read_text()).items()}


def table(name):
    with (HERE / f"{name}.csv").open() as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(cell) if cell not in ("", "NA") else np.nan for cell in row] for row in rows])
    if name.endswith("_patterns"):
        return dict(zip(header[:-1], values[:, :-1].T, strict=True)), values[:, -1]
    return dict(zip(header, values.T, strict=True)), None


def fitted(name, item_type, **options):
    X, counts = table(name)
    return ItemResponseModel(item_type, **options).fit(X, sample_weight=counts)


EXACT = [
    ("lsat6_patterns", "2PL", "irt/exact/lsat6_2PL"),
    ("lsat6_patterns", "graded", "irt/exact/lsat6_2PL"),
    ("lsat6_patterns", "Rasch", "irt/exact/lsat6_Rasch_free_var"),
    ("lsat6_patterns", "1PL", "irt/exact/lsat6_Rasch_free_var"),
    ("lsat7_patterns", "2PL", "irt/exact/lsat7_2PL"),
    ("lsat7_patterns", "Rasch", "irt/exact/lsat7_Rasch_free_var"),
    ("ltm_abortion", "2PL", "irt/exact/ltm_abortion_2PL"),
    ("sat12_scored", "2PL", "irt/exact/sat12_2PL"),
]


@pytest.mark.parametrize(("data", "item_type", "key"), EXACT)
def test_default_settings_reach_the_exact_optimum(data, item_type, key):
    model = fitted(data, item_type)
    assert model.fit_.is_converged
    assert model.fit_.loglik == pytest.approx(ENTRIES[key]["logLik"], abs=2e-6)


@pytest.mark.parametrize("name", ["lsat6", "lsat7", "ltm_abortion", "sat12"])
def test_parameters_of_2pl_are_the_exact_ones(name):
    data = {"lsat6": "lsat6_patterns", "lsat7": "lsat7_patterns", "sat12": "sat12_scored"}.get(name, name)
    model = fitted(data, "2PL")
    there = np.array(ENTRIES[f"irt/exact/{name}_2PL"]["params"])
    ours = np.concatenate([model.coef_["a1"], model.coef_["d"]])
    np.testing.assert_allclose(ours, there, atol=2e-4)  # 1e-4 standard errors or less


# peers integrate from -6 to 6, which costs or gains them up to 1e-5 here
MIRT = [
    ("science", "graded", "Science_graded"),
    ("science", "gpcm", "Science_gpcm"),
    ("science", "nominal", "Science_nominal"),
    ("science", "sequential", "Science_sequential"),
    ("science", "pcm", "Science_PCM_Rasch"),
    ("science", "Rasch", "Science_PCM_Rasch"),
    ("science", "rsm", "Science_rsm"),
    ("science", "grsm", "Science_grsm"),
    ("ability", "2PL", "ability_2PL"),
    ("deayala_patterns", "2PL", "deAyala_2PL"),
    ("sat12_scored", "Rasch", "SAT12_Rasch"),
    ("lsat6_patterns", "3PL", "LSAT6_3PL_prior_norm(-1.4,.5)"),
    ("lsat7_patterns", "3PL", "LSAT7_3PL_prior_norm(-1.4,.5)"),
]


@pytest.mark.parametrize(("data", "item_type", "key"), MIRT)
def test_default_settings_reach_the_optimum_of_mirt(data, item_type, key):
    model = fitted(data, item_type)
    entry = ENTRIES[f"irt/mirt/{key}"]
    assert model.fit_.is_converged
    assert model.fit_.loglik == pytest.approx(entry["logLik"], abs=2e-5)
    assert model.n_parameters_ == entry["nest"]


@pytest.mark.parametrize(("item_type", "key"), [(t, k) for d, t, k in MIRT if d == "science" and t[:2] != "rs"])
def test_slopes_and_intercepts_are_those_of_mirt(item_type, key):
    model = fitted("science", item_type)
    items = ENTRIES[f"irt/mirt/{key}"]["items"]
    if item_type == "grsm":  # mirt holds the location of the first item at zero
        np.testing.assert_allclose(model.coef_["a1"], [item["a1"] for item in items], atol=2e-3)
        return
    for column in model.coef_.columns:
        np.testing.assert_allclose(model.coef_[column], [item[column] for item in items], atol=5e-3)


@pytest.mark.parametrize(
    ("data", "item_type"),
    [
        ("lsat6_patterns", "2PL"),
        ("lsat7_patterns", "2PL"),
        ("ltm_abortion", "2PL"),
        ("sat12_scored", "2PL"),
        ("science", "graded"),
        ("deayala_patterns", "2PL"),
        ("ability", "2PL"),
    ],
)
def test_few_passes_come_within_a_millionth(data, item_type):
    # counts/accel_counts: EM 43 to 56, SQUAREM 15 to 19, safeguarded Anderson 11 to 15 on the first four
    fit = fitted(data, item_type, tol=1e-9).fit_
    grid = fitted(data, item_type, quadrature=replace(fit.model.grid, is_adaptive=False), tol=1e-9).fit_
    assert grid.loglik == pytest.approx(fit.loglik, abs=1e-8)
    first = int(np.argmax(grid.trace.objective >= grid.loglik - 1e-6))
    assert grid.trace.n_e_steps[first] <= 16


def test_variance_of_rasch():
    model = fitted("lsat6_patterns", "Rasch")
    assert model.latent_var_[0] == pytest.approx(0.57023712212, abs=1e-5)


def test_guessing_with_its_default_prior():
    model = fitted("lsat7_patterns", "3PL")
    items = ENTRIES["irt/mirt/LSAT7_3PL_prior_norm(-1.4,.5)"]["items"]
    np.testing.assert_allclose(model.coef_["g"], [item["g"] for item in items], atol=1e-3)
    np.testing.assert_allclose(model.coef_["a1"], [item["a1"] for item in items], atol=1e-2)


def test_missing_answers_are_skipped_exactly():
    X, counts = table("lsat7_patterns")
    rows = np.repeat(np.column_stack(list(X.values())), counts.astype(int), axis=0)
    rows[0, 0], rows[1, 1] = np.nan, np.nan
    model = ItemResponseModel("2PL").fit(rows)
    assert model.fit_.loglik == pytest.approx(ENTRIES["irt/mirt/LSAT7_2PL_two_missing"]["logLik"], abs=1e-6)


@pytest.fixture(scope="module")
def lsat7():
    return fitted("lsat7_patterns", "2PL")


LSAT7 = ENTRIES["irt/mirt/LSAT7_2PL"]


@pytest.mark.parametrize(("kind", "key"), [("observed", "observed"), ("scores", "crossprod"), ("robust", "sandwich")])
def test_standard_errors_are_exact(lsat7, kind, key):
    found = lsat7.coef(standard_errors=True, kind=kind).standard_errors
    there = ENTRIES["irt/exact_se/lsat7_2PL"][f"se_{key}"]
    np.testing.assert_allclose(found.T.reshape(-1), there, atol=2e-6)


def test_traditional_form(lsat7):
    table = lsat7.coef("traditional", standard_errors=True)
    np.testing.assert_allclose(table["b"], [item["b"] for item in LSAT7["irt_pars"]], atol=1e-5)
    np.testing.assert_allclose(lsat7.difficulty_, table["b"])
    a, b = table["a1"], table["b"]
    cov = lsat7.fit_.delta(lambda p: np.concatenate([p.items[0].slope[0], p.items[0].intercept[0]])).covariance
    by = np.array([b[0] / a[0], 1 / a[0]])  # b = -d / a
    assert table.standard_errors[0, 1] == pytest.approx(np.sqrt(by @ cov @ by), rel=1e-6)


@pytest.mark.parametrize(("method", "atol"), [("EAP", 5e-6), ("MAP", 2e-5), ("WLE", 1e-4), ("ML", 1e-4)])
def test_scores_are_those_of_mirt(lsat7, method, atol):
    rows = LSAT7[f"fscores_{method}"]
    X = np.array([[row[name] for name in lsat7.item_names_] for row in rows])
    found = lsat7.scores(X, method)
    for ours, key in ((found.theta, "F1"), (found.se, "SE_F1")):
        there = np.array([row[key] if isinstance(row[key], float) else np.nan for row in rows])
        known = np.isfinite(there)
        assert known.sum() >= 30
        np.testing.assert_allclose(ours[known], there[known], atol=atol)
    if method == "ML":
        assert found.theta[0] == -np.inf
        assert found.theta[-1] == np.inf


def test_scores_given_the_sum(lsat7):
    X = np.tril(np.ones((6, 5)), -1)
    found = lsat7.scores(X, "sum-EAP")
    np.testing.assert_allclose(found.theta, [row["F1"] for row in LSAT7["fscores_EAPsum"]], atol=2e-6)
    np.testing.assert_allclose(found.se, [row["SE_F1"] for row in LSAT7["fscores_EAPsum"]], atol=2e-6)


def test_reliability_and_information(lsat7):
    X, counts = table("lsat7_patterns")
    rows = np.repeat(np.column_stack(list(X.values())), counts.astype(int), axis=0)
    assert lsat7.marginal_reliability_ == pytest.approx(LSAT7["marginal_rxx"], abs=1e-6)
    assert lsat7.scores(rows).reliability == pytest.approx(LSAT7["empirical_rxx"]["F1"], abs=1e-6)
    np.testing.assert_allclose(lsat7.information([-2, 0, 2]), LSAT7["testinfo"], atol=2e-6)
    np.testing.assert_allclose(lsat7.item_information([-2, 0, 2]), LSAT7["iteminfo_theta_m2_0_2"], atol=2e-6)


def test_scores_of_graded_answers():
    model = fitted("science", "graded")
    X = np.column_stack(list(table("science")[0].values()))
    np.testing.assert_allclose(model.scores(X[:5]).theta, ENTRIES["irt/mirt/Science_graded"]["EAP_first5"], atol=2e-4)


def test_rasch_of_a_wide_latent_distribution_beats_a_narrow_grid():
    """mirt's -55387.028053 is that of a normal distribution cut off at 6; adaptive quadrature gives ours."""
    model = fitted("deayala_patterns", "Rasch")
    assert model.fit_.loglik == pytest.approx(-55387.0614185, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "most"), [("lsat6_patterns", 18), ("lsat7_patterns", 15), ("ltm_abortion", 18), ("sat12_scored", 15)]
)
def test_few_passes_over_the_data(data, most):
    X, counts = table(data)
    objective = ItemResponseModel("2PL").fit(X, sample_weight=counts).fit_.trace.objective
    first = int(np.argmax(objective >= objective[-1] - 1e-5))
    assert first <= most


def test_two_factors_of_graded_answers():
    """mirt needs 2971 iterations of EM for this; its own is the same optimum."""
    model = fitted("science", "graded", n_factors=2)
    entry = ENTRIES["irt/mirt/Science_graded_2F_expl"]
    assert model.fit_.loglik == pytest.approx(entry["logLik"], abs=1e-5)
    assert model.n_parameters_ == entry["nest"]
    assert model.fit_.n_e_steps < 120


def test_two_factors_end_above_a_loose_stop_of_mirt():
    model = fitted("sat12_scored", "2PL", n_factors=2)
    entry = ENTRIES["irt/mirt/SAT12_2PL_2F_expl"]
    assert model.fit_.loglik >= entry["logLik"]
    assert model.fit_.loglik == pytest.approx(-9441.92761, abs=1e-4)  # 61 nodes in each direction give the same
    assert model.n_parameters_ == entry["nest"]


def test_bifactor_with_reduced_dimensions():
    entry = ENTRIES["irt/mirt/SAT12_bfactor"]
    model = fitted("sat12_scored", "2PL", specific=entry["specific"], tol=1e-6)
    assert model.fit_.loglik >= entry["logLik"]
    assert model.fit_.loglik == pytest.approx(entry["logLik"], abs=1e-3)
    assert model.n_parameters_ == entry["nest"]


def test_turning_a_nominal_model_round_turns_all_its_slopes():
    """A model of reversed answers is the same model; each category has a slope of its own."""
    X = np.column_stack(list(table("science")[0].values()))
    here, there = (ItemResponseModel("nominal").fit(rows) for rows in (X, 5 - X))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, abs=1e-5)
    assert there.fit_.loglik == pytest.approx(there.fit_.trace.objective[-1], abs=1e-9)


def test_histogram_reaches_further_than_mirt():
    model = fitted("sat12_scored", "2PL", density="histogram")
    entry = ENTRIES["irt/mirt/SAT12_2PL_EH"]
    assert model.n_parameters_ == 64 + 75  # our nodes, of which mirt has 121
    assert model.fit_.loglik > entry["logLik"] - 1e-3  # ours is at -9456.914: mirt stops once parameters move by 3e-5
    assert entry["logLik"] == pytest.approx(-9457.640032, abs=1e-6)


def test_davidian_curve_has_a_better_optimum_than_mirt():
    model = fitted("sat12_scored", "2PL", density="davidian-4", random_state=0)
    entry = ENTRIES["irt/mirt/SAT12_2PL_Davidian4"]
    assert model.n_parameters_ == entry["nest"]
    assert model.fit_.is_converged
    assert model.fit_.loglik == pytest.approx(-9461.807705, abs=1e-4)
    assert model.fit_.loglik > entry["logLik"] + 4  # one of several optima, as different starts find here
