"""Standard errors and intervals: what they are where a formula is known, and what is said where there are none."""

import pickle

import numpy as np
import pytest

import emkit
from emkit.core import EM
from emkit.errors import ParameterError
from emkit.mixture import FiniteMixture

RNG = np.random.default_rng(3)
ROWS = RNG.normal([1.0, -2.0], [1.0, 3.0], (200, 2))


@pytest.fixture(scope="module")
def one():
    return emkit.GaussianMixture(1).fit(ROWS)


@pytest.fixture(scope="module")
def poisson():
    counts = RNG.poisson(np.where(RNG.random((400, 1)) < 0.4, 1.0, 6.0)).astype(float)
    return emkit.PoissonMixture(2, random_state=0).fit(counts)


def test_one_normal_has_the_textbook_errors(one):
    cov, n = one.parameters_.members.cov[0], len(ROWS)
    errors = one.standard_errors()
    np.testing.assert_allclose(errors["members.mean[0]"], np.sqrt(np.diag(cov) / n), rtol=1e-6)
    textbook = np.sqrt((cov**2 + np.outer(np.diag(cov), np.diag(cov))) / n)
    np.testing.assert_allclose(errors["members.cov[0]"], textbook, rtol=1e-6)


def test_errors_of_one_normal_do_not_depend_on_units_or_origin(one):
    moved = emkit.GaussianMixture(1).fit(ROWS * [1e-6, 1e5] + [1e3, -1e9])
    found = moved.standard_errors()["members.mean[0]"] / [1e-6, 1e5]
    np.testing.assert_allclose(found, one.standard_errors()["members.mean[0]"], rtol=1e-4)


def test_the_sandwich_of_a_mean_is_the_sample_variance(one):
    skewed = RNG.exponential(size=(300, 1)) ** 2
    fit = emkit.GaussianMixture(1).fit(skewed).fit_
    variance = fit.parameters.members.cov.item()
    robust = fit.standard_errors(kind="robust")
    fourth = ((skewed - skewed.mean()) ** 4).mean() - variance**2
    assert robust["members.mean[0, 0]"] == pytest.approx(np.sqrt(variance / 300), rel=1e-5)
    assert robust["members.cov[0, 0, 0]"] == pytest.approx(np.sqrt(fourth / 300), rel=1e-5)


def test_clusters_of_repeated_rows_count_once(one):
    labels = np.repeat(np.arange(len(ROWS)), 3)
    tripled = emkit.GaussianMixture(1).fit(np.repeat(ROWS, 3, axis=0))
    found = tripled.standard_errors(clusters=labels)["members.mean"]
    np.testing.assert_allclose(found, one.standard_errors(kind="robust")["members.mean"], rtol=1e-5)


def test_case_weights_are_repeated_rows(one):
    weights = RNG.integers(0, 4, len(ROWS)).astype(float)
    weighted = emkit.GaussianMixture(1).fit(ROWS, sample_weight=weights)
    repeated = emkit.GaussianMixture(1).fit(np.repeat(ROWS, weights.astype(int), axis=0))
    for kind in ("observed", "scores", "robust"):
        left, right = (m.standard_errors(kind=kind).values for m in (weighted, repeated))
        np.testing.assert_allclose(left, right, rtol=1e-6)


def test_errors_are_those_of_the_second_differences_of_the_log_likelihood(poisson):
    from emkit.core import Problem

    fit = poisson.fit_
    information = np.linalg.inv(fit.covariance().spread.cov)
    chart, vector = fit.covariance().information.chart, fit.covariance().information.vector
    problem = Problem(fit.model, fit.source)

    def loglik(*moves):
        return problem.evaluate(chart.from_vector(vector + sum(moves))).loglik

    steps = 1e-3 * np.eye(len(vector))
    found = np.array(
        [[(loglik(a, b) - loglik(a, -b) - loglik(-a, b) + loglik(-a, -b)) / 4e-6 for b in steps] for a in steps]
    )
    np.testing.assert_allclose(-found, information, rtol=1e-4, atol=1e-3)


def test_names_reach_arrays_parts_and_numbers(poisson):
    errors, intervals = poisson.standard_errors(), poisson.confint(0.9)
    assert errors.names == ("mix[0]", "mix[1]", "members.rate[0, 0]", "members.rate[1, 0]")
    assert errors["members.rate"].shape == (2, 1)
    assert errors["members.rate[1]"].shape == (1,)
    assert errors["members.rate[1, 0]"] == errors["members.rate[:, 0]"][1] == errors.record.members.rate[1, 0]
    assert intervals["mix"].shape == (2, 2)
    assert errors.to_dict()["mix[0]"] == pytest.approx(errors["mix[1]"])
    assert poisson.fit_.covariance()["mix[0]", "mix[1]"] == pytest.approx(-(errors["mix[0]"] ** 2))


@pytest.mark.parametrize("name", ["rate", "members.rate[2, 0]", "members.rate[x]", "mix[0][1]"])
def test_a_name_that_does_not_exist_is_told(poisson, name):
    with pytest.raises(ParameterError, match=r"no (parameter|entry)"):
        poisson.standard_errors()[name]


def test_intervals_stay_in_their_spaces():
    counts = RNG.poisson(np.where(RNG.random((30, 1)) < 0.1, 0.5, 4.0)).astype(float)
    fit = emkit.PoissonMixture(2, random_state=0).fit(counts).fit_
    intervals = fit.confint(0.999)
    assert (intervals["members.rate"] > 0).all()
    assert ((intervals["mix"] > 0) & (intervals["mix"] < 1)).all()
    assert (intervals.low < intervals.estimates).all()
    assert (intervals.estimates < intervals.high).all()


