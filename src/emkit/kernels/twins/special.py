"""Special functions by array-API calls, which the standard has not."""

from __future__ import annotations

import math
from typing import Any

from emkit.kernels.twins._namespace import namespace

__all__ = ["log_gamma"]

_FAR = 8  # steps of the recurrence: from here on seven terms of the series are exact to rounding
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def log_gamma(x: Any) -> Any:
    """Return log Gamma(x) for positive float64 `x`, with an error of some units in the last place of 1 or of itself.

    Small `x` are moved up by Gamma(x) = Gamma(x + 8) / (x (x + 1) ... (x + 7)); then Stirling's series.

    References
    ----------
    Abramowitz & Stegun 1964, equations 6.1.16 and 6.1.41.
    """
    xp = namespace(x)
    is_small = x < _FAR
    product = xp.ones_like(x)
    for step in range(_FAR):
        product = xp.where(is_small, product * (x + step), product)
    far = xp.where(is_small, x + _FAR, x)
    inverse = 1 / far
    square, series = inverse * inverse, xp.zeros_like(x)
    for term in reversed(_STIRLING):
        series = series * square + term
    return (far - 0.5) * xp.log(far) - far + 0.5 * math.log(2 * math.pi) + series * inverse - xp.log(product)
