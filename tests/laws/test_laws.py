"""Every law over every registered model."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from emkit import testing as laws
from emkit.core import Problem, maximise
from emkit.data import as_source
from emkit.families.gaussian import Gaussian
from emkit.mixture import FiniteMixture, MixtureParameters

_spec = importlib.util.spec_from_file_location("registry", Path(__file__).with_name("registry.py"))
_registry = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_registry)
CASES = _registry.CASES

GENERAL = [
    laws.check_statistics_add,
    laws.check_monotone,
    laws.check_score,
    laws.check_weights,
    laws.check_zero_weight,
    laws.check_row_order,
    laws.check_blocks_and_threads,
    laws.check_canonical,
    laws.check_float32,
    laws.check_reported,
    laws.check_fixed_point,
    laws.check_solvers_agree,
    laws.check_spaces,
    laws.check_stationary,
    laws.check_information,
    laws.check_reproducible,
    laws.check_threads,
    laws.check_absence,
    laws.check_save_and_load,
    laws.check_resumes,
    laws.check_streams,
    laws.check_partial,
]


@pytest.mark.parametrize("law", GENERAL, ids=lambda law: law.__name__)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_general_law_holds(case, law):
    law(case.model, case.X)  # raises LawBroken


@pytest.mark.parametrize("case", [c for c in CASES if c.is_continuous], ids=str)
def test_shift_and_scale_law_holds(case):
    laws.check_shift_and_scale(case.model, case.X)  # raises LawBroken


@pytest.mark.parametrize("case", [c for c in CASES if c.is_continuous], ids=str)
def test_zero_weight_law_holds_for_rows_far_away(case):
    laws.check_absence(case.model, case.X, ballast=case.X[:50] * 1e3 + 1e4)  # raises LawBroken


@pytest.mark.parametrize("case", [c for c in CASES if c.is_continuous and c.takes_constant], ids=str)
def test_constant_column_law_holds(case):
    laws.check_constant_column(case.model, case.X)  # raises LawBroken


def _independent_loglik(parameters, X):
    """Sum over rows of log sum over components, each density by scipy, on the observed entries of each row."""
    members, total = parameters.members, 0.0
    structure = Gaussian().structure if hasattr(members, "cov") else None
    for row in X:
        seen = ~np.isnan(row)
        if not seen.any():
            continue
        terms = []
        for k, weight in enumerate(parameters.mix):
            cov = (
                np.broadcast_to(members.cov, (len(parameters.mix), *members.cov.shape[1:]))[k]
                if structure
                else np.diag(np.broadcast_to(members.var, members.mean.shape)[k])
            )
            normal = multivariate_normal(members.mean[k][seen], cov[np.ix_(seen, seen)])
            terms.append(np.log(weight) + normal.logpdf(row[seen]))
        total += logsumexp(terms)
    return total


@pytest.mark.parametrize("case", [c for c in CASES if c.name.startswith("gaussian")], ids=str)
def test_brute_force_likelihood_agrees(case):
    laws.check_brute_force(case.model, case.X[:40], _independent_loglik)  # raises LawBroken


def _distance(parameters, truth):
    order = np.argsort(parameters.members.mean[:, 0])
    true_order = np.argsort(truth.members.mean[:, 0])
    return float(np.abs(parameters.members.mean[order] - truth.members.mean[true_order]).max())


def test_simulated_mixture_is_recovered():
    model = FiniteMixture(Gaussian(), 3)
    mean = np.array([[-3.0, 0], [0, 2], [3, 0]])
    cov = np.array([[[1, 0.7], [0.7, 1]], [[1, -0.5], [-0.5, 0.5]], [[0.5, 0], [0, 2.0]]])
    truth = MixtureParameters(np.array([0.5, 0.3, 0.2]), Gaussian().structure.parameters(mean, cov))
    laws.check_recovery(model, truth, distance=_distance, n=4000, tol=0.3)  # raises LawBroken


def test_permuted_start_ends_in_the_same_canonical_fit(iris):
    model = FiniteMixture(Gaussian(), 3)
    ready, source = model.prepare(as_source(iris))
    start = ready.portfolio(source, np.random.default_rng(3))(np.random.default_rng(3), 1)
    order = np.array([2, 0, 1])
    turned = MixtureParameters(start.mix[order], ready.family.reordered(start.members, order))
    fits = [maximise(model, source, start=s, tol=1e-10) for s in (start, turned)]
    np.testing.assert_allclose(fits[0].parameters.members.mean, fits[1].parameters.members.mean, atol=1e-5)
    np.testing.assert_allclose(fits[0].parameters.mix, fits[1].parameters.mix, atol=1e-6)


def test_start_3_does_not_depend_on_the_number_of_starts(iris):
    seen = {}
    for n_starts in (4, 8):
        begun = {}

        def watch(info, begun=begun):
            if info.stage == "short" and info.iteration == 1:
                begun[info.start] = info.objective

        maximise(FiniteMixture(Gaussian(), 3), as_source(iris), n_starts=n_starts, rng=1, on_iteration=watch)
        seen[n_starts] = begun
    assert seen[4] == {i: seen[8][i] for i in range(4)}


def test_objective_of_an_independent_evaluation(iris):
    fit = maximise(FiniteMixture(Gaussian(), 2), as_source(iris), rng=0)
    assert fit.loglik == pytest.approx(_independent_loglik(fit.parameters, iris), rel=1e-12)
    assert Problem(fit.model, as_source(iris)).evaluate(fit.parameters).loglik == fit.loglik