def test_the_table_shows_each_entry_of_a_symmetric_matrix_once(one):
    text = str(one.confint())
    assert "members.cov[0, 1, 0]" in text
    assert "members.cov[0, 0, 1]" not in text
    assert text.splitlines()[0] == "Estimates with 95% intervals"


def test_directions_without_information_are_named_and_get_no_number():
    answers = (RNG.random((300, 2)) < 0.5).astype(float)  # two binary answers have 3 free cells, two classes 5
    fit = emkit.BernoulliMixture(2, random_state=0).fit(answers).fit_
    errors = fit.standard_errors()
    assert np.isnan(errors.values).any()
    assert "not identified" in errors.reasons
    assert any(note.startswith("Not identified by these data") and "mix[0]" in note for note in errors.notes)


def test_a_collapsed_fit_has_no_standard_errors():
    rows = np.repeat([[0.0], [5.0]], 10, axis=0)
    with pytest.warns(emkit.errors.DegenerateWarning):
        fit = emkit.GaussianMixture(2, random_state=0).fit(rows).fit_
    errors = fit.standard_errors()
    assert np.isnan(errors.values).all()
    assert set(errors.reasons) == {"collapsed"}
    assert "No standard errors" in errors.notes[0]


def test_a_fit_that_stopped_early_says_so():
    fit = emkit.fit(FiniteMixture(n_components=2), ROWS, max_iter=2, rng=0, n_starts=1)
    assert "'max_iter'" in fit.standard_errors().notes[-1]


def test_a_loaded_or_pickled_fit_asks_for_its_data(poisson, tmp_path):
    fit = poisson.fit_
    emkit.save(fit, tmp_path / "fit.emkit")
    for copy in (emkit.load(tmp_path / "fit.emkit"), pickle.loads(pickle.dumps(fit))):
        assert copy.source is None
        with pytest.raises(ParameterError, match="does not hold its data"):
            copy.standard_errors()
        counts = np.concatenate([block.X for block in fit.given.blocks()])
        np.testing.assert_allclose(copy.standard_errors(counts).values, fit.standard_errors().values, rtol=1e-8)


def test_the_data_of_a_fit_are_not_shown(poisson):
    assert "source" not in repr(poisson.fit_)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kind": "louis"}, "`kind` must be one of"), ({"clusters": [1, 2]}, "one label for each of the 400 rows")],
)
def test_options_out_of_range_are_told(poisson, options, message):
    with pytest.raises(ParameterError, match=message):
        poisson.fit_.standard_errors(**options)
    with pytest.raises(ParameterError, match="`level` must lie between 0 and 1"):
        poisson.confint(95)


def test_a_model_without_a_score_is_told():
    from emkit.mixture._kmeans_model import KMeansModel

    fit = emkit.fit(KMeansModel(2), ROWS, rng=0, solver=EM())
    if emkit.core.problem.Problem(fit.model, fit.source).has_score:
        pytest.skip("k-means states its objective")
    with pytest.raises(ParameterError, match="expected_loglik"):
        fit.standard_errors()


def test_threads_change_nothing():
    counts = RNG.poisson(np.where(RNG.random((5000, 2)) < 0.4, 1.0, 6.0)).astype(float) + RNG.poisson(1.0, (5000, 2))
    rows = np.sqrt(counts) + RNG.normal(0, 0.1, counts.shape)
    fits = [emkit.GaussianMixture(2, n_init=1, random_state=0, n_threads=n).fit(rows) for n in (1, 2)]
    left, right = (m.fit_.standard_errors().values for m in fits)
    np.testing.assert_array_equal(left, right)


def test_ninety_five_percent_intervals_cover():
    rng, n_covered, truth = np.random.default_rng(11), np.zeros(3), np.array([0.4, 1.0, 6.0])
    start = FiniteMixture(emkit.families.poisson.Poisson(), 2)
    for _ in range(150):
        counts = rng.poisson(np.where(rng.random((250, 1)) < 0.4, 1.0, 6.0)).astype(float)
        intervals = emkit.fit(start, counts, rng=0, n_starts=1).confint()
        order = np.argsort(intervals.entries.values[2:])
        ends = np.array([intervals["mix"][order[0]], *intervals["members.rate"][order, 0]])
        n_covered += (ends[:, 0] < truth) & (truth < ends[:, 1])
    assert (n_covered / 150 > 0.90).all()  # 0.95 less two standard errors of the simulation and a half
    assert (n_covered / 150 < 0.99).all()


def test_a_kink_gets_no_number():
    from emkit.families.laplace import Laplace

    fit = emkit.fit(FiniteMixture(Laplace(), 1), ROWS[:199], rng=0)
    errors = fit.standard_errors()
    assert errors.reasons[errors.names.index("members.location[0, 0]")] == "not smooth"
    assert np.isnan(errors["members.location"]).all()
    assert np.isfinite(errors["members.scale"]).all()
    assert "has a kink" in " ".join(errors.notes)


def test_scores_of_incomplete_normal_rows_agree_with_the_information():
    rows = np.random.default_rng(5).normal(size=(3000, 2)) @ [[1.0, 0.5], [0.0, 1.0]]
    rows[::4, 1] = np.nan
    fit = emkit.missing.MultivariateNormal().fit(rows).fit_
    for kind in ("scores", "robust"):
        np.testing.assert_allclose(fit.standard_errors(kind=kind).values, fit.standard_errors().values, rtol=0.1)
