"""The estimator of record linkage by Fellegi and Sunter's model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Solver, Squarem
from emkit.core.arrays import Array, FloatArray
from emkit.data import Source, Table, as_source
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator
from emkit.linkage.model import Linkage
from emkit.linkage.parameters import LinkageParameters
from emkit.linkage.patterns import read_patterns
from emkit.linkage.settings import field_groups, field_sizes, known_groups, notes_on

__all__ = ["FellegiSunter", "share_without_blocking"]

_MANY_CLASSES = 32  # starts


class FellegiSunter(ModelEstimator):
    """Which pairs of records are of one thing, from how their fields agree, without examples; by maximum likelihood.

    Each pair is a match or not; for each field the levels of agreement (0, 1, ...) have probabilities m in matches
    and u in other pairs, and the fields are independent of one another given that. Input is the table of comparisons,
    pair by pair or as patterns with counts, as Splink and recordlinkage make it; -1, NaN and None are comparisons that
    could not be made, and are skipped, which is exact.

    Parameters
    ----------
    fields : sequence of str, optional
        Columns to compare by; those that begin with `gamma_`, or else all but the counts, where None.
    counts : str, optional
        Column that says how many pairs have each pattern; "counts", "count" or "n" where None and there is one.
    levels : mapping of str to int, optional
        Numbers of levels of fields whose highest may not occur.
    dependence : sequence of tuples of str, default ()
        Groups of fields that depend on one another within the classes: each has a probability for every combination.
    n_classes : int, default 2
        Matches and kinds of other pairs: 3 lets relatives, say, be a kind of their own.
    smoothing : float, default 0.0
        Imagined pairs of each class and level; 0 is maximum likelihood.
    monotone : bool, default False
        Whether, in matches, higher levels must be at least as probable as lower ones.
    known_m, known_u : mapping of str to sequence of float, optional
        Probabilities of the levels that are known, from labelled or from random pairs.
    known_share : float, optional
        Share of matches among the pairs where it is known.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`.

    Attributes
    ----------
    match_share_ : float
        Share of matches among the pairs given.
    m_, u_ : dict of str to array (levels,)
        Probabilities of the levels in matches and in all other pairs.
    weights_ : dict of str to array (levels,)
        log2(m / u): what a level adds to the weight of a pair, in bits.
    fields_ : tuple of str
    converged_, n_iter_, fit_
        As for `GaussianMixture`.

    References
    ----------
    Fellegi & Sunter 1969, *A theory for record linkage*, JASA 64:1183.

    Examples
    --------
    >>> import emkit
    >>> patterns = {
    ...     "surname": [0, 0, 1, 1, 2, 2, 2, 0],
    ...     "born": [0, 1, 0, 1, 0, 1, 1, 0],
    ...     "town": [0, 0, 0, 1, 0, 0, 1, 1],
    ...     "n": [9000, 90, 20, 8, 30, 9, 80, 700],
    ... }
    >>> model = emkit.FellegiSunter(random_state=0).fit(patterns)
    >>> round(model.match_share_, 4)
    0.0097
    >>> model.match_probability({"surname": [2], "born": [1], "town": [-1]}).round(3)
    array([0.997])
    """

    _kind: ClassVar[str | None] = "classifier"
    _takes_missing: ClassVar[bool] = True

    def __init__(
        self,
        *,
        fields: Sequence[str] | None = None,
        counts: str | None = None,
        levels: Mapping[str, int] | None = None,
        dependence: Sequence[Sequence[str]] = (),
        n_classes: int = 2,
        smoothing: float = 0.0,
        monotone: bool = False,
        known_m: Mapping[str, Sequence[float]] | None = None,
        known_u: Mapping[str, Sequence[float]] | None = None,
        known_share: float | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.fields = fields
        self.counts = counts
        self.levels = levels
        self.dependence = dependence
        self.n_classes = n_classes
        self.smoothing = smoothing
        self.monotone = monotone
        self.known_m = known_m
        self.known_u = known_u
        self.known_share = known_share
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    # --- fitting ---

    def _model(self) -> Linkage:
        if isinstance(self.n_classes, bool) or not isinstance(self.n_classes, (int, np.integer)) or self.n_classes < 2:
            message = f"`n_classes` must be an integer of at least 2, got {self.n_classes!r}"
            raise ParameterError(message)
        if not self.smoothing >= 0:
            message = f"`smoothing` must be at least 0, got {self.smoothing!r}"
            raise ParameterError(message)
        if self.known_share is not None and not 0 < self.known_share < 1:
            message = f"`known_share` must lie between 0 and 1, got {self.known_share!r}"
            raise ParameterError(message)
        known_share = None if self.known_share is None else float(self.known_share)
        return Linkage((), (), int(self.n_classes), float(self.smoothing), bool(self.monotone), known_share=known_share)

    def _fit_source(self, X: Any, sample_weight: Any, n_threads: int | None, min_rows: int = 1) -> Source:
        levels, names, counts = read_patterns(X, fields=self.fields, counts=self.counts)
        source = as_source(
            levels,
            counts if sample_weight is None else sample_weight,
            allow_missing_columns=True,
            n_threads=n_threads,
            feature_names=names,
            min_rows=min_rows,
        )
        self.fields_ = names
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)
        return source

    def _maximised(self, model: Linkage, source: Any) -> Any:
        return super()._maximised(self._completed(model, source), source)

    def _completed(self, model: Linkage, source: Any) -> Linkage:
        """Return the model with what it reads off the data and the names of the fields."""
        sizes = field_sizes(source, self.fields_, self.levels or {})
        groups = field_groups(self.fields_, self.dependence)
        known = {
            name: known_groups(given or {}, name, self.fields_, sizes, groups)
            for name, given in (("known_m", self.known_m), ("known_u", self.known_u))
        }
        return replace(
            model,
            levels=sizes,
            groups=groups,
            fields=self.fields_,
            notes=notes_on(source, self.fields_),
            known_match=known["known_m"],
            known_others=known["known_u"],
        )

    def _solver(self) -> Solver | Literal["auto"]:
        """Return SQUAREM for "auto" where a constraint may bind: a gradient does not vanish there."""
        return Squarem() if self.solver == "auto" and self.monotone else self.solver

    def _n_starts(self, model: Linkage, source: Source) -> int | Literal["auto"]:
        """Return fewer starts than usual for three classes and more: they have many optima, close to one another."""
        return _MANY_CLASSES if self.n_init == "auto" and model.n_classes > 2 else self.n_init

    def _adopt_parameters(self, model: Linkage, parameters: LinkageParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.match_share_ = float(parameters.share[0])
        self.m_, self.u_, self.weights_ = {}, {}, {}
        for columns, group in zip(model.groups, parameters.groups, strict=True):
            cells = np.concatenate([group.match[None], group.others])
            for column in columns:
                name, margin = model.fields[column], model.margin(cells, columns, column)
                rest = parameters.share[1:]
                self.m_[name] = margin[0]
                self.u_[name] = rest @ margin[1:] / rest.sum() if rest.sum() > 0 else margin[1:].mean(axis=0)
                self.weights_[name] = model.weights(parameters, margin)

    def _new_source(self, X: Any, sample_weight: Any, n_threads: int | None) -> Source:
        self._check_fitted()
        levels, names, _ = read_patterns(X, fields=None if _is_plain(X) else self.fields_, counts=self.counts)
        if len(names) != self.n_features_in_:
            message = f"X has {len(names)} fields, but {type(self).__name__} was fitted to {self.n_features_in_}"
            raise DataError(message)
        source = as_source(levels, sample_weight, allow_missing_columns=True, n_threads=n_threads)
        source.map(self.model_.check_levels)
        return source

    # --- answers ---

    def match_weights(self, X: Any, term_frequencies: Mapping[str, Any] | None = None) -> FloatArray:
        """Return what speaks for each pair being a match, in bits, (n, 1 + groups).

        First the prior log2(share / (1 - share)), then log2(m / u) of each group of fields, 0 where nothing was
        compared. The sum is log2 of the posterior odds where there are two classes.

        Parameters
        ----------
        X : comparisons as in `fit`
        term_frequencies : mapping of str to array (n,), optional
            How frequent the value is that both records share, among records: it takes the place of u where a field
            agrees fully. NaN where it is not known.
        """
        source = self._new_source(X, None, self.n_threads)
        weights = np.concatenate(source.map(lambda block: self.model_.bits(self.parameters_, block)))
        return weights + self._rarity(source, term_frequencies or {})

    def match_probability(self, X: Any, term_frequencies: Mapping[str, Any] | None = None) -> FloatArray:
        """Return the probability (n,) that each pair is a match."""
        source = self._new_source(X, None, self.n_threads)
        prob = np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))[:, 0]
        if not term_frequencies:
            return np.asarray(prob)
        with np.errstate(divide="ignore"):
            bits = np.log2(prob) - np.log2(1 - prob) + self._rarity(source, term_frequencies).sum(axis=1)
        return np.asarray(1 / (1 + np.exp2(-bits)))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities (n, 2) of being no match and a match."""
        prob = self.match_probability(X)
        return np.column_stack([1 - prob, prob])

    def predict(self, X: Any, threshold: float = 0.5) -> Array:
        """Return whether each pair (n,) is a match: whether its probability is at least `threshold`."""
        return np.asarray(self.match_probability(X) >= threshold)

    def prediction_table(self, X: Any) -> Table:
        """Return the probability that each pair is a match, and its weight in bits with the prior, as a table."""
        bits = self.match_weights(X)
        names = ["_".join(self.fields_[column] for column in columns) for columns in self.model_.groups]
        fields = {f"bits_{name}": own for name, own in zip(names, bits.T[1:], strict=True)}
        return Table({"match_probability": self.match_probability(X), "match_weight": bits.sum(axis=1), **fields})

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean log-likelihood per pair; `y` is ignored."""
        source = self._new_source(X, sample_weight, self.n_threads)
        return self._loglik(source) / source.total_weight

    def error_rates(self, X: Any = None, sample_weight: Any = None) -> Table:
        """Return what each threshold would cost by the model's own account, from pairs that agree most downwards.

        Columns: threshold, pairs at or above it, expected matches among them, false discovery rate, and the part of all
        matches that is missed. The pairs are those of the fit where `X` is None.
        """
        self._check_fitted()
        if X is None:
            if getattr(self.fit_, "source", None) is None:
                message = "the pairs of the fit are not kept in a saved file: pass them as `X`"
                raise DataError(message)
            source = self.fit_.source
        else:
            _, _, counts = read_patterns(X, fields=None, counts=self.counts)
            source = self._new_source(X, counts if sample_weight is None else sample_weight, self.n_threads)
        prob = np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))[:, 0]
        return _rates(prob, np.concatenate([block.weights for block in source.blocks()]))

    def with_share(self, share: float) -> Self:
        """Return a copy whose pairs are matches with another prior probability, as for other blocks of pairs."""
        self._check_fitted()
        if not 0 < share < 1:
            message = f"`share` must lie between 0 and 1, got {share!r}"
            raise ParameterError(message)
        other = copy.copy(self)
        rest = self.parameters_.share[1:]
        shares = np.concatenate([[share], (1 - share) * rest / rest.sum()])
        other._adopt_parameters(self.model_, replace(self.parameters_, share=shares))
        return other

    # --- helpers ---

    def _rarity(self, source: Source, frequencies: Mapping[str, Any]) -> FloatArray:
        """Return the bits (n, 1 + groups) that rare shared values add, and frequent ones take away."""
        X = np.concatenate([block.X for block in source.blocks()])
        bits = np.zeros((len(X), 1 + len(self.model_.groups)))
        for name, given in frequencies.items():
            if name not in self.fields_:
                message = f"`term_frequencies` names {name!r}; the fields are {list(self.fields_)}"
                raise DataError(message)
            column = self.fields_.index(name)
            frequency = np.asarray(given, dtype=np.float64)
            if frequency.shape != (len(X),) or (frequency <= 0).any() or (frequency > 1).any():
                message = f"`term_frequencies` of {name!r} must be {len(X)} numbers above 0 and at most 1, or NaN"
                raise DataError(message)
            agrees = (X[:, column] == self.model_.levels[column] - 1) & ~np.isnan(frequency)
            at = 1 + next(i for i, columns in enumerate(self.model_.groups) if column in columns)
            bits[agrees, at] += np.log2(self.u_[name][-1]) - np.log2(frequency[agrees])
        return bits


def share_without_blocking(share: float, *, match: float, others: float) -> float:
    """Return the share of matches among all pairs, given that among the pairs that blocking left.

    Parameters
    ----------
    share : float
        Among the pairs that were compared.
    match, others : float
        Probability that blocking keeps a match, and another pair.
    """
    for name, value in (("share", share), ("match", match), ("others", others)):
        if not 0 < value <= 1:
            message = f"`{name}` must be above 0 and at most 1, got {value!r}"
            raise ParameterError(message)
    odds = share / (1 - share) * others / match if share < 1 else np.inf
    return float(odds / (1 + odds)) if np.isfinite(odds) else 1.0


def _is_plain(X: Any) -> bool:
    return isinstance(X, (np.ndarray, list)) and getattr(getattr(X, "dtype", None), "names", None) is None


def _rates(prob: FloatArray, weights: FloatArray) -> Table:
    order = np.argsort(-prob, kind="stable")
    prob, weights = prob[order], weights[order]
    last = np.append(np.diff(prob) < 0, True)  # one row for each distinct probability
    pairs, matches = np.cumsum(weights), np.cumsum(weights * prob)
    total = max(float(matches[-1]), 1e-300)
    columns = {
        "threshold": prob[last],
        "pairs": pairs[last],
        "matches": matches[last],
        "false_discovery": 1 - matches[last] / pairs[last],
        "missed": 1 - matches[last] / total,
    }
    return Table(columns)
