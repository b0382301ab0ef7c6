"""Record linkage: which pairs of records are of one thing, from patterns of agreement."""

from emkit.linkage.compare import Comparison, Exact, JaroWinkler, Levenshtein, compare_pairs, count_patterns
from emkit.linkage.fellegi_sunter import FellegiSunter, share_without_blocking
from emkit.linkage.model import Linkage, LinkageStatistics
from emkit.linkage.parameters import GroupParameters, LinkageParameters

__all__ = [
    "Comparison",
    "Exact",
    "FellegiSunter",
    "GroupParameters",
    "JaroWinkler",
    "Levenshtein",
    "Linkage",
    "LinkageParameters",
    "LinkageStatistics",
    "compare_pairs",
    "count_patterns",
    "share_without_blocking",
]
