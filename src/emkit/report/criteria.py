"""Information criteria: smaller is better for each."""

from __future__ import annotations

import math

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["aic", "aicc", "bic", "icl"]


def aic(loglik: float, n_free: int) -> float:
    """Return Akaike's criterion, -2 loglik + 2 n_free (Akaike 1974, IEEE Trans. Automatic Control 19:716)."""
    return -2 * loglik + 2 * n_free


def aicc(loglik: float, n_free: int, weight: float) -> float:
    """Return Akaike's criterion corrected for small samples (Hurvich & Tsai 1989, Biometrika 76:297).

    Infinite where there are no more than `n_free` + 1 rows.
    """
    room = weight - n_free - 1
    return aic(loglik, n_free) + 2 * n_free * (n_free + 1) / room if room > 0 else math.inf


def bic(loglik: float, n_free: int, weight: float) -> float:
    """Return Schwarz's criterion, -2 loglik + n_free log(weight) (Schwarz 1978, Annals of Statistics 6:461).

    Parameters
    ----------
    weight : float
        Sum of the case weights: the number of rows where there are none.
    """
    return -2 * loglik + n_free * math.log(weight)


def icl(bic: float, resp: FloatArray, weights: FloatArray | None = None) -> float:
    """Return the integrated completed likelihood, BIC plus twice the entropy of the labels.

    Parameters
    ----------
    bic : float
    resp : array (n, k)
        Probability of each component for each row.
    weights : array (n,), optional
        Case weights.

    References
    ----------
    Biernacki, Celeux & Govaert 2000, IEEE PAMI 22:719, in the scale of BIC used here.
    """
    terms = -(resp * np.log(np.where(resp > 0, resp, 1.0))).sum(axis=1)
    return bic + 2 * float(terms.sum() if weights is None else weights @ terms)
