"""Nodes of each person's own: adaptive quadrature around the modes of the posteriors.

Person i has the nodes x_iq = m_i + L_i z_q, with m_i the mode of her posterior, L_i L_i' the inverse of its curvature
there, and z_q the nodes of a rule for the standard normal distribution with widths w_q:

    p(y_i) = sum_q w_q |L_i| phi(x_iq) prod_j P_j(y_ij | x_iq).

A few nodes are enough where a common grid needs many, in each of several directions. The nodes are placed at one set
of parameters, the anchor, and stay there during a climb, so that its objective is one function; then they are placed
anew. Expected counts at nodes of one's own cannot be added up over people: what is added up is the gradient and the
expected information of each item at the parameters of the E-step, and the M-step is one step of Fisher scoring (the
EM-gradient algorithm).

References
----------
Schilling & Bock 2005, Psychometrika 70:533. Naylor & Smith 1982, Applied Statistics 31:214. Lange 1995, JRSS B 57:425.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from emkit.core.arrays import Array, FloatArray
from emkit.core.statistics import Additive, Statistics, shared
from emkit.errors import ParameterError
from emkit.irt.coding import MISSING
from emkit.irt.factor_modes import factor_mode
from emkit.irt.grids import GaussHermite, Grid, QuasiMonteCarlo
from emkit.irt.regression import PeopleStatistics
from emkit.kernels.gaussian import softmax_rows

__all__ = [
    "Adaptive",
    "NormalMoments",
    "PlacedStatistics",
    "Placing",
    "Target",
    "density",
    "draws",
    "eap",
    "expectation",
    "m_step",
    "parts",
    "score",
    "step",
]

_NUMBERS = 1 << 20  # of one temporary: rows taken together follow
_POINTS = {1: 21, 2: 11, 3: 7, 4: 5}


@dataclass(frozen=True)
class Adaptive:
    """Quadrature that is adapted to each person.

    Parameters
    ----------
    rule : Grid, optional
        For the standard normal distribution. `GaussHermite` with 21, 11, 7 and 5 points in each direction for one to
        four factors where None. A rule of few points for many factors is no integral: a climb then finds the
        parameters that gain by its error.
    """

    rule: Grid | None = None

    def of(self, n_factors: int) -> Grid:
        """Return the rule for so many factors.

        Raises
        ------
        ParameterError
            If there are too many of them.
        """
        if self.rule is None and n_factors not in _POINTS:
            message = (
                f"adaptive quadrature has points for at most {max(_POINTS)} factors, got n_factors={n_factors}: use "
                "solver=emkit.RobbinsMonro(), or give it a rule"
            )
            raise ParameterError(message)
        return GaussHermite(_POINTS[n_factors]) if self.rule is None else self.rule


@dataclass(frozen=True, eq=False)
class Placing:
    """Where the nodes of each person are.

    Parameters
    ----------
    rule : Grid
        For the standard normal distribution.
    anchor : ItemResponseParameters
        Parameters at which they are placed.
    """

    rule: Grid
    anchor: Any

    @cached_property
    def _known(self) -> dict[int, tuple[FloatArray, FloatArray]]:
        """Modes and Cholesky factors of rows that were seen, by their contents."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "anchor": self.anchor}

    def frames(self, model: Any, block: Any) -> tuple[FloatArray, FloatArray]:
        """Return the modes (n, F) of the posteriors of rows at the anchor, and Cholesky factors (n, F, F)."""
        rows = np.ascontiguousarray(block.X)
        key = hash((rows.shape, rows.tobytes()))
        if key not in self._known:
            begin = np.zeros((len(rows), model.n_factors))
            mode, covariance = factor_mode(model, self.anchor, block, "MAP", begin)
            _, prior = model.latent.normal(self.anchor.latent, model.n_factors)
            is_proper = np.isfinite(covariance).all(axis=(1, 2)) & np.isfinite(mode).all(axis=1)
            covariance[~is_proper], mode[~is_proper] = prior[0], 0.0
            self._known[key] = mode, np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        return self._known[key]

    def nodes(self, n_factors: int) -> tuple[FloatArray, FloatArray]:
        """Return the nodes (q, F) of the rule and the logarithms (q,) of their widths.

        Random points are spread a little wider than the normal distribution, as posteriors have longer tails.
        """
        wide = _WIDE if isinstance(self.rule, QuasiMonteCarlo) else 1.0
        nodes, log_width = wide * self.rule.nodes(n_factors), self.rule.log_width(n_factors)
        square = (nodes**2).sum(axis=1) + n_factors * np.log(2 * np.pi)
        return nodes, np.asarray(log_width - np.logaddexp.reduce(log_width - 0.5 * square))


