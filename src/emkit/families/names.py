"""Families by name: one list for mixtures, hidden Markov models and the command line.

A family joins with one line. Modules are imported when a name is first asked for.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from emkit.errors import ParameterError
from emkit.families.base import Family

__all__ = ["FAMILY_NAMES", "family_named", "is_columnwise", "takes_words"]


@dataclass(frozen=True)
class _Entry:
    module: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    structure: str = ""  # of a Gaussian or t family
    is_columnwise: bool = False  # columns are independent given the member: columns of one name are one family
    takes_words: bool = False  # its columns may hold words; levels are coded at the door


_ENTRIES: dict[str, _Entry] = {
    "gaussian": _Entry("gaussian", "Gaussian", structure="diag", is_columnwise=True),
    "gaussian-full": _Entry("gaussian", "Gaussian", structure="full"),
    "gaussian-tied": _Entry("gaussian", "Gaussian", structure="tied"),
    "gaussian-spherical": _Entry("gaussian", "Gaussian", structure="spherical"),
    "student": _Entry("student", "Student", structure="full"),
    "skew-normal": _Entry("skew", "SkewNormal"),
    "skew-t": _Entry("skew", "SkewT"),
    "contaminated-normal": _Entry("contaminated", "Contaminated"),
    "poisson": _Entry("poisson", "Poisson", is_columnwise=True),
    "negative-binomial": _Entry("negative_binomial", "NegativeBinomial", is_columnwise=True),
    "zero-inflated-poisson": _Entry("zero_inflated", "ZeroInflatedPoisson", is_columnwise=True),
    "zero-inflated-negative-binomial": _Entry("zero_inflated", "ZeroInflatedNegativeBinomial", is_columnwise=True),
    "hurdle-poisson": _Entry("hurdle", "HurdlePoisson", is_columnwise=True),
    "hurdle-negative-binomial": _Entry("hurdle", "HurdleNegativeBinomial", is_columnwise=True),
    "categorical": _Entry("categorical", "Categorical", is_columnwise=True, takes_words=True),
    "bernoulli": _Entry("bernoulli", "Bernoulli", is_columnwise=True, takes_words=True),
    "multinomial": _Entry("multinomial", "Multinomial"),
    "exponential": _Entry("exponential", "Exponential", is_columnwise=True),
    "exponential-censored": _Entry("exponential", "Exponential", {"censored": True}),
    "gamma": _Entry("gamma", "Gamma", is_columnwise=True),
    "log-normal": _Entry("log_normal", "LogNormal", is_columnwise=True),
    "inverse-gaussian": _Entry("inverse_gaussian", "InverseGaussian", is_columnwise=True),
    "weibull": _Entry("weibull", "Weibull", is_columnwise=True),
    "weibull-censored": _Entry("weibull", "Weibull", {"censored": True}),
    "laplace": _Entry("laplace", "Laplace", is_columnwise=True),
    "beta": _Entry("beta", "Beta", is_columnwise=True),
    "von-mises": _Entry("von_mises", "VonMises", is_columnwise=True),
    "von-mises-fisher": _Entry("von_mises_fisher", "VonMisesFisher"),
}

_NOISE = "+noise"

FAMILY_NAMES: tuple[str, ...] = tuple(_ENTRIES)


def family_named(name: str | Family) -> Family:
    """Return the family of this name, or the family itself where one is given.

    Parameters
    ----------
    name : str or Family
        One of `FAMILY_NAMES`. The name of a Gaussian may be followed by a structure, as in "gaussian-VVE", and any name
        by "+noise": the last component is then uniform over the range of the data.

    Raises
    ------
    ParameterError
        If there is no such family; it says which there are.
    """
    if isinstance(name, Family):
        return name
    if isinstance(name, str) and name.endswith(_NOISE):
        from emkit.families.noise import WithNoise

        return WithNoise(family_named(name.removesuffix(_NOISE)))
    entry = _entry(name)
    settings = dict(entry.settings)
    if entry.structure:
        from emkit.families.covariance import structure_of

        settings["structure"] = structure_of(entry.structure)
    made: Family = getattr(importlib.import_module(f"emkit.families.{entry.module}"), entry.name)(**settings)
    return made


def is_columnwise(name: str | Family) -> bool:
    """Return whether the columns of a family given by name are independent given the member."""
    return isinstance(name, str) and _entry(name).is_columnwise


def takes_words(name: str | Family) -> bool:
    """Return whether the columns of a family may hold words: levels are coded as 0, 1, ... at the door."""
    if isinstance(name, Family):
        return any(entry.takes_words and type(name).__name__ == entry.name for entry in _ENTRIES.values())
    return _entry(name).takes_words


def _entry(name: Any) -> _Entry:
    if isinstance(name, str) and name.endswith(_NOISE):
        return replace(_entry(name.removesuffix(_NOISE)), is_columnwise=False, takes_words=False)
    if isinstance(name, str) and name in _ENTRIES:
        return _ENTRIES[name]
    if isinstance(name, str) and name.startswith("gaussian-"):
        return _Entry("gaussian", "Gaussian", structure=name.removeprefix("gaussian-"))
    close = difflib.get_close_matches(str(name).lower(), FAMILY_NAMES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    message = f"there is no family {name!r}.{hint} Families are: {', '.join(FAMILY_NAMES)}"
    raise ParameterError(message)
