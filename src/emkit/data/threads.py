"""How many threads, and the one way work is spread over them: in block order, with bit-equal results.

The caller works too, beside ``n_threads - 1`` threads of a pool that lives as long as the process. Blocks are
handed out in order and results are consumed in order, so a fold gives the same bits for any number of
threads, and the exception that surfaces is that of the first failing block, as in a plain loop.
"""

from __future__ import annotations

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emkit.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = ["consume_in_order", "consume_stream", "resolve_threads"]

_ENVIRONMENT = "EMKIT_NUM_THREADS"
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")

_pool_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
_here = threading.local()


def resolve_threads(n_threads: int | None = None) -> int:
    """Return the number of threads to use.

    Parameters
    ----------
    n_threads : int or None
        None asks the environment variable EMKIT_NUM_THREADS, and without it means all processors that this
        process may use; -1 means all of them; otherwise at least 1.

    Raises
    ------
    ParameterError
        If the number, or the variable, is neither -1 nor a positive integer.
    """
    if n_threads is None:
        text = os.environ.get(_ENVIRONMENT, "").strip()
        return _checked(text, f"The environment variable {_ENVIRONMENT}") if text else _available()
    return _checked(n_threads, "`n_threads`")


def consume_in_order(
    work: Callable[[Any], Any], items: Sequence[Any], consume: Callable[[Any], None], n_threads: int
) -> None:
    """Call ``consume(work(item))`` for every item, `work` in threads, `consume` in the order of the items."""
    n_workers = min(n_threads, len(items))
    if n_workers <= 1 or getattr(_here, "is_worker", False):  # a pool waiting for its own threads would never end
        for item in items:
            consume(work(item))
        return
    _Pass(work, iter(items), consume, window=2 * n_workers).run(n_workers)


def consume_stream(
    work: Callable[[Any], Any], items: Iterable[Any], consume: Callable[[Any], None], n_threads: int
) -> None:
    """As `consume_in_order`, for items that come one after another: no more are taken than are worked on."""
    if n_threads <= 1 or getattr(_here, "is_worker", False):
        for item in items:
            consume(work(item))
        return
    _Pass(work, iter(items), consume, window=2 * n_threads).run(n_threads)


class _Pass:
    """One pass over the items: who takes the next one, and whose result is consumed next."""

    def __init__(
        self, work: Callable[[Any], Any], items: Iterator[Any], consume: Callable[[Any], None], window: int
    ) -> None:
        self._work, self._items, self._consume, self._window = work, items, consume, window
        self._turn = threading.Condition()
        self._queue = threading.Lock()
        self._n_taken = self._n_consumed = 0
        self._pending: dict[int, Any] = {}
        self._errors: dict[int, Exception] = {}
        self._stopped = False

    def run(self, n_workers: int) -> None:
        pool = _pool(n_workers - 1)
        futures = [pool.submit(self._drain) for _ in range(n_workers - 1)]
        try:
            self._drain()
            for future in futures:
                # A helper that has not begun is not needed any more: the caller found nothing left to take.
                if not future.cancel():
                    future.result()
        except BaseException:  # Ctrl-C: surface at once, the helpers stop after their present item
            self._stop()
            raise
        if self._errors:
            raise self._errors[min(self._errors)]

    def _drain(self) -> None:
        while (taken := self._take()) is not None:
            index, item = taken
            try:
                self._deliver(index, self._work(item))
            except Exception as error:  # raised again by `run`, in the order of the items
                self._errors[index] = error
                self._stop()
            except BaseException:
                self._stop()
                raise

    def _take(self) -> tuple[int, Any] | None:
        with self._queue:  # one at a time: to get the next item may take a while, and then the others work on
            return self._next() if self._is_wanted() else None

    def _is_wanted(self) -> bool:
        """Wait until there is room for another result; return whether there shall be one."""
        with self._turn:
            # The window bounds how many results wait for a slower thread, so memory does not grow with n.
            while not self._stopped and self._n_taken - self._n_consumed >= self._window:
                self._turn.wait()
            return not self._stopped

    def _next(self) -> tuple[int, Any] | None:
        index = self._n_taken
        try:
            item = next(self._items)
        except StopIteration:
            self._stop()
            return None
        except Exception as error:  # of the items, after those before it
            self._errors[index] = error
            self._stop()
            return None
        except BaseException:
            self._stop()
            raise
        self._n_taken += 1
        return index, item

    def _deliver(self, index: int, result: Any) -> None:
        with self._turn:
            self._pending[index] = result
            while self._n_consumed in self._pending:
                self._consume(self._pending.pop(self._n_consumed))
                self._n_consumed += 1
            self._turn.notify_all()

    def _stop(self) -> None:
        with self._turn:
            self._stopped = True
            self._turn.notify_all()


def _pool(n_helpers: int) -> ThreadPoolExecutor:
    with _pool_lock:
        if n_helpers not in _pools:
            _pools[n_helpers] = ThreadPoolExecutor(n_helpers, "emkit", initializer=_mark_as_worker)
        return _pools[n_helpers]


def _mark_as_worker() -> None:
    _here.is_worker = True


def _forget_pools() -> None:
    """Drop the pools in a forked child: their threads stayed in the parent."""
    global _pool_lock  # the lock may have been held by a thread that does not exist here
    _pool_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def _checked(value: int | str, role: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number == -1:
        return _available()
    if number < 1 or number != (int(value) if isinstance(value, str) else value):
        msg = f"{role} must be a positive number of threads, or -1 for all processors, but it is {value!r}."
        raise ParameterError(msg)
    return number


def _available() -> int:
    """Return the number of processors this process may use: its affinity, within its container's quota."""
    try:
        n_processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on this platform
        n_processors = os.cpu_count() or 1
    return max(1, min(n_processors, _quota()))


@functools.cache
def _quota() -> int:
    """Return the container's processor quota, rounded up; a large number where there is none."""
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return 1 << 16
