"""Difficulty of items, and agreement before any model."""

import numpy as np
import pytest

import emkit
from emkit.labels import GLAD, Abilities, AbilityParameters, agreement

TRUTH = AbilityParameters(np.array([0.5, 0.5]), np.array([2.0, 1.5, 1.0, 0.5, 0.0, -1.0, 2.5, 1.2]))
ROWS, CLASSES = Abilities(8, 2).sample(TRUTH, 800, np.random.default_rng(4))
MATRIX = ROWS.reshape(800, 9, 2)[:, :8, 1]


def _loglik(model, matrix):
    """Return the log-likelihood by brute force: classes and nodes one by one."""
    nodes = np.linspace(-3, 3, 15)
    mass = np.exp(-(nodes**2) / 2) / np.exp(-(nodes**2) / 2).sum()
    total = np.zeros(len(matrix))
    for k, share in enumerate(model.class_shares_):
        for node, weight in zip(nodes, mass, strict=True):
            right = 1 / (1 + np.exp(-model.ability_ * np.exp(node)))
            total += share * weight * np.where(matrix == k, right, 1 - right).prod(axis=1)
    return float(np.log(total).sum())


def test_abilities_are_found_and_the_loglik_is_that_of_brute_force():
    model = GLAD(random_state=0).fit(MATRIX)
    assert model.fit_.loglik == pytest.approx(_loglik(model, MATRIX), rel=1e-12)
    assert np.corrcoef(model.ability_, TRUTH.ability)[0, 1] > 0.95
    assert model.ability_[5] < 0 < model.ability_[0]
    assert (model.predict() == CLASSES).mean() > 0.85


def test_items_without_agreement_are_hard():
    model = GLAD(random_state=0).fit(MATRIX)
    table = model.item_table()
    spread = np.minimum(MATRIX.mean(axis=1), 1 - MATRIX.mean(axis=1))
    items = table["item"].astype(int)
    assert (np.diff(table["difficulty"]) <= 0).all()
    assert spread[items[:100]].mean() > spread[items[-100:]].mean() + 0.1


def test_known_classes_stay(tmp_path):
    flipped = {i: int(1 - CLASSES[i]) for i in range(5)}
    model = GLAD(random_state=0).fit(MATRIX, gold=flipped)
    assert model.predict()[:5].tolist() == list(flipped.values())
    emkit.save(model, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.item_table(MATRIX)["difficulty"], model.item_table(MATRIX)["difficulty"])


def test_agreement_of_a_small_table():
    found = agreement(np.array([[0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, np.nan], [1, np.nan, np.nan, np.nan]]))
    # pairs that agree by item: 3 of 6, 6 of 6, 1 of 3; answers by label: 5 of 0 and 6 of 1
    assert found.n_answers == 12
    observed = (4 * 3 / 6 + 4 * 1 + 3 * 1 / 3) / 11
    chance = (5 * 4 + 6 * 5) / (11 * 10)
    assert found.observed == pytest.approx(observed)
    assert found.alpha == pytest.approx((observed - chance) / (1 - chance))
    fleiss, expected = (1 / 2 + 1 + 1 / 3) / 3, (5**2 + 6**2) / 11**2
    assert found.kappa == pytest.approx((fleiss - expected) / (1 - expected))
    assert found.raters["agreement"][0] == pytest.approx((2 + 3 + 1 + 0) / (3 + 3 + 2 + 0))


def test_agreement_where_there_is_nothing_to_compare():
    alone = agreement({"item": [1, 2], "rater": ["a", "a"], "label": ["x", "y"]})
    assert np.isnan(alone.alpha)
    same = agreement({"item": [1, 1], "rater": ["a", "b"], "label": ["x", "x"]})
    assert same.observed == 1
    assert np.isnan(same.alpha)
