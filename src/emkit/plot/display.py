"""What all displays share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from emkit.plot.canvas import save_figure

__all__ = ["Display"]


@dataclass(eq=False)
class Display(ABC):
    """Data ready to be drawn, as in scikit-learn: class methods `from_...` draw at once, `plot` draws again.

    Attributes
    ----------
    ax_ : Axes
        Where it was drawn.
    figure_ : Figure
        It belongs to no window: save it, or return it in a notebook.
    """

    ax_: Any = field(default=None, init=False, repr=False)
    figure_: Any = field(default=None, init=False, repr=False)

    @abstractmethod
    def plot(self, ax: Any = None) -> Self:
        """Draw in Matplotlib axes `ax`, or in a new figure, and return the display."""

    def save(self, path: Any) -> Path:
        """Save the picture as .png, .pdf or .svg, by the suffix of `path`."""
        if self.figure_ is None:
            self.plot()
        return save_figure(self.figure_, path)

    def _repr_png_(self) -> bytes:
        """Show the picture in a notebook."""
        import io

        if self.figure_ is None:
            self.plot()
        held = io.BytesIO()
        self.figure_.savefig(held, format="png")
        return held.getvalue()
