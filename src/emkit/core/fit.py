"""The result of a fit: one frozen record."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from emkit.core.starts import StartReport
from emkit.core.status import Status
from emkit.core.trace import Trace

if TYPE_CHECKING:
    from emkit.inference import Covariance, Derived, Diagnosis, Intervals, StandardErrors

__all__ = ["Fit"]

_Kind = Literal["observed", "scores", "robust"]
_KEPT_OUT = ("source", "given", "ending")
_TRANSIENT = (*_KEPT_OUT, "_information")


@dataclass(frozen=True)
class Fit:
    """The result of a fit. Every number in it belongs to `parameters`.

    Parameters
    ----------
    model : Model
        With the constants it read off the data.
    parameters : Parameters
        In canonical order where the model defines one.
    loglik : float
        Observed-data log-likelihood at `parameters`.
    objective : float
        `loglik` plus the log prior; equal to it for maximum likelihood. What `ClassificationEM` climbs is another:
        the classification log-likelihood.
    status : Status
        How the fit ended; `status.help` says what to do.
    trace : Trace
        One row per iteration of the climb that won.
    n_iter : int
        Iterations of the climb that won.
    n_e_steps : int
        Passes over the data, all starts together (those on a sample of the rows included).
    seconds : float
        Wall-clock time of the whole fit.
    starts : StartReport
        Distinct optima found and how often.
    n_free : int
        Free parameters: coordinates of all spaces, without structural zeros.
    weight : float
        Sum of the case weights: the number of rows where there are none.
    notes : tuple of str
        Sentences for the reader: what was floored, which component collapsed, what to do.
    source, given : Source or None
        The rows as the model read them and as they came, for questions to the data later. They are in no file and
        no pickle.
    ending : Climb or None
        The end of the climb that won, components in the order they had there, for a climb that goes on. In no file.
    """

    model: Any
    parameters: Any
    loglik: float
    objective: float
    status: Status
    trace: Trace
    n_iter: int
    n_e_steps: int
    seconds: float
    starts: StartReport
    n_free: int
    weight: float
    notes: tuple[str, ...] = ()
    source: Any = field(default=None, compare=False, repr=False, metadata={"transient": True})
    given: Any = field(default=None, compare=False, repr=False, metadata={"transient": True})
    ending: Any = field(default=None, compare=False, repr=False, metadata={"transient": True})

    @property
    def is_converged(self) -> bool:
        """Return whether the parameters are a proper optimum to the tolerance asked for."""
        return self.status.is_success

    @property
    def aic(self) -> float:
        """Return Akaike's criterion, -2 loglik + 2 n_free; smaller is better."""
        return -2 * self.loglik + 2 * self.n_free

    @property
    def bic(self) -> float:
        """Return Schwarz's criterion, -2 loglik + n_free log(weight); smaller is better."""
        return -2 * self.loglik + self.n_free * math.log(self.weight)

    # --- how sure it is (see `emkit.inference`) ---

    def standard_errors(
        self, data: Any = None, *, sample_weight: Any = None, kind: _Kind = "observed", clusters: Any = None
    ) -> StandardErrors:
        """Return the standard error of every entry of every parameter, by name.

        Parameters
        ----------
        data : array (n, d), data frame or Source, optional
            The data of the fit, where it does not hold them (it was loaded from a file).
        sample_weight : array (n,), optional
            Case weights that go with `data`.
        kind : "observed", "scores" or "robust"
            From the observed information, the cross-products of the rows' scores, or the sandwich of the two.
        clusters : array (n,), optional
            Rows of one label may depend on each other: the sandwich by clusters.

        Raises
        ------
        ParameterError
            If there are no data, or the model states no `expected_loglik`.
        """
        from emkit.inference import standard_errors

        return standard_errors(self, data, sample_weight=sample_weight, kind=kind, clusters=clusters)

    def confint(
        self,
        level: float = 0.95,
        data: Any = None,
        *,
        sample_weight: Any = None,
        kind: _Kind = "observed",
        clusters: Any = None,
    ) -> Intervals:
        """Return confidence intervals with estimates and standard errors; arguments as for `standard_errors`."""
        from emkit.inference import confint

        return confint(self, level, data, sample_weight=sample_weight, kind=kind, clusters=clusters)

    def covariance(
        self, data: Any = None, *, sample_weight: Any = None, kind: _Kind = "observed", clusters: Any = None
    ) -> Covariance:
        """Return the covariance of the estimates; arguments as for `standard_errors`."""
        from emkit.inference import covariance

        return covariance(self, data, sample_weight=sample_weight, kind=kind, clusters=clusters)

    def delta(
        self,
        function: Callable[[Any], Any],
        data: Any = None,
        *,
        level: float = 0.95,
        sample_weight: Any = None,
        kind: _Kind = "observed",
        clusters: Any = None,
    ) -> Derived:
        """Return a function of the parameters with standard error and interval; arguments as for `standard_errors`."""
        from emkit.inference import delta

        return delta(self, function, data, level=level, sample_weight=sample_weight, kind=kind, clusters=clusters)

    def diagnose(self, data: Any = None, *, sample_weight: Any = None) -> Diagnosis:
        """Return what there is to worry about in this fit, in words; arguments as for `standard_errors`."""
        from emkit.inference import diagnose

        return diagnose(self, data, sample_weight=sample_weight)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _TRANSIENT} | dict.fromkeys(_KEPT_OUT)
