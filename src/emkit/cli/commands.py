"""What each command does. A command returns its exit code; mistakes are raised as errors of emkit."""

from __future__ import annotations

import importlib
import importlib.util
import math
import textwrap
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

import emkit
from emkit.cli.models import MODELS
from emkit.cli.progress import progress
from emkit.cli.tables import Columns, columns_for, columns_to_fit, print_json, write_csv
from emkit.data import Table, data_sets
from emkit.data import load as load_data
from emkit.errors import DataError, ParameterError
from emkit.report import summary, to_dict

__all__ = ["datasets", "fit", "plot", "predict", "sample", "score", "show"]

_NOT_CONVERGED = 1
_IN = " " * 4


def fit(args: Namespace) -> int:
    """Fit, print, save, draw."""
    saved = None if args.no_save else Path(args.out or f"{_stem(args.data)}.emkit")
    _check_writable(*(path for path in (saved, args.plot) if path is not None))
    if args.plot is not None:
        _check_can_draw()
    estimator = MODELS[args.model].build(args)
    columns = columns_to_fit(args.data, args.columns, args.weights)
    with progress(estimator, is_shown=args.progress):
        estimator.fit(columns.X, **({} if columns.weights is None else {"sample_weight": columns.weights}))
    if saved is not None:
        emkit.save(estimator, saved)
    if args.plot is not None:
        _draw(estimator, columns, args.plot)
    (_print_json if args.json else _print_text)(args, estimator, columns, saved)
    return _exit_code(estimator)


def _exit_code(estimator: Any) -> int:
    return 0 if estimator.fit_.status.is_success else _NOT_CONVERGED


def _print_text(args: Namespace, estimator: Any, columns: Columns, saved: Path | None) -> None:
    print(f"{columns.source}: {columns.n_rows} rows of {', '.join(columns.X)}{_left_out(columns)}")
    print()
    print(summary(estimator, columns.X if columns.weights is None else None))
    lines = [] if saved is None else [f"Saved to {saved} (see it again: emkit show {saved})"]
    lines += [] if args.plot is None else [f"Drawn in {args.plot}"]
    if lines:
        print("\n" + "\n".join(lines))


def _print_json(args: Namespace, estimator: Any, columns: Columns, saved: Path | None) -> None:
    about = {"data": columns.source, "n_rows": columns.n_rows, "skipped_columns": list(columns.skipped)}
    files = {"saved": None if saved is None else str(saved), "plot": args.plot}
    print_json(to_dict(estimator, columns.X if columns.weights is None else None) | about | files)


def _left_out(columns: Columns) -> str:
    return f" (left out, no numbers: {', '.join(columns.skipped)})" if columns.skipped else ""


def show(args: Namespace) -> int:
    """Print a saved fit."""
    saved = emkit.load(args.fit)
    if args.json:
        print_json(to_dict(saved))
    else:
        print(summary(saved))
    return 0


def predict(args: Namespace) -> int:
    """Write the component of each row and its probabilities."""
    saved = _load(args.fit, "predict")
    X = columns_for(saved, args.data, args.columns).X
    if callable(getattr(saved, "predict_proba", None)):
        resp = saved.predict_proba(X)
        header = ["component", *(f"probability_{k + 1}" for k in range(resp.shape[1]))]
        rows = (
            [1 + label, *row] for label, row in zip(resp.argmax(axis=1).tolist(), resp.tolist(), strict=True)
        )
    else:
        header, rows = ["cluster"], ([1 + label] for label in saved.predict(X).tolist())
    write_csv(header, rows, args.out)
    return 0


def score(args: Namespace) -> int:
    """Print the log-likelihood per row, or the log-density of each row."""
    saved = _load(args.fit, "score_samples")
    columns = columns_for(saved, args.data, args.columns, args.weights)
    log_density = np.asarray(saved.score_samples(columns.X))
    if args.rows:
        write_csv(["log_density"], ([value] for value in log_density.tolist()), args.out)
        return 0
    weights = np.ones(len(log_density)) if columns.weights is None else columns.weights
    loglik, total = float(weights @ log_density), float(weights.sum())
    found = {"loglik": loglik, "loglik_per_row": loglik / total, "weight": total}
    if args.json:
        print_json(found)
    else:
        write_csv(list(found), [list(found.values())], args.out)
    return 0


