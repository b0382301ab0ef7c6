"""Hidden Markov models of counts and categories: the estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.errors import DataError, ParameterError
from emkit.families.categorical import Categorical, CategoricalParameters, ItemParameters
from emkit.families.multinomial import Multinomial, MultinomialParameters
from emkit.families.poisson import Poisson, PoissonParameters
from emkit.hmm._plain import PlainHMM

__all__ = ["CategoricalHMM", "MultinomialHMM", "PoissonHMM"]


class PoissonHMM(PlainHMM):
    """Hidden Markov model of counts: in each state independent Poisson counts with rates of its own.

    Parameters
    ----------
    n_components, startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    lambdas_ : array (k, d)
        Rates, rising in the first column.
    """

    _shown = ("lambdas_",)
    lambdas_: FloatArray

    def _family(self) -> Poisson:
        return Poisson()

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"lambdas_": members.rate}

    def _members(self, given: Mapping[str, Any]) -> tuple[Poisson, Any]:
        return Poisson(), PoissonParameters(_table("lambdas_", given["lambdas_"]))


class CategoricalHMM(PlainHMM):
    """Hidden Markov model of one column of categories 0, 1, 2, ...

    A symbol that did not occur in training has no probability: asked about one, the model says so. Declare the symbols
    through `HiddenMarkovModel(Categorical(levels=...))` to keep room for more.

    Parameters
    ----------
    n_components, startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    emissionprob_ : array (k, number of symbols)
    """

    _shown = ("emissionprob_",)
    emissionprob_: FloatArray

    def _family(self) -> Categorical:
        return Categorical()

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        if len(members.items) > 1:
            message = f"CategoricalHMM takes one column, got {len(members.items)}; use HiddenMarkovModel('categorical')"
            raise DataError(message)
        return {"emissionprob_": members.items[0].prob}

    def _members(self, given: Mapping[str, Any]) -> tuple[Categorical, Any]:
        prob = _table("emissionprob_", given["emissionprob_"])
        levels = (tuple(str(level) for level in range(prob.shape[1])),)
        return Categorical(levels=levels), CategoricalParameters((ItemParameters(prob),))


class MultinomialHMM(PlainHMM):
    """Hidden Markov model of rows of counts given their totals.

    Parameters
    ----------
    n_components, startprob, transmat, startprob_prior, transmat_prior, algorithm, sequence, time, tol, max_iter,
    n_iter, n_init, start, solver, random_state, n_threads, on_iteration
        As for `GaussianHMM`.

    Attributes
    ----------
    startprob_, transmat_, stationary_, expected_durations_, fit_, converged_, n_iter_
        As for `GaussianHMM`.
    emissionprob_ : array (k, d)
    """

    _shown = ("emissionprob_",)
    emissionprob_: FloatArray

    def _family(self) -> Multinomial:
        return Multinomial()

    def _show(self, family: Any, members: Any) -> dict[str, Any]:
        return {"emissionprob_": members.prob}

    def _members(self, given: Mapping[str, Any]) -> tuple[Multinomial, Any]:
        return Multinomial(), MultinomialParameters(_table("emissionprob_", given["emissionprob_"]))


def _table(name: str, values: Any) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2:
        message = f"expected `{name}` with a row for each state, got shape {array.shape}"
        raise ParameterError(message)
    return np.ascontiguousarray(array)
