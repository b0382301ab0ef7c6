"""The run of one command: parse, do, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Sequence

from emkit.cli.parser import build_parser
from emkit.errors import ConvergenceWarning, DegenerateWarning, EmkitError

__all__ = ["run"]

WRONG = 2
INTERRUPTED = 130  # what a shell reports of a program ended by Ctrl-C
BROKEN_PIPE = 141  # and of one whose reader went away
_EXTRAS = {"matplotlib": "plot", "rich": "progress", "pyarrow": "tables"}


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            _quieten()
            code = _command(arguments.command)(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # whatever is still in the buffer has no reader: without this, closing it would fail once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except (EmkitError, OSError) as error:
        return _failed(_message(error))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        return _failed(f"this needs {error.name}: pip install 'emkit[{_EXTRAS[error.name]}]'")
    except MemoryError:
        return _failed("not enough memory for this table and model")
    return code


def _command(name: str) -> Callable[[Namespace], int]:
    from emkit.cli import commands

    return commands.COMMANDS[name]


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _failed(message: str, code: int = WRONG) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"emkit: error: {line}\n")
    return code


def _quieten() -> None:
    """Leave out warnings that the result itself repeats, and show others in one line."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", DegenerateWarning)

    said: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        line = " ".join(str(message).split())
        if line not in said:
            said.add(line)
            sys.stderr.write(f"emkit: warning: {line}\n")

    warnings.showwarning = show
