"""Mixtures of any family, and of several families over the columns of a table: the estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, Self

from emkit.core import Fit, Solver
from emkit.core.arrays import FloatArray, IntArray
from emkit.data import Source, as_source
from emkit.data.device import is_device_array
from emkit.data.sparse import is_sparse
from emkit.errors import DataError, DataTypeError, ParameterError
from emkit.families.base import Family
from emkit.families.names import family_named, takes_words
from emkit.families.product import ProductParameters
from emkit.mixture._asked import Asked
from emkit.mixture._columns import Layout, form_of, in_form, layout_of
from emkit.mixture._gated import GatedMixture
from emkit.mixture._levels import read_columns
from emkit.mixture.model import FiniteMixture

__all__ = ["MixtureModel"]


class MixtureModel(GatedMixture):
    """Mixture of any family, or of several families over the columns of a table, by maximum likelihood.

    Each row comes from component z_i with probability mix_k; given the component, the parts of the row are independent
    and follow the families named for them. Missing entries are missing at random and are integrated out exactly.

    Parameters
    ----------
    families : str, Family, or mapping
        One family for all columns, by name ("gaussian", "poisson", "categorical", ...: see
        `emkit.families.names.FAMILY_NAMES`) or as an object; or a mapping from columns, by name or number or tuples of
        them, to families. Columns that are not named take no part.
    n_components : int, default 1
        Number of components, k.
    unseen : {"error", "missing"}, default "error"
        What a level that did not occur in the training data is in new data.
    weight_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the mixing proportions; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    weights_ : array (k,)
        Mixing proportions, falling; with concomitant variables their means over the rows.
    log_odds_ : array (k - 1, q) or None
        With concomitant variables: log odds of each component against the first, by `terms_`.
    terms_ : tuple of str
        "intercept" and the concomitant variables.
    members_ : Parameters, or dict of str to Parameters
        The parameters of the family, or of each part by the names of its columns.
    levels_ : dict of str to tuple
        The levels of the columns that hold words or categories.
    converged_, n_iter_, fit_, n_features_in_, feature_names_in_
        As for `GaussianMixture`.

    Examples
    --------
    >>> import emkit
    >>> table = emkit.load_data("iris")
    >>> families = {("Sepal.Length", "Sepal.Width"): "gaussian-full", "Species": "categorical"}
    >>> mixture = emkit.MixtureModel(families, 3, random_state=0).fit(table)
    >>> mixture.weights_.round(2)
    array([0.54, 0.33, 0.12])
    """

    _kind: ClassVar[str | None] = "density_estimator"
    _takes_missing: ClassVar[bool] = True
    _takes_sparse: ClassVar[bool] = True

    def __init__(
        self,
        families: str | Family | Mapping[Any, str | Family] = "gaussian-full",
        n_components: int = 1,
        *,
        unseen: Literal["error", "missing"] = "error",
        weight_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.families = families
        self.n_components = n_components
        self.unseen = unseen
        self.weight_concentration = weight_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        concomitant: Any = None,
        labels: Any = None,
        groups: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Fit to rows `X` (n, d), with case weights (n,) if given; `y` is ignored.

        Parameters
        ----------
        X : array (n, d), data frame, Arrow table, path or Source
        sample_weight : array (n,), or the name of a column of a file
        concomitant : array (n,) or (n, q), table, or names of columns of `X`, optional
            Covariates on which the mixing proportions depend, by a multinomial logit that is fitted together with the
            members. Words are coded as indicators of their levels, the first being the reference.
        labels, groups, checkpoint
            See `GaussianMixture.fit`.

        Raises
        ------
        DataError, DataTypeError
            If a part is not what was expected, or a concomitant variable is missing or constant.
        ParameterError
            If a constructor argument is out of range.

        Warns
        -----
        ConvergenceWarning, DegenerateWarning
            If the fit did not converge, or a part of the model collapsed.
        """
        asked = Asked(X, concomitant)
        super().fit(asked, y, sample_weight, labels=labels, groups=groups, checkpoint=checkpoint)
        return self

    def _family(self) -> Family:
        if self.unseen not in ("error", "missing"):
            message = f"`unseen` must be 'error' or 'missing', got {self.unseen!r}"
            raise ParameterError(message)
        if isinstance(self.families, Mapping):
            return layout_of(self.families).family({})
        return family_named(self.families)

    def _layout(self, n_columns: int) -> Layout | None:
        """Return which columns are described how, or None where all are numbers of one family."""
        if isinstance(self.families, Mapping):
            return layout_of(self.families)
        if not takes_words(self.families):
            return None
        return layout_of({tuple(range(n_columns)): self.families})

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        asked = Asked.of(X)
        X, gate = asked.apart()
        self.form_ = form_of(asked.X)
        self.levels_: dict[str, tuple[Any, ...]] = {}
        self._learn_gate(asked, gate)
        return self._with_gate(self._own_source(X, sample_weight, n_threads, min_rows), gate)

    def _own_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int) -> Source:
        """Return the columns that the families describe."""
        layout = None if _is_plain(X) else self._layout(len(read_columns(X)[0]) if _needs_count(self.families) else 0)
        if layout is not None and is_device_array(X) and not any(layout.wordy):
            return super()._fit_source(layout.there(X), sample_weight, n_threads, min_rows)
        if layout is None:
            if isinstance(self.families, Mapping):
                message = "families by column need a table or an array, not sparse rows or a Source"
                raise DataError(message)
            self._check_sparse(X)
            return super()._fit_source(X, sample_weight, n_threads, min_rows)
        columns, names, are_own = layout.picked(X)
        self.levels_ = layout.levels_of(columns, names)
        matrix = layout.matrix(columns, names, self.levels_, "error")
        source = as_source(matrix, feature_names=names if are_own else None).answering_like(X)
        return super()._fit_source(source, sample_weight, n_threads, min_rows)

    def _check_sparse(self, X: Any) -> None:
        family: Any = family_named(self.families)  # type: ignore[arg-type]
        if is_sparse(X) and not family.takes_sparse:
            message = f"{type(family).__name__} does not take sparse rows: pass X.toarray()"
            raise DataTypeError(message)

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        X, gate = Asked.of(X).apart(self.picked_)
        source = self._own_new_source(X, sample_weight, n_threads)
        return self._with_gate(source, gate) if self._is_gated else source

    def _own_new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        layout = None if _is_plain(X) else self._layout(self.n_features_in_)
        if layout is None:
            return super()._new_source(X, sample_weight, n_threads)
        if is_device_array(X) and not any(layout.wordy):
            return super()._new_source(layout.there(X), sample_weight, n_threads)
        columns, names, are_own = layout.picked(X, getattr(self, "feature_names_in_", ()))
        if are_own:
            stand_in: Any = SimpleNamespace(feature_names=tuple(names))
            self._check_names(stand_in)
        matrix = layout.matrix(columns, self._names_of(names), self.levels_, self.unseen)
        source = as_source(matrix, feature_names=names if are_own else None, allow_missing_columns=True)
        source = source.answering_like(X)
        return super()._new_source(source, sample_weight, n_threads)

    def _names_of(self, names: list[str]) -> list[str]:
        """Return the names under which levels were kept: a table without names has those of the training data."""
        known = getattr(self, "feature_names_in_", None)
        return list(names) if known is None else list(known)

    def _described(self, model: FiniteMixture, names: Sequence[str] | None) -> Family:
        layout = self._layout(self.n_features_in_)
        if layout is None or not self.levels_:
            return model.family
        shown = names or [f"x{column + 1}" for column in layout.columns]  # type: ignore[operator]
        by_column = {str(key): self.levels_.get(name, ()) for key, name in zip(layout.columns, shown, strict=True)}
        family: Any = layout.family(by_column)
        return family if isinstance(self.families, Mapping) else family.families[0]  # type: ignore[no-any-return]

    def _adopt(self, fit: Fit, source: Source) -> None:
        super()._adopt(fit, source)
        if self._is_gated:
            self.weights_ = self._mean_shares(source)

    def _adopt_parameters(self, model: Any, parameters: Any) -> None:
        self.model_, self.parameters_, self.members_ = model, parameters, parameters.members
        self._adopt_gate(parameters)
        if self.log_odds_ is None:
            self.weights_ = parameters.mix
        if isinstance(parameters.members, ProductParameters):
            layout: Any = self._layout(self.n_features_in_)
            keys = layout.keys([str(column) for column in layout.columns])
            self.members_ = dict(zip(keys, parameters.members.parts, strict=True))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        one = not isinstance(self.families, Mapping)
        tags.input_tags.sparse = one and family_named(self.families).takes_sparse  # type: ignore[arg-type]
        return tags

    # --- answers ---

    def predict(self, X: Any, concomitant: Any = None) -> IntArray:
        """Return the most probable component (n,) of each row; `concomitant` as for `fit`."""
        return super().predict(Asked(X, concomitant))

    def predict_proba(self, X: Any, concomitant: Any = None) -> FloatArray:
        """Return the probability (n, k) of each component for each row; `concomitant` as for `fit`."""
        return super().predict_proba(Asked(X, concomitant))

    def score_samples(self, X: Any, concomitant: Any = None) -> FloatArray:
        """Return the log-density (n,) of each row (of its observed entries); `concomitant` as for `fit`."""
        return super().score_samples(Asked(X, concomitant))

    def proportions(self, concomitant: Any) -> FloatArray:
        """Return the mixing proportions (n, k) at concomitant variables (n, q).

        Raises
        ------
        ParameterError
            If the mixture was fitted without them.
        """
        return self._shares_at(concomitant)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[Any, IntArray]:
        """Return new rows, as a table of the kind that was fitted, and their components (n,), in random order."""
        rows, labels = super().sample(n_samples, random_state)
        names = getattr(self, "feature_names_in_", None)
        shown = [f"x{j + 1}" for j in self._numbers()] if names is None else list(names)
        form = "array" if names is None else self.form_
        drawn = [*shown, *self.covariates_.labels] if self._is_gated else shown
        return in_form(form, rows, drawn, self.levels_), labels

    def _numbers(self) -> list[int]:
        layout = self._layout(self.n_features_in_)
        return list(range(self.n_features_in_)) if layout is None else [int(column) for column in layout.columns]


def _is_plain(X: Any) -> bool:
    return isinstance(X, Source) or is_sparse(X)


def _needs_count(families: Any) -> bool:
    """Return whether the number of columns must be read off the data: one family that may hold words."""
    return not isinstance(families, Mapping) and takes_words(families)
