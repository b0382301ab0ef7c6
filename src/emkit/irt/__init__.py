"""Item response theory: calibration of items, scores of people, information; cognitive diagnosis."""

from emkit.irt.cdm import CognitiveDiagnosis
from emkit.irt.dependence import LocalDependence
from emkit.irt.dif import DifferentialFunctioning, differential_item_functioning
from emkit.irt.equating import Equating, equate
from emkit.irt.fit_items import ItemFit
from emkit.irt.fit_model import ModelFit
from emkit.irt.fit_persons import PersonFit
from emkit.irt.forms import ItemTable
from emkit.irt.grids import Equispaced, GaussHermite, Grid, Points, QuasiMonteCarlo
from emkit.irt.item_response import ItemResponseModel
from emkit.irt.item_response_mixture import ItemResponseMixture
from emkit.irt.linking import Link, link
from emkit.irt.model import ItemResponse, ItemResponseParameters
from emkit.irt.placed import Adaptive
from emkit.irt.priors import BetaPrior, LogitNormalPrior, LogNormalPrior, NormalPrior, Prior
from emkit.irt.responses import Responses, from_long, keyed
from emkit.irt.scores import Scores

__all__ = [
    "Adaptive",
    "BetaPrior",
    "CognitiveDiagnosis",
    "DifferentialFunctioning",
    "Equating",
    "Equispaced",
    "GaussHermite",
    "Grid",
    "ItemFit",
    "ItemResponse",
    "ItemResponseMixture",
    "ItemResponseModel",
    "ItemResponseParameters",
    "ItemTable",
    "Link",
    "LocalDependence",
    "LogNormalPrior",
    "LogitNormalPrior",
    "ModelFit",
    "NormalPrior",
    "PersonFit",
    "Points",
    "Prior",
    "QuasiMonteCarlo",
    "Responses",
    "Scores",
    "differential_item_functioning",
    "equate",
    "from_long",
    "keyed",
    "link",
]
