"""A case of the laws: a model with data that it fits."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """A model with data that it fits; `is_continuous` if a change of unit is the Jacobian."""

    name: str
    model: Any
    X: Any
    is_continuous: bool = True
    takes_constant: bool = True

    def __str__(self):
        return self.name
