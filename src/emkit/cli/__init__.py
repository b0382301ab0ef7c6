"""The command `emkit`: from a file on disk to a fit, a picture and predictions."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (that of the process if None) and return the exit code."""
    from emkit.cli.app import run

    return run(argv)
