"""What a family of distributions is: k members at once, each with weighted maximum likelihood by statistics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.kernels.foreign import host, is_foreign, namespace
from emkit.kernels.gaussian import softmax_rows

__all__ = ["Family", "MixtureStep", "Starts", "weighted_rows"]


class Starts(Protocol):
    """What starts are drawn from: the rows of a sample, seen as the family sees them."""

    def responsibilities(self, k: int, rng: np.random.Generator, index: int) -> FloatArray:
        """Return responsibilities (n, k), case weights included, of start number `index`; kinds alternate."""


@dataclass(frozen=True, slots=True)
class MixtureStep:
    """The E-step of a mixture on one block: log-likelihood, expected counts (k,), statistics of the family."""

    loglik: float
    count: FloatArray
    statistics: Any


@dataclass(frozen=True)
class Family(ABC):
    """A family of distributions with k members (components, states) held in one record of parameters.

    Mixtures and hidden Markov models are made of families: they bring the responsibilities, the family the rest.
    `is_discrete` says that equal rows are common, so that it pays to count them once; `takes_sparse` that rows may come
    as a csr_array; `takes_device` that they may come as arrays of another library, NaN and all: `log_joint` then
    answers in kind, and `statistics` take responsibilities in kind and are sums of NumPy. `prepared` sees such blocks
    too; starts are made from rows of NumPy.
    """

    is_discrete: ClassVar[bool] = False
    start_rows: ClassVar[int] = 16384  # starts are drawn from a sample of so many rows
    takes_sparse: ClassVar[bool] = False

    @property
    def takes_device(self) -> bool:
        """Return whether rows may be arrays of another library; no, where the family does not say so."""
        return False

    @property
    def n_read(self) -> int:
        """Parameters that are read off the data and not estimated, such as the volume of noise."""
        return 0

    @abstractmethod
    def prepared(self, source: Any, n_components: int) -> Family:
        """Return the family with the constants it reads off the data once: scales, defaults of a prior."""

    def arranged(self, source: Any) -> Any:
        """Return the same rows arranged so that passes over them cost less; as they are where nothing is gained."""
        return source

    @abstractmethod
    def starting_rows(self, block: Any) -> Starts:
        """Return what starts are drawn from, given a sample of the rows; what they share is worked out once."""

    @abstractmethod
    def start(self, X: Array, resp: FloatArray) -> Any:
        """Return parameters from rows (n, d) and their responsibilities (n, k): a first guess, never degenerate."""

    @abstractmethod
    def log_joint(self, log_mix: FloatArray, parameters: Any, X: Array) -> FloatArray:
        """Return log mix_k + log density of each row under each member, (n, k)."""

    def mixture_step(self, log_mix: FloatArray, parameters: Any, block: Any) -> MixtureStep:
        """Return the E-step of a mixture with these proportions on a block; families with a fused kernel override it.

        Rows of weight zero change nothing, whatever they hold.
        """
        density, resp = softmax_rows(self.log_joint(log_mix, parameters, block.X))
        loglik, count, resp = weighted_rows(density, resp, block)
        return MixtureStep(loglik, count, self.statistics(parameters, block.X, resp))

    def strides(self, source: Any) -> Any:
        """Return the kernel that takes several EM steps of a mixture in one call, or None where there is none."""
        return None

    @abstractmethod
    def statistics(self, parameters: Any, X: Array, resp: FloatArray) -> Any:
        """Return the expected statistics of rows (n, d) with responsibilities (n, k), case weights included."""

    @abstractmethod
    def m_step(self, statistics: Any, parameters: Any) -> Any:
        """Return the members that maximise expected log-likelihood plus log prior."""

    @abstractmethod
    def expected_loglik(self, parameters: Any, statistics: Any) -> float:
        """Return the family's part of the Q function."""

    @abstractmethod
    def score(self, parameters: Any, statistics: Any) -> Any:
        """Return the gradient of `expected_loglik + log_prior` by entry, as a record like the parameters."""

    def score_features(self, parameters: Any, X: Array) -> FloatArray | None:
        """Return features (q, n) of rows, the first of them one, in which the slopes of log f_k(x) are linear.

        None where the family does not offer it: standard errors of its mixtures then cost an E-step for each free
        parameter instead of two passes.
        """
        return None

    def score_maps(self, parameters: Any) -> tuple[FloatArray, ...]:
        """Return the maps (k, m, q) from features to the slopes by the m entries of member k, array by array."""
        message = f"{type(self).__name__} offers features and no maps"
        raise NotImplementedError(message)

    def score_powers(self, parameters: Any) -> IntArray | None:
        """Return the powers (q, m) of m variables whose product each feature is: equal products of two are summed once.

        None where the features are no such products: every pair of them then counts as different.
        """
        return None

    @abstractmethod
    def log_prior(self, parameters: Any) -> float:
        """Return the log prior density of all members, up to a constant."""

    @abstractmethod
    def reordered(self, parameters: Any, order: Array) -> Any:
        """Return the members in another order."""

    @abstractmethod
    def sort_key(self, parameters: Any) -> FloatArray:
        """Return the number (k,) by which members of equal weight are ordered."""

    @abstractmethod
    def sample(self, parameters: Any, labels: Array, rng: np.random.Generator) -> FloatArray:
        """Return one row (d,) per label (n,), drawn from that member."""

    @abstractmethod
    def collapsed(self, parameters: Any, statistics: Any, count: FloatArray) -> str:
        """Return a sentence naming the members that have collapsed, or an empty string."""


def weighted_rows(density: Any, resp: Any, block: Any) -> tuple[float, FloatArray, Any]:
    """Return log-likelihood, expected counts (k,) and weighted responsibilities (n, k), in kind, of a block.

    Parameters
    ----------
    density : array (n,)
        Log-density of each row.
    resp : array (n, k)
        Responsibilities; written to where they are NumPy's.
    """
    if is_foreign(resp):
        xp, weights = namespace(resp), block.kernel_weights
        if weights is not None:
            density = xp.where(weights > 0, weights * density, xp.zeros_like(density))
            resp = xp.where(weights[:, None] > 0, resp * weights[:, None], xp.zeros_like(resp))
        return float(xp.sum(density)), np.asarray(host(xp.sum(resp, axis=0))), resp
    if block.is_weighted:
        density = np.where(block.weights > 0, density, 0.0)
        resp *= block.weights[:, None]
    return float(block.weights @ density), resp.sum(axis=0), resp
