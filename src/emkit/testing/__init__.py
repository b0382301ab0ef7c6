"""The laws every model obeys, as functions to run on a model of your own.

    from emkit.testing import check_model
    check_model(Abo(), counts)

Each law takes a model and its data and raises `LawBroken`, an AssertionError that names the law and the numbers.
"""

from emkit.testing.elsewhere import check_partial, check_resumes, check_streams
from emkit.testing.laws import (
    LawBroken,
    check_blocks_and_threads,
    check_canonical,
    check_fixed_point,
    check_float32,
    check_monotone,
    check_reported,
    check_row_order,
    check_score,
    check_solvers_agree,
    check_statistics_add,
    check_weights,
    check_zero_weight,
)
from emkit.testing.special import (
    check_brute_force,
    check_constant_column,
    check_recovery,
    check_save_and_load,
    check_shift_and_scale,
)
from emkit.testing.suite import check_model
from emkit.testing.whole import (
    check_absence,
    check_information,
    check_reproducible,
    check_spaces,
    check_stationary,
    check_threads,
)

__all__ = [
    "LawBroken",
    "check_absence",
    "check_blocks_and_threads",
    "check_brute_force",
    "check_canonical",
    "check_constant_column",
    "check_fixed_point",
    "check_float32",
    "check_information",
    "check_model",
    "check_monotone",
    "check_partial",
    "check_recovery",
    "check_reported",
    "check_reproducible",
    "check_resumes",
    "check_row_order",
    "check_save_and_load",
    "check_score",
    "check_shift_and_scale",
    "check_solvers_agree",
    "check_spaces",
    "check_stationary",
    "check_statistics_add",
    "check_streams",
    "check_threads",
    "check_weights",
    "check_zero_weight",
]
