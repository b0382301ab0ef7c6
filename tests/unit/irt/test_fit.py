"""Fit of items, people and models."""

import numpy as np
import pytest

import emkit
from emkit import ItemResponseModel
from emkit.errors import DataError, ParameterError
from emkit.irt.fitted import Fitted
from emkit.irt.moments import Moments, moment_slopes
from emkit.irt.pooling import pooled


def answers(n=800, seed=0, missing=0.0):
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=n)
    X = (rng.random((n, 8)) < 1 / (1 + np.exp(-(theta[:, None] * 1.3 + np.linspace(-1.5, 1.5, 8))))).astype(float)
    X[rng.random(X.shape) < missing] = np.nan
    return X


@pytest.fixture(scope="module")
def model():
    return ItemResponseModel("2PL").fit(answers())


def test_weights_are_repeated_rows(model):
    X = answers()
    patterns, counts = np.unique(X, axis=0, return_counts=True)
    for name in ("item_fit", "model_fit", "local_dependence"):
        one, other = getattr(model, name)(X), getattr(model, name)(patterns, counts)
        for field, value in vars(one).items():
            if not isinstance(value, str | tuple):
                np.testing.assert_allclose(getattr(other, field), value, rtol=1e-8, atol=1e-10, err_msg=field)


def test_fit_of_the_truth_is_good(model):
    X = answers()
    found = model.item_fit(X)
    assert (found.p > 0.01).mean() >= 0.75
    assert model.model_fit(X).p > 0.01
    assert model.model_fit(X).cfi > 0.97


def test_an_item_of_chance_and_a_person_of_chance_are_told():
    X = answers(1500)
    X[:, 4] = X[:, 5] > 0  # an item given twice
    X[0] = [1, 1, 1, 1, 0, 0, 0, 0]  # hard ones solved, easy ones missed
    model = ItemResponseModel("Rasch").fit(X)
    dependence = model.local_dependence(X)
    assert dependence.to_dict()["pair"][0] == "x5, x6"
    assert dependence.q3[4, 5] > 0.5
    assert dependence.cramer_v[4, 5] > 0.3
    people = model.person_fit(X)
    assert people.zh[0] < np.quantile(people.zh, 0.02)
    assert people.outfit[0] > 1.3
    assert model.model_fit(X).p < 1e-6


def test_missing_answers(model):
    X = answers(missing=0.1)
    X[0] = np.nan
    found = model.item_fit(X)
    assert found.n_complete == (~np.isnan(X).any(axis=1)).sum()
    assert np.isfinite(found.infit).all()
    people = model.person_fit(X)
    assert np.isnan(people.zh[0]), "nothing is said of people without answers"
    assert np.isfinite(people.zh[1:]).all()
    assert np.isfinite(model.local_dependence(X).x2[0, 1])
    row = X[1:2]
    some = ~np.isnan(row[0])
    only = ItemResponseModel("2PL", start=None).fit(answers()).person_fit(np.where(some, row, np.nan))
    np.testing.assert_allclose(only.outfit[0], people.outfit[1])


def test_nobody_answered_everything(model):
    X = answers()
    X[np.arange(len(X)), np.arange(len(X)) % 8] = np.nan
    found = model.item_fit(X)
    assert found.n_complete == 0
    assert np.isnan(found.s_x2).all()
    with pytest.raises(DataError, match="nobody answered every item"):
        model.model_fit(X)


def test_arguments_are_checked(model):
    X = answers()
    with pytest.raises(ParameterError, match="`statistic` must be 'auto', 'M2' or 'C2', got 'G2'"):
        model.model_fit(X, statistic="G2")
    with pytest.raises(ParameterError, match="`method` must be 'EAP', 'MAP', 'ML', 'WLE' or 'posterior', got 'x'"):
        model.item_fit(X, method="x")
    with pytest.raises(emkit.errors.NotFittedError):
        ItemResponseModel().item_fit(X)


def test_few_items_leave_nothing_to_test():
    X = answers()[:, :3]
    model = ItemResponseModel("2PL").fit(X)
    with pytest.raises(ParameterError, match="no more moments than parameters"):
        model.model_fit(X)
    assert np.isnan(model.item_fit(X).s_x2).all()


def test_covariates_are_refused():
    X = answers()
    model = ItemResponseModel("2PL").fit(X, covariates={"c": X.sum(axis=1) % 3})
    with pytest.raises(ParameterError, match="not judged for models with covariates"):
        model.item_fit(X)


