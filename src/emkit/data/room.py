"""Room in memory: how much there is, and blocks that are kept in it between the passes of one fit."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Shelf", "free_memory"]

_SHARE = 4  # of the free memory, one part in so many is taken unless another limit is given
_PAGE = 4096
_CGROUP = Path("/sys/fs/cgroup")

Numbers = tuple["NDArray[Any]", "NDArray[Any] | None"]


class Shelf:
    """Blocks as numbers, kept while a fit runs where all of them fit in the room there is.

    Parameters
    ----------
    limit : int or None
        Bytes that may be taken; None is a quarter of what is free when the fit begins.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._n_users = 0
        self._is_open = False
        self._left: int | None = None  # bytes, where it is not known before how many are needed
        self._kept: dict[int, Numbers] = {}

    @property
    def _room(self) -> int:
        return free_memory() // _SHARE if self._limit is None else self._limit

    def open_early(self, n_bytes: int) -> None:
        """Keep blocks from a look at them on, before a fit begins; nothing, if they turn out to be too many.

        `n_bytes` is what is known to be needed.
        """
        room = self._room
        self._left, self._is_open = room, n_bytes <= room

    def settle(self, n_blocks: int, dtype: Any) -> None:
        """End the look: what was kept serves the fit if it is all there is, in numbers of one kind."""
        with self._lock:
            kept = self._kept
            if len(kept) != n_blocks or any(X.dtype != dtype for X, _ in kept.values()):
                self._close()
            self._left = None

    @contextlib.contextmanager
    def opened(self, n_bytes: int) -> Iterator[None]:
        """Keep blocks from now on, if their bytes fit; when the last user leaves, nothing is kept any more."""
        with self._lock:
            if self._n_users == 0 and not self._kept:
                self._is_open = n_bytes <= self._room
            self._n_users += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_users -= 1
                if self._n_users == 0:
                    self._close()

    def keep(self, index: int, numbers: Numbers) -> None:
        """Keep a block, where blocks are kept at all."""
        if not self._is_open:
            return
        if self._left is None:
            self._kept[index] = numbers
            return
        with self._lock:  # several threads look
            self._left -= numbers[0].nbytes
            if self._left < 0:
                self._close()
            if self._is_open:
                self._kept[index] = numbers

    def _close(self) -> None:
        self._is_open, self._kept = False, {}

    def all(self, n_blocks: int) -> list[Numbers] | None:
        """Return all blocks in order; None where some have to be read."""
        kept = self._kept
        return [kept[index] for index in range(n_blocks)] if len(kept) == n_blocks else None


def free_memory() -> int:
    """Return the bytes of memory that this process may still take: of the machine, its container and its limits."""
    return max(0, min(_of_machine(), _of_container(), _of_limits()))


def _of_machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not on this platform
        return 1 << 32
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return int(found.get("MemAvailable", "4194304 kB").split()[0]) * 1024


def _of_container() -> int:
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
        return int(limit) - int(used)
    except (OSError, ValueError):  # no such file, or "max"
        return 1 << 62


def _of_limits() -> int:
    """Return what the limits on address space and data of this process leave."""
    try:
        import resource

        size, _, _, _, _, data, _ = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split())
    except (ImportError, OSError, ValueError):
        return 1 << 62
    left = 1 << 62
    for kind, used in ((resource.RLIMIT_AS, size), (resource.RLIMIT_DATA, data)):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            left = min(left, limit - used * _PAGE)
    return left
