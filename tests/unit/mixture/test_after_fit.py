"""What a fitted mixture is asked next: merging of components, directions, cross-validation, uncertainty."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.mixture import cross_validate, merge_components, reduce_dimensions

FAITHFUL = emkit.load_data("faithful").numeric()[0]
IRIS = emkit.load_data("iris").numeric()[0]


@pytest.fixture(scope="module")
def four():
    return emkit.GaussianMixture(4, covariance_type="EEE", random_state=0).fit(FAITHFUL)


def test_merging_is_that_of_mclust(four):
    """mclust 6.0.0, clustCombi on faithful, EEE with four components: entropies 51.108327, 6.2663499, 2.1781663, 0."""
    tree = merge_components(four, FAITHFUL)
    np.testing.assert_allclose(tree.entropy, [51.108327, 6.2663499, 2.1781663, 0.0], atol=2e-2)
    assert tree.groups(4) == ((0,), (1,), (2,), (3,))
    assert tree.groups(2) == ((0, 2, 3), (1,))
    assert tree.groups(1) == ((0, 1, 2, 3),)
    assert tree.elbow == 3
    assert "{1} with {3}" in str(tree)


def test_merged_probabilities_add_up(four):
    tree = merge_components(four, FAITHFUL)
    merged = tree.predict_proba(2)
    np.testing.assert_allclose(merged.sum(axis=1), 1.0)
    np.testing.assert_allclose(merged[:, 1], four.predict_proba(FAITHFUL)[:, 1])
    two = emkit.GaussianMixture(2, random_state=0).fit_predict(FAITHFUL)
    assert emkit.compare_clusterings(tree.labels(2), two).adjusted_rand > 0.95
    with pytest.raises(ParameterError, match="between 1 and the number of components, 4; got 5"):
        tree.groups(5)


def test_merging_two_that_are_one_takes_their_whole_entropy_away():
    mixture = emkit.GaussianMixture.from_parameters([0.5, 0.5], [[0.0], [0.0]], [1.0, 1.0], "spherical")
    tree = merge_components(mixture, np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(tree.entropy, [2 * np.log(2), 0.0], atol=1e-12)
    assert tree.elbow == 2


def test_directions_are_those_of_mclust():
    """mclust 6.0.0, MclustDR(lambda = 0.5) on iris, VVV with two components."""
    mixture = emkit.GaussianMixture(2, random_state=0).fit(IRIS)
    found = reduce_dimensions(mixture)
    np.testing.assert_allclose(found.eigenvalues, [0.8470258548, 0.3144069799, 0.0545363059, 0.0208480236], atol=1e-5)
    first = [0.152958641, 0.713347451, -0.634170399, -0.256060488]
    second = [-0.252149663, 0.167452981, -0.262397733, 0.916257320]
    np.testing.assert_allclose(found.basis[:, 0], first, atol=1e-4)
    np.testing.assert_allclose(found.basis[:, 1], second, atol=1e-4)
    assert found.share[-1] == pytest.approx(1.0)
    projected = found.projected(2)
    np.testing.assert_allclose(projected.weights_, mixture.weights_)
    assert found.plot(IRIS).ax_ is not None
    with pytest.raises(ParameterError, match="between 1 and 4, got 5"):
        found.projected(5)


def test_one_component_has_no_directions():
    with pytest.raises(ParameterError, match="one component differs from nothing"):
        reduce_dimensions(emkit.GaussianMixture(1).fit(IRIS))


def test_cross_validation_prefers_two_components_to_one_and_to_many():
    means = {
        k: cross_validate(emkit.GaussianMixture(k, random_state=0, n_init=4), FAITHFUL, n_folds=5).mean
        for k in (1, 2, 9)
    }
    assert means[2] > means[1] + 0.3
    assert means[2] > means[9]


def test_cross_validation_of_one_normal_is_the_direct_sum():
    found = cross_validate(emkit.GaussianMixture(1), IRIS[:30, :1], n_folds=30)
    total = 0.0
    for i in range(30):
        rest = np.delete(IRIS[:30, 0], i)
        total -= 0.5 * (np.log(2 * np.pi * rest.var()) + (IRIS[i, 0] - rest.mean()) ** 2 / rest.var())
    assert found.total == pytest.approx(total, rel=1e-9)
    assert found.weight.sum() == 30
    assert found.standard_error > 0
    with pytest.raises(ParameterError, match="`n_folds` must be an integer from 2 to the number of rows, 30; got 31"):
        cross_validate(emkit.GaussianMixture(1), IRIS[:30], n_folds=31)


def test_uncertainty_is_one_less_the_largest_probability(four):
    np.testing.assert_allclose(four.uncertainty(FAITHFUL), 1 - four.predict_proba(FAITHFUL).max(axis=1))


def test_likelihood_ratio_of_more_components_is_bootstrapped():
    one, two = (emkit.GaussianMixture(k, random_state=0, n_init=2).fit(FAITHFUL[:80, 1:]) for k in (1, 2))
    found = emkit.inference.bootstrap_lrt(one, two, n=19, rng=0)
    assert found.p_value <= 0.05
