"""Standard errors against other packages: R's optim with numDeriv (mixtures), poLCA 1.6 and lavaan 0.6-14."""

import csv
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.missing import MultivariateNormal

HERE = Path(__file__).parent / "data"

# waiting times of faithful, two normals: numDeriv::hessian and ::grad at the maximum, sd in place of variances
WAITING = {
    "observed": [0.031164752016, 0.69967475157, 0.50459433136, 0.53732224293, 0.40096161843],
    "scores": [0.03116094839, 0.66351078318, 0.50512094063, 0.65651478133, 0.39290111876],
    "robust": [0.031245602972, 0.74943099013, 0.50586102978, 0.46509331941, 0.41101400176],
}


@pytest.fixture(scope="module")
def waiting():
    rows = emkit.load_data("faithful").numeric()[0][:, 1:]
    return emkit.GaussianMixture(2, covariance_type="full", tol=1e-11, random_state=0).fit(rows).fit_


@pytest.mark.parametrize("kind", WAITING)
def test_mixture_of_two_normals_agrees_with_numderiv(waiting, kind):
    errors = waiting.standard_errors(kind=kind)
    sd = waiting.delta(lambda p: np.sqrt(p.members.cov[:, 0, 0]), kind=kind)
    mean = errors["members.mean"][:, 0]
    found = [errors["mix[1]"], mean[1], mean[0], sd.standard_error[1], sd.standard_error[0]]
    np.testing.assert_allclose(found, WAITING[kind], rtol=1e-5)


def test_two_latent_classes_of_carcinoma_agree_with_polca():
    rows = emkit.load_data("carcinoma").numeric()[0]
    errors = emkit.LatentClassAnalysis(2, tol=1e-11, random_state=0).fit(rows).fit_.standard_errors(kind="scores")
    printed = {  # poLCA inverts the cross-products of the scores
        "mix[0]": 0.046335762847,
        "members.items[0].prob[1, 0]": 0.045092188312,
        "members.items[1].prob[0, 0]": 0.017064400183,
        "members.items[1].prob[1, 0]": 0.082834634834,
        "members.items[2].prob[0, 0]": 0.058869918943,
        "members.items[3].prob[0, 1]": 0.072023973052,
        "members.items[4].prob[0, 0]": 0.02163373312,
        "members.items[4].prob[1, 1]": 0.068093036161,
        "members.items[5].prob[0, 0]": 0.070781410752,
        "members.items[6].prob[1, 1]": 0.051516753426,
    }
    for name, value in printed.items():
        assert errors[name] == pytest.approx(value, rel=1e-5), name


def test_zero_probabilities_of_carcinoma_get_no_number_where_polca_prints_zero():
    rows = emkit.load_data("carcinoma").numeric()[0]
    errors = emkit.LatentClassAnalysis(2, random_state=0).fit(rows).fit_.standard_errors()
    for name in ("members.items[2].prob[1, 0]", "members.items[2].prob[1, 1]", "members.items[0].prob[0, 0]"):
        assert np.isnan(errors[name])
        assert errors.reasons[errors.names.index(name)] == "on a boundary"


@pytest.fixture(scope="module")
def airquality():
    with (HERE / "missing" / "airquality.csv").open() as file:
        table = list(csv.DictReader(file))
    columns = ("Ozone", "Solar.R", "Wind", "Temp")
    rows = np.array([[np.nan if row[c] in {"", "NA"} else float(row[c]) for c in columns] for row in table])
    return MultivariateNormal(tol=1e-11).fit(rows).fit_


def test_saturated_model_of_airquality_agrees_with_lavaan(airquality):
    errors = airquality.standard_errors()
    np.testing.assert_allclose(
        errors["mean"], [2.78249789594556, 7.4283724775324, 0.283885474536257, 0.762716872426935], rtol=1e-6
    )
    printed = {
        (0, 0): 129.626623816282,
        (1, 0): 266.602338519988,
        (2, 0): 11.0333327867366,
        (3, 0): 31.2667805104138,
        (1, 1): 950.666842407335,
        (2, 1): 26.2111106477361,
        (3, 1): 74.2721325090349,
        (2, 2): 1.40976607417193,
        (3, 2): 2.94578177897236,
        (3, 3): 10.1762416518462,
    }
    for (i, j), value in printed.items():
        assert errors[f"cov[{i}, {j}]"] == errors[f"cov[{j}, {i}]"] == pytest.approx(value, rel=1e-6)


def test_regression_of_airquality_by_the_delta_method_agrees_with_lavaan(airquality):
    def regression(parameters):
        cov = parameters.cov
        slopes = np.linalg.solve(cov[1:, 1:], cov[0, 1:])
        return np.append(slopes, cov[0, 0] - slopes @ cov[1:, 0])

    found = airquality.delta(regression)
    printed = [0.0229099157092382, 0.635845467644514, 0.248679137846306, 57.6099045592025]
    np.testing.assert_allclose(found.standard_error, printed, rtol=2e-5)


