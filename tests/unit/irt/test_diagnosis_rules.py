"""Items whose attributes add up; tests of rules; Q-matrices; accuracy."""

from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logsumexp

from emkit.errors import ParameterError
from emkit.irt import CognitiveDiagnosis
from emkit.irt.cdm.additive import Additive

Q = np.array([[1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 1], [1, 1], [1, 0], [0, 1], [1, 1]])
PROFILES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
INVERSE = {"ACDM": lambda z: z, "LLM": expit, "RRUM": np.exp}
LINK = {"ACDM": "identity", "LLM": "logit", "RRUM": "log"}
TRUTH = {"ACDM": (0.15, 0.3, 0.45), "LLM": (-1.5, 1.2, 2.0), "RRUM": (np.log(0.15), 0.8, 0.9)}
SINGLE = (0.2, 0.85)


@cache
def answers(rule, n=1500):
    rng = np.random.default_rng(5)
    has = PROFILES[rng.choice(4, n, p=[0.3, 0.2, 0.2, 0.3])]
    right = np.where(has @ Q.T > 0, SINGLE[1], SINGLE[0])
    both = INVERSE[rule](np.column_stack([np.ones(n), has]) @ TRUTH[rule])
    right[:, Q.sum(axis=1) == 2] = both[:, None]
    X = (rng.random(right.shape) < right).astype(float)
    X[rng.random(X.shape) < 0.05] = np.nan
    return X


@cache
def fitted(rule, data="ACDM"):
    return CognitiveDiagnosis(Q, rule, random_state=0).fit(answers(data))


def loglik(vector, rule, X):
    """Return the log-likelihood from log odds of shares and of single-attribute items, and effects of the others."""
    share, single, double = log_softmax([*vector[:3], 0.0]), vector[3:15].reshape(6, 2), vector[15:].reshape(4, 3)
    right = np.empty((4, 10))
    alone = Q.sum(axis=1) == 1
    right[:, alone] = expit(single.T[PROFILES @ Q[alone].T, np.arange(6)])
    right[:, ~alone] = INVERSE[rule](np.column_stack([np.ones(4), PROFILES]) @ double.T)
    if not ((right > 0) & (right < 1)).all():
        return -np.inf
    seen, y = ~np.isnan(X), np.nan_to_num(X)
    joint = share + (y * seen) @ np.log(right).T + (seen * (1 - y)) @ np.log1p(-right).T
    return logsumexp(joint, axis=1).sum()


@pytest.mark.parametrize("rule", list(INVERSE))
def test_a_general_maximiser_finds_nothing_better(rule):
    X, model = answers(rule), fitted(rule, rule)
    alone = Q.sum(axis=1) == 1
    prob = list(model.item_probabilities_.values())
    odds = [np.log(p / (1 - p)) for table, one in zip(prob, alone, strict=True) if one for p in table.values()]
    effects = [
        list(e.values())[:3] for e, one in zip(model.effects(LINK[rule]).values(), alone, strict=True) if not one
    ]
    share = np.log(model.profile_shares_)
    here = np.concatenate([share[:3] - share[3], odds, np.ravel(effects)])
    assert model.fit_.loglik == pytest.approx(loglik(here, rule, X), abs=1e-6)
    assert model.n_parameters_ == len(here) == 27
    best = minimize(lambda v: min(-loglik(v, rule, X), 1e9), here, method="L-BFGS-B", options={"maxiter": 60})
    assert -best.fun <= model.fit_.loglik + 2e-4
    np.testing.assert_allclose(np.mean(effects, axis=0), TRUTH[rule], atol=0.25)


def test_interactions_of_additive_items_are_nothing():
    for rule, link in LINK.items():
        for sets in fitted(rule).effects(link).values():
            assert all(abs(effect) < 1e-9 for names, effect in sets.items() if len(names) > 1)


def test_saturated_items_contain_the_additive_ones():
    best = fitted("GDINA").fit_.loglik
    assert all(fitted(rule).fit_.loglik <= best + 1e-4 for rule in INVERSE)
    assert fitted("ACDM").fit_.loglik > fitted("DINA").fit_.loglik + 20
    assert fitted("ACDM").fit_.n_free == fitted("GDINA").fit_.n_free - 4
    mixed = CognitiveDiagnosis(Q, ["GDINA"] * 5 + ["ACDM"] * 5, random_state=0).fit(answers("ACDM"))
    assert fitted("ACDM").fit_.loglik <= mixed.fit_.loglik + 1e-6
    assert mixed.fit_.n_free == fitted("GDINA").fit_.n_free - 3


