"""The estimators of hidden Markov models: answers, arguments, and what can go wrong."""

import numpy as np
import pytest

import emkit
from emkit.data import as_sequences
from emkit.errors import ConvergenceWarning, DataError, NotFittedError, ParameterError
from emkit.families.covariance import STRUCTURES
from emkit.families.gaussian import Gaussian
from emkit.families.nested import Nested
from emkit.hmm import (
    GMMHMM,
    CategoricalHMM,
    GaussianHMM,
    HiddenMarkovModel,
    MultinomialHMM,
    PoissonHMM,
    StudentHMM,
    choose_states,
)


def _numbers(n=300, seed=0, gap=4.0, d=1):
    rng = np.random.default_rng(seed)
    states = np.zeros(n, dtype=int)
    for t in range(1, n):
        states[t] = states[t - 1] if rng.random() < 0.9 else 1 - states[t - 1]
    return gap * states[:, None] + rng.normal(size=(n, d)), states


@pytest.fixture(scope="module")
def fitted():
    X, states = _numbers()
    return GaussianHMM(2, random_state=0).fit(X), X, states


def test_states_are_found_and_come_by_their_mean(fitted):
    model, X, states = fitted
    assert (model.predict(X) == states).mean() > 0.97
    assert (np.diff(model.means_[:, 0]) > 0).all()
    assert model.covars_.shape == (2, 1, 1)
    np.testing.assert_allclose(model.stationary_ @ model.transmat_, model.stationary_, atol=1e-12)
    np.testing.assert_allclose(model.expected_durations_, 1 / (1 - np.diag(model.transmat_)))


