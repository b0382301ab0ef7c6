"""Saved and loaded, the estimators of this room answer as before."""

import numpy as np
import pytest

import emkit
from emkit.missing import EMImputer, LinearRegression, LogisticRegression, MultipleImputer, MultivariateNormal, Panel


@pytest.fixture(scope="module")
def table():
    return emkit.load_data("airquality")


def test_estimators_come_back(table, tmp_path):
    rows = table.numeric()[0]
    for number, (model, ask) in enumerate(
        (
            (EMImputer(bounds={"Ozone": (0, None)}).fit(table), lambda m: m.transform(rows)),
            (MultivariateNormal().fit(rows), lambda m: m.mcar_test().statistic),
            (MultipleImputer(n_imputations=2, random_state=0).fit(rows), lambda m: m.impute(rows)),
            (
                MultipleImputer(n_imputations=1, random_state=0, panel=Panel(5, 4, lags=(0,))).fit(rows),
                lambda m: m.impute(rows),
            ),
            (LinearRegression().fit(rows[:, 1:4], rows[:, 0]), lambda m: m.predict(rows[:, 1:4])),
            (LogisticRegression().fit(rows[:, :3], rows[:, 3] > 80), lambda m: m.predict_proba(rows[:, :3])),
        )
    ):
        path = tmp_path / f"{number}.emkit"
        emkit.save(model, path)
        back = emkit.load(path)
        np.testing.assert_array_equal(np.asarray(ask(back)), np.asarray(ask(model)))
        assert back.fit_.loglik == model.fit_.loglik
