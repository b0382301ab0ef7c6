"""Batches that follow each other, lists of best paths, semi-Markov paths, and what users of hmmlearn bring along."""

import itertools

import numpy as np
import pytest

import emkit
from emkit.errors import DataError, ParameterError


@pytest.fixture(scope="module")
def true():
    model = emkit.GaussianHMM(2)
    model.startprob_, model.transmat_ = [0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]]
    model.means_, model.covars_ = [[0.0], [3.0]], [[1.0], [2.0]]
    return model


@pytest.fixture(scope="module")
def stream(true):
    return true.sample(12000, random_state=0)[0]


@pytest.mark.parametrize("continued", [True, False])
def test_batches_of_a_stream_find_the_model(stream, continued):
    model = emkit.GaussianHMM(2, n_init=2, random_state=0)
    for start in range(0, len(stream), 500):
        lengths = None if continued else np.full(10, 50)
        model.partial_fit(stream[start : start + 500], lengths, continued=continued and start > 0)
    np.testing.assert_allclose(model.means_.ravel(), [0, 3], atol=0.12)
    np.testing.assert_allclose(model.covars_.ravel(), [1, 2], rtol=0.12)
    np.testing.assert_allclose(model.transmat_, [[0.95, 0.05], [0.1, 0.9]], atol=0.02)
    assert model.fit_.status.value == "partial"


def test_a_continued_batch_counts_the_move_that_leads_to_it(true):
    """Two batches of a chain that changes state exactly where it is cut."""
    rows = np.repeat([0.0, 10.0] * 20, 10)[:, None] + np.random.default_rng(0).normal(size=(400, 1)) * 0.1
    moves = []
    for continued in (True, False):
        model = emkit.GaussianHMM(2, n_init=2, random_state=0).partial_fit(rows)
        for start in range(0, 400, 10):
            model.partial_fit(rows[start : start + 10], continued=continued and start > 0)
        moves.append(model.transmat_[0, 1])
    assert moves[0] == pytest.approx(0.1, abs=0.02)
    assert moves[1] < 0.07  # the moves between sequences are not seen


def test_a_continued_batch_needs_one_before_and_one_matrix(stream):
    with pytest.raises(ParameterError, match="there is no batch before the first to go on from"):
        emkit.GaussianHMM(2).partial_fit(stream[:100], continued=True)
    model = emkit.CovariateHMM("gaussian", 2, n_init=1, random_state=0).partial_fit(stream[:100])
    with pytest.raises(ParameterError, match="`continued` is for models with one matrix of transitions"):
        model.partial_fit(stream[100:200], continued=True)


@pytest.mark.parametrize("lengths", [None, np.full(120, 100)])
def test_online_em_takes_whole_sequences(stream, lengths):
    model = emkit.GaussianHMM(2, solver=emkit.Online(), n_init=2, random_state=0).fit(stream, lengths)
    plain = emkit.GaussianHMM(2, n_init=2, random_state=0).fit(stream, lengths)
    assert model.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-2)


def test_best_paths_by_a_list_of_all(true, stream):
    rows = stream[:8]
    log_joint, paths = true.decode_paths(rows, n_paths=6)
    with np.errstate(divide="ignore"):
        emit = np.column_stack(
            [-0.5 * (np.log(2 * np.pi * v) + (rows[:, 0] - m) ** 2 / v) for m, v in ((0, 1), (3, 2))]
        )
    listed = []
    for path in itertools.product(range(2), repeat=8):
        moves = sum(np.log(true.transmat_[a][b]) for a, b in itertools.pairwise(path))
        listed.append((np.log(0.5) + emit[range(8), path].sum() + moves, path))
    listed.sort(reverse=True)
    np.testing.assert_allclose(log_joint, [value for value, _ in listed[:6]], atol=1e-10)
    np.testing.assert_array_equal(paths, [path for _, path in listed[:6]])
    assert log_joint[0] == pytest.approx(true.decode(rows)[0], abs=1e-10)
    pairs = true.decode_paths([rows, rows[:1]], n_paths=6)
    assert [len(pair[0]) for pair in pairs] == [6, 2]  # one row has two paths


def test_best_paths_with_covariates_and_what_has_none(stream):
    rows = np.column_stack([stream[:300], np.linspace(-1, 1, 300)])
    guided = emkit.CovariateHMM("gaussian", 2, transition_covariates=[1], n_init=1, random_state=0).fit(rows)
    log_joint, paths = guided.decode_paths(rows, n_paths=3)
    score, best = guided.decode(rows)
    assert log_joint[0] == pytest.approx(score, abs=1e-9)
    np.testing.assert_array_equal(paths[0], best)
    assert (np.diff(log_joint) <= 0).all()
    stays = emkit.HiddenSemiMarkovModel("gaussian", 2, durations="poisson", n_init=1, random_state=0).fit(stream[:200])
    with pytest.raises(ParameterError, match="decode_paths lists paths of Markov chains"):
        stays.decode_paths(stream[:10])
    with pytest.raises(ParameterError, match="`n_paths` must be an integer of at least 1, got 0"):
        guided.decode_paths(rows, n_paths=0)