def test_filtered_and_smoothed_agree_at_the_end(fitted):
    model, X, _ = fitted
    np.testing.assert_allclose(model.filter(X)[-1], model.predict_proba(X)[-1], atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    loglik, resp = model.score_samples(X)
    assert loglik == pytest.approx(model.fit_.loglik, rel=1e-12)
    np.testing.assert_array_equal(resp, model.predict_proba(X))


def test_decoding_either_way(fitted):
    model, X, _ = fitted
    score, path = model.decode(X)
    trans, init = np.log(model.transmat_), np.log(np.maximum(model.startprob_, 1e-300))
    sd = np.sqrt(model.covars_[:, 0, 0])
    emit = -0.5 * ((X - model.means_[:, 0]) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
    own = init[path[0]] + trans[path[:-1], path[1:]].sum() + emit[np.arange(len(X)), path].sum()
    assert score == pytest.approx(own, rel=1e-12)
    total, marginal = model.decode(X, algorithm="map")
    assert total == pytest.approx(model.predict_proba(X).max(axis=1).sum())
    np.testing.assert_array_equal(marginal, model.predict_proba(X).argmax(axis=1))


def test_forecasts_follow_the_chain(fitted):
    model, X, _ = fitted
    ahead = model.forecast(X, h=200)
    np.testing.assert_allclose(ahead.states[0], model.filter(X)[-1] @ model.transmat_, atol=1e-12)
    np.testing.assert_allclose(ahead.states[-1], model.stationary_, atol=1e-6)
    np.testing.assert_allclose(ahead.mean[-1], model.stationary_ @ model.means_, atol=1e-5)
    grid = np.linspace(-8, 14, 2001)
    np.testing.assert_allclose(np.trapezoid(ahead.density(grid)[0], grid), 1, atol=1e-6)
    assert ahead.cdf([100.0])[0, 0] == pytest.approx(1)
    assert ahead.sample(5, 0).shape == (200, 5, 1)
    several = model.forecast([X[:50], X[:0], X[50:]], h=2)
    np.testing.assert_allclose(several[1].states[0], model.startprob_)
    assert len(several) == 3


def test_missing_rows_at_the_end_are_a_forecast(fitted):
    model, X, _ = fitted
    longer = np.concatenate([X, np.full((3, 1), np.nan)])
    np.testing.assert_allclose(model.predict_proba(longer)[-3:], model.forecast(X, h=3).states, atol=1e-12)
    assert model.score(longer) == pytest.approx(model.score(X), rel=1e-13)


def test_posterior_paths_have_the_smoothed_marginals(fitted):
    model, X, _ = fitted
    paths = model.sample_paths(X, n_paths=400, random_state=1)
    assert np.abs(paths.mean(axis=0) - model.predict_proba(X)[:, 1]).max() < 0.1


@pytest.mark.parametrize("kind", ["ordinary", "forecast"])
def test_pseudo_residuals_are_standard_normal(fitted, kind):
    model, X, _ = fitted
    z = model.pseudo_residuals(X, kind=kind)
    assert abs(z.mean()) < 0.1
    assert abs(z.std() - 1) < 0.1
    holed = np.where(np.arange(len(X))[:, None] == 5, np.nan, X)
    assert np.isnan(model.pseudo_residuals(holed, kind=kind)[5])


def test_an_ordinary_pseudo_residual_does_not_know_its_row(fitted):
    model, X, _ = fitted
    moved = X.copy()
    moved[20] = 1e3
    z = model.pseudo_residuals(moved)
    assert z[20] > 5
    weights = model.predict_proba(np.where(np.arange(len(X))[:, None] == 20, np.nan, X))[20]
    value = 2.0
    moved[20] = value
    from scipy.stats import norm

    u = weights @ norm.cdf(value, model.means_[:, 0], np.sqrt(model.covars_[:, 0, 0]))
    assert model.pseudo_residuals(moved)[20] == pytest.approx(norm.ppf(u), abs=1e-9)


def test_samples_have_the_chain(fitted):
    model, _, _ = fitted
    X, states = model.sample(4000, random_state=3, currstate=1)
    assert states[0] == 1
    stay = (states[1:] == states[:-1])[states[:-1] == 0].mean()
    assert stay == pytest.approx(model.transmat_[0, 0], abs=0.04)
    assert X.shape == (4000, 1)


def test_criteria_count_free_parameters(fitted):
    model, X, _ = fitted
    assert model.n_parameters_ <= 7
    assert model.aic(X) == pytest.approx(model.fit_.aic)
    assert model.bic(X) == pytest.approx(model.fit_.bic)
    choice = choose_states(GaussianHMM(random_state=0), X, n_components=(1, 2))
    assert choice.best.n_components == 2
    assert "<" in str(choice).splitlines()[-1]


def test_a_frame_with_names_and_times():
    pandas = pytest.importorskip("pandas")
    X, _ = _numbers(120)
    frame = pandas.DataFrame({"who": np.repeat(["a", "b"], 60), "t": np.tile(np.arange(60), 2), "x": X[:, 0]})
    model = GaussianHMM(2, random_state=0).fit(frame, sequence="who", time="t")
    same = GaussianHMM(2, random_state=0).fit(X, [60, 60])
    assert model.fit_.loglik == pytest.approx(same.fit_.loglik, rel=1e-12)
    shuffled = frame.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(model.predict(shuffled), same.predict(X, [60, 60])[shuffled.index])


# --- parameters set by hand, and starts ---


def test_parameters_set_by_hand_serve_without_a_fit():
    model = GaussianHMM(2, "spherical")
    with pytest.raises(NotFittedError):
        model.predict(np.zeros((3, 1)))
    model.startprob_ = np.array([0.5, 0.5])
    with pytest.raises(ParameterError, match="but not"):
        model.predict(np.zeros((3, 1)))
    model.transmat_ = np.array([[0.9, 0.1], [0.2, 0.8]])
    model.means_, model.covars_ = np.array([[0.0], [3.0]]), np.array([1.0, 2.0])
    assert model.predict(np.array([[0.0], [3.5], [3.2]])).tolist() == [0, 1, 1]
    before = model.score(np.zeros((3, 1)))
    model.startprob_ = np.array([1.0, 0.0])
    assert model.score(np.zeros((3, 1))) > before
    model.transmat_ = np.array([[0.9, 0.2], [0.2, 0.8]])
    with pytest.raises(ParameterError, match="add up to one"):
        model.score(np.zeros((3, 1)))


def test_a_start_may_be_a_dict_or_a_fitted_model(fitted):
    model, X, _ = fitted
    again = GaussianHMM(2, start=model).fit(X)
    assert again.fit_.n_iter <= 5
    with pytest.raises(ParameterError, match="it takes startprob, transmat, means, covars"):
        GaussianHMM(2, start={"lambdas": [1, 2]}).fit(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"algorithm": "best"}, "'viterbi' or 'map'"),
        ({"transmat": "sideways"}, "'left-right'"),
        ({"transmat": np.zeros((3, 3))}, r"shape \(2, 2\)"),
        ({"transmat": [[0.9, 0.2], [np.nan, np.nan]]}, "row 0"),
        ({"transmat": [[0.9, 0.05], [np.nan, np.nan]]}, "adds up to 0.95"),
        ({"transmat": [[True, True], [False, False]]}, "nothing to follow state 1"),
        ({"startprob": "first"}, "'stationary'"),
        ({"startprob": [0.5, 0.6]}, "add up to one"),
        ({"transmat_prior": 0.0}, "above zero"),
        ({"startprob_prior": [1, 2, 3]}, "shape"),
        ({"startprob": "stationary", "startprob_prior": 2.0}, "stationary start"),
        ({"covariance_type": "round"}, "covariance_type"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        GaussianHMM(**{"n_components": 2, **arguments}).fit(_numbers(50)[0])


# --- structure of the transitions ---


def test_left_right_keeps_its_zeros_and_its_order():
    X = np.repeat([5.0, 0.0, 9.0], 40)[:, None] + np.random.default_rng(0).normal(size=(120, 1))
    model = GaussianHMM(3, transmat="left-right", random_state=0).fit([X[:, 0], X[:, 0] + 0.1])
    assert (np.tril(model.transmat_, -1) == 0).all()
    np.testing.assert_allclose(model.means_.ravel(), [5, 0, 9], atol=0.5)
    assert model.predict(X)[[0, 60, 119]].tolist() == [0, 1, 2]
    assert np.isinf(model.expected_durations_[2])


def test_known_transitions_stay_and_are_not_free():
    X, _ = _numbers()
    known = [[0.9, 0.1], [np.nan, np.nan]]
    model = GaussianHMM(2, transmat=known, startprob="uniform", random_state=0).fit(X)
    np.testing.assert_array_equal(model.transmat_[0], [0.9, 0.1])
    np.testing.assert_array_equal(model.startprob_, 0.5)
    assert model.n_parameters_ == 5
    assert model.converged_


def test_a_prior_keeps_transitions_from_zero():
    X = np.tile([0.0, 5.0], 60)[:, None] + np.random.default_rng(0).normal(size=(120, 1))
    free = GaussianHMM(2, random_state=0).fit(X)
    held = GaussianHMM(2, transmat_prior=2.0, random_state=0).fit(X)
    assert free.transmat_[0, 0] < 1e-3
    assert held.transmat_[0, 0] == pytest.approx(1 / 62, abs=2e-3)


# --- families ---


def test_a_mixture_in_each_state():
    rng = np.random.default_rng(1)
    X, states = _numbers(400, gap=10.0)
    X = X + 3.0 * rng.integers(0, 2, (400, 1))
    model = GMMHMM(2, 2, "spherical", n_init=2, random_state=0).fit(X)
    assert model.weights_.shape == (2, 2)
    assert model.means_.shape == (2, 2, 1)
    np.testing.assert_allclose(np.sort(model.means_.ravel()), [0, 3, 10, 13], atol=0.7)
    again = GMMHMM(2, 2, "spherical")
    for name in ("startprob_", "transmat_", "weights_", "means_", "covars_"):
        setattr(again, name, getattr(model, name))
    assert again.score(X) == pytest.approx(model.score(X), rel=1e-12)
    assert (model.predict(X) == states).mean() > 0.98


def test_equal_rows_of_transitions_are_a_mixture():
    X, _ = _numbers(200)
    mixture = emkit.GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    model = GaussianHMM(2)
    model.startprob_, model.transmat_ = mixture.weights_, np.tile(mixture.weights_, (2, 1))
    model.means_, model.covars_ = mixture.means_, mixture.covariances_
    assert model.score(X) == pytest.approx(mixture.score(X) * 200, rel=1e-12)


def test_one_part_of_a_nested_family_is_the_family():
    X, _ = _numbers(100)
    inner = Gaussian(STRUCTURES["diag"])
    plain = HiddenMarkovModel(inner, 2, random_state=0).fit(X)
    nested = HiddenMarkovModel(Nested(inner, 1), 2, random_state=0).fit(X)
    assert nested.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-6)


def test_multinomial_and_student():
    rng = np.random.default_rng(0)
    _, states = _numbers(200)
    prob = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    counts = np.array([rng.multinomial(20, prob[s]) for s in states], dtype=float)
    model = MultinomialHMM(2, random_state=0).fit(counts)
    np.testing.assert_allclose(np.sort(model.emissionprob_[:, 0]), [0.1, 0.7], atol=0.05)
    with pytest.raises(DataError, match="a Multinomial family has no distribution function written out"):
        model.pseudo_residuals(counts)
    heavy = _numbers(300)[0] + np.random.default_rng(1).standard_t(2, (300, 1))
    student = StudentHMM(2, random_state=0).fit(heavy)
    assert student.dofs_.min() < 20
    assert student.fit_.loglik > GaussianHMM(2, random_state=0).fit(heavy).fit_.loglik


def test_a_family_by_name_or_object():
    with pytest.raises(ParameterError, match="Did you mean 'poisson'"):
        HiddenMarkovModel("poison", 2).fit(np.ones((5, 1)))
    counts = np.random.default_rng(0).poisson(3.0, (60, 1))
    named = HiddenMarkovModel("poisson", 1).fit(counts)
    assert named.fit_.loglik == pytest.approx(PoissonHMM(1).fit(counts).fit_.loglik)
    assert named.emissions_.rate[0, 0] == pytest.approx(counts.mean())


# --- pathologies ---


def test_sequences_of_length_one_and_zero():
    X = np.concatenate([np.zeros(20), np.full(20, 9.0)])[:, None] + np.random.default_rng(0).normal(size=(40, 1))
    alone = GaussianHMM(2, random_state=0).fit(X, np.ones(40, dtype=int))
    np.testing.assert_allclose(alone.transmat_.sum(axis=1), 1)
    np.testing.assert_allclose(alone.startprob_, 0.5, atol=0.05)
    assert np.isfinite(alone.score(X, [1] * 40))
    with_empty = GaussianHMM(2, random_state=0).fit(X, [0, 20, 0, 20, 0])
    without = GaussianHMM(2, random_state=0).fit(X, [20, 20])
    assert with_empty.fit_.loglik == pytest.approx(without.fit_.loglik, rel=1e-12)


def test_a_sequence_of_nothing_but_missing_rows_changes_nothing():
    X, _ = _numbers(100)
    holed = np.concatenate([X, np.full((30, 1), np.nan)])
    model = GaussianHMM(2, startprob="uniform", random_state=0).fit(holed, [100, 30])
    plain = GaussianHMM(2, startprob="uniform", random_state=0).fit(X)
    assert model.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-6)
    with pytest.raises(DataError, match="nothing but NaN"):
        GaussianHMM(2).fit(np.full((10, 1), np.nan))


