"""Twin of `cpp/kernels/moments.hpp`."""

from __future__ import annotations

from typing import Any

from emkit.kernels.twins._namespace import namespace

__all__ = ["given_moments", "sum_by_code", "sum_products"]


def given_moments(X: Any, resp: Any, mean: Any, is_full: bool) -> tuple[Any, Any, Any]:
    xp = namespace(mean)
    rows = xp.asarray(X, dtype=mean.dtype)
    firsts, seconds = [], []
    for k in range(mean.shape[0]):
        gap = rows - mean[k, :]
        weighted = resp[:, k : k + 1] * gap
        firsts.append(xp.sum(weighted, axis=0))
        seconds.append(weighted.T @ gap if is_full else xp.sum(weighted * gap, axis=0))
    return xp.sum(resp, axis=0), xp.stack(firsts), xp.stack(seconds)


def sum_by_code(codes: Any, resp: Any, m: int) -> Any:
    xp = namespace(resp)
    return xp.stack([xp.sum(xp.where((codes == c)[:, None], resp, xp.zeros_like(resp)), axis=0) for c in range(m)])


def sum_products(features: Any, shares: Any, left: Any, right: Any) -> Any:
    xp = namespace(features)
    rows = [
        xp.sum(features[int(a), :] * features[int(b), :] * shares, axis=1) for a, b in zip(left, right, strict=True)
    ]
    return xp.stack(rows, axis=1)
