"""Mixtures of named families over named columns: words, missing values, sparse rows, mistakes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from scipy.special import logsumexp
from scipy.stats import norm, poisson

import emkit
from emkit.errors import DataError, DataTypeError, ParameterError
from emkit.families.names import FAMILY_NAMES, family_named
from emkit.families.negative_binomial import NegativeBinomial

FAMILIES = {
    "age": "gaussian",
    ("a", "b"): "gaussian-full",
    "smoker": "bernoulli",
    "visits": "poisson",
    "kind": "categorical",
}


def _frame(n=300, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.random(n) < 0.4
    return pd.DataFrame(
        {
            "kind": rng.choice(["x", "y", "w"], n),
            "age": np.where(first, rng.normal(30, 4, n), rng.normal(55, 6, n)),
            "a": rng.normal(2 * first, 1.0),
            "b": rng.normal(-1.0 * first, 1.0),
            "smoker": np.where(rng.random(n) < np.where(first, 0.2, 0.7), "yes", "no"),
            "visits": rng.poisson(np.where(first, 1, 5)),
            "ignored": "text",
        }
    ), first


@pytest.fixture(scope="module")
def frame():
    return _frame()


@pytest.fixture(scope="module")
def fitted(frame):
    return emkit.MixtureModel(FAMILIES, 2, random_state=0).fit(frame[0])


def test_groups_are_found(fitted, frame):
    labels = fitted.predict(frame[0])
    assert max((labels == frame[1]).mean(), (labels != frame[1]).mean()) > 0.98
    assert fitted.levels_ == {"smoker": ("no", "yes"), "kind": ("w", "x", "y")}
    assert list(fitted.members_) == ["age", "a, b", "smoker", "visits", "kind"]
    assert "Probabilities of kind" in fitted.summary()


def test_likelihood_is_the_product_by_scipy(frame):
    X = frame[0][["age", "visits"]]
    mixture = emkit.MixtureModel({"visits": "poisson", "age": "gaussian"}, 2, random_state=0).fit(X)
    rate, own = mixture.members_["visits"].rate, mixture.members_["age"]
    terms = np.log(mixture.weights_) + poisson.logpmf(X["visits"].to_numpy()[:, None], rate[:, 0])
    terms = terms + norm.logpdf(X["age"].to_numpy()[:, None], own.mean[:, 0], np.sqrt(own.var[:, 0]))
    assert mixture.fit_.loglik == pytest.approx(logsumexp(terms, axis=1).sum(), rel=1e-12)


def test_columns_of_one_independent_family_are_one_part(frame):
    mixture = emkit.MixtureModel({"age": "gaussian", "visits": "poisson", "a": "gaussian"}, 2, random_state=0)
    mixture.fit(frame[0])
    assert list(mixture.members_) == ["age, a", "visits"]
    assert mixture.members_["age, a"].mean.shape == (2, 2)


@pytest.mark.parametrize("library", [pd, pl])
def test_sample_comes_as_the_table_that_was_fitted(frame, library):
    table = frame[0] if library is pd else pl.DataFrame({name: frame[0][name].to_list() for name in frame[0]})
    mixture = emkit.MixtureModel({"kind": "categorical", "age": "gaussian"}, 2, random_state=0).fit(table)
    drawn, labels = mixture.sample(20, random_state=1)
    assert isinstance(drawn, library.DataFrame)
    assert list(drawn.columns) == ["kind", "age"]
    assert set(drawn["kind"]) <= {"x", "y", "w"}
    assert labels.shape == (20,)


def test_column_order_of_new_data_does_not_matter(fitted, frame):
    turned = frame[0][frame[0].columns[::-1]]
    np.testing.assert_array_equal(fitted.predict(turned), fitted.predict(frame[0]))


def test_level_seen_only_at_prediction(frame):
    new = frame[0].copy()
    new.loc[3, "kind"] = "other"
    mixture = emkit.MixtureModel(FAMILIES, 2, random_state=0).fit(frame[0])
    with pytest.raises(DataError, match="'kind' has the answer 'other' in row 3.*unseen='missing'"):
        mixture.predict(new)
    assert mixture.set_params(unseen="missing").predict_proba(new).shape == (300, 2)


def test_missing_words_and_counts_are_skipped(frame):
    X = frame[0].copy()
    X.loc[:50, "kind"] = None
    X["visits"] = X["visits"].astype(float).where(np.arange(300) % 3 != 0)
    families = {"kind": "categorical", "visits": "poisson", "smoker": "bernoulli"}
    mixture = emkit.MixtureModel(families, 2, random_state=0).fit(X)
    assert mixture.fit_.is_converged
    nothing = {"kind": [None], "visits": [np.nan], "smoker": [None]}
    np.testing.assert_allclose(mixture.predict_proba(nothing), mixture.weights_[None], atol=1e-12)


def test_saved_mixture_gives_the_same_answers(fitted, frame, tmp_path):
    emkit.save(fitted, tmp_path / "mixed.emkit")
    again = emkit.load(tmp_path / "mixed.emkit")
    assert again.families == FAMILIES
    np.testing.assert_array_equal(again.predict_proba(frame[0]), fitted.predict_proba(frame[0]))


def test_weights_are_repeated_rows(frame):
    X = frame[0].iloc[:80]
    weights = np.random.default_rng(1).integers(0, 3, 80)
    weighted = emkit.MixtureModel(FAMILIES, 2, random_state=0).fit(X, sample_weight=weights)
    repeated = emkit.MixtureModel(FAMILIES, 2, random_state=0).fit(X.loc[X.index.repeat(weights)])
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, abs=1e-4)


def test_one_family_by_name_and_by_object(frame):
    counts = frame[0][["visits"]].to_numpy()
    named = emkit.MixtureModel("negative-binomial", 2, random_state=0).fit(counts)
    given = emkit.MixtureModel(NegativeBinomial(), 2, random_state=0).fit(counts)
    assert named.fit_.loglik == given.fit_.loglik
    assert named.members_.mean.shape == (2, 1)


def test_columns_by_number(frame):
    X = frame[0][["visits", "age"]].to_numpy()
    mixture = emkit.MixtureModel({1: "gaussian", 0: "poisson"}, 2, random_state=0).fit(X)
    rows, _ = mixture.sample(10, random_state=0)
    assert rows.shape == (10, 2)
    assert mixture.predict(X).shape == (300,)


def test_categorical_words_of_one_family():
    words = np.array([["a", "x"], ["a", "x"], ["b", "y"], ["b", "y"]] * 20, dtype=object)
    mixture = emkit.MixtureModel("categorical", 2, random_state=0).fit(words)
    assert mixture.levels_ == {"x1": ("a", "b"), "x2": ("x", "y")}
    np.testing.assert_allclose(np.sort(mixture.weights_), [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("name", ["bernoulli", "multinomial"])
def test_sparse_rows_give_what_dense_rows_give(name):
    rng = np.random.default_rng(0)
    first = rng.random((200, 1)) < 0.5
    X = (rng.random((200, 12)) < np.where(first ^ (np.arange(12) < 6), 0.1, 0.5)).astype(float)
    dense = emkit.MixtureModel(name, 2, random_state=0).fit(X)
    sparse = emkit.MixtureModel(name, 2, random_state=0).fit(csr_array(X))
    assert sparse.fit_.loglik == pytest.approx(dense.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(sparse.predict_proba(csr_array(X)), dense.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_name_makes_a_family(name):
    assert type(family_named(name)).__name__


def test_mistakes_are_named(frame):
    X = frame[0]
    with pytest.raises(ParameterError, match="no family 'poison'. Did you mean 'poisson'"):
        emkit.MixtureModel("poison").fit([[1.0]])
    with pytest.raises(DataError, match="no column 'height' in `X`; its columns are 'kind', 'age'"):
        emkit.MixtureModel({"height": "gaussian"}).fit(X)
    with pytest.raises(DataError, match="Column 'kind' holds text"):
        emkit.MixtureModel({"kind": "gaussian"}).fit(X)
    with pytest.raises(DataError, match="'kind' has 3 levels.*use 'categorical'"):
        emkit.MixtureModel({"kind": "bernoulli"}).fit(X)
    with pytest.raises(ParameterError, match="column 'age' occurs more than once"):
        emkit.MixtureModel({"age": "gaussian", ("age", "a"): "gaussian-full"}).fit(X)
    with pytest.raises(ParameterError, match="`families` is empty"):
        emkit.MixtureModel({}).fit(X)
    with pytest.raises(ParameterError, match="`unseen` must be"):
        emkit.MixtureModel("poisson", unseen="drop").fit([[1.0]])
    with pytest.raises(DataTypeError, match="Gaussian does not take sparse rows"):
        emkit.MixtureModel("gaussian").fit(csr_array(np.eye(3)))
    with pytest.raises(DataError, match="expected counts .*got 0.5 in row 1, column 0"):
        emkit.MixtureModel("negative-binomial").fit([[1.0], [0.5]])


def test_rows_without_names_are_taken_in_the_order_of_the_columns_fitted():
    rng = np.random.default_rng(0)
    table = {"count": rng.poisson(3, 40), "other": rng.normal(size=40), "size": rng.normal(size=40)}
    model = emkit.MixtureModel({"size": "gaussian", "count": "poisson"}, random_state=0).fit(table)
    rows = np.column_stack([table["size"], table["count"]])
    np.testing.assert_allclose(model.score_samples(rows), model.score_samples(table), rtol=1e-12)


@pytest.mark.parametrize("seed", [-3, "seven", 1.5])
def test_a_seed_that_is_none_is_refused(seed):
    with pytest.raises(ValueError, match="`random_state` must be a whole number of at least 0"):
        emkit.PoissonMixture(2, random_state=seed).fit(np.arange(12.0)[:, None])
