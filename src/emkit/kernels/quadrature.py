"""Expected counts of answers at quadrature nodes: the E-step of item response models.

Shapes throughout: `codes` (n, j) uint8, where a code the item does not have is a missing answer; `weights` (n,)
float64, not negative, or None; `group` (n,) int32, the row of `log_prior` that holds for each row, or None for the
first; `table` (c, q) float64, log-probabilities of all categories of all items at q nodes; `first` (j + 1,) int32:
category l of item i is row first[i] + l of the table; `log_prior` (g, q) float64. All C-contiguous. The log joint of
row i and node q is

    log_prior[group_i, q] + sum_j table[first_j + codes_ij, q].
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.twins import quadrature as twin

__all__ = ["Counts", "quadrature_counts", "quadrature_joint", "quadrature_scatter"]

_code: Any = twin if native is None else native


class Counts(NamedTuple):
    """What the E-step gives: sums over rows, weighted by case weight and posterior of the node."""

    loglik: float
    counts: Any  # (c, q): expected rows with each answer at each node
    mass: Any  # (g, q): expected rows of each group at each node


def quadrature_counts(codes: Any, weights: Any, group: Any, table: Any, first: Any, log_prior: Any) -> Counts:
    """Return log-likelihood, expected counts and mass. Cost n j q additions twice, and n q exponentials."""
    return Counts(*_code.quadrature_counts(codes, weights, group, table, first, log_prior))


def quadrature_joint(codes: Any, group: Any, table: Any, first: Any, log_prior: Any) -> Any:
    """Return the log joint (n, q) of answers and nodes."""
    return _code.quadrature_joint(codes, group, table, first, log_prior)


def quadrature_scatter(codes: Any, values: Any, first: Any) -> Any:
    """Return sums (c, q) of `values` (n, q) over the rows with each answer."""
    return _code.quadrature_scatter(codes, values, first)
