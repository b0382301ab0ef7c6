"""What is asked of partitions, and what runs functions where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import numpy as np

from emkit.data.columns import stack_columns, to_float
from emkit.data.frames import frame_columns
from emkit.data.pieces import Keys
from emkit.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Engine", "OnEngine", "Taste", "named_columns", "none_of", "numbers_in", "one_part", "shared_out"]

R = TypeVar("R")


@dataclass(frozen=True)
class Taste:
    """What is asked of the rows of a partition.

    Attributes
    ----------
    names : tuple of str, or None
        The columns that are features.
    weight : str or None
        The column of weights.
    allow_missing, allow_missing_columns : bool
        Whether NaN may be, and in a whole column.
    keys : Keys, optional
        Columns of sequences and times: blocks are whole sequences where they are given.
    """

    names: tuple[str, ...] | None
    weight: str | None
    allow_missing: bool
    allow_missing_columns: bool
    keys: Keys | None = None

    @classmethod
    def among(cls, names: Sequence[str], weight: str | None, asked: Taste) -> Taste:
        """Return what is asked of a table with these columns: all but those of another role are features.

        Raises
        ------
        DataError
            If there is no such column.
        """
        keys = () if asked.keys is None else asked.keys.columns
        for role, name in (("sample_weight", weight), *zip(("sequence", "time"), keys, strict=False)):
            if name is not None and name not in names:
                message = f"`{role}` is {name!r}, but the columns are {', '.join(map(repr, names))}."
                raise DataError(message)
        features = tuple(name for name in names if name != weight and name not in keys)
        return replace(asked, names=features, weight=weight)


class Engine(Protocol):
    """What runs functions where the partitions are."""

    def over(self, g: Callable[[int, Any], R]) -> list[R]:
        """Return ``g(index, part)`` of every partition, in order."""

    def collection(self, g: Callable[[int, Any], Any], like: NDArray[Any], counts: Sequence[int] | None) -> Any:
        """Return ``g(index, part)`` of all partitions as one collection of the engine, made on demand.

        `like` is the result for no rows: it tells the shape and the kind of the numbers; `counts` are the rows of each
        partition, where they are known.
        """


def named_columns(rows: Any, taste: Taste) -> dict[str, NDArray[Any]] | None:
    """Return the columns of a data frame by name; None for an array.

    Raises
    ------
    DataError
        If one that is asked for is missing.
    """
    found = None if isinstance(rows, np.ndarray) else frame_columns(rows)
    if found is None or taste.names is None:
        return None
    columns = {str(name): column for name, column in zip(*found, strict=True)}
    keys = () if taste.keys is None else taste.keys.columns
    for name in (*taste.names, *keys, *([taste.weight] if taste.weight else [])):
        if name not in columns:
            message = f"there is no column {name!r}; its columns are {', '.join(map(repr, columns))}."
            raise DataError(message)
    return columns


def numbers_in(columns: Any, taste: Taste) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
    """Return the features (b, d), and the weights (b,) where a column holds them."""
    assert taste.names is not None
    X = stack_columns(taste.names, [columns[name] for name in taste.names])
    return X, np.asarray(to_float(columns[taste.weight]), dtype=np.float64) if taste.weight else None


class OnEngine:
    """What sources whose partitions stay where they are have in common, of rows and of sequences."""

    __slots__ = ()

    _known: Any

    def __reduce__(self) -> Any:
        """A source stays where its engine is: what travels to the workers in its place is None."""
        return _nothing, ()

    @property
    def is_deferred(self) -> bool:
        """Whether nothing has been asked of the data yet: what is to be refused is refused when it is."""
        return self._known is None

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are at hand: False."""
        return False

    @property
    def is_local(self) -> bool:
        """Whether functions of blocks run in this process, and can write to its arrays: False."""
        return False

    def with_threads(self, n_threads: int) -> Self:
        """Return the same data: the engine decides what works on it."""
        return self


def _nothing() -> None:
    return


def none_of(f: Callable[[Any], Any], ones: Any, first: Callable[[], Any]) -> NDArray[Any]:
    """Return what `f` gives for no rows, from a block of ones, or from the first of the data where ones will not do."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(f(ones))[:0]
    except (ArithmeticError, ValueError, IndexError):  # a row of ones is none of this model's
        return np.asarray(f(first()))[:0]


def one_part(engine: Engine, index: int) -> Any:
    """Return one partition, in this process."""
    return next(part for part in engine.over(lambda at, part: part if at == index else None) if part is not None)


def shared_out(ranks: NDArray[np.intp], counts: Sequence[int]) -> list[NDArray[np.intp]]:
    """Return, for each partition, which of its rows are among `ranks`, numbers of rows in order."""
    ends = np.cumsum(counts)
    places = np.searchsorted(ranks, ends)
    starts = ends - np.asarray(counts)
    return [part - start for part, start in zip(np.split(ranks, places[:-1]), starts, strict=True)]
