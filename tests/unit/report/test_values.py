"""Reports for programs: dictionaries, frames, comparison, criteria, progress."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import emkit
from emkit.core import Iteration
from emkit.errors import EmkitError, ParameterError
from emkit.report import ProgressBar, aic, aicc, bic, compare, icl, to_dict, to_frame


@pytest.fixture(scope="module")
def fits():
    return [emkit.GaussianMixture(k, random_state=0).fit(emkit.load_data("faithful")) for k in (1, 2, 3)]


def test_dictionary_holds_plain_values_that_json_takes(fits):
    told = to_dict(fits[1])
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    fit = fits[1].fit_
    for name in ("loglik", "objective", "n_free", "weight", "aic", "bic", "n_iter", "n_e_steps", "seconds"):
        assert told[name] == getattr(fit, name)
    assert told["status"] == "converged"
    assert told["n_starts"] == fit.starts.n_starts == sum(optimum["n_hits"] for optimum in told["optima"])
    np.testing.assert_array_equal(told["parameters"]["members.cov"], fits[1].covariances_)
    assert [table["title"] for table in told["tables"]] == ["Weights", "Means", "Standard deviations", "Correlations"]


def test_frame_has_one_row_per_number(fits):
    frame = to_frame(fits[1])
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == 2 + 4 + 4 + 2
    found = frame.query("table == 'Means' and row == '2' and column == 'waiting'")["value"]
    assert found.tolist() == [fits[1].means_[1, 1]]


def test_frame_is_of_the_library_that_is_loaded():
    code = """if True:
        import sys, emkit
        fit = emkit.GaussianMixture(1).fit([[1.0], [2.0], [4.0]])
        print(type(emkit.report.to_frame(fit)).__name__, "pandas" in sys.modules)
        import polars
        print(type(emkit.report.to_frame(fit)).__module__.split(".")[0])
    """
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["dict", "False", "polars"]


def test_comparison_ranks_by_bic_and_shows_every_fit(fits):
    found = compare(*fits)
    by_hand = sorted(fits, key=lambda fit: fit.fit_.bic)
    assert [row[0] for row in found.rows] == [repr(fit) for fit in by_hand]
    assert found.best == repr(by_hand[0])
    table = found.to_dict()
    assert table["BIC"] == [fit.fit_.bic for fit in by_hand]
    assert table["AIC"] == [fit.fit_.aic for fit in by_hand]
    assert table["loglik"] == [fit.fit_.loglik for fit in by_hand]
    assert table["free"] == [fit.fit_.n_free for fit in by_hand]
    assert table["BIC - best"][0] == 0
    assert max(map(len, str(found).splitlines())) <= 100
    assert isinstance(found.to_frame(), pd.DataFrame)


def test_comparison_takes_names(fits):
    told = compare(*fits, names=["one", "two", "three"])
    assert told.best == "two"
    assert "two    -1130.26    11" in str(told)


def test_best_is_a_proper_optimum_where_there_is_one(fits):
    from dataclasses import replace

    lucky = replace(fits[0].fit_, status=emkit.Status.DEGENERATE, loglik=1e6)
    assert compare(lucky, fits[1], names=["lucky", "proper"]).best == "proper"
    assert compare(lucky, names=["lucky"]).best == "lucky"


def test_comparison_of_what_cannot_be_compared_is_refused(fits):
    other = emkit.GaussianMixture(1).fit([[1.0], [2.0], [4.0]])
    with pytest.raises(ParameterError, match="different data.* 272, .* 3"):
        compare(fits[0], other)
    with pytest.raises(ParameterError, match="at least one fit"):
        compare()
    with pytest.raises(ParameterError, match="each of the 3 fits, got 1"):
        compare(*fits, names=["one"])
    with pytest.raises(ParameterError, match="no fit to compare"):
        compare(emkit.GaussianMixture.from_parameters([1.0], [[0.0]], [[[4.0]]]))


def test_criteria_by_hand():
    assert aic(-10.0, 3) == 26.0
    assert bic(-10.0, 3, math.e) == pytest.approx(23.0)
    assert aicc(-10.0, 3, 10.0) == pytest.approx(26.0 + 24 / 6)
    assert aicc(-10.0, 3, 4.0) == math.inf
    resp = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert icl(7.0, resp) == pytest.approx(7.0 + 2 * math.log(2))
    assert icl(7.0, resp, np.array([3.0, 9.0])) == pytest.approx(7.0 + 6 * math.log(2))


def test_progress_bar_hears_of_the_fit_and_changes_nothing(fits, capsys):
    with ProgressBar() as bar:
        fit = emkit.GaussianMixture(2, random_state=0, on_iteration=bar).fit(emkit.load_data("faithful"))
    assert bar.n_iterations >= fit.n_iter_
    assert fit.fit_.loglik == fits[1].fit_.loglik
    assert capsys.readouterr() == ("", "")


def test_progress_bar_shows_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # what rich takes for a terminal
    with ProgressBar() as bar:
        bar(Iteration(7, 8, -123.45678, 1.0, True, 0.5, start=2))
        bar._bar.refresh()
    assert "start 3, iteration 7, objective -123.4568" in capsys.readouterr().err


def test_progress_bar_without_rich_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(EmkitError, match=r"pip install 'emkit\[progress\]'"), ProgressBar():
        pytest.fail("there is no rich")
