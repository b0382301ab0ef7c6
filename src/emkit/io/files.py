"""Writing and reading the file of a saved fit."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
import os
import platform
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import SavedFitError
from emkit.io.probe import check_probe, core_of, probe_of
from emkit.io.registry import Classes
from emkit.io.tree import Reader, Writer

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1
_HEADER = "header.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of a member says nothing: `created` in the header does


def save(fit: Any, path: str | os.PathLike[str], *, probe: Any = True) -> None:
    """Save a fit or a fitted estimator to one file.

    The file is written beside its final place and moved there when it is complete: a failure leaves what was
    there. Callbacks and random generators are not kept; these settings come back as None.

    Parameters
    ----------
    fit : Fit, fitted estimator or Density
        All it holds is saved: the labels of the rows of a `KMeans`, the values of a `Density`.
    path : str or path
        By convention it ends in `.emkit`.
    probe : array (n, d), True or False
        Rows on which `load` computes the log-likelihood again and compares. True draws 32 rows from the
        fitted model itself, so that none of the data leave the machine (a model that cannot be sampled is
        saved without a probe). From a table given here, up to 32 rows are kept in the file. False keeps none.

    Raises
    ------
    SavedFitError
        If it is not fitted, holds what no file can hold, or the file cannot be written.

    Examples
    --------
    >>> import emkit, tempfile, pathlib
    >>> X, _ = emkit.load_data("galaxies").numeric()
    >>> fit = emkit.GaussianMixture(3, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "galaxies.emkit"
    ...     emkit.save(fit, path)
    ...     emkit.load(path).fit_.loglik == fit.fit_.loglik
    True
    """
    _check_fitted(fit)
    writer = Writer()
    content = writer.tree(fit, "")
    held = probe_of(fit, probe)
    header = {
        "format": FORMAT,
        **_who(fit),
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "content": content,
        "left_out": writer.left_out,
        "probe": None if held is None else {"rows": writer.tree(held[0], "probe"), "loglik": held[1]},
    }
    members = {f"arrays/{name}.npy": _npy(array) for name, array in writer.arrays.items()}
    header["sha256"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    header["seal"] = _seal(header)
    text = json.dumps(header, indent=1, allow_nan=False).encode()
    _write(Path(os.path.realpath(path)), {_HEADER: text, **members})


def load(path: str | os.PathLike[str], *, models: Iterable[type] = ()) -> Any:
    """Return the fit or fitted estimator in a file.

    No code in the file is run and no module is imported by its name.

    Parameters
    ----------
    path : str or path
    models : classes, optional
        Classes from outside emkit that the file may hold: your model. Its parameters are found beside it, in
        the module that defines it, or given here too.

    Raises
    ------
    SavedFitError
        If there is no such file, it is truncated, edited, no saved fit, or of a newer format, holds a class
        that is not known, or if the log-likelihood of its probe is not the one that was saved.
    """
    try:
        header, arrays = _read(Path(path))
        classes = Classes(models)
        reader = Reader(arrays, classes)
        fit = reader.value(header["content"])
        if header["probe"] is not None:
            check_probe(fit, reader.value(header["probe"]["rows"]), header["probe"]["loglik"])
    except SavedFitError as error:
        message = f"{path}: {error}"
        raise SavedFitError(message) from error
    except KeyError as error:
        message = f"{path}: its header is not laid out as format {FORMAT} is: {error} is missing"
        raise SavedFitError(message) from error
    return fit


def _check_fitted(fit: Any) -> None:
    if not isinstance(fit, type):
        if callable(getattr(fit, "get_params", None)):
            if any(name.endswith("_") and not name.startswith("_") for name in vars(fit)):
                return
            message = f"this {type(fit).__name__} is not fitted yet: call 'fit' with data before saving it"
            raise SavedFitError(message)
        if hasattr(core_of(fit), "fit_") or (hasattr(fit, "parameters") and hasattr(fit, "model")):
            return
    message = f"expected a Fit, a fitted estimator or a Density, got {fit!r}"
    raise SavedFitError(message)


def _who(fit: Any) -> dict[str, Any]:
    """Return what a reader of the header wants to know first; `content` is what counts."""
    import scipy

    import emkit

    core = core_of(fit)
    result = getattr(core, "fit_", core)
    names = getattr(core, "feature_names_in_", None)
    known = {name: getattr(result, name, None) for name in ("loglik", "n_iter", "n_e_steps", "n_free", "notes")}
    status = getattr(result, "status", None)
    return {
        "kind": "estimator" if hasattr(core, "get_params") else "fit",
        "class": type(fit).__name__,
        "loglik": Writer().tree(known["loglik"], ""),
        "status": None if status is None else status.value,
        "n_iter": known["n_iter"],
        "n_e_steps": known["n_e_steps"],
        "n_free": known["n_free"],
        "notes": list(known["notes"] or ()),
        "feature_names": None if names is None else [str(name) for name in names],
        "versions": {
            "emkit": emkit.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
    }


def _npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
    return buffer.getvalue()


def _seal(header: Mapping[str, Any]) -> str:
    """Return a checksum of the header itself, whatever its layout."""
    bare = {key: value for key, value in header.items() if key != "seal"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()


def _write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the archive beside `path`, then move it there in one step."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with draft.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in members.items():
                    entry = zipfile.ZipInfo(name, _EPOCH)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        message = f"cannot save to {path}: {error.strerror or error}. What was there before is untouched."
        raise SavedFitError(message) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    try:
        with zipfile.ZipFile(path) as archive:
            header = _header(archive)
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


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except KeyError:
        message = f"this is no saved fit of emkit, or it was edited: the member {name!r} is missing"
        raise SavedFitError(message) from None
    except (zlib.error, EOFError) as error:
        message = f"the member {name!r} is damaged ({error})"
        raise SavedFitError(message) from error


def _header(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        header = json.loads(_member(archive, _HEADER))
    except ValueError as error:
        message = f"its header is no JSON: the file was edited or is damaged ({error})"
        raise SavedFitError(message) from error
    number = header.get("format") if isinstance(header, dict) else None
    if not isinstance(number, int):
        message = "this is no saved fit of emkit: its header states no format version"
        raise SavedFitError(message)
    if number > FORMAT:
        message = f"it has format {number}, and this emkit reads up to format {FORMAT}: update emkit"
        raise SavedFitError(message)
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