def test_an_impossible_sequence_has_no_paths():
    die = emkit.CategoricalHMM(2)
    die.startprob_, die.transmat_ = [1.0, 0.0], [[1.0, 0.0], [0.5, 0.5]]
    die.emissionprob_ = [[1.0, 0.0], [0.5, 0.5]]
    assert len(die.decode_paths([[0], [0], [0]], n_paths=4)[0]) == 1
    with pytest.raises(DataError, match="sequence 0 has probability zero under every path: row 1 of it"):
        die.decode_paths([[0], [1]], n_paths=4)


def test_semi_markov_paths_and_residuals():
    true = emkit.HiddenSemiMarkovModel("poisson", 2)
    true.startprob_, true.transmat_ = [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]]
    true.durations_ = np.eye(8)[[3, 6]] * 0.8 + 0.2 / 8
    true.emissions_ = [3.0, 9.0]
    counts, _ = true.sample(400, random_state=0)
    paths = true.sample_paths([counts[:150], counts[150:]], n_paths=300, random_state=0)
    smoothed = true.predict_proba([counts[:150], counts[150:]])
    np.testing.assert_allclose(paths.mean(axis=0), smoothed[:, 1], atol=0.1)
    for kind in ("ordinary", "forecast"):
        middle = true.pseudo_residuals(counts, kind=kind)
        drawn = true.pseudo_residuals(counts, kind=kind, random_state=0)
        assert drawn.std() == pytest.approx(1, abs=0.08)
        assert abs(drawn.mean()) < 0.1
        assert np.corrcoef(middle, drawn)[0, 1] > 0.9


def test_residuals_of_one_of_several_columns():
    rng = np.random.default_rng(0)
    states = np.arange(600) // 30 % 2
    rows = np.column_stack([4 * states + rng.normal(size=600), rng.poisson(2 + 6 * states)])
    rows[5, 1] = np.nan
    model = emkit.HiddenMarkovModel({0: "gaussian", 1: "poisson"}, 2, n_init=2, random_state=0).fit(rows)
    for column in (0, 1):
        residuals = model.pseudo_residuals(rows, column=column, random_state=1)
        assert np.isnan(residuals).sum() == column
        assert np.nanstd(residuals) == pytest.approx(1, abs=0.08)
    with pytest.raises(DataError, match="say which by `column`"):
        model.pseudo_residuals(rows)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("params", "hold what is not to be estimated: `startprob=` and `transmat=` take known values"),
        ("init_params", "give a start: `start=dict"),
        ("covars_prior", "give `prior=NormalInverseWishart"),
        ("min_covar", "leave it out"),
        ("implementation", "leave it out: recursions are scaled"),
        ("verbose", "`on_iteration=` is called after each iteration"),
    ],
)
def test_arguments_of_hmmlearn_are_answered(argument, message):
    with pytest.raises(ParameterError, match=message):
        emkit.GaussianHMM(2, **{argument: 1})


def test_names_of_hmmlearn(stream):
    model = emkit.GaussianHMM(2, n_init=2, random_state=0).fit(stream[:300])
    assert model.monitor_.converged
    assert model.monitor_.history[-1] == model.fit_.objective
    assert model.monitor_.iter == model.n_iter_
    np.testing.assert_array_equal(model.get_stationary_distribution(), model.stationary_)


def test_tied_is_within_a_state(tmp_path):
    rng = np.random.default_rng(0)
    blocks = [rng.normal(0, 1, (80, 2)), rng.normal(20, 3, (80, 2))] * 4
    rows = np.concatenate([block + 4.0 * (1 + i % 2) * rng.integers(0, 2, (80, 1)) for i, block in enumerate(blocks)])
    model = emkit.GMMHMM(2, 2, "tied", n_init=2, random_state=0).fit(rows)
    np.testing.assert_array_equal(model.covars_[:, 0], model.covars_[:, 1])
    sd = np.sqrt(model.covars_[:, 0, 0, 0])
    np.testing.assert_allclose(sd, [1, 3], rtol=0.15)
    again = emkit.GMMHMM(2, 2, "tied")
    for name in ("startprob_", "transmat_", "weights_", "means_"):
        setattr(again, name, getattr(model, name))
    again.covars_ = model.covars_[:, 0]  # hmmlearn's shape: one for each state
    assert again.score(rows) == pytest.approx(model.fit_.loglik, abs=1e-9)
    emkit.save(model, tmp_path / "tied.emkit")
    assert emkit.load(tmp_path / "tied.emkit").score(rows) == model.score(rows)
    assert "Means in state 2" in model.summary()
