"""What may be written on the command line, and the help that says so."""

from __future__ import annotations

import argparse
from typing import NoReturn

import emkit
from emkit.cli.models import MODELS, arguments_of

__all__ = ["SOLVERS", "build_parser"]

SOLVERS = ("auto", "em", "quasi-newton", "squarem", "anderson")

_MODEL_LIST = "\n".join(f"  {entry.name:22}{entry.help}" for entry in MODELS)
_TOP = """\
Fit models with hidden parts (which group a row belongs to, for one) to a table, by maximum likelihood.
"""
_TOP_EXAMPLES = """\
examples:
  emkit datasets                                       which tables come with emkit
  emkit fit gaussian-mixture faithful --components 2 --plot faithful.png
  emkit predict faithful.emkit faithful                which component each row belongs to
  emkit fit density heights.csv --columns height
  emkit select faithful --components 1-9               how many components, and of what shape

`emkit COMMAND --help` tells more of each command.
exit codes: 0 done; 1 the fit did not converge or collapsed (it is printed all the same); 2 wrong usage
or data.
"""
_FIT_EXAMPLES = f"""\
models:
{_MODEL_LIST}

examples:
  emkit fit gaussian-mixture faithful --components 2
  emkit fit gaussian-mixture iris --components 3 --covariance tied --columns Sepal.Length,Petal.Length
  emkit fit k-means measurements.parquet --components 5 --starts 20 --out clusters.emkit
  emkit fit density galaxies --plot galaxies.png
  emkit fit gaussian-mixture year.parquet --components 8 --checkpoint year.ckpt
  emkit fit hmm patients.csv --states 3 --sequence patient --time day --decimal , --na -99

The fit is saved as NAME.emkit in the current folder, NAME being that of the data, unless --out or --no-save
says otherwise. An empty cell, NA or NaN is a missing value; gaussian-mixture uses what such rows do hold.
Files of more than 32 MB, and folders of files, are read in passes: they may be larger than the memory.
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"emkit: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = _Parser(prog="emkit", description=_TOP, epilog=_TOP_EXAMPLES, formatter_class=_formatter)
    parser.add_argument("--version", action="version", version=f"emkit {emkit.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands")
    _add_fit(_command(commands, "fit", "fit a model to a table", _FIT_EXAMPLES))
    _add_select(_command(commands, "select", "choose components and covariances of a mixture", _SELECT))
    _add_impute(_command(commands, "impute", "fill in the empty cells of a table", _IMPUTE))
    _add_predict(_command(commands, "predict", "say which component each row belongs to", _PREDICT))
    _add_score(_command(commands, "score", "say how probable rows are under a fit", _SCORE))
    _add_sample(_command(commands, "sample", "draw new rows from a fit", _SAMPLE))
    _add_show(_command(commands, "show", "print a saved fit", "example:\n  emkit show faithful.emkit\n"))
    _add_plot(_command(commands, "plot", "draw a saved fit over its data", _PLOT))
    _add_datasets(_command(commands, "datasets", "list the tables that come with emkit", _DATASETS))
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=100)


def _command(
    commands: argparse._SubParsersAction[_Parser], name: str, text: str, epilog: str
) -> argparse.ArgumentParser:
    description = text[0].upper() + text[1:] + "."
    return commands.add_parser(name, help=text, description=description, epilog=epilog, formatter_class=_formatter)


def _add_fit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what to fit: see below")
    _add_data(parser)
    add = parser.add_argument_group("the model").add_argument
    add("-k", "--components", type=_whole, metavar="K", help="components, or clusters; 1 unless given")
    for argument in arguments_of():
        add(*argument.flags, dest=argument.name, **argument.settings)
    add("--weights", metavar="COL", help="column of case weights: a row of weight 2 counts as two rows")
    add = parser.add_argument_group("the climb").add_argument
    add("--starts", type=_starts, metavar="N", help='how many starts compete; "auto" unless given')
    add(
        "--seed",
        type=_seed,
        default=0,
        metavar="S",
        help="seed of the starts: equal seeds, equal fits (default 0)",
    )
    add("--solver", choices=SOLVERS, help="how to climb; auto unless given")
    add("--tol", type=float, help="log-likelihood still to be gained at which to stop")
    add("--max-iter", type=_whole, metavar="N", help="most iterations of a climb")
    add(
        "--threads",
        type=_whole,
        metavar="N",
        help="threads; all unless given. Changes no digit of the result",
    )
    text = "keep the fit in this file while it runs: the same command goes on from it, whatever stopped the first"
    add("--checkpoint", metavar="FILE", help=text)
    add("--progress", action="store_true", help="show a progress bar (needs rich)")
    add = parser.add_argument_group("the result").add_argument
    add("-o", "--out", metavar="FILE", help="where to save the fit")
    add("--no-save", action="store_true", help="do not save the fit")
    add("--plot", metavar="FILE", help="draw the fit: .png, .pdf or .svg (needs matplotlib)")
    add("--standard-errors", action="store_true", help="add standard errors and 95%% intervals of all parameters")
    add("--diagnose", action="store_true", help="add what there is to worry about, in words")
    _add_json(parser)


_SELECT = """\
Gaussian mixtures of every number of components and every structure of covariances, and the best by a criterion.

