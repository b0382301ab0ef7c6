"""Two clusterings side by side: the adjusted Rand index of mclust, matches, relabelling, bad input."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import emkit
from emkit.errors import ParameterError


def test_iris_against_its_species_is_as_mclust_says():
    """mclust 6.0.0, VEV with three components: adjustedRandIndex 0.903874, classError 0.0333."""
    table = emkit.load_data("iris")
    labels = emkit.GaussianMixture(3, covariance_type="VEV", random_state=0).fit_predict(table.numeric()[0])
    species = np.repeat(["setosa", "versicolor", "virginica"], 50)
    comparison = emkit.compare_clusterings(labels, species)
    assert comparison.adjusted_rand == pytest.approx(0.903874232, abs=1e-8)
    assert comparison.agreement == pytest.approx(1 - 5 / 150)
    assert sorted(comparison.matches.values()) == ["setosa", "versicolor", "virginica"]
    assert (comparison.relabelled(labels) == species).mean() == pytest.approx(145 / 150)
    assert "Adjusted Rand index 0.9039; 96.7% of the rows agree" in str(comparison)


def test_rand_index_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
        found = emkit.compare_clusterings(one, other).adjusted_rand
        assert found == pytest.approx(adjusted_rand_score(one, other), abs=1e-12)


def test_names_do_not_matter_and_clusters_without_a_match_are_told():
    one, other = np.array([2, 2, 0, 0, 1]), np.array([5, 5, 7, 7, 7])
    comparison = emkit.compare_clusterings(one, other)
    assert emkit.compare_clusterings(one, one[::-1] * 0 + one + 3).adjusted_rand == 1.0
    assert comparison.matches == {0: 7, 2: 5}
    np.testing.assert_array_equal(comparison.relabelled(one), [5, 5, 7, 7, -1])
    with pytest.raises(ParameterError, match="9 is no cluster of the first clustering, which are"):
        comparison.relabelled([9])


def test_one_cluster_each_agrees_wholly():
    assert emkit.compare_clusterings([1, 1], [4, 4]).adjusted_rand == 1.0


@pytest.mark.parametrize("second", [[0, 1], [[0], [1], [0]]])
def test_other_rows_are_told(second):
    with pytest.raises(ParameterError, match=r"two arrays of labels of the same rows \(n,\), got shapes \(3,\)"):
        emkit.compare_clusterings([0, 1, 0], second)
