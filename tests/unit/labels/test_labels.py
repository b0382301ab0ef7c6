"""The estimators of labels: input of any form, known labels, weights, and raters that are out of the ordinary."""

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.errors import DataError, ParameterError
from emkit.labels import MACE, OneCoin

RNG = np.random.default_rng(3)
TRUTH = RNG.integers(0, 2, 60)
MATRIX = np.where(RNG.random((60, 5)) < [0.9, 0.8, 0.85, 0.7, 0.75], TRUTH[:, None], 1 - TRUTH[:, None]).astype(float)
MATRIX[RNG.random(MATRIX.shape) < 0.2] = np.nan
MATRIX[:, 0] = np.where(np.isnan(MATRIX).all(axis=1), 0.0, MATRIX[:, 0])


def _long(matrix=MATRIX):
    items, raters = np.nonzero(~np.isnan(matrix))
    return pd.DataFrame({"item": items, "rater": raters, "label": matrix[items, raters].astype(int)})


def _fit(X, **arguments):
    fit = {name: arguments.pop(name) for name in ("sample_weight", "gold") if name in arguments}
    return emkit.DawidSkene(random_state=0, **arguments).fit(X, **fit)


def _loglik(model, matrix=MATRIX):
    """Return the log-likelihood by brute force."""
    total = 0.0
    for row in matrix:
        terms = np.array(model.class_shares_)
        for rater, label in enumerate(row):
            if not np.isnan(label):
                terms = terms * model.confusion_[rater][:, int(label)]
        total += np.log(terms.sum())
    return total


def test_loglik_is_that_of_brute_force():
    for model in (_fit(MATRIX), OneCoin(random_state=0).fit(MATRIX), MACE(random_state=0).fit(MATRIX)):
        assert model.fit_.loglik == pytest.approx(_loglik(model), abs=1e-9)


def test_matrix_and_long_table_in_all_forms_agree():
    long = _long()
    forms = [long, long.to_numpy(), tuple(long.to_numpy().T), long.to_dict("list"), long.sample(frac=1, random_state=0)]
    wanted = _fit(MATRIX)
    for form in forms:
        model = _fit(form)
        assert model.fit_.loglik == pytest.approx(wanted.fit_.loglik, abs=1e-8)
        assert (model.predict() == wanted.predict()).all()


def test_text_and_other_names_of_columns():
    long = _long().rename(columns={"item": "picture", "rater": "who", "label": "what"})
    long["what"] = long["what"].map({0: "cat", 1: "dog"})
    long["when"] = 1
    model = _fit(long, item="picture", rater="who", label="what")
    assert model.labels_ == ("cat", "dog")
    assert model.fit_.loglik == pytest.approx(_fit(MATRIX).fit_.loglik, abs=1e-8)
    assert set(model.predict()) == {"cat", "dog"}


def test_names_that_are_not_found_are_told():
    long = _long().rename(columns={"item": "picture"}).assign(when=1)
    with pytest.raises(DataError, match=r"no column for item; its columns are .*picture.*Name it"):
        emkit.DawidSkene(layout="long").fit(long)
    with pytest.raises(DataError, match="there is no column 'photo'"):
        emkit.DawidSkene(item="photo").fit(long)


def test_answer_weights_are_repeated_answers():
    long = _long()
    weights = RNG.integers(0, 3, len(long))
    weighted = _fit(long, sample_weight=weights, n_init=1)
    repeated = _fit(long.loc[long.index.repeat(weights)], n_init=1)
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, abs=1e-7)


def test_item_weights_are_repeated_items():
    weights = RNG.integers(1, 4, len(MATRIX))
    weighted = _fit(MATRIX, sample_weight=weights)
    repeated = _fit(np.repeat(MATRIX, weights, axis=0))
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, abs=1e-6)


def test_several_answers_of_one_rater_all_count():
    long = _long()
    doubled = _fit(pd.concat([long, long.iloc[:1]]), n_init=1)
    assert doubled.fit_.loglik != pytest.approx(_fit(long, n_init=1).fit_.loglik, abs=1e-3)
    assert doubled.rater_table()["answers"].sum() == len(long) + 1


