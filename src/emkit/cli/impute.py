"""The command `emkit impute`: fill in the empty cells of a table, and say how sure that is."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from emkit.cli.tables import layout_of, print_json, read_rows, split_names, write_table
from emkit.core.arrays import Array, FloatArray
from emkit.core.describe import Description
from emkit.data import Table, read_table
from emkit.errors import DataError, ParameterError
from emkit.report.layout import table_text

__all__ = ["impute"]

OK, NOT_CONVERGED = 0, 1
_HEADER = ("column", "missing", "share", "mean", "sd", "filled mean", "error", "explained")


def impute(arguments: Namespace) -> int:
    """Fill in a table, write it, and print what was done column by column."""
    targets = _targets(arguments)
    whole = read_table(arguments.data, **layout_of(arguments))
    table = _chosen(whole, arguments)
    imputer = _imputer(arguments).fit(table)
    copies, unsure = _filled(imputer, table, len(targets))
    for target, done in zip(targets, copies, strict=True):
        write_table(whole.names, [_cells(done.get(n, whole.columns[n])) for n in whole.names], str(target))
    told = [_of_column(n, table.columns[n], [done[n] for done in copies], unsure[n]) for n in table.names]
    if arguments.json:
        about = {"data": whole.name, "n_rows": whole.n_rows, "saved": [str(target) for target in targets]}
        found = {"columns": told, "left_alone": _left_alone(whole, table)}
        print_json(about | found | {"status": _status(imputer), "notes": list(imputer.fit_.notes)})
    else:
        sys.stdout.write(_text(whole, table, told, imputer, targets))
    return OK if imputer.fit_.status.is_success else NOT_CONVERGED


def _chosen(whole: Table, arguments: Namespace) -> Table:
    """Return the table to fill in: numeric columns, and those named by --categories."""
    categories = split_names(arguments.categories, "--categories") if arguments.categories else []
    whole.select(categories)
    if arguments.columns is not None:
        numeric = list(read_rows(arguments).table.names)
    else:
        numeric = [name for name in whole.names if name not in whole.skipped]
    names = [name for name in whole.names if name in numeric or name in categories]
    return whole.select(names) if names else read_rows(arguments).table


def _filled(imputer: Any, table: Table, n_copies: int) -> tuple[list[dict[str, Array]], dict[str, FloatArray]]:
    """Return the completed copies, and how unsure each entry is, column by column."""
    copies = imputer.impute(table) if n_copies > 1 else [imputer.transform(table)]
    if isinstance(copies[0], Table):
        return [dict(copy.columns) for copy in copies], imputer.uncertainty(table)
    sd = imputer.conditional_sd(table)
    by_name = [{name: copy[:, j] for j, name in enumerate(table.names)} for copy in copies]
    return by_name, {name: sd[:, j] for j, name in enumerate(table.names)}


def _imputer(arguments: Namespace) -> Any:
    from emkit.missing import EMImputer, MixedImputer, MultipleImputer

    if arguments.categories:
        return MixedImputer(
            categorical=split_names(arguments.categories, "--categories"),
            method="draw" if arguments.draw else "mean",
            n_imputations=0 if arguments.copies == 1 else arguments.copies,
            bounds=_bounds(arguments.bounds),
            random_state=arguments.seed,
            n_threads=arguments.threads,
        )
    common = {
        "prior_rows": arguments.prior_rows,
        "bounds": _bounds(arguments.bounds),
        "random_state": arguments.seed,
        "n_threads": arguments.threads,
    }
    if arguments.copies > 1:
        return MultipleImputer(n_imputations=arguments.copies, **common)
    return EMImputer(method="draw" if arguments.draw else "mean", **common)


def _bounds(given: list[str] | None) -> dict[str, tuple[float | None, float | None]]:
    """Return limits from arguments of the form NAME=LOW:HIGH, either end empty for none."""
    bounds = {}
    for text in given or []:
        name, _, span = text.rpartition("=")
        low, colon, high = span.partition(":")
        try:
            bounds[name] = (float(low) if low else None, float(high) if high else None)
        except ValueError:
            colon = ""
        if not name or not colon:
            message = f"--bounds takes NAME=LOW:HIGH, as in Ozone=0: for no upper limit, got {text!r}"
            raise ParameterError(message)
    return bounds


def _targets(arguments: Namespace) -> list[Path]:
    """Return where the copies go: NAME.csv, or NAME-1.csv, NAME-2.csv, ..."""
    name = Path(arguments.data).name
    first = Path(arguments.out or f"{name.split('.', maxsplit=1)[0] or name}-filled.csv")
    if not first.parent.is_dir():
        message = f"there is no folder {str(first.parent)!r} to write {first.name!r} to: make it first"
        raise DataError(message)
    if arguments.copies == 1:
        return [first]
    return [first.with_name(f"{first.stem}-{k + 1}{first.suffix}") for k in range(arguments.copies)]


def _cells(column: Array) -> Array:
    """Return values as they are written: whole numbers without a point, nothing where something is missing."""
    cells = [_cell(value) for value in np.asarray(column).tolist()]
    out = np.empty(len(cells), dtype=object)
    out[:] = cells
    return out


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _of_column(name: str, column: Array, copies: list[Array], unsure: FloatArray) -> dict[str, Any]:
    """Return what was done to a column. `error` is the typical error of a filled-in number, in its units, or the
    probability that a filled-in category is wrong.
    """
    lost = np.array([_cell(value) == "" for value in np.asarray(column).tolist()], dtype=bool)
    told: dict[str, Any] = {"column": name, "missing": int(lost.sum()), "share": float(lost.mean())}
    told |= dict.fromkeys(("mean", "sd", "filled_mean", "error", "explained"))
    if np.asarray(column).dtype.kind == "O":
        return told | {"error": float(unsure[lost].mean()) if lost.any() else None}
    seen = np.asarray(column, dtype=np.float64)[~lost]
    spread = float(seen.std(ddof=1)) if len(seen) > 1 else 0.0
    told |= {"mean": float(seen.mean()), "sd": spread}
    if lost.any():
        told["error"] = error = float(np.sqrt(np.mean(unsure[lost] ** 2)))
        told["filled_mean"] = float(np.mean([copy[lost].mean() for copy in copies]))
        told["explained"] = max(0.0, 1 - (error / spread) ** 2) if spread > 0 else None
    return told


def _left_alone(whole: Table, table: Table) -> dict[str, int]:
    """Return the columns that were not filled in, with how many cells they miss."""
    chosen = set(table.names)
    return {name: _n_lost(whole.columns[name]) for name in whole.names if name not in chosen}


def _n_lost(column: Array) -> int:
    return sum(_cell(value) == "" for value in np.asarray(column).tolist())


def _status(imputer: Any) -> str:
    return str(imputer.fit_.status.value)


def _text(whole: Table, table: Table, told: list[dict[str, Any]], imputer: Any, targets: list[Path]) -> str:
    total = sum(column["missing"] for column in told)
    lines = [f"{whole.name}: {whole.n_rows} rows; {total} empty cells in {len(told)} columns filled in", ""]
    lines += [table_text(Description("Columns", _HEADER, tuple(map(_row, told)))), "", *_legend(imputer, targets)]
    for name, n_lost in _left_alone(whole, table).items():
        empty = f"; its {n_lost} empty cells are still empty (see --categories)" if n_lost else ""
        lines.append(f"{name} was left as it was{empty}")
    lines += [f"note: {note}" for note in imputer.fit_.notes]
    lines.append(f"Fit: {_status(imputer)}, log-likelihood {imputer.fit_.loglik:.4f}, {imputer.n_iter_} iterations")
    lines.append(f"Wrote {', '.join(map(str, targets))}")
    return "\n".join(lines) + "\n"


def _row(column: dict[str, Any]) -> tuple[Any, ...]:
    numbers = ("-" if column[key] is None else column[key] for key in ("mean", "sd", "filled_mean", "error"))
    explained = "-" if column["explained"] is None else f"{100 * column['explained']:.0f}%"
    return (column["column"], column["missing"], f"{100 * column['share']:.1f}%", *numbers, explained)


def _legend(imputer: Any, targets: list[Path]) -> list[str]:
    is_mean = len(targets) == 1 and imputer.method == "mean"
    given = "given the rest of its row"
    each = f"its mean, or most probable category, {given}" if is_mean else f"a draw {given}"
    lines = [
        f"Each empty cell got {each}.",
        "error: how far a filled-in number is from the true one, typically; a category's chance to be wrong.",
        "explained: share of the variance known from the other columns. Near 0% a filled-in value is little more than",
        "the column's mean.",
    ]
    if len(targets) > 1:
        lines.append(f"{len(targets)} copies: analyse each and pool the answers (emkit.missing.pool).")
    elif is_mean:
        lines.append("Standard errors from a table filled in once are too small: see --copies.")
    return lines