def test_weights_of_sequences_are_repetitions():
    X, _ = _numbers(90)
    parts = [X[:30], X[30:60], X[60:]]
    weighted = GaussianHMM(2, random_state=0).fit(parts, sample_weight=[2, 1, 0])
    repeated = GaussianHMM(2, random_state=0).fit([parts[0], parts[0], parts[1]])
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, rel=1e-9)
    assert weighted.fit_.weight == 90


def test_more_states_than_rows():
    with pytest.warns(emkit.errors.EmkitWarning):
        model = GaussianHMM(5, random_state=0, n_init=2).fit(np.array([[1.0], [2.0], [4.0]]))
    assert np.isfinite(model.transmat_).all()
    np.testing.assert_allclose(model.transmat_.sum(axis=1), 1)


def test_a_state_that_collapses_is_named():
    X = np.concatenate([np.random.default_rng(0).normal(size=60), np.full(30, 7.0)])[:, None]
    with pytest.warns(emkit.errors.DegenerateWarning, match="[Cc]omponent|state"):
        GaussianHMM(2, random_state=0).fit(X)


def test_an_unseen_symbol_and_an_impossible_sequence():
    seen = np.array([0, 1, 0, 1, 0, 1, 1, 0])[:, None]
    model = CategoricalHMM(2, random_state=0).fit(seen)
    with pytest.raises(DataError, match="levels 0 to 1, got 2"):
        model.predict(np.array([[0], [2]]))
    model = CategoricalHMM(2)
    model.startprob_, model.transmat_ = np.array([1.0, 0.0]), np.eye(2)
    model.emissionprob_ = np.array([[1.0, 0.0], [0.0, 1.0]])
    sequences = [np.array([0, 0]), np.array([0, 0, 1])]
    assert model.score(np.concatenate(sequences), [2, 3]) == -np.inf
    for ask in (model.predict, model.predict_proba, model.filter):
        with pytest.raises(DataError, match=r"sequence 1 has probability zero under every path: row 2 of it, \[1.0\]"):
            ask([part.astype(float) for part in sequences])


