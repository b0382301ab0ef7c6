"""From the arguments of the command to its exit code; the only place where errors become messages."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from emkit.cli.parser import make_parser
from emkit.errors import ConvergenceWarning, DegenerateWarning, EmkitError

__all__ = ["main"]

_MISTAKE = 2
_INTERRUPTED = 130  # as the shell has it: 128 + the number of the signal
_PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; `argv` are the arguments after the command's name."""
    try:
        args = make_parser().parse_args(argv)
        with warnings.catch_warnings():
            _speak_plainly()
            code = int(args.run(args))
        sys.stdout.flush()
    except EmkitError as error:
        return _mistake(str(error))
    except BrokenPipeError:
        # Python flushes standard output once more at exit: let that go nowhere instead of failing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        _tell("interrupted")
        return _INTERRUPTED
    except SystemExit as end:  # argparse: help, version, or a mistake it has told already
        return end.code if isinstance(end.code, int) else _MISTAKE
    return code


def _mistake(message: str) -> int:
    _tell(f"error: {' '.join(message.split())}")
    return _MISTAKE


def _tell(message: str) -> None:
    print(f"emkit: {message}", file=sys.stderr)


def _speak_plainly() -> None:
    """Show warnings as lines for people; how a fit ended is part of its summary and not said twice."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.simplefilter("ignore", DegenerateWarning)

    def show(message: Warning | str, *rest: object) -> None:
        _tell(f"warning: {message}")

    warnings.showwarning = show  # type: ignore[assignment]
