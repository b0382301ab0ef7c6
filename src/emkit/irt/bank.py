"""Item banks: calibrated items as other programs read them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import ParameterError
from emkit.irt.forms import ItemTable

__all__ = ["bank_array", "write_bank"]


def bank_array(table: ItemTable) -> FloatArray:
    """Return discrimination, difficulty, guessing and upper asymptote (j, 4): the item matrix of catsim.

    Raises
    ------
    ParameterError
        If items have more than two categories or several factors.
    """
    if "b" not in table.columns or "a2" in table.columns:
        found = ", ".join(table.columns)
        message = f"an array of a, b, c, d needs two-category items on one factor; these have {found}"
        raise ParameterError(message)
    columns = [table["a1"], table["b"]]
    for name, blank in {"g": 0.0, "u": 1.0}.items():
        column = table[name] if name in table.columns else np.full(len(table.items), blank)
        columns.append(np.where(np.isnan(column), blank, column))
    return np.stack(columns, axis=1)


def write_bank(table: ItemTable, path: Any) -> Path:
    """Write a table of items as .csv (a row for each item, empty cells for what it has not) or .json.

    The columns have the names of mirt; R reads the file by `read.csv(path, row.names = 1)`.

    Raises
    ------
    ParameterError
        If the suffix is another.
    """
    place = Path(path)
    found = {name: [_blank(value) for value in column] for name, column in table.to_dict().items()}
    if place.suffix == ".json":
        place.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    elif place.suffix == ".csv":
        with place.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(found)
            writer.writerows(zip(*found.values(), strict=True))
    else:
        message = f"an item bank is written as .csv or .json, got {place.name!r}"
        raise ParameterError(message)
    return place


def _blank(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