def test_symbol_never_seen_is_named_by_its_row_however_long_the_sequence():
    rows = np.random.default_rng(0).integers(0, 2, (40_000, 1))
    model = CategoricalHMM(2, random_state=0, n_init=1).fit(rows[:500])
    rows[35_000] = 2
    for ask in (model.score, model.predict, model.predict_proba):
        with pytest.raises(DataError, match=r"levels 0 to 1, got 2 in row 35000"):
            ask(rows)


def test_counts_with_missing_entries():
    counts = np.random.default_rng(0).poisson(np.repeat([2.0, 9.0], 50))[:, None].astype(float)
    counts[::7] = np.nan
    model = PoissonHMM(2, random_state=0).fit(counts)
    np.testing.assert_allclose(model.lambdas_.ravel(), [2, 9], atol=1.0)


def test_identical_states_are_left_again():
    X, _ = _numbers(150)
    stuck = GaussianHMM(2, start={"means": [1.0, 1.0], "covars": [4.0, 4.0]}, solver=emkit.EM()).fit(X)
    free = GaussianHMM(2, random_state=0).fit(X)
    assert free.fit_.loglik > stuck.fit_.loglik + 10  # exact symmetry is a fixed point of EM: starts must break it


def test_budget_is_a_warning():
    with pytest.warns(ConvergenceWarning):
        GaussianHMM(2, n_iter=2, n_init=1, random_state=0).fit(_numbers(100)[0])


