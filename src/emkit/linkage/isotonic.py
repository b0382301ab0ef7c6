"""The nearest probabilities that rise: isotonic regression by pooling adjacent violators."""

from __future__ import annotations

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["rising"]


def rising(prob: FloatArray) -> FloatArray:
    """Return the maximum likelihood probabilities (l,) among those that do not fall, given the free ones.

    For a multinomial it is the isotonic regression with equal weights (Robertson, Wright & Dykstra 1988, *Order
    Restricted Statistical Inference*, section 1.5).
    """
    blocks: list[tuple[float, int]] = []
    for value in prob.tolist():
        mean, size = value, 1
        while blocks and blocks[-1][0] > mean:
            other, count = blocks.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        blocks.append((mean, size))
    return np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])
