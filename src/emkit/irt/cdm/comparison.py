"""Which rule an item needs: Wald tests of the reduced rules against the saturated one, item by item.

Of a saturated item with chances P (l,) in its groups, a rule says that g(P) lies in the span of its design D. With N an
orthonormal basis of what is orthogonal to D and V the covariance of g(P),

    W = (N'g)' (N' V N)^-1 (N'g)

is chi-squared with as many degrees of freedom as N has columns, where the rule holds.

References
----------
de la Torre & Lee 2013, Journal of Educational Measurement 50:355, equation 7. Ma, Iaconangelo & de la Torre 2016,
Applied Psychological Measurement 40:200 (the choice among rules that are not refuted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.stats import chi2

from emkit.core.arrays import FloatArray
from emkit.irt.cdm.additive import LINKS
from emkit.irt.printing import FitTable

__all__ = ["ItemRules", "item_rules"]

_REDUCED = ("DINA", "DINO", "ACDM", "LLM", "RRUM")
_SIMPLEST = ("DINA", "DINO")
_SINGULAR = 1e-12
_EDGE = 1e-6  # chances closer to 0 or 1 are on the boundary, where no covariance says how sure they are


@dataclass(frozen=True, eq=False, repr=False)
class ItemRules(FitTable):
    """Tests of the reduced rules on items that ask for several attributes.

    Parameters
    ----------
    items, rules : tuple of str
        Row by row.
    statistic, df, p : array (rows,)
        NaN where chances of 0 or 1 leave no test.
    chosen : dict of str to str
        For every item, a rule that is not refuted: "DINA" or "DINO" if one of them is not, else the additive one with
        the largest p, else "GDINA". Items that ask for one attribute need no other rule than "DINA".
    """

    title: ClassVar[str] = "Rules of items against saturated ones"

    items: tuple[str, ...]
    rules: tuple[str, ...]
    statistic: FloatArray
    df: FloatArray
    p: FloatArray
    chosen: dict[str, str]

    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""
        numbers = {name: getattr(self, name).tolist() for name in ("statistic", "df", "p")}
        return {"item": list(self.items), "rule": list(self.rules)} | numbers


def item_rules(
    names: tuple[str, ...], patterns: list[FloatArray], right: list[FloatArray], cov: list[FloatArray], level: float
) -> ItemRules:
    """Return the tests of items, given the patterns (l, m), chances (l,) and covariances (l, l) of their groups."""
    rows: list[tuple[str, str, float, int, float]] = []
    chosen: dict[str, str] = {}
    for name, pattern, prob, own in zip(names, patterns, right, cov, strict=True):
        if pattern.shape[1] < 2:
            chosen[name] = "DINA"
            continue
        tests = {rule: _test(rule, pattern, prob, own) for rule in _REDUCED}
        rows += [(name, rule, *test) for rule, test in tests.items()]
        chosen[name] = _choice({rule: test[2] for rule, test in tests.items()}, level)
    items, rules, *numbers = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    statistic, df, p = (np.array(part, dtype=np.float64) for part in numbers)
    return ItemRules(items, rules, statistic, df, p, chosen)


def _choice(p: dict[str, float], level: float) -> str:
    for among in (_SIMPLEST, tuple(LINKS)):
        kept = [rule for rule in among if p[rule] > level]
        if kept:
            return max(kept, key=lambda rule: p[rule])
    return "GDINA"


def _test(rule: str, pattern: FloatArray, prob: FloatArray, cov: FloatArray) -> tuple[float, int, float]:
    link = LINKS.get(rule, "identity")
    with np.errstate(divide="ignore", invalid="ignore"):
        value, by = {
            "identity": (prob, np.ones_like(prob)),
            "logit": (np.log(prob) - np.log1p(-prob), 1 / (prob * (1 - prob))),
            "log": (np.log(prob), 1 / prob),
        }[link]
    basis, size, _ = np.linalg.svd(_design(rule, pattern), full_matrices=True)
    rest = basis[:, int((size > _SINGULAR).sum()) :]
    df = rest.shape[1]
    is_edge = (np.diag(cov) <= 0) | (prob < _EDGE) | (prob > 1 - _EDGE)
    if not df or is_edge.any():
        return float("nan"), df, float("nan")
    off, spread = rest.T @ value, rest.T @ (cov * np.outer(by, by)) @ rest
    if np.linalg.matrix_rank(spread, hermitian=True) < df:
        return float("nan"), df, float("nan")
    statistic = float(off @ np.linalg.solve(spread, off))
    return statistic, df, float(chi2.sf(statistic, df))


def _design(rule: str, pattern: FloatArray) -> FloatArray:
    """Return the design (l, p) of a rule on the groups of an item."""
    own = {"DINA": pattern.all(axis=1, keepdims=True), "DINO": pattern.any(axis=1, keepdims=True)}.get(rule, pattern)
    return np.column_stack([np.ones(len(pattern)), own])
