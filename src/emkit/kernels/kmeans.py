"""k-means: assignment with its sums, a pass of Lloyd's algorithm with bounds, seeds, and whole runs on few rows.

Shapes throughout: `X` (n, d) float32 or float64, C-contiguous, without NaN; `weights` (n,) float64, not negative, or
None; `centers` (k, d) float64. Distances are those of differences in double precision: the compiled code screens in
single precision, about the middle of the centres and in units of their reach, and does again every row whose two
nearest centres the screen cannot tell apart. Ties go to the first centre. Arrays of another kind are a TypeError, but
`assign` takes rows of other libraries than NumPy, on which its twin runs; its results are NumPy's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from emkit.kernels._dispatch import native
from emkit.kernels.foreign import called, is_foreign, summed
from emkit.kernels.twins import kmeans as twin

__all__ = [
    "Assignment",
    "Bounds",
    "Change",
    "Run",
    "assign",
    "bounded_pass",
    "half_gaps",
    "improve",
    "line_runs",
    "seed_rows",
]

_code: Any = twin if native is None else native


class Assignment(NamedTuple):
    """Rows given to their nearest centres; sums are weighted by case weight."""

    inertia: float
    count: Any  # (k,)
    first: Any  # (k, d) sums of x - centre: nothing cancels at any offset of the data
    labels: Any  # (n,) int32
    squared: Any  # (n,) squared distance of each row to its centre


class Bounds(NamedTuple):
    """What the centres' moves so far say of the distances; all about the k centres of this pass."""

    half_gap: Any  # (k,) half the distance to the nearest other centre
    own: Any  # (k,) way that each centre has gone in all since the bounds were begun
    other: Any  # (k,) sum over moves of the longest move of any other centre


class Change(NamedTuple):
    """What a pass changed."""

    gain: float  # fall of the inertia by relabelling, at the centres of this pass
    n_moved: int
    count: Any  # (k,)
    first: Any  # (k, d) about the reference points


class Run(NamedTuple):
    """The end of a whole k-means."""

    centers: Any
    labels: Any  # (n,) int32
    inertia: float
    n_iter: int


def assign(X: Any, weights: Any, centers: Any) -> Assignment:
    """Return each row's nearest centre and the sums over clusters. Cost n k d."""
    if is_foreign(X):
        return Assignment(*summed(called(twin.kmeans_assign, X, weights, centers)))
    return Assignment(*_code.kmeans_assign(X, weights, centers))


def bounded_pass(
    X: Any,
    weights: Any,
    centers: Any,
    reference: Any,
    bounds: Bounds,
    labels: Any,
    upper: Any,
    lower: Any,
) -> Change:
    """Give rows to their nearest centres, reading only those whose bounds do not show that they stay.

    Parameters
    ----------
    reference : array (k, d)
        Points about which the changes of the sums are taken.
    bounds : Bounds
    labels : array (n,), int32
        Nearest centres before; written in place.
    upper, lower : arrays (n,), float32, or None
        Bounds on the distances to the own and to the second centre, in the frame of `bounds.own` and `bounds.other`;
        written in place. Begin them at infinity and minus infinity. None looks at every row.

    References
    ----------
    Hamerly 2010, *Making k-means even faster*, SIAM SDM, algorithm 1.
    """
    return Change(*_code.kmeans_pass(X, weights, centers, reference, *bounds, labels, upper, lower))


def half_gaps(centers: Any) -> Any:
    """Return half the distance (k,) of each centre to its nearest other; infinity where there is none."""
    return _code.kmeans_half_gaps(centers)


def seed_rows(X: Any, weights: Any, k: int, n_trials: int, uniforms: Any) -> Any:
    """Return up to k rows, int64, by greedy k-means++; fewer where there are fewer distinct rows.

    `uniforms`, (1 + (k - 1) n_trials,) numbers in [0, 1), make the draws. Cost n k d n_trials.

    References
    ----------
    Arthur & Vassilvitskii 2007, *k-means++: the advantages of careful seeding*, SODA, section 5.
    """
    return _code.kmeans_seed(X, weights, k, n_trials, uniforms)


def improve(X: Any, weights: Any, centers: Any, max_iter: int, uniforms: Any) -> Run:
    """Run k-means from `centers` to its end: Lloyd's algorithm, then moves of single rows, then swaps of centres.

    `uniforms` (s, 2) makes s attempts to move a centre to a row drawn by its weighted squared distance from its own: in
    half of them any centre, in half one of the three that would be missed least. What lowers the inertia is kept.
    Serves to make starting points from up to some ten thousand rows.

    References
    ----------
    Hartigan & Wong 1979, *A k-means clustering algorithm*, JRSS C 28:100.
    Franti 2018, *Efficiency of random swap clustering*, Journal of Big Data 5:13.
    """
    return Run(*_code.kmeans_improve(X, weights, centers, max_iter, uniforms))


def line_runs(x: Any, weights: Any, k: int) -> Any:
    """Return where each of the k runs of the best partition of rising numbers `x` (n,) begins, int64. k <= n.

    References
    ----------
    Groenlund et al. 2017, *Fast exact k-means, k-medians and Bregman divergence clustering in 1D*, arXiv:1701.07204.
    """
    return _code.kmeans_line(x, weights, k)
