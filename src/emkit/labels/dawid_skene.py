"""Dawid and Skene's model of many raters and its kin by confusion matrices: the estimators."""

from __future__ import annotations

from typing import Any, Literal

from emkit.core import Solver
from emkit.core.arrays import FloatArray
from emkit.data import Source
from emkit.data.answers import Answers
from emkit.errors import ParameterError
from emkit.labels._base import LabelEstimator
from emkit.labels.model import LabelParameters, ManyRaters
from emkit.labels.raters import FreeRaters, OneCoinRaters, PooledRaters, Raters, Spammers

__all__ = ["MACE", "DawidSkene", "OneCoin"]

_FEW_STARTS = 8  # of MACE: nearly all starts meet, and each is a long climb


class _ByConfusion(LabelEstimator):
    """Estimators whose raters have confusion matrices and items nothing but their class."""

    def _raters(self) -> Raters:
        raise NotImplementedError

    def _model_of(self, answers: Answers, *, has_gold: bool) -> ManyRaters:
        labels = tuple(map(str, answers.labels))
        return ManyRaters(
            len(answers.raters), len(labels), self._raters(), float(self.class_concentration), has_gold, labels
        )

    def _confusion(self, parameters: LabelParameters) -> FloatArray:
        confusion: FloatArray = self.model_.raters.confusion(parameters.raters, len(self.labels_))
        return confusion


