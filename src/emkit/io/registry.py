"""The names under which classes are saved: they stay when modules move, and nothing else is ever imported.

Classes from outside emkit are found among those the user passes to `load`.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterable
from typing import Any

from emkit.errors import SavedFitError
from emkit.io.homes import HOMES, UNSAVED

__all__ = ["OWN", "Classes", "name_of"]


def name_of(cls: type) -> tuple[str, str]:
    """Return the name under which a class is saved, and its home: empty for emkit's own, else the module."""
    home = HOMES.get(cls.__name__)
    if home is not None and getattr(importlib.import_module(home), cls.__name__, None) is cls:
        return cls.__name__, ""
    if cls.__name__ in UNSAVED:
        message = f"a {cls.__name__} {UNSAVED[cls.__name__]}"
        raise SavedFitError(message)
    if cls.__module__.split(".")[0] == "emkit":
        message = f"{cls.__module__}.{cls.__qualname__} has no name in emkit.io.homes, so it cannot be saved"
        raise SavedFitError(message)
    return cls.__name__, cls.__module__


class _OwnNames:
    """How the writer of a tree names classes in a saved fit."""

    inline_bytes = -1
    keeps_transient = False

    def name_of(self, cls: type) -> tuple[str, str]:
        return name_of(cls)

    def keeps_state(self, value: Any) -> bool:
        """Return False: a callback, a generator, an open source is of use to a fit, not to its result."""
        return False


OWN = _OwnNames()


class Classes:
    """The classes a file may be made of: emkit's own, those given, and those beside the given in their
    modules."""

    def __init__(self, given: Iterable[type]) -> None:
        self._given = {cls.__name__: cls for cls in given}

    def find(self, name: str, home: str) -> Any:
        """Return a class by saved name.

        Raises
        ------
        SavedFitError
            If there is none; it says what to pass to `load`.
        """
        if not home:
            return self._own(name)
        if name in self._given:
            return self._given[name]
        for cls in self._given.values():
            beside = getattr(sys.modules.get(cls.__module__), name, None)
            if inspect.isclass(beside):
                return beside
        message = (
            f"the file holds a {name!r} (from the module {home!r}), which is not part of emkit: import that "
            f"class and pass it, as in emkit.load(path, models=[{name}])"
        )
        raise SavedFitError(message)

    def _own(self, name: str) -> Any:
        if name not in HOMES:
            message = f"the file holds a {name!r}, which this version of emkit does not know: update emkit"
            raise SavedFitError(message)
        return getattr(importlib.import_module(HOMES[name]), name)
