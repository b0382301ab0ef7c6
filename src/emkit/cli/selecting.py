"""The command `emkit select`."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from emkit.cli.places import check_plotting
from emkit.cli.tables import print_json, read_rows

__all__ = ["select"]

OK, NOTHING_PROPER = 0, 1


def select(arguments: Namespace) -> int:
    """Fit the grid, print its table, save the best fit, draw the criterion."""
    from emkit.mixture import select as choose

    if arguments.plot is not None:
        check_plotting(arguments.plot)
    rows = read_rows(arguments, arguments.weights)
    structures = arguments.structures if arguments.structures == "all" else arguments.structures.split(",")
    selection = choose(
        rows.table,
        arguments.components,
        structures=structures,
        criterion=arguments.criterion,
        sample_weight=rows.weights,
        n_init=arguments.starts,
        random_state=arguments.seed,
        n_threads=arguments.threads,
        resume=arguments.resume,
    )
    if not arguments.json:
        sys.stdout.write(f"{rows.sentence}\n\n{selection}\n")
    if not selection.ranked:
        if arguments.json:
            print_json({"best": None, "cells": selection.to_dict(), "saved": None, "picture": None})
        return NOTHING_PROPER
    _keep(arguments, selection)
    return OK


def _keep(arguments: Namespace, selection: Any) -> None:
    lines = []
    if arguments.out is not None:
        from emkit.io import save

        save(selection.best, arguments.out)
        lines.append(f"Saved the best fit to {arguments.out} (see it: emkit show {arguments.out})")
    if arguments.plot is not None:
        selection.plot().save(arguments.plot)
        lines.append(f"Drew it to {arguments.plot}")
    if arguments.json:
        best = selection.best_cell
        chosen = {
            "n_components": best.n_components,
            "structure": best.structure,
            selection.criterion: _value(selection),
        }
        print_json({"best": chosen, "cells": selection.to_dict(), "saved": arguments.out, "picture": arguments.plot})
    elif lines:
        sys.stdout.write("\n" + "\n".join(lines) + "\n")


def _value(selection: Any) -> float:
    return float(getattr(selection.best_cell, selection.criterion))
