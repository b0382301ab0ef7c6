"""A model of one's own in 60 lines has everything: solvers, starts, progress, weights, saving, reports."""

import runpy
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import emkit
from emkit.core.describe import Description

EXAMPLE = Path(__file__).parents[3] / "examples" / "abo.py"
sys.path.insert(0, str(EXAMPLE.parent))
from abo import Abo  # noqa: E402

sys.path.pop(0)

COUNTS = np.array([[186.0, 38, 13, 284]])
FREQ = [0.2135909391, 0.0501453289, 0.7362637320]  # to ten digits, from the likelihood equations


def test_example_is_short_and_runs(capsys):
    assert len(EXAMPLE.read_text().splitlines()) <= 60
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "converged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "solver", ["auto", emkit.EM(), emkit.QuasiNewton(), emkit.Squarem(), emkit.Anderson()], ids=str
)
def test_every_solver_finds_the_frequencies(solver):
    fit = emkit.fit(Abo(), COUNTS, rng=0, solver=solver, tol=1e-14)
    assert fit.is_converged
    assert fit.parameters.freq == pytest.approx(FREQ, abs=1e-8)


def test_starts_agree_and_are_reported():
    fit = emkit.fit(Abo(), COUNTS, rng=0, n_starts=8)
    assert fit.starts.sentence == "8 of 8 starts reached the only optimum"


def test_weight_counts_a_row_so_many_times():
    twice = emkit.fit(Abo(), COUNTS, sample_weight=[2.0], rng=0, tol=1e-12)
    once = emkit.fit(Abo(), COUNTS, rng=0, tol=1e-12)
    assert twice.loglik == pytest.approx(2 * once.loglik, rel=1e-12)
    assert twice.parameters.freq == pytest.approx(once.parameters.freq, abs=1e-8)


def test_rows_are_pooled_from_any_table():
    halves = {"A": [100, 86], "B": [30, 8], "AB": [3, 10], "O": [184, 100]}
    fit = emkit.fit(Abo(), halves, rng=0, tol=1e-14)
    assert fit.parameters.freq == pytest.approx(FREQ, abs=1e-8)


def test_progress_is_told():
    seen = []
    fit = emkit.fit(Abo(), COUNTS, rng=0, n_starts=1, on_iteration=seen.append)
    assert len(seen) == fit.n_iter
    assert seen[-1].objective == fit.objective


def test_report_shows_the_arrays_of_a_model_that_does_not_describe_itself():
    text = emkit.report.summary(emkit.fit(Abo(), COUNTS, rng=0))
    assert text.splitlines()[0] == "Abo()"
    assert "freq" in text
    assert "0.2136" in text
    assert "converged" in text


def test_report_shows_what_a_model_says_of_itself():
    @dataclass(frozen=True)
    class Described(Abo):
        def describe(self, parameters, feature_names):
            rows = tuple(zip("ABO", parameters.freq.tolist(), strict=True))
            return (Description("Alleles", ("allele", "frequency"), rows),)

    fit = emkit.fit(Described(), COUNTS, rng=0)
    lines = emkit.report.summary(fit).splitlines()
    at = lines.index("Alleles")
    assert [line.split() for line in lines[at + 1 : at + 5]] == [
        ["allele", "frequency"], ["A", "0.2136"], ["B", "0.0501"], ["O", "0.7363"]
    ]  # fmt: skip
    assert emkit.report.to_dict(fit)["tables"][0]["rows"][2][1] == pytest.approx(FREQ[2], abs=1e-4)


def test_saved_and_loaded(tmp_path):
    fit = emkit.fit(Abo(), COUNTS, rng=0)
    emkit.save(fit, tmp_path / "abo.emkit", probe=COUNTS)
    loaded = emkit.load(tmp_path / "abo.emkit", models=[Abo])
    assert loaded.loglik == fit.loglik
    assert loaded.parameters.freq.tobytes() == fit.parameters.freq.tobytes()


def test_absent_allele_stays_absent():
    """With no B and no AB in the data the frequency of B is zero: reached, counted as it is, and no trouble."""
    fit = emkit.fit(Abo(), [[100.0, 0, 0, 300]], rng=0, tol=1e-10)
    assert fit.is_converged
    assert fit.parameters.freq == pytest.approx([1 - np.sqrt(0.75), 0, np.sqrt(0.75)], abs=1e-6)
