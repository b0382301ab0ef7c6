"""Parameters fixed, tied, bounded or under a prior: for any model, by name."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import gamma, norm, poisson

import emkit
from emkit.core import ParametersChart
from emkit.core.constrained import constrain
from emkit.errors import ParameterError
from emkit.families.covariance import STRUCTURES
from emkit.families.gaussian import Gaussian
from emkit.families.normal import Normal
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

RNG = np.random.default_rng(8)
FAITHFUL = emkit.load_data("faithful").numeric()[0]
COUNTS = RNG.poisson(np.where(RNG.random((300, 1)) < 0.4, 1.0, 5.0)).astype(float)
TWO = FiniteMixture(n_components=2)
RATES = FiniteMixture(Poisson(), 2)


def _loglik(mix, rates):
    return np.log(mix * poisson.pmf(COUNTS, rates[0]) + (1 - mix) * poisson.pmf(COUNTS, rates[1])).sum()


def test_tied_covariances_are_the_tied_model():
    free = emkit.fit(TWO, FAITHFUL, tie=[("members.cov[0]", "members.cov[1]")], n_starts=8, rng=0)
    tied = emkit.fit(FiniteMixture(Gaussian(STRUCTURES["tied"]), 2), FAITHFUL, rng=0)
    assert free.n_free == tied.n_free == 8
    assert free.loglik == pytest.approx(tied.loglik, abs=1e-5)
    np.testing.assert_array_equal(free.parameters.members.cov[0], free.parameters.members.cov[1])


def test_standard_errors_of_tied_covariances_are_those_of_the_tied_model():
    free = emkit.fit(TWO, FAITHFUL, tie=[("members.cov[0]", "members.cov[1]")], n_starts=8, rng=0, tol=1e-10)
    tied = emkit.fit(FiniteMixture(Gaussian(STRUCTURES["tied"]), 2), FAITHFUL, rng=0, tol=1e-10)
    left, right = free.standard_errors(), tied.standard_errors()
    np.testing.assert_allclose(left["members.mean"], right["members.mean"], rtol=1e-4)
    np.testing.assert_allclose(left["members.cov[1]"], right["members.cov[0]"], rtol=1e-4)
    np.testing.assert_allclose(left["mix"], right["mix"], rtol=1e-4)


def test_a_fixed_rate_is_the_maximum_of_the_rest():
    fit = emkit.fit(RATES, COUNTS, fix={"members.rate[0, 0]": 1.5}, rng=0)
    best = minimize(lambda v: -_loglik(v[0], (1.5, v[1])), [0.4, 5.0], bounds=[(0.01, 0.99), (0.1, 20)])
    assert fit.parameters.members.rate[0, 0] == 1.5
    assert fit.loglik == pytest.approx(-best.fun, abs=1e-4)
    assert fit.n_free == 2


def test_a_fixed_entry_has_no_standard_error_and_the_others_are_smaller():
    free = emkit.fit(RATES, COUNTS, rng=0)
    order = np.argsort(free.parameters.members.rate[:, 0])
    value = free.parameters.members.rate[order[0], 0]
    start = free.parameters
    held = emkit.fit(RATES, COUNTS, fix={f"members.rate[{order[0]}, 0]": value}, start=start)
    errors = held.standard_errors()
    place = errors.names.index(f"members.rate[{order[0]}, 0]")
    assert errors.reasons[place] == "fixed"
    assert np.isnan(errors.values[place])
    assert errors[f"members.rate[{order[1]}, 0]"] < free.standard_errors()[f"members.rate[{order[1]}, 0]"]


@pytest.mark.parametrize("name", ["mix[0]", "mix"])
def test_fixed_proportions_stay(name):
    fit = emkit.fit(TWO, FAITHFUL, fix={name: 0.5}, rng=0, n_starts=4)
    np.testing.assert_allclose(fit.parameters.mix, 0.5, atol=1e-12)
    assert fit.loglik == pytest.approx(-1141.688150, abs=1e-5)
    assert fit.n_free == 10


def test_a_fixed_zero_covariance_stays_and_is_not_counted():
    fit = emkit.fit(TWO, FAITHFUL, fix={"members.cov[:, 0, 1]": 0.0}, rng=0, n_starts=6)
    diagonal = emkit.fit(FiniteMixture(Gaussian(STRUCTURES["diag"]), 2), FAITHFUL, rng=0)
    assert fit.n_free == diagonal.n_free == 9
    assert fit.loglik == pytest.approx(diagonal.loglik, abs=1e-5)
    assert np.abs(fit.parameters.members.cov[:, 0, 1]).max() < 1e-10


def test_a_bound_that_binds_is_the_fit_with_that_value():
    bounded = emkit.fit(RATES, COUNTS, bounds={"members.rate": (None, 4.5)}, rng=0, n_starts=4)
    fixed = emkit.fit(RATES, COUNTS, fix={"members.rate[0, 0]": 4.5}, rng=0, n_starts=4)
    assert bounded.loglik == pytest.approx(fixed.loglik, abs=1e-5)
    assert bounded.parameters.members.rate.max() == pytest.approx(4.5, abs=1e-5)
    errors = bounded.standard_errors()
    at = int(np.argmax(errors.entries.values[2:])) + 2
    assert errors.reasons[at] == "on a boundary"
    assert np.isnan(errors.values[at])
    assert np.isfinite(np.delete(errors.values, at)).all()


def test_a_bound_that_does_not_bind_changes_nothing():
    free = emkit.fit(RATES, COUNTS, rng=0)
    bounded = emkit.fit(RATES, COUNTS, bounds={"members.rate": (0.01, 50.0), "mix": (0.0, 1.0)}, rng=0)
    assert bounded.loglik == pytest.approx(free.loglik, abs=1e-5)
    left, right = (f.standard_errors().values for f in (bounded, free))
    np.testing.assert_allclose(np.sort(left), np.sort(right), rtol=1e-3)


def test_a_prior_gives_the_posterior_mode():
    prior = {"members.rate": emkit.GammaPrior(4.0, 3.0)}
    fit = emkit.fit(RATES, COUNTS, prior=prior, rng=0, tol=1e-9)

    def objective(v):
        return -_loglik(v[0], v[1:]) - gamma(4.0, scale=1 / 3.0).logpdf(v[1:]).sum()

    found = [
        minimize(objective, [p, a, b], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000})
        for p, a, b in ([0.4, 1.0, 5.0], [0.6, 2.0, 4.0])
    ]
    best = min(found, key=lambda r: r.fun)
    assert fit.objective == pytest.approx(-best.fun, abs=1e-5)
    np.testing.assert_allclose(np.sort(fit.parameters.members.rate[:, 0]), np.sort(best.x[1:]), rtol=1e-4)


def test_a_function_is_a_prior_too():
    named = emkit.fit(RATES, COUNTS, prior={"members.rate": emkit.NormalPrior(3.0, 0.5)}, rng=0, tol=1e-9)
    function = emkit.fit(
        RATES, COUNTS, prior={"members.rate": lambda rate: norm(3.0, 0.5).logpdf(rate).sum()}, rng=0, tol=1e-9
    )
    np.testing.assert_allclose(function.parameters.members.rate, named.parameters.members.rate, rtol=1e-4)


@pytest.mark.parametrize(
    "prior",
    [
        emkit.NormalPrior(1.0, 2.0),
        emkit.GammaPrior(2.0, 3.0),
        emkit.LogNormalPrior(0.3, 0.7),
        emkit.BetaPrior(2.0, 3.0),
        emkit.DirichletPrior(1.5),
        emkit.LogitNormalPrior(0.2, 0.6),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_slopes_of_priors_are_those_of_their_densities(prior):
    value = np.array([0.2, 0.5, 0.3])
    steps = 1e-6 * np.eye(3)
    found = [(prior.log_density(value + s).sum() - prior.log_density(value - s).sum()) / 2e-6 for s in steps]
    np.testing.assert_allclose(prior.slope(value), found, rtol=1e-6)


def test_the_normal_with_missing_entries_takes_constraints():
    rows = np.where(RNG.random((150, 3)) < 0.2, np.nan, RNG.normal(size=(150, 3)) @ np.tri(3))
    fit = emkit.fit(Normal(), rows, fix={"mean": 0.0, "cov[0, 2]": 0.0}, tie=[("cov[0, 0]", "cov[1, 1]")], rng=0)
    free = emkit.fit(Normal(), rows, rng=0)
    cov = fit.parameters.cov
    assert fit.is_converged
    assert fit.n_free == 9 - 5
    assert cov[0, 2] == pytest.approx(0.0, abs=1e-9)
    assert cov[0, 0] == pytest.approx(cov[1, 1], rel=1e-9)
    assert fit.loglik < free.loglik
    chart = ParametersChart(fit.parameters)
    assert chart.size == fit.n_free


def test_an_estimator_under_constraints_answers_as_itself():
    even = emkit.constrained(emkit.GaussianMixture(2, random_state=0, n_init=2), fix={"mix": [0.5, 0.5]})
    assert "fix" in even.get_params()
    even.fit(FAITHFUL)
    np.testing.assert_allclose(even.weights_, 0.5)
    assert even.predict(FAITHFUL[:3]).shape == (3,)
    assert even.n_parameters_ == even.fit_.n_free == 10
    assert "s.e." in even.summary(standard_errors=True)
    assert even.fit_.bic == pytest.approx(even.bic(FAITHFUL))
    assert even.estimator.__dict__.keys() == emkit.GaussianMixture(2).__dict__.keys()


def test_batches_are_followed_under_the_constraints():
    X, _ = emkit.load_data("faithful").numeric()
    rows = np.random.default_rng(0).permutation(X)
    held = emkit.constrained(emkit.GaussianMixture(2, random_state=0), fix={"mix": 0.5})
    for batch in np.split(rows, [120, 200]):
        held.partial_fit(batch)
    free = emkit.GaussianMixture(2, random_state=0).fit(rows)
    np.testing.assert_allclose(held.weights_, 0.5, rtol=1e-12)
    assert held.fit_.status is emkit.Status.PARTIAL
    np.testing.assert_allclose(np.sort(held.means_, axis=0), np.sort(free.means_, axis=0), rtol=0.05)


def test_a_constrained_estimator_is_saved_and_loaded(tmp_path):
    even = emkit.constrained(emkit.PoissonMixture(2, random_state=0), bounds={"mix": (0.2, None)}).fit(COUNTS)
    emkit.save(even, tmp_path / "even.emkit")
    again = emkit.load(tmp_path / "even.emkit")
    np.testing.assert_array_equal(again.weights_, even.weights_)
    assert again.fit_.n_free == 3
    np.testing.assert_allclose(again.standard_errors(COUNTS).values, even.standard_errors().values, rtol=1e-6)


def test_an_estimator_with_a_way_of_its_own_is_told():
    with pytest.raises(ParameterError, match="must be an emkit estimator of one model"):
        emkit.constrained(3, fix={"mix": 0.5}).fit(FAITHFUL)
    with pytest.raises(ParameterError, match="`KMeansModel` has no `expected_loglik`"):
        emkit.constrained(emkit.KMeans(2), fix={"centers": 0.5}).fit(FAITHFUL)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"fix": {"rate": 1.0}}, "there is no parameter 'rate'; expected one of mix"),
        ({"fix": {"members.rate[5, 0]": 1.0}}, r"has shape \(2, 1\) and no entry"),
        ({"fix": {"members.rate": [1.0, 2.0, 3.0]}}, "must have the shape"),
        ({"fix": {"members.rate": np.nan}}, "must hold finite values"),
        ({"fix": {"members.rate": -1.0}}, "leave no room: `members.rate` must not be negative"),
        ({"fix": {"mix": [0.8, 0.7]}}, "add up to more than one"),
        ({"tie": [("mix[0]",)]}, "must name at least two"),
        ({"tie": [("mix[0]", "members.rate[0, 0]")]}, "only parameters of one space can be tied"),
        ({"tie": [("mix", "members.rate")]}, "must have equal shapes"),
        ({"bounds": {"mix[0]": (0.7, 0.2)}}, "must be a lower and a higher number"),
        ({"bounds": {"mix[0]": 0.7}}, r"must give \(low, high\)"),
        ({"prior": {"mix": 3.0}}, "must be a Prior or a function"),
        ({"prior": {"rates": emkit.NormalPrior()}}, "there is no parameter 'rates'"),
    ],
)
def test_constraints_that_make_no_sense_are_told(held, message):
    with pytest.raises(ParameterError, match=message):
        emkit.fit(RATES, COUNTS, rng=0, **held)


def test_a_model_without_a_q_function_is_told():
    from emkit.mixture._kmeans_model import KMeansModel

    with pytest.raises(ParameterError, match="has no `expected_loglik`"):
        constrain(KMeansModel(2), fix={"centers": 0.0})


def test_no_constraints_are_the_model_itself():
    assert constrain(TWO) is TWO
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert constrain(TWO, fix={}, tie=[], bounds={}, prior={}) is TWO
