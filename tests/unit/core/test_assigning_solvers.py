"""Classification, stochastic and annealed EM."""

import warnings

import numpy as np
import pytest

import emkit
from emkit.core.assignments import Drawn, Hardest, Tempered
from emkit.errors import ParameterError
from emkit.families.normal import Normal
from emkit.mixture import ConcomitantMixture, FiniteMixture


def _iris():
    return emkit.load_data("iris").numeric()[0]


def _fit(solver, X=None, k=3, **options):
    X = _iris() if X is None else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return emkit.GaussianMixture(k, solver=solver, random_state=0, **{"n_init": 4, "max_iter": 5000} | options).fit(
            X
        )


def test_memberships_follow_their_rules():
    joint = np.log([[0.6, 0.4], [0.1, 0.9]])
    np.testing.assert_array_equal(Hardest().memberships(joint, 0)[1], np.eye(2))
    np.testing.assert_allclose(Hardest().memberships(joint, 0)[0], np.log([0.6, 0.9]))
    np.testing.assert_allclose(
        Tempered(0.5).memberships(joint, 0)[1][0], np.sqrt([0.6, 0.4]) / np.sqrt([0.6, 0.4]).sum()
    )
    np.testing.assert_allclose(Tempered(1.0).memberships(joint, 0)[0], 0.0, atol=1e-12)
    many = np.repeat(joint, 4000, axis=0)
    drawn = Drawn(3, 1).memberships(many, 0)[1]
    np.testing.assert_allclose(drawn[:4000].mean(axis=0), [0.6, 0.4], atol=0.03)
    np.testing.assert_array_equal(drawn, Drawn(3, 1).memberships(many, 0)[1])
    assert (drawn != Drawn(3, 2).memberships(many, 0)[1]).any()


def test_classification_em_climbs_the_classification_likelihood_and_reports_both():
    fit = _fit(emkit.ClassificationEM())
    joint = fit.model_.log_joint(fit.parameters_, next(iter(fit.fit_.source.blocks())))
    assert fit.fit_.is_converged
    assert fit.fit_.objective == pytest.approx(joint.max(axis=1).sum(), rel=1e-9)
    assert fit.fit_.loglik == pytest.approx(fit.score(_iris()) * 150, rel=1e-12)
    assert fit.fit_.loglik > fit.fit_.objective
    assert np.diff(fit.fit_.trace.objective).min() >= -1e-9
    labels = fit.predict(_iris())  # a fixed point: the members are those of the clusters
    np.testing.assert_allclose(fit.means_[0], _iris()[labels == 0].mean(axis=0), atol=1e-8)


def test_classification_em_of_equal_spheres_is_nearly_k_means():
    X = _iris()
    fit = _fit(emkit.ClassificationEM(), covariance_type="EII", n_init=8)
    labels, known = fit.predict(X), emkit.KMeans(3, random_state=0).fit(X).labels_
    pairs = {(a, b) for a, b in zip(labels.tolist(), known.tolist(), strict=True)}
    matched = sum(max(np.sum((labels == a) & (known == b)) for b in range(3)) for a in range(3))
    assert matched >= 147, pairs


@pytest.mark.parametrize("solver", [emkit.StochasticEM(), emkit.Annealed()], ids=lambda s: type(s).__name__)
def test_others_end_at_optima_of_the_likelihood(solver):
    fit = _fit(solver).fit_
    assert fit.is_converged
    assert fit.loglik == pytest.approx(fit.objective, abs=1e-6)
    assert np.diff(fit.trace.objective).min() >= -1e-9
    again = _fit(emkit.QuasiNewton(), start=fit).fit_
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-5)


def test_draws_and_powers_are_repeatable_for_any_number_of_threads():
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(size=(20000, 2)), rng.normal(size=(20000, 2)) + 2])
    for solver in (emkit.StochasticEM(n_draws=3), emkit.Annealed(n_steps=2), emkit.ClassificationEM()):
        start = np.arange(40000) % 2
        ends = [_fit(solver, X, 2, start=start, n_threads=n, max_iter=5).fit_ for n in (1, 2)]
        assert ends[0].loglik == ends[1].loglik


def test_annealing_makes_starts_agree():
    assert _fit(emkit.Annealed(), k=2, n_init=8).fit_.starts.n_best == 8


def test_they_serve_other_mixtures():
    classes = emkit.LatentClassAnalysis(2, solver=emkit.StochasticEM(n_draws=5), random_state=0, n_init=3)
    assert classes.fit(emkit.load_data("carcinoma")).fit_.loglik == pytest.approx(-317.2568373, abs=1e-4)
    rng = np.random.default_rng(0)
    x, w = rng.uniform(-2, 2, 200), rng.normal(size=200)
    y = np.where(rng.random(200) < 1 / (1 + np.exp(-w)), 1 + x, 6 - x) + 0.4 * rng.normal(size=200)
    lines = emkit.MixtureOfRegressions(2, solver=emkit.ClassificationEM(), random_state=0, n_init=3)
    lines.fit(x[:, None], y, concomitant=w)
    np.testing.assert_allclose(np.sort(lines.coefficients_[:, 1]), [-1, 1], atol=0.15)
    assert lines.fit_.objective <= lines.fit_.loglik


def test_models_without_components_say_so():
    X = _iris()
    with pytest.raises(
        ParameterError, match="ClassificationEM assigns rows to components, which `Normal` does not offer"
    ):
        emkit.fit(Normal(), X, solver=emkit.ClassificationEM())
    for settings in ({"first": 0.0}, {"growth": 1.0}, {"n_steps": 0}):
        with pytest.raises(ParameterError, match="`first` must be above 0 and at most 1"):
            emkit.Annealed(**settings)
    with pytest.raises(ParameterError, match="`n_draws` must be at least 1"):
        emkit.StochasticEM(n_draws=0)


def test_tempered_and_hard_models_obey_the_laws():
    from emkit.testing import check_monotone, check_score, check_statistics_add

    for model, X in (
        (FiniteMixture(n_components=2), _iris()[:, :2]),
        (ConcomitantMixture(n_components=2, covariates=(2,), columns=(0, 1)), _iris()[:, :3]),
    ):
        for rule in (Tempered(0.6), Hardest()):
            tempered = _Ready(model, rule)
            check_statistics_add(tempered, X)
            check_monotone(tempered, X)
        check_score(_Ready(model, Tempered(0.6)), X)


class _Ready:
    """A mixture that prepares itself and then follows a rule."""

    def __init__(self, model, rule):
        self.model, self.rule = model, rule

    def __getattr__(self, name):
        if name == "prepare":
            return self._prepared
        return getattr(self.model.assigning(self.rule), name)

    def _prepared(self, source):
        ready, source = self.model.prepare(source)
        return ready.assigning(self.rule), source
