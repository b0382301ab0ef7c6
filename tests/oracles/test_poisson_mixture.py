"""Hasselblad's deaths: the classic of accelerated EM (turboEM vignette: negative log-likelihood 1989.945859883)."""

import json
from pathlib import Path

import numpy as np
import pytest

import emkit

ORACLE = json.loads((Path(__file__).parent / "data" / "discrete_and_t.json").read_text())["hasselblad"]


@pytest.mark.parametrize("is_weighted", [True, False])
def test_hasselblad_deaths(is_weighted):
    table = emkit.load_data("hasselblad_deaths")
    deaths, freq = table["deaths"], table["freq"]
    mixture = emkit.PoissonMixture(2, random_state=0, tol=1e-11)
    if is_weighted:
        mixture.fit(deaths[:, None], sample_weight=freq)
    else:
        mixture.fit(np.repeat(deaths, freq.astype(int))[:, None])
    share, low, high = ORACLE["mle"]
    assert mixture.fit_.loglik == pytest.approx(-ORACLE["neg_logL"], abs=1e-8)
    np.testing.assert_allclose(mixture.rates_.ravel(), [high, low], rtol=1e-4)
    np.testing.assert_allclose(mixture.weights_, [1 - share, share], atol=1e-4)
