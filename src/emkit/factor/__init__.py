"""Factor analysis: exploratory, confirmatory and probabilistic principal components, with missing entries."""

from emkit.factor.analysis import FactorAnalysis
from emkit.factor.canonical import CanonicalCorrelation, CanonicalTests
from emkit.factor.cfa import ConfirmatoryFactorAnalysis
from emkit.factor.parallel import ParallelAnalysis, parallel_analysis
from emkit.factor.polychoric import Polychoric, polychoric
from emkit.factor.ppca import ProbabilisticPCA

__all__ = [
    "CanonicalCorrelation",
    "CanonicalTests",
    "ConfirmatoryFactorAnalysis",
    "FactorAnalysis",
    "ParallelAnalysis",
    "Polychoric",
    "ProbabilisticPCA",
    "parallel_analysis",
    "polychoric",
]
