"""Missing entries given the observed ones of the same row, under a normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.data import Source
from emkit.families.normal import NormalParameters
from emkit.kernels.normal_patterns import normal_fill
from emkit.missing.bounds import within

__all__ = ["conditional_sd", "filled", "filled_rows", "usable_cov"]

_JITTER = 1e-10  # of each variance: only where rounding has left a covariance that is not positive definite


def filled(
    parameters: NormalParameters,
    source: Source,
    rng: np.random.Generator | None = None,
    limits: FloatArray | None = None,
) -> FloatArray:
    """Return the rows (n, d) with conditional means, or draws from `rng`, in place of NaN, within limits (2, d)."""
    seed = None if rng is None else rng.integers(2**63)

    def fill(block: Any) -> FloatArray:
        own = None if seed is None else np.random.default_rng([seed, block.start])  # threads change nothing
        return filled_rows(parameters, block.X, own, limits)

    return np.concatenate(source.map(fill))


def filled_rows(
    parameters: NormalParameters, X: Array, rng: np.random.Generator | None, limits: FloatArray | None = None
) -> FloatArray:
    """Return a copy of rows (n, d) with conditional means, or draws, in place of NaN, within limits (2, d)."""
    given = _given(parameters)

    def fill(rows: Array) -> FloatArray:
        noise = None if rng is None else rng.standard_normal(rows.shape)
        done: FloatArray = normal_fill(rows, noise, *given).rows
        return done

    return within(limits, X, fill(X), None if rng is None else fill)


def conditional_sd(parameters: NormalParameters, source: Source) -> FloatArray:
    """Return the conditional standard deviation (n, d) of each missing entry; 0 where observed."""
    return np.concatenate(source.map(lambda block: normal_fill(block.X, None, *_given(parameters)).sd))


def usable_cov(cov: FloatArray) -> FloatArray:
    """Return a covariance that has a Cholesky factor: its diagonal is raised a little where it has none."""
    unit = np.sqrt(np.diag(cov))
    try:
        np.linalg.cholesky(cov / np.outer(unit, unit))
    except np.linalg.LinAlgError:
        return cov + _JITTER * np.diag(np.diag(cov))
    return cov


def _given(parameters: NormalParameters) -> tuple[FloatArray, FloatArray]:
    return np.ascontiguousarray(parameters.mean), np.ascontiguousarray(usable_cov(parameters.cov))
