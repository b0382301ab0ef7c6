"""What item response models take as answers, and what they say of bad ones."""

import numpy as np
import pandas as pd
import pytest

from emkit import ItemResponseModel
from emkit.errors import DataError, DataWarning, DegenerateWarning, ParameterError
from emkit.irt import BetaPrior, LogNormalPrior, NormalPrior, from_long, keyed


def answers(n=400, seed=1, j=6, slope=1.2):
    rng = np.random.default_rng(seed)
    theta, d = rng.normal(size=(n, 1)), np.linspace(-1.5, 1.5, j)
    return (rng.random((n, j)) < 1 / (1 + np.exp(-(slope * theta + d)))).astype(int)


def polytomous(n=400, seed=2, j=5):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 1, 1)) + rng.logistic(size=(n, j, 1)) > np.array([-1, 0, 1.2])).sum(axis=2)


@pytest.fixture(scope="module")
def plain():
    return ItemResponseModel("2PL").fit(answers())


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X.astype(float),
        lambda X: X.astype(np.uint8),
        lambda X: X.astype(bool),
        lambda X: X * 3 + 1,
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X),
        lambda X: X.astype(np.float32),
    ],
    ids=["float", "bytes", "bool", "1 and 4", "list", "frame", "single"],
)
def test_forms_of_the_same_answers_give_the_same_fit(form, plain):
    assert ItemResponseModel("2PL").fit(form(answers())).fit_.loglik == plain.fit_.loglik


def test_counts_are_repeated_rows(plain):
    rows, counts = np.unique(answers(), axis=0, return_counts=True)
    model = ItemResponseModel("2PL").fit(rows, sample_weight=counts)
    assert model.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-8)
    assert model.fit_.weight == 400


def test_long_table_with_gaps():
    X = answers().astype(float)
    X[::7, 2] = np.nan
    person, item = np.nonzero(~np.isnan(X))
    table = from_long(person, np.array([f"q{j}" for j in range(6)])[item], X[person, item])
    wide, long = ItemResponseModel("2PL").fit(X), ItemResponseModel("2PL").fit(table)
    assert long.fit_.loglik == pytest.approx(wide.fit_.loglik, abs=1e-8)
    assert long.item_names_ == tuple(f"q{j}" for j in range(6))
    np.testing.assert_allclose(long.scores(table).theta, wide.scores(X).theta, atol=1e-5)


def test_duplicate_pairs_are_refused():
    with pytest.raises(DataError, match="person ann has 2 answers to item q1"):
        from_long(["ann", "bob", "ann"], ["q1", "q1", "q1"], [1, 0, 1])


def test_columns_of_a_long_table_must_be_equally_long():
    with pytest.raises(DataError, match="three columns of one length"):
        from_long(["a"], ["b", "c"], [1, 0])


def test_key_scores_multiple_choice(plain):
    X = answers()
    letters = np.where(X == 1, "b", np.where(np.arange(6) % 2, "a", "c")).astype(object)
    model = ItemResponseModel("2PL", key=["b"] * 6).fit(letters)
    assert model.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-8)
    assert keyed(letters, ["b"] * 6).codes.tolist() == X.tolist()
    np.testing.assert_allclose(model.scores(letters).theta, plain.scores(X).theta, atol=1e-5)
    numbers = np.where(X == 1, 4, 2)
    assert ItemResponseModel(key=[4] * 6).fit(numbers).fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-8)


def test_words_need_an_order():
    X = np.array(["low", "mid", "high"])[np.minimum(polytomous(), 2)].astype(object)
    with pytest.raises(DataError, match="give their order, as in levels="):
        ItemResponseModel("graded").fit(X)
    model = ItemResponseModel("graded", levels=["low", "mid", "high"]).fit(X)
    numbers = ItemResponseModel("graded").fit(np.minimum(polytomous(), 2))
    assert model.fit_.loglik == pytest.approx(numbers.fit_.loglik, abs=1e-8)
    assert model.categories_["x1"] == ("low", "mid", "high")


def test_unused_category_is_noted_and_labels_are_kept():
    X = polytomous()
    X[X[:, 2] == 1, 2] = 2
    model = ItemResponseModel("graded").fit(X)
    assert model.categories_["x3"] == (0, 2, 3)
    assert any("Nobody chose 1 on item 'x3'" in note for note in model.fit_.notes)
    assert np.isnan(model.coef_["d3"][2])
    assert np.isfinite(model.coef_["d2"]).all()


def test_constant_item_is_named():
    X = pd.DataFrame(answers(), columns=list("abcdef"))
    X["c"] = 1
    with pytest.raises(DataError, match="item 'c' was answered 1 by everybody"):
        ItemResponseModel().fit(X)


def test_item_without_answers_is_named():
    X = answers().astype(float)
    X[:, 4] = np.nan
    with pytest.raises(DataError, match="item 'x5' has no answers"):
        ItemResponseModel().fit(X)


