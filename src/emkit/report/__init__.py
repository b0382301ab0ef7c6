"""Reports: a fit in words and tables for people, in dictionaries and frames for programs.

A model says how its parameters read by one optional method,

    describe(parameters, feature_names) -> tuple[Description, ...]

where `feature_names` is a tuple of strings, or None where the data had none, and a `Description` (from
`emkit.core`) is one table: a title, a header with a name for each column, and rows of words and numbers whose
first cell names the row. A table may be of any width: reports break it. A model without `describe` is shown
array by array.
"""

from emkit.core.describe import Description
from emkit.report.clusterings import ClusteringComparison, compare_clusterings
from emkit.report.compare import Comparison, compare
from emkit.report.criteria import aic, aicc, bic, icl
from emkit.report.facts import to_dict, to_frame
from emkit.report.progress import ProgressBar
from emkit.report.summary import summary

__all__ = [
    "ClusteringComparison",
    "Comparison",
    "Description",
    "ProgressBar",
    "aic",
    "aicc",
    "bic",
    "compare",
    "compare_clusterings",
    "icl",
    "summary",
    "to_dict",
    "to_frame",
]
