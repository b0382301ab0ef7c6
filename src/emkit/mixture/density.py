"""The density of one variable.

Story: the values x_1..x_n are draws from a mixture of normal distributions with k components, k chosen by BIC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from emkit.core.arrays import FloatArray
from emkit.data import as_source
from emkit.errors import DataError, DegenerateWarning, ParameterError, warn_convergence
from emkit.mixture.density_choice import Selection, chosen_mixture
from emkit.mixture.gaussian import GaussianMixture
from emkit.mixture.univariate import NormalMixture
from emkit.randomness import generator_of

__all__ = ["Density", "density"]


@dataclass(frozen=True, eq=False)
class Density:
    """The density of one variable; made by `emkit.density`.

    Parameters
    ----------
    mixture_ : GaussianMixture
        The fit: `mixture_.weights_`, `mixture_.means_`, `mixture_.fit_.bic` and so on.
    selection_ : Selection
        Log-likelihood and BIC by number of components.
    x_ : array (n,)
        The observed values.
    sample_weight_ : array (n,) or None
    name : str
        Of the variable.
    notes : tuple of str
        What was left out.
    """

    mixture_: GaussianMixture
    selection_: Selection = field(repr=False)
    x_: FloatArray = field(repr=False)
    sample_weight_: FloatArray | None = field(default=None, repr=False)
    name: str = "x"
    notes: tuple[str, ...] = field(default=(), repr=False)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.mixture_.weights_)

    @property
    def components(self) -> NormalMixture:
        """Weights, means and standard deviations (k,) of the components."""
        mix, mean = self.mixture_.weights_, self.mixture_.means_[:, 0]
        var = np.broadcast_to(self.mixture_.covariances_.reshape(-1), mean.shape)
        return NormalMixture(mix, mean, np.sqrt(var))

    # --- the distribution ---

    def pdf(self, x: Any) -> FloatArray:
        """Return the density at `x`, of any shape."""
        return self.components.pdf(_numbers("x", x))

    def cdf(self, x: Any) -> FloatArray:
        """Return the probability of a value of at most `x`, of any shape."""
        return self.components.cdf(_numbers("x", x))

    def quantile(self, p: Any) -> FloatArray:
        """Return the value below which the share `p` lies, of any shape: the exact inverse of `cdf`.

        Raises
        ------
        ParameterError
            If a share is not between 0 and 1.
        """
        return self.components.quantile(_numbers("p", p))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the two values that leave out the same share, (1 - level) / 2, on each side."""
        if not 0 < level < 1:
            message = f"`level` must be between 0 and 1, got {level!r}"
            raise ParameterError(message)
        low, high = self.quantile([(1 - level) / 2, (1 + level) / 2]).tolist()
        return low, high

    def modes(self) -> FloatArray:
        """Return the positions of all local maxima of the density, from left to right."""
        return self.components.modes()

    @property
    def mean(self) -> float:
        """Mean of the density."""
        parts = self.components
        return float(parts.mix @ parts.mean)

    @property
    def var(self) -> float:
        """Variance of the density."""
        parts = self.components
        return float(parts.mix @ (parts.sd**2 + (parts.mean - self.mean) ** 2))

    def sample(self, n: int = 1, random_state: Any = None) -> FloatArray:
        """Return `n` new values (n,), others each time unless `random_state` is given."""
        return self.mixture_.sample(n, generator_of(random_state))[0][:, 0]

    # --- for people ---

    def plot(self, ax: Any = None, *, bins: Any = None) -> Any:
        """Draw the histogram with the density over it, and return the display (`emkit.plot.DensityDisplay`)."""
        from emkit.plot import DensityDisplay

        return DensityDisplay.from_density(self, bins=bins, ax=ax)

    def summary(self) -> str:
        """Return the fit as text: components, criteria, modes, and the table by number of components."""
        modes = ", ".join(f"{mode:.6g}" for mode in self.modes().tolist())
        low, high = self.interval()
        facts = [
            f"Mean {self.mean:.6g}, standard deviation {self.var**0.5:.6g}, 95 % between {low:.6g} and {high:.6g}",
            f"Modes: {modes}",
            *self.notes,
        ]
        return "\n\n".join([self.mixture_.summary(), "\n".join(facts), str(self.selection_)])


