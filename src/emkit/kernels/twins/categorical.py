"""Twin of `cpp/kernels/categorical.hpp`: the same sums by array-API calls, item after item."""

from __future__ import annotations

from typing import Any

from emkit.kernels.twins._namespace import namespace, placed_as
from emkit.kernels.twins.gaussian import softmax_rows

__all__ = ["categorical_bytes", "categorical_counts", "categorical_log_joint", "categorical_moments"]

_NO_ANSWER = 255


def categorical_bytes(X: Any) -> tuple[Any, Any] | None:
    xp = namespace(X)
    missing = X != X  # noqa: PLR0124 - NaN
    inside = (X >= 0) & (X < _NO_ANSWER)
    whole = xp.where(inside, X, xp.full_like(X, _NO_ANSWER))
    codes = xp.astype(whole, xp.uint8) if hasattr(xp, "astype") else whole.astype(xp.uint8)
    if bool(xp.any(~missing & (~inside | (codes != X)))):
        return None
    seen = xp.stack([xp.any(codes == value, axis=0) for value in range(_NO_ANSWER + 1)], axis=1)
    return codes, xp.where(seen, xp.ones_like(seen, dtype=xp.uint8), xp.zeros_like(seen, dtype=xp.uint8))


def categorical_moments(codes: Any, levels: Any, weights: Any, log_mix: Any, log_prob: Any) -> tuple[float, Any, Any]:
    xp = namespace(log_prob)
    density, resp = softmax_rows(categorical_log_joint(codes, levels, log_mix, log_prob))
    if weights is not None:
        density = xp.where(weights > 0, weights * xp.where(weights > 0, density, weights), weights)
        resp = resp * weights[:, None]
    return float(xp.sum(density)), xp.sum(resp, axis=0), categorical_counts(codes, levels, resp)


def categorical_log_joint(codes: Any, levels: Any, log_mix: Any, log_prob: Any) -> Any:
    xp, first = namespace(log_prob), 0
    joint = xp.zeros((codes.shape[0], log_mix.shape[0]), **placed_as(log_prob)) + log_mix
    for j, size in enumerate(map(int, levels)):
        _check(xp, codes[:, j], size)
        for level in range(size):
            is_it = (codes[:, j] == level)[:, None]
            joint = joint + xp.where(is_it, log_prob[first + level, :][None, :], xp.zeros_like(joint))
        first += size
    return joint


def categorical_counts(codes: Any, levels: Any, resp: Any) -> Any:
    xp, parts = namespace(resp), []
    for j, size in enumerate(map(int, levels)):
        _check(xp, codes[:, j], size)
        is_level = [(codes[:, j] == level)[:, None] for level in range(size)]
        parts += [xp.sum(xp.where(is_it, resp, xp.zeros_like(resp)), axis=0) for is_it in is_level]
    return xp.stack(parts)


def _check(xp: Any, codes: Any, size: int) -> None:
    if bool(xp.any(codes > size)):
        message = "codes must be from 0 to the number of levels of their item"
        raise ValueError(message)
