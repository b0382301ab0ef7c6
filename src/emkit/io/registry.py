"""The names under which classes are saved: they stay when modules move, and nothing else is ever imported.

A new model adds its classes here. Classes from outside emkit are found among those the user passes to `load`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable
from typing import Any

from emkit.errors import SavedFitError

__all__ = ["OWN", "Classes", "name_of"]

_HOMES = {
    "Fit": "emkit.core",
    "Optimum": "emkit.core",
    "StartReport": "emkit.core",
    "Status": "emkit.core",
    "Trace": "emkit.core",
    "EM": "emkit.core",
    "QuasiNewton": "emkit.core",
    "Squarem": "emkit.core",
    "Annealed": "emkit.core",
    "ClassificationEM": "emkit.core",
    "RobbinsMonro": "emkit.core",
    "StochasticEM": "emkit.core",
    "Anderson": "emkit.core",
    "Incremental": "emkit.core",
    "Online": "emkit.core",
    "Constrained": "emkit.core.constrained",
    "ConstrainedEstimator": "emkit._constrained",
    "ConstrainedParameters": "emkit.core.constrained_parameters",
    "Constraints": "emkit.core.constraints",
    "Layout": "emkit.core.layout",
    "BetaPrior": "emkit.core.priors",
    "DirichletPrior": "emkit.core.priors",
    "GammaPrior": "emkit.core.priors",
    "LogNormalPrior": "emkit.core.priors",
    "LogitNormalPrior": "emkit.core.priors",
    "NormalPrior": "emkit.core.priors",
    "Gaussian": "emkit.families.gaussian",
    "Normal": "emkit.families.normal",
    "Logistic": "emkit.missing.logistic_model",
    "LogisticParameters": "emkit.missing.logistic_model",
    "EMImputer": "emkit.missing",
    "MultipleImputer": "emkit.missing",
    "MultivariateNormal": "emkit.missing",
    "LinearRegression": "emkit.missing",
    "LogisticRegression": "emkit.missing",
    "Panel": "emkit.missing",
    "MixedImputer": "emkit.missing",
    "GeneralLocation": "emkit.missing.location",
    "LocationParameters": "emkit.missing.location",
    "Coding": "emkit.missing.coding",
    "PatternTable": "emkit.families.patterns",
    "NormalParameters": "emkit.families.normal",
    "Categorical": "emkit.families.categorical",
    "CategoricalParameters": "emkit.families.categorical",
    "ItemParameters": "emkit.families.categorical",
    "Poisson": "emkit.families.poisson",
    "PoissonParameters": "emkit.families.poisson",
    "Student": "emkit.families.student",
    "StudentParameters": "emkit.families.student",
    "StudentFixedParameters": "emkit.families.student",
    "Bernoulli": "emkit.families.bernoulli",
    "BernoulliParameters": "emkit.families.bernoulli",
    "Binomial": "emkit.families.binomial",
    "BinomialParameters": "emkit.families.binomial",
    "Multinomial": "emkit.families.multinomial",
    "MultinomialParameters": "emkit.families.multinomial",
    "Exponential": "emkit.families.exponential",
    "ExponentialParameters": "emkit.families.exponential",
    "Gamma": "emkit.families.gamma",
    "GammaParameters": "emkit.families.gamma",
    "LogNormal": "emkit.families.log_normal",
    "LogNormalParameters": "emkit.families.log_normal",
    "InverseGaussian": "emkit.families.inverse_gaussian",
    "InverseGaussianParameters": "emkit.families.inverse_gaussian",
    "Beta": "emkit.families.beta",
    "BetaParameters": "emkit.families.beta",
    "VonMises": "emkit.families.von_mises",
    "VonMisesParameters": "emkit.families.von_mises",
    "VonMisesFisher": "emkit.families.von_mises_fisher",
    "VonMisesFisherParameters": "emkit.families.von_mises_fisher",
    "NegativeBinomial": "emkit.families.negative_binomial",
    "NegativeBinomialParameters": "emkit.families.negative_binomial",
    "ZeroInflatedPoisson": "emkit.families.zero_inflated",
    "ZeroInflatedPoissonParameters": "emkit.families.zero_inflated",
    "ZeroInflatedNegativeBinomial": "emkit.families.zero_inflated",
    "ZeroInflatedNegativeBinomialParameters": "emkit.families.zero_inflated",
    "HurdlePoisson": "emkit.families.hurdle",
    "HurdlePoissonParameters": "emkit.families.hurdle",
    "HurdleNegativeBinomial": "emkit.families.hurdle",
    "HurdleNegativeBinomialParameters": "emkit.families.hurdle",
    "Weibull": "emkit.families.weibull",
    "WeibullParameters": "emkit.families.weibull",
    "Laplace": "emkit.families.laplace",
    "LaplaceParameters": "emkit.families.laplace",
    "IntervalGaussian": "emkit.families.interval",
    "IntervalLogNormal": "emkit.families.interval",
    "IntervalExponential": "emkit.families.interval_times",
    "IntervalGamma": "emkit.families.interval_times",
    "IntervalWeibull": "emkit.families.interval_times",
    "IntervalPoisson": "emkit.families.interval",
    "SkewNormal": "emkit.families.skew",
    "SkewNormalParameters": "emkit.families.skew",
    "SkewT": "emkit.families.skew",
    "SkewTParameters": "emkit.families.skew",
    "WithNoise": "emkit.families.noise",
    "GaussianNoise": "emkit.families.gaussian_noise",
    "NoisyMixture": "emkit.mixture.noise",
    "NoiseParameters": "emkit.families.noise",
    "RealPart": "emkit.families.density",
    "PositivePart": "emkit.families.density",
    "NonNegativePart": "emkit.families.density",
    "ProbabilityPart": "emkit.families.density",
    "SimplexPart": "emkit.families.density",
    "MatrixPart": "emkit.families.density",
    "DensityParameters": "emkit.families.density",
    "Contaminated": "emkit.families.contaminated",
    "ContaminatedParameters": "emkit.families.contaminated",
    "Product": "emkit.families.product",
    "ProductParameters": "emkit.families.product",
    "NormalInverseWishart": "emkit.families.gaussian_prior",
    "Dense": "emkit.families.covariance",
    "DenseParameters": "emkit.families.covariance",
    "Diagonal": "emkit.families.covariance",
    "DiagonalParameters": "emkit.families.covariance",
    "DenseForm": "emkit.families.covariance_base",
    "DenseRecord": "emkit.families.covariance_base",
    "DiagonalForm": "emkit.families.covariance_base",
    "DiagonalRecord": "emkit.families.covariance_base",
    "FactorAnalytic": "emkit.families.factor_analytic",
    "FactorAnalyticParameters": "emkit.families.factor_analytic",
    "ScaledDiagonal": "emkit.families.parsimonious",
    "ScaledDiagonalParameters": "emkit.families.parsimonious",
    "Scaled": "emkit.families.parsimonious",
    "ScaledParameters": "emkit.families.parsimonious",
    "Axes": "emkit.families.parsimonious",
    "AxesParameters": "emkit.families.parsimonious",
    "Canonical": "emkit.factor.canonical_model",
    "CanonicalParameters": "emkit.factor.canonical_model",
    "CanonicalCorrelation": "emkit.factor",
    "CensoredNormal": "emkit.censored",
    "CensoredRegression": "emkit.censored",
    "ConvexMinorant": "emkit.censored.icm",
    "LinearCensored": "emkit.censored.regression_model",
    "LineParameters": "emkit.censored.regression_model",
    "OriginParameters": "emkit.censored.regression_model",
    "Turnbull": "emkit.censored",
    "IntervalMasses": "emkit.censored.turnbull_model",
    "MassParameters": "emkit.censored.turnbull_model",
    "FactorAnalysis": "emkit.factor",
    "ConfirmatoryFactorAnalysis": "emkit.factor",
    "ProbabilisticPCA": "emkit.factor",
    "FactorModel": "emkit.factor.model",
    "LowRank": "emkit.factor.low_rank",
    "Exploratory": "emkit.factor.structure",
    "Isotropic": "emkit.factor.structure",
    "Confirmatory": "emkit.factor.structure",
    "FactorParameters": "emkit.factor.structure",
    "CorrelatedFactorParameters": "emkit.factor.structure",
    "ScaledFactorParameters": "emkit.factor.structure",
    "FitIndices": "emkit.factor.indices",
    "CrawfordFerguson": "emkit.factor.rotation",
    "Oblimin": "emkit.factor.rotation",
    "Geomin": "emkit.factor.rotation",
    "Promax": "emkit.factor.rotation",
    "Target": "emkit.factor.rotation",
    "FiniteMixture": "emkit.mixture",
    "MixtureParameters": "emkit.mixture",
    "GaussianMixture": "emkit.mixture",
    "BernoulliMixture": "emkit.mixture",
    "BinnedMixture": "emkit.mixture",
    "LatentClassAnalysis": "emkit.mixture",
    "MixtureModel": "emkit.mixture",
    "MixtureOfRegressions": "emkit.mixture",
    "ConcomitantMixture": "emkit.mixture",
    "ConcomitantParameters": "emkit.mixture",
    "Covariates": "emkit.mixture._covariates",
    "KnownMixture": "emkit.mixture.known",
    "Assigning": "emkit.mixture.assigning",
    "Hardest": "emkit.core.assignments",
    "Tempered": "emkit.core.assignments",
    "Drawn": "emkit.core.assignments",
    "ThreeStep": "emkit.mixture._three_step",
    "Distal": "emkit.mixture._three_step",
    "KnownErrors": "emkit.mixture._three_step",
    "ErrorParameters": "emkit.mixture._three_step",
    "GivenMemberships": "emkit.mixture._three_step",
    "GateParameters": "emkit.mixture._three_step",
    "RegressionDoor": "emkit.mixture._regression_door",
    "Basis": "emkit.families.basis",
    "Effects": "emkit.families.effects",
    "EffectParameters": "emkit.families.effects",
    "Regressions": "emkit.families.regression",
    "RegressionMembers": "emkit.families.regression",
    "GaussianResponse": "emkit.families.responses",
    "PoissonResponse": "emkit.families.responses",
    "BinomialResponse": "emkit.families.responses",
    "PoissonMixture": "emkit.mixture",
    "StudentMixture": "emkit.mixture",
    "VonMisesFisherMixture": "emkit.mixture",
    "KMeans": "emkit.mixture",
    "KMeansModel": "emkit.mixture._kmeans_model",
    "KMeansParameters": "emkit.mixture._kmeans_model",
    "Nested": "emkit.families.nested",
    "NestedParameters": "emkit.families.nested",
    "NestedApart": "emkit.families.nested_apart",
    "NestedApartParameters": "emkit.families.nested_apart",
    "HiddenMarkov": "emkit.hmm",
    "HiddenMarkovParameters": "emkit.hmm",
    "Chain": "emkit.hmm.chain",
    "ChainParameters": "emkit.hmm.chain",
    "FreeStart": "emkit.hmm.chain",
    "GivenStart": "emkit.hmm.chain",
    "StationaryStart": "emkit.hmm.chain",
    "FreeMoves": "emkit.hmm.chain",
    "PartlyFixedMoves": "emkit.hmm.chain",
    "HiddenMarkovModel": "emkit.hmm",
    "HiddenSemiMarkov": "emkit.hmm",
    "CovariateHMM": "emkit.hmm",
    "GuidedMarkov": "emkit.hmm",
    "GuidedMarkovParameters": "emkit.hmm",
    "GuidedChain": "emkit.hmm",
    "GuidedChainParameters": "emkit.hmm",
    "GuidedStart": "emkit.hmm.guided_chain",
    "LongRunStart": "emkit.hmm.guided_chain",
    "AutoregressiveHMM": "emkit.hmm",
    "SwitchingMean": "emkit.hmm",
    "SwitchingMeanParameters": "emkit.hmm",
    "HiddenSemiMarkovModel": "emkit.hmm",
    "HiddenSemiMarkovParameters": "emkit.hmm",
    "FreeDurations": "emkit.hmm.durations",
    "PoissonDurations": "emkit.hmm.durations",
    "NegativeBinomialDurations": "emkit.hmm.durations",
    "GammaDurations": "emkit.hmm.durations",
    "GaussianHMM": "emkit.hmm",
    "GMMHMM": "emkit.hmm",
    "CategoricalHMM": "emkit.hmm",
    "PoissonHMM": "emkit.hmm",
    "MultinomialHMM": "emkit.hmm",
    "StudentHMM": "emkit.hmm",
    "DawidSkene": "emkit.labels",
    "FellegiSunter": "emkit.linkage",
    "CognitiveDiagnosis": "emkit.irt.cdm",
    "Diagnosis": "emkit.irt.cdm",
    "DiagnosisParameters": "emkit.irt.cdm",
    "Linkage": "emkit.linkage.model",
    "LinkageParameters": "emkit.linkage.parameters",
    "FixedShareParameters": "emkit.linkage.parameters",
    "GroupParameters": "emkit.linkage.parameters",
    "FixedMatchParameters": "emkit.linkage.parameters",
    "FixedOthersParameters": "emkit.linkage.parameters",
    "KnownGroupParameters": "emkit.linkage.parameters",
    "GLAD": "emkit.labels",
    "Abilities": "emkit.labels",
    "AbilityParameters": "emkit.labels",
    "OneCoin": "emkit.labels",
    "MACE": "emkit.labels",
    "ManyRaters": "emkit.labels.model",
    "LabelParameters": "emkit.labels.model",
    "FreeRaters": "emkit.labels.raters",
    "FreeParameters": "emkit.labels.raters",
    "PooledRaters": "emkit.labels.raters",
    "PooledParameters": "emkit.labels.raters",
    "OneCoinRaters": "emkit.labels.raters",
    "OneCoinParameters": "emkit.labels.raters",
    "Spammers": "emkit.labels.raters",
    "SpammerParameters": "emkit.labels.raters",
    "ItemResponseModel": "emkit.irt",
    "ItemResponse": "emkit.irt",
    "ItemResponseParameters": "emkit.irt",
    "ItemTable": "emkit.irt",
    "Responses": "emkit.irt",
    "Equispaced": "emkit.irt",
    "GaussHermite": "emkit.irt",
    "Points": "emkit.irt",
    "ItemResponseMixture": "emkit.irt",
    "ItemResponseClasses": "emkit.irt.mixture",
    "ItemResponseClassesParameters": "emkit.irt.mixture",
    "QuasiMonteCarlo": "emkit.irt",
    "ItemRun": "emkit.irt.items",
    "GroupLayout": "emkit.irt.groups",
    "Davidian": "emkit.irt.davidian",
    "DavidianParameters": "emkit.irt.davidian",
    "Adaptive": "emkit.irt",
    "Placing": "emkit.irt.placed",
    "ImputedItemResponse": "emkit.irt.imputed",
    "FactorNormal": "emkit.irt.factors",
    "FactorNormalParameters": "emkit.irt.factors",
    "Spread": "emkit.irt.factors",
    "BifactorNormal": "emkit.irt.latent",
    "StandardNormal": "emkit.irt.latent",
    "NoParameters": "emkit.irt.latent",
    "FreeNormal": "emkit.irt.latent",
    "FreeNormalParameters": "emkit.irt.latent",
    "Regression": "emkit.irt.regression",
    "RegressionParameters": "emkit.irt.regression",
    "CovariateLayout": "emkit.irt.covariates",
    "Histogram": "emkit.irt.latent",
    "HistogramParameters": "emkit.irt.latent",
    "PartialCredit": "emkit.irt.curves.credit",
    "NominalResponse": "emkit.irt.curves.credit",
    "NominalFactors": "emkit.irt.curves.credit",
    "ScoredParameters": "emkit.irt.curves.credit",
    "RatingScale": "emkit.irt.curves.credit",
    "InterceptParameters": "emkit.irt.curves.credit",
    "RatingParameters": "emkit.irt.curves.credit",
    "Guessing": "emkit.irt.curves.asymptotes",
    "Slipping": "emkit.irt.curves.asymptotes",
    "FourParameters": "emkit.irt.curves.asymptotes",
    "GuessParameters": "emkit.irt.curves.asymptotes",
    "SlipParameters": "emkit.irt.curves.asymptotes",
    "AsymptoteParameters": "emkit.irt.curves.asymptotes",
    "Graded": "emkit.irt.curves.steps",
    "GradedRating": "emkit.irt.curves.steps",
    "Sequential": "emkit.irt.curves.steps",
    "GradedParameters": "emkit.irt.curves.steps",
    "GradedRatingParameters": "emkit.irt.curves.steps",
    "Slopes": "emkit.irt.curves.base",
    "Density": "emkit.mixture",
    "Selection": "emkit.mixture.density_choice",
    "Candidate": "emkit.mixture.density_choice",
    "ModelSelection": "emkit.mixture.selection",
    "Cell": "emkit.mixture.selection",
}

UNSAVED = {
    "ContinuedMarkov": "lasts for one batch of a stream: save the estimator that follows it",
    "DensityFamily": "is made of functions of yours, which no file holds: keep `fit_.parameters` by hand",
}
"""Classes that are never saved, and why."""


def name_of(cls: type) -> tuple[str, str]:
    """Return the name under which a class is saved, and its home: empty for emkit's own, else the module."""
    home = _HOMES.get(cls.__name__)
    if home is not None and getattr(importlib.import_module(home), cls.__name__, None) is cls:
        return cls.__name__, ""
    if cls.__name__ in UNSAVED:
        message = f"a {cls.__name__} {UNSAVED[cls.__name__]}"
        raise SavedFitError(message)
    if cls.__module__.split(".")[0] == "emkit":
        message = f"{cls.__module__}.{cls.__qualname__} has no name in emkit.io.registry, so it cannot be saved"
        raise SavedFitError(message)
    return cls.__name__, cls.__module__


