"""Censored, grouped and truncated data."""

import numpy as np
from case import Case

from emkit.censored.regression_model import LinearCensored
from emkit.censored.turnbull_model import IntervalMasses


def _regression():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(150, 2))
    y = np.round(1 + X @ [1.0, -0.5] + 0.8 * rng.normal(size=150), 2)
    low, high = np.where(y < 0.5, np.nan, y), np.where(y > 2.5, np.nan, y)
    high = np.where(np.isnan(low), 0.5, high)
    low = np.where(np.isnan(high), 2.5, low)
    return np.column_stack([X, low, np.where((y > 1) & (y < 1.5), 1.5, high)])


def _truncated():
    rng = np.random.default_rng(8)
    y = rng.normal(2.0, 1.0, 100)
    y = np.round(y[y > 0], 2)
    y = y[y > 0]
    return np.column_stack([y, np.where(y > 3, np.nan, y), 0 * y, np.where(np.arange(len(y)) % 3 == 0, 9.0, np.nan)])


def _inspected(is_truncated):
    rng = np.random.default_rng(9)
    time, visits = rng.exponential(2.0, 120), np.sort(rng.uniform(0, 5, (120, 3)).round(1), axis=1)
    before = np.where(visits < time[:, None], visits, 0.0).max(axis=1)
    after = np.where(visits >= time[:, None], visits, np.inf).min(axis=1)
    rows = np.column_stack([before, np.where(np.isinf(after), np.nan, after)])
    if not is_truncated:
        return rows
    entry = np.where(before > 1, rng.choice([0.3, 0.6], 120), 0.0)
    return np.column_stack([rows, np.where(entry > 0, entry, np.nan), np.where(after < 2, 6.0, np.nan)])


CASES = [
    Case("tobit", LinearCensored(), _regression(), is_continuous=False, takes_constant=False),
    Case("tobit-origin", LinearCensored(has_intercept=False), _regression(), is_continuous=False, takes_constant=False),
    Case("normal-truncated", LinearCensored(n_limits=4), _truncated(), is_continuous=False, takes_constant=False),
    Case("turnbull", IntervalMasses(), _inspected(is_truncated=False), is_continuous=False, takes_constant=False),
    Case("turnbull-truncated", IntervalMasses(), _inspected(is_truncated=True), False, takes_constant=False),
]
