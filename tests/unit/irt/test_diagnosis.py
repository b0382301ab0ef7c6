"""The estimator of cognitive diagnosis: rules, profiles, answers about people, and what goes wrong."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.irt import CognitiveDiagnosis

RNG = np.random.default_rng(1)
Q = pd.DataFrame([[1, 0], [0, 1], [1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [0, 1]], columns=["add", "carry"])
HAS = RNG.random((1500, 2)) < [0.6, 0.4]
ABLE = (HAS.astype(int) @ Q.to_numpy().T) == Q.to_numpy().sum(axis=1)
ANSWERS = (RNG.random(ABLE.shape) < np.where(ABLE, 0.9, 0.2)).astype(float)


def _fit(answers=ANSWERS, model="DINA", q=Q, **arguments):
    return CognitiveDiagnosis(q, model, random_state=0, **arguments).fit(answers)


def test_truth_is_found():
    model = _fit()
    np.testing.assert_allclose(model.guess_, 0.2, atol=0.06)
    np.testing.assert_allclose(model.slip_, 0.1, atol=0.06)
    np.testing.assert_allclose(model.attribute_shares_, HAS.mean(axis=0), atol=0.04)
    assert model.attributes_ == ("add", "carry")
    for rule in ("map", "eap", "ml"):
        assert (model.predict(ANSWERS, rule=rule) == HAS).mean() > 0.9
    np.testing.assert_allclose(model.predict_proba(ANSWERS).mean(axis=0), model.attribute_shares_, atol=1e-6)


def test_any_attribute_is_enough_for_dino():
    able = (HAS.astype(int) @ Q.to_numpy().T) > 0
    answers = (np.random.default_rng(2).random(able.shape) < np.where(able, 0.9, 0.2)).astype(float)
    assert _fit(answers, "DINO").fit_.loglik > _fit(answers, "DINA").fit_.loglik + 50


def test_saturated_model_contains_the_others_and_items_may_differ():
    whole = _fit(model="GDINA")
    assert whole.fit_.loglik >= _fit().fit_.loglik - 1e-6
    assert set(whole.item_probabilities_["item 3"]) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    mixed = _fit(model=["DINA"] * 7 + ["DINO"])
    assert mixed.fit_.loglik == pytest.approx(_fit().fit_.loglik)  # an item of one attribute is the same in both


@pytest.mark.parametrize("link", ["identity", "logit", "log"])
def test_effects_add_up_to_the_probabilities(link):
    model = _fit(model="GDINA")
    effects = model.effects(link)["item 3"]
    back = {"identity": lambda z: z, "logit": lambda z: 1 / (1 + np.exp(-z)), "log": np.exp}[link]
    assert back(sum(effects.values())) == pytest.approx(model.item_probabilities_["item 3"][1, 1])
    assert back(effects[()] + effects["carry",]) == pytest.approx(model.item_probabilities_["item 3"][0, 1])
    assert set(_fit().effects()["item 3"]) == {(), ("add & carry",)}


def test_missing_answers_are_skipped():
    holes = np.where(RNG.random(ANSWERS.shape) < 0.2, np.nan, ANSWERS)
    holes[0] = np.nan
    model = _fit(holes)
    np.testing.assert_allclose(model.profile_probabilities(holes)[0], model.profile_shares_)
    one = ANSWERS[:1].copy()
    one[0, 3:] = np.nan
    right = np.array([[model.item_probabilities_[f"item {j + 1}"] for j in range(3)]])[0]
    terms = []
    for profile, share in zip(model.profiles_, model.profile_shares_, strict=True):
        for j, table in enumerate(right):
            p = table[(int(profile[Q.to_numpy()[j] == 1].all()),)]
            share = share * (p if one[0, j] else 1 - p)
        terms.append(share)
    np.testing.assert_allclose(model.profile_probabilities(one)[0], np.array(terms) / sum(terms))


def test_hierarchy_and_list_of_profiles():
    bound = _fit(hierarchy=[("add", "carry")])
    assert bound.profiles_.tolist() == [[0, 0], [1, 0], [1, 1]]
    listed = _fit(profiles=[[0, 0], [1, 0], [1, 1]])
    assert bound.fit_.loglik == pytest.approx(listed.fit_.loglik)
    assert bound.fit_.n_free == _fit().fit_.n_free - 1


def test_profiles_that_no_item_tells_apart_share_alike():
    q = np.array([[1, 1], [1, 1], [1, 1]])
    model = _fit(ANSWERS[:, [2, 5, 2]], q=q)
    assert model.profile_classes_.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(model.profile_shares_[:3], model.profile_shares_[0])


def test_item_that_everyone_gets_right():
    answers = ANSWERS.copy()
    answers[:, 0] = 1.0
    model = _fit(answers)
    assert model.slip_[0] == pytest.approx(0.0, abs=1e-6)
    assert model.guess_[0] == pytest.approx(1.0, abs=1e-6)
    assert model.fit_.is_converged


def test_item_that_asks_for_nothing():
    q = np.vstack([Q.to_numpy(), [0, 0]])
    model = _fit(np.column_stack([ANSWERS, ANSWERS[:, 0]]), q=q)
    assert model.guess_[-1] == pytest.approx(ANSWERS[:, 0].mean(), abs=1e-6)


def test_item_that_punishes_knowledge_is_noted():
    answers = ANSWERS.copy()
    answers[:, 2] = 1 - answers[:, 2]
    model = _fit(answers)
    assert any("get item 3 right less often" in note for note in model.fit_.notes)


def test_weights_are_repeated_people():
    patterns, n = np.unique(ANSWERS, axis=0, return_counts=True)
    weighted = CognitiveDiagnosis(Q, random_state=0).fit(patterns, sample_weight=n)
    assert weighted.fit_.loglik == pytest.approx(_fit().fit_.loglik, abs=1e-7)


def test_saved_and_loaded(tmp_path):
    model = _fit()
    emkit.save(model, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.predict_proba(ANSWERS), model.predict_proba(ANSWERS))
    assert again.effects() == model.effects()


def test_simulated_answers():
    answers, attributes = _fit().sample(500, random_state=1)
    assert answers.shape == (500, 8)
    assert attributes.shape == (500, 2)
    assert answers[attributes[:, 0] == 1, 0].mean() > 0.8 > 0.4 > answers[attributes[:, 0] == 0, 0].mean()


def test_mistakes_are_told():
    with pytest.raises(ParameterError, match="`q_matrix` is missing"):
        CognitiveDiagnosis().fit(ANSWERS)
    with pytest.raises(ParameterError, match="must hold 0 and 1"):
        _fit(q=Q * 2)
    with pytest.raises(ParameterError, match="no item asks for 'carry'"):
        _fit(q=Q.assign(carry=0))
    with pytest.raises(ParameterError, match="`model` must be one of"):
        _fit(model="NIDA")
    with pytest.raises(ParameterError, match="`hierarchy` names 'borrow'"):
        _fit(hierarchy=[("add", "borrow")])
    with pytest.raises(ParameterError, match="with 2 columns, got shape"):
        _fit(profiles=[[0, 1, 1]])
    with pytest.raises(DataError, match="the Q-matrix has 8 items, but X has 5 columns"):
        _fit(ANSWERS[:, :5])
    with pytest.raises(DataError, match=r"expected 0 \(wrong\), 1 \(right\) or missing, got 2 for 'item 1' in row 0"):
        _fit(np.where(np.arange(8) == 0, 2.0, ANSWERS))
    with pytest.raises(ParameterError, match="`rule` must be"):
        _fit().predict(ANSWERS, rule="best")
