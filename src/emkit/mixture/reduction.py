"""The directions in which the components of a Gaussian mixture differ, for pictures of many features.

With B the spread of the means, E_k the deviation of a covariance from their average and S the covariance of the whole
mixture, directions v solve  (B S^-1 B + sum_k mix_k E_k S^-1 E_k) v = l S v, the largest l first: those in which means
and covariances vary most.

References
----------
Scrucca 2010, Statistics and Computing 20:471, equations 4 to 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError

__all__ = ["Directions", "reduce_dimensions"]


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions of a fitted Gaussian mixture; made by `reduce_dimensions`.

    Parameters
    ----------
    basis : array (d, m)
        Columns of length one, the most telling first.
    eigenvalues : array (m,)
    mixture : GaussianMixture
    """

    basis: FloatArray
    eigenvalues: FloatArray
    mixture: Any

    @property
    def share(self) -> FloatArray:
        """Share (m,) of what the directions tell about the components, in rising sums."""
        return np.asarray(np.cumsum(self.eigenvalues) / self.eigenvalues.sum())

    def transform(self, X: Any) -> FloatArray:
        """Return the coordinates (n, m) of rows along the directions."""
        centre = self.mixture.weights_ @ self.mixture.means_
        return np.asarray((np.asarray(X, dtype=np.float64) - centre) @ self.basis)

    def projected(self, n_directions: int = 2) -> Any:
        """Return the mixture along the first directions, a Gaussian mixture again.

        Raises
        ------
        ParameterError
            If there are fewer directions.
        """
        if not 1 <= n_directions <= self.basis.shape[1]:
            message = f"`n_directions` must lie between 1 and {self.basis.shape[1]}, got {n_directions!r}"
            raise ParameterError(message)
        axes, mixture = self.basis[:, :n_directions], self.mixture
        structure: Any = mixture.model_.family.structure
        full = structure.full(mixture.parameters_.members)
        means = self.transform(mixture.means_)[:, :n_directions]
        return type(mixture).from_parameters(mixture.weights_, means, axes.T @ full @ axes)

    def plot(self, X: Any, ax: Any = None) -> Any:
        """Draw rows and components along the first two directions (the first alone where there is one)."""
        from emkit.plot import DensityDisplay, MixtureDisplay

        n = min(2, self.basis.shape[1])
        display: Any = MixtureDisplay if n == 2 else DensityDisplay
        return display.from_estimator(self.projected(n), self.transform(X)[:, :n], ax=ax)


def reduce_dimensions(mixture: Any) -> Directions:
    """Return the directions in which the components of a fitted Gaussian mixture differ.

    Parameters
    ----------
    mixture : fitted GaussianMixture
        Of two components or more.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("iris").numeric()
    >>> mixture = emkit.GaussianMixture(3, covariance_type="VEV", random_state=0).fit(X)
    >>> emkit.mixture.reduce_dimensions(mixture).transform(X)[:, :2].shape
    (150, 2)
    """
    mix, mean = mixture.weights_, mixture.means_
    if len(mix) < 2:
        message = "one component differs from nothing; fit two or more"
        raise ParameterError(message)
    full = np.asarray(mixture.model_.family.structure.full(mixture.parameters_.members))
    within = np.tensordot(mix, full, 1)
    centred = mean - mix @ mean
    between = (centred * mix[:, None]).T @ centred
    total = within + between
    spread = np.linalg.solve(total, np.stack([between, *(full - within)]))
    kernel = between @ spread[0]
    for weight, gap, scaled in zip(mix, full - within, spread[1:], strict=True):
        kernel = kernel + weight * gap @ scaled
    values, vectors = eigh(0.5 * (kernel + kernel.T), total)
    keep = values > 1e-10 * values[-1]
    values, vectors = values[keep][::-1], vectors[:, keep][:, ::-1]
    basis = vectors / np.linalg.norm(vectors, axis=0)
    leading = np.abs(basis).argmax(axis=0)
    return Directions(basis * np.sign(basis[leading, np.arange(basis.shape[1])]), values, mixture)
