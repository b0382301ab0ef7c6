"""Records as trees: what JSON can say goes into the header, arrays beside it.

Every JSON object carries one key that says what it is: `array`, `bytes`, `strings`, `number`, `tuple`, `slice`,
`mapping`, `enum`, `record`, `estimator` or `state`. Numbers, strings, lists, true, false and null stand for
themselves. Under which names classes are kept, and which objects, is decided by whom the tree is for: a saved fit or
a checkpoint.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import EmkitError, SavedFitError

__all__ = ["Finder", "Names", "Reader", "Writer"]


class Names(Protocol):
    """The names of classes, and whether an object that is no record is kept by its attributes.

    Arrays of up to `inline_bytes` are part of the tree itself, for speed where there are thousands of them. Fields
    declared transient (what a fit works with, and its result does not need) are kept if `keeps_transient`.
    """

    inline_bytes: int
    keeps_transient: bool

    def name_of(self, cls: type) -> tuple[str, str]: ...
    def keeps_state(self, value: Any) -> bool: ...


class Finder(Protocol):
    """Classes by name and home."""

    def find(self, name: str, home: str) -> Any: ...


class Writer:
    """Turns a value into a tree, and collects its arrays by name and the names of what no file can hold."""

    def __init__(self, names: Names) -> None:
        self._classes = names
        self.arrays: dict[str, Array] = {}
        self.left_out: list[str] = []
        self._names: dict[int, str] = {}

    def tree(self, value: Any, path: str) -> Any:
        """Return the tree of a value that is found at `path`."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.ndarray):
            return self._array(value, path)
        if isinstance(value, Enum):
            name, home = self._classes.name_of(type(value))
            return {"enum": name, "home": home, "value": value.value}
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, float | np.floating):
            return float(value) if math.isfinite(value) else {"number": repr(float(value))}
        return self._made_of_others(value, path)

    def _made_of_others(self, value: Any, path: str) -> Any:
        if isinstance(value, slice):
            return {"slice": [value.start, value.stop, value.step]}
        if isinstance(value, tuple) and type(value) is tuple:
            return {"tuple": [self.tree(item, f"{path}.{i}") for i, item in enumerate(value)]}
        if isinstance(value, list):
            return [self.tree(item, f"{path}.{i}") for i, item in enumerate(value)]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {"mapping": self._each(value, path)}
        if isinstance(value, Mapping):
            pairs = enumerate(value.items())
            return {"pairs": [[self.tree(key, path), self.tree(item, f"{path}.{i}")] for i, (key, item) in pairs]}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._record(value, path)
        if callable(getattr(value, "get_params", None)):
            return self._estimator(value, path)
        if self._classes.keeps_state(value):
            return self._state(value, path)
        self.left_out.append(path)
        return None

    def _array(self, value: Array, path: str) -> Any:
        if value.dtype.kind in "OUT":
            cells = value.reshape(-1).tolist()
            if not all(isinstance(cell, str) for cell in cells):
                message = f"`{path}` is an array of objects; only numbers and strings can be saved"
                raise SavedFitError(message)
            kind = "object" if value.dtype.kind == "O" else "str"
            return {"strings": cells, "shape": list(value.shape), "dtype": kind}
        if value.dtype.kind not in "fiub":
            message = f"`{path}` is an array of {value.dtype}; only numbers and strings can be saved"
            raise SavedFitError(message)
        if value.nbytes <= self._classes.inline_bytes:
            data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"bytes": data, "dtype": value.dtype.str, "shape": list(value.shape)}
        if id(value) not in self._names:
            self._names[id(value)] = path
            self.arrays[path] = value
        return {"array": self._names[id(value)]}

    def _record(self, value: Any, path: str) -> Any:
        name, home = self._classes.name_of(type(value))
        kept = (
            f for f in dataclasses.fields(value) if self._classes.keeps_transient or not f.metadata.get("transient")
        )
        held = {f.name: getattr(value, f.name) for f in kept}
        return {"record": name, "home": home, "fields": self._each(held, path)}

    def _estimator(self, value: Any, path: str) -> Any:
        name, home = self._classes.name_of(type(value))
        return {
            "estimator": name,
            "home": home,
            "params": self._each(value.get_params(), path),
            "learned": self._each({key: item for key, item in vars(value).items() if _is_learned(key)}, path),
        }

    def _state(self, value: Any, path: str) -> Any:
        name, home = self._classes.name_of(type(value))
        if isinstance(value, tuple):
            return {"state": name, "home": home, "items": [self.tree(v, f"{path}.{i}") for i, v in enumerate(value)]}
        return {"state": name, "home": home, "held": self._each(vars(value), path)}

    def _each(self, held: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {key: self.tree(item, f"{path}.{key}" if path else key) for key, item in held.items()}


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


class Reader:
    """Turns a tree back into the value, with arrays by name."""

    def __init__(self, arrays: Mapping[str, Array], classes: Finder) -> None:
        self._arrays = arrays
        self._classes = classes
        self._kinds: dict[str, Callable[[dict[str, Any]], Any]] = {
            "array": lambda node: self._array(node["array"]),
            "bytes": _inline,
            "strings": _strings,
            "number": lambda node: float(node["number"]),
            "tuple": lambda node: tuple(self.value(item) for item in node["tuple"]),
            "slice": lambda node: slice(*node["slice"]),
            "mapping": lambda node: self._each(node["mapping"]),
            "pairs": lambda node: {self.value(key): self.value(item) for key, item in node["pairs"]},
            "enum": lambda node: self._classes.find(node["enum"], node["home"])(node["value"]),
            "record": self._record,
            "estimator": self._estimator,
            "state": self._state,
        }

    def value(self, node: Any) -> Any:
        """Return the value of a tree."""
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        for kind, read in self._kinds.items():
            if kind in node:
                return read(node)
        message = f"the header holds something of no known kind: {sorted(node)!r}"
        raise SavedFitError(message)

    def _array(self, name: str) -> Array:
        if name not in self._arrays:
            message = f"the array {name!r} is missing"
            raise SavedFitError(message)
        return self._arrays[name]

    def _each(self, nodes: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self.value(node) for key, node in nodes.items()}

    def _record(self, node: dict[str, Any]) -> Any:
        cls = self._classes.find(node["record"], node["home"])
        return _built(cls, node["record"], self._each(node["fields"]))

    def _estimator(self, node: dict[str, Any]) -> Any:
        cls = self._classes.find(node["estimator"], node["home"])
        made = _built(cls, node["estimator"], self._each(node["params"]))
        vars(made).update(self._each(node["learned"]))
        return made

    def _state(self, node: dict[str, Any]) -> Any:
        cls = self._classes.find(node["state"], node["home"])
        if "items" in node:
            return cls(*[self.value(item) for item in node["items"]])
        made = object.__new__(cls)
        vars(made).update(self._each(node["held"]))
        return made


def _inline(node: dict[str, Any]) -> Array:
    data = bytearray(base64.b64decode(node["bytes"]))  # writable, as arrays from files are
    return np.frombuffer(data, dtype=node["dtype"]).reshape(node["shape"])


def _strings(node: dict[str, Any]) -> Array:
    array = np.array(node["strings"], dtype=object if node["dtype"] == "object" else np.str_)
    return array.reshape(node["shape"])


def _built(cls: Any, name: str, arguments: dict[str, Any]) -> Any:
    try:
        return cls(**arguments)
    except EmkitError:
        raise
    except (TypeError, ValueError) as error:
        message = f"the class {name!r} does not take what the file holds for it: {error}"
        raise SavedFitError(message) from error
