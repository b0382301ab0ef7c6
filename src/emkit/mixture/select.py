"""Which number of components and which covariances: a grid of fits that help one another.

Every cell is climbed from a few starts, the same for all structures of one number of components. Then each also starts
from the fits of its neighbors (structures that share a little more or less, and the mixtures of one component fewer and
one more), so that a structure that allows more is never less likely. The cells near the best are searched from more
starts, the best one as a mixture is by itself.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from emkit.core import Fit, Status
from emkit.core.kept import read_kept, write_kept
from emkit.core.problem import Point, Problem
from emkit.errors import EmkitWarning, ParameterError, SavedFitError
from emkit.families.covariance import CODES, structure_of
from emkit.mixture._select_grid import FAR, FAR_TOL, Grid, Key
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.neighbors import are_neighbors, merges, recast, splits
from emkit.mixture.selection import Cell, ModelSelection

__all__ = ["select"]

RIVAL = 6.0  # difference in criterion below which a cell is searched fully: "strong evidence" (Kass & Raftery 1995)
THREAD_ROWS = 1024  # below, a cell is Python for the most part
_REPAIRS = 3
_BETTER = 1e-6
_SECONDS = 10.0  # between writings of the file, which is also written at the end
_KIND = "a model selection"
_WORDS = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
_STOPPED = (Status.INTERRUPTED, Status.STOPPED, Status.MAX_SECONDS)


def select(
    X: Any,
    components: Iterable[int] = range(1, 10),
    *,
    structures: Literal["all"] | Sequence[Any] = "all",
    criterion: Literal["bic", "icl", "aic"] = "bic",
    estimator: Any = None,
    sample_weight: Any = None,
    n_init: int | Literal["auto"] = "auto",
    tol: float = 1e-6,
    random_state: int | None = 0,
    n_threads: int | None = None,
    resume: Any = None,
) -> ModelSelection:
    """Fit mixtures of several numbers of components and structures, and choose by an information criterion.

    Parameters
    ----------
    X : array (n, d), data frame, Arrow table, path or Source
    components : iterable of int, default 1 to 9
    structures : "all" or sequence of str or FactorAnalytic
        Values of `covariance_type`: by default the fourteen codes of mclust, "E" and "V" for one feature. For
        estimators without `covariance_type` there is one column.
    criterion : "bic", "icl" or "aic"
        Smaller is better for each.
    estimator : class or estimator, optional
        A mixture; `GaussianMixture` by default. Give one with arguments for those to be used.
    sample_weight : array (n,), optional
    n_init : int or "auto"
        Own starts of each cell. "auto" takes four, 24 for cells within six units of the best, and for the best as many
        as the estimator takes by itself.
    tol : float, default 1e-6
        Log-likelihood still to be gained at which each final climb stops. Of more than 8192 rows, cells whose criterion
        is 50 units or more above the best stop at 0.01.
    random_state : int or None
        Seeds the starts of every cell.
    n_threads : int, optional
        Cells fitted side by side; all by default. Changes no bit of the result.
    resume : ModelSelection or path, optional
        A selection whose cells are taken over as they are, or a file that is written after each cell and from which a
        selection that was stopped goes on.

    Returns
    -------
    ModelSelection
        `print` it, `plot()` it; `best` is the fitted estimator.

    Examples
    --------
    >>> import emkit
    >>> X, _ = emkit.load_data("faithful").numeric()
    >>> selection = emkit.select(X, range(1, 4), structures=["EII", "EEE", "VVV"])
    >>> selection.best_cell.name
    'EEE 3'

    References
    ----------
    Fraley & Raftery 2002, JASA 97:611. Scrucca et al. 2016, R Journal 8:289 (mclust).
    """
    grid = Grid.of(estimator, X, sample_weight, criterion, n_init, tol, random_state, n_threads)
    keys = [(k, word) for k in _counts(components) for word in _words(structures, grid)]
    with grid.source.held():
        return _Search(grid, keys, resume).run()


def _counts(components: Iterable[int]) -> list[int]:
    found = list(components)
    if not found or not all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= 1 for k in found):
        message = f"`components` must be integers of at least 1, got {components!r}"
        raise ParameterError(message)
    return sorted({int(k) for k in found})


def _words(structures: Any, grid: Grid) -> list[Any]:
    if not grid.has_structures:
        if structures != "all":
            message = f"`structures` are for estimators with `covariance_type`, and {grid.title} has none"
            raise ParameterError(message)
        return [""]
    if structures != "all":
        words = [structures] if isinstance(structures, str) else list(structures)
        for word in words:
            structure_of(word).check(grid.source.n_features)
        return list(dict.fromkeys(words))
    if not isinstance(grid.template, GaussianMixture):
        return [grid.template.covariance_type]
    return ["E", "V"] if grid.source.n_features == 1 else list(CODES)


@dataclass(frozen=True)
class _Kept:
    """What the file of a selection holds: the data it belongs to, and the fits as they stand."""

    n_rows: int
    weight: float
    title: str
    fits: tuple[tuple[int, Any, Fit], ...]
    failed: tuple[tuple[int, Any, str], ...]
    searched: tuple[tuple[int, Any], ...]


class _Search:
    """The fits as they stand, by cell."""

    def __init__(self, grid: Grid, keys: list[Key], resume: Any) -> None:
        self.grid, self.keys = grid, keys
        self.fits: dict[Key, Fit] = {}
        self.failed: dict[Key, str] = {}
        self.searched: set[Key] = set()
        self.done: dict[Key, Cell] = {}
        self.cells: dict[Key, Cell] = {}  # of the fits as they stand
        self.path = Path(resume) if isinstance(resume, (str, Path)) else None
        self.lock = threading.Lock()
        self.is_kept = True  # whether what is found goes to the file
        self.written = time.monotonic()
        self._take_over(resume)

    def _take_over(self, resume: Any) -> None:
        if resume is None:
            return
        if isinstance(resume, ModelSelection):
            known = {(cell.n_components, cell.structure): cell for cell in resume.cells}
            mine = {key: known.get((key[0], str(key[1]))) for key in self.keys}
            self.done = {key: cell for key, cell in mine.items() if cell is not None}
            self.fits = {key: cell.estimator.fit_ for key, cell in self.done.items() if cell.estimator is not None}
        elif self.path is None:
            message = f"`resume` must be a ModelSelection or a path, got {resume!r}"
            raise ParameterError(message)
        elif self.path.exists():
            self._read(self.path)
        else:
            self._write(self.path)  # a place that cannot be written is told at once

    def _read(self, path: Path) -> None:
        kept, grid = read_kept(path, _KIND), self.grid
        mine, theirs = (
            (grid.source.n_rows, grid.source.total_weight, grid.title),
            (kept.n_rows, kept.weight, kept.title),
        )
        if mine != theirs:
            message = (
                f"{path}: it belongs to {theirs[2]} on {theirs[0]} rows of weight {theirs[1]:g}, and this selection is "
                f"of {mine[2]} on {mine[0]} rows of weight {mine[1]:g}: give another path, or delete it"
            )
            raise SavedFitError(message)
        self.fits = {(k, word): fit for k, word, fit in kept.fits if (k, word) in self.keys}
        self.failed = {(k, word): why for k, word, why in kept.failed}
        self.searched = {(k, word) for k, word in kept.searched}

    def _write(self, path: Path) -> None:
        fits = tuple((*key, fit) for key, fit in self.fits.items())
        failed, searched = tuple((*key, why) for key, why in self.failed.items()), tuple(self.searched)
        source = self.grid.source
        kept = _Kept(source.n_rows, float(source.total_weight), self.grid.title, fits, failed, searched)
        write_kept(path, _KIND, kept)
        self.written = time.monotonic()

    def run(self) -> ModelSelection:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmkitWarning)
            grid, keys = self.grid, [key for key in self.keys if key not in self.done]
            known = set(self.fits)
            begun = [key for key in keys if key not in known and key not in self.failed]
            self._scout(begun if grid.is_screened else keys, begun)
            scouts = {key: fit for key, fit in self.fits.items() if key in begun}
            if grid.is_screened:  # a fit of few rows is likelier than one of all
                self.fits = {key: fit for key, fit in self.fits.items() if key in known}
            self._finish(scouts)
            if grid.n_init == "auto":
                self._search_rivals(keys)
        self.done |= {key: self._cell(key) for key in keys}
        if self.path is not None:
            self._write(self.path)
        return ModelSelection(tuple(self.done[key] for key in self.keys), grid.criterion, grid.title)

    def _scout(self, keys: Sequence[Key], begun: Sequence[Key]) -> None:
        """Climb to rough fits of the cells that have none, and let all help one another."""
        self.is_kept = not self.grid.is_screened
        self._each(self.grid.scouted, begun)
        fresh = set(self.fits)
        for _ in range(_REPAIRS):
            fresh = self._help_one_another(keys, fresh)
            if not fresh:
                break
        self.is_kept = True

    def _finish(self, scouts: dict[Key, Fit]) -> None:
        """Climb from the scouts to the end on all rows; on many rows to a rough end first, and where it matters on."""
        grid = self.grid
        if not grid.is_screened or not grid.is_gaussian:
            self._each(lambda key: grid.finished(key, scouts[key]), list(scouts))
            return
        rough = max(grid.tol, FAR_TOL)
        self._each(lambda key: grid.finished(key, scouts[key], rough), list(scouts))
        self._mend([key for key in scouts if key in self.fits], rough)
        ranked = self._ranked(list(scouts))
        near = [key for key in ranked if ranked[key] <= min(ranked.values()) + FAR and grid.tol < rough]
        ends = {key: self.fits[key] for key in near}
        self._each(lambda key: grid.finished(key, ends[key]), near)

    def _mend(self, keys: Sequence[Key], tol: float) -> None:
        """Climb anew to the cells that collapsed on all rows, from the likeliest start that proper neighbors offer."""
        offering = {key: fit for key, fit in self.fits.items() if fit.is_converged}
        lost = [key for key in keys if self.fits[key].status is Status.DEGENERATE]

        def again(key: Key) -> Fit | None:
            own = self.fits[key]
            start = self._best_offer(key, own.model, offering)
            return None if start is None else self.grid.finished(key, self.grid.helped(key, start.parameters), tol)

        self._each(again, lost)

    def _cell(self, key: Key) -> Cell:
        fit = self.fits.get(key)
        if fit is None:
            return Cell(key[0], str(key[1]), None, problem=self.failed[key])
        known = self.cells.get(key)
        if known is None or known.estimator.fit_ is not fit:
            known = self.cells[key] = self.grid.cell(key, fit)
        return known

    def _ranked(self, keys: Sequence[Key]) -> dict[Key, float]:
        """Return the criterion of the proper cells."""
        cells = {key: self._cell(key) for key in keys if key in self.fits}
        return {key: getattr(cell, self.grid.criterion) for key, cell in cells.items() if cell.is_proper}

    # --- stages ---

    def _each(self, task: Callable[[Key], Fit | None], keys: Sequence[Key]) -> set[Key]:
        """Run a task for each cell, in threads, keep what is better, and return which cells it bettered."""

        def attempt(key: Key) -> bool:
            try:
                found: Fit | str | None = task(key)
            except (ParameterError, np.linalg.LinAlgError) as error:
                found = str(error)
            with self.lock:
                return self._keep(key, found)

        is_python = self.grid.source.n_rows < THREAD_ROWS  # threads then only wait for one another
        n_threads = 1 if is_python else min(self.grid.n_threads, len(keys))
        if n_threads <= 1:
            return {key for key in keys if attempt(key)}
        with ThreadPoolExecutor(n_threads) as pool:
            return {key for key, is_better in zip(keys, pool.map(attempt, keys), strict=True) if is_better}

    def _keep(self, key: Key, found: Fit | str | None) -> bool:
        """Keep what a task found if it is better than what there is."""
        if isinstance(found, str):
            self.failed.setdefault(key, found)
        if found is None or isinstance(found, str):
            return False
        if found.status in _STOPPED:
            raise KeyboardInterrupt
        before = self.fits.get(key)
        if before is not None and _rank(found) <= _rank(before, _BETTER):
            return False
        self.fits[key] = found
        is_due = time.monotonic() - self.written > _SECONDS
        if self.path is not None and self.is_kept and is_due:
            self._write(self.path)
        return True

    def _help_one_another(self, keys: Sequence[Key], fresh: set[Key]) -> set[Key]:
        """Start each cell from the best of its neighbors that have something new; return which got better."""
        if not self.grid.offers:
            return set()
        fits = dict(self.fits)
        wanted = [key for key in self.keys if key in fits and key in fresh]  # in an order that no thread decides
        offering = {key: fits[key] for key in wanted if fits[key].is_converged}
        return self._each(lambda key: self._from_neighbors(key, fits, offering), [key for key in keys if key in fits])

    def _from_neighbors(self, key: Key, fits: dict[Key, Fit], offering: dict[Key, Fit]) -> Fit | None:
        """Climb from the likeliest start that neighbors offer, unless the cell is clearly above it."""
        own = fits[key]
        best = self._best_offer(key, own.model, offering)
        if best is None or (own.is_converged and best.objective < own.objective - _reach(own)):
            return None
        return self.grid.helped(key, best.parameters)

    def _best_offer(self, key: Key, model: Any, offering: dict[Key, Fit]) -> Point | None:
        """Return the likeliest of the starts that neighbors offer, on the screen."""
        problem = Problem(model, self.grid.screen)
        offers = [problem.evaluate(start) for start in self._offers(key, model, offering)]
        return max(
            (point for point in offers if point.is_finite), key=lambda point: float(point.objective), default=None
        )

    def _offers(self, key: Key, model: Any, offering: dict[Key, Fit]) -> list[Any]:
        k, word = key
        code = _WORDS.get(word, word)
        found = []
        for (other_k, other), fit in offering.items():
            structure = fit.model.family.structure
            if other_k == k and are_neighbors(code, _WORDS.get(other, other)):
                found.append(recast(fit.parameters, structure, model))
            elif other_k == k - 1 and other == word:
                found += splits(fit.parameters, structure, model)
            elif other_k == k + 1 and other == word and k > 1:
                found += merges(fit.parameters, structure, model)
        return found

    def _search_rivals(self, keys: Sequence[Key]) -> None:
        """Search the cells near the best one from more starts, and the best as its estimator does by itself."""
        full: set[Key] = set()
        while True:
            ranked = self._ranked(keys)
            if not ranked:
                return
            best = min(ranked, key=lambda key: ranked[key])
            rivals = [key for key in ranked if key not in self.searched and ranked[key] <= ranked[best] + RIVAL]
            if rivals:
                self._each(lambda key: self.grid.searched(key, is_best=False), rivals)
                self.searched.update(rivals)
            elif best not in full:
                self._each(lambda key: self.grid.searched(key, is_best=True), [best])
                full.add(best)
            else:
                return


def _rank(fit: Fit, margin: float = 0.0) -> tuple[bool, float]:
    return fit.status is not Status.DEGENERATE, fit.objective + margin


def _reach(fit: Fit) -> float:
    """Return how far below a fit a start may lie and still be worth a climb: about one unit per parameter."""
    return float(fit.n_free)
