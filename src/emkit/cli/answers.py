"""The commands that ask something of a saved fit: predict, score, sample, show, plot."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

import numpy as np

from emkit.cli.fitting import check_plotting
from emkit.cli.streaming import is_large, predict_large
from emkit.cli.subjects import answer_of, has_answer, names_of, tell, text_of
from emkit.cli.tables import Rows, print_json, read_rows, write_csv
from emkit.core.arrays import Array

__all__ = ["plot", "predict", "sample", "score", "show"]


def predict(arguments: Namespace) -> int:
    """Write the most probable component of each row, numbered from 1, and the probability of each; or what the model
    tells in its own words.
    """
    saved = _loaded(arguments)
    if has_answer(saved, "prediction_table"):
        rows = read_rows(arguments.data, arguments.columns, takes_text=True)
        told = answer_of(saved, "prediction_table", "answers")(rows.table)
        _give(arguments, list(told.names), list(told.columns.values()))
        return 0
    if is_large(arguments):
        predict_large(arguments, saved)
        return 0
    predicted = answer_of(saved, "predict", "components")
    X = _rows(arguments, saved).features
    header, columns = ["component"], [predicted(X) + 1]
    if has_answer(saved, "predict_proba"):
        prob = answer_of(saved, "predict_proba", "probabilities")(X)
        header += [f"prob_{k + 1}" for k in range(prob.shape[1])]
        columns += list(prob.T)
    _give(arguments, header, columns)
    return 0


def score(arguments: Namespace) -> int:
    """Write the log-likelihood of a table, or the log-density of each of its rows."""
    saved = _loaded(arguments)
    if has_answer(saved, "score_table"):
        return _score_in_own_words(arguments, saved)
    log_density = answer_of(saved, "score_samples", "density")
    rows = _rows(arguments, saved)
    each = log_density(rows.features)
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


def _score_in_own_words(arguments: Namespace, saved: Any) -> int:
    """Write the log-likelihood of a table whose rows are not independent, or that of each of its parts."""
    rows = read_rows(arguments.data, arguments.columns, takes_text=True)
    told = answer_of(saved, "score_table", "density")(rows.table)
    each = told["loglik"]
    if arguments.each:
        _give(arguments, list(told.names), list(told.columns.values()))
        return 0
    count = float(told["rows"].sum())
    found = {"data": rows.table.name, "rows": count, "loglik": float(each.sum()), "mean": float(each.sum()) / count}
    if arguments.json:
        print_json(found)
    else:
        _give(arguments, list(found), [np.array([value], dtype=object) for value in found.values()])
    return 0


def sample(arguments: Namespace) -> int:
    """Write rows drawn from a fit."""
    saved = _loaded(arguments)
    drawn = answer_of(saved, "sample", "distribution")(arguments.rows, random_state=arguments.seed)
    X, labels = drawn if isinstance(drawn, tuple) else (drawn, None)
    X = np.reshape(X, (len(X), -1))
    header, columns = list(names_of(saved) or [f"x{j + 1}" for j in range(X.shape[1])]), list(X.T)
    if labels is not None:
        header.append("component")
        columns.append(labels + 1)
    _give(arguments, header, columns)
    return 0


def show(arguments: Namespace) -> int:
    """Print a saved fit."""
    saved = _loaded(arguments)
    if arguments.json:
        print_json(tell(saved))
    else:
        sys.stdout.write(text_of(saved) + "\n")
    return 0


def plot(arguments: Namespace) -> int:
    """Draw a saved fit over its data."""
    check_plotting(arguments.out)
    from emkit.plot import draw

    saved = _loaded(arguments)
    draw(saved, _rows(arguments, saved).matrix, arguments.out)
    sys.stdout.write(f"Drew it to {arguments.out}\n")
    return 0


def _loaded(arguments: Namespace) -> Any:
    from emkit.io import load

    return load(arguments.fit)


def _rows(arguments: Namespace, saved: Any) -> Rows:
    return read_rows(arguments.data, arguments.columns, getattr(arguments, "weights", None), names_of(saved))


def _give(arguments: Namespace, header: list[str], columns: list[Array]) -> None:
    if arguments.json:
        print_json(dict(zip(header, columns, strict=True)))
    else:
        write_csv(header, columns, arguments.out)
