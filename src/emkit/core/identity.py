"""What makes two fits the same: model, data, solver, options, and where the random numbers begin."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from emkit.core.archive import npy_bytes
from emkit.core.tree import Writer
from emkit.errors import SavedFitError

__all__ = ["Identity", "generator_from", "state_of"]

_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Identity:
    """The facts of a fit by topic, each a value to show and a digest to compare; and the state of its generator.

    Parameters
    ----------
    facts : mapping
        topic -> name -> [shown, digest]; topics are "model", "data" and "fit".
    rng : mapping
        See `state_of`.
    is_seeded : bool
        Whether the user gave a seed, which must then be the same again.
    """

    facts: Mapping[str, Mapping[str, list[str]]]
    rng: Mapping[str, Any]
    is_seeded: bool

    @classmethod
    def of(cls, model: Any, source: Any, options: Mapping[str, Any], rng: np.random.Generator, seed: Any) -> Identity:
        """Return the identity of a fit that is about to begin."""
        facts = {"model": _parts(model), "data": _data_facts(source), "fit": {k: _fact(v) for k, v in options.items()}}
        return cls(facts, state_of(rng), seed is not None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        import emkit

        return {"emkit": emkit.__version__, "facts": self.facts, "rng": self.rng}

    def continued(self, header: Mapping[str, Any]) -> Identity:
        """Return this identity with the generator of the checkpoint, after checking that it is the same fit.

        Raises
        ------
        SavedFitError
            If it is not; it says what was expected and what the checkpoint has.
        """
        import emkit

        if header["emkit"] != emkit.__version__:
            message = f"it was written by emkit {header['emkit']}, and this is {emkit.__version__}: {_REMEDY}"
            raise SavedFitError(message)
        for topic, known in header["facts"].items():
            _compare(topic, known, self.facts[topic])
        if self.is_seeded and header["rng"] != json.loads(json.dumps(self.rng)):
            message = f"it was begun with another seed of random numbers: {_REMEDY}"
            raise SavedFitError(message)
        return replace(self, rng=header["rng"])


_REMEDY = "give the same again to go on with it; or give another path, or delete the file, to begin anew"
_TOPICS = {"model": "another model", "data": "other data", "fit": "other options"}


def _compare(topic: str, known: Mapping[str, list[str]], mine: Mapping[str, list[str]]) -> None:
    for name in {**known, **mine}:
        theirs, ours = known.get(name, ["nothing", ""]), mine.get(name, ["nothing", ""])
        if theirs[1] != ours[1]:
            message = f"it is that of {_TOPICS[topic]}: `{name}` is {theirs[0]} there and {ours[0]} here; {_REMEDY}"
            raise SavedFitError(message)


def _parts(model: Any) -> dict[str, list[str]]:
    """Return the facts of a model, field by field."""
    own = {f.name: _fact(getattr(model, f.name)) for f in fields(model)} if is_dataclass(model) else {}
    return {"class": _fact(type(model).__qualname__), **own}


def _data_facts(source: Any) -> dict[str, list[str]]:
    """Return size, weight and column moments: enough to tell other data, in a pass or two."""
    facts = {name: _fact(getattr(source, name, None)) for name in ("n_rows", "n_features", "total_weight")}
    lengths = getattr(source, "lengths", None)
    if lengths is not None:
        facts["lengths of the sequences"] = _fact(np.asarray(lengths))
    moments = getattr(source, "column_moments", None)
    if moments is not None:
        found = moments()
        for name in ("mean", "var", "low", "high"):
            facts[f"{name} of the columns"] = _fact(np.asarray(getattr(found, name)))
    return facts


def _fact(value: Any) -> list[str]:
    """Return a value as a message shows it, and its digest."""
    writer = Writer(_Loose())
    tree = json.dumps(writer.tree(value, ""), sort_keys=True)
    digest = hashlib.sha256(tree.encode())
    for name in sorted(writer.arrays):
        digest.update(npy_bytes(writer.arrays[name]))
    shown = " ".join(repr(value).split())
    return [shown if len(shown) <= _SHOWN else shown[: _SHOWN - 3] + "...", digest.hexdigest()]


class _Loose:
    """Classes by name; objects that are no records count by their attributes, or not at all."""

    inline_bytes = 512
    keeps_transient = False

    def name_of(self, cls: type) -> tuple[str, str]:
        return cls.__qualname__, ""

    def keeps_state(self, value: Any) -> bool:
        return not callable(value) and (hasattr(value, "__dict__") or isinstance(value, tuple))


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return where a generator stands, its seed for the generators of starts included, as JSON takes it."""
    bits: Any = rng.bit_generator
    seed = bits.seed_seq
    return {
        "kind": type(bits).__name__,
        "entropy": seed.entropy if isinstance(seed.entropy, int) else [int(word) for word in np.ravel(seed.entropy)],
        "spawn_key": list(seed.spawn_key),
        "n_children": seed.n_children_spawned,
        "state": _plain(bits.state),
    }


def generator_from(state: Mapping[str, Any]) -> np.random.Generator:
    """Return a generator that goes on from a state."""
    seed = np.random.SeedSequence(
        state["entropy"], spawn_key=state["spawn_key"], n_children_spawned=state["n_children"]
    )
    bits = getattr(np.random, state["kind"])(seed)
    bits.state = _unplain(state["state"])
    return np.random.Generator(bits)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return {"words": value.tolist(), "dtype": str(value.dtype)}
    return int(value) if isinstance(value, np.integer) else value


def _unplain(value: Any) -> Any:
    if isinstance(value, dict) and "words" in value:
        return np.array(value["words"], dtype=value["dtype"])
    return {key: _unplain(item) for key, item in value.items()} if isinstance(value, dict) else value
