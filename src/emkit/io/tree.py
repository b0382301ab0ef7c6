"""Records as trees: what JSON can say goes into the header, arrays beside it.

Every JSON object carries one key that says what it is: `array`, `strings`, `number`, `tuple`, `mapping`,
`enum`, `record` or `estimator`. Numbers, strings, lists, true, false and null stand for themselves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from emkit.core.arrays import Array
from emkit.errors import EmkitError, SavedFitError
from emkit.io.registry import Classes, name_of

__all__ = ["Reader", "Writer"]


class Writer:
    """Turns a value into a tree, and collects its arrays by name and the names of what no file can hold."""

    def __init__(self) -> None:
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
            name, home = name_of(type(value))
            return {"enum": name, "home": home, "value": value.value}
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, float | np.floating):
            return float(value) if math.isfinite(value) else {"number": repr(float(value))}
        return self._made_of_others(value, path)

    def _made_of_others(self, value: Any, path: str) -> Any:
        if isinstance(value, tuple) and type(value) is tuple:
            return {"tuple": [self.tree(item, f"{path}.{i}") for i, item in enumerate(value)]}
        if isinstance(value, list):
            return [self.tree(item, f"{path}.{i}") for i, item in enumerate(value)]
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {"mapping": self._each(value, path)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._record(value, path)
        if callable(getattr(value, "get_params", None)):
            return self._estimator(value, path)
        # A callback, a generator, an open source: of use to a fit, not to its result.
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
        if id(value) not in self._names:
            self._names[id(value)] = path
            self.arrays[path] = value
        return {"array": self._names[id(value)]}

    def _record(self, value: Any, path: str) -> Any:
        name, home = name_of(type(value))
        held = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if not f.metadata.get("transient")}
        return {"record": name, "home": home, "fields": self._each(held, path)}

    def _estimator(self, value: Any, path: str) -> Any:
        name, home = name_of(type(value))
        return {
            "estimator": name,
            "home": home,
            "params": self._each(value.get_params(), path),
            "learned": self._each({key: item for key, item in vars(value).items() if _is_learned(key)}, path),
        }

    def _each(self, held: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {key: self.tree(item, f"{path}.{key}" if path else key) for key, item in held.items()}


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


class Reader:
    """Turns a tree back into the value, with arrays by name."""

    def __init__(self, arrays: Mapping[str, Array], classes: Classes) -> None:
        self._arrays = arrays
        self._classes = classes
        self._kinds: dict[str, Callable[[dict[str, Any]], Any]] = {
            "array": lambda node: self._array(node["array"]),
            "strings": _strings,
            "number": lambda node: float(node["number"]),
            "tuple": lambda node: tuple(self.value(item) for item in node["tuple"]),
            "mapping": lambda node: self._each(node["mapping"]),
            "enum": lambda node: self._classes.find(node["enum"], node["home"])(node["value"]),
            "record": self._record,
            "estimator": self._estimator,
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
