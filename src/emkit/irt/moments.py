"""First and second moments of answers: observed, expected, their covariance, and their derivatives by parameters.

First are the shares of all categories but the lowest, item by item; second the means of products of the codes of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.parameters import ParametersChart
from emkit.irt.fitted import Fitted

__all__ = ["Moments", "independence_slopes", "moment_slopes"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the answers of one group.

    Parameters
    ----------
    group : int
    n : float
        People.
    sizes : tuple of int
        Categories of the items.
    shares : array (sum(K - 1),)
        Observed first moments.
    off : array (m,)
        Observed less expected moments.
    covariance : array (m, m)
        Of the moments of one person, by the model.
    observed, expected : array (j, j)
        Covariances of the codes.
    """

    group: int
    n: float
    sizes: tuple[int, ...]
    shares: FloatArray
    off: FloatArray
    covariance: FloatArray
    observed: FloatArray
    expected: FloatArray

    @classmethod
    def of(cls, fitted: Fitted, g: int) -> Moments:
        """Return the moments of those of a group who answered everything."""
        own = fitted.is_complete & (fitted.groups == g)
        codes, weights = fitted.codes[own].astype(np.float64), fitted.weights[own]
        n = float(weights.sum())
        shares = np.concatenate(
            [[weights @ (codes[:, j] == k) / n for k in range(1, size)] for j, size in enumerate(fitted.sizes)]
        )
        mean, cross = weights @ codes / n, (codes * weights[:, None]).T @ codes / n
        prob = [fitted.table[item] for item in fitted.tests[g]]
        expected_shares, expected_cross, covariance = _by_model(prob, fitted.weights_of(g))
        first = _levels(fitted.sizes) @ expected_shares
        below = np.tril_indices(len(mean), -1)
        off = np.concatenate([shares - expected_shares, cross[below] - expected_cross[below]])
        observed, expected = cross - np.outer(mean, mean), expected_cross - np.outer(first, first)
        return cls(g, n, fitted.sizes, shares, off, covariance, observed, expected)

    def change(self, kind: str) -> FloatArray:
        """Return the matrix (m', m) that makes the moments of a statistic of these."""
        n_pairs = len(self.sizes) * (len(self.sizes) - 1) // 2
        first = np.eye(len(self.shares)) if kind == "C2" else _levels(self.sizes)
        out = np.zeros((len(first) + n_pairs, len(self.shares) + n_pairs))
        out[: len(first), : len(self.shares)] = first
        out[len(first) :, len(self.shares) :] = np.eye(n_pairs)
        return out

    def residual_correlations(self) -> FloatArray:
        """Return observed less expected correlations (j, j) of the codes."""
        return np.asarray(_correlation(self.observed) - _correlation(self.expected))

    def independent(self) -> Moments:
        """Return the moments as of independent items."""
        prob = [np.concatenate([[1 - part.sum()], part])[:, None] for part in self.by_item()]
        shares, cross, covariance = _by_model(prob, np.ones(1))
        mean = _levels(self.sizes) @ self.shares
        below = np.tril_indices(len(mean), -1)
        off = np.concatenate([self.shares - shares, (self.observed + np.outer(mean, mean) - cross)[below]])
        return replace(self, off=off, covariance=covariance)

    def by_item(self) -> list[FloatArray]:
        """Return the shares (K - 1,) of each item."""
        return np.split(self.shares, np.cumsum(np.array(self.sizes) - 1)[:-1])


def _correlation(covariance: FloatArray) -> FloatArray:
    sd = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(covariance / np.outer(sd, sd))


def _levels(sizes: tuple[int, ...]) -> FloatArray:
    """Return the matrix (j, sum(K - 1)) that makes means of codes of shares."""
    out, at = np.zeros((len(sizes), sum(sizes) - len(sizes))), 0
    for j, k in enumerate(sizes):
        out[j, at : at + k - 1] = np.arange(1, k)
        at += k - 1
    return out


# --- by the model ---


