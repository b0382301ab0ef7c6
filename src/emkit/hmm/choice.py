"""How many states: one fit for each number, compared by a criterion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from emkit.errors import ParameterError
from emkit.hmm._base import HiddenMarkovEstimator

__all__ = ["StateChoice", "choose_states"]


@dataclass(frozen=True, eq=False)
class StateChoice:
    """Fits by number of states.

    Attributes
    ----------
    models : tuple of fitted estimators
    criterion : "bic" or "aic"
    values : tuple of float
        The criterion of each; smaller is better.
    """

    models: tuple[Any, ...]
    criterion: str
    values: tuple[float, ...]

    @property
    def best(self) -> Any:
        """The fitted estimator of the smallest criterion."""
        return self.models[self.values.index(min(self.values))]

    def __str__(self) -> str:
        """Return the table of log-likelihoods and criteria."""
        lines = [f"{'states':>6} {'loglik':>14} {self.criterion:>14}  status"]
        for model, value in zip(self.models, self.values, strict=True):
            fit = model.fit_
            mark = " <" if model is self.best else ""
            lines.append(f"{model.n_components:6d} {fit.loglik:14.4f} {value:14.4f}  {fit.status.value}{mark}")
        return "\n".join(lines)


def choose_states(
    model: HiddenMarkovEstimator,
    X: Any,
    lengths: Any = None,
    *,
    n_components: Iterable[int] = range(1, 5),
    criterion: Literal["bic", "aic"] = "bic",
    sequence: Any = None,
    time: Any = None,
) -> StateChoice:
    """Return fits of `model` with each number of states, and the one that a criterion prefers.

    Criteria tend to ask for too many states where the emissions do not fit: look at pseudo-residuals too
    (Pohle, Langrock, van Beest & Schmidt 2017, J. Agricultural, Biological and Environmental Statistics 22:270).

    Parameters
    ----------
    model : estimator
        Its arguments are used for all fits; it is not changed.
    """
    if criterion not in ("bic", "aic"):
        message = f"`criterion` must be 'bic' or 'aic', got {criterion!r}"
        raise ParameterError(message)
    numbers = list(n_components)
    if not numbers:
        message = "`n_components` names no number of states"
        raise ParameterError(message)
    fitted = [_copied(model, k).fit(X, lengths, sequence=sequence, time=time) for k in numbers]
    return StateChoice(tuple(fitted), criterion, tuple(float(getattr(m.fit_, criterion)) for m in fitted))


def _copied(model: HiddenMarkovEstimator, k: int) -> Any:
    return type(model)(**{**model.get_params(deep=False), "n_components": k})
