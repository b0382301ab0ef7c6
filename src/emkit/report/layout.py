"""Numbers and tables as text: aligned, with sensible digits, within a width."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from emkit.core.describe import Description

__all__ = ["WIDTH", "labelled", "number", "shorten", "table_text"]

WIDTH = 100
MAX_ROWS = 40  # a table with more is cut, and says so
MAX_COLUMNS = 61  # names of the rows included
_DIGITS = 4
_MOST_DIGITS = 7
_GAP = "  "


def number(value: Any, digits: int = _DIGITS) -> str:
    """Return one number with so many significant digits, without needless zeros."""
    return str(value) if _is_whole(value) else f"{float(value):.{digits}g}"


def shorten(text: str, width: int) -> str:
    """Return a text cut to a width, with dots where it goes on."""
    return text if len(text) <= width else text[: width - 3] + "..."


def labelled(pairs: Iterable[tuple[str, str]], width: int = WIDTH) -> str:
    """Return lines `label  text` with the texts aligned, long ones broken."""
    kept = [(label, text) for label, text in pairs if text]
    indent = max(len(label) for label, _ in kept) + len(_GAP)
    lines = []
    for label, text in kept:
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=label.ljust(indent),
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def table_text(table: Description, width: int = WIDTH) -> str:
    """Return a table under its title; columns that do not fit go below, with the row names again."""
    shown, width_in_columns = table.rows[:MAX_ROWS], len(table.header)
    columns = [
        _aligned(table.header[j], _column([row[j] for row in shown]), is_first=j == 0)
        for j in range(min(width_in_columns, MAX_COLUMNS))
    ]
    chunks = ["\n".join(_line(lines) for lines in zip(*chunk, strict=True)) for chunk in _chunks(columns, width)]
    return "\n".join([table.title, *chunks, *_hidden(len(table.rows) - MAX_ROWS, width_in_columns - MAX_COLUMNS)])


def _hidden(n_rows: int, n_columns: int) -> list[str]:
    """Return the line that says how much of a table is not shown."""
    parts = [f"{n} more {what}" for n, what in ((n_rows, "rows"), (n_columns, "columns")) if n > 0]
    return [_GAP + "... and " + ", ".join(parts)] if parts else []


def _line(cells: Iterable[str]) -> str:
    return (_GAP + _GAP.join(cells)).rstrip()


def _chunks(columns: Sequence[list[str]], width: int) -> list[list[list[str]]]:
    """Return columns in groups that fit, each beginning with the names of the rows."""
    names, rest = columns[0], columns[1:]
    chunks, room = [[names]], width - len(_GAP) - len(names[0])
    left = room
    for column in rest:
        need = len(_GAP) + len(column[0])
        if need > left and len(chunks[-1]) > 1:
            chunks.append([names])
            left = room
        chunks[-1].append(column)
        left -= need
    return chunks


def _aligned(name: str, cells: Sequence[str], *, is_first: bool) -> list[str]:
    width = max(len(name), *(len(cell) for cell in cells)) if cells else len(name)
    return [cell.ljust(width) if is_first else cell.rjust(width) for cell in (name, *cells)]


def _column(values: Sequence[Any]) -> list[str]:
    """Return the cells of a column: numbers of like size share their decimals, others their significant
    digits."""
    numbers = [float(v) for v in values if _is_number(v) and not _is_whole(v) and math.isfinite(v)]
    sizes = [abs(x) for x in numbers if x != 0]
    if not sizes:
        return [_cell(value, None) for value in values]
    top = max(sizes)
    is_even = min(sizes) > 1e-3 * top and 1e-3 <= top < 1e6
    return [_cell(value, _decimals(top, numbers) if is_even else None) for value in values]


def _decimals(top: float, numbers: Sequence[float]) -> int:
    """Return how many decimals show four digits of the largest number and two of the gaps, seven at most."""
    spread, size = max(numbers) - min(numbers), math.floor(math.log10(top))
    for_gaps = 1 - math.floor(math.log10(spread)) if spread > 0 else 0
    return max(0, min(max(_DIGITS - 1 - size, for_gaps), _MOST_DIGITS - 1 - size))


def _cell(value: Any, decimals: int | None) -> str:
    if value is None:
        return ""
    if not _is_number(value) or _is_whole(value):
        return str(value)
    if not math.isfinite(value):
        return str(float(value))
    return number(value) if decimals is None else f"{value:.{decimals}f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer)
