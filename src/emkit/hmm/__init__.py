"""Hidden Markov models of any family."""

from emkit.hmm.any_durations import HiddenSemiMarkovModel
from emkit.hmm.any_family import HiddenMarkovModel
from emkit.hmm.autoregressive import AutoregressiveHMM
from emkit.hmm.chain import Chain, ChainParameters
from emkit.hmm.choice import StateChoice, choose_states
from emkit.hmm.covariates import CovariateHMM
from emkit.hmm.discrete import CategoricalHMM, MultinomialHMM, PoissonHMM
from emkit.hmm.forecast import Forecast
from emkit.hmm.gaussian import GaussianHMM, StudentHMM
from emkit.hmm.guided import GuidedMarkov, GuidedMarkovParameters
from emkit.hmm.guided_chain import GuidedChain, GuidedChainParameters
from emkit.hmm.mixture import GMMHMM
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters, HiddenMarkovStatistics
from emkit.hmm.semi_markov import HiddenSemiMarkov, HiddenSemiMarkovParameters, HiddenSemiMarkovStatistics
from emkit.hmm.series_forecast import SeriesForecast
from emkit.hmm.switching_mean import SwitchingMean, SwitchingMeanParameters

__all__ = [
    "GMMHMM",
    "AutoregressiveHMM",
    "CategoricalHMM",
    "Chain",
    "ChainParameters",
    "CovariateHMM",
    "Forecast",
    "GaussianHMM",
    "GuidedChain",
    "GuidedChainParameters",
    "GuidedMarkov",
    "GuidedMarkovParameters",
    "HiddenMarkov",
    "HiddenMarkovModel",
    "HiddenMarkovParameters",
    "HiddenMarkovStatistics",
    "HiddenSemiMarkov",
    "HiddenSemiMarkovModel",
    "HiddenSemiMarkovParameters",
    "HiddenSemiMarkovStatistics",
    "MultinomialHMM",
    "PoissonHMM",
    "SeriesForecast",
    "StateChoice",
    "StudentHMM",
    "SwitchingMean",
    "SwitchingMeanParameters",
    "choose_states",
]
