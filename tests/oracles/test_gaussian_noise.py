"""Gaussian mixtures with noise against R mclust 6.0.0 (`gaussian_noise.R`), faithful and 60 uniform rows."""

import json
from pathlib import Path

import numpy as np
import pytest

import emkit

FROZEN = json.loads((Path(__file__).parent / "data" / "gaussian_noise.json").read_text())
ROWS = np.array(FROZEN["rows"])
MISSED = {("EII", 2): -1866.693405, ("VVV", 3): -1571.899976}  # likelier than the best of mclust's twelve starts
QUICK = [fit for fit in FROZEN["fits"] if fit["G"] < 3 or fit["code"] == "VVI"]


@pytest.mark.parametrize("fit", QUICK, ids=lambda fit: f"{fit['code']}-{fit['G']}")
def test_default_settings_reach_the_optimum_of_mclust(fit):
    mixture = emkit.GaussianMixture(fit["G"], covariance_type=fit["code"], noise=True, random_state=0).fit(ROWS)
    assert mixture.fit_.is_converged
    assert mixture.fit_.n_free == fit["df"]
    best = MISSED.get((fit["code"], fit["G"]))
    assert mixture.fit_.loglik == pytest.approx(fit["loglik"] if best is None else best, abs=1e-5)
    if best is None:
        assert mixture.bic(ROWS) == pytest.approx(fit["bic"], abs=2e-5)
        own, noise = fit["weights"][:-1], fit["weights"][-1]
        np.testing.assert_allclose(mixture.weights_, [*sorted(own, reverse=True), noise], atol=1e-3)
    else:
        assert fit["loglik"] < best - 1


def test_a_given_volume_is_the_noise_of_that_density():
    volume = float(np.prod(np.ptp(ROWS, axis=0)))
    given = emkit.GaussianMixture(2, noise=volume, random_state=0).fit(ROWS)
    read = emkit.GaussianMixture(2, noise=True, random_state=0).fit(ROWS)
    assert given.fit_.loglik == pytest.approx(read.fit_.loglik, abs=1e-8)
    thinner = emkit.GaussianMixture(2, noise=4 * volume, random_state=0).fit(ROWS)
    joint = thinner.model_.log_joint(thinner.parameters_, next(iter(thinner.fit_.source.blocks())))
    np.testing.assert_allclose(joint[:, -1], np.log(thinner.weights_[-1] / (4 * volume)))
