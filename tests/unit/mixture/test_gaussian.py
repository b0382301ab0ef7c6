"""GaussianMixture: answers, slices, given starts, errors."""

import numpy as np
import pytest
from scipy import stats

import emkit
from emkit.errors import DataError, NotFittedError, ParameterError
from emkit.families.gaussian_prior import NormalInverseWishart


@pytest.fixture(scope="module")
def fitted(faithful):
    return emkit.GaussianMixture(2, random_state=0).fit(faithful)


def test_answers_hang_together(fitted, faithful):
    proba = fitted.predict_proba(faithful)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_array_equal(proba.argmax(axis=1), fitted.predict(faithful))
    assert fitted.score(faithful) * 272 == pytest.approx(fitted.fit_.loglik, rel=1e-13)
    assert fitted.score_samples(faithful).sum() == pytest.approx(fitted.fit_.loglik, rel=1e-13)
    assert fitted.bic(faithful) == pytest.approx(fitted.fit_.bic, rel=1e-13)
    assert fitted.aic(faithful) == pytest.approx(fitted.fit_.aic, rel=1e-13)
    entropy = -(proba * np.log(np.maximum(proba, 1e-300))).sum()
    assert fitted.icl(faithful) == pytest.approx(fitted.bic(faithful) + 2 * entropy, rel=1e-10)
    assert fitted.n_parameters_ == 11
    assert (np.diff(fitted.weights_) <= 0).all()


def test_weights_in_score_are_repeated_rows(fitted, faithful):
    weights = np.arange(272) % 3
    repeated = np.repeat(faithful, weights, axis=0)
    assert fitted.score(faithful, sample_weight=weights) == pytest.approx(fitted.score(repeated), rel=1e-12)


def test_sample_has_the_moments_of_the_mixture(fitted):
    rows, labels = fitted.sample(40000, random_state=1)
    assert rows.shape == (40000, 2)
    np.testing.assert_allclose(np.bincount(labels) / 40000, fitted.weights_, atol=0.01)
    for k in range(2):
        np.testing.assert_allclose(rows[labels == k].mean(axis=0), fitted.means_[k], rtol=0.01)
        np.testing.assert_allclose(np.cov(rows[labels == k].T), fitted.covariances_[k], rtol=0.06)
    again = fitted.sample(5, random_state=1)[0]
    np.testing.assert_array_equal(again, fitted.sample(5, random_state=1)[0])


@pytest.mark.parametrize("word", ["full", "tied", "diag", "spherical"])
def test_marginal_and_conditional_multiply_to_the_joint(iris, word):
    mixture = emkit.GaussianMixture(2, covariance_type=word, random_state=0).fit(iris)
    row = iris[7]
    joint = mixture.score_samples(row[None])[0]
    marginal = mixture.marginal([1, 3]).score_samples(row[None, [1, 3]])[0]
    conditional = mixture.conditional({1: row[1], 3: row[3]}).score_samples(row[None, [0, 2]])[0]
    assert marginal + conditional == pytest.approx(joint, rel=1e-10)


def test_columns_by_name(iris):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(iris, columns=["sl", "sw", "pl", "pw"])
    mixture = emkit.GaussianMixture(2, random_state=0).fit(frame)
    part = mixture.marginal(["pw", "sl"])
    assert list(part.feature_names_in_) == ["pw", "sl"]
    np.testing.assert_allclose(part.means_, mixture.means_[:, [3, 0]])
    rest = mixture.conditional({"pl": 1.4})
    assert list(rest.feature_names_in_) == ["sl", "sw", "pw"]
    with pytest.raises(ParameterError, match="no column is called 'petal'"):
        mixture.marginal(["petal"])
    with pytest.raises(ParameterError, match="every column is given"):
        mixture.conditional(dict.fromkeys(range(4), 0.0))
    with pytest.raises(ParameterError, match="numbered from 0 to 3"):
        mixture.marginal([4])


def test_from_parameters_needs_no_fit():
    mixture = emkit.GaussianMixture.from_parameters([0.3, 0.7], [[0.0], [5.0]], [[[1.0]], [[4.0]]])
    x = np.linspace(-3, 9, 7)[:, None]
    wanted = 0.3 * stats.norm(0, 1).pdf(x[:, 0]) + 0.7 * stats.norm(5, 2).pdf(x[:, 0])
    np.testing.assert_allclose(np.exp(mixture.score_samples(x)), wanted, rtol=1e-12)
    with pytest.raises(ParameterError, match="sum to one"):
        emkit.GaussianMixture.from_parameters([0.3, 0.6], [[0.0], [5.0]], [[[1.0]], [[4.0]]])
    with pytest.raises(ParameterError, match="positive definite"):
        emkit.GaussianMixture.from_parameters([1.0], [[0.0, 0]], [[[1.0, 2], [2, 1]]])
    with pytest.raises(ParameterError, match=r"expected `covariances` of shape \(2, 1\)"):
        emkit.GaussianMixture.from_parameters([0.3, 0.7], [[0.0], [5.0]], [1.0, 2.0], "diag")