def density(
    x: Any,
    n_components: int | None = None,
    *,
    sample_weight: Any = None,
    max_components: int = 9,
    variances: Literal["either", "unequal", "equal"] = "either",
    random_state: Any = 0,
    n_threads: int | None = None,
) -> Density:
    """Estimate the density of one variable by a mixture of normal distributions.

    Parameters
    ----------
    x : list, array (n,), series, or table with one column
        NaN, None and null are left out, which `notes` of the result tells.
    n_components : int, optional
        By the smallest BIC where None.
    sample_weight : array (n,), optional
        How often each value counts.
    max_components : int, default 9
        Most components to try; never more than half the number of distinct values.
    variances : "either", "unequal" or "equal"
        Of the components; "either" takes what has the smaller BIC.
    random_state : int or Generator, default 0
        Seeds the starts.
    n_threads : int, optional

    Returns
    -------
    Density

    Raises
    ------
    DataError
        If `x` is not one variable, or has fewer than three values, or all are the same: a constant has no density.
    ParameterError
        If a number of components is below 1 or more than the distinct values.

    Warns
    -----
    ConvergenceWarning, DegenerateWarning
        If the chosen fit has not converged, or every candidate collapsed.

    Notes
    -----
    Fits in which a component collapsed are never chosen, nor those with a component narrower than half the step to
    which the values were rounded (where half of them or more repeat others): many equal values would give a spike any
    height. Each candidate climbs from eight starts; those within 6 of the smallest BIC then get the full search of
    `GaussianMixture`. The cost is that of up to 2 `max_components` small mixtures and a few full ones, about a second
    for a thousand values; give `n_components` where speed matters.

    References
    ----------
    Fraley & Raftery 2002, JASA 97:611, for BIC over equal and unequal variances.

    Examples
    --------
    >>> import emkit
    >>> x = emkit.load_data("galaxies")
    >>> found = emkit.density(x)
    >>> found.n_components, found.modes().round(1).tolist()
    (3, [9.7, 21.4, 33.0])
    """
    values, weights, name, notes = _observed(x, sample_weight, n_threads)
    counts = _counts(n_components, max_components, values)
    kinds = _kinds(variances)
    mixture, selection = chosen_mixture(values, weights, name, counts, kinds, random_state, n_threads)
    found = Density(mixture, selection, values, weights, "x" if name is None else name, notes)
    _warn(found)
    return found


def _observed(
    x: Any, sample_weight: Any, n_threads: int | None
) -> tuple[FloatArray, FloatArray | None, str | None, tuple[str, ...]]:
    """Return the observed values of positive weight, their weights, the variable's name, and what was left out."""
    source = as_source(x, sample_weight, one_feature=True, n_threads=n_threads)
    if source.n_features != 1:
        message = f"`density` takes one variable, got {source.n_features} columns; take `GaussianMixture` for several"
        raise DataError(message)
    blocks = list(source.blocks())
    values = np.concatenate([np.asarray(block.X[:, 0], dtype=np.float64) for block in blocks])
    weights = np.concatenate([block.weights for block in blocks]) if source.is_weighted else None
    n_missing = int(np.isnan(values).sum())
    kept = ~np.isnan(values) if weights is None else ~np.isnan(values) & (weights > 0)
    values, weights = values[kept], None if weights is None else weights[kept]
    if len(values) < 3 or values.min() == values.max():
        came = f"all {len(values)} are {values[0]:g}" if len(values) > 2 else f"there are {len(values)} values"
        message = f"a density needs at least three values, not all the same, but {came}"
        raise DataError(message)
    notes = (f"{n_missing} of {source.n_rows} values are missing and were left out",) if n_missing else ()
    name = None if source.feature_names is None else source.feature_names[0]
    return values, weights, name, notes


def _counts(n_components: int | None, max_components: int, values: FloatArray) -> range:
    """Return the numbers of components to try."""
    n_distinct = len(np.unique(values))
    for role, value in (("n_components", n_components), ("max_components", max_components)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            message = f"`{role}` must be an integer of at least 1, got {value!r}"
            raise ParameterError(message)
    if n_components is None:
        return range(1, min(int(max_components), max(n_distinct // 2, 1)) + 1)
    if n_components > n_distinct:
        message = f"`n_components` is {n_components} but `x` has {n_distinct} distinct values; use at most so many"
        raise ParameterError(message)
    return range(int(n_components), int(n_components) + 1)


def _kinds(variances: str) -> tuple[str, ...]:
    kinds = {"either": ("unequal", "equal"), "unequal": ("unequal",), "equal": ("equal",)}
    if variances not in kinds:
        message = f"`variances` must be one of 'either', 'unequal', 'equal'; got {variances!r}"
        raise ParameterError(message)
    return kinds[variances]


def _warn(found: Density) -> None:
    fit = found.mixture_.fit_
    if found.selection_.best is None:
        import warnings

        message = "every candidate has a collapsed or too narrow component; " + (" ".join(fit.notes) or fit.status.help)
        warnings.warn(message, DegenerateWarning, stacklevel=3)
    elif not fit.status.is_success:
        warn_convergence(fit.status.help, stacklevel=3)


def _numbers(role: str, value: Any) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"`{role}` must be a number or an array of numbers, got {type(value).__name__}"
        raise ParameterError(message) from error