@pytest.mark.parametrize("j", [1, 2])
def test_too_few_items_for_2pl(j):
    with pytest.raises(ParameterError, match="it is not identified"):
        ItemResponseModel("2PL").fit(answers(j=6)[:, :j])


def test_two_items_are_enough_for_rasch():
    assert ItemResponseModel("Rasch").fit(answers()[:, :2]).fit_.is_converged


def test_one_person():
    with pytest.raises(DataError, match="by everybody"):
        ItemResponseModel().fit(answers()[:1])


def test_guttman_patterns_are_degenerate():
    X = np.array([[1.0] * k + [0.0] * (8 - k) for k in range(9)] * 20)
    with pytest.warns(DegenerateWarning, match="give slopes a prior"):
        model = ItemResponseModel().fit(X)
    assert not model.converged_
    assert ItemResponseModel(priors={"slope": LogNormalPrior(0.0, 0.5)}).fit(X).converged_


def test_item_given_twice_is_degenerate():
    X = answers(j=8)
    with pytest.warns(DegenerateWarning, match="an item given twice"):
        ItemResponseModel().fit(np.column_stack([X, X[:, 4]]))


def test_negative_item_keeps_its_sign_and_is_noted():
    X = answers()
    X[:, 3] = 1 - X[:, 3]
    model = ItemResponseModel().fit(X)
    assert model.coef_["a1"][3] < 0 < model.coef_["a1"][0]
    assert any("negative discrimination: 'x4'" in note for note in model.fit_.notes)


def test_person_without_answers_changes_nothing(plain):
    X = np.vstack([answers().astype(float), np.full((1, 6), np.nan)])
    model = ItemResponseModel().fit(X)
    assert model.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-8)
    found = model.scores(X[-1:])
    assert (found.theta[0], found.se[0]) == pytest.approx((0.0, 1.0), abs=1e-8)
    assert np.isnan(model.scores(X[-1:], "ML").theta[0])


def test_extreme_persons_have_finite_warm_scores(plain):
    X = np.array([[0] * 6, [1] * 6])
    assert np.isinf(plain.scores(X, "ML").theta).all()
    for method in ("WLE", "MAP", "EAP"):
        found = plain.scores(X, method)
        assert np.isfinite(found.theta).all()
        assert np.isfinite(found.se).all()


def test_forms_that_nobody_links_are_told():
    X = answers(800, j=8).astype(float)
    X[:400, 4:], X[400:, :4] = np.nan, np.nan
    with pytest.warns(DataWarning, match="fall into 2 sets that no person links"):
        ItemResponseModel("Rasch").fit(X)
    X[0] = answers(800, j=8)[0]
    ItemResponseModel("Rasch").fit(X)  # one person links them: no warning


def test_columns_are_matched_by_name():
    frame = pd.DataFrame(answers(), columns=list("abcdef"))
    model = ItemResponseModel("2PL").fit(frame)
    turned = frame[list("fdbeca")]
    np.testing.assert_array_equal(model.scores(turned).theta, model.scores(frame).theta)
    assert model.score(turned.assign(age=40)) == model.score(frame)
    with pytest.raises(DataError, match="item 0 is 'g', but 'a' in the calibration: give columns of the same names"):
        model.scores(frame.rename(columns={"a": "g"}))


@pytest.mark.parametrize(
    ("column", "what"),
    [(np.ones(400, dtype=complex), "complex numbers"), (pd.date_range("2020-01-01", periods=400), "dates")],
)
def test_columns_that_hold_no_answers_are_named(column, what):
    frame = pd.DataFrame(answers(), columns=list("abcdef")).assign(c=column)
    with pytest.raises(DataError, match=f"item 'c' holds {what}, which are no answers"):
        ItemResponseModel().fit(frame)


def test_digits_as_text_are_words():
    with pytest.raises(DataError, match=r"item 'x1' has answers in words \('0', '1'\): give their order"):
        ItemResponseModel().fit(answers().astype(str))
    model = ItemResponseModel(levels=["0", "1"]).fit(answers().astype(str))
    assert model.fit_.loglik == pytest.approx(ItemResponseModel().fit(answers()).fit_.loglik, abs=1e-8)


def test_codes_need_not_begin_at_zero(plain):
    X = polytomous()
    model = ItemResponseModel("graded").fit(X + 3)
    assert model.fit_.loglik == ItemResponseModel("graded").fit(X).fit_.loglik
    assert model.categories_["x1"] == (3, 4, 5, 6)
    assert ItemResponseModel().fit(answers() * 2 - 1).fit_.loglik == plain.fit_.loglik


def test_two_forms_joined_by_few_anchors_come_on_one_scale():
    X = answers(3000, j=9).astype(float)
    X[:1500, 5:], X[1500:, :4] = np.nan, np.nan  # one item in common
    model = ItemResponseModel("Rasch").fit(X)
    assert model.fit_.is_converged
    whole = ItemResponseModel("Rasch").fit(answers(3000, j=9))
    np.testing.assert_allclose(model.coef_["d"], whole.coef_["d"], atol=0.2)


