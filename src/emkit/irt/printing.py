"""Tables of fit, as they are printed and handed on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.core.describe import Description

__all__ = ["FitTable", "rmsea"]


class FitTable(ABC):
    """A record whose columns make up a table."""

    title: ClassVar[str]

    @abstractmethod
    def to_dict(self) -> dict[str, list[Any]]:
        """Return the columns by name, as plain values."""

    def to_frame(self) -> Any:
        """Return the table as a data frame (see `emkit.report.to_frame`)."""
        from emkit.report.facts import frame

        return frame(self.to_dict())

    def __repr__(self) -> str:
        from emkit.report.layout import table_text

        columns = self.to_dict()
        rows = tuple(tuple(_cell(value) for value in row) for row in zip(*columns.values(), strict=True))
        return table_text(Description(self.title, tuple(columns), rows))


def _cell(value: Any) -> Any:
    return "" if isinstance(value, float) and np.isnan(value) else value


def rmsea(value: FloatArray, df: FloatArray, n: float) -> FloatArray:
    """Return the root mean square error of approximation; NaN without degrees of freedom."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.sqrt(np.maximum(value / df - 1, 0.0) / (n - 1))
    return np.where(np.asarray(df) > 0, found, np.nan)
