"""Known labels and groups of rows, for mixtures of several kinds."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import emkit
from emkit.errors import DataError


def _rows(n=120, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 2, n)
    return rng.normal(size=(n, 2)) + 1.5 * z[:, None], z


def _log_joint(fit, X):
    parts = zip(fit.weights_, fit.means_, fit.covariances_, strict=True)
    return np.stack([np.log(w) + multivariate_normal(m, c).logpdf(X) for w, m, c in parts], axis=1)


def test_all_labels_known_is_the_fit_of_each_class():
    X, z = _rows()
    fit = emkit.GaussianMixture(2, random_state=0).fit(X, labels=1 - z)
    np.testing.assert_allclose(fit.means_, [X[z == 1].mean(axis=0), X[z == 0].mean(axis=0)], atol=1e-8)
    np.testing.assert_allclose(fit.weights_, [np.mean(z == 1), np.mean(z == 0)], atol=1e-9)


@pytest.mark.parametrize("unknown", [-1, np.nan])
def test_some_labels_known_add_their_part_of_the_likelihood(unknown):
    X, z = _rows()
    known = np.arange(len(z)) % 5 == 0
    fit = emkit.GaussianMixture(2, random_state=0, n_init=8).fit(X, labels=np.where(known, z, unknown))
    joint = _log_joint(fit, X)
    told = joint[known, z[known]].sum() + logsumexp(joint[~known], axis=1).sum()
    assert fit.fit_.loglik == pytest.approx(told, rel=1e-10)
    assert fit.means_[1, 0] > fit.means_[0, 0]  # the numbers are those of the labels
    free = emkit.GaussianMixture(2, random_state=0, n_init=8).fit(X)
    assert np.mean(fit.predict(X) == z) >= max(np.mean(free.predict(X) == z), np.mean(free.predict(X) != z)) - 0.05


def test_groups_have_one_label_each():
    X, z = _rows()
    order = np.argsort(z, kind="stable")
    X, z = X[order], z[order]
    groups = np.array([None if i % 7 == 0 else f"g{i // 6}" for i in range(len(z))], dtype=object)
    for i in np.flatnonzero(groups != None):  # noqa: E711 - entry by entry
        groups[i] = f"{groups[i]}-{z[i]}"
    shuffled = np.random.default_rng(1).permutation(len(z))
    fit = emkit.GaussianMixture(2, random_state=0, tol=1e-9).fit(X[shuffled], groups=groups[shuffled])
    total = 0.0
    density = _log_joint(fit, X) - np.log(fit.weights_)
    for name in {*groups.tolist()} - {None}:
        total += logsumexp(np.log(fit.weights_) + density[groups == name].sum(axis=0))
    total += logsumexp(_log_joint(fit, X[groups == None]), axis=1).sum()  # noqa: E711
    assert fit.fit_.loglik == pytest.approx(total, rel=1e-10)
    falls = -np.diff(fit.fit_.trace.objective).min(initial=0.0)
    assert falls <= 1e-9


def test_many_groups_span_several_blocks():
    rng = np.random.default_rng(3)
    z = np.repeat(rng.integers(0, 2, 5000), 4)
    X = rng.normal(size=(len(z), 1)) + z[:, None]
    groups = np.repeat(np.arange(5000), 4)
    order = rng.permutation(len(z))
    fit = emkit.GaussianMixture(2, random_state=0, n_init=2, n_threads=2).fit(X[order], groups=groups[order])
    np.testing.assert_allclose(np.sort(fit.means_[:, 0]), [0, 1], atol=0.08)
    again = emkit.GaussianMixture(2, start=fit, n_threads=1).fit(X[order], groups=groups[order])
    assert again.fit_.loglik == pytest.approx(fit.fit_.loglik, abs=1e-4)


def test_repeated_measurements_of_regressions():
    rng = np.random.default_rng(5)
    z, x = np.repeat(rng.integers(0, 2, 40), 5), rng.uniform(-2, 2, 200)
    y = np.where(z == 0, 1 + x, 2 - x) + rng.normal(size=200)
    table = {"x": x, "y": y, "person": np.repeat(np.arange(40), 5)}
    fit = emkit.MixtureOfRegressions(2, random_state=0).fit(table, "y", groups="person")
    assert fit.terms_ == ("intercept", "x")
    density = np.stack(
        [
            -0.5 * np.log(2 * np.pi * sd**2) - (y - b[0] - b[1] * x) ** 2 / (2 * sd**2)
            for b, sd in zip(fit.coefficients_, fit.residual_sd_, strict=True)
        ],
        axis=1,
    )
    people = density.reshape(40, 5, 2).sum(axis=1) + np.log(fit.fit_.parameters.mix)
    assert fit.fit_.loglik == pytest.approx(logsumexp(people, axis=1).sum(), rel=1e-10)
    assert np.isfinite(fit.coefficients().standard_error).all()
    doubt = np.exp(people - logsumexp(people, axis=1, keepdims=True))
    assert fit.icl_ == pytest.approx(fit.bic_ - 2 * (doubt * np.log(doubt)).sum())  # the doubt is about people


def test_classes_and_concomitant_variables_are_told_too():
    rng = np.random.default_rng(6)
    w = rng.normal(size=200)
    z = rng.random(200) < 1 / (1 + np.exp(-w))
    X = (rng.random((200, 4)) < np.where(z[:, None], 0.8, 0.2)).astype(int)
    labels = np.where(np.arange(200) < 40, z, -1)
    fit = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, covariates=w, labels=labels)
    assert fit.log_odds_[0, 1] > 0.3
    assert fit.item_probabilities_["x1"][1, 1] > 0.6
    groups = np.where(np.arange(200) < 40, z.astype(int), np.nan)
    bound = emkit.LatentClassAnalysis(2, random_state=0, n_init=4).fit(X, groups=groups)
    assert len(set(bound.predict(X)[:40][z[:40]])) <= 2


def test_constraints_serve_mixtures():
    X, z = _rows()
    X = X + 3 * z[:, None]
    held = emkit.constrained(emkit.GaussianMixture(2, random_state=0, n_init=2), fix={"mix": 0.5}).fit(X)
    np.testing.assert_allclose(held.weights_, 0.5)
    tied = emkit.constrained(
        emkit.GaussianMixture(2, random_state=0, n_init=2), tie=[("members.cov[0]", "members.cov[1]")]
    )
    tied.fit(X)
    np.testing.assert_allclose(tied.covariances_[0], tied.covariances_[1], rtol=1e-6)
    equal = emkit.GaussianMixture(2, covariance_type="tied", random_state=0, n_init=2).fit(X)
    assert tied.fit_.loglik == pytest.approx(equal.fit_.loglik, abs=1e-4)
    assert tied.fit_.n_free == equal.fit_.n_free


@pytest.mark.parametrize(
    "solver",
    [emkit.ClassificationEM(), emkit.StochasticEM(n_draws=5), emkit.Annealed()],
    ids=lambda s: type(s).__name__,
)
def test_other_solvers_are_told_too(solver, tmp_path):
    X, z = _rows()
    X = X + 3 * z[:, None]
    known = np.where(np.arange(len(z)) % 5 == 0, z, -1)
    fit = emkit.GaussianMixture(2, solver=solver, random_state=0, n_init=2).fit(X, labels=known)
    assert np.mean(fit.predict(X) == z) > 0.95
    joint = _log_joint(fit, X)
    seen = known >= 0
    told = joint[seen, z[seen]].sum() + logsumexp(joint[~seen], axis=1).sum()
    assert fit.fit_.loglik == pytest.approx(told, rel=1e-9)
    emkit.save(fit, tmp_path / "fit.emkit")
    np.testing.assert_array_equal(emkit.load(tmp_path / "fit.emkit").predict(X), fit.predict(X))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"labels": np.full(120, 2)}, "numbers of components, 0 to 1, or -1 or NaN where unknown; got 2 in row 0"),
        ({"labels": np.zeros(3)}, r"`labels` must have one entry for each of the 120 rows, got shape \(3,\)"),
        ({"labels": ["a"] * 120}, "or -1 where unknown; got 'a'"),
        ({"groups": np.zeros(3)}, r"`groups` must have one entry for each of the 120 rows, got shape \(3,\)"),
        (
            {"groups": np.zeros(120), "labels": np.arange(120) % 2},
            r"must have one label, but those of a group have \[0, 1\]",
        ),
        ({"groups": np.zeros(120), "sample_weight": np.arange(120) + 1.0}, "must be the same for all rows of a group"),
    ],
)
def test_bad_labels_and_groups_are_told(given, told):
    X, _ = _rows()
    with pytest.raises(DataError, match=told):
        emkit.GaussianMixture(2).fit(X, **given)