examples:
  emkit select faithful --components 1-9
  emkit select iris --components 2,3,4 --structures EEE,VEV,VVV --criterion icl --plot iris.png
"""


def _add_select(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    add = parser.add_argument_group("the grid").add_argument
    add("-k", "--components", type=_counts, default="1-9", metavar="A-B", help="a range 1-9, or a list 2,3,5")
    text = "codes or words of covariances, separated by commas; all fourteen unless given"
    add("--structures", default="all", metavar="A,B", help=text)
    add("--criterion", choices=("bic", "icl", "aic"), default="bic", help="smaller is better (default bic)")
    add("--weights", metavar="COL", help="column of case weights: a row of weight 2 counts as two rows")
    add = parser.add_argument_group("the climbs").add_argument
    add(
        "--starts",
        type=_starts,
        metavar="N",
        default="auto",
        help="own starts of each fit; few, and many near the best",
    )
    add("--seed", type=_seed, default=0, metavar="S", help="seed of the starts (default 0)")
    add("--threads", type=_whole, metavar="N", help="threads; all unless given. Changes no digit of the result")
    add("--resume", metavar="FILE", help="write to this file on the way, and go on from it where it exists")
    add = parser.add_argument_group("the result").add_argument
    add("-o", "--out", metavar="FILE", help="where to save the best fit; nowhere unless given")
    add("--plot", metavar="FILE", help="draw the criterion: .png, .pdf or .svg (needs matplotlib)")
    _add_json(parser)


_IMPUTE = """\
Numeric columns are filled in from the other numeric columns of the row; what was done, and how sure it is, is
printed column by column. Text columns are copied as they are, and named, unless --categories names them.

examples:
  emkit impute airquality --out filled.csv
  emkit impute patients.csv --categories sex,smoker
  emkit impute airquality --copies 20 --bounds Ozone=0: --out filled.csv     filled-1.csv to filled-20.csv
"""


def _add_impute(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    add = parser.add_argument
    add("-o", "--out", metavar="FILE", help="where to write the table; NAME-filled.csv unless given")
    add("--draw", action="store_true", help="a random draw for each cell, not its mean: keeps the spread of the data")
    add("--copies", type=_whole, default=1, metavar="M", help="write M copies that differ as the truth may (default 1)")
    text = "columns of categories to fill in too, separated by commas (text, or numbers that are codes)"
    add("--categories", metavar="A,B", help=text)
    add("--bounds", action="append", metavar="COL=LOW:HIGH", help="limits of a column, as Ozone=0: ; may be repeated")
    text = "strength of a prior towards uncorrelated columns, in rows; for collinear columns or few rows (default 0)"
    add("--prior-rows", type=float, default=0.0, metavar="K", help=text)
    add("--seed", type=_seed, default=0, metavar="S", help="seed of the draws (default 0)")
    add("--threads", type=_whole, metavar="N", help="threads; all unless given. Changes no digit of the result")
    _add_json(parser)


_PREDICT = """\
One line for each row: its most probable component, numbered as by `emkit show`, and the probability of each.

