"""Finite mixtures, k-means, and the density of one variable."""

from emkit.mixture.density import Density, density
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.kmeans import KMeans
from emkit.mixture.model import FiniteMixture, MixtureParameters, MixtureStatistics
from emkit.mixture.poisson import PoissonMixture
from emkit.mixture.student import StudentMixture

__all__ = [
    "Density",
    "FiniteMixture",
    "GaussianMixture",
    "KMeans",
    "MixtureParameters",
    "MixtureStatistics",
    "PoissonMixture",
    "StudentMixture",
    "density",
]
