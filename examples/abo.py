"""
Blood groups: a model of one's own
==================================

Allele frequencies of the ABO blood groups by gene counting (Ceppellini, Siniscalco & Smith 1955). Acceleration, starts,
progress, saving and the rest come along.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

import emkit
from emkit.core import Simplex, space


@dataclass(frozen=True)
class AboParameters(emkit.Parameters):
    freq: np.ndarray = space(Simplex())  # (3,) frequencies of the alleles A, B, O


@dataclass(frozen=True)
class AboStatistics(emkit.Statistics):
    alleles: np.ndarray  # (3,) expected allele counts


@dataclass(frozen=True)
class Abo(emkit.Model):
    """Phenotypes A, B, AB, O follow from two independent alleles."""

    def start(self, source, rng):
        return AboParameters(rng.dirichlet(np.ones(3)))

    def e_step(self, parameters, block):
        p, q, r = parameters.freq
        n = block.weights @ block.X  # (4,) phenotypes A, B, AB, O
        prob = np.array([p * (p + 2 * r), q * (q + 2 * r), 2 * p * q, r * r])
        aa, bb = n[0] * p / (p + 2 * r), n[1] * q / (q + 2 * r)
        alleles = np.array([n[0] + aa + n[2], n[1] + bb + n[2], 2 * n[3] + n[0] - aa + n[1] - bb])
        return AboStatistics(loglik=xlogy(n, prob).sum(), weight=n.sum(), alleles=alleles)

    def m_step(self, statistics, parameters):
        return AboParameters(statistics.alleles / statistics.alleles.sum())

    def expected_loglik(self, parameters, statistics):
        return xlogy(statistics.alleles, parameters.freq).sum()


if __name__ == "__main__":
    fit = emkit.fit(Abo(), [[186, 38, 13, 284]], rng=0)
    print(fit.parameters.freq, fit.loglik, fit.status.value, fit.starts.sentence)