def test_chances_at_the_edge_are_reached():
    """People with nothing of it never answer right: an additive chance of zero."""
    X = answers("ACDM").copy()
    rng = np.random.default_rng(1)
    has = PROFILES[rng.choice(4, len(X))]
    X[:] = rng.random(X.shape) < np.where(Q.sum(axis=1) == 2, (has @ Q.T) * 0.45, np.where(has @ Q.T > 0, 0.9, 0.1))
    model = CognitiveDiagnosis(Q, "ACDM", random_state=0).fit(X)
    lowest = np.array([model.item_probabilities_[f"item {j}"][0, 0] for j in (3, 6, 7, 10)])
    assert (lowest < 1e-3).sum() >= 3
    assert model.converged_
    assert model.fit_.loglik >= CognitiveDiagnosis(Q, "LLM", random_state=0).fit(X).fit_.loglik


def test_an_additive_m_step_on_counts_of_one_item_is_exact():
    items = (("identity", (0, 1, 2, 3), tuple(map(tuple, PROFILES.tolist()))),)
    right = np.array([12.0, 30.0, 45.0, 88.0])
    sums = Additive.of(items)
    effect = np.array([0.1, 0.1, 0.1])
    for _ in range(20):
        effect = sums.m_step(effect, np.column_stack([100 - right, right]))
    np.testing.assert_allclose(sums.slope(effect, np.column_stack([100 - right, right])), 0, atol=1e-6)
    assert not sums.is_inside(np.array([0.5, 0.4, 0.2]))


def test_rules_that_do_not_hold_are_refuted():
    found = fitted("GDINA").item_rules()
    assert len(found.items) == 4 * 5
    p = {(item, rule): p for item, rule, p in zip(found.items, found.rules, found.p, strict=True)}
    doubles = [f"item {j}" for j in (3, 6, 7, 10)]
    assert all(p[item, "DINA"] < 1e-3 for item in doubles)
    assert sum(p[item, "ACDM"] > 0.05 for item in doubles) >= 3
    df = dict(zip(found.rules, found.df, strict=True))
    assert df == {"DINA": 2, "DINO": 2, "ACDM": 1, "LLM": 1, "RRUM": 1}
    assert found.chosen["item 1"] == "DINA"
    assert set(found.to_dict()) == {"item", "rule", "statistic", "df", "p"}
    again = CognitiveDiagnosis(Q, list(found.chosen.values()), random_state=0).fit(answers("ACDM"))
    assert again.fit_.bic < fitted("GDINA").fit_.bic


def test_statistic_of_a_rule_is_that_of_its_contrast():
    model = fitted("GDINA")
    interaction = model.fit_.delta(
        lambda at: model.model_.outcomes(at)[:, 1][np.flatnonzero(model._design.item_of == 2)] @ [1, -1, -1, 1]
    )
    there = float(np.asarray(interaction.value)) ** 2 / float(np.squeeze(interaction.covariance))
    found = model.item_rules()
    at = next(i for i, pair in enumerate(zip(found.items, found.rules, strict=True)) if pair == ("item 3", "ACDM"))
    assert found.statistic[at] == pytest.approx(there, rel=1e-8)


def test_a_wrong_q_matrix_is_found_out():
    wrong = Q.copy()
    wrong[2], wrong[0] = [1, 0], [1, 1]  # one attribute too few, one too many
    model = CognitiveDiagnosis(wrong, "GDINA", random_state=0).fit(answers("ACDM"))
    found = model.q_matrix_validation(answers("ACDM"))
    assert found.changed == ("item 1", "item 3")
    np.testing.assert_array_equal(found.suggested[[0, 2]], Q[[0, 2]])
    assert found.pvaf_given[2] < 0.95 <= found.pvaf_suggested[2]
    assert found.to_dict()["suggested"][2] == "attribute 1 attribute 2"


def test_accuracy_is_that_of_simulated_people():
    model = fitted("GDINA")
    X, has = model.sample(4000, random_state=3)
    found = model.classification_accuracy(X)
    assert found.profile == pytest.approx((model.predict(X) == has).all(axis=1).mean(), abs=0.03)
    np.testing.assert_allclose(found.attribute, (model.predict(X, rule="eap") == has).mean(axis=0), atol=0.03)
    assert found.to_dict()["what"] == ["profile", "attribute 1", "attribute 2"]


def test_saved_and_loaded(tmp_path):
    import emkit

    emkit.save(fitted("LLM"), tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.predict(answers("ACDM")), fitted("LLM").predict(answers("ACDM")))


def test_mistakes_are_told():
    with pytest.raises(ParameterError, match="fit with 'GDINA', not 'ACDM' as for 'item 3'"):
        fitted("ACDM").item_rules()
    with pytest.raises(ParameterError, match="do not tell the effects of attribute 1, attribute 2 on item 3 apart"):
        CognitiveDiagnosis(Q, "LLM", profiles=[[0, 0], [1, 1]]).fit(answers("ACDM"))
    with pytest.raises(ParameterError, match="`threshold` must lie between 0 and 1, got 1"):
        fitted("GDINA").q_matrix_validation(answers("ACDM"), threshold=1)
