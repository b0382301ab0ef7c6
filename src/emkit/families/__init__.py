"""Distributions with weighted maximum likelihood: mixtures and hidden Markov models are made of them.

Families are imported when first used; `family_named` makes them by name.
"""

from __future__ import annotations

import importlib
from typing import Any

from emkit.families.factor_analytic import FactorAnalytic
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_prior import NormalInverseWishart

_HOMES = {
    "Bernoulli": "bernoulli",
    "Beta": "beta",
    "Binomial": "binomial",
    "BinomialResponse": "responses",
    "Categorical": "categorical",
    "Contaminated": "contaminated",
    "DensityFamily": "density",
    "Exponential": "exponential",
    "FAMILY_NAMES": "names",
    "Gamma": "gamma",
    "GaussianResponse": "responses",
    "HurdleNegativeBinomial": "hurdle",
    "HurdlePoisson": "hurdle",
    "InverseGaussian": "inverse_gaussian",
    "Laplace": "laplace",
    "LogNormal": "log_normal",
    "Multinomial": "multinomial",
    "NegativeBinomial": "negative_binomial",
    "Poisson": "poisson",
    "PoissonResponse": "responses",
    "Product": "product",
    "Regressions": "regression",
    "SkewNormal": "skew",
    "SkewT": "skew",
    "Student": "student",
    "VonMises": "von_mises",
    "VonMisesFisher": "von_mises_fisher",
    "Weibull": "weibull",
    "WithNoise": "noise",
    "ZeroInflatedNegativeBinomial": "zero_inflated",
    "ZeroInflatedPoisson": "zero_inflated",
    "family_named": "names",
}

__all__ = ["FactorAnalytic", "Gaussian", "NormalInverseWishart", *_HOMES]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module 'emkit.families' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(f"emkit.families.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
