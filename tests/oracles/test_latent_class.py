"""Latent classes against poLCA (R), many restarts: `data/discrete_and_t.json`; its data as distinct rows and counts."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import emkit

HERE = Path(__file__).parent / "data"
ENTRIES = json.loads((HERE / "discrete_and_t.json").read_text())["latent_class"]
# poLCA numbers the levels in the order of the factors in R, emkit in alphabetical order
FACTORS = {"PURPOSE": "GDW", "UNDERSTA": "GF", "COOPERAT": ("Int", "Coo", "Imp")}


def _data(name):
    if name == "carcinoma":
        return emkit.load_data("carcinoma"), None
    with (HERE / f"{name}_counts.csv").open() as file:
        header, *rows = csv.reader(file)
    columns = list(zip(*rows, strict=True))
    return {key: list(column) for key, column in zip(header[:-1], columns, strict=False)}, np.array(columns[-1], float)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e['data']}-{e['K']}")
def test_default_settings_reach_the_best_of_polca(entry):
    X, counts = _data(entry["data"])
    model = emkit.LatentClassAnalysis(entry["K"], random_state=0).fit(X, sample_weight=counts)
    assert model.fit_.is_converged
    assert model.fit_.weight == entry["N"]
    assert model.fit_.loglik == pytest.approx(entry["logL"], abs=1e-5)
    assert model.n_parameters_ <= entry["npar"]
    if "probs" not in entry:
        return
    shares = np.atleast_1d(entry["class_shares"])
    there = np.argsort(-shares)
    np.testing.assert_allclose(model.class_shares_, shares[there], atol=1e-3)
    for item, prob in entry["probs"].items():
        levels = model.levels_[item]
        here = [next(i for i, level in enumerate(levels) if level.startswith(head)) for head in FACTORS.get(item, ())]
        ours = model.item_probabilities_[item][:, here or slice(None)]
        np.testing.assert_allclose(ours, np.array(prob)[there], atol=2e-3)
