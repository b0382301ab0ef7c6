"""What the estimators of labels share: reading answers, fitting, and what a fit says of items and raters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np

from emkit.core import Solver, Squarem
from emkit.core.arrays import Array, FloatArray, IntArray
from emkit.data import Source, Table, as_source
from emkit.data.answers import Answers, read_answers
from emkit.data.codes import encoded
from emkit.data.frames import frame_columns
from emkit.errors import DataError, ParameterError
from emkit.estimator import ModelEstimator, warn_of
from emkit.labels.model import LabelParameters

__all__ = ["LabelEstimator"]

_ENDS = 3  # of eight starts go to the end: those that promise most after a short climb
_SCREENED = 16384  # items above which the climb from the votes is made on all of them, and no other start is tried


class LabelEstimator(ModelEstimator):
    """Base of the estimators: a subclass says what raters are like."""

    _kind: ClassVar[str | None] = "classifier"
    _takes_missing: ClassVar[bool] = True
    _gold: Any = None  # while `fit` runs
    _source: Source | None = None

    def __init__(
        self,
        *,
        item: str | None = None,
        rater: str | None = None,
        label: str | None = None,
        layout: Literal["auto", "long", "matrix"] = "auto",
        class_concentration: float = 1.0,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_init: int | Literal["auto"] = "auto",
        start: Any = None,
        solver: Solver | Literal["auto"] = "auto",
        random_state: Any = None,
        n_threads: int | None = None,
        on_iteration: Any = None,
    ) -> None:
        self.item = item
        self.rater = rater
        self.label = label
        self.layout = layout
        self.class_concentration = class_concentration
        self.tol = tol
        self.max_iter = max_iter
        self.n_init = n_init
        self.start = start
        self.solver = solver
        self.random_state = random_state
        self.n_threads = n_threads
        self.on_iteration = on_iteration

    @abstractmethod
    def _model_of(self, answers: Answers, *, has_gold: bool) -> Any:
        """Return the model that the constructor's arguments ask for, for these raters and labels."""

    @abstractmethod
    def _confusion(self, parameters: Any) -> FloatArray:
        """Return the confusion matrices (r, k, k)."""

    def _model(self) -> Any:
        raise NotImplementedError  # the model is known once the answers are read

    # --- fitting ---

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, gold: Any = None, checkpoint: Any = None
    ) -> Self:
        """Fit to answers.

        Parameters
        ----------
        X : data frame, mapping, array (m, 3), tuple of three arrays, or matrix (items, raters)
            A long table with an answer in each row: item, rater, label; or a matrix with an item in each row and a
            rater in each column, NaN or None where there is no answer. Text or numbers.
        y : ignored
        sample_weight : array, optional
            Of a long table: how often each answer counts. Of a matrix: how often each item counts.
        gold : mapping, series, or table of two columns, optional
            Labels that are known, by item. For a matrix also an array (items,), None or NaN where not known.
        checkpoint : path or emkit.Checkpoint, optional
            Keep the fit in this file while it runs, and go on from it where it exists.

        Raises
        ------
        DataError
            If the answers, weights or known labels are not as above.
        ParameterError
            If a constructor argument is out of range.
        """
        self._checkpoint, self._gold = checkpoint, gold
        try:
            self._run(X, sample_weight)
        finally:
            del self._checkpoint, self._gold
        return self

    def _run(self, X: Any, sample_weight: Any) -> Source:
        if not self.class_concentration > 0:
            message = f"`class_concentration` must be positive, got {self.class_concentration!r}"
            raise ParameterError(message)
        answers, item_weights = self._read(X, sample_weight)
        known = None if self._gold is None else _gold_codes(self._gold, answers)
        self.items_, self.raters_, self.labels_ = answers.items, answers.raters, answers.labels
        self.classes_ = _as_array(answers.labels)
        self.n_features_in_ = len(answers.raters)
        self.feature_names_in_ = np.array([str(rater) for rater in answers.raters], dtype=object)
        source = as_source(answers.counts(known), item_weights, allow_sparse=True, n_threads=self.n_threads)
        self._n_ends = _ENDS if self.n_init == "auto" else None
        self._n_answers = np.bincount(answers.rater, weights=answers.weights, minlength=len(answers.raters))
        model = self._model_of(answers, has_gold=known is not None)
        self._adopt(self._maximised(model, source), source)
        self._source = source
        warn_of(self.fit_, stacklevel=3)
        return source

    def _read(self, X: Any, weights: Any) -> tuple[Answers, Any]:
        """Return the answers, and the weights of the items where those were meant."""
        answers = read_answers(X, weights=weights, **self._reading)
        return answers, weights if answers.is_matrix else None

    @property
    def _reading(self) -> dict[str, Any]:
        return {"item": self.item, "rater": self.rater, "label": self.label, "layout": self.layout}

    def _n_starts(self, model: Any, source: Source) -> int | Literal["auto"]:
        return 1 if self.n_init == "auto" and (source.n_rows > _SCREENED or len(self.labels_) == 1) else self.n_init

    def _solver(self) -> Solver | Literal["auto"]:
        """Return SQUAREM for "auto": EM is fast here, and what `QuasiNewton` learns costs more than it saves."""
        return Squarem() if self.solver == "auto" else self.solver

    def _adopt_parameters(self, model: Any, parameters: LabelParameters) -> None:
        self.model_, self.parameters_ = model, parameters
        self.class_shares_ = parameters.mix
        self.confusion_ = self._confusion(parameters)

    # --- answers about items ---

    def predict_proba(self, X: Any = None) -> FloatArray:
        """Return the probability (items, k) of each label, in the order of `items_` and `labels_`.

        For the items of the fit, or those of other answers `X`, whose order is that of `items_of(X)`.
        """
        source = self._asked(X)
        return np.concatenate(source.map(lambda block: self.model_.posterior(self.parameters_, block)))

    def predict(self, X: Any = None) -> Array:
        """Return the most probable label (items,) of each item."""
        prob = self.predict_proba(X)
        return np.asarray(self.classes_[prob.argmax(axis=1)])

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None, *, gold: Any = None) -> Array:
        """Fit, and return the most probable label (items,) of each item."""
        return self.fit(X, y, sample_weight, gold=gold).predict()

    def items_of(self, X: Any) -> tuple[Any, ...]:
        """Return the items of a table of answers in the order of `predict(X)`."""
        return self._read_new(X).items

    def prediction_table(self, X: Any = None) -> Table:
        """Return items, their most probable labels and the probability of each label, as columns of a table."""
        items = self.items_ if X is None else self.items_of(X)
        prob = self.predict_proba(X)
        columns = {"item": _as_array(tuple(items)), "label": self.classes_[prob.argmax(axis=1)]}
        return Table(columns | {f"prob_{label}": p for label, p in zip(self.labels_, prob.T, strict=True)})

    def score(self, X: Any = None, y: Any = None) -> float:
        """Return the mean log-likelihood per item; `y` is ignored."""
        source = self._asked(X)
        return self._loglik(source) / source.total_weight

    def _asked(self, X: Any) -> Source:
        self._check_fitted()
        if X is not None:
            return as_source(self._read_new(X).counts(), allow_sparse=True, n_threads=self.n_threads)
        if self._source is None:
            message = "the answers of the fit are not kept in a saved file: pass them as `X`"
            raise DataError(message)
        return self._source

    def _next_batch(self, X: Any, y: Any, sample_weight: Any) -> Source:
        """Return the answers about more items, by the raters of the first batch."""
        self._check_fitted()
        answers = read_answers(X, weights=sample_weight, raters=self.raters_, labels=self.labels_, **self._reading)
        weights = sample_weight if answers.is_matrix else None
        return as_source(answers.counts(), weights, allow_sparse=True, n_threads=self.n_threads)

    def _read_new(self, X: Any) -> Answers:
        self._check_fitted()
        return read_answers(X, raters=self.raters_, labels=self.labels_, **self._reading)

    # --- answers about raters ---

    def rater_table(self) -> Table:
        """Return what is known of each rater, the most informative first.

        Columns: rater; answers given; accuracy, the probability that an answer is right; information, the bits that
        an answer tells of the class (the mutual information of label and class, zero for a rater who guesses).
        """
        self._check_fitted()
        accuracy = np.einsum("jkk,k->j", self.confusion_, self.class_shares_)
        bits = _information(self.confusion_, self.class_shares_)
        order = np.argsort(-bits, kind="stable")
        columns = {
            "rater": _as_array(self.raters_)[order],
            "answers": self._n_answers[order],
            "accuracy": accuracy[order],
            "information": bits[order],
        }
        return Table(columns)

    @property
    def ranking_(self) -> tuple[Any, ...]:
        """Raters, the most informative first."""
        return tuple(self.rater_table().columns["rater"].tolist())


