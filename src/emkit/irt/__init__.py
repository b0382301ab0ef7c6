"""Item response theory: calibration of items, scores of people, information; cognitive diagnosis."""

from emkit.irt.cdm import CognitiveDiagnosis
from emkit.irt.forms import ItemTable
from emkit.irt.grids import Equispaced, GaussHermite, Grid, Points, QuasiMonteCarlo
from emkit.irt.item_response import ItemResponseModel
from emkit.irt.item_response_mixture import ItemResponseMixture
from emkit.irt.model import ItemResponse, ItemResponseParameters
from emkit.irt.priors import BetaPrior, LogitNormalPrior, LogNormalPrior, NormalPrior, Prior
from emkit.irt.responses import Responses, from_long, keyed
from emkit.irt.scores import Scores

__all__ = [
    "BetaPrior",
    "CognitiveDiagnosis",
    "Equispaced",
    "GaussHermite",
    "Grid",
    "ItemResponse",
    "ItemResponseMixture",
    "ItemResponseModel",
    "ItemResponseParameters",
    "ItemTable",
    "LogNormalPrior",
    "LogitNormalPrior",
    "NormalPrior",
    "Points",
    "Prior",
    "QuasiMonteCarlo",
    "Responses",
    "Scores",
    "from_long",
    "keyed",
]
