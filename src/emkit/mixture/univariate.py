"""Mixtures of normal distributions of one variable: density, distribution function, its inverse, modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["NormalMixture"]

_MAX_STEPS = 200  # bisection alone needs about 60
_GRID = np.linspace(-9, 9, 289)  # standard deviations; farther off a spike cannot turn the slope of a broad hump


@dataclass(frozen=True)
class NormalMixture:
    """Weights, means and standard deviations (k,).

    Functions take arrays of any shape and return the same shape.
    """

    mix: FloatArray
    mean: FloatArray
    sd: FloatArray

    def log_joint(self, x: FloatArray) -> FloatArray:
        """Return log mix_k + log f_k(x), shape (..., k)."""
        z = (x[..., None] - self.mean) / self.sd
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.mix) - np.log(self.sd) - 0.5 * np.log(2 * np.pi) - 0.5 * z * z)

    def pdf(self, x: FloatArray) -> FloatArray:
        """Return the density."""
        return np.asarray(np.exp(self.log_joint(x)).sum(axis=-1))

    def cdf(self, x: FloatArray) -> FloatArray:
        """Return the probability of smaller or equal values."""
        below = ndtr((x[..., None] - self.mean) / self.sd) @ self.mix
        return np.asarray(np.minimum(below, 1.0))  # weights add up to one but for rounding

    def quantile(self, p: FloatArray) -> FloatArray:
        """Return the value below which the share `p` lies; -inf and inf at 0 and 1.

        Raises
        ------
        ParameterError
            If a share is not between 0 and 1.

        Notes
        -----
        The quantile lies between the smallest and the largest of the components' own, which brackets it exactly. Newton
        steps on the logarithm of the distribution function, replaced by bisection where they leave the bracket; the
        upper half is mirrored, so that both tails are exact.
        """
        bad = ~((p >= 0) & (p <= 1))
        if bad.any():
            message = f"a share must be between 0 and 1, got {p[bad].ravel()[0]!r}"
            raise ParameterError(message)
        flat = p.ravel()
        found = np.where(flat == 0, -np.inf, np.inf)
        lower, upper = (flat > 0) & (flat <= 0.5), (flat > 0.5) & (flat < 1)
        found[lower] = self._lower_quantile(flat[lower])
        found[upper] = -self._mirrored()._lower_quantile(1 - flat[upper])
        order = np.argsort(flat, kind="stable")
        found[order] = np.maximum.accumulate(found[order])  # rounding must not turn the order of near-equal shares
        return np.asarray(found.reshape(p.shape))

    def _mirrored(self) -> NormalMixture:
        return NormalMixture(self.mix, -self.mean, self.sd)

    def _lower_quantile(self, p: FloatArray) -> FloatArray:
        own = self.mean + self.sd * ndtri(p)[:, None]
        used = self.mix > 0
        low, high = own[:, used].min(axis=1), own[:, used].max(axis=1)
        x = np.clip(own @ self.mix, low, high)
        for _ in range(_MAX_STEPS):
            below, slope = self.cdf(x), self.pdf(x)
            low, high = np.where(below <= p, x, low), np.where(below >= p, x, high)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                newton = x - np.log(below / p) * below / slope
            inside = (newton > low) & (newton < high)
            following = np.where(inside, newton, 0.5 * (low + high))
            is_done = np.abs(following - x) <= 2 * np.spacing(np.maximum(np.abs(x), np.abs(low - x)))
            x = following
            if is_done.all():
                break
        return np.asarray(x)

    def _slope(self, x: FloatArray) -> FloatArray:
        """Return the derivative of the log-density, which does not underflow between far components."""
        joint = self.log_joint(x)
        resp = np.exp(joint - joint.max(axis=-1, keepdims=True))
        pull = resp * (self.mean - x[..., None]) / self.sd**2
        return np.asarray(pull.sum(axis=-1) / resp.sum(axis=-1))

    def modes(self) -> FloatArray:
        """Return all local maxima of the density, from left to right.

        Notes
        -----
        The derivative changes its sign on the scale of a near component's standard deviation, and maxima lie between
        the smallest and the largest mean: a grid of a sixteenth of each about each mean brackets every maximum, and
        bisection finds it to the last digit. There are at most k (Carreira-Perpinan & Williams 2003).
        """
        grid = np.unique(self.mean[:, None] + self.sd[:, None] * _GRID)
        sign = np.sign(self._slope(grid))
        grid, sign = grid[sign != 0], sign[sign != 0]
        top = np.flatnonzero((sign[:-1] > 0) & (sign[1:] < 0))
        low, high = grid[top], grid[top + 1]
        for _ in range(_MAX_STEPS):
            middle = 0.5 * (low + high)
            if ((middle <= low) | (middle >= high)).all():
                break
            rises = self._slope(middle) > 0
            low, high = np.where(rises, middle, low), np.where(rises, high, middle)
        return np.asarray(0.5 * (low + high))
