"""Distributions with weighted maximum likelihood: mixtures and hidden Markov models are made of them."""

from emkit.families.factor_analytic import FactorAnalytic
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_prior import NormalInverseWishart

__all__ = ["FactorAnalytic", "Gaussian", "NormalInverseWishart"]
