"""Split-and-merge moves: two components become one and a third becomes two, and the climb goes on from there.

Where starts disagree, too many components often sit in one place and too few in another, and no EM step can carry one
across. A move takes a pair of components that claim the same rows (the inner product of their responsibilities is
largest), joins them, and cuts another in two along the direction in which its rows spread most; what the climb from
there reaches is kept if it is better.

References
----------
Ueda, Nakano, Ghahramani & Hinton 2000, *SMEM algorithm for mixture models*, Neural Computation 12:2109. We cut a
component along its first principal axis, and try the heaviest ones first where they order splits by a local divergence.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from emkit.core import Fit
from emkit.core.arrays import Array, FloatArray
from emkit.errors import ParameterError
from emkit.families.gaussian_starts import StartingRows
from emkit.mixture.model import FiniteMixture, MixtureParameters
from emkit.randomness import generator_of

__all__ = ["split_and_merge"]

T = TypeVar("T")

_ROWS = 16384  # moves are worked out on a sample of so many rows; climbs run on all
_BETTER = 1e-3  # in the objective: less is the same optimum


def split_and_merge(
    mixture: T, X: Any, *, sample_weight: Any = None, n_candidates: int = 5, max_moves: int = 10, rng: Any = 0
) -> T:
    """Return a copy of a fitted mixture, improved by moves that merge two components and split a third.

    Parameters
    ----------
    mixture : fitted mixture
        `GaussianMixture`, `StudentMixture`, `PoissonMixture` or any other mixture of one family with at least three
        components; it is not changed.
    X : array (n, d) or data frame
        The rows it was fitted to.
    sample_weight : array (n,), optional
        And their weights.
    n_candidates : int, default 5
        Moves tried, at most, before the optimum is believed. Each is a climb from one start.
    max_moves : int, default 10
        Moves made, at most.
    rng : Generator, int or None, default 0
        Draws the sample that moves are worked out on, where there are more than 16384 rows.

    Returns
    -------
    mixture
        The same where no move leads to a higher objective; `fit_.notes` says how many moves were made.

    Raises
    ------
    ParameterError
        If the mixture has fewer than three components, or is made of other parts than one family's members.
    """
    model, parameters = getattr(mixture, "model_", None), getattr(mixture, "parameters_", None)
    if not isinstance(model, FiniteMixture) or not isinstance(parameters, MixtureParameters):
        message = f"`mixture` must be a fitted mixture of one family, got {mixture!r}"
        raise ParameterError(message)
    if model.n_components < 3:
        message = f"a move takes three components, but the mixture has {model.n_components}"
        raise ParameterError(message)
    for name, value in (("n_candidates", n_candidates), ("max_moves", max_moves)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            message = f"`{name}` must be an integer of at least 1, got {value!r}"
            raise ParameterError(message)
    moved: Any = copy.copy(mixture)
    source = moved._new_source(X, sample_weight, moved.n_threads)
    block = source.sample(_ROWS, generator_of(rng, "rng"))
    best: Fit = moved.fit_
    for count in range(max_moves):
        better = _better(moved, source, block, best, n_candidates)
        if better is None:
            break
        best = better
        moved._adopt(_noted(best, count + 1), source)
    return moved  # type: ignore[no-any-return]


def _better(mixture: Any, source: Any, block: Any, best: Fit, n_candidates: int) -> Fit | None:
    """Return the first fit from a move that is better than the best so far and has not collapsed."""
    for number, start in enumerate(_candidates(best, block)):
        if number == n_candidates:
            break
        found: Fit = mixture._climbed(mixture._model(), source, start)
        if found.is_converged and found.objective > best.objective + _BETTER:
            return found
    return None


def _candidates(fit: Fit, block: Any) -> Iterator[MixtureParameters]:
    """Yield the starts of moves, the likeliest first."""
    model: FiniteMixture = fit.model
    resp = model.posterior(fit.parameters, block) * block.weights[:, None]
    points = StartingRows(np.asarray(block.X, dtype=np.float64), block.weights).scaled
    k = model.n_components
    shared = resp.T @ resp / np.maximum(np.sqrt(np.outer(*[(resp**2).sum(axis=0)] * 2)), 1e-300)
    pairs = sorted(((i, j) for i in range(k) for j in range(i)), key=lambda pair: -shared[pair])
    heavy = np.argsort(-resp.sum(axis=0), kind="stable").tolist()
    triples = [(i, j, c) for i, j in pairs for c in heavy if c not in (i, j)]
    # One split of each pair before a second one of any: pairs differ more than splits do.
    depth = dict.fromkeys(pairs, 0)
    ranked = []
    for i, j, c in triples:
        ranked.append((depth[i, j], pairs.index((i, j)), (i, j, c)))
        depth[i, j] += 1
    for _, _, (i, j, c) in sorted(ranked):
        yield _started(model, block.X, _moved(resp, points, i, j, c))


def _moved(resp: FloatArray, points: FloatArray, i: int, j: int, c: int) -> FloatArray:
    """Return responsibilities (n, k) with components i and j joined in i, and c cut in two, one half in j."""
    new = resp.copy()
    new[:, i] = resp[:, i] + resp[:, j]
    mass = resp[:, c]
    centred = points - mass @ points / max(float(mass.sum()), 1e-300)
    axis = np.linalg.eigh((centred * mass[:, None]).T @ centred)[1][:, -1]
    side = centred @ axis > 0
    new[:, c], new[:, j] = np.where(side, mass, 0.0), np.where(side, 0.0, mass)
    return new


def _started(model: FiniteMixture, X: Array, resp: FloatArray) -> MixtureParameters:
    mix = resp.sum(axis=0) + 1e-3 * resp.sum() / resp.shape[1]
    return MixtureParameters(mix / mix.sum(), model.family.start(X, resp))


def _noted(fit: Fit, n_moves: int) -> Fit:
    noun = "move" if n_moves == 1 else "moves"
    return replace(fit, notes=(*fit.notes, f"{n_moves} split-and-merge {noun} led to this optimum"))
