"""The command `emkit impute`: fill in the empty cells of a table, and say how sure that is."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from emkit.cli.tables import Rows, print_json, read_rows, write_csv
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
    whole = read_table(arguments.data)
    rows = read_rows(arguments.data, arguments.columns)
    X = rows.matrix
    imputer = _imputer(arguments)
    imputer.fit(rows.table)
    copies = imputer.impute(rows.table) if len(targets) > 1 else [imputer.transform(rows.table)]
    for target, done in zip(targets, copies, strict=True):
        _write(whole, rows, done, target)
    told = _told(rows, X, copies, imputer)
    if arguments.json:
        about = {
            "data": whole.name,
            "n_rows": whole.n_rows,
            "saved": [str(t) for t in targets],
            "status": _status(imputer),
        }
        print_json(about | {"columns": told, "left_alone": _left_alone(whole, rows), "notes": list(imputer.fit_.notes)})
    else:
        sys.stdout.write(_text(whole, rows, told, imputer, targets))
    return OK if imputer.fit_.status.is_success else NOT_CONVERGED


def _imputer(arguments: Namespace) -> Any:
    from emkit.missing import EMImputer, MultipleImputer

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


def _write(whole: Table, rows: Rows, done: FloatArray, target: Path) -> None:
    """Write all columns of the table, those not filled in as they came."""
    place = {name: j for j, name in enumerate(rows.table.names)}
    columns = [_cells(done[:, place[n]] if n in place else whole.columns[n]) for n in whole.names]
    write_csv(whole.names, columns, str(target))


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


def _told(rows: Rows, X: FloatArray, copies: list[FloatArray], imputer: Any) -> list[dict[str, Any]]:
    """Return what was done to each column. `error` is the typical error of a filled-in entry, in its units."""
    sd = imputer.conditional_sd(rows.table)
    return [_of_column(name, X[:, j], [c[:, j] for c in copies], sd[:, j]) for j, name in enumerate(rows.table.names)]


def _of_column(name: str, x: FloatArray, copies: list[FloatArray], sd: FloatArray) -> dict[str, Any]:
    lost = np.isnan(x)
    seen, n_lost = x[~lost], int(lost.sum())
    spread = float(seen.std(ddof=1)) if len(seen) > 1 else 0.0
    told: dict[str, Any] = {"column": name, "missing": n_lost, "share": n_lost / len(x)}
    told |= {"mean": float(seen.mean()), "sd": spread, "filled_mean": None, "error": None, "explained": None}
    if n_lost:
        error = float(np.sqrt(np.mean(sd[lost] ** 2)))
        told["filled_mean"] = float(np.mean([copy[lost].mean() for copy in copies]))
        told["error"] = error
        told["explained"] = max(0.0, 1 - (error / spread) ** 2) if spread > 0 else None
    return told


def _left_alone(whole: Table, rows: Rows) -> dict[str, int]:
    """Return the columns that were not filled in, with how many cells they miss."""
    chosen = set(rows.table.names)
    return {name: _n_lost(whole.columns[name]) for name in whole.names if name not in chosen}


def _n_lost(column: Array) -> int:
    return sum(_cell(value) == "" for value in np.asarray(column).tolist())


def _status(imputer: Any) -> str:
    return str(imputer.fit_.status.value)


def _text(whole: Table, rows: Rows, told: list[dict[str, Any]], imputer: Any, targets: list[Path]) -> str:
    total = sum(column["missing"] for column in told)
    lines = [f"{whole.name}: {whole.n_rows} rows; {total} empty cells in {len(told)} numeric columns filled in", ""]
    lines += [table_text(Description("Columns", _HEADER, tuple(map(_row, told)))), "", *_legend(imputer, targets)]
    for name, n_lost in _left_alone(whole, rows).items():
        empty = f"; its {n_lost} empty cells are still empty" if n_lost else ""
        lines.append(f"{name} was left as it was{empty}")
    lines += [f"note: {note}" for note in imputer.fit_.notes]
    lines.append(f"Fit: {_status(imputer)}, log-likelihood {imputer.fit_.loglik:.4f}, {imputer.n_iter_} iterations")
    lines.append(f"Wrote {', '.join(map(str, targets))}")
    return "\n".join(lines) + "\n"


def _row(column: dict[str, Any]) -> tuple[Any, ...]:
    dash = "-"
    share, explained = column["share"], column["explained"]
    return (
        column["column"],
        column["missing"],
        f"{100 * share:.1f}%",
        column["mean"],
        column["sd"],
        dash if column["filled_mean"] is None else column["filled_mean"],
        dash if column["error"] is None else column["error"],
        dash if explained is None else f"{100 * explained:.0f}%",
    )


def _legend(imputer: Any, targets: list[Path]) -> list[str]:
    from emkit.missing import MultipleImputer

    is_mean = getattr(imputer, "method", "") == "mean"
    each = "its mean given the rest of its row" if is_mean else "a draw given the rest of its row"
    lines = [
        f"Each empty cell got {each}, under one normal distribution of the numeric columns.",
        "error: how far a filled-in value is from the true one, typically; explained: share of the variance known",
        "from the other columns. Near 0% a filled-in value is little more than the column's mean.",
    ]
    if isinstance(imputer, MultipleImputer):
        lines.append(f"{len(targets)} copies: analyse each and pool the answers (emkit.missing.pool).")
    elif is_mean:
        lines.append("Standard errors from a table filled in once are too small: see --copies.")
    return lines
