"""Families by name: one list for mixtures, hidden Markov models and the command line.

A family joins with one line. Modules are imported when a name is first asked for.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emkit.errors import ParameterError
from emkit.families.base import Family

__all__ = ["FAMILY_NAMES", "family_named", "is_categorical"]


@dataclass(frozen=True)
class _Entry:
    module: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    structure: str = ""  # of a Gaussian or t family
    is_categorical: bool = False  # its columns may hold words; levels are coded at the door


_ENTRIES: dict[str, _Entry] = {
    "gaussian": _Entry("gaussian", "Gaussian", structure="diag"),
    "gaussian-full": _Entry("gaussian", "Gaussian", structure="full"),
    "gaussian-tied": _Entry("gaussian", "Gaussian", structure="tied"),
    "gaussian-spherical": _Entry("gaussian", "Gaussian", structure="spherical"),
    "student": _Entry("student", "Student", structure="full"),
    "poisson": _Entry("poisson", "Poisson"),
    "negative-binomial": _Entry("negative_binomial", "NegativeBinomial"),
    "zero-inflated-poisson": _Entry("zero_inflated", "ZeroInflatedPoisson"),
    "zero-inflated-negative-binomial": _Entry("zero_inflated", "ZeroInflatedNegativeBinomial"),
    "hurdle-poisson": _Entry("hurdle", "HurdlePoisson"),
    "hurdle-negative-binomial": _Entry("hurdle", "HurdleNegativeBinomial"),
    "categorical": _Entry("categorical", "Categorical", is_categorical=True),
    "bernoulli": _Entry("bernoulli", "Bernoulli"),
    "multinomial": _Entry("multinomial", "Multinomial"),
    "exponential": _Entry("exponential", "Exponential"),
    "exponential-censored": _Entry("exponential", "Exponential", {"censored": True}),
    "gamma": _Entry("gamma", "Gamma"),
    "log-normal": _Entry("log_normal", "LogNormal"),
    "inverse-gaussian": _Entry("inverse_gaussian", "InverseGaussian"),
    "beta": _Entry("beta", "Beta"),
    "von-mises": _Entry("von_mises", "VonMises"),
    "von-mises-fisher": _Entry("von_mises_fisher", "VonMisesFisher"),
}

FAMILY_NAMES: tuple[str, ...] = tuple(_ENTRIES)


def family_named(name: str | Family) -> Family:
    """Return the family of this name, or the family itself where one is given.

    Parameters
    ----------
    name : str or Family
        One of `FAMILY_NAMES`. The name of a Gaussian may be followed by a structure, as in "gaussian-VVE".

    Raises
    ------
    ParameterError
        If there is no such family; it says which there are.
    """
    if isinstance(name, Family):
        return name
    entry = _entry(name)
    settings = dict(entry.settings)
    if entry.structure:
        from emkit.families.covariance import structure_of

        settings["structure"] = structure_of(entry.structure)
    made: Family = getattr(importlib.import_module(f"emkit.families.{entry.module}"), entry.name)(**settings)
    return made


def is_categorical(name: str | Family) -> bool:
    """Return whether the columns of a family hold levels, words perhaps, and not numbers."""
    if isinstance(name, Family):
        return any(e.is_categorical and type(name).__name__ == e.name for e in _ENTRIES.values())
    return _entry(name).is_categorical


def _entry(name: Any) -> _Entry:
    if isinstance(name, str) and name in _ENTRIES:
        return _ENTRIES[name]
    if isinstance(name, str) and name.startswith("gaussian-"):
        return _Entry("gaussian", "Gaussian", structure=name.removeprefix("gaussian-"))
    close = difflib.get_close_matches(str(name).lower(), FAMILY_NAMES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    message = f"there is no family {name!r}.{hint} Families are: {', '.join(FAMILY_NAMES)}"
    raise ParameterError(message)
