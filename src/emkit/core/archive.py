"""One file for a record: a zip archive with a JSON header and plain arrays, written whole or not at all.

Every array has its SHA-256 in the header, and the header a seal of its own, so that what was edited or is damaged is
found before it is used.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import SavedFitError

__all__ = ["npy_bytes", "read_archive", "write_archive"]

_HEADER = "header.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of a member says nothing


def npy_bytes(array: Array) -> bytes:
    """Return an array in NumPy's own file format."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return buffer.getvalue()


def write_archive(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    arrays: Mapping[str, bytes],
    *,
    level: int | None = None,
    indent: int | None = 1,
) -> None:
    """Write a header and arrays (as `npy_bytes`) to one file, beside its place first and moved there when complete.

    Raises
    ------
    SavedFitError
        If the file cannot be written; what was there before is untouched.
    """
    members = {f"arrays/{name}.npy": data for name, data in arrays.items()}
    sealed = {**header, "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}}
    sealed["seal"] = _seal(sealed)
    text = json.dumps(sealed, indent=indent, allow_nan=False).encode()
    _write(Path(os.path.realpath(path)), {_HEADER: text, **members}, level)


def read_archive(path: Path, check: Callable[[Any], None]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return header and arrays of a file, after `check` has seen that the header is of a known kind and version.

    Raises
    ------
    SavedFitError
        If there is no such file, or it is truncated, damaged or edited.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            header = _header(archive, check)
            arrays = {_bare(name): _array(archive, name, digest) for name, digest in header["sha256"].items()}
    except FileNotFoundError:
        message = "there is no such file"
        raise SavedFitError(message) from None
    except zipfile.BadZipFile as error:
        message = f"this is no saved fit, or it is truncated or damaged ({error})"
        raise SavedFitError(message) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise SavedFitError(message) from error
    return header, arrays


def _seal(header: Mapping[str, Any]) -> str:
    """Return a checksum of the header itself, whatever its layout."""
    bare = {key: value for key, value in header.items() if key != "seal"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def _write(path: Path, members: Mapping[str, bytes], level: int | None) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
                for name, data in members.items():
                    entry = zipfile.ZipInfo(name, _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        message = f"cannot save to {path}: {error.strerror or error}. What was there before is untouched."
        raise SavedFitError(message) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the move itself outlast a power cut, where the system lets folders be synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError:
        message = f"this is no saved fit of emkit, or it was edited: the member {name!r} is missing"
        raise SavedFitError(message) from None
    except (zlib.error, EOFError) as error:
        message = f"the member {name!r} is damaged ({error})"
        raise SavedFitError(message) from error


def _header(archive: zipfile.ZipFile, check: Callable[[Any], None]) -> dict[str, Any]:
    try:
        header = json.loads(_member(archive, _HEADER))
    except ValueError as error:
        message = f"its header is no JSON: the file was edited or is damaged ({error})"
        raise SavedFitError(message) from error
    check(header)
    if header.get("seal") != _seal(header):
        message = "its header does not match its checksum: the file was edited"
        raise SavedFitError(message)
    return dict(header)


def _bare(name: str) -> str:
    return name.removeprefix("arrays/").removesuffix(".npy")


def _array(archive: zipfile.ZipFile, name: str, digest: str) -> Array:
    data = _member(archive, name)
    if hashlib.sha256(data).hexdigest() != digest:
        message = f"the array {_bare(name)!r} does not match its checksum: the file was edited or is damaged"
        raise SavedFitError(message)
    try:
        array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except ValueError as error:
        message = f"the array {_bare(name)!r} is no array of numbers ({error})"
        raise SavedFitError(message) from error
    return array
