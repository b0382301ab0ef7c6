"""Censored, grouped and truncated observations: distributions, regressions, and survival curves without a form."""

from emkit.censored.icm import ConvexMinorant
from emkit.censored.normal import CensoredNormal
from emkit.censored.regression import CensoredRegression
from emkit.censored.turnbull import Turnbull

__all__ = ["CensoredNormal", "CensoredRegression", "ConvexMinorant", "Turnbull"]