class DawidSkene(_ByConfusion):
    """Classes of items and error rates of raters from their answers alone, by maximum likelihood.

    Each item has a class that nobody knows; each rater has a confusion matrix, the probabilities of the labels by
    class. Raters may answer about any part of the items, and several times about one.

    Parameters
    ----------
    item, rater, label : str, optional
        Names of the columns of a long table. Usual names (item, task; rater, worker, annotator; label, rating, answer)
        are found; a table of three columns needs no names.
    layout : {"auto", "long", "matrix"}, default "auto"
        Whether answers come as a long table or as a matrix of items x raters; "auto" takes three columns for a long
        table.
    smoothing : float, default 0.0
        Imagined answers of each rater, for each class and label; 0 is maximum likelihood.
    agreement : float, default 0.0
        Further imagined answers that agree with the class: raters with few answers are taken for good ones.
    pooling : float, default 0.0
        Imagined answers of each rater and class, spread as the population of raters spreads them; the population's
        confusion matrix is estimated too. Above 0 it stands in place of the two above.
    class_concentration : float, default 1.0
        Of a symmetric Dirichlet prior on the shares of the classes; 1 is none.
    tol, max_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianMixture`. The first start is the shares of the votes, as in the paper: `n_init=1` climbs from
        it alone, and so does the default above 16384 items.

    Attributes
    ----------
    items_, raters_, labels_ : tuple
        In order.
    class_shares_ : array (k,)
    confusion_ : array (r, k, k)
        Probabilities of the labels (last axis) for each rater and class.
    ranking_ : tuple
        Raters, the most informative first; `rater_table()` says more.
    converged_, n_iter_, fit_
        As for `GaussianMixture`.

    Notes
    -----
    Classes bear the name of the label that raters give them most. Optima are many where raters answer little; the
    best of those found is taken, which may lie above the one that the votes lead to.

    References
    ----------
    Dawid & Skene 1979, *Maximum likelihood estimation of observer error-rates using the EM algorithm*, Applied
    Statistics 28:20.

    Examples
    --------
    >>> import emkit
    >>> answers = {
    ...     "item": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4],
    ...     "rater": list("abcabcabcabc"),
    ...     "label": ["cat", "cat", "dog", "dog", "dog", "cat", "cat", "cat", "cat", "dog", "dog", "dog"],
    ... }
    >>> model = emkit.DawidSkene(random_state=0).fit(answers)
    >>> model.predict()
    array(['cat', 'dog', 'cat', 'dog'], dtype='<U3')
    >>> model.confusion_[2].round(2)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    def __init__(
        self,
        *,
        item: str | None = None,
        rater: str | None = None,
        label: str | None = None,
        layout: Literal["auto", "long", "matrix"] = "auto",
        smoothing: float = 0.0,
        agreement: float = 0.0,
        pooling: float = 0.0,
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
        super().__init__(
            item=item,
            rater=rater,
            label=label,
            layout=layout,
            class_concentration=class_concentration,
            tol=tol,
            max_iter=max_iter,
            n_init=n_init,
            start=start,
            solver=solver,
            random_state=random_state,
            n_threads=n_threads,
            on_iteration=on_iteration,
        )
        self.smoothing = smoothing
        self.agreement = agreement
        self.pooling = pooling

    def _raters(self) -> Raters:
        for name in ("smoothing", "agreement", "pooling"):
            if not getattr(self, name) >= 0:
                message = f"`{name}` must be at least 0, got {getattr(self, name)!r}"
                raise ParameterError(message)
        if self.pooling == 0:
            return FreeRaters(float(self.smoothing), float(self.agreement))
        if self.smoothing != 0 or self.agreement != 0:
            message = "`pooling` is a prior of its own: leave `smoothing` and `agreement` at 0 beside it"
            raise ParameterError(message)
        return PooledRaters(float(self.pooling))


class OneCoin(_ByConfusion):
    """Raters who are each right with one probability, whatever the class; wrong labels are equally probable.

    The smallest of the models: one number for each rater, for raters with few answers. Arguments and attributes are
    those of `DawidSkene`, without its priors.

    Examples
    --------
    >>> import emkit
    >>> answers = {"item": [1, 1, 1, 2, 2, 2], "rater": list("abcabc"), "label": [0, 0, 1, 1, 1, 1]}
    >>> emkit.labels.OneCoin(random_state=0).fit(answers).predict()
    array([0, 1])
    """

    def _raters(self) -> OneCoinRaters:
        return OneCoinRaters()


class MACE(_ByConfusion):
    """Raters who either know or guess: competence and spamming habits (multi-annotator competence estimation).

    Arguments and attributes are those of `DawidSkene`; instead of its priors there is

    Parameters
    ----------
    smoothing : float, default 0.0
        Imagined answers of each rater: known, guessed, and guessed by each label.

    Attributes
    ----------
    trust_ : array (r,)
        Probability that a rater knows the class.
    strategy_ : array (r, k)
        Probabilities of the labels where a rater guesses.

    References
    ----------
    Hovy, Berg-Kirkpatrick, Vaswani & Hovy 2013, *Learning whom to trust with MACE*, NAACL-HLT.

    Examples
    --------
    >>> import emkit
    >>> answers = {"item": [1, 1, 1, 2, 2, 2], "rater": list("abcabc"), "label": [0, 0, 1, 1, 1, 1]}
    >>> emkit.labels.MACE(random_state=0).fit(answers).predict()
    array([0, 1])
    """

    def __init__(
        self,
        *,
        item: str | None = None,
        rater: str | None = None,
        label: str | None = None,
        layout: Literal["auto", "long", "matrix"] = "auto",
        smoothing: float = 0.0,
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
        super().__init__(
            item=item,
            rater=rater,
            label=label,
            layout=layout,
            class_concentration=class_concentration,
            tol=tol,
            max_iter=max_iter,
            n_init=n_init,
            start=start,
            solver=solver,
            random_state=random_state,
            n_threads=n_threads,
            on_iteration=on_iteration,
        )
        self.smoothing = smoothing

    def _raters(self) -> Spammers:
        if not self.smoothing >= 0:
            message = f"`smoothing` must be at least 0, got {self.smoothing!r}"
            raise ParameterError(message)
        return Spammers(float(self.smoothing))

    def _solver(self) -> Solver | Literal["auto"]:
        return self.solver  # EM is slow here: knowing and guessing right look alike

    def _n_starts(self, model: Any, source: Source) -> int | Literal["auto"]:
        found = super()._n_starts(model, source)
        return _FEW_STARTS if found == "auto" else found

    def _adopt_parameters(self, model: Any, parameters: LabelParameters) -> None:
        super()._adopt_parameters(model, parameters)
        self.trust_, self.strategy_ = parameters.raters.trust[:, 0], parameters.raters.strategy
