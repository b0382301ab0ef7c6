"""Reading ahead: a thread of its own fetches what comes next while the present is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

__all__ = ["read_ahead"]

T = TypeVar("T")
_PATIENCE = 0.05  # seconds between looks at whether the reader is gone


def read_ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield the items, up to `depth` of them fetched before they are asked for.

    An exception while fetching is raised when its place is reached. Closing the iterator ends the thread.
    """
    shelf: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    is_over = threading.Event()
    thread = threading.Thread(target=_fetch, args=(items, shelf, is_over), name="emkit-reader", daemon=True)
    thread.start()
    try:
        while True:
            kind, item = shelf.get()
            if kind == "item":
                yield item
            elif kind == "error":
                raise item
            else:
                return
    finally:
        is_over.set()
        while thread.is_alive():
            _emptied(shelf)
            thread.join(_PATIENCE)


def _fetch(items: Iterable[Any], shelf: queue.Queue[tuple[str, Any]], is_over: threading.Event) -> None:
    try:
        for item in items:
            shelf.put(("item", item))
            if is_over.is_set():
                return
        shelf.put(("end", None))
    except BaseException as error:
        shelf.put(("error", error))
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def _emptied(shelf: queue.Queue[tuple[str, Any]]) -> None:
    while True:
        try:
            shelf.get_nowait()
        except queue.Empty:
            return
