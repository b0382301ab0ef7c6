"""The record of a model selection: a table of fits by number of components and kind of covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.describe import Description
from emkit.errors import ParameterError

__all__ = ["CRITERIA", "Cell", "ModelSelection"]

CRITERIA = ("bic", "icl", "aic")
_SHOWN = 3  # of the best fits, in words


@dataclass(frozen=True, eq=False)
class Cell:
    """One fit of the grid.

    Parameters
    ----------
    n_components : int
    structure : str
        Code or word of the covariances; empty for estimators without.
    estimator : fitted estimator, or None where there can be no fit
    entropy : float
        Of the labels given the rows, -sum_ik r_ik log r_ik; 0 where every row is sure.
    problem : str
        Why the cell may not be chosen: its fit collapsed, did not converge, or cannot be made. Empty for a proper one.
    """

    n_components: int
    structure: str
    estimator: Any
    entropy: float = math.nan
    problem: str = ""

    @property
    def is_proper(self) -> bool:
        """Whether it may be chosen."""
        return not self.problem

    @property
    def loglik(self) -> float:
        """Log-likelihood; NaN without a fit."""
        return math.nan if self.estimator is None else float(self.estimator.fit_.loglik)

    @property
    def n_free(self) -> int:
        """Free parameters."""
        return 0 if self.estimator is None else int(self.estimator.fit_.n_free)

    @property
    def aic(self) -> float:
        """-2 loglik + 2 n_free; smaller is better."""
        return math.nan if self.estimator is None else float(self.estimator.fit_.aic)

    @property
    def bic(self) -> float:
        """-2 loglik + n_free log n; smaller is better (mclust prints minus this)."""
        return math.nan if self.estimator is None else float(self.estimator.fit_.bic)

    @property
    def icl(self) -> float:
        """BIC plus twice the entropy of the labels (Biernacki, Celeux & Govaert 2000); smaller is better."""
        return self.bic + 2 * self.entropy

    @property
    def name(self) -> str:
        """The structure and the number of components, "VEV 2"."""
        return f"{self.structure} {self.n_components}".strip()


@dataclass(frozen=True, eq=False)
class ModelSelection:
    """Fits by number of components and structure; made by `emkit.select`. Its text is the table.

    Parameters
    ----------
    cells : tuple of Cell
        By number of components, then structure.
    criterion : "bic", "icl" or "aic"
        Smaller is better for each.
    title : str
        What was fitted.
    """

    cells: tuple[Cell, ...]
    criterion: str = "bic"
    title: str = "mixture"

    def __post_init__(self) -> None:
        if self.criterion not in CRITERIA:
            message = f"`criterion` must be one of {', '.join(map(repr, CRITERIA))}, got {self.criterion!r}"
            raise ParameterError(message)

    # --- what was chosen ---

    @property
    def ranked(self) -> tuple[Cell, ...]:
        """Proper cells by rising criterion."""
        proper = [cell for cell in self.cells if cell.is_proper]
        return tuple(sorted(proper, key=lambda cell: getattr(cell, self.criterion)))

    @property
    def best_cell(self) -> Cell:
        """The proper cell with the smallest criterion.

        Raises
        ------
        ParameterError
            If no fit is proper.
        """
        if not self.ranked:
            message = "no fit is proper: all collapsed, or could not be made; use fewer components or a prior"
            raise ParameterError(message)
        return self.ranked[0]

    @property
    def best(self) -> Any:
        """The fitted estimator with the smallest criterion."""
        return self.best_cell.estimator

    @property
    def fit_(self) -> Any:
        """The `Fit` of the best estimator."""
        return self.best.fit_

    def at(self, n_components: int, structure: str | None = None) -> Cell:
        """Return a cell; the best of its number of components where `structure` is None.

        Raises
        ------
        ParameterError
            If there is none.
        """
        found = [c for c in self.cells if c.n_components == n_components and structure in (None, c.structure)]
        if not found:
            message = f"no cell has {n_components} components and structure {structure!r}; there are {self._grid()}"
            raise ParameterError(message)
        return min(found, key=lambda cell: (not cell.is_proper, _last(getattr(cell, self.criterion))))

    # --- tables ---

    @property
    def components(self) -> tuple[int, ...]:
        """Numbers of components, rising."""
        return tuple(sorted({cell.n_components for cell in self.cells}))

    @property
    def structures(self) -> tuple[str, ...]:
        """Structures, in the order asked for."""
        return tuple(dict.fromkeys(cell.structure for cell in self.cells))

    def table(self, criterion: str | None = None) -> FloatArray:
        """Return a criterion (or "loglik", "n_free") by number of components (rows) and structure (columns).

        NaN where the fit is not proper.
        """
        name = self.criterion if criterion is None else criterion
        values = np.full((len(self.components), len(self.structures)), np.nan)
        for cell in self.cells:
            if cell.is_proper:
                place = self.components.index(cell.n_components), self.structures.index(cell.structure)
                values[place] = getattr(cell, name)
        return values

    def to_dict(self) -> dict[str, list[Any]]:
        """Return all cells as columns by name, as any data frame constructor takes them."""
        names = ("n_components", "structure", "loglik", "n_free", "bic", "icl", "aic", "entropy", "problem")
        return {name: [getattr(cell, name) for cell in self.cells] for name in names}

    def to_frame(self) -> Any:
        """Return all cells as a data frame (see `emkit.report.to_frame`)."""
        from emkit.report.facts import frame

        return frame(self.to_dict())

    def __str__(self) -> str:
        from emkit.report.layout import table_text

        name, values = self.criterion.upper(), self.table()
        rows = tuple(
            (str(k), *(f"{x:.2f}" if math.isfinite(x) else "" for x in line))
            for k, line in zip(self.components, values.tolist(), strict=True)
        )
        header = ("components", *(structure or name for structure in self.structures))
        table = Description(f"{name} of {self.title} (smaller is better; mclust prints minus this)", header, rows)
        return "\n".join([table_text(table), "", *self._words()])

    def _words(self) -> Iterator[str]:
        ranked, name = self.ranked, self.criterion
        if not ranked:
            yield "No fit is proper."
        else:
            first = getattr(ranked[0], name)
            yield f"Best: {_named(ranked[0])}, {name.upper()} {first:.2f}, log-likelihood {ranked[0].loglik:.4f}"
            for cell in ranked[1:_SHOWN]:
                yield f"      {_named(cell)}, {getattr(cell, name) - first:.2f} more"
        left_out = sum(not cell.is_proper for cell in self.cells)
        if left_out:
            yield f"Left blank: {left_out} that collapsed, did not converge or cannot be fitted (`cells` says which)."

    def plot(self, ax: Any = None) -> Any:
        """Draw the criterion by number of components, a line for each structure, and return the display."""
        from emkit.plot.criterion import CriterionDisplay

        return CriterionDisplay.from_selection(self, ax=ax)

    def _grid(self) -> str:
        names = ", ".join(name or "(none)" for name in self.structures)
        return f"{self.components[0]} to {self.components[-1]} components, structures {names}"


def _named(cell: Cell) -> str:
    noun = "component" if cell.n_components == 1 else "components"
    return f"{cell.structure + ' with ' if cell.structure else ''}{cell.n_components} {noun}"


def _last(value: float) -> float:
    return value if math.isfinite(value) else math.inf
