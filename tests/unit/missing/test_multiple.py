"""Several imputations: draws, bounds, panels, pooling, diagnostics."""

import numpy as np
import pytest

from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.missing import EMImputer, MultipleImputer, Panel
from emkit.plot import ImputationDisplay, OverimputationDisplay, PatternDisplay


def _rows(n=200, d=3, share=0.25, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)
    return X, np.where(rng.random(X.shape) < share, np.nan, X)


def _mean(done):
    return done.mean(axis=0), done.var(axis=0, ddof=1) / len(done)


@pytest.mark.parametrize("method", ["bootstrap", "posterior"])
def test_copies_keep_what_was_observed_and_differ_in_the_rest(method):
    X = _rows()[1]
    first, second = MultipleImputer(n_imputations=2, method=method, random_state=0).fit(X).impute(X)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(first[seen], X[seen])
    assert not np.isnan(first).any()
    assert (first[~seen] != second[~seen]).all()


def test_equal_seeds_and_any_threads_give_equal_copies():
    X = _rows()[1]
    one, two = (MultipleImputer(n_imputations=3, random_state=5, n_threads=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.impute(X), two.impute(X))
    np.testing.assert_array_equal(one.impute(X), one.impute(X))


@pytest.mark.parametrize("method", ["bootstrap", "posterior"])
def test_pooled_errors_are_those_of_repeated_samples(method):
    rng = np.random.default_rng(1)
    truth, found, claimed = 0.0, [], []
    for _ in range(40):
        x = rng.normal(size=100)
        y = 0.8 * x + 0.6 * rng.normal(size=100)
        X = np.column_stack([x, np.where(rng.random(100) < 1 / (1 + np.exp(-x)), np.nan, y)])  # more missing at high x
        pooled = MultipleImputer(n_imputations=5, method=method, random_state=rng).fit(X).pool(X, _mean, n=100)
        found.append(pooled.estimate[1])
        claimed.append(pooled.se[1])
    assert abs(np.mean(found) - truth) < 3 * np.std(found) / np.sqrt(40)
    assert np.mean(claimed) == pytest.approx(np.std(found), rel=0.3)


def test_bounds_are_kept():
    X = np.exp(_rows()[1])
    bounds = {0: (0.5, None), 2: (0.1, 3.0)}
    for done in (
        EMImputer(bounds=bounds).fit_transform(X),
        EMImputer(method="draw", bounds=bounds, random_state=0).fit_transform(X),
        MultipleImputer(n_imputations=1, bounds=bounds, random_state=0).fit(X).impute(X)[0],
    ):
        filled = np.where(np.isnan(X), done, np.nan)
        assert np.nanmin(filled[:, 0]) >= 0.5
        assert np.nanmin(filled[:, 2]) >= 0.1
        assert np.nanmax(filled[:, 2]) <= 3.0
        assert np.nanmin(filled[:, 1]) < 0.1


def test_wrong_arguments_are_errors():
    X = _rows()[1]
    for arguments, match in (
        ({"method": "gibbs"}, "bootstrap"),
        ({"n_imputations": 0}, "n_imputations"),
        ({"bounds": {7: (0, 1)}}, "0 to 2"),
        ({"bounds": {0: (1, 0)}}, "low below high"),
        ({"bounds": {"a": (0, 1)}}, "no names"),
        ({"panel": Panel(time=9)}, "panel"),
    ):
        with pytest.raises(ParameterError, match=match):
            MultipleImputer(**arguments).fit(X)


def test_samples_that_collapse_are_told_of():
    X = _rows(8, d=4, share=0.0)[0]
    X[0, 0] = np.nan
    with pytest.warns(DegenerateWarning, match="bootstrap samples"):
        MultipleImputer(n_imputations=5, random_state=0).fit(X)
    MultipleImputer(n_imputations=5, prior_rows=3, random_state=0).fit(X)


def test_column_observed_once_cannot_be_resampled():
    X = _rows(50)[0]
    X[1:, 1] = np.nan
    with pytest.raises(DataError, match="column 1 .* 1 observed entry"):
        MultipleImputer(random_state=0).fit(X)
    with pytest.raises(DataError, match="posterior"):
        MultipleImputer(prior_rows=2, random_state=0).fit(X)


def _panel(seed=0):
    """Give rows of unit, time and two columns; the second is a random walk per unit."""
    rng = np.random.default_rng(seed)
    unit, time = np.repeat(np.arange(8.0), 25), np.tile(np.arange(25.0), 8)
    walk = np.concatenate([5 * rng.normal() + np.cumsum(rng.normal(size=25)) for _ in range(8)])
    other = 0.2 * walk + rng.normal(size=200)
    X = np.column_stack([unit, time, other, walk])
    holes = X.copy()
    holes[rng.random(200) < 0.2, 3] = np.nan
    return X, holes


def test_trends_lags_and_leads_predict_better():
    X, holes = _panel()
    lost = np.isnan(holes[:, 3])

    def error(panel):
        imputer = MultipleImputer(n_imputations=5, panel=panel, random_state=0).fit(holes)
        done = imputer.impute(holes)
        np.testing.assert_array_equal([copy[:, :3] for copy in done], [X[:, :3]] * 5)
        return np.sqrt(np.mean((np.mean(done, axis=0) - X)[lost, 3] ** 2))

    plain = error(None)
    assert error(Panel(1, 0, degree=2)) < 0.8 * plain
    assert error(Panel(1, 0, lags=(3,), leads=(3,), by_unit=False)) < 0.6 * plain


def test_lag_and_lead_are_those_of_the_same_unit():
    X = np.array([[1, 2, 30.0], [1, 1, 20.0], [2, 1, 5.0], [2, 2, np.nan], [1, 3, 40.0]])
    wide, kept = Panel(1, 0, by_unit=False, lags=(2,), leads=(2,)).extra(X, None)
    np.testing.assert_array_equal(kept, [2])
    np.testing.assert_array_equal(wide[:, 1], [20, np.nan, np.nan, 5, 30])
    np.testing.assert_array_equal(wide[:, 2], [40, 30, np.nan, np.nan, np.nan])


def test_row_without_time_is_an_error():
    X = _panel()[1]
    X[3, 1] = np.nan
    with pytest.raises(DataError, match="row 3"):
        MultipleImputer(panel=Panel(1, 0)).fit(X)


def test_overimputation_covers_as_it_says():
    X = _rows(800)[1]
    found = MultipleImputer(n_imputations=3, random_state=0).fit(X).overimpute(X, level=0.8)
    np.testing.assert_allclose(found.coverage, 0.8, atol=0.06)
    assert np.isnan(found.mean[np.isnan(X)]).all()


def test_displays_are_drawn(tmp_path):
    X = _rows()[1]
    imputer = MultipleImputer(n_imputations=2, random_state=0).fit(X)
    shown = ImputationDisplay.from_arrays(X, imputer.impute(X), names=["a", "b", "c"])
    assert [ax.get_xlabel() for ax in shown.ax_.reshape(-1)] == ["a", "b", "c"]
    over = OverimputationDisplay.from_overimputed(imputer.overimpute(X), 1, name="b")
    assert "within intervals of 90%" in over.ax_.texts[0].get_text()
    from emkit.missing import MultivariateNormal

    patterns = PatternDisplay.from_estimator(MultivariateNormal().fit(X))
    assert patterns.save(tmp_path / "patterns.png").stat().st_size > 1000
    with pytest.raises(ParameterError, match="no missing"):
        ImputationDisplay.from_arrays(_rows()[0], _rows()[0])