@pytest.mark.parametrize(
    ("item_type", "name", "low", "high"),
    [("3PL", "guess", 0.0, 1.0), ("3PL", "guess", 0.6, 1.0), ("3PLu", "upper", 0.0, 1.0), ("3PLu", "upper", 0.0, 0.5)],
)
def test_asymptotes_near_their_ends(item_type, name, low, high):
    rng = np.random.default_rng(7)
    z = 1.8 * rng.normal(size=(1500, 1)) + np.linspace(-1, 1, 8)
    X = (rng.random(z.shape) < low + (high - low) / (1 + np.exp(-z))).astype(int)
    slope = LogNormalPrior(0.5, 0.3)
    free = ItemResponseModel(item_type, priors={name: None, "slope": slope}, tol=1e-5).fit(X)
    held = ItemResponseModel(item_type, priors={"slope": slope}).fit(X)
    for model in (free, held):
        assert model.fit_.is_converged
        assert np.isfinite(model.coef_.values).all()
        assert np.isfinite(model.scores(X[:50]).theta).all()
    limit = free.coef_["g" if name == "guess" else "u"]
    assert ((limit > 0) & (limit < 1)).all()
    assert abs(np.median(limit) - (low if name == "guess" else high)) < 0.12
    assert free.fit_.loglik >= held.fit_.loglik


def test_any_parameter_takes_a_prior():
    X = answers(500, j=8)
    normal = ItemResponseModel("2PL", priors={"intercept": NormalPrior(0.0, 0.05)}).fit(X)
    assert np.abs(normal.coef_["d"]).max() < 0.3
    narrow = ItemResponseModel("3PL", priors={"guess": BetaPrior(500.0, 1500.0)}).fit(X)
    np.testing.assert_allclose(narrow.coef_["g"], 0.25, atol=0.03)
    upper = ItemResponseModel("4PL", priors={"upper": BetaPrior(900.0, 100.0)}).fit(X)
    np.testing.assert_allclose(upper.coef_["u"], 0.9, atol=0.03)
    slope = ItemResponseModel("gpcm", priors={"slope": LogNormalPrior(0.0, 0.01)}).fit(polytomous())
    np.testing.assert_allclose(slope.coef_["a1"], 1.0, atol=0.03)
    assert slope.fit_.objective != slope.fit_.loglik


def test_measurements_are_refused():
    with pytest.raises(DataError, match="these are measurements"):
        ItemResponseModel().fit(np.random.default_rng(0).normal(size=(200, 3)))


def test_infinite_answer_is_refused():
    X = answers().astype(float)
    X[3, 2] = np.inf
    with pytest.raises(DataError, match="item 'x3' has an infinite answer"):
        ItemResponseModel().fit(X)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"item_type": "5PL"}, "`item_type` must be one of"),
        ({"item_type": ["2PL"]}, "has 1 entries, but there are 6 items"),
        ({"item_type": {"x1": "2PL"}}, "names no type for item 'x2'"),
        ({"n_factors": 0}, "`n_factors` must be an integer"),
        ({"priors": {"shape": LogNormalPrior()}}, "`priors` are for"),
        ({"density": "beta"}, "`density` must be"),
        ({"free_items": ["x1"]}, "pass `group` to fit"),
        ({"loadings": np.ones((3, 2)), "n_factors": 2}, r"must have the shape \(6, 2\)"),
    ],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(ParameterError, match=match):
        ItemResponseModel(**options).fit(answers())


def test_two_category_types_refuse_more():
    with pytest.raises(ParameterError, match="has 4 categories, but 3PL is for two"):
        ItemResponseModel("3PL").fit(polytomous())


def test_new_answers_must_be_known(plain):
    with pytest.raises(DataError, match="the calibration has 6"):
        plain.scores(answers()[:, :5])
    with pytest.raises(DataError, match="has the answer 2 in row 0"):
        plain.scores(np.full((1, 6), 2))


def test_types_by_item():
    X = np.column_stack([answers()[:, :3], polytomous()[:, :2]])
    model = ItemResponseModel(["2PL", "Rasch", "3PL", "graded", "gpcm"]).fit(X)
    assert model.coef_["a1"][1] == 1.0
    assert np.isfinite(model.coef_["g"][2])
    assert np.isnan(model.coef_["g"][0])
    assert np.isfinite(model.coef_["d3"][3:]).all()
    assert model.fit_.is_converged


def test_steep_items_with_asymptotes_stay_numbers():
    X = np.array([[1.0] * k + [0.0] * (8 - k) for k in range(9)] * 20)
    with pytest.warns(DegenerateWarning, match="give slopes a prior"):
        ItemResponseModel("3PL").fit(X)


@pytest.mark.parametrize("item_type", ["2PL", "3PL", "Rasch"])
def test_one_item_is_refused(item_type):
    with pytest.raises(ParameterError, match="1 item can tell at most 1 parameters apart"):
        ItemResponseModel(item_type).fit(answers()[:, :1])