@pytest.mark.parametrize("transmat", ["ergodic", "left-right"])
def test_a_long_sequence_is_walked_in_chunks_with_the_same_result(monkeypatch, transmat):
    X, _ = _numbers(3000)
    from emkit.hmm import passes

    whole = GaussianHMM(2, transmat=transmat, random_state=0, n_init=1).fit(X)
    source = as_sequences(X)
    statistics = source.reduce(lambda block: whole.model_.e_step(whole.parameters_, block))
    monkeypatch.setattr(passes, "BLOCK_ROWS", 700)
    for kept in (passes._KEPT, 0):
        monkeypatch.setattr(passes, "_KEPT", kept)
        cut = source.reduce(lambda block: whole.model_.e_step(whole.parameters_, block))
        assert cut.loglik == pytest.approx(statistics.loglik, rel=1e-13)
        np.testing.assert_allclose(cut.moves, statistics.moves, rtol=1e-10)
        np.testing.assert_allclose(cut.members.first, statistics.members.first, atol=1e-8)
        for n_threads in (2, 3):
            again = source.with_threads(n_threads).reduce(lambda block: whole.model_.e_step(whole.parameters_, block))
            assert again.loglik == cut.loglik
            np.testing.assert_array_equal(again.moves, cut.moves)
            np.testing.assert_array_equal(again.members.second, cut.members.second)
    np.testing.assert_allclose(whole.predict_proba(X).sum(axis=1), 1)


def test_an_impossible_row_of_a_long_sequence_is_named(monkeypatch):
    from emkit.hmm import passes

    monkeypatch.setattr(passes, "BLOCK_ROWS", 700)
    log_emit = np.random.default_rng(0).normal(size=(2000, 2))
    log_emit[1234] = -np.inf
    (block,) = as_sequences(np.zeros((2000, 1))).blocks()
    trans = np.array([[0.8, 0.2], [0.3, 0.7]])
    done = passes.expected(block, lambda rows: log_emit[rows], np.full(2, 0.5), trans, lambda rows, resp: None)
    assert done.unexplained == passes.Unexplained(0, 1234)
    assert done.loglik.tolist() == [-np.inf]


def test_a_fit_on_threads_has_the_same_bits():
    X, _ = _numbers(40000)
    lengths = np.full(400, 100)
    fits = [GaussianHMM(2, n_threads=n, n_init=1, max_iter=3, random_state=0) for n in (1, 2)]
    for model in fits:
        with pytest.warns(ConvergenceWarning):
            model.fit(X, lengths)
    np.testing.assert_array_equal(fits[0].means_, fits[1].means_)


