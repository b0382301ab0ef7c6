"""Records kept in a file while a long task runs, in the manner of checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from emkit.core.archive import npy_bytes, read_archive, write_archive
from emkit.core.checkpoint import ModuleNames
from emkit.core.tree import Reader, Writer
from emkit.errors import SavedFitError

__all__ = ["read_kept", "write_kept"]

_NAMES = ModuleNames(keeps_transient=False)


def write_kept(path: str | os.PathLike[str], kind: str, record: Any) -> None:
    """Write a record to a file, beside its place first and moved there when complete.

    Parameters
    ----------
    kind : str
        What the record is, for `read_kept` to check.

    Raises
    ------
    SavedFitError
        If it holds what no file can hold, or the file cannot be written.
    """
    writer = Writer(_NAMES)
    tree = writer.tree(record, "record")
    if writer.left_out:
        message = f"{kind} holds objects that no file can hold: {', '.join(writer.left_out)}"
        raise SavedFitError(message)
    arrays = {name: npy_bytes(array) for name, array in writer.arrays.items()}
    write_archive(path, {"kept": kind, "content": tree}, arrays, level=1, indent=None)


def read_kept(path: str | os.PathLike[str], kind: str) -> Any:
    """Return the record in a file.

    Raises
    ------
    SavedFitError
        If the file is damaged or holds another kind.
    """

    def check(header: Any) -> None:
        found = header.get("kept") if isinstance(header, dict) else None
        if found != kind:
            message = f"{path}: expected {kind}, but the file holds {found or 'something else'}: give another path"
            raise SavedFitError(message)

    header, arrays = read_archive(Path(path), check)
    return Reader(arrays, _NAMES).value(header["content"])