@dataclass(frozen=True)
class NormalMoments(Additive):
    """People (groups,), and sums of E[x] (groups, F) and E[x x'] (groups, F, F) over them."""

    weight: FloatArray
    first: FloatArray
    second: FloatArray

    @classmethod
    def of(cls, mass: FloatArray, places: FloatArray, group: Array | None, n_groups: int) -> NormalMoments:
        """Return the sums over people from weighted posteriors (n, q) of places (n, q, F)."""
        which = np.zeros(len(mass), dtype=np.intp) if group is None else group
        belongs = (which == np.arange(n_groups)[:, None]) * 1.0
        first = np.einsum("nq,nqf->nf", mass, places)
        second = np.einsum("nq,nqf,nqg->nfg", mass, places, places, optimize=True)
        n_factors = places.shape[2]
        products = (belongs @ second.reshape(len(mass), -1)).reshape(n_groups, n_factors, n_factors)
        return cls(belongs @ mass.sum(axis=1), belongs @ first, products)


@dataclass(frozen=True)
class PlacedStatistics(Statistics):
    """The complete-data score and information of the items at some parameters, and moments of the latent variables.

    Parameters
    ----------
    slopes, information_by_run : tuples of arrays (m, p) and (m, p, p)
        Of each run, in the entries of its matrix.
    latent : NormalMoments or PeopleStatistics
    at : tuple of arrays (m, p)
        The matrices at which they were taken.
    """

    slopes: tuple[FloatArray, ...]
    information_by_run: tuple[FloatArray, ...]
    latent: Any
    at: tuple[FloatArray, ...] = shared(default=())

    def _aligned(self, other: Self) -> Self:
        """Return the statistics of others as if taken at the parameters of these: to second order."""
        if all(mine is theirs or np.array_equal(mine, theirs) for mine, theirs in zip(self.at, other.at, strict=True)):
            return other
        slopes = tuple(other.slope_at(self.at))
        return type(self)(other.loglik, other.weight, slopes, other.information_by_run, other.latent, self.at)

    def slope_at(self, matrices: tuple[FloatArray, ...]) -> Iterator[FloatArray]:
        """Yield the scores (m, p) at other matrices, to second order."""
        for slope, information, at, there in zip(self.slopes, self.information_by_run, self.at, matrices, strict=True):
            yield slope - (information @ (there - at)[..., None])[..., 0]


class _Part(NamedTuple):
    """Some rows with their posteriors."""

    rows: slice
    places: FloatArray  # (b, q, F)
    joint: FloatArray  # (b, q): log-density of the answers, the place and its width


def step(model: Any, parameters: Any, block: Any) -> PlacedStatistics:
    """Return the statistics of a block."""
    target, total = Target(model, parameters, block), None
    for part in parts(target, block):
        weights = block.weights[part.rows]
        density, resp = softmax_rows(part.joint)
        loglik = float(weights @ np.where(weights > 0, density, 0.0))
        own = target.statistics(part.places, resp * weights[:, None], loglik, part.rows)
        total = own if total is None else total + own
    assert total is not None
    return total


def m_step(model: Any, parameters: Any, statistics: PlacedStatistics) -> Any:
    """Return the parameters after one step of scoring on the items; the latent distribution is at its optimum."""
    items = tuple(
        run.scored(own, slope, information)
        for run, own, slope, information in zip(
            model.runs,
            parameters.items,
            _slopes(model, parameters, statistics),
            statistics.information_by_run,
            strict=True,
        )
    )
    return type(parameters)(items, model.latent.of_moments(parameters.latent, statistics.latent))


