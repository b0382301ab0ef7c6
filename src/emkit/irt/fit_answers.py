"""What a fitted item response model says of its own fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data.checks import checked_weights
from emkit.errors import ParameterError
from emkit.irt.dependence import LocalDependence, local_dependence
from emkit.irt.fit_items import ItemFit, item_fit
from emkit.irt.fit_model import ModelFit, Statistic, model_fit
from emkit.irt.fit_persons import PersonFit, person_fit
from emkit.irt.fitted import Fitted

__all__ = ["ItemResponseFit"]

Where = Literal["EAP", "MAP", "ML", "WLE"]


class ItemResponseFit:
    """The statistics of fit of `ItemResponseModel`; all take answers as `scores` does."""

    model_: Any
    parameters_: Any
    layout_: Any
    explained_: Any
    item_names_: tuple[str, ...]

    def item_fit(
        self,
        X: Any,
        sample_weight: Any = None,
        *,
        group: Any = None,
        method: Literal["EAP", "MAP", "ML", "WLE", "posterior"] = "EAP",
        min_expected: float = 1.0,
    ) -> ItemFit:
        """Return infit, outfit, Zh and S-X2 of each item.

        Parameters
        ----------
        X : answers of people by the calibrated items; NaN is no answer
        sample_weight : array (n,), optional
            How often each row was observed.
        group : array (n,), optional
        method : "EAP", "MAP", "ML", "WLE" or "posterior", default "EAP"
            Where people are taken to lie for mean squares and Zh; people infinitely far out are left out. "posterior"
            averages over what is known of them, and says nothing of Zh.
        min_expected : float, default 1
            Cells of S-X2 are pooled until as many people are expected of each.

        Returns
        -------
        ItemFit
        """
        fitted = self._fitted(X, sample_weight, group)
        if method not in ("EAP", "MAP", "ML", "WLE", "posterior"):
            message = f"`method` must be 'EAP', 'MAP', 'ML', 'WLE' or 'posterior', got {method!r}"
            raise ParameterError(message)
        theta = None if method == "posterior" else self._places_of(X, method, group)
        return item_fit(fitted, self.item_names_, theta, min_expected)

    def person_fit(self, X: Any, *, group: Any = None, method: Where = "EAP") -> PersonFit:
        """Return Zh, infit and outfit of each person (see `item_fit` for the arguments)."""
        return person_fit(self._fitted(X, None, group), self._places_of(X, method, group))

    def model_fit(
        self, X: Any, sample_weight: Any = None, *, group: Any = None, statistic: Statistic = "auto"
    ) -> ModelFit:
        """Return M2 (or C2) with RMSEA, SRMSR, CFI and TLI, of those who answered everything.

        Parameters
        ----------
        X, sample_weight, group
            As for `item_fit`.
        statistic : "auto", "M2" or "C2"
            "auto" is M2 unless it has no degrees of freedom, as with few items of many categories.
        """
        return model_fit(self._fitted(X, sample_weight, group), statistic)

    def local_dependence(
        self, X: Any, sample_weight: Any = None, *, group: Any = None, method: Where = "EAP"
    ) -> LocalDependence:
        """Return Yen's Q3 and LD-X2 of all pairs of items (see `item_fit` for the arguments)."""
        fitted = self._fitted(X, sample_weight, group)
        return local_dependence(fitted, self.item_names_, self._places_of(X, method, group))

    def report(
        self, path: Any, X: Any, sample_weight: Any = None, *, group: Any = None, covariates: Any = None
    ) -> Path:
        """Write one self-contained HTML page on the fit to a file, and return its path.

        Parameters
        ----------
        path : path
        X, sample_weight, group, covariates
            The answers that were fitted, as for `fit`.
        """
        from emkit.plot.page import write_item_report

        return write_item_report(self, path, X, sample_weight=sample_weight, group=group, covariates=covariates)

    def _fitted(self, X: Any, sample_weight: Any, group: Any) -> Fitted:
        self._check_fitted()  # type: ignore[attr-defined]
        if self.explained_.names:
            message = "fit is not judged for models with covariates here: fit the items without them, or with groups"
            raise ParameterError(message)
        codes = self._read(X).codes  # type: ignore[attr-defined]
        n = len(codes)
        weights = checked_weights(sample_weight, n)
        groups = self.layout_.codes(group, n)
        n_items = len(self.item_names_)
        tests = tuple(tuple(self.layout_.items_of(g, n_items)) for g in range(self.layout_.n_groups))
        return Fitted(
            self.model_,
            self.parameters_,
            tests,
            codes,
            np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64),
            np.zeros(n, dtype=np.intp) if groups is None else groups.astype(np.intp),
        )

    def _places_of(self, X: Any, method: str, group: Any) -> FloatArray:
        theta: FloatArray = self.scores(X, method, group=group).theta  # type: ignore[attr-defined]
        return theta[:, None] if theta.ndim == 1 else theta
