"""How sure a fit is: standard errors, intervals, tests, the bootstrap and diagnosis, for every model alike."""

from emkit.inference.answers import confint, covariance, delta, standard_errors
from emkit.inference.bootstrap import Bootstrap, bootstrap, bootstrap_lrt
from emkit.inference.diagnosis import Diagnosis, Influence, diagnose
from emkit.inference.estimates import Derived, Intervals, StandardErrors
from emkit.inference.hypotheses import TestResult, lr_test, wald_test
from emkit.inference.profile import Profile, profile
from emkit.inference.spread import Covariance

__all__ = [
    "Bootstrap",
    "Covariance",
    "Derived",
    "Diagnosis",
    "Influence",
    "Intervals",
    "Profile",
    "StandardErrors",
    "TestResult",
    "bootstrap",
    "bootstrap_lrt",
    "confint",
    "covariance",
    "delta",
    "diagnose",
    "lr_test",
    "profile",
    "standard_errors",
    "wald_test",
]
