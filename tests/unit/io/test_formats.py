"""A file of every released format can still be read. `data/make_format_1.py` wrote the one of format 1."""

from pathlib import Path

import pytest

import emkit

FOLDER = Path(__file__).parent / "data"


def test_format_1_is_read():
    loaded = emkit.load(FOLDER / "faithful-format-1.emkit")
    assert repr(loaded) == "GaussianMixture(n_components=2, random_state=0)"
    assert list(loaded.feature_names_in_) == ["eruptions", "waiting"]
    assert loaded.fit_.status is emkit.Status.CONVERGED
    assert loaded.fit_.loglik == pytest.approx(-1130.2639601847, abs=1e-7)
    X = emkit.load_data("faithful").numeric()[0]
    assert loaded.score(X) * len(X) == pytest.approx(loaded.fit_.loglik, rel=1e-10)
    assert len(loaded.fit_.trace) == loaded.fit_.n_iter + 1
