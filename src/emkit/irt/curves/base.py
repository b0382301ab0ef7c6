"""What every item type is: the curves of m items with K categories each, as functions of a matrix of numbers.

Inside, the parameters of an item are a row of a matrix (m, p) whose columns are named fields: slopes first, then what
the type needs. A field is each item's own, shared by the items, or fixed; the record of parameters holds (m, c), (1, c)
or (0, c) numbers accordingly.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import numpy as np

from emkit.core.arrays import Array, FloatArray

__all__ = ["Field", "ItemType", "Role", "Slopes", "by_slopes", "predictor", "rebased", "slope_times"]


class Role(Enum):
    """Whose a field is."""

    OWN = "each item's own"
    SHARED = "shared by the items"
    FIXED = "fixed"


class Slopes(Enum):
    """What is asked of slopes: free, one for all items, or fixed at one (the latent variance is free then)."""

    FREE = "free"
    COMMON = "common"
    ONE = "one"

    @property
    def role(self) -> Role:
        """Whose the slopes are."""
        return {Slopes.FREE: Role.OWN, Slopes.COMMON: Role.SHARED, Slopes.ONE: Role.FIXED}[self]


class Field(NamedTuple):
    """A run of columns of the matrix: its name in the record, its width, and whose it is."""

    name: str
    width: int
    role: Role


@dataclass(frozen=True)
class ItemType(ABC):
    """The curves of one kind of item.

    Parameters
    ----------
    slopes : Slopes
    """

    slopes: Slopes = Slopes.FREE
    record_type: ClassVar[Any]
    is_reflectable: ClassVar[bool] = True  # whether turning all slopes round is the same as turning the factor round
    is_linear: ClassVar[bool] = False  # whether log odds are linear in the parameters: information is then the expected
    bounded: ClassVar[tuple[str, ...]] = ()  # fields between 0 and 1, stepped in log odds

    @abstractmethod
    def fields(self, n_categories: int, n_factors: int) -> tuple[Field, ...]:
        """Return the columns, slopes first."""

    @abstractmethod
    def start(self, shares: FloatArray, slope: FloatArray) -> FloatArray:
        """Return a matrix (m, p) from shares (m, K) of the categories and slopes (m, F) to begin with."""

    @abstractmethod
    def log_prob(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        """Return log-probabilities (m, K, q) of the categories at nodes (q, F)."""

    @abstractmethod
    def jacobian(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        """Return the derivatives (m, p, K, q) of `log_prob` by the columns of the matrix."""

    def slope_and_information(
        self, matrix: FloatArray, nodes: FloatArray, counts: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the gradient (m, p) of sum counts * log_prob and its expected information (m, p, p)."""
        log_prob, jacobian = self.log_prob(matrix, nodes), self.jacobian(matrix, nodes)
        flat = jacobian.reshape(*matrix.shape, -1)
        weight = (counts.sum(axis=1, keepdims=True) * np.exp(log_prob)).reshape(len(matrix), 1, -1)
        slope = (flat @ counts.reshape(len(matrix), -1, 1))[..., 0]
        return slope, (flat * weight) @ flat.transpose(0, 2, 1)

    @abstractmethod
    def by_latent(self, matrix: FloatArray, nodes: FloatArray) -> FloatArray:
        """Return the derivatives (m, F, K, q) of `log_prob` by the latent variable."""

    @abstractmethod
    def moved(self, matrix: FloatArray, shift: FloatArray | float, scale: float) -> FloatArray:
        """Return the matrix of the same curves in y, where x = shift + scale y, the shift being (F,) or one number."""

    @abstractmethod
    def n_categories(self, parameters: Any) -> int:
        """Return K, from the shapes of a record."""

    # --- records and matrices ---

    def layout(self, parameters: Any) -> tuple[Field, ...]:
        """Return the columns of a record."""
        return self.fields(self.n_categories(parameters), parameters.slope.shape[1])

    def matrix(self, parameters: Any, n_items: int) -> FloatArray:
        """Return the matrix (m, p) of a record."""
        return np.concatenate(
            [_rows(getattr(parameters, field.name), n_items) for field in self.layout(parameters)], axis=1
        )

    def record(self, matrix: FloatArray, fields: tuple[Field, ...], gather: Callable[[Array], Array]) -> Any:
        """Return the record of a matrix; `gather` makes one row of what items share, out of theirs."""
        values, at = {}, 0
        for field in fields:
            own = matrix[:, at : at + field.width]
            at += field.width
            if field.role is Role.OWN:
                values[field.name] = np.ascontiguousarray(own)
            else:
                values[field.name] = gather(own) if field.role is Role.SHARED else own[:0]
        return self.record_type(**values)

    def is_free(self, matrix: FloatArray, fields: tuple[Field, ...]) -> tuple[Array, Array]:
        """Return which entries (m, p) are free, and which columns (p,) are shared. Slopes of exactly zero are not."""
        roles = np.repeat([field.role for field in fields], [field.width for field in fields])
        free = np.broadcast_to(roles != Role.FIXED, matrix.shape).copy()
        n_slopes = fields[0].width
        free[:, :n_slopes] &= matrix[:, :n_slopes] != 0
        return free, roles == Role.SHARED

    def in_unit(self, fields: tuple[Field, ...]) -> Array:
        """Return which columns (p,) lie between 0 and 1."""
        return np.repeat([field.name in self.bounded for field in fields], [field.width for field in fields])


def predictor(matrix: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return a'x (m, q): the slopes are the first columns of the matrix."""
    product: FloatArray = matrix[:, : nodes.shape[1]] @ nodes.T
    return product


def rebased(matrix: FloatArray, shift: FloatArray | float, scale: float) -> tuple[FloatArray, FloatArray, int]:
    """Return the slopes (m, F) in y, where x = shift + scale y, what a'x has gained (m, 1), and F."""
    by = np.atleast_1d(np.asarray(shift, dtype=np.float64))
    slope = matrix[:, : len(by)]
    return slope * scale, (slope @ by)[:, None], len(by)


def by_slopes(by_predictor: FloatArray, nodes: FloatArray) -> FloatArray:
    """Return derivatives (m, F, K, q) by slopes from those (m, K, q) by the predictor."""
    return by_predictor[:, None] * nodes.T[:, None, :]


def slope_times(matrix: FloatArray, by_predictor: FloatArray, n_factors: int) -> FloatArray:
    """Return derivatives (m, F, K, q) by the latent variable from those (m, K, q) by the predictor."""
    return matrix[:, :n_factors, None, None] * by_predictor[:, None]


def _rows(value: FloatArray, n_items: int) -> FloatArray:
    if len(value) == n_items:
        return value
    return np.broadcast_to(value, (n_items, value.shape[1])) if len(value) else np.ones((n_items, value.shape[1]))
