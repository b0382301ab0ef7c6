"""What there is to say of a fit or of a fitted estimator, as values."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core import leaves
from emkit.core.describe import Description
from emkit.core.model import Offer, offered
from emkit.errors import ParameterError
from emkit.report.criteria import aicc

__all__ = ["Facts", "facts_of", "frame", "to_dict", "to_frame"]


@dataclass(frozen=True)
class Facts:
    """A fit with what the estimator around it knows besides; `fit` is None for parameters that were given."""

    title: str
    fit: Any
    tables: tuple[Description, ...]
    parameters: Any
    feature_names: tuple[str, ...] | None
    icl: float | None = None


def facts_of(fit: Any, X: Any = None, feature_names: Any = None) -> Facts:
    """Return the facts of a `Fit` or a fitted estimator; `X` adds what only the data can tell.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    fit = getattr(fit, "mixture_", fit)  # what a `Density` is made of
    result = getattr(fit, "fit_", None if hasattr(fit, "get_params") else fit)
    model = getattr(fit, "model_", getattr(result, "model", None))
    parameters = getattr(fit, "parameters_", getattr(result, "parameters", None))
    if model is None or parameters is None:
        message = f"expected a Fit or a fitted estimator, got {fit!r}; call 'fit' with data first"
        raise ParameterError(message)
    known = getattr(fit, "feature_names_in_", None) if feature_names is None else feature_names
    names = None if known is None else tuple(str(name) for name in known)
    natural = offered(model, Offer.NATURAL)
    shown = parameters if natural is None else natural(parameters)
    title = repr(fit) if hasattr(fit, "get_params") else repr_of(model)
    is_askable = X is not None and callable(getattr(fit, "icl", None))
    return Facts(
        title,
        result,
        _tables(model, parameters, shown, names),
        shown,
        names,
        fit.icl(X) if is_askable else None,
    )


def repr_of(model: Any) -> str:
    """Return the name of a model and those of its choices that are short; of a wrapper, those of what it wraps too."""
    inner = vars(model).get("model")
    if inner is not None:
        return f"{type(model).__name__}({repr_of(inner)})"
    shown = [
        f"{name}={value!r}"
        for name, value in vars(model).items()
        if isinstance(value, bool | int | float | str) and not name.startswith("_")
    ]
    return f"{type(model).__name__}({', '.join(shown)})"


def _tables(model: Any, parameters: Any, shown: Any, names: tuple[str, ...] | None) -> tuple[Description, ...]:
    describe = offered(model, Offer.DESCRIBE)
    if describe is not None:
        return tuple(describe(parameters, names))
    return tuple(_array_table(leaf.name, np.asarray(leaf.value)) for leaf in leaves(shown))


def _array_table(name: str, value: Any) -> Description:
    """Return an array as a table: the last axis across, the others down."""
    rows = value.reshape(-1, value.shape[-1]) if value.ndim else value.reshape(1, 1)
    index = list(np.ndindex(value.shape[:-1])) if value.ndim > 1 else [()]
    header = ("", *(str(j + 1) for j in range(rows.shape[1])))
    cells = zip(index, rows.tolist(), strict=True)
    return Description(name, header, tuple((", ".join(str(i + 1) for i in at), *row) for at, row in cells))


def to_dict(fit: Any, X: Any = None, *, feature_names: Any = None) -> dict[str, Any]:
    """Return everything that `summary` tells as a dictionary of plain values, ready for JSON.

    Parameters
    ----------
    fit : Fit or fitted estimator
    X : array (n, d), optional
        The data: adds `icl` where the estimator knows it.
    feature_names : sequence of str, optional
        Those the estimator saw, where None.

    Returns
    -------
    dict
        `parameters` holds the arrays by path, such as `members.mean`, as nested lists.
    """
    facts = facts_of(fit, X, feature_names)
    known = {
        "model": facts.title,
        "feature_names": None if facts.feature_names is None else list(facts.feature_names),
        "parameters": {leaf.name: np.asarray(leaf.value).tolist() for leaf in leaves(facts.parameters)},
        "tables": [
            {"title": t.title, "header": list(t.header), "rows": [_plain(row) for row in t.rows]} for t in facts.tables
        ],
    }
    return known if facts.fit is None else known | _result(facts)


def _result(facts: Facts) -> dict[str, Any]:
    fit = facts.fit
    return {
        "loglik": fit.loglik,
        "objective": fit.objective,
        "n_free": fit.n_free,
        "weight": fit.weight,
        "aic": fit.aic,
        "aicc": aicc(fit.loglik, fit.n_free, fit.weight),
        "bic": fit.bic,
        **({} if facts.icl is None else {"icl": facts.icl}),
        "status": fit.status.value,
        "status_help": fit.status.help,
        "is_converged": fit.is_converged,
        "n_iter": fit.n_iter,
        "n_e_steps": fit.n_e_steps,
        "seconds": fit.seconds,
        "n_starts": fit.starts.n_starts,
        "n_best_starts": fit.starts.n_best,
        "optima": [
            {"objective": optimum.objective, "n_hits": optimum.n_hits, "collapse": optimum.collapse}
            for optimum in fit.starts.optima
        ],
        "notes": list(fit.notes),
    }


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in row]


def to_frame(fit: Any, *, feature_names: Any = None) -> Any:
    """Return the numbers of all parameter tables in long form: one row for each, with its table, row and
    column.

    Returns
    -------
    pandas or polars data frame, whichever is loaded (pandas first), else dict
        Columns `table`, `row`, `column`, `value`.
    """
    facts = facts_of(fit, feature_names=feature_names)
    found = [
        (table.title, str(row[0]), name, float(cell))
        for table in facts.tables
        for row in table.rows
        for name, cell in zip(table.header[1:], row[1:], strict=True)
        if isinstance(cell, int | float | np.number)
    ]
    names = ("table", "row", "column", "value")
    return frame({name: [line[j] for line in found] for j, name in enumerate(names)})


def frame(columns: dict[str, list[Any]]) -> Any:
    """Return columns as a data frame of the library that is loaded, or as they are where none is."""
    for library in ("pandas", "polars"):
        if library in sys.modules:
            return sys.modules[library].DataFrame(columns)
    return columns
