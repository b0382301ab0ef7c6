"""A progress bar for `on_iteration`; needs rich, which is imported when the bar is shown."""

from __future__ import annotations

import time
from typing import Any, Self

from emkit.core.trace import Iteration
from emkit.errors import EmkitError

__all__ = ["ProgressBar"]

_INTERVAL = 0.1  # seconds between two lines: iterations may be far quicker


class ProgressBar:
    """A line on the terminal that follows a fit: which start is climbing, its iteration, where it is.

    It writes to standard error, so that results can still be piped, and only where that is a terminal or a notebook. It
    may be called from many threads. `n_iterations` counts what it heard.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("faithful").numeric()
    >>> with emkit.report.ProgressBar() as bar:
    ...     fit = emkit.GaussianMixture(2, random_state=0, on_iteration=bar).fit(X)
    >>> fit.converged_
    True
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self.n_iterations = 0
        self._told = float("-inf")

    def __enter__(self) -> Self:
        try:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        except ImportError as error:
            message = "a progress bar needs rich: pip install 'emkit[progress]'"
            raise EmkitError(message) from error
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        console = Console(stderr=True)
        is_hidden = not (console.is_terminal or console.is_jupyter)
        self._bar = Progress(*columns, console=console, transient=True, disable=is_hidden)
        self._task = self._bar.add_task("starting")
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        self._bar = None

    def __call__(self, iteration: Iteration) -> None:
        """Take in one iteration; does nothing outside the `with` block."""
        self.n_iterations += 1
        now = time.perf_counter()
        if self._bar is not None and now - self._told >= _INTERVAL:
            self._told = now
            where = f"start {iteration.start + 1}, iteration {iteration.iteration}"
            self._bar.update(self._task, description=f"{where}, objective {iteration.objective:.4f}")
