"""Dawid-Skene beside an independent EM (numpy, no smoothing, from the shares of the votes, tolerance 1e-12).

The anaesthetists' ratings are those of Dawid & Skene 1979; data as shipped by the R package rater, and by the public
truth-inference collection (bluebird, dog).
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import emkit

DATA = Path(__file__).parent / "data"
ORACLE = json.loads((DATA / "dawid_skene.json").read_text())


def _read(name):
    return pd.read_csv(DATA / f"{name}.csv")


def test_anaesthetists_from_the_votes_as_in_the_paper():
    known = ORACLE["anaesthetists"]
    model = emkit.DawidSkene(n_init=1, tol=1e-10).fit(_read("ds_anesthesia"))
    assert model.fit_.loglik == pytest.approx(known["loglik"], abs=1e-7)
    np.testing.assert_allclose(model.class_shares_, known["prevalence"], atol=1e-5)
    np.testing.assert_allclose(model.confusion_, list(known["error_rates"].values()), atol=1e-4)
    np.testing.assert_allclose(model.predict_proba(), known["posterior"], atol=1e-4)


def test_anaesthetists_have_a_better_optimum_than_that_of_the_votes():
    model = emkit.DawidSkene(random_state=0).fit(_read("ds_anesthesia"))
    assert model.fit_.loglik == pytest.approx(-189.405331, abs=1e-5)
    votes = emkit.DawidSkene(n_init=1).fit(_read("ds_anesthesia"))
    assert (model.predict() != votes.predict()).sum() == 1


def test_caries_as_patterns_with_counts():
    table = _read("ds_caries")
    model = emkit.DawidSkene(random_state=0).fit(table.drop(columns="n"), sample_weight=table["n"])
    assert model.fit_.loglik == pytest.approx(ORACLE["caries"]["loglik"], abs=1e-5)
    np.testing.assert_allclose(model.class_shares_, ORACLE["caries"]["prevalence"], atol=1e-4)


@pytest.mark.parametrize("name", ["bluebird", "dog"])
def test_crowd_labels(name):
    known = ORACLE[name]
    model = emkit.DawidSkene(n_init=1, tol=1e-9).fit(_read(f"ds_{name}"))
    assert model.fit_.loglik == pytest.approx(known["loglik"], abs=1e-4)
    np.testing.assert_allclose(model.class_shares_, known["prevalence"], atol=1e-4)
    truth = _read(f"ds_{name}_truth").set_index("task")["truth"]
    found = pd.Series(model.predict(), index=model.items_).reindex(truth.index)
    assert (found == truth).mean() == pytest.approx(known["accuracy"])


def test_dog_has_a_better_optimum_than_that_of_the_votes():
    model = emkit.DawidSkene(random_state=0).fit(_read("ds_dog"))
    assert model.fit_.loglik >= -4745.2239
