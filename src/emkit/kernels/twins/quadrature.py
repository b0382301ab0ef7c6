"""Twin of `cpp/kernels/quadrature.hpp`: the same sums by array-API calls, a tile of rows at a time."""

from __future__ import annotations

from typing import Any

from emkit.kernels.twins._namespace import namespace, placed_as
from emkit.kernels.twins.gaussian import softmax_rows

__all__ = ["quadrature_counts", "quadrature_joint", "quadrature_scatter"]

_TILE_NUMBERS = 1 << 20  # numbers in the largest temporary


def quadrature_counts(
    codes: Any, weights: Any, group: Any, table: Any, first: Any, log_prior: Any
) -> tuple[float, Any, Any]:
    xp = namespace(table)
    loglik, counts, mass = 0.0, xp.zeros_like(table), xp.zeros_like(log_prior)
    rows = max(1, _TILE_NUMBERS // (table.shape[1] + table.shape[0]))
    for start in range(0, codes.shape[0], rows):
        part = slice(start, start + rows)
        tile, own = codes[part, :], None if group is None else group[part]
        w = xp.ones(tile.shape[0], **placed_as(table)) if weights is None else weights[part]
        density, resp = softmax_rows(quadrature_joint(tile, own, table, first, log_prior))
        loglik += float(xp.sum(xp.where(w > 0, w * density, xp.zeros_like(w))))
        resp = resp * w[:, None]
        counts += quadrature_scatter(tile, resp, first)
        if own is None:
            mass[0, :] += xp.sum(resp, axis=0)
        else:
            mass += _one_hot(xp, own, mass.shape[0], table).T @ resp
    return loglik, counts, mass


def quadrature_joint(codes: Any, group: Any, table: Any, first: Any, log_prior: Any) -> Any:
    xp = namespace(table)
    prior = log_prior[:1, :] if group is None else xp.take(log_prior, group, axis=0)
    return _answers(xp, codes, first, table) @ table + prior


def quadrature_scatter(codes: Any, values: Any, first: Any) -> Any:
    xp = namespace(values)
    return _answers(xp, codes, first, values).T @ values


def _answers(xp: Any, codes: Any, first: Any, like: Any) -> Any:
    """Return a column for each category of each item, one where it is the answer (n, c)."""
    columns = [_one_hot(xp, codes[:, j], int(first[j + 1]) - int(first[j]), like) for j in range(codes.shape[1])]
    return xp.concatenate(columns, axis=1) if columns else xp.zeros((codes.shape[0], 0), **placed_as(like))


def _one_hot(xp: Any, codes: Any, size: int, like: Any) -> Any:
    levels = xp.arange(size)
    return xp.where(codes[:, None] == levels[None, :], xp.ones((), **placed_as(like)), xp.zeros((), **placed_as(like)))