class _OwnNames:
    """How the writer of a tree names classes in a saved fit."""

    inline_bytes = -1
    keeps_transient = False

    def name_of(self, cls: type) -> tuple[str, str]:
        return name_of(cls)

    def keeps_state(self, value: Any) -> bool:
        """Return False: a callback, a generator, an open source is of use to a fit, not to its result."""
        return False


OWN = _OwnNames()


class Classes:
    """The classes a file may be made of: emkit's own, those given, and those beside the given in their
    modules."""

    def __init__(self, given: Iterable[type]) -> None:
        self._given = {cls.__name__: cls for cls in given}

    def find(self, name: str, home: str) -> Any:
        """Return a class by saved name.

        Raises
        ------
        SavedFitError
            If there is none; it says what to pass to `load`.
        """
        if not home:
            return self._own(name)
        if name in self._given:
            return self._given[name]
        for cls in self._given.values():
            beside = getattr(sys.modules.get(cls.__module__), name, None)
            if inspect.isclass(beside):
                return beside
        message = (
            f"the file holds a {name!r} (from the module {home!r}), which is not part of emkit: import that "
            f"class and pass it, as in emkit.load(path, models=[{name}])"
        )
        raise SavedFitError(message)

    def _own(self, name: str) -> Any:
        if name not in _HOMES:
            message = f"the file holds a {name!r}, which this version of emkit does not know: update emkit"
            raise SavedFitError(message)
        return getattr(importlib.import_module(_HOMES[name]), name)