def sample(args: Namespace) -> int:
    """Write rows drawn from a saved fit."""
    saved = _load(args.fit, "sample")
    drawn = saved.sample(args.n, random_state=args.seed)
    rows, labels = drawn if isinstance(drawn, tuple) else (drawn, None)
    rows = np.asarray(rows).reshape(args.n, -1)
    known = getattr(saved, "feature_names_in_", None)
    header = [f"x{j + 1}" for j in range(rows.shape[1])] if known is None else [str(name) for name in known]
    if not args.labels or labels is None:
        write_csv(header, rows.tolist(), args.out)
    else:
        lines = (
            [*row, 1 + label] for row, label in zip(rows.tolist(), np.asarray(labels).tolist(), strict=True)
        )
        write_csv([*header, "component"], lines, args.out)
    return 0


def plot(args: Namespace) -> int:
    """Draw a saved fit over data."""
    _check_writable(args.out)
    _check_can_draw()
    saved = emkit.load(args.fit)
    _draw(saved, columns_for(saved, args.data, args.columns), args.out)
    print(f"Drawn in {args.out}")
    return 0


def datasets(args: Namespace) -> int:
    """List the shipped data sets, or write one."""
    if args.name is not None:
        table = load_data(args.name)
        write_csv(table.names, zip(*_cells(table), strict=True), args.out)
    elif args.json:
        print_json([entry._asdict() for entry in data_sets()])
    else:
        for entry in data_sets():
            print(
                f"{entry.name}: {entry.n} rows, {entry.d} numeric {'column' if entry.d == 1 else 'columns'}"
            )
            print(
                textwrap.fill(
                    f"{entry.description}. {entry.source}.", 100, initial_indent=_IN, subsequent_indent=_IN
                )
            )
    return 0


def _cells(table: Table) -> list[list[Any]]:
    """Return the columns as plain values: whole numbers without a point, missing ones empty."""
    return [[_cell(value) for value in table[name].tolist()] for name in table.names]


def _cell(value: Any) -> Any:
    if not isinstance(value, float):
        return "" if value is None else value
    if math.isnan(value):
        return ""
    return int(value) if value.is_integer() else value


def _load(path: str, method: str) -> Any:
    """Return a saved estimator that can do what the command asks of it."""
    saved = emkit.load(path)
    if not callable(getattr(saved, method, None)):
        message = f"{path} holds a {type(saved).__name__}, which cannot do this (it has no {method!r})"
        raise ParameterError(message)
    return saved


def _stem(data: str) -> str:
    """Return the name of a file or data set without folder and endings."""
    return Path(data).name.split(".")[0] or "fit"


def _check_writable(*paths: str | Path) -> None:
    """Raise before the work is done, not after, if a file cannot be put where it is wanted."""
    for path in map(Path, paths):
        if path.is_dir():
            message = f"{path} is a folder: name a file in it"
            raise DataError(message)
        if not path.parent.is_dir():
            message = f"{path} cannot be written: there is no folder {str(path.parent)!r}"
            raise DataError(message)


def _check_can_draw() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        message = "drawing needs matplotlib: pip install emkit[plot]"
        raise ParameterError(message)


def _draw(estimator: Any, columns: Columns, path: str) -> None:
    try:
        importlib.import_module("emkit.plot").draw(estimator, columns.X, path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise DataError(message) from error
    except ValueError as error:  # matplotlib: a format that it does not know
        if isinstance(error, emkit.errors.EmkitError) or "ormat" not in str(error):
            raise
        message = f"{path} cannot be drawn: {error}"
        raise ParameterError(message) from error
