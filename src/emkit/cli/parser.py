"""The arguments of the command, and the help that a newcomer reads."""

from __future__ import annotations

import argparse
import importlib
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import Any, NoReturn

import emkit
from emkit.cli.models import MODELS, SOLVERS

__all__ = ["make_parser"]

_DATA = (
    "a file (CSV, TSV, Parquet, Arrow/Feather, .npy, .npz), one row for each unit, or the name of a data set that "
    "comes with emkit (see `emkit datasets`)"
)

_EXAMPLES = """\
examples:
  emkit datasets                                       what there is to try
  emkit fit gaussian-mixture faithful --components 2 --plot faithful.png
  emkit show faithful.emkit                            the fit again
  emkit predict faithful.emkit new.csv > labels.csv    which component each row belongs to
  emkit sample faithful.emkit -n 1000 > more.csv       new rows like the old ones

Each command has its own help: emkit fit --help
"""

_FIT_EXAMPLES = """\
models:
{models}

examples:
  emkit fit gaussian-mixture faithful --components 2 --plot faithful.png
  emkit fit gaussian-mixture iris --components 3 --covariance tied --seed 1
  emkit fit gaussian-mixture measures.csv --columns height,weight --weights count --out people.emkit
  emkit fit k-means iris --components 3
  emkit fit density galaxies --plot galaxies.png
  emkit fit gaussian-mixture faithful --components 2 --json | python -m json.tool

exit code: 0 if the fit converged, 1 if it did not or is degenerate (its result is printed all the same),
2 for a mistake in the command or the data
"""


