"""What each command does. Each returns its exit code."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from emkit.cli.answers import plot, predict, sample, score, show
from emkit.cli.fitting import fit
from emkit.cli.impute import impute
from emkit.cli.selecting import select
from emkit.cli.shipped import datasets

__all__ = ["COMMANDS"]

COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "datasets": datasets,
    "fit": fit,
    "impute": impute,
    "plot": plot,
    "predict": predict,
    "sample": sample,
    "score": score,
    "select": select,
    "show": show,
}