def test_groups():
    X = answers(1200)
    group = np.arange(1200) % 2
    model = ItemResponseModel("2PL", free_items=["x3"]).fit(X, group=group)
    fit = model.model_fit(X, group=group)
    assert fit.df == 2 * 36 - 2 * 8 - 2 - 2  # moments; items; the free item again; mean and variance
    assert fit.p > 0.001
    items = model.item_fit(X, group=group)
    assert np.isfinite(items.s_x2).all()
    assert np.isfinite(model.local_dependence(X, group=group).x2[0, 1])


def test_infinite_scores_are_left_out(model):
    X = answers()
    found = model.item_fit(X, method="ML")
    inner = X[(X.sum(axis=1) > 0) & (X.sum(axis=1) < 8)]
    np.testing.assert_allclose(found.infit, model.item_fit(inner, method="ML").infit)
    assert np.isnan(model.person_fit(X, method="ML").zh[X.sum(axis=1) == 8]).all()


def test_derivatives_of_moments_are_those_by_differences():
    rng = np.random.default_rng(3)
    X = np.clip(rng.normal(size=(500, 1)) + rng.normal(size=(500, 4)) + 1.5, 0, 3).astype(int)
    model = ItemResponseModel("gpcm").fit(X)
    fitted = model._fitted(X, None, None)
    slopes = moment_slopes(fitted, [0])[0]
    run, own = model.model_.runs[0], model.parameters_.items[0]
    matrix = run.kind.matrix(own, 4)
    for at in ((0, 0), (2, 3)):
        off = []
        for step in (1e-5, -1e-5):
            moved = matrix.copy()
            moved[at] += step
            record = run.kind.record(moved, run.kind.layout(own), lambda rows: rows[:1])
            there = type(model.parameters_)((record,), model.parameters_.latent)
            off.append(-Moments.of(Fitted(fitted.model, there, *_rest(fitted)), 0).off)
        np.testing.assert_allclose(slopes[:, at[0] * 4 + at[1]], (off[0] - off[1]) / 2e-5, atol=1e-8)


def _rest(fitted):
    return fitted.tests, fitted.codes, fitted.weights, fitted.groups


def test_covariance_of_moments_is_that_of_all_patterns():
    X = answers()[:, :4]
    fitted = ItemResponseModel("Rasch").fit(X)._fitted(X, None, None)
    patterns = np.array(np.meshgrid(*[[0, 1]] * 4, indexing="ij")).reshape(4, -1).T
    prob = np.stack([fitted.table[j][patterns[:, j]] for j in range(4)]).prod(axis=0) @ fitted.weights_of(0)
    below = np.tril_indices(4, -1)
    moments = np.concatenate([patterns, (patterns[:, below[0]] * patterns[:, below[1]])], axis=1)
    mean = prob @ moments
    np.testing.assert_allclose(
        Moments.of(fitted, 0).covariance, (moments * prob[:, None]).T @ moments - np.outer(mean, mean), atol=1e-12
    )


def test_pooling_keeps_totals_and_reaches_the_least():
    rng = np.random.default_rng(1)
    expected = rng.gamma(0.4, 4, (15, 4))
    observed = rng.poisson(expected).astype(float)
    o, e = pooled(observed, expected, 1.0)
    used = observed.sum(axis=1) > 0
    np.testing.assert_allclose([o.sum(), e.sum()], [observed[used].sum(), expected[used].sum()])
    assert (e[e > 0] >= 1).all()


def test_tables_are_printed(model):
    pytest.importorskip("pandas")
    X = answers()
    assert "s_x2" in repr(model.item_fit(X)).splitlines()[1]
    assert repr(model.model_fit(X)).startswith("Fit of the model")
    assert list(model.person_fit(X[:3]).to_frame().columns)[:2] == ["person", "zh"]


def test_ml_scores_of_all_right_on_steep_items_are_infinite():
    theta = np.random.default_rng(0).normal(size=600)
    X = (
        np.random.default_rng(1).random((600, 5)) < 1 / (1 + np.exp(-3 * (theta[:, None] - np.linspace(-1, 1, 5))))
    ) * 1
    steep = ItemResponseModel("2PL").fit(X)
    assert steep.scores([[1] * 5, [0] * 5], "ML").theta.tolist() == [np.inf, -np.inf]
