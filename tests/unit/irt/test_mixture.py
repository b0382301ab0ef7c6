"""Classes of people for whom items work differently."""

import numpy as np
import pytest

import emkit
from emkit import ItemResponseModel
from emkit.errors import DataError, ParameterError
from emkit.irt import ItemResponseMixture


def people(n=800, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.4).astype(int)
    d = np.array([np.linspace(-2, 2, 10), np.linspace(2, -2, 10)])[label]
    return (rng.random((n, 10)) < 1 / (1 + np.exp(-(rng.normal(size=(n, 1)) + d)))).astype(int), label


@pytest.fixture(scope="module")
def mixture():
    return ItemResponseMixture("Rasch", 2, n_init=4, random_state=0).fit(people()[0])


def test_classes_are_found(mixture):
    X, label = people()
    assert mixture.fit_.is_converged
    np.testing.assert_allclose(mixture.class_shares_, [0.6, 0.4], atol=0.06)
    assert (mixture.predict(X) == label).mean() > 0.93
    assert mixture.class_coef_[0]["d"][0] < -1 < 1 < mixture.class_coef_[1]["d"][0]
    assert mixture.fit_.loglik > ItemResponseModel("Rasch").fit(X).fit_.loglik + 100
    assert mixture.score_samples(X).sum() == pytest.approx(mixture.fit_.loglik, rel=1e-10)


def test_one_class_is_the_model_itself():
    X = people()[0]
    one = ItemResponseMixture("2PL", 1, n_init=1).fit(X)
    plain = ItemResponseModel("2PL").fit(X)
    assert one.fit_.loglik == pytest.approx(plain.fit_.loglik, abs=1e-4)
    np.testing.assert_allclose(one.class_coef_[0]["d"], plain.coef_["d"], atol=1e-2)


def test_summary_and_saved_file(mixture, tmp_path):
    X = people()[0]
    assert "Items of class 2" in mixture.summary()
    emkit.save(mixture, tmp_path / "mixture.emkit")
    np.testing.assert_array_equal(emkit.load(tmp_path / "mixture.emkit").predict(X), mixture.predict(X))


def test_bad_input_is_refused(mixture):
    with pytest.raises(ParameterError, match="`n_classes` must be an integer of at least 1, got 0"):
        ItemResponseMixture("Rasch", 0).fit(people()[0])
    with pytest.raises(DataError, match="the calibration has 10"):
        mixture.predict(people()[0][:, :4])
