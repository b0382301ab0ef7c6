"""The commands that ask something of a saved fit: predict, score, sample, show, plot."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

import numpy as np

from emkit.cli.places import check_plotting
from emkit.cli.streaming import predict_large, writes_blocks
from emkit.cli.subjects import answer_of, has_answer, names_of, tell, text_of
from emkit.cli.tables import Rows, print_json, read_rows, write_table
from emkit.core.arrays import Array
from emkit.data import Table
from emkit.data.frames import frame_columns

__all__ = ["plot", "predict", "sample", "score", "show"]


def predict(arguments: Namespace) -> int:
    """Write the most probable component of each row, numbered from 1, and the probability of each; or what the model
    tells in its own words.
    """
    saved = _loaded(arguments)
    if has_answer(saved, "prediction_table"):
        rows = read_rows(arguments, takes_text=True)
        told = answer_of(saved, "prediction_table", "answers")(rows.table)
        _give(arguments, list(told.names), list(told.columns.values()))
        return 0
    if writes_blocks(arguments):
        predict_large(arguments, saved)
        return 0
    if not has_answer(saved, "predict") and has_answer(saved, "transform"):
        scores = answer_of(saved, "transform", "scores")(_rows(arguments, saved).features)
        names = answer_of(saved, "get_feature_names_out", "names")()
        _give(arguments, [str(name) for name in names], list(np.asarray(scores).T))
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
    rows = read_rows(arguments, takes_text=True)
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
    X, hidden = drawn if isinstance(drawn, tuple) else (drawn, None)
    header, columns = _columns_of(X, names_of(saved))
    if hidden is not None:
        extra, values = _hidden(np.asarray(hidden))
        header, columns = header + extra, columns + values
    _give(arguments, header, columns)
    return 0


def _columns_of(X: Any, names: list[str] | None) -> tuple[list[str], list[Array]]:
    """Return the names and columns of drawn rows, a table or a matrix."""
    frame = frame_columns(X.columns if isinstance(X, Table) else X)
    if frame is not None:
        return [str(name) for name in frame[0]], list(frame[1])
    X = np.reshape(X, (len(X), -1))
    return list(names or [f"x{j + 1}" for j in range(X.shape[1])]), list(X.T)


def _hidden(values: Array) -> tuple[list[str], list[Array]]:
    """Return the names and columns of what is hidden: components numbered from 1, or values of latent variables."""
    if values.dtype.kind in "iu" and values.ndim == 1:
        return ["component"], [values + 1]
    parts = np.reshape(values, (len(values), -1)).T
    return ["theta"] if len(parts) == 1 else [f"theta{j + 1}" for j in range(len(parts))], list(parts)


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
    own_words = has_answer(saved, "prediction_table")
    rows = read_rows(arguments, takes_text=True) if own_words else _rows(arguments, saved)
    draw(saved, rows.features, arguments.out)
    sys.stdout.write(f"Drew it to {arguments.out}\n")
    return 0


def _loaded(arguments: Namespace) -> Any:
    from emkit.io import load

    return load(arguments.fit)


def _rows(arguments: Namespace, saved: Any) -> Rows:
    return read_rows(arguments, getattr(arguments, "weights", None), names_of(saved))


def _give(arguments: Namespace, header: list[str], columns: list[Array]) -> None:
    if arguments.json:
        print_json(dict(zip(header, columns, strict=True)))
    else:
        write_table(header, columns, arguments.out)