def _by_model(prob: list[FloatArray], weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return shares, second moments (j, j), and the covariance of all moments, of curves (K, q) with weights (q,)."""
    mean = np.stack([np.arange(len(p)) @ p for p in prob])
    square = np.stack([np.arange(len(p)) ** 2 @ p for p in prob])
    cross = (mean * weights) @ mean.T
    np.fill_diagonal(cross, square @ weights)
    category = np.concatenate([p[1:] for p in prob])
    below = np.tril_indices(len(prob), -1)
    moment = np.concatenate([category @ weights, cross[below]])
    pairs = mean[below[0]] * mean[below[1]]
    n_first = len(category)
    second = np.empty((len(moment),) * 2)
    second[:n_first, :n_first] = _first_by_first(prob, category, weights)
    second[:n_first, n_first:] = _first_by_second(prob, category, mean, pairs, below, weights)
    second[n_first:, :n_first] = second[:n_first, n_first:].T
    second[n_first:, n_first:] = _second_by_second(mean, square, pairs, below, weights)
    return category @ weights, cross, second - np.outer(moment, moment)


def _first_by_first(prob: list[FloatArray], category: FloatArray, weights: FloatArray) -> FloatArray:
    out, at = (category * weights) @ category.T, 0
    for p in prob:
        span = slice(at, at + len(p) - 1)
        out[span, span] = np.diag(p[1:] @ weights)  # a person gives one answer
        at += len(p) - 1
    return np.asarray(out)


def _first_by_second(
    prob: list[FloatArray], category: FloatArray, mean: FloatArray, pairs: FloatArray, below: Any, weights: FloatArray
) -> FloatArray:
    out, at = (category * weights) @ pairs.T, 0
    for j, p in enumerate(prob):
        span = np.arange(at, at + len(p) - 1)
        for one, other in (below, below[::-1]):
            mine = np.flatnonzero(one == j)
            level = np.arange(1, len(p))[:, None] * p[1:] * weights
            out[np.ix_(span, mine)] = level @ mean[other[mine]].T
        at += len(p) - 1
    return np.asarray(out)


def _second_by_second(
    mean: FloatArray, square: FloatArray, pairs: FloatArray, below: Any, weights: FloatArray
) -> FloatArray:
    out = (pairs * weights) @ pairs.T
    for j in range(len(mean)):  # pairs that share an item
        mine = np.flatnonzero((below[0] == j) | (below[1] == j))
        other = below[0][mine] + below[1][mine] - j
        out[np.ix_(mine, mine)] = (mean[other] * (weights * square[j])) @ mean[other].T
    out[np.diag_indices(len(out))] = (square[below[0]] * square[below[1]]) @ weights
    return np.asarray(out)


# --- derivatives ---

_BLUR = 1e-5


def moment_slopes(fitted: Fitted, groups: list[int]) -> list[FloatArray]:
    """Return the derivatives (m, p) of the moments of groups by all free parameters: items', then the latent ones."""
    by_item = _item_slopes(fitted)
    items = [_by_items(fitted, g, by_item) for g in groups]
    latent = _by_latent(fitted, groups)
    return [np.concatenate([a, b], axis=1) for a, b in zip(items, latent, strict=True)]


def _item_slopes(fitted: Fitted) -> tuple[list[tuple[FloatArray, Any]], int]:
    """Return for each of the model's items the derivatives (p, K, q) of its curves, and which parameters those are."""
    found: list[Any] = [None] * fitted.model.n_items
    at = 0
    for run, own in zip(fitted.model.runs, fitted.parameters.items, strict=True):
        matrix, fields = run.matrix(own), run.kind.layout(own)
        free, is_shared = run.kind.is_free(matrix, fields)
        shared = at + np.cumsum(is_shared) - 1
        at += int(is_shared.sum())
        for i, item in enumerate(run.items):
            columns = np.flatnonzero(free[i])
            number = np.where(is_shared, shared, 0)
            fresh = free[i] & ~is_shared
            number[fresh] = at + np.arange(fresh.sum())
            at += int(fresh.sum())
            found[item] = (fitted.prob_slope(run, matrix[i : i + 1], item)[columns], number[columns])
    return found, at


def _by_items(fitted: Fitted, g: int, slopes: tuple[list[tuple[FloatArray, Any]], int]) -> FloatArray:
    weights, (mean, _) = fitted.weights_of(g), fitted.moments(g)
    below = np.tril_indices(len(mean), -1)
    n_first = sum(fitted.sizes) - len(mean)
    out, at = np.zeros((n_first + len(below[0]), slopes[1])), 0
    for j, item in enumerate(fitted.tests[g]):
        by, number = slopes[0][item]
        out[at : at + by.shape[1] - 1, number] = (by[:, 1:] @ weights).T
        at += by.shape[1] - 1
        rise = np.arange(by.shape[1]) @ by  # (p, q): of the mean
        mine = np.flatnonzero((below[0] == j) | (below[1] == j))
        other = below[0][mine] + below[1][mine] - j
        out[np.ix_(n_first + mine, number)] += (mean[other] * weights) @ rise.T
    return out


def _by_latent(fitted: Fitted, groups: list[int]) -> list[FloatArray]:
    """Return derivatives by the parameters of a parametric latent distribution, by central differences of weights."""
    latent, own = fitted.model.latent, fitted.parameters.latent
    rises = []
    chart = ParametersChart(own)
    for step in np.eye(chart.size)[: chart.size if latent.is_parametric else 0] * _BLUR:
        here = chart.to_vector(own)
        ahead, behind = (fitted.place_weights(chart.from_vector(here + s * step)) for s in (1, -1))
        rises.append((ahead - behind) / (2 * _BLUR))
    return [_along(fitted, g, [rise[g] for rise in rises]) for g in groups]


def _along(fitted: Fitted, g: int, rises: list[FloatArray]) -> FloatArray:
    """Return what the moments change by when the weights of the places do."""
    mean, _ = fitted.moments(g)
    category = np.concatenate([fitted.table[item][1:] for item in fitted.tests[g]])
    below = np.tril_indices(len(mean), -1)
    columns = [np.concatenate([category @ rise, ((mean * rise) @ mean.T)[below]]) for rise in rises]
    return np.stack(columns, axis=1) if columns else np.zeros((len(category) + len(below[0]), 0))


def independence_slopes(moments: list[Moments]) -> list[FloatArray]:
    """Return the derivatives (m, p) of the moments of independent items by the shares of their categories."""
    width = [len(m.shares) for m in moments]
    out = []
    for i, m in enumerate(moments):
        levels = _levels(m.sizes)
        mean = levels @ m.shares
        below = np.tril_indices(len(mean), -1)
        pairs = levels[below[0]] * mean[below[1], None] + levels[below[1]] * mean[below[0], None]
        own = np.zeros((width[i] + len(pairs), sum(width)))
        own[:, sum(width[:i]) : sum(width[: i + 1])] = np.concatenate([np.eye(width[i]), pairs])
        out.append(own)
    return out