def score(model: Any, parameters: Any, statistics: PlacedStatistics) -> Any:
    """Return the gradient of the expected log-posterior, entry by entry."""
    items = tuple(
        run.gathered(own, slope)
        for run, own, slope in zip(model.runs, parameters.items, _slopes(model, parameters, statistics), strict=True)
    )
    return type(parameters)(items, model.latent.moment_score(parameters.latent, statistics.latent))


def expectation(model: Any, parameters: Any, statistics: PlacedStatistics) -> float:
    """Return the expected log-likelihood, to second order in the items, less that at the E-step's parameters."""
    total = float(model.latent.moment_loglik(parameters.latent, statistics.latent))
    parts = zip(
        model.runs, parameters.items, statistics.at, statistics.slopes, statistics.information_by_run, strict=True
    )
    for run, own, at, slope, information in parts:
        off = run.matrix(own) - at
        total += float((slope * off).sum() - 0.5 * np.einsum("mi,mij,mj->", off, information, off))
    return total


def _slopes(model: Any, parameters: Any, statistics: PlacedStatistics) -> tuple[FloatArray, ...]:
    matrices = tuple(run.matrix(own) for run, own in zip(model.runs, parameters.items, strict=True))
    return tuple(statistics.slope_at(matrices))


# --- people ---


def density(model: Any, parameters: Any, block: Any) -> FloatArray:
    """Return the log-density (n,) of rows."""
    found = parts(Target(model, parameters, block), block)
    return np.concatenate([softmax_rows(part.joint)[0] for part in found])


def eap(model: Any, parameters: Any, block: Any) -> tuple[FloatArray, FloatArray]:
    """Return posterior means (n, F) and covariances (n, F, F)."""
    means, covariances = [], []
    for part in parts(Target(model, parameters, block), block):
        resp = softmax_rows(part.joint)[1]
        mean = np.einsum("nq,nqf->nf", resp, part.places)
        off = part.places - mean[:, None]
        means.append(mean)
        covariances.append(np.einsum("nq,nqf,nqg->nfg", resp, off, off, optimize=True))
    return np.concatenate(means), np.concatenate(covariances)


def draws(model: Any, parameters: Any, block: Any, rng: np.random.Generator, n_draws: int) -> FloatArray:
    """Return draws (n, n_draws, F) from the posteriors, by importance resampling around the modes."""
    mode, factor = model.placing.frames(model, block)
    tries = rng.standard_normal((len(mode), _TRIES, model.n_factors))
    places = mode[:, None] + _WIDE * np.einsum("nfg,nqg->nqf", factor, tries)
    joint = Target(model, parameters, block)(places) + 0.5 * (tries**2).sum(axis=2)
    below = np.cumsum(softmax_rows(joint)[1], axis=1)
    at = rng.random((len(below), n_draws, 1)) * below[:, -1:, None]
    pick = np.minimum((at > below[:, None]).sum(axis=2), _TRIES - 1)
    return np.take_along_axis(places, pick[:, :, None], axis=1)


_TRIES = 200
_WIDE = 1.25


