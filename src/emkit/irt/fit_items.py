"""How well single items fit.

S-X2      of people with the same sum of answers, observed against expected numbers of each answer. With S_s the
          probability of the sum s (Lord & Wingersky 1984) and S_s^(j) that of the other items, answer k to item j is
          expected of E_sk = N_s int P_jk S^(j)_(s-k) dG / int S_s dG people; the sum of (O - E)^2 / E has as many
          degrees of freedom as there are cells, less the rows and the item's free parameters (and the latent ones).
outfit    mean of z^2 = (x - E x)^2 / var x over people; infit the same weighted by var x. About 1 where the item fits.
Zh        standardized log-likelihood of the answers to an item; low where they surprise.

Sparse cells are pooled as in the R package mirt, whose rule this follows: answers with the rarest neighbour until all
are expected of `min_expected` people, then sums with neighbouring sums.

References
----------
Orlando & Thissen 2000, Applied Psychological Measurement 24:50, equations 1-6. Wright & Masters 1982, *Rating Scale
Analysis*, chapter 5. Drasgow, Levine & Williams 1985, British Journal of Mathematical and Statistical Psychology 38:67.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.stats import chi2

from emkit.core.arrays import FloatArray
from emkit.core.parameters import n_free
from emkit.irt.coding import MISSING, coded_source
from emkit.irt.fitted import Fitted, finite_rows, residuals_of
from emkit.irt.pooling import pooled
from emkit.irt.printing import FitTable, rmsea

__all__ = ["ItemFit", "item_fit"]


@dataclass(frozen=True, eq=False, repr=False)
class ItemFit(FitTable):
    """How well each item fits; NaN where it cannot be said.

    Parameters
    ----------
    items : tuple of str
    infit, infit_z, outfit, outfit_z : array (j,)
        Mean squares and their Wilson-Hilferty transforms to normal scale.
    zh : array (j,)
    s_x2, df, rmsea, p : array (j,)
    n_complete : float
        People who answered all items: S-X2 is about them.
    """

    title: ClassVar[str] = "Fit of items"

    items: tuple[str, ...]
    infit: FloatArray
    infit_z: FloatArray
    outfit: FloatArray
    outfit_z: FloatArray
    zh: FloatArray
    s_x2: FloatArray
    df: FloatArray
    rmsea: FloatArray
    p: FloatArray
    n_complete: float

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        names = ("infit", "infit_z", "outfit", "outfit_z", "zh", "s_x2", "df", "rmsea", "p")
        return {"item": list(self.items)} | {name: getattr(self, name).tolist() for name in names}


def item_fit(fitted: Fitted, names: tuple[str, ...], theta: FloatArray | None, min_expected: float) -> ItemFit:
    """Return the fit of items, given where people are (n, F), or their posteriors where `theta` is None."""
    infit, outfit = _by_posterior(fitted) if theta is None else _by_score(fitted, theta)
    s_x2, df = sum_score_fit(fitted, min_expected)
    n = float(fitted.weights[fitted.is_complete].sum())
    zh = np.full(fitted.n_items, np.nan) if theta is None else _zh(fitted, theta)
    p = np.where(df > 0, chi2.sf(s_x2, np.maximum(df, 1)), np.nan)
    return ItemFit(names, infit[0], infit[1], outfit[0], outfit[1], zh, s_x2, df, rmsea(s_x2, df, n), p, n)


# --- mean squares ---


def _by_score(fitted: Fitted, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    out = np.empty((2, 2, fitted.n_items))
    is_finite = finite_rows(theta)
    prob = fitted.prob_of_people(np.where(is_finite[:, None], theta, 0.0))
    for j, own in enumerate(prob):
        residual, var, fourth = residuals_of(own, fitted.codes[:, j])
        weights = fitted.weights * (is_finite & (fitted.codes[:, j] != MISSING))
        out[..., j] = mean_squares(np.nan_to_num(residual) ** 2, var, fourth, weights)
    return out[0], out[1]


def _by_posterior(fitted: Fitted) -> tuple[FloatArray, FloatArray]:
    """Return mean squares over the posteriors of people, of which expected counts are all that is needed."""
    counts, prob = _expected_counts(fitted)
    out = np.empty((2, 2, fitted.n_items))
    for j in range(fitted.n_items):
        own = {test[j] for test in fitted.tests}
        parts = []
        for item in own:
            level = np.arange(len(prob[item]))[:, None]
            centre = (level * prob[item]).sum(axis=0)
            off = (level - centre) ** 2
            var, fourth = (off * prob[item]).sum(axis=0), (off**2 * prob[item]).sum(axis=0)
            parts.append((off.ravel(), *(np.tile(part, len(off)) for part in (var, fourth)), counts[item].ravel()))
        square, var, fourth, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
        out[..., j] = mean_squares(square, var, fourth, weights, 1e-300)
    return out[0], out[1]


def _expected_counts(fitted: Fitted) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return expected counts (K, q) and probabilities of each of the model's items at its nodes."""
    model, first = fitted.model, fitted.model.first
    rows = np.full((len(fitted.codes), model.n_items), MISSING, dtype=np.uint8)
    for g, test in enumerate(fitted.tests):
        own = fitted.groups == g
        rows[np.ix_(own, test)] = fitted.codes[own]
    if len(fitted.tests) > 1:
        rows = np.concatenate([rows, fitted.groups[:, None].astype(np.uint8)], axis=1)
    source = coded_source(np.ascontiguousarray(rows), fitted.weights, None, 1)
    counts = source.reduce(lambda block: model.e_step(fitted.parameters, block)).counts
    prob = np.exp(model.tables(fitted.parameters)[0])
    spans = [slice(first[item], first[item + 1]) for item in range(model.n_items)]
    return [counts[span] for span in spans], [prob[span] for span in spans]


