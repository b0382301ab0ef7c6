"""Bad input of mixtures: the right answer, or an error that says what was expected, what came and what to do."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, DegenerateWarning

RNG = np.random.default_rng(0)
ANSWERS = RNG.integers(0, 2, (60, 4)).astype(float)


def classes(table, k=2, **options):
    return emkit.LatentClassAnalysis(k, random_state=0, n_init=2, **options).fit(table)


def test_unused_levels_of_a_categorical_column_are_not_there():
    column = pd.Categorical(["x", "y"] * 20, categories=["z", "y", "x"])
    fitted = classes(pd.DataFrame({"a": column, "b": ["u", "v", "v", "u"] * 10}))
    assert fitted.levels_["a"] == ("x", "y")
    assert fitted.fit_.n_free == 5
    mixture = emkit.MixtureModel({"a": "categorical"}, 1).fit(pd.DataFrame({"a": column}))
    assert mixture.levels_["a"] == ("x", "y")


def test_columns_of_mixed_types_are_levels_side_by_side():
    mixed = np.array([1, "x", None, 2.5] * 15, dtype=object)
    fitted = classes({"a": mixed, "b": ANSWERS[:, 0]})
    assert set(fitted.levels_["a"]) == {1, 2.5, "x"}
    with pytest.raises(DataError, match="Column 'a' holds text, such as 'x' in row 1, where numbers are expected"):
        emkit.MixtureModel({"a": "gaussian"}, 2).fit({"a": mixed})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.where(np.arange(60) == 7, np.inf, ANSWERS[:, 0]), "item 'a' holds an infinity, inf, in row 7"),
        (pd.date_range("2020-01-01", periods=60), "item 'a' holds a date or time, 2020-01-01"),
        (np.array([dt.date(2020, 1, 1)] * 60, dtype=object), "holds a date or time, 2020-01-01, in row 0"),
        (pd.to_timedelta(np.arange(60)), "holds a date or time"),
        (ANSWERS[:, 0] + 1j, "holds a complex number"),
        (np.fromiter(([1] for _ in range(60)), dtype=object), r"holds a list, \[1\], in row 0"),
    ],
)
def test_what_is_no_category_is_named(column, message):
    with pytest.raises(DataError, match=message):
        classes({"a": column, "b": ANSWERS[:, 1]})


def test_measurements_taken_for_categories_are_named():
    with pytest.raises(DataError, match="item 'a' has 1500 distinct values, more than 1000: it looks like a measurem"):
        classes({"a": np.arange(1500) / 7})
    with pytest.raises(DataError, match="`MixtureModel`"):
        emkit.MixtureModel({"a": "categorical"}, 2).fit({"a": np.arange(1500) / 7})


def test_levels_seen_only_at_prediction_are_an_error_or_missing():
    table = pd.DataFrame({"a": ["x", "y"] * 20, "n": RNG.poisson(3, 40)})
    families = {"a": "categorical", "n": "poisson"}
    new = pd.DataFrame({"a": ["z"], "n": [2]})
    with pytest.raises(DataError, match=r"'a' has the answer 'z' in row 0.*known are 'x', 'y'. Set `unseen='missing'`"):
        emkit.MixtureModel(families, 2, n_init=2, random_state=0).fit(table).predict(new)
    lenient = emkit.MixtureModel(families, 2, n_init=2, random_state=0, unseen="missing").fit(table)
    missing = pd.DataFrame({"a": [None], "n": [2]})
    np.testing.assert_allclose(lenient.predict_proba(new), lenient.predict_proba(missing))


@pytest.mark.parametrize(
    "family",
    [
        *("poisson", "negative-binomial", "zero-inflated-poisson", "hurdle-poisson", "hurdle-negative-binomial"),
        *("zero-inflated-negative-binomial", "multinomial"),
    ],
)
def test_counts_are_whole_and_zeros_are_counts(family):
    d = 2 if family == "multinomial" else 1
    with pytest.raises(DataError, match=r"expected counts \(0, 1, 2, ...\), got 1.5 in row 2, column 0"):
        emkit.MixtureModel(family, 2).fit(np.where(np.arange(9)[:, None] == 2, 1.5, np.ones((9, d))))
    zeros = emkit.MixtureModel(family, 2, random_state=0, n_init=2).fit(np.zeros((30, d)))
    assert zeros.fit_.loglik == pytest.approx(0.0, abs=1e-9)
    assert zeros.fit_.is_converged


def test_all_rows_censored_is_said():
    times = RNG.random(30) + 1
    with pytest.raises(DataError, match="all times of column 0 are censored or missing: nothing can be learnt"):
        emkit.MixtureModel("weibull-censored", 2).fit(np.column_stack([times, np.zeros(30)]))
    for family in ("gaussian", "weibull", "exponential", "gamma"):
        with pytest.raises(DataError, match="no row has an upper limit: all values are censored above"):
            emkit.BinnedMixture(2, family=family).fit(np.column_stack([times, np.full(30, np.nan)]))
    with pytest.raises(DataError, match="no row has a lower limit: all values are censored below"):
        emkit.BinnedMixture(2).fit(np.column_stack([np.full(30, np.nan), times]))


def test_constant_items_and_more_components_than_patterns_change_nothing():
    constant = np.column_stack([ANSWERS, np.ones(60)])
    assert classes(constant).fit_.loglik == pytest.approx(classes(ANSWERS).fit_.loglik, abs=1e-5)
    few = ANSWERS[:, :2]  # four patterns: the likelihood of their frequencies is the most there is
    share = np.unique(few, axis=0, return_counts=True)[1] / 60
    best = 60 * float(share @ np.log(share))
    assert classes(few, 6).fit_.loglik == pytest.approx(best, abs=1e-4)
    bernoulli = emkit.BernoulliMixture(6, random_state=0, n_init=2).fit(few)
    assert bernoulli.fit_.loglik == pytest.approx(best, abs=1e-4)
    with pytest.raises(DataError, match="column 1 is constant: a t distribution cannot be fitted to it"):
        emkit.StudentMixture(2).fit(np.column_stack([RNG.normal(size=20), np.ones(20)]))


def test_a_component_that_empties_leaves_a_proper_fit():
    X = np.repeat([[0.0], [9.0]], 20, axis=0)
    start = np.zeros((40, 3))
    start[:20, 0] = start[20:, 1] = 1.0  # nothing is left for the third
    emptied = emkit.PoissonMixture(3, start=start).fit(X)
    two = emkit.PoissonMixture(2, random_state=0, n_init=4).fit(X)
    assert emptied.fit_.loglik == pytest.approx(two.fit_.loglik, abs=1e-6)
    assert np.isfinite(emptied.rates_).all()


def test_weights_of_zero_are_absence_and_all_zero_is_an_error():
    weights = np.r_[np.ones(50), np.zeros(10)]
    held = emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(ANSWERS, sample_weight=weights)
    assert held.fit_.loglik == pytest.approx(classes(ANSWERS[:50]).fit_.loglik, abs=1e-6)
    for estimator in (emkit.LatentClassAnalysis(2), emkit.StudentMixture(2), emkit.MixtureModel("poisson", 2)):
        with pytest.raises(DataError, match="`sample_weight` is zero for all 60 rows"):
            estimator.fit(ANSWERS, sample_weight=np.zeros(60))


def test_perfectly_separated_regressions_are_degenerate():
    x = np.linspace(-1, 1, 60)
    with pytest.warns(DegenerateWarning, match="covariates separate ones from zeros"):
        emkit.MixtureOfRegressions(1, family="binomial").fit(x[:, None], (x > 0).astype(float))
    with pytest.warns(DegenerateWarning, match="counts are all zero where they lead"):
        emkit.MixtureOfRegressions(1, family="poisson").fit(x[:, None], np.zeros(60))
    with pytest.raises(DataError, match=r"expected whole numbers from 0 to 3 in response 'y1', got 5.0 in row 30"):
        emkit.MixtureOfRegressions(1, family="binomial").fit(x[:, None], 5.0 * (x > 0), trials=np.full(60, 3))
