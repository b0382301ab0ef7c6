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


def test_what_is_refused():
    X, group = people(200)
    with pytest.raises(DataError, match="between two groups, but `group` has 3"):
        differential_item_functioning(X, np.arange(200) % 3)
    with pytest.raises(DataError, match="one label for each of the 200 people"):
        differential_item_functioning(X, group[:5])
    with pytest.raises(ParameterError, match="'z' is no item; items are x1"):
        differential_item_functioning(X, group, items=["z"])
    with pytest.raises(ParameterError, match="no item is left"):
        differential_item_functioning(X, group, items=["x1"], anchors=["x1"])
    with pytest.raises(ParameterError, match="`test` must be 'likelihood-ratio' or 'wald', got 'score'"):
        differential_item_functioning(X, group, test="score")
