"""Mixtures of every family, and k-means."""

import numpy as np
from case import Case

import emkit
from emkit.families.categorical import Categorical
from emkit.families.covariance import STRUCTURES
from emkit.families.factor_analytic import FactorAnalytic
from emkit.families.gaussian import Gaussian
from emkit.families.gaussian_noise import GaussianNoise
from emkit.families.gaussian_prior import NormalInverseWishart
from emkit.families.poisson import Poisson
from emkit.families.student import Student
from emkit.mixture import FiniteMixture
from emkit.mixture._kmeans_model import KMeansModel
from emkit.mixture.noise import NoisyMixture


def _iris(share_missing=0.0):
    rows = emkit.load_data("iris").numeric()[0]
    if share_missing:
        rows = np.where(np.random.default_rng(5).random(rows.shape) < share_missing, np.nan, rows)
    return rows


def _apart(share_missing=0.0):
    """Return two groups of four features that all starts find."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(2, 4, 4)))[0] * np.array([[2.0, 1.0, 0.7, 0.4], [1.0, 1.2, 0.5, 0.3]])[:, None]
    rows = np.concatenate([rng.normal(size=(40, 4)) @ axes[0].T, 6 + rng.normal(size=(30, 4)) @ axes[1].T])
    return np.where(rng.random(rows.shape) < share_missing, np.nan, rows)


def _one_factor(share_missing=0.0):
    """Return two groups of five features that one factor each explains, with noise far from zero."""
    rng = np.random.default_rng(6)
    loadings = np.array([[1.0, 0.8, 1.2, 0.9, 0.7], [0.6, -1.0, 0.9, 1.1, -0.8]])
    group = np.repeat([0, 1], [70, 50])
    rows = 5 * group[:, None] + rng.normal(size=(120, 1)) * loadings[group] + 0.8 * rng.normal(size=(120, 5))
    return np.where(rng.random(rows.shape) < share_missing, np.nan, rows)


def _mixture(word, k=3, prior=None, concentration=1.0):
    return FiniteMixture(Gaussian(STRUCTURES[word], prior), k, concentration)


def _factors(*arguments):
    return FiniteMixture(Gaussian(FactorAnalytic(*arguments)), 2)


def _student(dof, k=2, word="full"):
    return FiniteMixture(Student(STRUCTURES[word], dof=dof), k)


def _counts(share_missing=0.0):
    rng = np.random.default_rng(2)
    rows = rng.poisson(np.where(rng.random((150, 1)) < 0.4, [1.0, 4.0, 0.5], [4.0, 1.0, 2.0])).astype(float)
    return np.where(rng.random(rows.shape) < share_missing, np.nan, rows)


def _answers(share_missing=0.0):
    rng = np.random.default_rng(4)
    labels = rng.random(150) < 0.4
    rows = np.column_stack([rng.binomial(n, np.where(labels, 0.2, 0.7)) for n in (1, 2, 3, 1, 2)]).astype(float)
    return np.where(rng.random(rows.shape) < share_missing, np.nan, rows)


_CARCINOMA = emkit.load_data("carcinoma").numeric()[0]
_FAITHFUL = emkit.load_data("faithful").numeric()[0]


def _noisy():
    return np.concatenate([_FAITHFUL[:80], np.random.default_rng(0).uniform((1, 30), (7, 110), (20, 2))])


CASES = [
    Case("gaussian-full", _mixture("full"), _iris()),
    Case("gaussian-tied", _mixture("tied"), _iris()),
    Case("gaussian-diag", _mixture("diag"), _iris()),
    Case("gaussian-spherical", _mixture("spherical"), _iris(), takes_constant=False),
    Case("gaussian-EEI", _mixture("EEI"), _iris()),
    Case("gaussian-EII", _mixture("EII"), _iris(), takes_constant=False),
    Case("gaussian-VEI", _mixture("VEI", 2), _apart(), takes_constant=False),
    Case("gaussian-EVI", _mixture("EVI", 2), _apart(), takes_constant=False),
    Case("gaussian-VEE", _mixture("VEE", 2), _apart(), takes_constant=False),
    Case("gaussian-EVE", _mixture("EVE", 2), _apart(), takes_constant=False),
    Case("gaussian-VVE", _mixture("VVE", 2), _apart(), takes_constant=False),
    Case("gaussian-EEV", _mixture("EEV", 2), _apart(), takes_constant=False),
    Case("gaussian-VEV", _mixture("VEV", 2), _apart(), takes_constant=False),
    Case("gaussian-EVV", _mixture("EVV", 2), _apart(), takes_constant=False),
    Case("gaussian-VEI-missing", _mixture("VEI", 2), _apart(0.1), takes_constant=False),
    Case("gaussian-VVE-missing", _mixture("VVE", 2), _apart(0.1), takes_constant=False),
    Case("gaussian-VEV-map", _mixture("VEV", 2, NormalInverseWishart()), _FAITHFUL, takes_constant=False),
    Case("gaussian-UUU", _factors(1), _one_factor(), takes_constant=False),
    Case("gaussian-CUC", _factors(1, "common", "own", True), _one_factor(), takes_constant=False),
    Case("gaussian-UCU-missing", _factors(1, "own", "common"), _one_factor(0.1), takes_constant=False),
    Case("gaussian-full-missing", _mixture("full", 2), _iris(0.1)[:75]),
    Case("gaussian-diag-missing", _mixture("diag", 2), _iris(0.1)),
    Case("gaussian-tied-missing", _mixture("tied", 2), _iris(0.1)[:75]),
    Case("gaussian-full-map", _mixture("full", 2, NormalInverseWishart(), 2.0), _FAITHFUL, takes_constant=False),
    Case("gaussian-tied-map", _mixture("tied", 2, NormalInverseWishart()), _FAITHFUL, takes_constant=False),
    Case("gaussian-diag-map", _mixture("diag", 2, NormalInverseWishart()), _FAITHFUL, takes_constant=False),
    Case("gaussian-spherical-map", _mixture("spherical", 2, NormalInverseWishart()), _FAITHFUL, takes_constant=False),
    Case("gaussian-one", _mixture("full", 1), _FAITHFUL),
    Case("noise-last", NoisyMixture(GaussianNoise(Gaussian()), 3), _noisy(), takes_constant=False),
    Case("student-fixed", _student(4.0), _FAITHFUL, takes_constant=False),
    Case("student-each", _student("each"), _FAITHFUL, takes_constant=False),
    Case("student-shared", _student("shared"), _FAITHFUL, takes_constant=False),
    Case("student-tied", _student("each", word="tied"), _FAITHFUL, takes_constant=False),
    Case("student-tied-shared", _student("shared", word="tied"), _FAITHFUL, takes_constant=False),
    Case("student-missing", _student(5.0), _iris(0.1)[:75], takes_constant=False),
    Case("poisson", FiniteMixture(Poisson(), 2), _counts(), is_continuous=False),
    Case("poisson-missing", FiniteMixture(Poisson(), 2, 1.5), _counts(0.2), is_continuous=False),
    Case("categorical", FiniteMixture(Categorical(), 2), _answers(), is_continuous=False),
    Case("categorical-missing", FiniteMixture(Categorical(), 2, 1.5), _answers(0.2), is_continuous=False),
    Case("categorical-zeros", FiniteMixture(Categorical(), 2), _CARCINOMA - 1, is_continuous=False),
    Case("k-means", KMeansModel(3), _iris()),
]