def test_known_labels_stay_and_teach():
    free = _fit(MATRIX)
    flipped = {int(i): 1 - int(free.predict()[i]) for i in range(6)}
    model = _fit(MATRIX, gold=flipped)
    assert [int(label) for label in model.predict()[:6]] == list(flipped.values())
    assert model.predict_proba()[:6].max(axis=1) == pytest.approx(1.0)
    assert not np.allclose(model.confusion_, free.confusion_)
    aligned = np.full(len(MATRIX), np.nan)
    aligned[:6] = list(flipped.values())
    for form in (pd.Series(flipped), aligned, (list(flipped), list(flipped.values()))):
        if isinstance(form, tuple):
            form = pd.DataFrame({"item": form[0], "label": form[1]})
        assert _fit(MATRIX, gold=form).fit_.loglik == pytest.approx(model.fit_.loglik, abs=1e-9)


def test_known_labels_that_make_no_sense_are_told():
    with pytest.raises(DataError, match="label 7, which no rater has given"):
        _fit(MATRIX, gold={0: 7})
    with pytest.raises(DataError, match="names the item 99, which has no answers"):
        _fit(_long(), gold={99: 1})
    with pytest.raises(DataError, match="must be a mapping of items to labels"):
        _fit(_long(), gold=[1, 2, 3])


def test_constant_rater_tells_nothing():
    matrix = np.column_stack([MATRIX, np.ones(len(MATRIX))])
    model = _fit(matrix)
    np.testing.assert_allclose(model.confusion_[5], [[0, 1], [0, 1]], atol=1e-9)
    assert model.ranking_[-1] == 5
    assert model.rater_table()["information"][-1] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(model.predict_proba(), _fit(MATRIX).predict_proba(), atol=1e-3)


def test_rater_with_one_answer():
    long = pd.concat([_long(), pd.DataFrame({"item": [0], "rater": [9], "label": [1]})])
    model = _fit(long)
    assert model.fit_.is_converged
    assert np.isfinite(model.confusion_).all()
    np.testing.assert_allclose(model.confusion_.sum(axis=2), 1.0)


def test_ties_are_fair():
    model = _fit({"item": [1, 1], "rater": ["a", "b"], "label": [0, 1]}, smoothing=1.0, n_init=1)
    assert model.predict_proba() == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-6)


def test_one_label_and_one_rater():
    model = _fit({"item": [1, 2], "rater": ["a", "a"], "label": ["x", "x"]})
    assert model.predict().tolist() == ["x", "x"]
    assert model.fit_.loglik == pytest.approx(0.0)
    alone = _fit({"item": [1, 2, 3], "rater": ["a"] * 3, "label": [0, 1, 1]})
    assert alone.fit_.loglik == pytest.approx(3 * (np.log(1 / 3) / 3 + 2 * np.log(2 / 3) / 3))


def test_item_without_answers_has_the_shares():
    matrix = np.vstack([MATRIX, np.full(5, np.nan)])
    model = _fit(matrix)
    np.testing.assert_allclose(model.predict_proba()[-1], model.class_shares_)


def test_all_missing_is_told():
    with pytest.raises(DataError, match="all labels are missing"):
        _fit(np.full((3, 4), np.nan))
    with pytest.raises(DataError, match="row 1 has no rater"):
        _fit({"item": [1, 2], "rater": ["a", None], "label": [0, 1]})
    with pytest.raises(DataError, match=r"must have shape \(2,\)"):
        _fit({"item": [1, 2], "rater": ["a", "b"], "label": [0, 1]}, sample_weight=[1.0])


@pytest.mark.parametrize(
    ("weights", "words"),
    [([0.0, 0.0], "zero for all 2 rows"), ([1.0, -2.0], "is -2.0 in row 1"), (["a", "b"], "must be numbers")],
)
def test_weights_of_answers_that_are_none_are_refused_at_the_row(weights, words):
    with pytest.raises(DataError, match=words):
        _fit({"item": [1, 2], "rater": ["a", "b"], "label": [0, 1]}, sample_weight=weights)


