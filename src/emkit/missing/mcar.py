"""Little's test that entries are missing completely at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from emkit.core.arrays import FloatArray
from emkit.families.normal import NormalParameters
from emkit.families.normal_patterns import CHUNK, gain
from emkit.families.patterns import PatternTable
from emkit.missing.conditional import usable_cov

__all__ = ["McarTest", "mcar_test"]


@dataclass(frozen=True)
class McarTest:
    """Little's test that entries are missing completely at random: a small `p_value` speaks against it.

    Attributes
    ----------
    statistic : float
        Sum over patterns of n_g (mean_g - mean_o)' S_oo^-1 (mean_g - mean_o).
    df : int
        Observed columns, summed over the patterns, less the number of columns.
    p_value : float
    n_patterns : int
    """

    statistic: float
    df: int
    p_value: float
    n_patterns: int


def mcar_test(parameters: NormalParameters, table: PatternTable) -> McarTest:
    """Return the test of a table of patterns at the maximum-likelihood estimates."""
    statistic = float(table.weights @ _distances(parameters, table))
    df = int(table.seen.sum()) - len(parameters.mean)
    p_value = float(chi2.sf(statistic, df)) if df > 0 else 1.0
    return McarTest(statistic, df, p_value, len(table))


def _distances(parameters: NormalParameters, table: PatternTable) -> FloatArray:
    """Return the squared Mahalanobis distance (g,) of each pattern's mean."""
    cov, each = usable_cov(parameters.cov), np.empty(len(table))
    for first in range(0, len(table), CHUNK):
        cut = slice(first, first + CHUNK)
        deviation = np.where(table.seen[cut], table.mean[cut] - parameters.mean, 0.0)
        each[cut] = np.einsum("gi,gij,gj->g", deviation, gain(cov, table.seen[cut])[0], deviation)
    return each
