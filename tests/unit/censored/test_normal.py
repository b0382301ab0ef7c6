"""The censored and truncated normal."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import emkit
from emkit.errors import DataError, DegenerateWarning

_INF = np.inf


def _maximum(f, start):
    best = minimize(f, start, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000})
    return best.x[0], np.exp(best.x[1]), -best.fun


def test_exact_values_are_mean_and_sd():
    y = np.array([1.0, 2.0, 4.0, 7.0]) + 1e8
    model = emkit.CensoredNormal().fit(np.column_stack([y, y]))
    assert model.mean_ == pytest.approx(y.mean(), rel=1e-14)
    assert model.sd_ == pytest.approx(y.std(), rel=1e-7)
    assert model.expected(np.column_stack([y, y])) == pytest.approx(y)


def test_censored_and_grouped_reach_the_maximum():
    rng = np.random.default_rng(0)
    y = rng.normal(3, 2, 400)
    low = np.where(y < 1, -_INF, np.where(y > 6, 6.0, np.where(y > 4, np.floor(y), y)))
    high = np.where(y < 1, 1.0, np.where(y > 6, _INF, np.where(y > 4, np.ceil(y), y)))
    weights = rng.integers(1, 4, 400)

    def loss(p):
        sd = np.exp(p[1])
        with np.errstate(divide="ignore"):
            between = np.log(norm.cdf(high, p[0], sd) - norm.cdf(low, p[0], sd))
        return -weights @ np.where(low == high, norm.logpdf(low, p[0], sd), between)

    mean, sd, loglik = _maximum(loss, [3.0, 0.5])
    model = emkit.CensoredNormal(tol=1e-9).fit(np.column_stack([low, high]), sample_weight=weights)
    assert model.converged_
    assert model.fit_.loglik == pytest.approx(loglik, abs=1e-8)
    assert [model.mean_, model.sd_] == pytest.approx([mean, sd], rel=1e-5)
    assert model.score(np.column_stack([low, high]), sample_weight=weights) * weights.sum() == pytest.approx(loglik)


def test_truncated_reaches_the_maximum():
    y = np.random.default_rng(1).normal(1, 2, 1500)
    y = y[(y > 0) & (y < 5)]
    mean, sd, loglik = _maximum(
        lambda p: (
            -(
                norm.logpdf(y, p[0], np.exp(p[1]))
                - np.log(norm.cdf(5, p[0], np.exp(p[1])) - norm.cdf(0, p[0], np.exp(p[1])))
            ).sum()
        ),
        [1.0, 0.5],
    )
    model = emkit.CensoredNormal().fit(np.column_stack([y, y, 0 * y, 0 * y + 5]))
    assert model.fit_.loglik == pytest.approx(loglik, abs=1e-6)
    assert [model.mean_, model.sd_] == pytest.approx([mean, sd], rel=2e-3)


def test_far_in_the_tail():
    rows = [[1.0, 1.0], [2.0, 2.0], [60.0, _INF], [-_INF, -60.0]]
    model = emkit.CensoredNormal().fit(rows)
    assert model.converged_
    assert np.isfinite(model.fit_.loglik)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, _INF], [2, _INF]], "all 2 rows are censored on the right"),
        ([[-_INF, 1], [np.nan, 2]], "all 2 rows are censored on the left"),
        ([[np.nan, np.nan], [-_INF, _INF]], "no row of 2 has a limit"),
        ([[1, 2], [3, 2]], r"not above the upper one, got \(3, 2\) in row 1"),
        ([[_INF, _INF], [1, 2]], "row 0 has the lower limit inf"),
        ([[1, -_INF], [1, 2]], "row 0 has the upper limit -inf"),
        ([[1, 2, 3]], r"got shape \(1, 3\)"),
        ([[1, 2, 0, 1.5]], "within the range of recorded values"),
        ([[1, 2, 5, 1]], "whose lower end is below its upper one"),
        ([["a", "b"]], "expected numbers as limits"),
    ],
)
def test_bad_rows(rows, message):
    with pytest.raises(DataError, match=message):
        emkit.CensoredNormal().fit(rows)


def test_no_variance():
    with pytest.warns(DegenerateWarning, match="standard deviation of the errors has gone to zero"):
        emkit.CensoredNormal().fit([[2.0, 2.0]] * 5)


def test_rows_of_weight_zero_may_hold_anything():
    rows = np.array([[1.0, 1.0], [2.0, _INF], [9.0, 3.0]])
    model = emkit.CensoredNormal().fit([*rows[:2].tolist(), [4, 4]])
    assert emkit.CensoredNormal().fit([*rows.tolist(), [4, 4]], sample_weight=[1, 1, 0, 1]).mean_ == pytest.approx(
        model.mean_
    )


def test_sample_and_standard_errors():
    y = np.arange(10.0)
    model = emkit.CensoredNormal().fit(np.column_stack([y, y]))
    assert model.sample(5, random_state=0).shape == (5,)
    assert model.standard_errors()["intercept[0]"] == pytest.approx(y.std() / np.sqrt(10), rel=1e-4)
