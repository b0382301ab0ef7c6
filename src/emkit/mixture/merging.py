"""Components that make up one group: merged one after another by the entropy they take away.

A density may need several components for one group that is not normal. Merging leaves the density as it is and adds up
probabilities: at each step the two clusters are joined whose union makes the labels surest,

    sum_i [ t_ij log t_ij + t_il log t_il - (t_ij + t_il) log (t_ij + t_il) ]  smallest,

and where the entropy stops falling steeply lies the number of groups.

References
----------
Baudry, Raftery, Celeux, Lo & Gottardo 2010, JCGS 19:332, equations 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray, IntArray
from emkit.core.describe import Description
from emkit.errors import ParameterError

__all__ = ["MergeTree", "merge_components"]


@dataclass(frozen=True, eq=False)
class MergeTree:
    """Clusters made of components, from as many as there are components down to one; by `merge_components`.

    Parameters
    ----------
    resp : array (n, k)
        Probability of each component for each row.
    merges : tuple of pairs of tuples
        What was joined at each step: two groups of components.
    entropy : array (k,)
        Entropy of the labels with k, k - 1, ... 1 clusters.
    """

    resp: FloatArray
    merges: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    entropy: FloatArray

    def groups(self, n_clusters: int) -> tuple[tuple[int, ...], ...]:
        """Return the components of each cluster, by the smallest component.

        Raises
        ------
        ParameterError
            If there are fewer components, or none are asked for.
        """
        k = self.resp.shape[1]
        if not 1 <= n_clusters <= k:
            message = f"`n_clusters` must lie between 1 and the number of components, {k}; got {n_clusters!r}"
            raise ParameterError(message)
        found: list[tuple[int, ...]] = [(j,) for j in range(k)]
        for one, other in self.merges[: k - n_clusters]:
            found = [group for group in found if group not in (one, other)] + [tuple(sorted(one + other))]
        return tuple(sorted(found))

    def predict_proba(self, n_clusters: int) -> FloatArray:
        """Return the probability (n, c) of each cluster for each row of the data."""
        return np.stack([self.resp[:, list(g)].sum(axis=1) for g in self.groups(n_clusters)], axis=1)

    def labels(self, n_clusters: int) -> IntArray:
        """Return the most probable cluster (n,) of each row of the data."""
        return np.asarray(self.predict_proba(n_clusters).argmax(axis=1), dtype=np.intp)

    @property
    def elbow(self) -> int:
        """The number of clusters at which two straight lines fit the entropy best.

        Lines are fitted to the entropy by number of rows merged so far, as the authors advise, and need three points
        each at least; with fewer than four components it is the number of components.
        """
        k = len(self.entropy)
        if k < 4:
            return k
        merged = np.concatenate([[0.0], np.cumsum(self._merged_rows())])
        errors = [
            _misfit(merged[: i + 1], self.entropy[: i + 1]) + _misfit(merged[i:], self.entropy[i:])
            for i in range(1, k - 1)
        ]
        return k - 1 - int(np.argmin(errors))

    def _merged_rows(self) -> FloatArray:
        return np.array([self.resp[:, [*one, *other]].sum() for one, other in self.merges])

    def __str__(self) -> str:
        from emkit.report.layout import table_text

        steps = ["", *(f"{_named(one)} with {_named(other)}" for one, other in self.merges)]
        k = len(self.entropy)
        rows = tuple((str(k - i), float(e), step) for i, (e, step) in enumerate(zip(self.entropy, steps, strict=True)))
        table = table_text(Description("Merging of components", ("clusters", "entropy", "joined"), rows))
        return f"{table}\n\nElbow: {self.elbow} clusters"


def merge_components(mixture: Any, X: Any) -> MergeTree:
    """Merge the components of a fitted mixture into clusters, by entropy.

    Parameters
    ----------
    mixture : fitted mixture
        Best chosen by BIC: with components enough for the density.
    X : array (n, d)

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("faithful").numeric()
    >>> mixture = emkit.GaussianMixture(3, covariance_type="EEE", random_state=0).fit(X)
    >>> tree = emkit.mixture.merge_components(mixture, X)
    >>> tree.groups(2)
    ((0, 2), (1,))
    """
    resp = np.asarray(mixture.predict_proba(X))
    clusters: dict[tuple[int, ...], FloatArray] = {(j,): resp[:, j] for j in range(resp.shape[1])}
    merges, entropy = [], [sum(map(_uncertainty, clusters.values()))]
    while len(clusters) > 1:
        names = list(clusters)
        pairs = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :]]
        gains = [_gain(clusters[one], clusters[other]) for one, other in pairs]
        one, other = pairs[int(np.argmax(gains))]
        joined = clusters.pop(one) + clusters.pop(other)
        clusters[tuple(sorted(one + other))] = joined
        merges.append((one, other))
        entropy.append(sum(map(_uncertainty, clusters.values())))
    return MergeTree(resp, tuple(merges), np.maximum(np.array(entropy), 0.0))


def _uncertainty(share: FloatArray) -> float:
    return float(-(share * np.log(np.where(share > 0, share, 1.0))).sum())


def _gain(one: FloatArray, other: FloatArray) -> float:
    """Return the entropy that joining two clusters takes away."""
    return _uncertainty(one) + _uncertainty(other) - _uncertainty(one + other)


def _misfit(x: FloatArray, y: FloatArray) -> float:
    """Return the residual sum of squares of a straight line."""
    if len(x) <= 2 or np.ptp(x) == 0:
        return 0.0
    line = np.polynomial.Polynomial.fit(x, y, 1)
    return float(((y - line(x)) ** 2).sum())


def _named(group: tuple[int, ...]) -> str:
    return "{" + ", ".join(str(j + 1) for j in group) + "}"
