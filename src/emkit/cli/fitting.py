"""The command `emkit fit`."""

from __future__ import annotations

import contextlib
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from emkit.cli.entries.entry import ModelEntry
from emkit.cli.models import arguments_of, model_named
from emkit.cli.places import check_plotting, writable
from emkit.cli.streaming import StreamedRows, is_large, streamed_rows
from emkit.cli.subjects import fit_of, tell, text_of
from emkit.cli.tables import Rows, print_json, read_rows
from emkit.core import EM, Anderson, QuasiNewton, Squarem, Status
from emkit.errors import ParameterError

__all__ = ["fit"]

OK, NOT_CONVERGED, INTERRUPTED = 0, 1, 130
_SOLVERS = {"em": EM, "quasi-newton": QuasiNewton, "squarem": Squarem, "anderson": Anderson}
_OPTIONS = ("components", "solver", "starts", "tol", "max_iter", "threads", "checkpoint")


def fit(arguments: Namespace) -> int:
    """Fit a model to a table, print it, save it, draw it."""
    entry = model_named(arguments.model)
    saved, picture = _target(arguments), arguments.plot
    if picture is not None:
        check_plotting(picture)
    is_streamed = entry.streams and is_large(Path(arguments.data))
    rows = streamed_rows(arguments, entry.options) if is_streamed else _whole(arguments, entry)
    estimator = _fitted(entry, rows, arguments)
    extras = _extras(estimator, arguments)
    if not arguments.json:
        sys.stdout.write("\n\n".join([rows.sentence, text_of(estimator), *map(str, extras.values())]) + "\n")
    if saved is not None:
        from emkit.io import save

        save(estimator, saved)
    if picture is not None:
        from emkit.plot import draw

        draw(estimator, rows.features, picture)
    _say_where(arguments, rows, estimator, saved, extras)
    return _code(estimator)


def _whole(arguments: Namespace, entry: ModelEntry) -> Rows:
    return read_rows(arguments, arguments.weights, takes_text=entry.takes_text)


def _extras(estimator: Any, arguments: Namespace) -> dict[str, Any]:
    """Return what was asked for beside the fit, by name."""
    asked = {"standard_errors": arguments.standard_errors, "diagnosis": arguments.diagnose}
    result = fit_of(estimator)
    answers = {"standard_errors": "confint", "diagnosis": "diagnose"}
    return {name: getattr(result, answers[name])() for name, is_asked in asked.items() if is_asked}


def _fitted(entry: ModelEntry, rows: Rows | StreamedRows, arguments: Namespace) -> Any:
    names = (*_OPTIONS, *(argument.name for argument in arguments_of()))
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    if given.get("solver") in _SOLVERS:
        given["solver"] = _SOLVERS[given["solver"]]()
    if "seed" in entry.options:
        given["seed"] = arguments.seed
    with contextlib.ExitStack() as stack:
        if arguments.progress:
            from emkit.report.progress import ProgressBar

            given["progress"] = stack.enter_context(ProgressBar())
        estimator = entry.fitted(rows.data, rows.weights, given)
    if arguments.progress:
        estimator.set_params(**{entry.options["progress"]: None})  # the bar is gone
    return estimator


def _target(arguments: Namespace) -> Path | None:
    """Return where the fit goes, checked before the work begins."""
    if arguments.no_save:
        if arguments.out is not None:
            message = "--out and --no-save exclude one another"
            raise ParameterError(message)
        return None
    name = Path(arguments.data).name
    stem = name.split(".", maxsplit=1)[0] or name
    return writable(Path(arguments.out or f"{stem}.emkit"))


def _say_where(
    arguments: Namespace, rows: Rows | StreamedRows, estimator: Any, saved: Path | None, extras: dict[str, Any]
) -> None:
    """Print where the fit and the picture are, and in JSON everything else too."""
    if arguments.json:
        about = {
            "data": rows.name,
            "n_rows": rows.n_rows,
            "columns": list(rows.names),
            "skipped_columns": list(rows.skipped),
        }
        places = {"saved": None if saved is None else str(saved), "picture": arguments.plot}
        print_json(about | tell(estimator) | {name: extra.to_dict() for name, extra in extras.items()} | places)
        return
    lines = [] if saved is None else [f"Saved the fit to {saved} (see it again: emkit show {saved})"]
    lines += [] if arguments.plot is None else [f"Drew it to {arguments.plot}"]
    if fit_of(estimator).status is Status.INTERRUPTED:
        lines.append(_way_on(arguments))
    if lines:
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def _way_on(arguments: Namespace) -> str:
    if arguments.checkpoint is not None:
        return f"Interrupted. The same command goes on from {arguments.checkpoint}, as if it had never stopped."
    return "Interrupted: this is the best so far. With --checkpoint FILE the same command could have gone on."


def _code(estimator: Any) -> int:
    status = fit_of(estimator).status
    if status is Status.INTERRUPTED:
        return INTERRUPTED
    return OK if status.is_success else NOT_CONVERGED
