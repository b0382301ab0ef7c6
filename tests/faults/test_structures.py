"""Every covariance structure on data that ask too much of it: an answer with a flag, never an exception or a NaN."""

import warnings

import numpy as np
import pytest

import emkit
from emkit.core import Status
from emkit.errors import DataError, DegenerateWarning, ParameterError
from emkit.families.covariance import CODES

IRIS = emkit.load_data("iris").numeric()[0]
DENSE = [code for code in CODES if not code.endswith("I")]


def _fit(code, X, k, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        return emkit.GaussianMixture(k, covariance_type=code, random_state=0, n_init=2, **options).fit(X)


@pytest.mark.parametrize("code", CODES)
def test_constant_column_leaves_a_finite_fit(code):
    mixture = _fit(code, np.column_stack([IRIS[:, :2], np.full(150, 7.0)]), 2)
    assert np.isfinite(mixture.fit_.loglik)
    assert np.isfinite(mixture.means_).all()
    np.testing.assert_allclose(mixture.means_[:, 2], 7.0)


@pytest.mark.parametrize("code", CODES)
def test_more_components_than_distinct_rows_is_flagged(code):
    mixture = _fit(code, np.repeat(IRIS[[0, 60, 120]], 5, axis=0), 4)
    assert mixture.fit_.status is Status.DEGENERATE
    assert np.isfinite(mixture.predict_proba(IRIS)).all()
    assert mixture.fit_.notes


@pytest.mark.parametrize("code", DENSE)
def test_fewer_rows_than_features_is_flagged(code):
    mixture = _fit(code, np.random.default_rng(0).normal(size=(8, 12)), 2)
    assert mixture.fit_.status is Status.DEGENERATE
    assert "flat" in mixture.fit_.notes[0] or "collapsed" in mixture.fit_.notes[0]


@pytest.mark.parametrize("code", CODES)
def test_component_that_empties_keeps_its_place(code):
    """A component so far off that no row belongs to it stays as it is and takes no share."""
    structure = CODES[code]
    X = IRIS[:60, :2]
    start = _fit(code, X, 2)
    far = start.parameters_.members
    mean = far.mean.copy()
    mean[1] += 1e4
    fields = {name: getattr(far, name) for name in far.__dataclass_fields__} | {"mean": mean}
    begun = type(start.parameters_)(np.array([0.5, 0.5]), type(far)(**fields))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture = emkit.GaussianMixture(2, covariance_type=code, max_iter=5, start=None)
        model, source = mixture._model().prepare(emkit.data.as_source(X))
        step = model.m_step(source.reduce(lambda block: model.e_step(begun, block)), begun)
    assert step.mix[1] < 1e-9
    assert np.isfinite(structure.cov(step.members)).all()
    np.testing.assert_array_equal(step.members.mean[1], mean[1])


def test_infinity_names_its_row_and_a_line_code_its_features():
    rows = IRIS.copy()
    rows[3, 1] = np.inf
    with pytest.raises(DataError, match="row 3"):
        emkit.GaussianMixture(2, covariance_type="VEV").fit(rows)
    with pytest.raises(ParameterError, match=r"'V' is for one feature, and `X` has 4; use .* 'VVV'"):
        emkit.GaussianMixture(2, covariance_type="V").fit(IRIS)
    with pytest.raises(ParameterError, match="`covariance_type` must be one of 'full', 'tied'.*got 'VIV'"):
        emkit.GaussianMixture(2, covariance_type="VIV").fit(IRIS)


@pytest.mark.parametrize("code", ["VEI", "VEE", "EVE", "EEV"])
def test_weight_zero_is_absence_and_weights_are_repeats(code):
    weights = np.random.default_rng(1).integers(0, 3, 150).astype(float)
    start = np.repeat([0, 1], 75)
    weighted = emkit.GaussianMixture(2, covariance_type=code, start=start).fit(IRIS, sample_weight=weights)
    times = weights.astype(int)
    repeated = emkit.GaussianMixture(2, covariance_type=code, start=np.repeat(start, times))
    repeated.fit(np.repeat(IRIS, times, axis=0))
    assert weighted.fit_.loglik == pytest.approx(repeated.fit_.loglik, abs=1e-5)
    np.testing.assert_allclose(weighted.means_, repeated.means_, atol=1e-3)
