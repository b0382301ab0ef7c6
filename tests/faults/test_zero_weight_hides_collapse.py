"""Rows of weight zero made a component of three rows look well supported, and its collapse went unsaid."""

import numpy as np
import pytest

import emkit
from emkit.errors import DegenerateWarning


def test_rows_of_weight_zero_hide_no_collapse():
    rng = np.random.default_rng(0)
    thin = [[30, 30], [30.01, 30.02], [30.02, 30.0]]
    rows = np.concatenate([rng.normal(0, 1, (100, 2)), rng.normal(8, 1, (60, 2)), thin])
    ballast = rng.normal(3, 3, (5000, 2))
    weights = np.concatenate([np.ones(len(rows)), np.zeros(len(ballast))])
    mixture = emkit.GaussianMixture(3, means_init=[[0, 0], [8, 8], [30, 30]])
    with pytest.warns(DegenerateWarning, match=r"Component 3 \(3 rows\) has collapsed"):
        plain = mixture.fit(rows).fit_
    with pytest.warns(DegenerateWarning, match=r"Component 3 \(3 rows\) has collapsed"):
        laden = mixture.fit(np.concatenate([rows, ballast]), sample_weight=weights).fit_
    assert plain.status is laden.status is emkit.Status.DEGENERATE
    assert laden.loglik == pytest.approx(plain.loglik, rel=1e-10)
