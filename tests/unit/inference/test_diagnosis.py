"""What a fit says is worrying about itself."""

import numpy as np
import pytest

import emkit
from emkit.core import EM
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

RNG = np.random.default_rng(17)
COUNTS = RNG.poisson(np.where(RNG.random((400, 1)) < 0.4, 1.0, 4.0)).astype(float)
FAITHFUL = emkit.load_data("faithful").numeric()[0]


def test_the_rate_is_that_of_plain_em():
    fit = emkit.fit(FiniteMixture(Poisson(), 2), COUNTS, rng=0, tol=1e-10)
    rate = fit.diagnose().rate
    start = fit.parameters
    moved = type(start)(start.mix * [0.98, 1.02] / (start.mix @ [0.98, 1.02]), start.members)
    slow = emkit.fit(fit.model, COUNTS, start=moved, solver=EM(), tol=0, max_iter=40)
    gaps = fit.loglik - slow.trace.objective[20:40]
    gaps = gaps[gaps > 1e-7]
    assert np.sqrt(gaps[-1] / gaps[-2]) == pytest.approx(rate, abs=0.01)


def test_missing_information_is_a_share():
    found = emkit.GaussianMixture(2, random_state=0).fit(FAITHFUL).fit_.diagnose()
    known = found.missing[np.isfinite(found.missing)]
    assert ((known > -1e-6) & (known < 1)).all()
    assert "hides most" in str(found)


def test_nothing_is_hidden_from_one_normal():
    found = emkit.GaussianMixture(1).fit(FAITHFUL).fit_.diagnose()
    assert abs(found.rate) < 1e-4
    assert "Nothing is hidden" in str(found)
    assert "boundary" not in str(found)


def test_a_row_far_away_is_named_and_its_pull_is_what_leaving_it_out_does():
    rows = np.append(RNG.normal(0, 1, 80), 5.5)[:, None]
    fit = emkit.GaussianMixture(1).fit(rows).fit_
    found = fit.diagnose()
    first = found.influences[0]
    assert first.row == 80
    without = emkit.GaussianMixture(1).fit(rows[:80]).fit_
    errors = fit.standard_errors()
    shift = (without.parameters.members.cov.item() - fit.parameters.members.cov.item()) / errors["members.cov[0, 0, 0]"]
    assert first.name == "members.cov[0, 0, 0]"
    assert first.shift == pytest.approx(shift, rel=0.1)
    assert "row 80" in " ".join(str(found).split())


def test_rows_are_numbered_as_they_came_and_not_as_the_model_sorted_them():
    counts = np.append(COUNTS, 25.0)[:, None]
    found = emkit.PoissonMixture(2, random_state=0).fit(counts).fit_.diagnose()
    assert found.influences[0].row == 400


def test_starts_that_disagreed_and_flat_directions_are_told():
    galaxies = emkit.load_data("galaxies").numeric()[0]
    text = str(emkit.GaussianMixture(3, random_state=0).fit(galaxies).fit_.diagnose())
    assert "The next optimum lies" in text
    answers = (RNG.random((300, 2)) < 0.5).astype(float)
    assert "Not identified by these data" in " ".join(
        str(emkit.BernoulliMixture(2, random_state=0).fit(answers).fit_.diagnose()).split()
    )


def test_a_member_that_flattens_is_told():
    line = np.column_stack([t := RNG.normal(size=60), t + RNG.normal(0, 1e-3, 60)]) + 10
    rows = np.concatenate([RNG.normal(size=(60, 2)), line])
    text = " ".join(str(emkit.GaussianMixture(2, random_state=0).fit(rows).fit_.diagnose()).split())
    assert "is near collapse" in text
