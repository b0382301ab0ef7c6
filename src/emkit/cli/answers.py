"""The commands that ask something of a saved fit: predict, score, sample, show, plot."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

import numpy as np

from emkit.cli.fitting import check_plotting
from emkit.cli.tables import Rows, print_json, read_rows, write_csv
from emkit.core.arrays import Array
from emkit.errors import ParameterError
from emkit.report import summary, to_dict

__all__ = ["plot", "predict", "sample", "score", "show"]


def predict(arguments: Namespace) -> int:
    """Write the most probable component of each row, numbered from 1, and the probability of each."""
    estimator = _loaded(arguments)
    labels = _method(estimator, "predict", "components")
    X = _rows(arguments, estimator).matrix
    component = labels(X) + 1
    header, columns = ["component"], [component]
    if callable(getattr(estimator, "predict_proba", None)):
        prob = estimator.predict_proba(X)
        header += [f"prob_{k + 1}" for k in range(prob.shape[1])]
        columns += list(prob.T)
    _give(arguments, header, columns)
    return 0


def score(arguments: Namespace) -> int:
    """Write the log-likelihood of a table, or the log-density of each of its rows."""
    estimator = _loaded(arguments)
    log_density = _method(estimator, "score_samples", "density")
    rows = _rows(arguments, estimator)
    each = log_density(rows.matrix)
    if arguments.each:
        _give(arguments, ["log_density"], [each])
        return 0
    weight = float(len(each)) if rows.weights is None else float(rows.weights.sum())
    total = float(each.sum() if rows.weights is None else rows.weights[rows.weights > 0] @ each[rows.weights > 0])
    found = {"data": rows.table.name, "rows": weight, "loglik": total, "mean_log_density": total / weight}
    if arguments.json:
        print_json(found)
    else:
        _give(arguments, list(found), [np.array([value], dtype=object) for value in found.values()])
    return 0


def sample(arguments: Namespace) -> int:
    """Write rows drawn from a fit."""
    estimator = _loaded(arguments)
    drawn = _method(estimator, "sample", "distribution")(arguments.rows, random_state=arguments.seed)
    X, labels = drawn if isinstance(drawn, tuple) else (drawn, None)
    X = np.reshape(X, (len(X), -1))
    header, columns = list(_names(estimator) or [f"x{j + 1}" for j in range(X.shape[1])]), list(X.T)
    if labels is not None:
        header.append("component")
        columns.append(labels + 1)
    _give(arguments, header, columns)
    return 0


def show(arguments: Namespace) -> int:
    """Print a saved fit."""
    saved = _loaded(arguments)
    if arguments.json:
        print_json(to_dict(saved))
    else:
        sys.stdout.write(summary(saved) + "\n")
    return 0


def plot(arguments: Namespace) -> int:
    """Draw a saved fit over its data."""
    check_plotting(arguments.out)
    from emkit.plot import draw

    estimator = _loaded(arguments)
    draw(estimator, _rows(arguments, estimator).matrix, arguments.out)
    sys.stdout.write(f"Drew it to {arguments.out}\n")
    return 0


def _loaded(arguments: Namespace) -> Any:
    from emkit.io import load

    return load(arguments.fit)


def _names(estimator: Any) -> list[str] | None:
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _rows(arguments: Namespace, estimator: Any) -> Rows:
    return read_rows(arguments.data, arguments.columns, getattr(arguments, "weights", None), _names(estimator))


def _method(estimator: Any, name: str, what: str) -> Any:
    found = getattr(estimator, name, None)
    if not callable(found):
        message = f"this is a saved {type(estimator).__name__}, which has no {what} to tell"
        raise ParameterError(message)
    return found


def _give(arguments: Namespace, header: list[str], columns: list[Array]) -> None:
    if arguments.json:
        print_json(dict(zip(header, columns, strict=True)))
    else:
        write_csv(header, columns, arguments.out)