def _information(confusion: FloatArray, mix: FloatArray) -> FloatArray:
    """Return the mutual information (r,) of class and label, in bits."""
    joint = confusion * mix[:, None]
    apart = mix[:, None] * joint.sum(axis=1, keepdims=True)
    ratio = np.divide(joint, apart, out=np.ones_like(joint), where=joint > 0)
    return np.asarray(np.maximum((joint * np.log2(ratio)).sum(axis=(1, 2)), 0.0))


def _as_array(values: tuple[Any, ...]) -> Array:
    """Return values as an array: of numbers or of text where they are that, of objects where mixed."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {int, float, str}:
        return np.array(values)
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _gold_codes(gold: Any, answers: Answers) -> IntArray:
    """Return the codes (items,) of known labels, -1 where none is known."""
    items, labels = _gold_columns(gold, answers)
    codes, _ = encoded(labels, answers.labels)
    given, _ = encoded(labels)
    strange = np.flatnonzero((codes < 0) & (given >= 0))
    if len(strange):
        known = ", ".join(map(repr, answers.labels))
        message = f"`gold` has the label {labels[strange[0]]!r}, which no rater has given; labels are {known}"
        raise DataError(message)
    where, _ = encoded(items, answers.items)
    if (where < 0).any():
        message = f"`gold` names the item {items.tolist()[int(np.argmax(where < 0))]!r}, which has no answers"
        raise DataError(message)
    known_codes = np.full(len(answers.items), -1, dtype=np.intp)
    known_codes[where] = codes
    return known_codes


def _gold_columns(gold: Any, answers: Answers) -> tuple[Array, Array]:
    """Return items and their known labels."""
    if isinstance(gold, Mapping) and not isinstance(next(iter(gold.values()), None), (np.ndarray, list)):
        return _as_array(tuple(gold)), np.array(list(gold.values()), dtype=object)
    if hasattr(gold, "index") and hasattr(gold, "to_numpy") and not hasattr(gold, "columns"):  # a pandas series
        return np.asarray(gold.index), np.asarray(gold.to_numpy(), dtype=object)
    found = frame_columns(gold)
    if found is not None and len(found[1]) == 2:
        return np.asarray(found[1][0]), np.asarray(found[1][1], dtype=object)
    array = np.asarray(gold, dtype=object)
    if answers.is_matrix and array.shape == (len(answers.items),):
        return np.arange(len(array)), array
    message = (
        "`gold` must be a mapping of items to labels, a series with items as its index, or a table of two columns; "
        f"got {type(gold).__name__}"
    )
    raise DataError(message)
