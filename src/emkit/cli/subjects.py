"""What the command line works on: a fitted estimator, a density, or a fit, as printed, told and asked."""

from __future__ import annotations

from typing import Any

from emkit.errors import ParameterError
from emkit.mixture import Density, KMeans
from emkit.report import summary, to_dict

__all__ = ["answer_of", "estimator_of", "fit_of", "has_answer", "names_of", "tell", "text_of"]


def estimator_of(subject: Any) -> Any:
    """Return the estimator that answers for a subject: of a density, its mixture."""
    return subject.mixture_ if isinstance(subject, Density) else subject


def fit_of(subject: Any) -> Any:
    """Return the `Fit` of a subject."""
    estimator = estimator_of(subject)
    return getattr(estimator, "fit_", estimator)


def names_of(subject: Any) -> list[str] | None:
    """Return the feature names that a subject was fitted to, if any."""
    names = getattr(estimator_of(subject), "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def text_of(subject: Any) -> str:
    """Return a subject as text for people."""
    if isinstance(subject, Density):
        return subject.summary()
    told = summary(subject)
    return f"{told}\nInertia          {subject.inertia_:.6g}" if isinstance(subject, KMeans) else told


def tell(subject: Any) -> dict[str, Any]:
    """Return a subject as values for programs."""
    if isinstance(subject, Density):
        return to_dict(subject.mixture_) | _of_density(subject)
    told = to_dict(subject)
    return told | {"inertia": subject.inertia_} if isinstance(subject, KMeans) else told


def _of_density(density: Density) -> dict[str, Any]:
    return {
        "model": repr(density),
        "mean": density.mean,
        "sd": density.var**0.5,
        "modes": density.modes(),
        "selection": density.selection_.to_dict(),
    }


def has_answer(subject: Any, name: str) -> bool:
    """Return whether a subject has the method `name`."""
    return callable(getattr(estimator_of(subject), name, None))


def answer_of(subject: Any, name: str, what: str) -> Any:
    """Return the method by which a subject answers a command.

    Raises
    ------
    ParameterError
        If it has none.
    """
    if not has_answer(subject, name):
        message = f"this is a saved {type(subject).__name__}, which tells no {what}"
        raise ParameterError(message)
    return getattr(estimator_of(subject), name)
