"""Gaussian members as tables for a report: means, standard deviations, correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.describe import Description

__all__ = ["gaussian_tables"]

_CORRELATED = 4  # features up to which correlations are listed; beyond, they fill pages


def gaussian_tables(
    mean: FloatArray, cov: FloatArray, names: Sequence[str] | None, member: str
) -> tuple[Description, ...]:
    """Return the tables of k members; where all share one covariance its tables have the one row "all".

    Parameters
    ----------
    mean : array (k, d)
    cov : array (k, d, d) or (k, d), of the distinct covariances: the first axis is 1 where all share one
    names : sequence of d str, or None for x1, x2, ...
    member : str
        What a member is called: "component", "state".
    """
    names = [f"x{j + 1}" for j in range(mean.shape[1])] if names is None else names
    is_dense = cov.ndim == 3
    var = np.diagonal(cov, axis1=1, axis2=2) if is_dense else np.broadcast_to(cov, (len(cov), len(names)))
    sd = np.sqrt(var)
    labels = [str(i + 1) for i in range(len(mean))]
    of_cov = labels if len(cov) == len(mean) else ["all"]
    tables = [
        _table("Means", member, labels, names, mean),
        _table("Standard deviations", member, of_cov, names, sd),
    ]
    if is_dense and 1 < len(names) <= _CORRELATED:
        i, j = (part.tolist() for part in np.triu_indices(len(names), 1))
        pairs = [f"{names[a]} ~ {names[b]}" for a, b in zip(i, j, strict=True)]
        tables.append(_table("Correlations", member, of_cov, pairs, cov[:, i, j] / (sd[:, i] * sd[:, j])))
    return tuple(tables)


def _table(title: str, member: str, labels: Sequence[str], names: Sequence[str], values: FloatArray) -> Description:
    rows = tuple((label, *row) for label, row in zip(labels, values.tolist(), strict=True))
    return Description(title, (member, *names), rows)
