"""emkit: latent-variable models fitted by expectation-maximization.

Rooms are imported when first used: `import emkit` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "EM": "emkit.core",
    "BetaPrior": "emkit.core.priors",
    "DirichletPrior": "emkit.core.priors",
    "GammaPrior": "emkit.core.priors",
    "LogNormalPrior": "emkit.core.priors",
    "LogitNormalPrior": "emkit.core.priors",
    "NormalPrior": "emkit.core.priors",
    "Anderson": "emkit.core",
    "Annealed": "emkit.core",
    "ClassificationEM": "emkit.core",
    "StochasticEM": "emkit.core",
    "Checkpoint": "emkit.core",
    "Fit": "emkit.core",
    "Incremental": "emkit.core",
    "Model": "emkit.core",
    "Online": "emkit.core",
    "NormalInverseWishart": "emkit.families",
    "Parameters": "emkit.core",
    "QuasiNewton": "emkit.core",
    "Squarem": "emkit.core",
    "Statistics": "emkit.core",
    "Status": "emkit.core",
    "EMImputer": "emkit.missing",
    "MixedImputer": "emkit.missing",
    "MultipleImputer": "emkit.missing",
    "GaussianMixture": "emkit.mixture",
    "FactorAnalysis": "emkit.factor",
    "KMeans": "emkit.mixture",
    "ItemResponseModel": "emkit.irt",
    "BernoulliMixture": "emkit.mixture",
    "BinnedMixture": "emkit.mixture",
    "CanonicalCorrelation": "emkit.factor",
    "CensoredNormal": "emkit.censored",
    "CensoredRegression": "emkit.censored",
    "LatentClassAnalysis": "emkit.mixture",
    "MixtureModel": "emkit.mixture",
    "MixtureOfRegressions": "emkit.mixture",
    "PoissonMixture": "emkit.mixture",
    "ProbabilisticPCA": "emkit.factor",
    "StudentMixture": "emkit.mixture",
    "Turnbull": "emkit.censored",
    "VonMisesFisherMixture": "emkit.mixture",
    "Density": "emkit.mixture",
    "density": "emkit.mixture",
    "select": "emkit.mixture",
    "compare_clusterings": "emkit.report",
    "DawidSkene": "emkit.labels",
    "FellegiSunter": "emkit.linkage",
    "GMMHMM": "emkit.hmm",
    "AutoregressiveHMM": "emkit.hmm",
    "CategoricalHMM": "emkit.hmm",
    "CovariateHMM": "emkit.hmm",
    "GaussianHMM": "emkit.hmm",
    "HiddenMarkovModel": "emkit.hmm",
    "HiddenSemiMarkovModel": "emkit.hmm",
    "MultinomialHMM": "emkit.hmm",
    "PoissonHMM": "emkit.hmm",
    "StudentHMM": "emkit.hmm",
    "bootstrap": "emkit.inference",
    "bootstrap_lrt": "emkit.inference",
    "compare": "emkit.report",
    "constrained": "emkit._constrained",
    "lr_test": "emkit.inference",
    "profile": "emkit.inference",
    "wald_test": "emkit.inference",
    "load": "emkit.io",
    "save": "emkit.io",
}
_RENAMED = {"fit": ("emkit._fit", "fit"), "load_data": ("emkit.data", "load"), "data_sets": ("emkit.data", "data_sets")}
_ROOMS = (
    "censored",
    "core",
    "data",
    "errors",
    "families",
    "hmm",
    "inference",
    "io",
    "irt",
    "kernels",
    "labels",
    "linkage",
    "factor",
    "families",
    "io",
    "kernels",
    "missing",
    "mixture",
    "plot",
    "report",
    "testing",
)

__all__ = ["__version__", *_HOMES, *_RENAMED]  # noqa: PLE0604

if TYPE_CHECKING:
    from emkit._fit import fit as fit
    from emkit.core import EM as EM
    from emkit.core import Anderson as Anderson
    from emkit.core import Checkpoint as Checkpoint
    from emkit.core import Fit as Fit
    from emkit.core import Model as Model
    from emkit.core import Parameters as Parameters
    from emkit.core import QuasiNewton as QuasiNewton
    from emkit.core import Squarem as Squarem
    from emkit.core import Statistics as Statistics
    from emkit.core import Status as Status
    from emkit.data import data_sets as data_sets
    from emkit.families import NormalInverseWishart as NormalInverseWishart


def __getattr__(name: str) -> Any:
    if name in _RENAMED:
        room, attribute = _RENAMED[name]
    elif name in _HOMES:
        room, attribute = _HOMES[name], name
    elif name in _ROOMS:
        return importlib.import_module(f"emkit.{name}")
    else:
        message = f"module 'emkit' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(room), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
