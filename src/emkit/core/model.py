"""The model protocol: what the engine asks of a model, and where it asks what a model offers besides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import numpy as np

from emkit.core.arrays import FloatArray

__all__ = ["BlockLike", "Model", "Offer", "SourceLike", "bare", "offered", "takes_device"]

S = TypeVar("S")


class BlockLike(Protocol):
    """A block of rows: `X` (b, d), case `weights` (b,), and the number of its first row."""

    @property
    def X(self) -> Any: ...
    @property
    def weights(self) -> FloatArray: ...
    @property
    def start(self) -> int: ...


class SourceLike(Protocol):
    """Where the data are: anything that applies a pure function to every block and adds up what it returns."""

    @property
    def n_rows(self) -> int: ...
    @property
    def total_weight(self) -> float: ...
    def reduce(self, f: Callable[[Any], Any]) -> Any: ...
    def map(self, f: Callable[[Any], S]) -> list[S]: ...
    def blocks(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Model(ABC):
    """A latent-variable model: choices only, no data and no estimates.

    Besides the methods below a model may define any of these; each unlocks a feature for its users:

    - `expected_loglik(parameters, statistics) -> float`: the Q function without its constants, up to terms that do not
      depend on the parameters. Unlocks the score, `QuasiNewton` and standard errors.
    - `score(parameters, statistics) -> Parameters`: the gradient of `expected_loglik + log_prior` with respect to every
      entry of every array (symmetric for symmetric matrices); differenced where it is absent.
    - `portfolio(source, rng) -> draw`, where `draw(rng, index) -> Parameters` is the start number `index` of many:
      kinds of start alternate, and what they share is worked out once.
    - `starts_to_agree: int`: how many starts must agree before they are believed (16 where the model does not say).
    - `hits_to_believe: int`: how many starts must reach the best optimum to end the search: before 128 starts if they
      are half of all, and then whatever their share (8 of 128 where the model does not say).
    - `starts_at_most: int`: how many starts are tried at most (256 where the model does not say, fewer where an E-step
      is expensive).
    - `prepare(source) -> (Model, source)`: constants read off the data once before a fit (scales of a floor or a
      prior) and a faster arrangement of the same rows (equal rows to counts, rows sorted by pattern).
    - `degeneracy(parameters, statistics) -> str`: a sentence that names what has collapsed, empty if nothing has.
    - `describe(parameters, feature_names) -> tuple[Description, ...]`: its parameters as tables for a report.
    - `remarks(parameters) -> tuple[str, ...]`: notes for the reader of a fit.
    - `posterior(parameters, block)`, `log_density(parameters, block)`, `sample(parameters, n, rng)`.
    - `canonical(parameters) -> Parameters`: one labelling out of the equivalent ones.
    - `row_scores(parameters, block) -> array (b, e)`: gradient of the log-density of each row with respect to every
      entry of every array, in field order (symmetric for symmetric matrices). Unlocks cheap robust standard errors.
    - `missing_information(parameters, block) -> array (e, e) or None`: sum over the rows, by case weight, of the
      covariance of the complete-data score (by entry) given what is observed. Standard errors then cost two passes.
    - `wrapped: Model`: the model inside one that adds something to its fit alone; it has the same parameters, and
      answers for new rows.
    - `n_read: int`: parameters that `prepare` reads off the data and no climb moves; they count in `Fit.n_free`.
    - `strides(source) -> Strider or None`: what takes several EM steps on this source in one call (`core.strides`), or
      None. Unlocks `Strides`.
    - `assigning(rule) -> Model`: the model with rows assigned to components by a rule (`core.assignments`) in place of
      expected memberships. Unlocks `ClassificationEM`, `StochasticEM` and `Annealed`.
    - `takes_device: bool`: whether `e_step` (and `log_density`, `posterior`) are array-API code that takes the rows of
      a block as an array of another library, where it is, and gives back statistics of NumPy. Starts and all else see
      rows of NumPy.
    - `imputing() -> Model`: the model whose hidden variables are drawn by Markov chains, not integrated out: it has a
      `score`, and `drawn(parameters, block, state, rng, n_moves, tuning) -> (state, Statistics)`, which moves the
      chains of a block from their state (None at first) and returns the statistics of the complete data; `tuning`,
      falling to zero, is how fast the moves may be adapted. Unlocks `RobbinsMonro`.
    - `natural(parameters) -> Parameters`: the record whose entries carry names in tables, where it is another.
    """

    @abstractmethod
    def start(self, source: Any, rng: np.random.Generator) -> Any:
        """Return a starting point, not an answer."""

    @abstractmethod
    def e_step(self, parameters: Any, block: Any) -> Any:
        """Return the expected statistics of a block and its log-likelihood, both at `parameters`."""

    @abstractmethod
    def m_step(self, statistics: Any, parameters: Any) -> Any:
        """Return parameters that maximise, or at least raise, the expected log-posterior."""

    def log_prior(self, parameters: Any) -> float:
        """Return the log prior density; zero is maximum likelihood."""
        return 0.0


class Offer:
    """Names of the optional methods of a model."""

    EXPECTED_LOGLIK = "expected_loglik"
    SCORE = "score"
    PORTFOLIO = "portfolio"
    AGREEMENT = "starts_to_agree"
    BELIEF = "hits_to_believe"
    MOST = "starts_at_most"
    PREPARE = "prepare"
    DEGENERACY = "degeneracy"
    DESCRIBE = "describe"
    REMARKS = "remarks"
    POSTERIOR = "posterior"
    LOG_DENSITY = "log_density"
    SAMPLE = "sample"
    CANONICAL = "canonical"
    ROW_SCORES = "row_scores"
    MISSING_INFORMATION = "missing_information"
    NATURAL = "natural"
    WRAPPED = "wrapped"
    READ = "n_read"
    ASSIGNING = "assigning"
    IMPUTING = "imputing"
    DEVICE = "takes_device"
    STRIDES = "strides"


def offered(model: Model, name: str) -> Callable[..., Any] | None:
    """Return the optional method of a model, or None: the one place where that is asked."""
    return cast("Callable[..., Any] | None", getattr(model, name, None))


def takes_device(model: Any) -> bool:
    """Return whether a model takes rows as arrays of other libraries, where they are."""
    return bool(getattr(model, Offer.DEVICE, False))


def bare(model: Any) -> Any:
    """Return the model inside all that wraps it."""
    inner = getattr(model, Offer.WRAPPED, None)
    return model if inner is None else bare(inner)
