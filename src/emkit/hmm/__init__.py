"""Hidden Markov models of any family."""

from emkit.hmm.any_family import HiddenMarkovModel
from emkit.hmm.chain import Chain, ChainParameters
from emkit.hmm.choice import StateChoice, choose_states
from emkit.hmm.discrete import CategoricalHMM, MultinomialHMM, PoissonHMM
from emkit.hmm.forecast import Forecast
from emkit.hmm.gaussian import GaussianHMM, StudentHMM
from emkit.hmm.mixture import GMMHMM
from emkit.hmm.model import HiddenMarkov, HiddenMarkovParameters, HiddenMarkovStatistics

__all__ = [
    "GMMHMM",
    "CategoricalHMM",
    "Chain",
    "ChainParameters",
    "Forecast",
    "GaussianHMM",
    "HiddenMarkov",
    "HiddenMarkovModel",
    "HiddenMarkovParameters",
    "HiddenMarkovStatistics",
    "MultinomialHMM",
    "PoissonHMM",
    "StateChoice",
    "StudentHMM",
    "choose_states",
]
