"""Tables in which a model describes its parameters; reports print them, programs read them."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Description"]


class Description(NamedTuple):
    """One table: a title, a header per column, and rows of numbers and words (the first column names the row)."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
