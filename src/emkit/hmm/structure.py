"""From the words and arrays of an estimator's arguments to a `Chain`."""

from __future__ import annotations

from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import ParameterError
from emkit.hmm.chain import Chain

__all__ = ["allowed_moves", "chain_of"]

_WORDS = ("ergodic", "left-right", "cyclic", "banded")


def chain_of(k: int, startprob: Any, transmat: Any, startprob_prior: Any, transmat_prior: Any) -> Chain:
    """Return the chain that the arguments ask for.

    Parameters
    ----------
    startprob : "free", "stationary", "uniform", or array (k,)
    transmat : str, array (k, k) of bool, or array (k, k) of float
        A word, see `allowed_moves`; where transitions may happen; or known transitions, NaN where they are free.
    startprob_prior, transmat_prior : float or array
        Concentrations of Dirichlet priors, above zero; 1 is none.
    """
    allowed, fixed = _moves(k, transmat)
    start, init = _begin(k, startprob)
    for name, prior, shape in (("startprob_prior", startprob_prior, (k,)), ("transmat_prior", transmat_prior, (k, k))):
        _check_prior(name, prior, shape)
    if start == "stationary" and np.any(np.asarray(startprob_prior) != 1):
        message = "`startprob_prior` has no meaning with a stationary start: use `transmat_prior`"
        raise ParameterError(message)
    return Chain(k, start, init, allowed, fixed, startprob_prior, transmat_prior)  # type: ignore[arg-type]


def allowed_moves(word: str, k: int, width: int = 1) -> Array | None:
    """Return where transitions may happen (k, k), None for everywhere.

    "left-right": to the same state or a later one; "cyclic": to the same or the next, the first after the last;
    "banded": to the same state or its neighbours; "ergodic": everywhere.
    """
    gap = np.arange(k)[None, :] - np.arange(k)[:, None]
    if word == "ergodic":
        return None
    if word == "left-right":
        return np.asarray(gap >= 0)
    if word == "cyclic":
        return np.asarray((gap % k) <= 1)
    if word == "banded":
        return np.asarray(np.abs(gap) <= width)
    message = f"`transmat` must be one of {', '.join(map(repr, _WORDS))}, or an array (k, k), got {word!r}"
    raise ParameterError(message)


def _moves(k: int, transmat: Any) -> tuple[Array | None, Array | None]:
    if isinstance(transmat, str):
        return allowed_moves(transmat, k), None
    array = np.asarray(transmat)
    if array.shape != (k, k):
        message = f"`transmat` must be a word or an array of shape {(k, k)}, got shape {array.shape}"
        raise ParameterError(message)
    if array.dtype == bool:
        if not array.any(axis=1).all():
            message = f"`transmat` allows nothing to follow state {int(np.argmin(array.any(axis=1)))}"
            raise ParameterError(message)
        return array, None
    return None, _checked_fixed(array.astype(np.float64))


def _checked_fixed(array: Array) -> Array:
    free = np.isnan(array)
    known = np.where(free, 0.0, array)
    total = known.sum(axis=1)
    if (known < 0).any() or (total > 1 + 1e-8).any():
        row = int(np.argmax((known < 0).any(axis=1) | (total > 1 + 1e-8)))
        message = f"the known entries in row {row} of `transmat` must be probabilities that add up to at most one"
        raise ParameterError(message)
    short = ~free.any(axis=1) & (np.abs(total - 1) > 1e-8)
    if short.any():
        row = int(np.argmax(short))
        message = f"row {row} of `transmat` is all known but adds up to {total[row]:.6g}, not one"
        raise ParameterError(message)
    return array


def _begin(k: int, startprob: Any) -> tuple[str, Array | None]:
    if isinstance(startprob, str):
        if startprob == "uniform":
            return "fixed", np.full(k, 1 / k)
        if startprob in ("free", "stationary"):
            return startprob, None
        message = f"`startprob` must be 'free', 'stationary', 'uniform' or an array (k,), got {startprob!r}"
        raise ParameterError(message)
    array = np.asarray(startprob, dtype=np.float64)
    if array.shape != (k,) or (array < 0).any() or abs(array.sum() - 1) > 1e-8:
        message = f"`startprob` must be {k} probabilities that add up to one, got {startprob!r}"
        raise ParameterError(message)
    return "fixed", array


def _check_prior(name: str, prior: Any, shape: tuple[int, ...]) -> None:
    array = np.asarray(prior, dtype=np.float64)
    if array.ndim > 0 and array.shape not in (shape, shape[-1:]):
        message = f"`{name}` must be a number or an array of shape {shape}, got shape {array.shape}"
        raise ParameterError(message)
    if not (array > 0).all():
        message = f"`{name}` must be above zero (1 is no prior), got {prior!r}"
        raise ParameterError(message)
