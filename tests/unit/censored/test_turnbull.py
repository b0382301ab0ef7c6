"""Turnbull's estimate."""

import numpy as np
import pytest

import emkit
from emkit.censored.turnbull_model import IntervalMasses
from emkit.core.problem import Problem
from emkit.errors import DataError, ParameterError

_INF = np.inf


def _inspected(n=300, seed=0):
    rng = np.random.default_rng(seed)
    time, visits = rng.exponential(2.0, n), np.sort(rng.uniform(0, 5, (n, 3)), axis=1)
    before = np.where(visits < time[:, None], visits, 0.0).max(axis=1)
    return np.column_stack([before, np.where(visits >= time[:, None], visits, _INF).min(axis=1)])


def test_exact_values_are_the_empirical_distribution():
    curve = emkit.Turnbull().fit(np.column_stack([[1, 2, 2, 5], [1, 2, 2, 5]]))
    assert curve.intervals_.tolist() == [[1, 1], [2, 2], [5, 5]]
    assert curve.mass_ == pytest.approx([0.25, 0.5, 0.25])
    assert curve.survival([0.5, 1, 2, 5]) == pytest.approx([1, 0.75, 0.25, 0])


def test_right_censored_is_kaplan_meier():
    rng = np.random.default_rng(0)
    death, leaving = rng.exponential(1, 200).round(2) + 0.01, rng.exponential(1.3, 200).round(2) + 0.01
    time, seen = np.minimum(death, leaving), death <= leaving
    curve = emkit.Turnbull(tol=1e-9).fit(np.column_stack([time, np.where(seen, time, _INF)]))
    at = np.unique(time[seen])
    deaths = np.array([((time == t) & seen).sum() for t in at])
    at_risk = np.array([(time >= t).sum() for t in at])
    assert curve.survival(at) == pytest.approx(np.cumprod(1 - deaths / at_risk), abs=1e-8)


def test_late_entry_is_the_product_limit_estimate():
    rows = [[3, 3, 0, _INF], [5, 5, 1, _INF], [4, _INF, 2, _INF], [6, 6, 2, _INF], [7, 7, 4, _INF], [8, 8, 0, _INF]]
    curve = emkit.Turnbull(tol=1e-10).fit(rows)
    assert curve.survival([3, 5, 6, 7]) == pytest.approx(
        [4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 * 2 / 3, 4 / 5 * 3 / 4 * 2 / 3 / 2], abs=1e-6
    )


def test_all_solvers_meet_and_the_conditions_hold():
    rows = _inspected()
    best = emkit.Turnbull(tol=1e-8).fit(rows)
    plain = emkit.Turnbull(tol=1e-8, solver=emkit.EM(), max_iter=20000).fit(rows)
    assert best.fit_.loglik >= plain.fit_.loglik - 1e-6
    assert best.fit_.n_e_steps < plain.fit_.n_e_steps / 3
    assert best.gap_ < 1e-6
    slope = Problem(best.fit_.model, best.fit_.source).evaluate(best.parameters_).statistics.slope
    assert abs(slope[best.parameters_.mass > 0]).max() < 1e-2  # zero where there is mass, up to what gap is left
    assert (best.parameters_.mass == 0).any()  # and exactly none elsewhere


def test_masses_are_self_consistent():
    fit = emkit.Turnbull(tol=1e-10).fit(_inspected()).fit_
    point = Problem(fit.model, fit.source).evaluate(fit.parameters)
    assert fit.model.m_step(point.statistics, fit.parameters).mass == pytest.approx(fit.parameters.mass, abs=1e-7)


def test_equal_rows_are_counted():
    rows = np.array([[0, 3], [2, 5], [4, _INF]])
    many = emkit.Turnbull().fit(np.repeat(rows, [50000, 30000, 20000], axis=0))
    assert many.fit_.source.n_rows == 3
    weighted = emkit.Turnbull().fit(rows, sample_weight=[50000, 30000, 20000])
    assert many.mass_ == pytest.approx(weighted.mass_)


def test_open_and_closed_ends():
    """A value above 2 does not explain one of exactly 2, nor one up to 2."""
    curve = emkit.Turnbull().fit([[2, 2], [2, 4], [0, 2]])
    assert curve.intervals_.tolist() == [[2, 2], [2, 4]]
    assert curve.mass_ == pytest.approx([2 / 3, 1 / 3])


def test_within_and_quantiles():
    curve = emkit.Turnbull().fit([[0, 2], [4, 8]])
    assert curve.survival([1, 2, 6, 8]).tolist() == [1, 0.5, 0.5, 0]
    assert curve.survival([0, 1, 2, 6, 8], within="left").tolist() == [1, 0.5, 0.5, 0, 0]
    assert curve.survival([1, 2, 3, 6, 8], within="linear").tolist() == [0.75, 0.5, 0.5, 0.25, 0]
    assert curve.quantile([0.25, 0.5, 0.75]).tolist() == [2, 2, 8]
    assert curve.quantile([0.25, 0.75], within="linear").tolist() == [1, 6]
    assert curve.cdf(2) == 0.5


def test_bootstrap_limits_hold_the_curve():
    curve = emkit.Turnbull().fit(_inspected(100))
    low, high = curve.survival_interval([1, 2, 3], n=40, random_state=0)
    assert (low <= curve.survival([1, 2, 3]) + 0.05).all()
    assert (high >= curve.survival([1, 2, 3]) - 0.05).all()
    assert (low < high).all()
    again = curve.survival_interval([1, 2, 3], n=40, random_state=0)
    assert (again[0] == low).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[3, 2]], r"got \(3, 2\) in row 0"),
        ([[1, 2, 3, 4]], "within the range of recorded values"),
        (np.zeros((3, 1)), "expected values"),
    ],
)
def test_bad_rows(rows, message):
    with pytest.raises(DataError, match=message):
        emkit.Turnbull().fit(rows)


def test_all_censored_and_one_row():
    curve = emkit.Turnbull().fit([[1, _INF], [3, _INF]])
    assert curve.intervals_.tolist() == [[3, _INF]]
    assert curve.survival([2, 5]).tolist() == [1, 1]
    assert curve.quantile(0.5) == _INF
    assert emkit.Turnbull().fit([[1, 2]]).mass_.tolist() == [1.0]


def test_bad_questions():
    curve = emkit.Turnbull().fit([[0, 2], [4, 8]])
    with pytest.raises(ParameterError, match="`within` must be"):
        curve.survival(1, within="middle")
    with pytest.raises(ParameterError, match="between 0 and 1"):
        curve.quantile(2)
    with pytest.raises(ParameterError, match="got NaN"):
        curve.survival(np.nan)
    with pytest.raises(ParameterError, match="`level` must"):
        curve.survival_interval(1, 2.0)


def test_ranges_that_hold_nothing():
    """The first risk set is one row, which dies: nothing is left for the others."""
    with pytest.warns(Warning, match="hold next to none of the mass"):
        emkit.Turnbull().fit([[1, 1, 0, _INF], [3, 3, 2, _INF], [4, 4, 2, _INF]])


def test_picture_and_round_trip(tmp_path):
    curve = emkit.Turnbull().fit(_inspected(60))
    display = curve.plot()
    assert display.ax_.get_ylabel() == "survival"
    emkit.save(curve, tmp_path / "curve.emkit")
    loaded = emkit.load(tmp_path / "curve.emkit")
    assert (loaded.survival([1, 2]) == curve.survival([1, 2])).all()
    with pytest.raises(ParameterError, match="holds no rows"):
        loaded.survival_interval([1])
    assert isinstance(loaded.model_, IntervalMasses)
