"""What estimators share whose mixing proportions may depend on covariates by a multinomial logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from emkit.core import Fit
from emkit.core.arrays import Array, FloatArray
from emkit.data import MemorySource, Source, as_source
from emkit.errors import DataError, ParameterError
from emkit.families.base import Family
from emkit.families.logit import log_proportions
from emkit.mixture._asked import Asked
from emkit.mixture._base import MixtureEstimator
from emkit.mixture._covariates import Covariates, as_columns
from emkit.mixture._effects_table import Coefficients, membership_table
from emkit.mixture._gated_start import gated_start
from emkit.mixture.concomitant import ConcomitantMixture
from emkit.mixture.model import FiniteMixture

__all__ = ["GatedMixture"]


class GatedMixture(MixtureEstimator):
    """Base of the estimators; rows carry the covariates behind the columns that the family describes.

    `picked_` names the columns of the table that are covariates, `covariates_` says how they are coded.
    """

    _gate_role: ClassVar[str] = "concomitant"  # the argument that covariates come as
    _shares_word: ClassVar[str] = "mixing proportions"
    picked_: tuple[str, ...]
    covariates_: Covariates
    log_odds_: FloatArray | None
    terms_: tuple[str, ...]

    # --- the door ---

    def _learn_gate(self, asked: Asked, columns: dict[str, Array]) -> None:
        """Remember which covariates there are, and how they are coded."""
        self.picked_, self.covariates_ = asked.picked, Covariates.of(columns)

    def _with_gate(self, source: Source, columns: dict[str, Array]) -> Source:
        """Return a source with the covariates behind its columns; as it is where there are none."""
        layout = self.covariates_
        if layout.names and not columns:
            message = f"the {self._shares_word} depend on {', '.join(layout.names)}: give them as `{self._gate_role}`"
            raise DataError(message)
        if not layout.names:
            return source
        source = source.on_host()
        if not isinstance(source, MemorySource):
            message = f"`{self._gate_role}` needs the rows in memory: pass them as an array or a data frame"
            raise DataError(message)
        blocks = list(source.blocks())
        X = np.concatenate([np.asarray(block.X, dtype=np.float64) for block in blocks])
        names = source.feature_names
        return as_source(
            np.column_stack([X, layout.rows(columns, len(X))]),
            np.concatenate([block.weights for block in blocks]) if source.is_weighted else None,
            feature_names=None if names is None else (*names, *layout.labels),
            n_threads=source.n_threads,
            allow_missing_columns=True,
        ).answering_like(source.kind)

    @property
    def _is_gated(self) -> bool:
        """Whether the fitted proportions depend on covariates."""
        return getattr(self, "log_odds_", None) is not None

    # --- the fit ---

    def _described(self, model: FiniteMixture, names: Sequence[str] | None) -> Family:
        """Return the family of a model with what was learned of columns of these names, such as their levels."""
        return model.family

    def _maximised(self, model: FiniteMixture, source: Source) -> Fit:
        d = source.n_features - len(self.covariates_.labels)
        own, gate = tuple(range(d)), tuple(range(d, source.n_features))
        if gate and model.n_components == 1:
            source, gate = ConcomitantMixture(columns=own).own_source(source), ()
        names = source.feature_names
        family = self._described(model, None if names is None else names[:d])
        if not gate:
            return super()._maximised(replace(model, family=family), source)
        if model.concentration != 1:
            message = f"`weight_concentration` is of {self._shares_word} that do not depend on covariates"
            raise ParameterError(message)
        return super()._maximised(ConcomitantMixture(family, model.n_components, gate, own), source)

    def _start(self, model: Any, source: Source) -> Any:
        if self.start is None or isinstance(model, FiniteMixture):
            return super()._start(model, source)
        return gated_start(self.start, model, source)

    def _adopt_gate(self, parameters: Any) -> None:
        """Show the log odds of fitted parameters, or that there are none."""
        self.log_odds_ = getattr(parameters, "gating", None)
        self.terms_ = ("intercept", *self.covariates_.labels) if self.log_odds_ is not None else ()

    def _mean_shares(self, source: Source) -> FloatArray:
        """Return the mean (k,) over the rows of proportions that depend on covariates."""
        model, parameters = self.model_, self.parameters_
        parts = source.map(lambda block: block.weights @ np.exp(model.log_mix(parameters, block.X)))
        return np.asarray(np.sum(parts, axis=0) / source.total_weight)

    # --- answers ---

    def _shares_at(self, covariates: Any) -> FloatArray:
        """Return the proportions (n, k) at covariates (n, q)."""
        self._check_fitted()
        if self.log_odds_ is None:
            message = f"the {self._shares_word} of this fit do not depend on covariates"
            raise ParameterError(message)
        columns = as_columns(covariates, "w", f"`{self._gate_role}`")[0]
        rows = self.covariates_.rows(columns, len(next(iter(columns.values()))))
        log_mix = log_proportions(self.log_odds_, np.column_stack([np.ones(len(rows)), rows]))
        return np.asarray(np.exp(log_mix))

    def coefficients(self, *, kind: Literal["observed", "scores", "robust"] = "observed") -> Coefficients:
        """Return the table of log odds with standard errors, z and p; `kind` as for `standard_errors`.

        poLCA's standard errors are those of `kind="scores"`.

        Raises
        ------
        ParameterError
            If the proportions were fitted without covariates.
        """
        self._check_fitted()
        if self.log_odds_ is None:
            message = "fitted without covariates; see `standard_errors` for proportions and all other parameters"
            raise ParameterError(message)
        errors = self.fit_.standard_errors(kind=kind)
        return membership_table(self.terms_, self.log_odds_, errors.record.gating, errors.notes)
