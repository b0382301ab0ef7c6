"""How sure a fit is: standard errors, intervals, tests, the bootstrap and diagnosis, for every model alike."""

from emkit.inference.answers import confint, covariance, delta, standard_errors
from emkit.inference.estimates import Derived, Intervals, StandardErrors
from emkit.inference.spread import Covariance

__all__ = [
    "Covariance",
    "Derived",
    "Intervals",
    "StandardErrors",
    "confint",
    "covariance",
    "delta",
    "standard_errors",
]
