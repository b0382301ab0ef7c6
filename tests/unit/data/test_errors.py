"""Errors and warnings: their kinds, and their kinship with scikit-learn's."""

import pickle
import subprocess
import sys
import warnings

import pytest

from emkit import errors


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (errors.DataError, (errors.EmkitError, ValueError)),
        (errors.DataTypeError, (errors.EmkitError, TypeError)),
        (errors.ParameterError, (errors.EmkitError, ValueError)),
        (errors.NotFittedError, (errors.EmkitError, ValueError, AttributeError)),
        (errors.SavedFitError, (errors.EmkitError, ValueError)),
        (errors.ConvergenceWarning, (errors.EmkitWarning, UserWarning)),
        (errors.DegenerateWarning, (errors.EmkitWarning, UserWarning)),
        (errors.DataWarning, (errors.EmkitWarning, UserWarning)),
    ],
)
def test_kinds(kind, bases):
    assert all(issubclass(kind, base) for base in bases)


def test_not_fitted_error_is_also_sklearns():
    exceptions = pytest.importorskip("sklearn.exceptions")
    error = errors.not_fitted_error("GaussianMixture")
    assert isinstance(error, exceptions.NotFittedError)
    assert isinstance(error, errors.NotFittedError)
    assert "GaussianMixture" in str(error)
    assert "fit" in str(error)


def test_not_fitted_error_survives_pickling():
    pytest.importorskip("sklearn.exceptions")
    error = pickle.loads(pickle.dumps(errors.not_fitted_error("KMeans")))
    assert isinstance(error, errors.NotFittedError)
    assert "KMeans" in str(error)


def test_convergence_warning_is_also_sklearns_and_points_at_the_caller():
    exceptions = pytest.importorskip("sklearn.exceptions")

    def fit():
        errors.warn_convergence("stopped early")

    def of_user():
        fit()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        of_user()
    (warning,) = caught
    assert issubclass(warning.category, exceptions.ConvergenceWarning)
    assert issubclass(warning.category, errors.ConvergenceWarning)
    assert warning.filename == __file__
    assert warning.lineno == of_user.__code__.co_firstlineno + 1


def test_sklearn_is_not_imported():
    code = (
        "import sys, warnings\n"
        "from emkit import errors\n"
        "error = errors.not_fitted_error('X')\n"
        "warnings.simplefilter('ignore')\n"
        "errors.warn_convergence('slow')\n"
        "assert type(error) is errors.NotFittedError\n"
        "assert 'sklearn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
