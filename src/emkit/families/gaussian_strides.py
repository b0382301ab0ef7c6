"""Strides of Gaussian mixtures: several EM steps in one call of a kernel, where the rows are few and complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data.memory import MemorySource
from emkit.data.streams import FileSource
from emkit.kernels.covariance import Parts
from emkit.kernels.gaussian_climb import Layout, climb, layout_of

if TYPE_CHECKING:
    from emkit.families.gaussian import Gaussian

__all__ = ["GaussianStrides", "Stand"]

MOST_FEATURES = 24  # above, the matrix products of E-step and M-step are worth more than what a call costs


@dataclass(frozen=True)
class Stand:
    """Where a stride ended: proportions (k,), members, moments about their means, log-likelihood and objective."""

    mix: FloatArray
    members: Any
    count: FloatArray
    first: FloatArray
    second: FloatArray
    loglik: float
    objective: float


@dataclass(frozen=True, eq=False)
class GaussianStrides:
    """The kernel's climb for one family on one block of rows.

    Parameters
    ----------
    family : Gaussian
    block : Block
        All rows, complete, in memory.
    """

    family: Gaussian
    block: Any

    @classmethod
    def of(cls, family: Gaussian, source: Any) -> GaussianStrides | None:
        """Return the strides of a family on a source, or None where the kernel does not serve."""
        is_plain = family.structure.form is not None and family.prior is None and not family.has_pinned
        if is_plain and isinstance(source, FileSource):  # as in memory: so few rows take little of it
            is_read = source.n_features <= MOST_FEATURES and not source.has_missing
            return cls(family, source.whole()) if is_read else None
        if not is_plain or not getattr(source, "is_in_memory", False):
            return None
        blocks = list(source.blocks())
        first = blocks[0].X
        if not isinstance(first, np.ndarray) or first.shape[1] > MOST_FEATURES:
            return None
        if any(block.has_missing for block in blocks):
            return None
        if len(blocks) == 1:
            return cls(family, blocks[0])
        return cls(family, source.whole()) if isinstance(source, MemorySource) else None

    def layout(self, k: int) -> Layout:
        """Return the layout of states with k components."""
        form = self.family.structure.form
        assert form is not None, "asked of `of`"
        return layout_of(*form, k, self.block.X.shape[1])

    def memory(self, k: int) -> FloatArray:
        """Return the memory with which acceleration begins."""
        return np.zeros(self.layout(k).n_memory)

    def state(self, mix: FloatArray, members: Any, moments: Any, loglik: float, objective: float) -> FloatArray:
        """Return the state at parameters with the moments of an E-step there."""
        parts = self.family.structure.parts(members)
        arrays = (mix, members.mean, *parts, moments.count, moments.first, moments.second)
        return np.concatenate([*(array.ravel() for array in arrays), (loglik, objective)])

    def go(
        self, state: FloatArray, memory: FloatArray, k: int, *, n_steps: int, is_fast: bool, enough: float
    ) -> FloatArray:
        """Take up to `n_steps` steps; state and memory change. Return the rows of the steps made (see the kernel)."""
        block, layout = self.block, self.layout(k)
        rows: FloatArray = climb(
            block.X,
            block.kernel_weights,
            self.family.floor_diagonal,
            layout,
            state,
            memory,
            n_steps=n_steps,
            is_fast=is_fast,
            enough=enough,
        )
        return rows

    def stand(self, state: FloatArray, k: int) -> Stand:
        """Return what a state says, as records."""
        at = self.layout(k)
        d = at.d
        matrix = state[at.matrix].reshape((k, 0) if at.is_diagonal else (k, d, d))
        parts = Parts(state[at.volume], state[at.shape].reshape(k, d), matrix)
        mean = state[at.mean].reshape(k, d)
        return Stand(
            state[at.mix],
            self.family.structure.of_parts(mean, parts),
            state[at.count],
            state[at.first].reshape(k, d),
            state[at.second].reshape((k, d) if at.is_diagonal else (k, d, d)),
            float(state[at.loglik]),
            float(state[at.objective]),
        )
