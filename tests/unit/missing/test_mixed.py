"""Tables of numbers and categories."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import emkit
from emkit.data import as_source
from emkit.errors import DataError, ParameterError
from emkit.missing import EMImputer, MixedImputer
from emkit.missing.location import GeneralLocation


def _table(n=600, seed=0, share=0.2):
    """Give a complete table, and one with holes: a group of three, a taste that goes with it, two numbers."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    taste = rng.random(n) < np.array([0.1, 0.5, 0.9])[group]
    x = 2.0 * group + taste + rng.normal(size=n)
    y = 100 - 5 * x + 3 * rng.normal(size=n)
    whole = {
        "group": np.array(["a", "b", "c"], dtype=object)[group],
        "x": x,
        "taste": np.where(taste, 1.0, 0.0),
        "y": y,
    }
    holes = {name: column.copy() for name, column in whole.items()}
    for column in holes.values():
        column[rng.random(n) < share] = None if column.dtype == object else np.nan
    return whole, holes


def _lost(column):
    return np.array([value is None or value != value for value in column.tolist()])


def test_loglik_is_the_sum_over_cells():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(40, 2)) + 50, rng.integers(0, 3, 40), rng.integers(0, 2, 40)])
    X[rng.random(X.shape) < 0.3] = np.nan
    model = GeneralLocation((3, 2), (False, False))
    fit = emkit.core.maximise(model, as_source(X), n_starts=1)
    p, ready = fit.parameters, fit.model
    mean = ready.center + ready.unit * (ready.design() @ p.coef)
    cov = p.cov * np.outer(ready.unit, ready.unit)
    total = 0.0
    for row in X:
        if np.isnan(row).all():
            continue
        o, density = ~np.isnan(row[:2]), 0.0
        for c, cell in enumerate(ready.cells()):
            if all(np.isnan(v) or v == k for v, k in zip(row[2:], cell, strict=True)):
                own = multivariate_normal(mean[c][o], cov[np.ix_(o, o)]).pdf(row[:2][o]) if o.any() else 1.0
                density += p.prob[c] * own
        total += np.log(density)
    assert fit.loglik == pytest.approx(total, rel=1e-9)


def test_complete_rows_give_counts_and_least_squares():
    whole, _ = _table()
    model = MixedImputer(categorical=["taste"], spread_rows=0).fit(whole)
    cells = np.unique(model.coding_.rows(whole)[:, 2:], axis=0, return_counts=True)[1]
    np.testing.assert_allclose(model.parameters_.prob, cells / 600, atol=1e-9)
    member = [(whole["group"] == k).astype(float) for k in ("b", "c")]
    design = np.column_stack([np.ones(600), *member, whole["taste"]])
    coef = np.linalg.lstsq(design, whole["x"], rcond=None)[0]
    np.testing.assert_allclose(model.parameters_.coef[1:, 0] * model.model_.unit[0], coef[1:], rtol=1e-6)


def test_filled_in_values_beat_the_columns_own():
    whole, holes = _table()
    done = MixedImputer(categorical=["taste"]).fit(holes).transform(holes)
    for name in ("group", "taste"):
        lost = _lost(holes[name])
        kept = ~lost
        np.testing.assert_array_equal(done[name][kept], whole[name][kept])
        counts = np.unique(whole[name].astype(str), return_counts=True)[1]
        assert np.mean(done[name][lost] == whole[name][lost]) > counts.max() / 600 + 0.1
    lost = np.isnan(holes["y"])
    assert np.sqrt(np.mean((done["y"] - whole["y"])[lost] ** 2)) < 0.7 * whole["y"].std()


def test_uncertainty_is_as_large_as_the_errors():
    whole, holes = _table(8000)
    model = MixedImputer(categorical=["taste"]).fit(holes)
    done, unsure = model.transform(holes), model.uncertainty(holes)
    lost = np.isnan(holes["y"])
    assert np.mean(unsure["y"][lost] ** 2) == pytest.approx(np.mean((done["y"] - whole["y"])[lost] ** 2), rel=0.15)
    lost = _lost(holes["group"])
    assert np.mean(unsure["group"][lost]) == pytest.approx(
        np.mean(done["group"][lost] != whole["group"][lost]), abs=0.05
    )
    assert (unsure["group"][~lost] < 1e-12).all()


def test_copies_differ_and_keep_the_shares():
    whole, holes = _table()
    copies = MixedImputer(categorical=["taste"], n_imputations=4, random_state=0).fit(holes).impute(holes)
    lost = _lost(holes["group"])
    assert any((copies[0]["group"] != copy["group"]).any() for copy in copies[1:])
    share = np.mean([[np.mean(copy["group"][lost] == k) for k in "abc"] for copy in copies], axis=0)
    np.testing.assert_allclose(share, [np.mean(whole["group"][lost] == k) for k in "abc"], atol=0.1)


def test_ordered_categories_take_one_effect():
    _, holes = _table()
    plain = MixedImputer(categorical=["taste"]).fit(holes)
    scored = MixedImputer(categorical=["taste"], ordered={"group": ["a", "b", "c"]}).fit(holes)
    assert scored.n_parameters_ == plain.n_parameters_ - 2
    assert scored.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=8)  # the truth is linear


def test_category_that_says_nothing_leaves_the_normal_imputer():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 2)) @ [[1, 0.8], [0, 0.6]]
    X[rng.random(X.shape) < 0.2] = np.nan
    table = {"a": X[:, 0], "b": X[:, 1], "coin": rng.choice(["h", "t"], 400).astype(object)}
    done = MixedImputer().fit(table).transform(table)
    alone = EMImputer().fit_transform(X)
    np.testing.assert_allclose(done["a"], alone[:, 0], atol=0.2)


def test_empty_rows_bounds_and_data_frames():
    pandas = pytest.importorskip("pandas")
    _, holes = _table(200)
    frame = pandas.DataFrame(holes)
    frame.loc[3] = None
    done = MixedImputer(categorical=["taste"], bounds={"x": (0, None)}, method="draw", random_state=0).fit(frame)
    table = done.transform(frame)
    assert not any(_lost(table[name]).any() for name in table.names)
    assert table["x"][np.isnan(frame["x"].to_numpy())].min() >= 0


def test_mistakes_are_errors():
    _, holes = _table(100)
    with pytest.raises(ParameterError, match="EMImputer"):
        MixedImputer().fit({"x": holes["x"], "y": holes["y"]})
    with pytest.raises(ParameterError, match="4096"):
        MixedImputer(categorical=["x", "y"]).fit(holes)
    with pytest.raises(DataError, match="needs at least 2"):
        MixedImputer().fit({"x": holes["x"], "k": np.full(100, "only", dtype=object)})
    model = MixedImputer(categorical=["taste"]).fit(holes)
    later = dict(holes, group=np.full(100, "d", dtype=object))
    with pytest.raises(DataError, match="'d' in row 0"):
        model.transform(later)
    with pytest.raises(DataError, match="expected the columns"):
        model.transform({"x": holes["x"]})
    with pytest.raises(ParameterError, match="n_imputations"):
        model.impute(holes)
    with pytest.raises(ParameterError, match="method"):
        MixedImputer(method="mode").fit(holes)


def test_categories_alone_will_do():
    _, holes = _table()
    table = {name: holes[name] for name in ("group", "taste")}
    model = MixedImputer(categorical=["taste"]).fit(table)
    done = model.transform(table)
    assert not any(_lost(done[name]).any() for name in table)
    assert np.mean(done["taste"][_lost(holes["taste"]) & (holes["group"] == "a")]) == 0