def test_starts_that_the_user_gives(iris):
    best = emkit.GaussianMixture(3, random_state=0).fit(iris)
    labels = best.predict(iris)
    for start in (best.fit_, best, labels, np.eye(3)[labels]):
        again = emkit.GaussianMixture(3, start=start).fit(iris)
        assert again.fit_.loglik == pytest.approx(best.fit_.loglik, abs=1e-4)
        assert again.fit_.starts.n_starts == 1
    inits = emkit.GaussianMixture(
        3, weights_init=best.weights_, means_init=best.means_, precisions_init=best.precisions_
    ).fit(iris)
    assert inits.fit_.loglik == pytest.approx(best.fit_.loglik, abs=1e-5)
    assert inits.fit_.n_e_steps < 12
    means_only = emkit.GaussianMixture(3, means_init=best.means_).fit(iris)
    assert means_only.fit_.is_converged


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "`n_components` must be an integer of at least 1, got 0"),
        ({"n_components": 2.5}, "`n_components` must be an integer"),
        ({"n_components": True}, "`n_components` must be an integer"),
        ({"covariance_type": "round"}, "`covariance_type` must be one of 'full'"),
        ({"tol": -1.0}, "`tol` must be at least 0"),
        ({"max_iter": -1}, "`max_iter` must be a whole number of at least 0"),
        ({"n_components": 2, "n_init": 0}, "`n_init` must be an integer of at least 1"),
        ({"weight_concentration": 0}, "`weight_concentration` must be positive"),
        ({"n_components": 2, "means_init": [[1.0, 2]]}, r"`means_init` has shape \(1, 2\); expected \(2, 2\)"),
        ({"n_components": 2, "weights_init": [0.5, 0.2]}, "`mix` must sum to one"),
        ({"n_components": 2, "weights_init": [1.0]}, r"`weights_init` has shape \(1,\); expected \(2,\)"),
        ({"n_components": 2, "start": [0, 5]}, "`start` must be a Fit"),
        ({"n_components": 2, "start": np.full(272, 7)}, "labels of `start` must lie between 0 and 1"),
        ({"precisions_init": [[[1.0, 2], [2, 1]]]}, "positive definite"),
        ({"n_components": 273}, "`X` has 272 rows .* but `n_components` is 273; use at most 272"),
    ],
)
def test_wrong_options_say_what_was_expected(faithful, options, message):
    with pytest.raises(ParameterError, match=message):
        emkit.GaussianMixture(**options).fit(faithful)


def test_start_of_another_shape_is_refused(faithful, iris):
    other = emkit.GaussianMixture(2, random_state=0).fit(iris)
    with pytest.raises(ParameterError, match="other components, features or covariances"):
        emkit.GaussianMixture(2, start=other).fit(faithful)


def test_prior_that_makes_no_sense_is_refused():
    with pytest.raises(ParameterError, match="`shrinkage` must be at least 0"):
        NormalInverseWishart(shrinkage=-1)
    with pytest.raises(ParameterError, match="`dof` must be positive"):
        NormalInverseWishart(dof=0)
    with pytest.raises(ParameterError, match=r"`scale` of the prior has shape \(1, 1\); expected \(2, 2\)"):
        emkit.GaussianMixture(prior=NormalInverseWishart(scale=[[1.0]])).fit([[1.0, 2], [3, 5], [4, 4]])


def test_not_fitted():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        emkit.GaussianMixture().predict([[1.0]])


def test_other_number_of_features(fitted):
    with pytest.raises(DataError, match="X has 3 features, but GaussianMixture is expecting 2 features"):
        fitted.predict(np.zeros((2, 3)))


def test_threads_do_not_change_a_bit():
    rows = np.random.default_rng(0).normal(size=(40000, 3))
    fits = [emkit.GaussianMixture(2, random_state=0, n_init=1, max_iter=5, n_threads=n) for n in (1, 2)]
    with pytest.warns(UserWarning, match="iterations ran out"):
        one, two = (m.fit(rows) for m in fits)
    np.testing.assert_array_equal(one.means_, two.means_)
    assert one.fit_.loglik == two.fit_.loglik


def test_running_out_is_a_status_and_a_warning(faithful):
    with pytest.warns(emkit.errors.ConvergenceWarning, match="Raise `max_iter`"):
        short = emkit.GaussianMixture(3, random_state=0, n_init=1, max_iter=2).fit(faithful)
    assert not short.converged_
    assert short.fit_.status is emkit.Status.MAX_ITER
    assert short.n_iter_ == 2


def test_interruption_returns_the_best_so_far(faithful):
    def interrupt(info):
        if info.iteration == 4:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Interrupted from the keyboard"):
        mixture = emkit.GaussianMixture(3, random_state=0, on_iteration=interrupt).fit(faithful)
    assert mixture.fit_.status is emkit.Status.INTERRUPTED
    assert np.isfinite(mixture.fit_.loglik)
    assert mixture.predict(faithful).shape == (272,)


def test_callback_stops_the_fit(faithful):
    with pytest.warns(UserWarning, match="Stopped by `on_iteration`"):
        mixture = emkit.GaussianMixture(3, random_state=0, on_iteration=lambda info: info.iteration >= 3).fit(faithful)
    assert mixture.fit_.status is emkit.Status.STOPPED


def test_large_data_screens_starts_on_a_sample_and_ends_on_all():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (15000, 2)), rng.normal(6, 2, (15000, 2))])
    mixture = emkit.GaussianMixture(2, random_state=0).fit(rows)
    assert mixture.converged_
    assert mixture.fit_.weight == 30000
    assert mixture.score(rows) * 30000 == pytest.approx(mixture.fit_.loglik, rel=1e-12)
    np.testing.assert_allclose(np.sort(mixture.means_[:, 0]), [0, 6], atol=0.1)


def test_words_where_objects_belong_are_errors(faithful):
    with pytest.raises(ParameterError, match=r"`solver` must be \"auto\" or a solver such as `emkit.EM\(\)`"):
        emkit.GaussianMixture(2, solver="em").fit(faithful)
    with pytest.raises(ParameterError, match=r"an estimator is fitted by its own method"):
        emkit.fit(emkit.GaussianMixture(2), faithful)
