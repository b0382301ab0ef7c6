"""Censored and truncated data."""

from __future__ import annotations

from typing import Any

from emkit.cli.entries.entry import CLIMB, Argument, ModelEntry
from emkit.errors import ParameterError

__all__ = ["ENTRIES"]

_LOW = Argument(
    ("--low",), "low", {"metavar": "A", "help": "column of lower limits (tobit: the number values are censored at)"}
)
_HIGH = Argument(
    ("--high",), "high", {"metavar": "B", "help": "column of upper limits (tobit: the number values are censored at)"}
)
_RESPONSE = Argument(
    ("--response",), "response", {"metavar": "COLUMN", "help": "column to explain; the last if not given"}
)
_FAMILY = Argument(
    ("--errors",), "errors", {"choices": ("gaussian", "log-normal"), "help": "distribution of the errors"}
)
_OPTIONS = {"threads": "n_threads", "weights": "sample_weight", "progress": "on_iteration", **CLIMB}


def _limits(table: Any, low: str | None, high: str | None) -> Any:
    """Return the columns of limits, the first two where none are named."""
    import numpy as np

    names = list(table.names)
    wanted = [low, high] if low is not None and high is not None else names[:2]
    if (low is None) != (high is None) or len(wanted) < 2:
        message = "give both columns of limits: --low A --high B"
        raise ParameterError(message)
    for name in wanted:
        if name not in names:
            message = f"there is no column {name!r}; columns are: {', '.join(names)}"
            raise ParameterError(message)
    return np.column_stack([np.asarray(table[name], dtype=np.float64) for name in wanted])


def _of_intervals(name: str) -> Any:
    def build(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
        import emkit

        limits = _limits(table, arguments.pop("low", None), arguments.pop("high", None))
        return getattr(emkit, name)(**arguments).fit(limits, sample_weight=weights)

    return build


def _number(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        message = f"{option} must be a number for tobit, got {text!r}"
        raise ParameterError(message) from None


def _tobit(table: Any, weights: Any, arguments: dict[str, Any]) -> Any:
    import numpy as np

    from emkit.censored import CensoredRegression

    names = list(table.names)
    response = arguments.pop("response", names[-1])
    if response not in names or len(names) < 2:
        message = f"there is no column {response!r} beside others; columns are: {', '.join(names)}"
        raise ParameterError(message)
    low, high = (_number(f"--{end}", arguments.pop(end, None)) for end in ("low", "high"))
    X = table.select([name for name in names if name != response])
    return CensoredRegression(low, high, **arguments).fit(X, np.asarray(table[response]), sample_weight=weights)


ENTRIES: tuple[ModelEntry, ...] = (
    ModelEntry(
        "turnbull",
        "survival curve of no given form, from columns low and high",
        {"low": "low", "high": "high", **_OPTIONS},
        _of_intervals("Turnbull"),
        (_LOW, _HIGH),
    ),
    ModelEntry(
        "censored-normal",
        "mean and standard deviation of a variable known by columns low and high",
        {"low": "low", "high": "high", **_OPTIONS},
        _of_intervals("CensoredNormal"),
        (_LOW, _HIGH),
    ),
    ModelEntry(
        "tobit",
        "linear regression whose response is censored at --low and --high",
        {"low": "low", "high": "high", "response": "response", "errors": "family", **_OPTIONS},
        _tobit,
        (_LOW, _HIGH, _RESPONSE, _FAMILY),
    ),
)
