"""The scikit-learn contract, by duck typing: what every public estimator shares.

Nothing here inherits from scikit-learn or imports it, but for the tags that only scikit-learn asks for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np

from emkit.data.door import as_source
from emkit.data.source import Source
from emkit.errors import DataError, ParameterError, not_fitted_error
from emkit.randomness import generator_of

__all__ = ["Estimator", "generator_of"]


@lru_cache(maxsize=256)
def _arguments(constructor: Callable[..., None]) -> tuple[str, ...]:
    """Return the names of the constructor's arguments; reading a signature takes longer than a small fit's E-step."""
    return tuple(name for name in inspect.signature(constructor).parameters if name != "self")


class Estimator:
    """Base of the public estimators: parameters are the arguments of `__init__`, learned things end in `_`."""

    _kind: ClassVar[str | None] = None  # scikit-learn's estimator type
    _takes_missing: ClassVar[bool] = False
    _needs_target: ClassVar[bool] = False
    _takes_sparse: ClassVar[bool] = False

    @classmethod
    def _names(cls) -> list[str]:
        return list(_arguments(cls.__init__))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments by name.

        Raises
        ------
        ParameterError
            If a name is not one of them.
        """
        known = self._names()
        for name, value in params.items():
            if name not in known:
                message = f"Invalid parameter {name!r} for estimator {self}. Valid parameters are: {known!r}."
                raise ParameterError(message)
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if not _is_default(value, defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_is_fitted__(self) -> bool:
        return any(name.endswith("_") and not name.startswith("_") for name in vars(self))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=self._needs_target),
            classifier_tags=ClassifierTags(multi_class=False) if self._kind == "classifier" else None,
            regressor_tags=RegressorTags() if self._kind == "regressor" else None,
            transformer_tags=TransformerTags() if hasattr(self, "transform") else None,
            input_tags=InputTags(allow_nan=self._takes_missing, sparse=self._takes_sparse),
        )

    def _takes_device(self) -> bool:
        """Return whether the model runs on arrays of other libraries, where they are."""
        return False

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise not_fitted_error(type(self).__name__)

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        """Return the training data as a source and record the number and names of its features."""
        source = as_source(
            X,
            sample_weight,
            allow_missing=self._takes_missing,
            allow_sparse=self._takes_sparse,
            allow_device=self._takes_device(),
            n_threads=n_threads,
            min_rows=min_rows,
        )
        self.n_features_in_ = source.n_features
        self.__dict__.pop("feature_names_in_", None)
        if source.feature_names is not None:
            self.feature_names_in_ = np.asarray(source.feature_names, dtype=object)
        return source

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        """Return new data as a source, checked against the features of the training data."""
        self._check_fitted()
        source = as_source(
            X,
            sample_weight,
            allow_missing=self._takes_missing,
            allow_missing_columns=self._takes_missing,
            allow_sparse=self._takes_sparse,
            allow_device=self._takes_device(),
            n_threads=n_threads,
        )
        self._check_names(source)
        if source.n_features != self.n_features_in_:
            message = (
                f"X has {source.n_features} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input"
            )
            raise DataError(message)
        return source

    def _check_names(self, source: Source) -> None:
        known = getattr(self, "feature_names_in_", None)
        names = source.feature_names
        if known is None or names is None or list(known) == list(names):
            return
        unseen, missing = sorted(set(names) - set(known)), sorted(set(known) - set(names))
        message = "The feature names should match those that were passed during fit.\n"
        if unseen:
            message += "Feature names unseen at fit time:\n" + "".join(f"- {name}\n" for name in unseen)
        if missing:
            message += "Feature names seen at fit time, yet now missing:\n" + "".join(f"- {name}\n" for name in missing)
        if not unseen and not missing:
            message += "Feature names must be in the same order as they were in fit.\n"
        raise DataError(message)


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    try:
        return bool(type(value) is type(default) and value == default)
    except ValueError:  # an array
        return False