examples:
  emkit predict faithful.emkit faithful
  emkit predict faithful.emkit new-eruptions.csv --out components.csv
  emkit predict faithful.emkit year.parquet --out components.parquet     of any size, block by block
"""
_SCORE = """\
examples:
  emkit score faithful.emkit faithful             log-likelihood, all rows together and per row
  emkit score faithful.emkit new.csv --each       log-density of each row: low ones are unusual
"""
_SAMPLE = "example:\n  emkit sample faithful.emkit --rows 1000 --seed 1 --out simulated.csv\n"
_PLOT = "example:\n  emkit plot faithful.emkit faithful --out faithful.png\n"
_DATASETS = "examples:\n  emkit datasets\n  emkit datasets faithful     where it comes from, and its columns\n"


def _add_predict(parser: argparse.ArgumentParser) -> None:
    _add_saved(parser)
    _add_data(parser)
    _add_csv(parser)
    _add_json(parser)


def _add_score(parser: argparse.ArgumentParser) -> None:
    _add_saved(parser)
    _add_data(parser)
    parser.add_argument("--weights", metavar="COL", help="column of case weights")
    parser.add_argument("--each", action="store_true", help="the log-density of each row, as CSV")
    _add_csv(parser)
    _add_json(parser)


def _add_sample(parser: argparse.ArgumentParser) -> None:
    _add_saved(parser)
    parser.add_argument("-n", "--rows", type=_whole, default=100, metavar="N", help="how many rows (default 100)")
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="equal seeds, equal rows (default 0)")
    _add_csv(parser)
    _add_json(parser)


def _add_show(parser: argparse.ArgumentParser) -> None:
    _add_saved(parser)
    _add_json(parser)


def _add_plot(parser: argparse.ArgumentParser) -> None:
    _add_saved(parser)
    _add_data(parser)
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="the picture: .png, .pdf or .svg")


def _add_datasets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="one of them, in detail")
    _add_json(parser)


def _add_saved(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("fit", metavar="FIT", help="a fit saved by `emkit fit`")


def _add_data(parser: argparse.ArgumentParser) -> None:
    text = "a file (CSV, TSV, Parquet, Feather, .npy) or the name of a table that comes with emkit"
    parser.add_argument("data", metavar="DATA", help=text)
    text = "which columns, separated by commas; all numeric ones, or those of the fit, unless given"
    parser.add_argument("--columns", metavar="A,B", help=text)
    add = parser.add_argument_group("text tables, where the file itself does not tell").add_argument
    text = 'what separates cells: one character, or "tab" or "space"'
    add("--delimiter", type=_delimiter, metavar="CHAR", help=text)
    add("--decimal", choices=(".", ","), help="the decimal mark")
    add("--encoding", metavar="NAME", help="as latin-1 or cp1252; utf-8 unless given")
    text = (
        "words that stand for a missing cell, separated by commas, beside the usual ones (empty, NA, NaN, null, ?, .)"
    )
    add("--na", metavar="A,B", help=text)


def _add_csv(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", metavar="FILE", help="write to this file instead of the screen")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _whole(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"expected a whole number of at least 1, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        message = f"expected a whole number of at least 0, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _delimiter(text: str) -> str:
    named = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}.get(text, text)
    if len(named) != 1:
        message = f'expected one character, or "tab" or "space", got {text!r}'
        raise argparse.ArgumentTypeError(message)
    return named


def _counts(text: str) -> list[int]:
    """Return numbers of components from "1-9" or "2,3,5"."""
    low, dash, high = text.partition("-")
    parts = [low, high] if dash else text.split(",")
    if not all(part.strip().isdecimal() and int(part) >= 1 for part in parts) or (dash and int(low) > int(high)):
        message = f"expected a range such as 1-9 or a list such as 2,3,5, got {text!r}"
        raise argparse.ArgumentTypeError(message)
    return list(range(int(low), int(high) + 1)) if dash else [int(part) for part in parts]


def _starts(text: str) -> int | str:
    return text if text == "auto" else _whole(text)
