"""Checkpoints: a long fit kept in one file, from which it goes on with the same bits as if it had never stopped."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

from emkit.core.archive import npy_bytes, read_archive, write_archive
from emkit.core.identity import Identity
from emkit.core.ledger import Ended, Leg, Standing
from emkit.core.tree import Reader, Writer
from emkit.errors import ParameterError, SavedFitError

__all__ = ["Checkpoint", "FileLedger", "ModuleNames", "as_checkpoint"]

FORMAT = 1
_LEVEL = 1  # compress little: a checkpoint is written often and read once
_FEW = 4  # rows of a trace by which the search judges a climb that is over: the first is dropped where traces join


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a fit is kept.

    Parameters
    ----------
    path : str or path
        By convention it ends in `.emkit`.
    every_iterations : int, optional
        Write after so many iterations, all starts together.
    every_seconds : float, optional
        Write when so many seconds have passed since the last time. Both may be given: whichever comes first. By
        default 30 seconds where `every_iterations` is not given.
    """

    path: str | os.PathLike[str]
    every_iterations: int | None = None
    every_seconds: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | os.PathLike):
            message = f"`checkpoint` must be a path or an `emkit.Checkpoint`, got {self.path!r}"
            raise ParameterError(message)
        for name in ("every_iterations", "every_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                message = f"`{name}` must be positive, got {value!r}"
                raise ParameterError(message)

    @property
    def seconds(self) -> float:
        """Seconds between two writings; infinite where iterations alone decide."""
        if self.every_seconds is not None:
            return self.every_seconds
        return _DEFAULT_SECONDS if self.every_iterations is None else float("inf")


_DEFAULT_SECONDS = 30.0


def as_checkpoint(given: Any) -> Checkpoint:
    """Return what the user gave, a path or a `Checkpoint`, as a `Checkpoint`."""
    return given if isinstance(given, Checkpoint) else Checkpoint(given)


@dataclass(frozen=True)
class _Content:
    """What the file holds besides the identity of the fit."""

    ended: tuple[tuple[int, int, Ended], ...] = ()
    standing: tuple[tuple[int, int, Standing], ...] = ()


@dataclass
class _Clock:
    """When to write again."""

    where: Checkpoint
    written: float = field(default_factory=time.monotonic)
    n_iter: int = 0

    def ticks(self) -> bool:
        """Count an iteration and return whether writing is due."""
        self.n_iter += 1
        every = self.where.every_iterations
        return (every is not None and self.n_iter >= every) or time.monotonic() - self.written >= self.where.seconds

    def reset(self) -> None:
        self.written, self.n_iter = time.monotonic(), 0


class FileLedger:
    """The ledger of a fit that is kept in a file.

    What has ended is held as it is, as nothing changes it any more; it becomes bytes when the file is written.
    """

    def __init__(self, where: Checkpoint, identity: Identity) -> None:
        self._where, self._identity = where, identity
        self._lock = threading.Lock()
        self._clock = _Clock(where)
        self._ended: dict[Leg, Ended] = {}
        self._standing: dict[Leg, Standing] = {}

    @classmethod
    def opened(cls, where: Checkpoint, identity: Identity) -> FileLedger:
        """Return the ledger of a file, which is begun where it does not exist.

        Raises
        ------
        SavedFitError
            If the file is that of another fit, or cannot be read or written.
        """
        ledger, path = cls(where, identity), Path(where.path)
        if path.exists():
            try:
                ledger._read(path)
            except SavedFitError as error:
                message = f"checkpoint {path}: {error}"
                raise SavedFitError(message) from error
        else:
            ledger.keep()  # a place that cannot be written is told at once, not after an hour
        return ledger

    @property
    def identity(self) -> Identity:
        """The fit that the file belongs to, with the state of its generator when it began."""
        return self._identity

    # --- what the loop and the search ask and tell ---

    def ended(self, leg: Leg) -> Ended | None:
        return self._ended.get(leg)

    def standing(self, leg: Leg) -> Standing | None:
        return self._standing.get(leg)

    def is_due(self) -> bool:
        with self._lock:
            return self._clock.ticks()

    def note(self, leg: Leg, standing: Standing) -> None:
        with self._lock:
            self._standing[leg] = standing

    def keep(self) -> None:
        with self._lock:
            self._write()

    def finish(self, leg: Leg, ended: Ended) -> None:
        with self._lock:
            self._standing.pop(leg, None)
            self._ended[leg] = ended
            before = Leg(leg.start, leg.stage - 1)
            if leg.start >= 0 and before in self._ended:
                self._ended[before] = _bare(self._ended[before])
            if self._clock.ticks():
                self._write()

    def settle(self, n_over: int, first: tuple[int, ...]) -> None:
        with self._lock:
            for leg, ended in self._ended.items():
                if 0 <= leg.start < n_over and leg.start != first[0]:
                    self._ended[leg] = _summary(ended, with_end=leg.start in first)
                    self._standing.pop(leg, None)

    # --- the file ---

    def _write(self) -> None:
        ended = tuple((*leg, item) for leg, item in self._ended.items())
        standing = tuple((*leg, item) for leg, item in self._standing.items())
        writer = Writer(_NAMES)
        tree = writer.tree(_Content(ended, standing), "legs")
        header = {"checkpoint": FORMAT, **self._identity.to_dict(), "content": tree}
        if writer.left_out:
            message = f"what the fit remembers holds objects that no file can hold: {', '.join(writer.left_out)}"
            raise SavedFitError(message)
        arrays = {name: npy_bytes(array) for name, array in writer.arrays.items()}
        write_archive(self._where.path, header, arrays, level=_LEVEL, indent=None)
        self._clock.reset()

    def _read(self, path: Path) -> None:
        header, arrays = read_archive(path, _check_format)
        self._identity = self._identity.continued(header)
        content: _Content = Reader(arrays, _NAMES).value(header["content"])
        self._ended = {Leg(start, stage): item for start, stage, item in content.ended}
        self._standing = {Leg(start, stage): item for start, stage, item in content.standing}


def _bare(ended: Ended) -> Ended:
    """Return a leg that has been gone on from: how it ended, without what only the next one needed."""
    point = replace(ended.climb.point, parameters=None, statistics=None)
    return replace(ended, climb=replace(ended.climb, point=point, memory=None))


def _summary(ended: Ended, *, with_end: bool) -> Ended:
    """Return a leg of a start that has lost: what the search judges it by, and perhaps where it ended."""
    bare = _bare(ended)
    parameters = ended.climb.point.parameters if with_end else None
    point = replace(bare.climb.point, parameters=parameters)
    return replace(bare, climb=replace(bare.climb, point=point, trace=bare.climb.trace.last(_FEW)))


def _check_format(header: Any) -> None:
    number = header.get("checkpoint") if isinstance(header, dict) else None
    if not isinstance(number, int):
        message = "this file is no checkpoint: give another path, or delete it"
        raise SavedFitError(message)
    if number != FORMAT:
        message = f"it has format {number}, and this emkit reads format {FORMAT}: finish it where it began"
        raise SavedFitError(message)


class ModuleNames:
    """Classes by module and name. Only emkit's own and those of modules already loaded are found."""

    inline_bytes = 512

    def __init__(self, keeps_transient: bool = True) -> None:
        self.keeps_transient = keeps_transient

    def name_of(self, cls: type) -> tuple[str, str]:
        return cls.__qualname__, cls.__module__

    def keeps_state(self, value: Any) -> bool:
        """Return whether an object is kept by its attributes: emkit's own plain objects, and named tuples."""
        cls = type(value)
        is_named_tuple = isinstance(value, tuple) and hasattr(cls, "_fields")
        return is_named_tuple or (cls.__module__.startswith("emkit.") and hasattr(value, "__dict__"))

    def find(self, name: str, home: str) -> Any:
        """Return a class by name.

        Raises
        ------
        SavedFitError
            If its module is not loaded, or holds no class of records of this name.
        """
        module = importlib.import_module(home) if home.startswith("emkit.") else sys.modules.get(home)
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if not isinstance(found, type) or not (is_dataclass(found) or home.startswith("emkit.") or _is_enum(found)):
            message = f"it holds a {name!r} of the module {home!r}, which is not there any more: was the code changed?"
            raise SavedFitError(message)
        return found


def _is_enum(cls: type) -> bool:
    return hasattr(cls, "__members__")


_NAMES = ModuleNames()
