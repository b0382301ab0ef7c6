"""All laws that need nothing but a model and data, one after another."""

from __future__ import annotations

from typing import Any

from emkit.core import Model
from emkit.testing import elsewhere, laws, special, whole

__all__ = ["check_model"]


def check_model(model: Model, X: Any, *, seed: int = 0) -> None:
    """Check every law that needs no more than a model and its data; raise `LawBroken` at the first broken one.

    Parameters
    ----------
    model : Model
    X : array (n, d)
        Data that the model fits; a few hundred rows will do.
    """
    whole.check_spaces(model, X, seed=seed)
    laws.check_statistics_add(model, X, seed=seed)
    laws.check_monotone(model, X, seed=seed)
    laws.check_score(model, X, seed=seed)
    laws.check_weights(model, X, seed=seed)
    laws.check_zero_weight(model, X, seed=seed)
    laws.check_row_order(model, X, seed=seed)
    laws.check_blocks_and_threads(model, X, seed=seed)
    laws.check_canonical(model, X, seed=seed)
    laws.check_float32(model, X, seed=seed)
    laws.check_reported(model, X, seed=seed)
    laws.check_fixed_point(model, X, seed=seed)
    whole.check_stationary(model, X, seed=seed)
    whole.check_information(model, X, seed=seed)
    laws.check_solvers_agree(model, X, seed=seed)
    whole.check_reproducible(model, X, seed=seed)
    whole.check_threads(model, X, seed=seed)
    whole.check_absence(model, X, seed=seed)
    special.check_save_and_load(model, X, seed=seed)
    elsewhere.check_resumes(model, X, seed=seed)
    elsewhere.check_streams(model, X, seed=seed)
    elsewhere.check_partial(model, X, seed=seed)
