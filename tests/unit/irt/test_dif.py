"""Differential item functioning."""

import numpy as np
import pytest

from emkit import ItemResponseModel
from emkit.errors import DataError, ParameterError
from emkit.irt import differential_item_functioning
from emkit.irt.dif import adjusted


def people(n=1000, seed=0, k=2):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 2, n)
    theta = rng.normal(size=n) + 0.5 * group
    d = np.tile(np.linspace(-1, 1, 6), (n, 1))
    d[group == 1, 2] -= 1.2
    X = (rng.random((n, 6, k - 1)) < 1 / (1 + np.exp(-1.4 * theta[:, None, None] - d[..., None]))).sum(axis=2)
    return X.astype(float), np.where(group, "B", "A")


@pytest.mark.parametrize("item_type", ["2PL", "Rasch"])
@pytest.mark.parametrize("test", ["likelihood-ratio", "wald"])
def test_the_unfair_item_is_found(item_type, test):
    X, group = people()
    found = differential_item_functioning(X, group, item_type, test=test, anchors=["x1", "x2"])
    assert found.items == ("x3", "x4", "x5", "x6")
    assert found.p_adjusted[0] < 1e-4
    assert (found.p_adjusted[1:] > 0.01).all()
    assert (found.df == (1 if item_type == "Rasch" else 2)).all()
    assert found.effect[0] < -0.1
    assert found.unsigned_effect[0] >= abs(found.effect[0])


def test_statistic_is_that_of_two_fits():
    X, group = people()
    found = differential_item_functioning(X, group, items=["x3"])
    narrow = ItemResponseModel("2PL").fit(X, group=group)
    wide = ItemResponseModel("2PL", free_items=["x3"]).fit(X, group=group)
    assert found.statistic[0] == pytest.approx(2 * (wide.fit_.loglik - narrow.fit_.loglik), abs=1e-4)


