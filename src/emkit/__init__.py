"""emkit: latent-variable models fitted by expectation-maximization.

Rooms are imported when first used: `import emkit` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Anderson": "emkit.core",
    "Annealed": "emkit.core",
    "AutoregressiveHMM": "emkit.hmm",
    "BernoulliMixture": "emkit.mixture",
    "BetaPrior": "emkit.core.priors",
    "BinnedMixture": "emkit.mixture",
    "bootstrap": "emkit.inference",
    "bootstrap_lrt": "emkit.inference",
    "CanonicalCorrelation": "emkit.factor",
    "CategoricalHMM": "emkit.hmm",
    "CensoredNormal": "emkit.censored",
    "CensoredRegression": "emkit.censored",
    "Checkpoint": "emkit.core",
    "ClassificationEM": "emkit.core",
    "compare": "emkit.report",
    "compare_clusterings": "emkit.report",
    "constrained": "emkit._constrained",
    "CovariateHMM": "emkit.hmm",
    "DawidSkene": "emkit.labels",
    "Density": "emkit.mixture",
    "density": "emkit.mixture",
    "DirichletPrior": "emkit.core.priors",
    "EM": "emkit.core",
    "EMImputer": "emkit.missing",
    "FactorAnalysis": "emkit.factor",
    "FellegiSunter": "emkit.linkage",
    "Fit": "emkit.core",
    "GammaPrior": "emkit.core.priors",
    "GaussianHMM": "emkit.hmm",
    "GaussianMixture": "emkit.mixture",
    "GMMHMM": "emkit.hmm",
    "HiddenMarkovModel": "emkit.hmm",
    "HiddenSemiMarkovModel": "emkit.hmm",
    "Incremental": "emkit.core",
    "ItemResponseModel": "emkit.irt",
    "KMeans": "emkit.mixture",
    "LatentClassAnalysis": "emkit.mixture",
    "load": "emkit.io",
    "LogitNormalPrior": "emkit.core.priors",
    "LogNormalPrior": "emkit.core.priors",
    "lr_test": "emkit.inference",
    "MixedImputer": "emkit.missing",
    "MixtureModel": "emkit.mixture",
    "MixtureOfRegressions": "emkit.mixture",
    "Model": "emkit.core",
    "MultinomialHMM": "emkit.hmm",
    "MultipleImputer": "emkit.missing",
    "NormalInverseWishart": "emkit.families",
    "NormalPrior": "emkit.core.priors",
    "Online": "emkit.core",
    "Parameters": "emkit.core",
    "PoissonHMM": "emkit.hmm",
    "PoissonMixture": "emkit.mixture",
    "ProbabilisticPCA": "emkit.factor",
    "profile": "emkit.inference",
    "QuasiNewton": "emkit.core",
    "save": "emkit.io",
    "select": "emkit.mixture",
    "Squarem": "emkit.core",
    "Statistics": "emkit.core",
    "Status": "emkit.core",
    "RobbinsMonro": "emkit.core",
    "StochasticEM": "emkit.core",
    "StudentHMM": "emkit.hmm",
    "StudentMixture": "emkit.mixture",
    "Turnbull": "emkit.censored",
    "VonMisesFisherMixture": "emkit.mixture",
    "wald_test": "emkit.inference",
}
_RENAMED = {"fit": ("emkit._fit", "fit"), "load_data": ("emkit.data", "load"), "data_sets": ("emkit.data", "data_sets")}
_ROOMS = (
    "censored",
    "core",
    "data",
    "errors",
    "factor",
    "families",
    "hmm",
    "inference",
    "io",
    "irt",
    "kernels",
    "labels",
    "linkage",
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
