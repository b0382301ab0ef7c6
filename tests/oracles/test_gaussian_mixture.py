"""Gaussian mixtures against mclust and an independent EM, under default settings.

The numbers are in `data/mixtures.json` with their source: mclust 6.0.0 (R 4.2.2), many starts refined to tol 1e-14, the
best non-degenerate optimum seen. A higher optimum that is not degenerate is a finding: those found are listed here.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.families.gaussian_prior import NormalInverseWishart

ORACLES = json.loads((Path(__file__).parent / "data" / "mixtures.json").read_text())
# Proper optima above the best that mclust's multi-start search has seen, found by the default search from some seeds:
# six components on 82 galaxies, two of them small. (data, model, components) -> objective
# mclust's iterations for VVE end short of the optimum of each M-step, so that its fits do too; iris EEV is a rare one.
FINDINGS = {
    ("galaxies_mass", "V", 6): -193.7622,
    ("galaxies_fixed", "V", 6): -194.0195,
    ("faithful", "VVE", 2): -1132.1126,
    ("faithful", "VVE", 3): -1122.0743,
    ("iris", "VVE", 2): -244.5705,
    ("iris", "VVE", 3): -214.0532,
    ("iris", "EEV", 3): -214.4851,
}
# Optima of narrow basins (one to four starts in a hundred): the default search reaches them from most seeds, not all.
NARROW = {("galaxies_mass", "V", 5): 0, ("galaxies_fixed", "V", 5): 0, ("waiting", "V", 3): 0}


def _rows(name):
    if name.startswith("galaxies"):
        rows = emkit.load_data("galaxies").numeric()[0]
        return np.where(np.isclose(rows, 26.69), 26.96, rows) if name == "galaxies_fixed" else rows
    if name == "waiting":
        return emkit.load_data("faithful").numeric()[0][:, 1:]
    return emkit.load_data(name).numeric()[0]


def _entries():
    return [pytest.param(e, id=f"{e['data']}-{e['model']}-{e['G']}") for e in ORACLES["gaussian_mixtures"]]


@pytest.mark.filterwarnings("ignore::emkit.errors.DegenerateWarning")
@pytest.mark.parametrize("entry", _entries())
def test_default_settings_reach_the_best_known_optimum(entry):
    key = entry["data"], entry["model"], entry["G"]
    rows = _rows(entry["data"])[:, : 3 if entry["data"] == "diabetes" else None]
    word, seed = entry["model"], NARROW.get(key, 0)
    fit = emkit.GaussianMixture(entry["G"], covariance_type=word, random_state=seed).fit(rows).fit_
    assert fit.is_converged
    assert fit.n_free == entry["df"]
    assert fit.loglik >= entry["logL_best"] - 2e-4
    assert fit.loglik <= FINDINGS.get(key, entry["logL_best"]) + 1e-3


@pytest.mark.parametrize("entry", [e for e in ORACLES["t_mixtures_and_missing"] if "NaN" in e["data"]])
def test_missing_entries_are_integrated_out(entry):
    rows = emkit.load_data("iris").numeric()[0].copy()
    row, column = np.indices(rows.shape)
    rows[(7 * row + 3 * column) % 11 == 0] = np.nan
    assert np.isnan(rows).sum() == entry["n_missing"]
    mixture = emkit.GaussianMixture(entry["K"], random_state=0, tol=1e-10).fit(rows)
    assert mixture.fit_.loglik == pytest.approx(entry["logL"], abs=1e-6)
    order = np.argsort(mixture.means_[:, 0])
    np.testing.assert_allclose(mixture.weights_[order], entry["weights"], atol=1e-6)
    np.testing.assert_allclose(mixture.means_[order], entry["means"], atol=1e-5)
    np.testing.assert_allclose(mixture.covariances_[order], entry["covariances"], atol=1e-5)


@pytest.mark.parametrize(
    ("key", "k", "is_faithful"),
    [("galaxies_MAP_V3", 3, False), ("galaxies_MAP_V4", 4, False), ("faithful_MAP_VVV3", 3, True)],
)
def test_conjugate_prior_is_that_of_mclust(key, k, is_faithful):
    """From mclust's estimate the posterior mode is where it is, or the climb goes on to a higher one."""
    entry = ORACLES["mclust_extra"][key]
    rows = _rows("faithful" if is_faithful else "galaxies_mass")
    fitted = emkit.GaussianMixture(k, prior=NormalInverseWishart(), random_state=0, tol=1e-10).fit(rows)
    means = np.array(entry["means"]).reshape(k, -1)
    start = emkit.GaussianMixture(
        k,
        prior=NormalInverseWishart(),
        means_init=means,
        weights_init=np.array(entry["weights"]) / sum(entry["weights"]),
        precisions_init=None if is_faithful else (1 / np.array(entry["vars"]))[:, None, None],
        tol=1e-10,
    ).fit(rows)
    order, wanted = np.argsort(start.means_[:, -1]), np.argsort(means[:, -1])
    np.testing.assert_allclose(start.means_[order], means[wanted], rtol=2e-3)
    np.testing.assert_allclose(start.weights_[order], np.array(entry["weights"])[wanted], atol=2e-3)
    assert start.fit_.loglik == pytest.approx(entry["logL"], abs=2e-3)
    assert fitted.fit_.objective >= start.fit_.objective - 1e-6


def test_two_normals_on_waiting_match_the_published_table():
    """mixtools (Benaglia et al. 2009, JSS 32(6)): pi .36085, mu 54.6136, 80.0903, sigma 5.8691, equal variances."""
    fit = emkit.GaussianMixture(2, covariance_type="tied", random_state=0).fit(_rows("waiting"))
    assert fit.weights_[::-1] == pytest.approx([0.36085, 0.63915], abs=2e-5)
    assert fit.means_[::-1, 0] == pytest.approx([54.6136, 80.0903], abs=2e-4)
    assert np.sqrt(fit.covariances_[0, 0]) == pytest.approx(5.8691, abs=2e-4)
