"""The command `emkit datasets`."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from emkit.cli.tables import print_json
from emkit.core.describe import Description
from emkit.data import data_sets, load
from emkit.report.layout import labelled, table_text

__all__ = ["datasets"]


def datasets(arguments: Namespace) -> int:
    """List the shipped tables, or tell all about one."""
    if arguments.name is not None:
        return _one(arguments)
    found = data_sets()
    if arguments.json:
        print_json([entry._asdict() for entry in found])
        return 0
    rows = tuple((entry.name, entry.n, entry.d) for entry in found)
    lines = table_text(Description("Tables that come with emkit", ("name", "rows", "columns"), rows)).splitlines()
    described = zip(lines[2:], (entry.description for entry in found), strict=True)
    sys.stdout.write("\n".join([*lines[:2], labelled(described)]) + "\n")
    return 0


def _one(arguments: Namespace) -> int:
    table = load(arguments.name)
    entry = next(entry for entry in data_sets() if entry.name == arguments.name)
    if arguments.json:
        print_json(entry._asdict() | {"columns": list(table.names), "text_columns": list(table.skipped)})
        return 0
    about = {
        "name": entry.name,
        "what": entry.description,
        "size": f"{entry.n} rows, {len(table.names)} columns",
        "columns": ", ".join(_column(table, name) for name in table.names),
        "source": entry.source,
    }
    sys.stdout.write(labelled(about.items()) + "\n")
    return 0


def _column(table: Any, name: str) -> str:
    return f"{name} (text)" if name in table.skipped else name
