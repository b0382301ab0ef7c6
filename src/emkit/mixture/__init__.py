"""Finite mixtures, k-means, and the density of one variable."""

from emkit.mixture.bernoulli import BernoulliMixture
from emkit.mixture.binned import BinnedMixture
from emkit.mixture.concomitant import ConcomitantMixture, ConcomitantParameters
from emkit.mixture.density import Density, density
from emkit.mixture.families import MixtureModel
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.kmeans import KMeans
from emkit.mixture.latent_class import LatentClassAnalysis
from emkit.mixture.merging import MergeTree, merge_components
from emkit.mixture.model import FiniteMixture, MixtureParameters, MixtureStatistics
from emkit.mixture.moves import split_and_merge
from emkit.mixture.poisson import PoissonMixture
from emkit.mixture.reduction import Directions, reduce_dimensions
from emkit.mixture.regression import MixtureOfRegressions
from emkit.mixture.select import select
from emkit.mixture.selection import ModelSelection
from emkit.mixture.student import StudentMixture
from emkit.mixture.validation import CrossValidation, cross_validate
from emkit.mixture.von_mises_fisher import VonMisesFisherMixture

__all__ = [
    "BernoulliMixture",
    "BinnedMixture",
    "ConcomitantMixture",
    "ConcomitantParameters",
    "CrossValidation",
    "Density",
    "Directions",
    "FiniteMixture",
    "GaussianMixture",
    "KMeans",
    "LatentClassAnalysis",
    "MergeTree",
    "MixtureModel",
    "MixtureOfRegressions",
    "MixtureParameters",
    "MixtureStatistics",
    "ModelSelection",
    "PoissonMixture",
    "StudentMixture",
    "VonMisesFisherMixture",
    "cross_validate",
    "density",
    "merge_components",
    "reduce_dimensions",
    "select",
    "split_and_merge",
]
