"""Pictures: displays in the manner of scikit-learn, and `draw`, which picks one.

They need Matplotlib (`pip install emkit[plot]`), which is imported when the first is drawn, and no window.
"""

from emkit.plot.criterion import CriterionDisplay
from emkit.plot.density import DensityDisplay
from emkit.plot.draw import display_of, draw
from emkit.plot.item_fit import ItemFitDisplay
from emkit.plot.items import InformationDisplay, ItemCurvesDisplay, WrightMapDisplay
from emkit.plot.missing import ImputationDisplay, OverimputationDisplay, PatternDisplay
from emkit.plot.mixture import MixtureDisplay
from emkit.plot.pairs import PairsDisplay
from emkit.plot.raters import ConfusionDisplay
from emkit.plot.regressions import RegressionDisplay
from emkit.plot.responsibility import ResponsibilityDisplay
from emkit.plot.states import ResidualDisplay, StateDisplay, StayDisplay, TransitionDisplay
from emkit.plot.survival import SurvivalDisplay
from emkit.plot.trace import TraceDisplay
from emkit.plot.transition_graph import TransitionGraphDisplay
from emkit.plot.waterfall import WaterfallDisplay

__all__ = [
    "ConfusionDisplay",
    "CriterionDisplay",
    "DensityDisplay",
    "ImputationDisplay",
    "InformationDisplay",
    "ItemCurvesDisplay",
    "ItemFitDisplay",
    "MixtureDisplay",
    "OverimputationDisplay",
    "PairsDisplay",
    "PatternDisplay",
    "RegressionDisplay",
    "ResidualDisplay",
    "ResponsibilityDisplay",
    "StateDisplay",
    "StayDisplay",
    "SurvivalDisplay",
    "TraceDisplay",
    "TransitionDisplay",
    "TransitionGraphDisplay",
    "WaterfallDisplay",
    "WrightMapDisplay",
    "display_of",
    "draw",
]
