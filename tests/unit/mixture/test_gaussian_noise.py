"""GaussianMixture with noise: what its answers mean, missing entries, starts, saving, refusals."""

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError


def rows(seed=0, n=150):
    rng = np.random.default_rng(seed)
    groups = np.concatenate([rng.normal(-4, 0.5, (n, 2)), rng.normal(4, 0.5, (n // 2, 2))])
    return np.concatenate([groups, rng.uniform(-10, 10, (40, 2))])


@pytest.fixture(scope="module")
def fitted():
    return emkit.GaussianMixture(2, noise=True, random_state=0).fit(rows())


def test_noise_is_last_and_its_label_is_minus_one(fitted):
    X = rows()
    assert fitted.weights_.shape == (3,)
    assert fitted.means_.shape == (2, 2)
    assert fitted.weights_.sum() == pytest.approx(1)
    labels, resp = fitted.predict(X), fitted.predict_proba(X)
    assert set(labels) == {-1, 0, 1}
    np.testing.assert_array_equal(labels == -1, resp.argmax(axis=1) == 2)
    assert (labels[-40:] == -1).mean() > 0.7
    assert (labels[:150] == 0).all()
    assert set(fitted.sample(500, random_state=1)[1]) == {-1, 0, 1}


def test_more_noise_than_anything_else_stays_last():
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(0, 0.3, (30, 2)), rng.uniform(-10, 10, (200, 2))])
    mixture = emkit.GaussianMixture(1, noise=True, random_state=0).fit(X)
    assert mixture.weights_[1] > mixture.weights_[0]
    assert (mixture.predict(X[30:]) == -1).mean() > 0.9


def test_its_log_likelihood_is_that_of_the_formula(fitted):
    X = rows()
    density = sum(
        w
        * np.exp(-0.5 * np.einsum("ni,ij,nj->n", X - m, np.linalg.inv(c), X - m))
        / np.sqrt(np.linalg.det(c))
        / 2
        / np.pi
        for w, m, c in zip(fitted.weights_, fitted.means_, fitted.covariances_, strict=False)
    )
    expected = np.log(density + fitted.weights_[2] / np.prod(np.ptp(X, axis=0))).sum()
    assert fitted.fit_.loglik == pytest.approx(expected, abs=1e-8)
    assert fitted.score(X) * len(X) == pytest.approx(expected, abs=1e-8)
    assert fitted.fit_.n_free == 2 * 2 + 2 * 3 + 2 + 1  # means, covariances, weights, volume


def test_missing_entries_are_integrated_out():
    X = rows()
    X[::7, 0] = np.nan
    mixture = emkit.GaussianMixture(2, noise=True, random_state=0).fit(X)
    assert mixture.fit_.is_converged
    row = mixture.score_samples(np.array([[np.nan, 20.0], [np.nan, 0.0]]))
    assert row[0] < -30  # no noise outside the box
    assert row[1] == pytest.approx(np.log(mixture.weights_[2] / np.ptp(X[:, 1])), abs=1e-2)


def test_guesses_of_the_noise_and_labels_start_it(fitted):
    X, guess = rows(), np.arange(265) >= 225
    for wish in ({"noise_init": guess}, {"start": fitted.predict(X)}, {"start": fitted}):
        again = emkit.GaussianMixture(2, noise=True, **wish).fit(X)
        assert again.fit_.starts.n_starts == 1
        assert again.fit_.loglik == pytest.approx(fitted.fit_.loglik, abs=1e-5)


def test_threads_change_no_bit_and_a_saved_one_answers_alike(fitted, tmp_path):
    X = rows()
    other = emkit.GaussianMixture(2, noise=True, random_state=0, n_threads=2).fit(X)
    assert other.fit_.loglik == fitted.fit_.loglik
    emkit.save(fitted, tmp_path / "noise.emkit")
    np.testing.assert_array_equal(emkit.load(tmp_path / "noise.emkit").predict_proba(X), fitted.predict_proba(X))


def test_select_takes_it():
    template = emkit.GaussianMixture(noise=True)
    selection = emkit.select(rows(), [1, 2, 3], structures=["EII", "VVV"], estimator=template)
    assert selection.best_cell.n_components == 2


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"noise": -1.0}, "positive number; got -1.0"),
        ({"noise": "yes"}, "True, False or the volume"),
        ({"noise": True, "noise_init": np.ones(3, dtype=bool)}, r"booleans \(265,\)"),
        ({"noise": True, "means_init": np.zeros((2, 2))}, "`start` or `noise_init`"),
        ({"noise_init": np.zeros(265, dtype=bool)}, "set `noise=True`"),
    ],
)
def test_wrong_wishes(wish, message):
    with pytest.raises(ParameterError, match=message):
        emkit.GaussianMixture(2, **wish).fit(rows())


def test_what_noise_has_no_answer_to(fitted):
    for ask in (lambda: fitted.marginal([0]), lambda: fitted.conditional({0: 1.0}), lambda: fitted.impute(rows())):
        with pytest.raises(ParameterError, match="this one has noise"):
            ask()
    with pytest.raises(DataError, match="constant"):
        emkit.GaussianMixture(1, noise=True).fit(np.column_stack([np.arange(9.0), np.ones(9)]))