def test_stationary_poisson_chain_of_earthquakes_agrees_with_a_direct_hessian():
    counts = emkit.load_data("earthquakes").numeric()[0][:, -1:]  # Zucchini & MacDonald 2009; Hessian by jax
    errors = emkit.PoissonHMM(2, startprob="stationary", tol=1e-10, random_state=0).fit(counts).standard_errors()
    np.testing.assert_allclose(errors["members.rate"][:, 0], [0.7025608695418246, 1.3601199738635628], rtol=1e-5)
    diagonal = [errors["chain.moves.prob[0, 0]"], errors["chain.moves.prob[1, 1]"]]
    np.testing.assert_allclose(diagonal, [0.035422292404820546, 0.06377305341586705], rtol=1e-5)


def test_poisson_chain_of_earthquakes_with_a_start_on_its_boundary_agrees():
    counts = emkit.load_data("earthquakes").numeric()[0][:, -1:]
    errors = emkit.PoissonHMM(2, tol=1e-10, random_state=0).fit(counts).standard_errors()
    assert errors.reasons[:2] == ("on a boundary", "on a boundary")
    np.testing.assert_allclose(errors["members.rate"][:, 0], [0.7171840447674623, 1.3824556341230771], rtol=1e-5)
    moves = [errors["chain.moves.prob[0, 1]"], errors["chain.moves.prob[1, 0]"]]
    np.testing.assert_allclose(moves, [0.03762342545067357, 0.06360938545822162], rtol=1e-5)


def test_one_sequence_gives_no_sandwich():
    counts = emkit.load_data("earthquakes").numeric()[0][:, -1:]
    with pytest.raises(emkit.errors.ParameterError, match="scores of 1 independent rows"):
        emkit.PoissonHMM(2, random_state=0).fit(counts).standard_errors(kind="robust")


# LSAT7, two-parameter logistic: exact second derivatives of the marginal likelihood (equal to mirt's Oakes and Louis)
LSAT7 = {
    "observed": [0.17719482954, 0.16876390133, 0.32107696727, 0.13412029563, 0.15113394958],
    "scores": [0.17633846353, 0.16935118271, 0.32145770168, 0.13529219984, 0.15333582634],
    "robust": [0.19001755911, 0.17728709150, 0.32972034682, 0.13852871863, 0.15654089493],
}


@pytest.mark.parametrize("kind", LSAT7)
def test_two_parameter_logistic_model_of_lsat7_agrees_with_mirt(kind):
    with (HERE / "irt" / "lsat7_patterns.csv").open() as file:
        table = np.array(list(csv.reader(file))[1:], dtype=float)
    model = emkit.ItemResponseModel("2PL", tol=1e-11).fit(table[:, :5], sample_weight=table[:, 5])
    errors = model.fit_.standard_errors(kind=kind)
    np.testing.assert_allclose(errors["items[0].slope"][:, 0], LSAT7[kind], rtol=2e-5)


def test_scores_of_rows_with_missing_entries_agree_with_those_of_each_row_alone(airquality):
    rows = np.concatenate([block.X for block in airquality.given.blocks()])
    found = airquality.standard_errors(kind="robust")["mean"]
    n = len(rows)
    spread = np.sqrt([rows[:, j].var() / n for j in (2, 3)])  # Wind and Temp have no missing entries
    np.testing.assert_allclose(found[2:], spread, rtol=1e-6)


def test_equal_slopes_by_a_tie_are_the_one_parameter_logistic_model_of_mirt():
    with (HERE / "irt" / "lsat6_patterns.csv").open() as file:
        table = np.array(list(csv.reader(file))[1:], dtype=float)
    slopes = [f"items[0].slope[{i}, 0]" for i in range(5)]
    tied = emkit.constrained(emkit.ItemResponseModel("2PL", tol=1e-11), tie=[slopes])
    tied.fit(table[:, :5], sample_weight=table[:, 5])
    errors = tied.standard_errors()
    assert tied.fit_.n_free == 6
    np.testing.assert_allclose(errors["items[0].slope"], 0.069433210399, rtol=1e-5)
    printed = [0.13044119539, 0.079177338698, 0.071774678298, 0.084638104993, 0.10544500839]
    np.testing.assert_allclose(errors["items[0].intercept"][:, 0], printed, rtol=1e-5)


def test_a_chain_under_constraints_still_names_its_boundary():
    counts = emkit.load_data("earthquakes").numeric()[0][:, -1:]
    tied = emkit.constrained(
        emkit.PoissonHMM(2, random_state=0), tie=[("chain.moves.prob[0, 1]", "chain.moves.prob[1, 0]")]
    ).fit(counts)
    errors = tied.standard_errors()
    assert tied.transmat_[0, 1] == pytest.approx(tied.transmat_[1, 0])
    assert np.isnan(errors["chain.start.prob"]).all()
    assert errors.reasons[:2] == ("on a boundary", "on a boundary")
    assert errors["chain.moves.prob[0, 1]"] == pytest.approx(errors["chain.moves.prob[1, 0]"])