def test_saved_and_loaded(fitted, tmp_path):
    model, X, _ = fitted
    emkit.save(model, tmp_path / "hmm.emkit")
    again = emkit.load(tmp_path / "hmm.emkit")
    assert type(again) is GaussianHMM
    assert again.score(X) == pytest.approx(model.score(X), rel=1e-13)
    np.testing.assert_array_equal(again.means_, model.means_)


def test_the_summary_names_states(fitted):
    text = fitted[0].summary()
    assert "Transitions" in text
    assert "mean stay" in text


def test_distinct_rows_are_counted_once_with_the_same_result():
    from emkit.families.poisson import Poisson
    from emkit.hmm.codes import coded

    counts = np.random.default_rng(0).poisson(np.repeat([2.0, 9.0], 200))[:, None].astype(float)
    counts[::11] = np.nan
    model = PoissonHMM(2, random_state=0, n_init=1).fit(counts)
    plain = as_sequences(counts, [150, 250])
    block, once = next(plain.blocks()), next(coded(Poisson(), plain).blocks())
    assert once.codes is not None
    np.testing.assert_array_equal(once.table[once.codes], counts)
    left, right = (model.model_.e_step(model.parameters_, b) for b in (block, once))
    assert right.loglik == pytest.approx(left.loglik, rel=1e-13)
    np.testing.assert_allclose(right.members.total, left.members.total, rtol=1e-12)
    assert next(coded(Poisson(), as_sequences(np.arange(20.0))).blocks()).codes is None


def test_the_bootstrap_draws_whole_sequences():
    from emkit.inference import bootstrap

    X, _ = _numbers(200)
    model = GaussianHMM(2, random_state=0).fit(X, np.full(20, 10))
    drawn = bootstrap(model.fit_, n=4, kind="bayesian", rng=0)
    assert np.isfinite(drawn.standard_errors).all()
    assert drawn.standard_errors.max() > 0


def _by_hand(transmat, startprob=(1.0, 0.0)):
    """Two far states, so that the path is known."""
    model = GaussianHMM(2)
    model.startprob_, model.transmat_ = np.array(startprob), np.array(transmat)
    model.means_, model.covars_ = np.array([[0.0], [50.0]]), np.ones((2, 1))
    return model


def test_a_state_that_is_never_entered_takes_no_part():
    rows = np.random.default_rng(0).normal(size=(40, 1))
    model = _by_hand([[1.0, 0.0], [0.5, 0.5]])
    assert (model.predict(rows) == 0).all()
    np.testing.assert_array_equal(model.predict_proba(rows)[:, 1], 0.0)
    assert model.score(rows) == pytest.approx(float(-0.5 * (rows**2 + np.log(2 * np.pi)).sum()))


def test_a_state_that_is_never_left_keeps_all_that_follows():
    rows = np.concatenate([np.zeros((5, 1)), np.full((20, 1), 50.0)])
    model = _by_hand([[0.9, 0.1], [0.0, 1.0]])
    np.testing.assert_array_equal(model.predict(rows), np.repeat([0, 1], [5, 20]))
    with pytest.raises(DataError, match="row 25 of it, .* cannot follow the rows before it"):
        model.predict(np.concatenate([rows, np.full((1, 1), -1e200)]))
    back = model.score(np.concatenate([rows, np.zeros((1, 1))]))  # dear, not impossible: no step back to state 0
    assert back - model.score(rows) == pytest.approx(-0.5 * (2500 + np.log(2 * np.pi)))


def test_ten_million_steps_with_densities_that_underflow():
    """States drawn anew at each row make a mixture, whose log-likelihood is a plain sum."""
    rng = np.random.default_rng(0)
    rows = np.where(rng.random(10_000_000) < 0.3, 50.0, 0.0) + rng.standard_normal(10_000_000)
    rows[::1_000_000] = -1400.0  # log-densities of about -1e6
    model = _by_hand([[0.7, 0.3], [0.7, 0.3]], (0.7, 0.3))
    apart = np.log([0.7, 0.3]) - 0.5 * np.log(2 * np.pi)
    wanted = np.logaddexp(apart[0] - 0.5 * rows**2, apart[1] - 0.5 * (rows - 50) ** 2).sum()
    assert model.score(rows[:, None]) == pytest.approx(float(wanted), rel=1e-12)
