"""Comparing records number by number, and the error that names a broken law."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from emkit.core import Model
from emkit.core.model import Offer, offered
from emkit.data import as_source

__all__ = ["LawBroken", "demand", "first_start", "numbers", "ready", "worst_gap"]


class LawBroken(AssertionError):
    """A model does not obey a law of the engine."""


def demand(law: str, is_kept: object, evidence: str) -> None:
    """Raise `LawBroken` with the evidence unless the law is kept."""
    if not is_kept:
        message = f"law broken: {law}: {evidence}"
        raise LawBroken(message)


def numbers(record: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every array and number of a record, its inner records and tuples included, with its path."""
    if dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            yield from numbers(getattr(record, field.name), f"{path}.{field.name}" if path else field.name)
    elif isinstance(record, tuple):
        for i, item in enumerate(record):
            yield from numbers(item, f"{path}[{i}]")
    elif record is not None and not isinstance(record, str | dict):
        yield path, np.asarray(record)


def worst_gap(left: Any, right: Any) -> tuple[str, float]:
    """Return where two records differ most, relative to the largest number of each array, and by how much."""
    where, worst = "", 0.0
    for (path, a), (_, b) in zip(numbers(left), numbers(right), strict=True):
        if a.size == 0:
            continue
        gap = float(np.max(np.abs(a - b))) / max(1.0, float(np.max(np.abs(b)))) if a.shape == b.shape else np.inf
        if not gap <= worst:
            where, worst = path, gap
    return where, worst


def ready(model: Model, X: Any, weights: Any = None, n_threads: int = 1) -> tuple[Any, Any]:
    """Return the model with its constants and the source, as a fit would see them."""
    source = as_source(X, weights, n_threads=n_threads)
    prepare = offered(model, Offer.PREPARE)
    return (model, source) if prepare is None else prepare(source)


def first_start(model: Any, source: Any, seed: int = 0, index: int = 0) -> Any:
    """Return a start as a fit would draw it."""
    rng = np.random.default_rng(seed)
    portfolio = offered(model, Offer.PORTFOLIO)
    return model.start(source, rng) if portfolio is None else portfolio(source, rng)(rng, index)
