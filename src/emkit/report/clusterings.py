"""Two clusterings of the same rows side by side: how far they agree, and which cluster is which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from emkit.core.arrays import Array, IntArray
from emkit.core.describe import Description
from emkit.errors import ParameterError
from emkit.report.layout import table_text

__all__ = ["ClusteringComparison", "compare_clusterings"]


@dataclass(frozen=True, eq=False)
class ClusteringComparison:
    """How two clusterings agree; made by `emkit.compare_clusterings`. Its text is the table of both.

    Parameters
    ----------
    table : array (a, b), int
        Rows by cluster of the first and cluster of the second.
    first, second : arrays (a,) and (b,)
        The clusters, as they were named.
    """

    table: IntArray
    first: Array
    second: Array

    @property
    def adjusted_rand(self) -> float:
        """Adjusted Rand index: 1 where they are the same, about 0 where they have nothing to do with one another.

        Hubert & Arabie 1985, Journal of Classification 2:193.
        """
        n = int(self.table.sum())
        together, rows, columns = (
            _pairs(self.table).sum(),
            _pairs(self.table.sum(axis=1)).sum(),
            _pairs(self.table.sum(axis=0)).sum(),
        )
        if n < 2:
            return 1.0
        expected, most = rows * columns / _pairs(np.array(n)), (rows + columns) / 2
        return 1.0 if most == expected else float((together - expected) / (most - expected))

    @property
    def matches(self) -> dict[Any, Any]:
        """The cluster of the second that stands for each of the first: one to one, as many rows alike as can be."""
        mine, theirs = linear_sum_assignment(-self.table)
        return {self.first[i].item(): self.second[j].item() for i, j in zip(mine, theirs, strict=True)}

    @property
    def agreement(self) -> float:
        """Share of rows in clusters that stand for one another; one less it, the classification error."""
        return float(self.table[linear_sum_assignment(-self.table)].sum() / self.table.sum())

    def relabelled(self, labels: Any) -> Array:
        """Return labels (n,) of the first clustering in the names of the second; -1 where a cluster has no match.

        Raises
        ------
        ParameterError
            If a label is none of the first clustering's, or the names are not numbers.
        """
        matches, given = self.matches, np.asarray(labels)
        strange = np.setdiff1d(given, self.first)
        if strange.size:
            message = f"{strange[0].item()!r} is no cluster of the first clustering, which are {self.first.tolist()}"
            raise ParameterError(message)
        if not np.issubdtype(self.second.dtype, np.number):
            found: Array = np.array([matches.get(label) for label in given.tolist()], dtype=object)
            return found
        return np.array([matches.get(label, -1) for label in given.tolist()], dtype=self.second.dtype)

    def __str__(self) -> str:
        rows = tuple((str(name), *line) for name, line in zip(self.first.tolist(), self.table.tolist(), strict=True))
        table = Description("Rows by cluster of the first and of the second", ("first", *map(str, self.second)), rows)
        pairs = ", ".join(f"{one} = {other}" for one, other in self.matches.items())
        return (
            f"{table_text(table)}\n\nAdjusted Rand index {self.adjusted_rand:.4f}; "
            f"{self.agreement:.1%} of the rows agree, with {pairs}"
        )


def compare_clusterings(first: Any, second: Any) -> ClusteringComparison:
    """Compare two clusterings of the same rows.

    Parameters
    ----------
    first, second : arrays (n,) of labels
        Numbers or strings; clusters may be named differently in each.

    Raises
    ------
    ParameterError
        If they are not of the same rows.

    Examples
    --------
    >>> import emkit
    >>> print(emkit.compare_clusterings([0, 0, 1, 1, 1], ["b", "b", "a", "a", "b"]))
    Rows by cluster of the first and of the second
      first  a  b
      0      0  2
      1      2  1
    <BLANKLINE>
    Adjusted Rand index 0.1667; 80.0% of the rows agree, with 0 = b, 1 = a
    """
    one, other = np.asarray(first), np.asarray(second)
    if one.ndim != 1 or one.shape != other.shape or one.size == 0:
        message = f"expected two arrays of labels of the same rows (n,), got shapes {one.shape} and {other.shape}"
        raise ParameterError(message)
    mine, i = np.unique(one, return_inverse=True)
    theirs, j = np.unique(other, return_inverse=True)
    table = np.zeros((len(mine), len(theirs)), dtype=np.intp)
    np.add.at(table, (i.reshape(-1), j.reshape(-1)), 1)
    return ClusteringComparison(table, mine, theirs)


def _pairs(count: Array) -> Array:
    """Return how many pairs of rows there are in each group."""
    size = np.asarray(count, dtype=np.float64)
    return size * (size - 1) / 2