_SMALLEST = 1e-5**0.5  # scores of the extremes would make the mean that of one surprising answer: as mirt has it
_WIDEST = 2**0.5


def mean_squares(
    square: FloatArray, var: FloatArray, fourth: FloatArray, weights: FloatArray, least: float = _SMALLEST
) -> FloatArray:
    """Return infit and outfit, each with its standardized form (2, 2, ...), of squared residuals (m, ...)."""
    var = np.maximum(var, least)
    n, information = weights.sum(axis=0), (weights * var).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        infit, outfit = (weights * square).sum(axis=0) / information, (weights * square / var).sum(axis=0) / n
        spread_in = np.sqrt(np.maximum((weights * (fourth - var**2)).sum(axis=0), 0.0)) / information
        spread_out = np.sqrt(np.maximum((weights * fourth / var**2).sum(axis=0) / n**2 - 1 / n, 0.0))
        return np.array([[infit, _normal(infit, spread_in)], [outfit, _normal(outfit, spread_out)]])


def _normal(mean_square: FloatArray, spread: FloatArray) -> FloatArray:
    """Return mean squares on the scale of a standard normal (Wilson & Hilferty 1931)."""
    spread = np.minimum(spread, _WIDEST)
    return np.asarray((mean_square ** (1 / 3) - 1) * 3 / spread + spread / 3)


def _zh(fitted: Fitted, theta: FloatArray) -> FloatArray:
    is_finite = finite_rows(theta)
    out = np.empty(fitted.n_items)
    for j, prob in enumerate(fitted.prob_of_people(np.where(is_finite[:, None], theta, 0.0))):
        code = fitted.codes[:, j]
        seen = np.where(is_finite & (code != MISSING), fitted.weights, 0.0)
        off, var = surprise(prob, code)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[j] = (seen @ off) / np.sqrt(seen @ var)
    return out


def surprise(prob: FloatArray, code: Any) -> tuple[FloatArray, FloatArray]:
    """Return the log-probability (n,) of answers less what is expected, and its variance; 0 for no answer."""
    log_prob = np.log(np.maximum(prob, 1e-300))
    mean = (prob * log_prob).sum(axis=0)
    var = (prob * (log_prob - mean) ** 2).sum(axis=0)
    seen = code != MISSING
    own = log_prob[np.where(seen, code, 0), np.arange(len(code))]
    return np.where(seen, own - mean, 0.0), np.where(seen, var, 0.0)


