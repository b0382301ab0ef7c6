"""The climb on standard error while it lasts: a rich bar where rich is installed, else a line that renews
itself."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from emkit.core import Iteration

__all__ = ["progress"]

_INTERVAL = 0.1  # seconds between two lines


@contextlib.contextmanager
def progress(estimator: Any, *, is_shown: bool) -> Iterator[None]:
    """Show the iterations of an estimator's fit while the context lasts."""
    if not is_shown or "on_iteration" not in estimator.get_params():
        yield
        return
    with _rich_line() if importlib.util.find_spec("rich") else _plain_line() as tell:
        estimator.set_params(on_iteration=_Throttled(tell))
        try:
            yield
        finally:
            estimator.set_params(on_iteration=None)


class _Throttled:
    """Tells of an iteration when the last telling is a while ago; called from several threads."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._last = -_INTERVAL

    def __call__(self, info: Iteration) -> None:
        now = time.perf_counter()
        if now - self._last >= _INTERVAL:
            self._last = now
            self._tell(
                f"start {info.start + 1} ({info.stage}), iteration {info.iteration}, {info.objective:.4f}"
            )


@contextlib.contextmanager
def _plain_line() -> Iterator[Callable[[str], None]]:
    width = 0

    def tell(text: str) -> None:
        nonlocal width
        print("\r" + text.ljust(width), end="", file=sys.stderr, flush=True)
        width = len(text)

    yield tell
    if width:
        print("\r" + " " * width, end="\r", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _rich_line() -> Iterator[Callable[[str], None]]:
    console = importlib.import_module("rich.console").Console(stderr=True)
    with console.status("starting") as status:
        yield status.update
