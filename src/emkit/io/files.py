"""Writing and reading the file of a saved fit."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from emkit.core.archive import npy_bytes, read_archive, write_archive
from emkit.core.tree import Reader, Writer
from emkit.errors import SavedFitError
from emkit.io.probe import check_probe, core_of, probe_of
from emkit.io.registry import OWN, Classes

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1


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
    writer = Writer(OWN)
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
    write_archive(path, header, {name: npy_bytes(array) for name, array in writer.arrays.items()})


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
        header, arrays = read_archive(Path(path), _check_format)
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
        "loglik": Writer(OWN).tree(known["loglik"], ""),
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


def _check_format(header: Any) -> None:
    if isinstance(header, dict) and "checkpoint" in header:
        message = (
            "this is the checkpoint of an unfinished fit, no saved fit: go on with it by "
            "`fit(..., checkpoint=path)`, with the same model and data"
        )
        raise SavedFitError(message)
    number = header.get("format") if isinstance(header, dict) else None
    if not isinstance(number, int):
        message = "this is no saved fit of emkit: its header states no format version"
        raise SavedFitError(message)
    if number > FORMAT:
        message = f"it has format {number}, and this emkit reads up to format {FORMAT}: update emkit"
        raise SavedFitError(message)