# --- by the sum of answers ---


def sum_score_fit(fitted: Fitted, min_expected: float) -> tuple[FloatArray, FloatArray]:
    """Return S-X2 (j,) and its degrees of freedom; NaN and 0 where cells are too few."""
    observed, expected = sum_score_tables(fitted)
    free = _n_free(fitted)
    value, df = np.full(fitted.n_items, np.nan), np.zeros(fitted.n_items)
    for j in range(fitted.n_items):
        o, e = pooled(observed[j], expected[j], min_expected)
        used = e > 0
        df[j] = max(0, int(used.sum()) - len(e) - free[j])
        if df[j] > 0:
            value[j] = float(((o[used] - e[used]) ** 2 / e[used]).sum())
    return value, df


def sum_score_tables(fitted: Fitted) -> tuple[list[FloatArray], list[FloatArray]]:
    """Return observed and expected numbers of people (sums, K) of each item, the lowest and highest sum left out."""
    top = sum(k - 1 for k in fitted.sizes)
    observed = [np.zeros((top + 1, k)) for k in fitted.sizes]
    expected = [np.zeros((top + 1, k)) for k in fitted.sizes]
    used = fitted.is_complete
    for g in range(len(fitted.tests)):
        own = used & (fitted.groups == g)
        if not own.any():
            continue
        codes, weights = fitted.codes[own].astype(np.intp), fitted.weights[own]
        total = codes.sum(axis=1)
        people = np.bincount(total, weights, top + 1)
        for j, share in enumerate(_shares(fitted, g, top)):
            np.add.at(observed[j], (total, codes[:, j]), weights)
            expected[j] += people[:, None] * share
    return [o[1:-1] for o in observed], [e[1:-1] for e in expected]


def _shares(fitted: Fitted, g: int, top: int) -> list[FloatArray]:
    """Return the probabilities (sums, K) of the answers to each item given the sum of all."""
    prob = [fitted.table[item] for item in fitted.tests[g]]
    weights = fitted.weights_of(g)
    ahead = [np.ones((1, len(weights)))]
    for p in prob:
        ahead.append(_longer(ahead[-1], p))
    whole = np.maximum(ahead[-1] @ weights, 1e-300)
    behind, out = np.ones((1, len(weights))), []
    for j in range(len(prob) - 1, -1, -1):
        rest = _joined(ahead[j], behind)
        share = np.zeros((top + 1, len(prob[j])))
        for k, p in enumerate(prob[j]):
            share[k : k + len(rest), k] = rest @ (p * weights)
        out.append(share / whole[:, None])
        behind = _longer(behind, prob[j])
    return out[::-1]


def _longer(chance: FloatArray, prob: FloatArray) -> FloatArray:
    """Return the probabilities of sums with one more item (Lord & Wingersky 1984)."""
    out = np.zeros((len(chance) + len(prob) - 1, chance.shape[1]))
    for k, p in enumerate(prob):
        out[k : k + len(chance)] += chance * p
    return out


def _joined(one: FloatArray, other: FloatArray) -> FloatArray:
    """Return the probabilities of sums over two sets of items."""
    if len(one) > len(other):
        one, other = other, one
    out = np.zeros((len(one) + len(other) - 1, one.shape[1]))
    for k, p in enumerate(one):
        out[k : k + len(other)] += p * other
    return out


def _n_free(fitted: Fitted) -> FloatArray:
    """Return the free parameters (j,) of each item, those of the latent distribution among them."""
    by_item = np.zeros(fitted.model.n_items)
    for run, own in zip(fitted.model.runs, fitted.parameters.items, strict=True):
        free, _ = run.kind.is_free(run.matrix(own), run.kind.layout(own))
        by_item[list(run.items)] = free.sum(axis=1)
    latent = fitted.parameters.latent
    shared = float(n_free(latent)) if fitted.model.latent.is_parametric else 0.0
    own_items = [{test[j] for test in fitted.tests} for j in range(fitted.n_items)]
    return np.array([shared + sum(by_item[item] for item in items) for items in own_items])
