"""Every error and warning that emkit raises on purpose.

A message says what was expected, what came (value, shape, index), and what to do. Two classes must also be
instances of scikit-learn's when scikit-learn is loaded, so that its users' ``except`` clauses and filters
hold: they are built on demand by `not_fitted_error` and `warn_convergence`. scikit-learn itself is never
imported here.
"""

from __future__ import annotations

import functools
import sys
import warnings
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataTypeError",
    "DataWarning",
    "DegenerateWarning",
    "EmkitError",
    "EmkitWarning",
    "NotFittedError",
    "ParameterError",
    "SavedFitError",
    "not_fitted_error",
    "warn_convergence",
]


class EmkitError(Exception):
    """Base class of every error that emkit raises on purpose."""


class DataError(EmkitError, ValueError):
    """Data that no fit can use: wrong shape, an infinity, a text column, weights that are all zero."""


class DataTypeError(EmkitError, TypeError):
    """Data of a kind that emkit, or this model, does not take: a sparse matrix, a string, a set."""


class ParameterError(EmkitError, ValueError):
    """A choice made by the user that is outside what the model allows."""


class NotFittedError(EmkitError, ValueError, AttributeError):
    """An answer was asked of an estimator that has not been fitted."""


class SavedFitError(EmkitError, ValueError):
    """A saved fit that cannot be read: truncated, edited, or of an unknown version."""


class EmkitWarning(UserWarning):
    """Base class of every warning that emkit gives."""


class ConvergenceWarning(EmkitWarning):
    """A fit stopped before it reached its optimum."""


class DegenerateWarning(EmkitWarning):
    """A fit ended where a part of the model has collapsed."""


class DataWarning(EmkitWarning):
    """Data that can be used, but probably not as intended."""


def not_fitted_error(name: str) -> NotFittedError:
    """Return the error for an estimator without a fit; scikit-learn's kind too when that is loaded."""
    kind = cast("type[NotFittedError]", _with_sklearn(NotFittedError, _sklearn_exceptions()))
    return kind(f"This {name} instance is not fitted yet: call 'fit' with data before asking for this answer.")


def warn_convergence(message: str, stacklevel: int = 2) -> None:
    """Give a `ConvergenceWarning`, scikit-learn's kind too when that is loaded."""
    kind = cast("type[ConvergenceWarning]", _with_sklearn(ConvergenceWarning, _sklearn_exceptions()))
    warnings.warn(message, kind, stacklevel=stacklevel + 1)


def _sklearn_exceptions() -> ModuleType | None:
    return sys.modules.get("sklearn.exceptions")


@functools.cache
def _with_sklearn(ours: type[Exception], theirs: ModuleType | None) -> type[Exception]:
    """Return a class that is both `ours` and scikit-learn's of the same name, if there is one."""
    base = getattr(theirs, ours.__name__, None)
    if base is None:
        return ours
    name = ours.__name__
    return type(name, (ours, base), {"__doc__": ours.__doc__, "__module__": __name__, "__reduce__": _reduce_to(ours)})


def _reduce_to(ours: type[Exception]) -> object:
    """Pickle the combined class as `ours`: the process that reads it may not have scikit-learn."""

    def reduce(self: Exception) -> tuple[type[Exception], tuple[object, ...]]:
        return ours, self.args

    return reduce
