"""t mixtures against an independent ECM (plain NumPy, tol 1e-14), in `data/discrete_and_t.json`."""

import json
from pathlib import Path

import numpy as np
import pytest

import emkit

ENTRIES = json.loads((Path(__file__).parent / "data" / "discrete_and_t.json").read_text())["t_mixtures"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e['data']}-{e['K']}-{e['nu_fixed']}")
def test_default_settings_reach_the_independent_optimum(entry):
    rows = emkit.load_data(entry["data"]).numeric()[0]
    mixture = emkit.StudentMixture(entry["K"], dof=entry["nu_fixed"] or "each", random_state=0, tol=1e-10).fit(rows)
    assert mixture.fit_.is_converged
    assert mixture.fit_.loglik == pytest.approx(entry["logL"], abs=1e-6)
    here, there = np.argsort(mixture.locations_[:, 0]), np.argsort(np.array(entry["means"])[:, 0])
    np.testing.assert_allclose(mixture.weights_[here], np.array(entry["weights"])[there], atol=1e-4)
    np.testing.assert_allclose(mixture.locations_[here], np.array(entry["means"])[there], rtol=1e-4)
    np.testing.assert_allclose(mixture.scales_[here], np.array(entry["scale"])[there], rtol=1e-3)
    np.testing.assert_allclose(mixture.dof_[here], np.array(entry["nu"])[there], rtol=1e-2)