def parts(target: Target, block: Any, cells: int | None = None) -> Iterator[_Part]:
    """Yield rows with their nodes, at most so many nodes together."""
    model = target.model
    mode, factor = model.placing.frames(model, block)
    nodes, log_width = model.placing.nodes(model.n_factors)
    size = np.log(np.einsum("nff->nf", factor)).sum(axis=1)
    most = _NUMBERS // int(model.first[-1])
    step = max(1, (most if cells is None else min(cells, most)) // len(nodes))
    for start in range(0, len(mode), step):
        rows = slice(start, start + step)
        places = mode[rows, None] + np.einsum("nfg,qg->nqf", factor[rows], nodes)
        joint = target.prior(places, rows) + target.answers(places, rows)
        yield _Part(rows, places, joint + size[rows, None] + log_width)


class Target:
    """The log-density of answers and places of people, as a function of the places.

    `which` (n,) holds the group of each person, 0 where there are none, and `centre` (n, F) the mean she is drawn from.
    """

    def __init__(self, model: Any, parameters: Any, block: Any) -> None:
        self.model, self.parameters = model, parameters
        self.codes, self.group = model.split(block.X)
        self.covariates = model.covariates_of(block)
        is_one = self.group is None or self.covariates is not None
        self.which = np.zeros(len(self.codes), dtype=np.intp) if is_one else self.group
        mean, self._covariance = model.latent.normal(parameters.latent, model.n_factors)
        latent = parameters.latent
        self.centre = mean[self.which] if self.covariates is None else model.latent.predicted(latent, self.covariates)

    def __call__(self, places: FloatArray) -> FloatArray:
        """Return the log-density (n, q) at places (n, q, F)."""
        out = np.empty(places.shape[:2])
        step = max(1, _NUMBERS // (int(self.model.first[-1]) * places.shape[1]))
        for start in range(0, len(out), step):
            rows = slice(start, start + step)
            out[rows] = self.prior(places[rows], rows) + self.answers(places[rows], rows)
        return out

    def prior(self, places: FloatArray, rows: slice) -> FloatArray:
        """Return the log-density (n, q) of the latent distribution."""
        n_factors, which = self.model.n_factors, self.which[rows]
        factor = np.linalg.cholesky(self._covariance)
        inverse = np.linalg.solve(factor, np.broadcast_to(np.eye(n_factors), factor.shape))
        constant = np.log(np.einsum("gff->gf", factor)).sum(axis=1) + 0.5 * n_factors * np.log(2 * np.pi)
        off = np.einsum("nfg,nqg->nqf", inverse[which], places - self.centre[rows, None])
        return np.asarray(-constant[which][:, None] - 0.5 * (off**2).sum(axis=2))

    def latent_scores(self, places: FloatArray, rows: slice) -> FloatArray:
        """Return the derivatives (n, q, e) of `prior` by the entries of the parameters of the latent distribution."""
        latent, own = self.model.latent, self.parameters.latent
        who = self.which[rows] if self.covariates is None else self.covariates[rows]
        return np.asarray(latent.row_scores(own, places - self.centre[rows, None], who))

    def answers(self, places: FloatArray, rows: slice) -> FloatArray:
        """Return the log-probabilities (n, q) of the answers."""
        n, q, n_factors = places.shape
        flat, total = places.reshape(-1, n_factors), np.zeros((n, q))
        for run, own in zip(self.model.runs, self.parameters.items, strict=True):
            log_prob = run.log_prob(own, flat).reshape(run.n_items, run.n_categories, n, q)
            code = self.codes[rows][:, list(run.items)].T
            seen = code != MISSING
            picked = np.take_along_axis(log_prob, np.where(seen, code, 0)[:, None, :, None], axis=1)[:, 0]
            total += np.where(seen[:, :, None], picked, 0.0).sum(axis=0)
        return total

    def statistics(
        self, places: FloatArray, mass: FloatArray, loglik: float, rows: slice = slice(None)
    ) -> PlacedStatistics:
        """Return the statistics of people at places (n, q, F) with weights (n, q)."""
        model, parameters = self.model, self.parameters
        matrices = tuple(run.matrix(own) for run, own in zip(model.runs, parameters.items, strict=True))
        flat, share = places.reshape(-1, model.n_factors), mass.reshape(-1)
        slopes, information_by_run = [], []
        for run, matrix in zip(model.runs, matrices, strict=True):
            answered = np.repeat(self.codes[rows][:, list(run.items)].T, mass.shape[1], axis=1)  # (m, n q)
            counts = (answered[:, None] == np.arange(run.n_categories)[:, None]) * share
            slope, information = run.kind.slope_and_information(matrix, flat, counts)
            slopes.append(slope)
            information_by_run.append(information)
        latent = self._moments(places, mass, rows)
        return PlacedStatistics(loglik, float(mass.sum()), tuple(slopes), tuple(information_by_run), latent, matrices)

    def _moments(self, places: FloatArray, mass: FloatArray, rows: slice) -> PeopleStatistics | NormalMoments:
        if self.covariates is not None:
            return PeopleStatistics.at(mass, places, self.covariates[rows])
        return NormalMoments.of(mass, places, self.which[rows], self.model.latent.n_groups)
