"""The density of one variable: laws of its functions, the number of components, input."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

import emkit
from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.mixture.density_choice import Candidate, Selection, _narrowest, _Search
from emkit.mixture.univariate import NormalMixture


@st.composite
def mixtures(draw):
    k = draw(st.integers(1, 5))
    real = st.floats(-50, 50)
    mean = np.array(draw(st.lists(real, min_size=k, max_size=k)))
    sd = np.array(draw(st.lists(st.floats(0.01, 20), min_size=k, max_size=k)))
    mix = np.array(draw(st.lists(st.floats(0.02, 1), min_size=k, max_size=k)))
    return NormalMixture(mix / mix.sum(), mean, sd)


@pytest.fixture(scope="module")
def galaxies():
    return emkit.load_data("galaxies").numeric()[0][:, 0]


@pytest.fixture(scope="module")
def found(galaxies):
    return emkit.density(galaxies)


# --- the functions ---


@given(mixtures())
@settings(max_examples=40, deadline=None)
def test_pdf_integrates_to_the_cdf(parts):
    low, high = (parts.mean - 10 * parts.sd).min(), (parts.mean + 10 * parts.sd).max()
    cuts = np.unique(np.concatenate([parts.mean + z * parts.sd for z in range(-10, 11)]))
    at = float(parts.mean[0] + 0.3 * parts.sd[0])
    below = sum(_integral(parts, a, b) for a, b in _pieces(cuts, low, at))
    above = sum(_integral(parts, a, b) for a, b in _pieces(cuts, at, high))
    assert below + above == pytest.approx(1, abs=1e-9)
    assert below == pytest.approx(float(parts.cdf(np.array(at))), abs=1e-9)


def _pieces(cuts, low, high):
    edges = np.unique([low, *cuts[(cuts > low) & (cuts < high)], high])
    return itertools.pairwise(edges)


def _integral(parts, a, b):
    return quad(lambda x: float(parts.pdf(np.array(x))), a, b)[0]


@given(mixtures(), st.lists(st.floats(1e-12, 1 - 1e-12), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_quantile_inverts_the_cdf_and_is_monotone(parts, shares):
    p = np.sort(np.array(shares))
    x = parts.quantile(p)
    assert (np.diff(x) >= 0).all()
    # x is known to the last digit, so p is to the last digit times the slope
    slack = 4 * np.spacing(np.abs(x)) * parts.pdf(x) + 1e-14
    np.testing.assert_array_less(np.abs(parts.cdf(x) - p), slack)


def test_quantile_is_exact_in_both_tails():
    parts = NormalMixture(np.array([1.0]), np.array([3.0]), np.array([2.0]))
    p = np.array([1e-300, 1e-20, 0.5, 1 - 2**-53])
    np.testing.assert_allclose(parts.quantile(p), norm(3, 2).ppf(p), rtol=1e-14)


def test_quantile_of_components_far_apart():
    parts = NormalMixture(np.array([0.25, 0.75]), np.array([0.0, 1e6]), np.array([1.0, 1.0]))
    expected = [norm.ppf(0.4), 1e6 + norm.ppf(1 / 3)]
    np.testing.assert_allclose(parts.quantile(np.array([0.1, 0.5])), expected, rtol=1e-12)


def test_quantile_ends_and_refuses(found):
    assert found.quantile([0, 1]).tolist() == [-np.inf, np.inf]
    assert found.quantile([[0.5], [0.25]]).shape == (2, 1)
    assert np.ndim(found.quantile(0.5)) == 0
    for bad in (-0.1, 1.1, np.nan):
        with pytest.raises(ParameterError, match="between 0 and 1, got"):
            found.quantile(bad)


@given(mixtures())
@settings(max_examples=100, deadline=None)
def test_modes_are_the_maxima_that_a_fine_grid_shows(parts):
    modes = parts.modes()
    assert 1 <= len(modes) <= len(parts.mean)
    step = 1e-4 * parts.sd.min()
    for mode in modes:
        here, left, right = parts.log_joint(np.array([mode, mode - step, mode + step]))
        total = [np.logaddexp.reduce(part) for part in (here, left, right)]
        assert total[0] >= max(total[1:]) - 1e-12 * max(1, abs(total[0]))
    grid = np.linspace(parts.mean.min() - 1e-3, parts.mean.max() + 1e-3, 20001)
    height = np.logaddexp.reduce(parts.log_joint(grid), axis=-1)
    rising = np.sign(np.diff(height))
    n_seen = int(((rising[:-1] > 0) & (rising[1:] < 0)).sum())
    assert n_seen <= len(modes)


def test_modes_beside_a_spike_are_seen():
    parts = NormalMixture(np.full(3, 1 / 3), np.array([0.0, 0.0, 0.5]), np.array([4.0, 5.0, 0.0625]))
    np.testing.assert_allclose(parts.modes(), [0.0, 0.5], atol=1e-4)


def test_modes_of_two_components_merge_when_they_are_close():
    half = np.array([0.5, 0.5])
    one = np.array([1.0, 1.0])
    assert len(NormalMixture(half, np.array([0.0, 1.99]), one).modes()) == 1
    assert len(NormalMixture(half, np.array([0.0, 2.01]), one).modes()) == 2


def test_moments_and_sample_agree(found):
    x = found.sample(200_000, random_state=1)
    assert x.shape == (200_000,)
    assert x.mean() == pytest.approx(found.mean, abs=5 * (found.var / 2e5) ** 0.5)
    assert x.var() == pytest.approx(found.var, rel=0.03)
    assert abs(np.mean(x <= found.quantile(0.3)) - 0.3) < 0.006


def test_interval_holds_its_share(found):
    low, high = found.interval(0.9)
    assert np.diff(found.cdf([low, high]))[0] == pytest.approx(0.9, abs=1e-13)
    with pytest.raises(ParameterError, match="`level` must be between 0 and 1, got 1"):
        found.interval(1)


# --- the number of components ---

# log-likelihoods of mclust 6.0.0 and of other programs, the best of each: reference.json, galaxies (MASS)
ORACLE = {
    ("equal", 2): -230.352387388,
    ("equal", 3): -212.3518551803,
    ("equal", 4): -207.7223300392,
    ("equal", 5): -204.6054096824,
    ("equal", 6): -197.0108215265,
    ("unequal", 1): -240.3378911957,
    ("unequal", 2): -220.0579729699,
    ("unequal", 3): -203.1792279651,
    ("unequal", 4): -197.4537637605,
    ("unequal", 5): -195.4778859343,
    ("unequal", 6): -194.8011552426,
}


def test_galaxies_take_the_best_bic_of_the_oracle(found, galaxies):
    def bic(key):
        free = 2 * key[1] if key[0] == "equal" else 3 * key[1] - 1
        return -2 * ORACLE[key] + free * np.log(len(galaxies))

    best = min(ORACLE, key=bic)
    chosen = found.selection_.best
    assert (chosen.variances, chosen.n_components) == best == ("unequal", 3)
    assert chosen.bic == pytest.approx(bic(best), abs=1e-4)
    assert found.mixture_.fit_.loglik == pytest.approx(ORACLE[best], abs=1e-5)


def test_acidity_takes_equal_variances():
    chosen = emkit.density(emkit.load_data("acidity")).selection_.best
    assert (chosen.variances, chosen.n_components) == ("equal", 2)
    assert chosen.loglik == pytest.approx(-185.9492644965, abs=1e-5)


def test_one_normal_sample_gives_one_component():
    x = np.random.default_rng(3).normal(5, 2, 400)
    found = emkit.density(x, max_components=4)
    assert found.n_components == 1
    assert found.mean == pytest.approx(x.mean())
    assert found.var == pytest.approx(x.var(), rel=1e-6)


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1e-9), (1e6, 1.0), (-3e4, 250.0)])
def test_a_change_of_unit_changes_the_answer_in_kind(found, galaxies, shift, scale):
    other = emkit.density(shift + scale * galaxies)
    assert other.n_components == found.n_components
    at = np.linspace(5, 40, 50)
    np.testing.assert_allclose(scale * other.pdf(shift + scale * at), found.pdf(at), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(other.modes(), shift + scale * found.modes(), rtol=1e-4)


def test_ties_do_not_collapse():
    # as the durations of geyser eruptions that were noted "long" or "short" at night, and became 4 and 2
    rng = np.random.default_rng(0)
    free = np.concatenate([rng.normal(2, 0.25, 80), rng.normal(4.3, 0.4, 140)]).round(2)
    x = np.concatenate([free, np.full(50, 4.0), np.full(25, 2.0)])
    found = emkit.density(x)
    assert found.selection_.best.status == "converged"
    assert found.components.sd.min() > 0.05
    assert 2 <= found.n_components <= 4


def test_rounding_is_not_taken_for_components():
    x = np.random.default_rng(1).normal(10, 1.2, 500).round()
    assert emkit.density(x, max_components=3).n_components == 1


def test_a_component_narrower_than_the_rounding_is_refused(galaxies):
    rounded = np.round(np.random.default_rng(0).normal(0, 3, 400) * 2) / 2
    assert _narrowest(rounded) == 0.25
    assert _narrowest(galaxies) == 0.0
    search = _Search(galaxies, None, None, 0.5, 0, 1)  # the narrower component of two has 0.42
    assert search.candidate(2, "unequal", search.scout(2, "unequal")).status == "too narrow"
    assert search.candidate(2, "equal", search.scout(2, "equal")).status == "converged"


def test_degenerate_fits_are_never_the_best():
    rows = (
        Candidate(1, "unequal", -100.0, 2, 210.0, "converged"),
        Candidate(2, "unequal", -10.0, 5, 50.0, "degenerate"),
        Candidate(3, "unequal", -10.0, 5, 40.0, "too narrow"),
    )
    table = Selection(rows)
    assert table.best is rows[0]
    assert Selection(rows[1:]).best is None
    assert table.to_dict()["n_components"] == [1, 2, 3]
    assert "<- chosen" in str(table).splitlines()[1]


def test_number_of_components_given(galaxies):
    found = emkit.density(galaxies, 4)
    assert found.n_components == 4
    assert {one.n_components for one in found.selection_.candidates} == {4}
    assert found.mixture_.fit_.loglik == pytest.approx(ORACLE["unequal", 4], abs=1e-4)
    assert emkit.density(galaxies, 4, variances="equal").mixture_.fit_.loglik == pytest.approx(
        ORACLE["equal", 4], abs=1e-4
    )


def test_same_seed_same_bits(galaxies):
    first, second = (emkit.density(galaxies, max_components=3, random_state=5) for _ in range(2))
    np.testing.assert_array_equal(first.pdf(galaxies), second.pdf(galaxies))


# --- input ---


def test_lists_series_and_tables_are_the_same(galaxies):
    first = emkit.density(galaxies, 2)
    others = {
        "x": emkit.density(galaxies.tolist(), 2),
        "speed": emkit.density(pd.Series(galaxies, name="speed"), 2),
        "velocity": emkit.density(emkit.load_data("galaxies"), 2),
    }
    for name, other in others.items():
        assert other.name == name
        np.testing.assert_array_equal(other.pdf(galaxies), first.pdf(galaxies))


def test_missing_values_are_left_out_and_told(galaxies):
    with_gaps = np.insert(galaxies, [3, 10], np.nan)
    found = emkit.density(with_gaps, 2)
    np.testing.assert_array_equal(found.pdf(galaxies), emkit.density(galaxies, 2).pdf(galaxies))
    assert found.notes == ("2 of 84 values are missing and were left out",)
    assert found.notes[0] in found.summary()


def test_weights_are_repetitions():
    x, times = np.array([0.0, 1.0, 1.5, 2.0, 7.0, 8.0, 8.5, 9.0]), np.array([3, 1, 2, 4, 1, 2, 5, 0])
    by_weight = emkit.density(x, 1, sample_weight=times)
    by_rows = emkit.density(np.repeat(x, times), 1)
    assert by_weight.mean == pytest.approx(by_rows.mean)
    assert by_weight.var == pytest.approx(by_rows.var, rel=1e-6)
    assert len(by_weight.x_) == 7


def test_few_values_give_one_normal():
    x = [1.0, 2.0, 4.0]
    found = emkit.density(x)
    assert found.n_components == 1
    assert found.mean == pytest.approx(np.mean(x))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([5.0], "at least three values, not all the same, but there are 1 values"),
        ([5.0, None, 6.0], "but there are 2 values"),
        ([3.0] * 5, "at least three values, not all the same, but all 5 are 3"),
        (np.ones((5, 2)), "one variable, got 2 columns; take `GaussianMixture`"),
        ([1.0, np.inf], "inf"),
    ],
)
def test_data_without_a_density(x, message):
    with pytest.raises(DataError, match=message):
        emkit.density(x)


def test_choices_out_of_range(galaxies):
    with pytest.raises(ParameterError, match="`n_components` must be an integer of at least 1, got 0"):
        emkit.density(galaxies, 0)
    with pytest.raises(ParameterError, match="`max_components` must be an integer of at least 1, got 2.5"):
        emkit.density(galaxies, max_components=2.5)
    with pytest.raises(ParameterError, match="`n_components` is 4 but `x` has 3 distinct values"):
        emkit.density([1, 2, 2, 3], 4)
    with pytest.raises(ParameterError, match="`variances` must be one of"):
        emkit.density(galaxies, variances="tied")
    with pytest.raises(ParameterError, match="`x` must be a number or an array of numbers"):
        emkit.density(galaxies, 1).pdf("a")


def test_components_that_cannot_but_collapse_are_warned_of():
    with pytest.warns(DegenerateWarning, match="every candidate has a collapsed"):
        emkit.density([0.0, 0.0, 0.0, 0.0, 10.0, 10.0, 10.0, 10.0], 2, variances="unequal")


def test_summary_says_what_a_reader_wants(found):
    text = found.summary()
    for words in ("Log-likelihood", "BIC", "Modes: 9.71", "95 % between", "<- chosen"):
        assert words in text
