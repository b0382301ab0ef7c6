"""Summaries for people: what they say, and that they fit the page."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import emkit
from emkit.core import Positive, Real, Simplex, Status, space
from emkit.core.starts import Optimum, StartReport
from emkit.errors import ParameterError
from emkit.report import summary


@pytest.fixture(scope="module")
def mixture():
    return emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful"))


@dataclass(frozen=True)
class PlainParameters(emkit.Parameters):
    mix: np.ndarray = space(Simplex())
    level: np.ndarray = space(Real())
    rate: np.ndarray = space(Positive())


@dataclass(frozen=True)
class Plain(emkit.Model):
    """A model that describes nothing."""

    order: int = 3

    def start(self, source, rng):
        raise NotImplementedError

    def e_step(self, parameters, block):
        raise NotImplementedError

    def m_step(self, statistics, parameters):
        raise NotImplementedError


def test_summary_of_old_faithful(mixture):
    told = summary(mixture)
    for part in (
        "GaussianMixture(n_components=2, random_state=0)\n\nWeights\n  component  weight\n  1          0.6441\n",
        "Means\n  component  eruptions  waiting\n  1              4.290    79.97\n  2              2.036    54.48\n",
        "Standard deviations\n  component  eruptions  waiting\n  1             0.4123    6.004\n",
        "Correlations\n  component  eruptions ~ waiting\n  1                       0.3800\n",
        "Log-likelihood   -1130.2640\n",
        "BIC              2322.1917   AIC 2282.5279",
        "Free parameters  11, from 272 rows\n",
        "Status           converged. The log-likelihood still to be gained is below `tol`.\n",
        mixture.fit_.starts.sentence,
    ):
        assert part in told


def test_estimator_and_its_fit_tell_the_same_but_for_names(mixture):
    told = summary(mixture.fit_, feature_names=["eruptions", "waiting"])
    assert told.splitlines()[1:] == summary(mixture).splitlines()[1:]
    assert "component     x1     x2" in summary(mixture.fit_)


def test_icl_is_added_with_the_data(mixture):
    data = emkit.load_data("faithful")
    assert f"ICL {mixture.icl(data):.4f}" in summary(mixture, data)
    assert "ICL" not in summary(mixture)


@pytest.mark.parametrize(
    ("kind", "label", "has_correlations"),
    [
        ("full", "2", True),
        ("tied", "all", True),
        ("diag", "2", False),
        ("EEI", "all", False),
        ("spherical", "2", False),
    ],
)
def test_shared_covariances_have_one_row(faithful, kind, label, has_correlations):
    told = summary(emkit.GaussianMixture(2, covariance_type=kind, random_state=0).fit(faithful))
    spread = told.split("Standard deviations\n")[1].split("\n\n")[0].splitlines()
    assert spread[-1].split()[0] == label
    assert ("Correlations" in told) is has_correlations


def test_standard_deviations_and_correlations_are_those_of_the_covariances(faithful):
    mixture = emkit.GaussianMixture(2, random_state=0).fit(faithful)
    tables = {table.title: table for table in mixture.model_.describe(mixture.parameters_, None)}
    for k, cov in enumerate(mixture.covariances_):
        np.testing.assert_allclose(tables["Standard deviations"].rows[k][1:], np.sqrt(np.diag(cov)), rtol=1e-13)
        assert tables["Correlations"].rows[k][1] == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))


def test_correlations_stop_at_four_features():
    X = np.random.default_rng(0).normal(size=(60, 5))
    assert "x3 ~ x4" in summary(emkit.GaussianMixture(1).fit(X[:, :4]))
    assert "Correlations" not in summary(emkit.GaussianMixture(1).fit(X))


def test_model_without_a_description_is_shown_array_by_array(mixture):
    parameters = PlainParameters(np.array([0.25, 0.75]), np.arange(4.0).reshape(2, 2), np.array(3.5))
    told = summary(replace(mixture.fit_, model=Plain(), parameters=parameters))
    assert told.startswith("Plain(order=3)\n\nmix\n")
    assert "level\n         1      2\n  1  0.000  1.000\n  2  2.000  3.000\n" in told
    assert "rate\n        1\n    3.500\n" in told


def test_prior_notes_and_optima_are_told_where_there_are_any(mixture):
    optima = (Optimum(-10.0, 3), Optimum(-12.5, 1), Optimum(-9.0, 2, "component 2 collapsed"))
    fit = replace(
        mixture.fit_,
        objective=mixture.fit_.loglik - 1,
        status=Status.MAX_ITER,
        starts=StartReport(6, optima),
        notes=("a remark",),
    )
    told = summary(fit)
    assert "with log prior   -1131.2640\n" in told
    assert "Status           max_iter. " in told
    assert "Optima (starts)  -10.0000 (3), -12.5000 (1), -9.0000 (2, collapsed)\n" in told
    assert "Note             a remark" in told
    for words in ("with log prior", "Optima", "Note"):
        assert words not in summary(mixture)


def test_parameters_that_were_given_have_no_result():
    mixture = emkit.GaussianMixture.from_parameters([1.0], [[0.0]], [[[4.0]]])
    told = summary(mixture)
    assert "Standard deviations\n  component     x1\n  1          2.000" in told
    assert told.endswith("These parameters were given, not fitted.")


def test_what_is_no_fit_is_refused():
    with pytest.raises(ParameterError, match=r"got GaussianMixture\(\); call 'fit' with data first"):
        summary(emkit.GaussianMixture())
    with pytest.raises(ParameterError, match="expected a Fit or a fitted estimator, got 3"):
        summary(3)


@pytest.mark.parametrize("d", [3, 30, 300])
def test_every_line_fits_the_page_however_many_features(d):
    X = np.random.default_rng(0).normal(size=(40, d)) * 10.0 ** np.arange(d % 7 - 3, d % 7 - 3 + d).clip(-9, 9)
    names = [f"a rather long name {j}" for j in range(d)]
    told = summary(
        emkit.GaussianMixture(2, covariance_type="diag", random_state=0).fit(dict(zip(names, X.T, strict=True)))
    )
    assert max(map(len, told.splitlines())) <= 100
    assert ("more columns" in told) is (d == 300)
