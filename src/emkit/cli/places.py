"""Where files and pictures are to go: known to be possible before the work begins."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from emkit.errors import DataError

__all__ = ["check_picture_tools", "check_plotting", "writable"]


def writable(path: Path) -> Path:
    """Return a path that can be written to, or raise."""
    if not path.parent.is_dir():
        message = f"there is no folder {str(path.parent)!r} to write {path.name!r} to: make it first"
        raise DataError(message)
    if path.is_dir():
        message = f"{str(path)!r} is a folder: name a file in it"
        raise DataError(message)
    return path


def check_plotting(picture: str) -> None:
    """Raise before the work begins if a picture could not be drawn in the end."""
    from emkit.plot.canvas import check_path

    check_path(writable(Path(picture)))
    check_picture_tools()


def check_picture_tools() -> None:
    """Raise if pictures cannot be drawn here."""
    if importlib.util.find_spec("matplotlib") is None:
        message = "pictures need matplotlib"
        raise ModuleNotFoundError(message, name="matplotlib")
