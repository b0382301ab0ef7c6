"""Paper and ink: figures without a window, the palette, and what every picture shares.

Matplotlib is imported when a picture is drawn, never before; `pyplot`, with its windows and its state, never.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emkit.errors import EmkitError, ParameterError

__all__ = [
    "INK",
    "PALE",
    "PALETTE",
    "SUFFIXES",
    "MissingLibraryError",
    "check_path",
    "color",
    "divide",
    "halo",
    "legend",
    "line_style",
    "marker_face",
    "matplotlib_module",
    "note",
    "place",
    "save_figure",
    "tidy",
    "title",
]

# Okabe & Ito 2008, *Color Universal Design*: told apart with every common kind of color vision. Yellow, hard
# to see on white, comes last.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#F0E442")
INK = "#222222"
PALE = "#C9CFD6"
SUFFIXES = (".png", ".pdf", ".svg")
_LINES = ("-", "--", "-.", ":")
_DPI = 160


class MissingLibraryError(EmkitError, ImportError):
    """A library that emkit does not require, and this answer does, is not installed."""


def matplotlib_module(name: str) -> Any:
    """Return the submodule `name` of Matplotlib, or say how to install it."""
    import importlib

    try:
        return importlib.import_module(f"matplotlib.{name}")
    except ImportError as error:
        message = "pictures need Matplotlib, which is not installed: pip install emkit[plot]"
        raise MissingLibraryError(message) from error


def color(component: int) -> str:
    """Return the color of a component; the palette repeats, with other line styles, after eight."""
    return PALETTE[component % len(PALETTE)]


def line_style(component: int) -> str:
    """Return the line style of a component."""
    return _LINES[(component // len(PALETTE)) % len(_LINES)]


def marker_face(component: int) -> str:
    """Return the fill of a component's marker: white from the ninth on, where the colors repeat."""
    return color(component) if component < len(PALETTE) else "white"


def halo(width: float) -> list[Any]:
    """Return the effect that keeps a line visible over points of its own color."""
    effects = matplotlib_module("patheffects")
    return [effects.Stroke(linewidth=width + 1.6, foreground="white", alpha=0.65), effects.Normal()]


def place(ax: Any, size: tuple[float, float] = (6.4, 4.4)) -> tuple[Any, Any]:
    """Return the figure and axes to draw in: those of the user, or new ones that belong to no window."""
    if ax is not None:
        if not callable(getattr(ax, "get_subplotspec", None)):
            message = f"`ax` must be Matplotlib axes, got {type(ax).__name__}"
            raise ParameterError(message)
        return ax.figure.figure, ax  # of a subfigure, the whole
    figure = _new_figure(size)
    return figure, figure.add_subplot()


def divide(ax: Any, n_rows: int, n_columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return the figure and an array (n_rows, n_columns) of axes, in the place of `ax` where it is given."""
    if ax is None:
        figure = _new_figure(size)
        return figure, figure.subplots(n_rows, n_columns, squeeze=False)
    figure, ax = place(ax)
    spec = ax.get_subplotspec()
    if spec is None:
        message = "`ax` must be part of a grid (as `figure.subplots` makes) to be divided into panels"
        raise ParameterError(message)
    ax.set_axis_off()
    return figure, spec.subgridspec(n_rows, n_columns).subplots(squeeze=False)


def _new_figure(size: tuple[float, float]) -> Any:
    figure = matplotlib_module("figure").Figure(figsize=size, dpi=_DPI, layout="constrained")
    matplotlib_module("backends.backend_agg").FigureCanvasAgg(figure)
    return figure


def tidy(ax: Any) -> None:
    """Take away what carries no data."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color("#888888")
    ax.tick_params(color="#888888", labelcolor="#444444", labelsize="small")
    ax.yaxis.get_offset_text().set(horizontalalignment="right", fontsize="x-small", color="#444444")  # not in the title
    ax.xaxis.get_offset_text().set(fontsize="x-small", color="#444444")
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)


def title(ax: Any, head: str, detail: str = "") -> None:
    """Set the title, left, with a quieter line of numbers below it."""
    ax.set_title(head, loc="left", color=INK, fontsize="large", fontweight="bold", pad=22 if detail else 8)
    if detail:
        ax.annotate(
            detail,
            (0, 1),
            (0, 7),
            "axes fraction",
            "offset points",
            color="#666666",
            fontsize="small",
            va="bottom",
        )


def note(ax: Any, text: str) -> None:
    """Say below the axes, in small print, what the picture leaves out."""
    if text:
        ax.annotate(
            text,
            (1, 0),
            (0, -38),
            "axes fraction",
            "offset points",
            color="#888888",
            fontsize="x-small",
            ha="right",
            va="top",
        )


def legend(ax: Any, **where: Any) -> None:
    """Add the legend, without a frame."""
    made = ax.legend(frameon=False, fontsize="small", labelcolor=INK, **where)
    for handle in made.legend_handles:
        handle.set_alpha(1.0)


def check_path(path: Any) -> Path:
    """Return `path`, or raise `ParameterError` if no picture can be saved there."""
    found = Path(path)
    if found.suffix.lower() not in SUFFIXES:
        message = f"a picture is saved as {', '.join(SUFFIXES)}, by its suffix; got {found.name!r}"
        raise ParameterError(message)
    if not found.parent.is_dir():
        message = f"the folder {str(found.parent)!r} does not exist; make it first"
        raise ParameterError(message)
    return found


def save_figure(figure: Any, path: Any) -> Path:
    """Save a figure as png, pdf or svg, by the suffix of `path`."""
    found = check_path(path)
    figure.savefig(found)
    return found
