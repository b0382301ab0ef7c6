"""Labels from many raters: classes of items and error rates of raters, from answers alone."""

from emkit.labels.agreement import Agreement, agreement
from emkit.labels.dawid_skene import MACE, DawidSkene, OneCoin
from emkit.labels.glad import GLAD, Abilities, AbilityParameters
from emkit.labels.model import LabelParameters, LabelStatistics, ManyRaters
from emkit.labels.raters import FreeRaters, OneCoinRaters, PooledRaters, Raters, Spammers

__all__ = [
    "GLAD",
    "MACE",
    "Abilities",
    "AbilityParameters",
    "Agreement",
    "DawidSkene",
    "FreeRaters",
    "LabelParameters",
    "LabelStatistics",
    "ManyRaters",
    "OneCoin",
    "OneCoinRaters",
    "PooledRaters",
    "Raters",
    "Spammers",
    "agreement",
]
