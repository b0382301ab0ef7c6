"""DINA and DINO beside R's CDM 8.4.2 (`din`, conv.crit=1e-8, dev.crit=1e-10): 1163 and 13675 of its EM iterations."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.irt import CognitiveDiagnosis

DATA = Path(__file__).parent / "data"
ORACLE = json.loads((DATA / "diagnosis.json").read_text())


def _read(name):
    return pd.read_csv(DATA / f"cdm_{name}.csv").drop(columns="id", errors="ignore")


@pytest.mark.parametrize("rule", ["DINA", "DINO"])
def test_fraction_subtraction(rule):
    known = ORACLE[rule]
    model = CognitiveDiagnosis(_read("fraction_subtraction_q"), rule, random_state=0)
    model.fit(_read("fraction_subtraction"))
    assert model.fit_.loglik == pytest.approx(known["logLik"], abs=2e-6)
    np.testing.assert_allclose(model.guess_, known["guess"], atol=2e-4)
    np.testing.assert_allclose(model.slip_, known["slip"], atol=2e-4)
    assert model.attribute_shares_[0] == pytest.approx(known["attr_prob"][0], abs=1e-4)
    assert model.fit_.n_iter < 100


def test_saturated_items_on_the_proficiency_examination():
    answers, q = _read("ecpe"), _read("ecpe_q")
    fits = {rule: CognitiveDiagnosis(q, rule, random_state=0).fit(answers) for rule in ("DINA", "DINO", "GDINA")}
    assert fits["GDINA"].fit_.loglik > max(fits["DINA"].fit_.loglik, fits["DINO"].fit_.loglik) + 100
    model = fits["GDINA"]
    assert model.fit_.loglik == pytest.approx(_loglik(model, answers.to_numpy(), q.to_numpy()), rel=1e-12)


@pytest.mark.parametrize(
    ("rule", "link", "loglik"),
    [("ACDM", "identity", -42745.4880), ("LLM", "logit", -42744.7574), ("RRUM", "log", -42745.6425)],
)
def test_additive_items_on_the_proficiency_examination(rule, link, loglik):
    """Between DINA and GDINA; the log-likelihoods are our own, from eight starts each, and those of plain EM."""
    answers, q = _read("ecpe"), _read("ecpe_q")
    model = CognitiveDiagnosis(q, rule, random_state=0).fit(answers)
    assert model.fit_.loglik == pytest.approx(loglik, abs=1e-3)
    assert model.fit_.loglik == pytest.approx(_loglik(model, answers.to_numpy(), q.to_numpy()), rel=1e-12)
    assert model.n_parameters_ == 72
    assert all(abs(e) < 1e-9 for sets in model.effects(link).values() for s, e in sets.items() if len(s) > 1)
    plain = CognitiveDiagnosis(q, rule, n_init=1, solver=emkit.EM(), max_iter=5000).fit(answers)
    assert plain.fit_.loglik == pytest.approx(loglik, abs=1e-3)


def _loglik(model, answers, q):
    """Return the log-likelihood profile by profile, from the estimator's own probabilities."""
    patterns, n = np.unique(answers, axis=0, return_counts=True)
    total = np.zeros(len(patterns))
    for profile, share in zip(model.profiles_, model.profile_shares_, strict=True):
        items = zip(model.item_probabilities_.values(), q, strict=True)
        right = np.array([table[tuple(profile[row == 1])] for table, row in items])
        total += share * np.where(patterns == 1, right, 1 - right).prod(axis=1)
    return n @ np.log(total)