class _Parser(ArgumentParser):
    """A parser whose mistakes are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"emkit: error: {message} (see {self.prog} --help)\n")


def make_parser() -> ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(
        prog="emkit",
        description="Fit latent-variable models by expectation-maximization, and use what was fitted.",
        epilog=_EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"emkit {emkit.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_add_fit, _add_show, _add_predict, _add_score, _add_sample, _add_plot, _add_datasets):
        add(commands)
    return parser


def _command(commands: Any, name: str, summary: str, epilog: str = "") -> ArgumentParser:
    parser: ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=epilog,
        formatter_class=RawDescriptionHelpFormatter,
    )

    def run(args: Namespace) -> int:  # commands are imported when run: help stays quick
        return int(getattr(importlib.import_module("emkit.cli.commands"), name)(args))

    parser.set_defaults(run=run)
    return parser


def _add_fit(commands: Any) -> None:
    lines = "\n".join(f"  {name:<18} {command.help}" for name, command in MODELS.items())
    parser = _command(commands, "fit", "fit a model to a table", _FIT_EXAMPLES.format(models=lines))
    parser.add_argument(
        "model", metavar="MODEL", choices=MODELS, help="what to fit; the models are listed below"
    )
    parser.add_argument("data", metavar="DATA", help=_DATA)
    _add_choices(parser)
    _add_columns(parser, has_weights=True)
    _add_effort(parser)
    _add_results(parser)


def _add_choices(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("the model")
    group.add_argument("--components", type=_positive, metavar="K", help="number of components or clusters")
    group.add_argument(
        "--covariance",
        choices=("full", "tied", "diag", "spherical"),
        help="how free the covariances are (default: full)",
    )


def _add_columns(parser: ArgumentParser, *, has_weights: bool = False) -> None:
    group = parser.add_argument_group("the data")
    group.add_argument(
        "--columns",
        type=_names,
        metavar="A,B",
        help="columns to use (default: all numeric ones, or those of the fit)",
    )
    if has_weights:
        group.add_argument(
            "--weights", metavar="COL", help="a column of case weights: a row of weight 2 counts as two rows"
        )


def _add_effort(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("the search")
    group.add_argument(
        "--starts", type=_positive, metavar="N", help="starts that compete (default: as many as needed)"
    )
    group.add_argument("--seed", type=_whole, metavar="S", default=0, help="seed of the starts (default: 0)")
    group.add_argument("--solver", choices=("auto", *SOLVERS), help="how to climb (default: auto)")
    group.add_argument(
        "--tol", type=_tolerance, metavar="GAIN", help="log-likelihood still to be gained at which to stop"
    )
    group.add_argument("--max-iter", type=_positive, metavar="N", help="most iterations of each climb")
    group.add_argument(
        "--threads", type=_positive, metavar="N", help="threads (default: all); changes no digit"
    )


def _add_results(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("the result")
    saving = group.add_mutually_exclusive_group()
    saving.add_argument(
        "--out", metavar="FILE", help="where to save the fit (default: the data's name with .emkit, here)"
    )
    saving.add_argument("--no-save", action="store_true", help="do not save the fit")
    group.add_argument("--plot", metavar="FILE", help="draw the fit into a picture: .png, .svg or .pdf")
    group.add_argument(
        "--json", action="store_true", help="print JSON for programs instead of tables for people"
    )
    group.add_argument(
        "--progress", action="store_true", help="show the climb on standard error while it lasts"
    )


def _add_show(commands: Any) -> None:
    parser = _command(commands, "show", "print what is in a saved fit")
    _add_saved(parser)
    _add_json(parser)


def _add_predict(commands: Any) -> None:
    parser = _command(
        commands,
        "predict",
        "print the component of each row, and its probabilities, as CSV",
        "Components are numbered from 1, as in the tables. Columns are found by the names they had in the fit.",
    )
    _add_saved(parser)
    parser.add_argument("data", metavar="DATA", help=_DATA)
    _add_columns(parser)
    _add_out(parser)


def _add_score(commands: Any) -> None:
    parser = _command(
        commands, "score", "print how well a saved fit describes a table: its log-likelihood per row"
    )
    _add_saved(parser)
    parser.add_argument("data", metavar="DATA", help=_DATA)
    _add_columns(parser, has_weights=True)
    parser.add_argument("--rows", action="store_true", help="print the log-density of each row, as CSV")
    _add_out(parser)
    _add_json(parser)


def _add_sample(commands: Any) -> None:
    parser = _command(commands, "sample", "print new rows drawn from a saved fit, as CSV")
    _add_saved(parser)
    parser.add_argument("-n", type=_positive, metavar="N", default=100, help="number of rows (default: 100)")
    parser.add_argument("--seed", type=_whole, metavar="S", default=0, help="seed (default: 0)")
    parser.add_argument("--labels", action="store_true", help="add the component each row was drawn from")
    _add_out(parser)


def _add_plot(commands: Any) -> None:
    parser = _command(commands, "plot", "draw a saved fit over the data")
    _add_saved(parser)
    parser.add_argument("data", metavar="DATA", help=_DATA)
    _add_columns(parser)
    parser.add_argument("--out", metavar="FILE", required=True, help="the picture: .png, .svg or .pdf")


def _add_datasets(commands: Any) -> None:
    parser = _command(commands, "datasets", "list the data sets that come with emkit, or print one as CSV")
    parser.add_argument("name", metavar="NAME", nargs="?", help="print this data set")
    _add_out(parser)
    _add_json(parser)


def _add_saved(parser: ArgumentParser) -> None:
    parser.add_argument("fit", metavar="FIT", help="a file that `emkit fit` has saved")


def _add_out(parser: ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of standard output")


def _add_json(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def _positive(text: str) -> int:
    return _checked(text, int, lambda value: value >= 1, "a whole number of at least 1")


def _whole(text: str) -> int:
    return _checked(text, int, lambda value: value >= 0, "a whole number of at least 0")


def _tolerance(text: str) -> float:
    return _checked(text, float, lambda value: value >= 0, "a number of at least 0")


def _checked(text: str, kind: Any, is_right: Any, wanted: str) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not is_right(value):
        message = f"expected {wanted}, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return value


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        message = f"expected names separated by commas, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return names