def test_threads_change_nothing():
    X, group = people(400)
    one, two = (differential_item_functioning(X, group, n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.statistic, two.statistic)


def test_an_item_of_one_answer_in_a_group_is_not_tested():
    X, group = people(500)
    X[group == "B", 3] = 1
    X[:4] = np.nan
    found = differential_item_functioning(X, group, "Rasch", items=["x3", "x4"])
    assert np.isfinite(found.p[0])
    assert np.isnan([found.p[1], found.statistic[1], found.effect[1], found.p_adjusted[1]]).all()


def test_graded_items_with_missing_answers():
    X, group = people(700, k=3)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    found = differential_item_functioning(X, group, "graded", items=["x3", "x5"])
    assert found.df.tolist() == [3, 3]
    assert found.p[0] < 1e-4 < found.p[1]


def test_adjusted_p_values():
    # as R's p.adjust(c(0.01, 0.04, 0.03, NA, 0.5), "BH")
    found = adjusted(np.array([0.01, 0.04, 0.03, np.nan, 0.5]))
    np.testing.assert_allclose(found, [0.04, 0.16 / 3, 0.16 / 3, np.nan, 0.5])


def several(n=1500, seed=4):
    """Return answers of three groups: item 3 is harder in C, item 5 tells nothing in B; and the groups."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["A", "B", "C"], n)
    theta = rng.normal(size=n) + 0.4 * (group == "B") - 0.3 * (group == "C")
    d = np.linspace(-1, 1, 7) - 1.2 * (np.arange(7) == 2) * (group == "C")[:, None]
    a = 1.4 - 1.4 * (np.arange(7) == 4) * (group == "B")[:, None]
    return (rng.random((n, 7)) < 1 / (1 + np.exp(-a * theta[:, None] - d))).astype(float), group


@pytest.mark.parametrize("test", ["likelihood-ratio", "wald"])
def test_several_groups_at_once(test):
    X, group = several()
    found = differential_item_functioning(X, group, items=["x1", "x3", "x5"], test=test)
    assert found.groups == ("A", "B", "C")
    assert (found.df == 4).all()
    assert found.p[0] > 0.01
    assert (found.p[1:] < 1e-4).all()
    assert found.effect.shape == (3, 2)
    assert found.effect[1, 1] < -0.15 < -0.08 < found.effect[1, 0]
    assert found.flagged() == ("x3", "x5")
    assert {"effect [B]", "effect [C]", "standardized_effect [C]"} <= set(found.to_dict())
    if test == "likelihood-ratio":
        narrow = ItemResponseModel("2PL").fit(X, group=group)
        wide = ItemResponseModel("2PL", free_items=["x3"]).fit(X, group=group)
        assert found.statistic[1] == pytest.approx(2 * (wide.fit_.loglik - narrow.fit_.loglik), abs=1e-4)


def test_wald_of_several_groups_is_that_of_the_joint_differences():
    X, group = several()
    found = differential_item_functioning(X, group, items=["x3"], test="wald")
    model = ItemResponseModel("2PL", free_items=["x3"], tol=1e-10).fit(X, group=group)
    at = [2, 7, 8]
    gap = model.fit_.delta(
        lambda p: np.concatenate([m[at[1:]] - m[at[0]] for m in (_column(model, p, 0), _column(model, p, 1))])
    )
    there = np.asarray(gap.value) @ np.linalg.solve(gap.covariance, np.asarray(gap.value))
    assert found.statistic[0] == pytest.approx(there, rel=1e-3)


def _column(model, parameters, column):
    from emkit.irt.forms import item_table, slope_intercept

    return item_table(model.model_, parameters, slope_intercept)[1][:, column]


def test_each_group_against_the_reference_is_a_test_of_two_groups():
    X, group = several()
    found = differential_item_functioning(X, group, items=["x3", "x5"], reference="C", contrast="reference")
    assert found.groups == ("C", "A", "B")
    assert found.compared == ("A", "A", "B", "B")
    assert found.effect.shape == (4,)
    assert found.effect[0] > 0.15
    two = group != "B"
    alone = differential_item_functioning(X[two], group[two], items=["x3", "x5"], reference="C")
    np.testing.assert_allclose(found.statistic[:2], alone.statistic, rtol=1e-10)
    assert found.to_dict()["group"] == ["A", "A", "B", "B"]
    np.testing.assert_allclose(found.p_adjusted, adjusted(found.p))


def test_each_group_against_all_others():
    X, group = several()
    found = differential_item_functioning(X, group, items=["x3"], contrast="others")
    assert found.compared == ("A", "B", "C")
    assert found.p[2] < 1e-6
    alone = differential_item_functioning(X, np.where(group == "C", "Z", "AB"), items=["x3"])
    assert found.statistic[2] == pytest.approx(alone.statistic[0], rel=1e-10)


def test_purification_takes_unfair_items_out_of_the_anchors():
    rng = np.random.default_rng(2)
    group = np.repeat(["A", "B"], 700)
    shift = np.where(np.arange(8) < 3, -1.3, 0.0) * (group == "B")[:, None]  # three of eight, all one way
    z = 1.5 * rng.normal(size=1400)[:, None] + np.linspace(-1, 1, 8) + shift
    X = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(float)
    plain = differential_item_functioning(X, group, "Rasch")
    pure = differential_item_functioning(X, group, "Rasch", purification=0.05)
    assert set(plain.flagged()) > {"x1", "x2", "x3"}
    assert set(pure.flagged()) == {"x1", "x2", "x3"}
    assert pure.anchors == ("x4", "x5", "x6", "x7", "x8")
    given = differential_item_functioning(X, group, "Rasch", anchors=pure.anchors)
    np.testing.assert_allclose(pure.statistic[:3], given.statistic, rtol=1e-6)
    wald = differential_item_functioning(X, group, "Rasch", purification=0.05, test="wald")
    assert wald.flagged() == pure.flagged()


def test_what_is_refused():
    X, group = people(200)
    with pytest.raises(DataError, match=r"between groups, but `group` has one label alone: \['A'\]"):
        differential_item_functioning(X, ["A"] * 200)
    with pytest.raises(DataError, match="`group` has no label in row 3"):
        differential_item_functioning(X, np.where(np.arange(200) == 3, np.nan, np.arange(200) % 2))
    with pytest.raises(ParameterError, match="`reference` must be one of the groups 'A', 'B', got 'C'"):
        differential_item_functioning(X, group, reference="C")
    with pytest.raises(ParameterError, match="`contrast` must be 'all', 'reference' or 'others', got 'pairs'"):
        differential_item_functioning(X, group, contrast="pairs")
    with pytest.raises(ParameterError, match="`purification` must be a level between 0 and 1, got 5"):
        differential_item_functioning(X, group, purification=5)
    with pytest.raises(ParameterError, match="leave `anchors` out beside it"):
        differential_item_functioning(X, group, purification=0.05, anchors=["x1"])
    with pytest.raises(ParameterError, match="no item is left as an anchor"):
        differential_item_functioning(X, group, anchors=[])
    with pytest.raises(DataError, match="one label for each of the 200 people"):
        differential_item_functioning(X, group[:5])
    with pytest.raises(ParameterError, match="'z' is no item; items are x1"):
        differential_item_functioning(X, group, items=["z"])
    with pytest.raises(ParameterError, match="no item is left"):
        differential_item_functioning(X, group, items=["x1"], anchors=["x1"])
    with pytest.raises(ParameterError, match="`test` must be 'likelihood-ratio' or 'wald', got 'score'"):
        differential_item_functioning(X, group, test="score")
