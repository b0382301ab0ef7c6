"""Stepwise and incremental EM: the same optima, in few passes; and estimators that follow batches."""

import numpy as np
import pytest

import emkit
from emkit.core import Problem, Running, following, maximise
from emkit.data import BLOCK_ROWS, as_source
from emkit.errors import DataError, ParameterError
from emkit.mixture import FiniteMixture


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    centers = 1.7 * np.array([[0, 0, 0], [1, 1, 1], [-1, 1, 0], [1, -1, 2.0]])
    return centers[rng.integers(0, 4, 3 * BLOCK_ROWS)] + rng.normal(size=(3 * BLOCK_ROWS, 3))


@pytest.fixture(scope="module")
def start(X):
    source = as_source(X[:3000])
    return FiniteMixture(n_components=4).prepare(source)[0].start(source, np.random.default_rng(1))


@pytest.mark.parametrize("solver", [emkit.Online(), emkit.Online(batch_rows=5000, exponent=1.0), emkit.Incremental()])
def test_ends_in_the_optimum_of_em_and_never_falls(X, start, solver):
    model = FiniteMixture(n_components=4)
    plain = emkit.fit(model, X, start=start, solver=emkit.EM())
    fit = emkit.fit(model, X, start=start, solver=solver)
    assert fit.is_converged
    assert fit.loglik == pytest.approx(plain.loglik, abs=1e-4)
    assert (np.diff(fit.trace.objective) > -1e-6).all()


@pytest.mark.parametrize("solver", [emkit.Online(), emkit.Incremental()])
def test_one_pass_gains_more_than_one_of_em(X, start, solver):
    model = FiniteMixture(n_components=4)
    plain, fit = (emkit.fit(model, X, start=start, solver=s, max_iter=1) for s in (emkit.EM(), solver))
    assert fit.status is plain.status is emkit.Status.MAX_ITER
    gain, plain_gain = (np.diff(f.trace.objective)[0] for f in (fit, plain))
    assert gain > 1.02 * plain_gain


def test_same_bits_for_any_number_of_threads(X, start):
    fits = [
        emkit.fit(FiniteMixture(n_components=4), X, start=start, solver=solver, n_threads=n, max_iter=3)
        for solver in (emkit.Online(), emkit.Incremental())
        for n in (1, 3)
    ]
    for one, three in (fits[:2], fits[2:]):
        assert one.parameters.members.mean.tobytes() == three.parameters.members.mean.tobytes()
        assert one.loglik == three.loglik


def test_rows_of_weight_zero_change_nothing(X, start):
    rows = X[:5000]
    wide, weights = np.concatenate([rows, rows[::-1] + 50]), np.repeat([1.0, 0.0], 5000)
    model = FiniteMixture(n_components=4)
    options = {"start": start, "solver": emkit.Online(batch_rows=1000), "max_iter": 2}
    plain, laden = emkit.fit(model, rows, **options), emkit.fit(model, wide, sample_weight=weights, **options)
    assert laden.loglik == pytest.approx(plain.loglik, rel=1e-12)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"exponent": 0.5}, "`exponent` must be above 0.5 and at most 1, got 0.5"),
        ({"batch_rows": 0}, "`batch_rows` must be at least 1"),
        ({"average_from": 2.0}, "`average_from` must be between 0 and 1"),
        ({"offset": -1.0}, "`offset` must be at least 0"),
    ],
)
def test_options_out_of_range(bad, message):
    with pytest.raises(ParameterError, match=message):
        emkit.Online(**bad)


# --- partial_fit ---


def test_batches_lead_to_the_optimum_of_all_rows(X):
    whole = emkit.GaussianMixture(4, random_state=0, n_init=4).fit(X)
    stream = emkit.GaussianMixture(4, random_state=0, n_init=4)
    for batch in np.array_split(X, 24):
        stream.partial_fit(batch)
    assert stream.fit_.status is emkit.Status.PARTIAL
    assert not stream.converged_
    mine, theirs = (np.array(sorted(model.means_.tolist())) for model in (stream, whole))
    np.testing.assert_allclose(mine, theirs, atol=0.1)
    assert stream.score(X) == pytest.approx(whole.score(X), abs=2e-3)


def test_exponent_one_without_offset_is_the_plain_mean_of_the_batches(X):
    """g_t = 1 / t: statistics weigh every batch alike; the formula of the paper by hand."""
    model, first, second = FiniteMixture(n_components=2), as_source(X[:2000]), as_source(X[2000:4000])
    fit = maximise(model, first, rng=0, n_starts=2)
    running = Running.after_fit(fit, first)
    later, _ = following(fit, running, second, emkit.Online(exponent=1.0, offset=0.0))
    s1, s2 = (Problem(fit.model, s).evaluate(fit.parameters).statistics for s in (first, second))
    expected = fit.model.m_step(s1 + s2, fit.parameters)
    np.testing.assert_allclose(later.parameters.members.mean, expected.members.mean, rtol=1e-12)
    np.testing.assert_allclose(later.parameters.mix, expected.mix, rtol=1e-12)


def test_log_likelihood_is_that_of_the_last_batch_at_the_parameters(X):
    stream = emkit.GaussianMixture(2, random_state=0).partial_fit(X[:1000]).partial_fit(X[1000:3000])
    batch = as_source(X[1000:3000])
    assert stream.fit_.loglik == Problem(stream.fit_.model, batch).evaluate(stream.fit_.parameters).loglik
    assert stream.fit_.notes[0].startswith("2 batches so far, of total weight 3000")


def test_partial_fit_goes_on_from_a_fit_and_fit_begins_anew(X):
    stream = emkit.GaussianMixture(2, random_state=0).fit(X[:2000])
    before = stream.means_
    stream.partial_fit(X[2000:3000])
    assert (stream.means_ != before).any()
    assert (stream.fit(X[:2000]).means_ == before).all()


def test_partial_fit_checks_the_features(X):
    stream = emkit.GaussianMixture(2, random_state=0).partial_fit(X[:1000])
    with pytest.raises(DataError, match="X has 2 features, but GaussianMixture is expecting 3"):
        stream.partial_fit(X[:1000, :2])


def test_partial_fit_of_other_models(X):
    counts = np.abs(np.round(X))
    stream = emkit.PoissonMixture(2, random_state=0)
    for batch in np.array_split(counts, 6):
        stream.partial_fit(batch)
    whole = emkit.PoissonMixture(2, random_state=0).fit(counts)
    assert stream.score(counts) == pytest.approx(whole.score(counts), abs=5e-3)
