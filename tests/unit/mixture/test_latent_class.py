"""Latent classes and Bernoulli mixtures: likelihood by hand, levels of any kind, missing and unseen answers."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.data import as_source
from emkit.errors import DataError, ParameterError
from emkit.families import discrete
from emkit.families.categorical import Categorical
from emkit.families.discrete import distinct_rows
from emkit.mixture import FiniteMixture


def _answers(n=400, seed=0):
    rng = np.random.default_rng(seed)
    is_first = rng.random(n) < 0.4
    likes = np.where(is_first, rng.choice(["red", "green", "blue"], n, p=[0.8, 0.1, 0.1]), "green")
    smokes = rng.random(n) < np.where(is_first, 0.9, 0.2)
    grade = rng.integers(1, 4, n) * np.where(is_first, 1, 10)
    return pd.DataFrame({"likes": likes, "smokes": smokes, "grade": grade})


def _loglik(model, frame):
    total = 0.0
    for _, row in frame.iterrows():
        density = model.class_shares_.copy()
        for name, value in row.items():
            if value is not None and value == value:
                density = density * model.item_probabilities_[name][:, model.levels_[name].index(value)]
        total += np.log(density.sum())
    return total


@pytest.mark.parametrize("share_missing", [0.0, 0.2])
def test_likelihood_by_hand(share_missing):
    frame = _answers().astype(object)
    frame = frame.mask(np.random.default_rng(1).random(frame.shape) < share_missing, None)
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(frame)
    assert model.fit_.loglik == pytest.approx(_loglik(model, frame), rel=1e-10)
    assert model.score(frame) * len(frame) == pytest.approx(model.fit_.loglik, rel=1e-10)


def test_levels_are_text_truth_values_and_integers():
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(_answers())
    assert model.levels_ == {"likes": ("blue", "green", "red"), "smokes": (0, 1), "grade": (1, 2, 3, 10, 20, 30)}
    assert [p.shape for p in model.item_probabilities_.values()] == [(2, 3), (2, 2), (2, 6)]
    for prob in model.item_probabilities_.values():
        np.testing.assert_allclose(prob.sum(axis=1), 1)


def test_kind_of_table_does_not_matter():
    frame = _answers()
    here = emkit.LatentClassAnalysis(2, random_state=0).fit(frame)
    for other in (frame.to_dict("list"), frame.to_numpy(), frame.astype({"likes": "category"})):
        there = emkit.LatentClassAnalysis(2, random_state=0).fit(other)
        assert there.fit_.loglik == here.fit_.loglik


def test_unseen_answer_is_an_error_or_missing():
    frame = _answers()
    new = frame.head(3).copy()
    new.loc[1, "likes"] = "pink"
    with pytest.raises(DataError, match=r"item 'likes' has the answer 'pink' in row 1"):
        emkit.LatentClassAnalysis(2, random_state=0).fit(frame).predict(new)
    lenient = emkit.LatentClassAnalysis(2, unseen="missing", random_state=0).fit(frame)
    blank = new.astype(object)
    blank.loc[1, "likes"] = None
    np.testing.assert_array_equal(lenient.predict_proba(new), lenient.predict_proba(blank))


def test_row_without_any_answer_follows_the_shares():
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(_answers())
    proba = model.predict_proba({"likes": [None], "smokes": [None], "grade": [None]})
    np.testing.assert_allclose(proba[0], model.class_shares_)


def test_entropy_lies_between_guessing_and_certainty():
    frame = _answers()
    assert 0.5 < emkit.LatentClassAnalysis(2, random_state=0).fit(frame).entropy(frame) <= 1
    assert emkit.LatentClassAnalysis(1).fit(frame).entropy(frame) == 1


def test_sampled_answers_lead_back():
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(_answers(2000))
    rows, labels = model.sample(4000, random_state=1)
    again = emkit.LatentClassAnalysis(2, random_state=0).fit(dict(zip(model.levels_, rows.T, strict=True)))
    np.testing.assert_allclose(again.class_shares_, model.class_shares_, atol=0.05)
    np.testing.assert_allclose(again.item_probabilities_["smokes"], model.item_probabilities_["smokes"], atol=0.07)
    assert set(labels) == {0, 1}


def test_constant_item_and_more_classes_than_patterns():
    frame = {"a": ["x"] * 20, "b": ["y", "z"] * 10}
    model = emkit.LatentClassAnalysis(3, random_state=0, n_init=4).fit(frame)
    assert model.fit_.loglik == pytest.approx(-20 * np.log(2), abs=1e-6)
    np.testing.assert_allclose(model.item_probabilities_["a"], 1)


def test_answers_with_weight_zero_are_absent():
    frame = _answers()
    weights = np.r_[np.zeros(100), np.ones(300)]
    laden = emkit.LatentClassAnalysis(2, random_state=0).fit(frame, sample_weight=weights)
    plain = emkit.LatentClassAnalysis(2, random_state=0).fit(frame[100:])
    assert laden.fit_.loglik == pytest.approx(plain.fit_.loglik, rel=1e-8)


@pytest.mark.parametrize("n_classes", [0, 1.5, True])
def test_wrong_number_of_classes_is_named(n_classes):
    with pytest.raises(ParameterError, match="`n_classes` must be"):
        emkit.LatentClassAnalysis(n_classes).fit(_answers())


def test_wrong_arguments_and_tables_are_named():
    with pytest.raises(ParameterError, match="`unseen` must be"):
        emkit.LatentClassAnalysis(2, unseen="no").fit(_answers())
    with pytest.raises(DataError, match="rows and columns"):
        emkit.LatentClassAnalysis(2).fit(np.array(["a", "b"]))
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(_answers().to_numpy())
    with pytest.raises(DataError, match="2 items"):
        model.predict(_answers().to_numpy()[:, :2])


def test_summary_and_saving(tmp_path):
    frame = _answers()
    model = emkit.LatentClassAnalysis(2, random_state=0).fit(frame)
    assert "Probabilities of likes" in model.summary()
    assert "green" in model.summary()
    emkit.save(model, tmp_path / "classes.emkit")
    again = emkit.load(tmp_path / "classes.emkit")
    assert again.levels_ == model.levels_
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))


def test_bernoulli_is_latent_classes_of_two_levels():
    X = emkit.load_data("carcinoma").numeric()[0] - 1
    mixture = emkit.BernoulliMixture(3, random_state=0).fit(X)
    assert mixture.fit_.loglik == pytest.approx(-293.70497878, abs=1e-5)
    assert mixture.probabilities_.shape == (3, 7)
    np.testing.assert_allclose(mixture.weights_ @ mixture.probabilities_, X.mean(axis=0), atol=1e-4)
    assert np.isin(mixture.sample(5, random_state=0)[0], [0, 1]).all()
    emkit.BernoulliMixture(1).fit(np.column_stack([np.zeros(5), [0, 1, 0, 1, np.nan]]))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5])
def test_bernoulli_names_what_is_neither_zero_nor_one(value):
    X = np.zeros((5, 2))
    X[3, 1] = value
    with pytest.raises(DataError, match=r"expected 0, 1 or NaN, got .* in row 3, column 1"):
        emkit.BernoulliMixture(1).fit(X)
    fitted = emkit.BernoulliMixture(1).fit(np.eye(4))
    with pytest.raises(DataError, match="expected 0, 1 or NaN"):
        fitted.predict(np.full((1, 4), value))


def test_codes_are_checked_by_the_family():
    with pytest.raises(DataError, match="expected codes of levels"):
        FiniteMixture(Categorical(), 2).prepare(as_source(np.array([[0.5], [1.0]])))


@pytest.mark.parametrize("shift", [0, 1, 7])
def test_levels_of_whole_numbers_have_gaps_shifts_and_missing_answers_or_none(shift):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (200, 4)) + shift
    gaps = np.array([0, 3, 9])[X - shift] * 2 + shift
    told = emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(X.astype(str))
    for own in (X, X.astype(float), X.astype(np.int8), X.astype(object), gaps, pd.DataFrame(gaps.astype(float))):
        assert emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(own).fit_.loglik == told.fit_.loglik
    assert emkit.LatentClassAnalysis(1).fit(gaps).levels_["x1"] == (shift, shift + 6, shift + 18)
    holes = gaps.astype(float)
    holes[rng.random(holes.shape) < 0.1] = np.nan
    words = np.where(np.isnan(holes), None, holes.astype(object))
    known = emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(holes)
    assert known.fit_.loglik == emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(words).fit_.loglik


def test_rows_that_are_hardly_ever_equal_are_not_counted():
    rng = np.random.default_rng(0)
    few, many = (as_source(rng.integers(0, top, (40_000, d))) for top, d in ((2, 9), (4, 20)))
    assert distinct_rows(few).n_rows == 2**9
    assert distinct_rows(many) is many
    blocks = list(few.blocks())
    assert not discrete._are_mostly_distinct(blocks, few.n_rows)
    assert discrete._are_mostly_distinct(list(many.blocks()), many.n_rows)


def test_row_keys_tell_rows_apart_whatever_they_hold():
    rng = np.random.default_rng(1)
    for of in (rng.integers(0, 3, (300, 4)), rng.integers(0, 200, (300, 9)), rng.normal(size=(50, 2)).round(1)):
        X = of.astype(float)
        X[rng.random(X.shape) < 0.1] = np.nan
        keys, rows = discrete.row_keys(X), [tuple(np.nan_to_num(row, nan=-9.0)) for row in X]
        assert len(set(keys.tolist())) == len(set(rows))
        assert len(set(zip(keys.tolist(), rows, strict=True))) == len(set(rows))