def test_measurements_are_no_labels():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"the 60 answers have 60 values such as .* look like a measurement: round"):
        emkit.DawidSkene().fit(rng.normal(size=(12, 5)))
    with pytest.raises(DataError, match="look like a measurement"):
        emkit.DawidSkene().fit({"item": np.arange(40) % 8, "rater": np.arange(40) // 8, "label": rng.random(40)})
    halves = {"item": np.arange(120) % 24, "rater": np.arange(120) // 24, "label": rng.integers(2, 20, 120) / 2}
    assert len(emkit.DawidSkene(n_init=1, smoothing=0.1).fit(halves).labels_) <= 18  # a scale with half steps is fine


def test_standard_errors_of_confusion_matrices():
    """Where classes are known they are those of shares of answers."""
    rng = np.random.default_rng(1)
    truth = np.tile([0, 1], 50)
    label = np.where(rng.random((100, 3)) < 0.8, truth[:, None], 1 - truth[:, None])
    model = emkit.DawidSkene(n_init=1, layout="matrix").fit(label, gold=truth)
    found = model.standard_errors()["raters.confusion"]
    share = model.confusion_
    np.testing.assert_allclose(found, np.sqrt(share * (1 - share) / 50), rtol=1e-4)


def test_asking_before_the_fit_is_told_as_such():
    with pytest.raises(AttributeError, match="is not fitted yet"):
        emkit.DawidSkene().predict(_long())


def test_new_answers():
    model = _fit(_long())
    new = pd.DataFrame({"item": ["p", "p", "q"], "rater": [0, 1, 77], "label": [1, 1, 0]})
    proba = model.predict_proba(new)
    terms = model.class_shares_ * model.confusion_[0][:, 1] * model.confusion_[1][:, 1]
    np.testing.assert_allclose(proba[0], terms / terms.sum())
    np.testing.assert_allclose(proba[1], model.class_shares_)  # an unknown rater says nothing
    assert model.items_of(new) == ("p", "q")
    with pytest.raises(DataError, match="label 5 did not occur in the training data"):
        model.predict(pd.DataFrame({"item": [1], "rater": [0], "label": [5]}))


def test_priors_draw_raters_with_few_answers_together():
    long = pd.concat([_long(), pd.DataFrame({"item": [0], "rater": [9], "label": [1]})])
    pooled = _fit(long, pooling=20.0)
    population = pooled.parameters_.raters.population
    assert np.abs(pooled.confusion_[5] - population).max() < 0.1
    assert np.abs(_fit(long).confusion_[5] - population).max() > 0.1
    agreeing = _fit(long, smoothing=0.5, agreement=2.0)
    assert np.einsum("jkk->jk", agreeing.confusion_).min() > 0.4


def test_options_out_of_range_are_told():
    with pytest.raises(ParameterError, match="`smoothing` must be at least 0, got -1"):
        _fit(MATRIX, smoothing=-1)
    with pytest.raises(ParameterError, match="leave `smoothing` and `agreement` at 0"):
        _fit(MATRIX, pooling=1.0, smoothing=1.0)
    with pytest.raises(ParameterError, match="`layout` must be"):
        _fit(MATRIX, layout="wide")
    with pytest.raises(ParameterError, match="`class_concentration` must be positive"):
        _fit(MATRIX, class_concentration=0)


def test_classes_keep_the_names_that_raters_give_them():
    liars = np.where(np.isnan(MATRIX), np.nan, 1 - MATRIX)
    assert (_fit(MATRIX).predict() != _fit(liars).predict()).all()


def test_saved_and_loaded(tmp_path):
    model = _fit(_long())
    emkit.save(model, tmp_path / "fit.emkit")
    again = emkit.load(tmp_path / "fit.emkit")
    np.testing.assert_array_equal(again.predict(_long()), model.predict())
    with pytest.raises(DataError, match="pass them as `X`"):
        again.predict()


def test_trust_of_mace():
    spammed = np.column_stack([MATRIX, RNG.integers(0, 2, len(MATRIX))])
    model = MACE(random_state=0).fit(spammed)
    assert model.trust_.argmin() == 5
    assert model.trust_[0] > 0.6
