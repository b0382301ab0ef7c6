"""Censored data against R: survival 3.5-3 (survreg, survfit) and AER 1.2-10 (tobit); see data/censored/reference.R.

`tobin` and `lung` come with survival, `Affairs` (Fair 1978, Journal of Political Economy 86:45) with AER; `cosmesis` is
the radiotherapy group of Finkelstein & Wolfe 1985, Biometrics 41:933, as published.
"""

from pathlib import Path

import numpy as np
import pytest

import emkit

DATA = Path(__file__).parent / "data" / "censored"


def _read(name):
    table = np.genfromtxt(DATA / f"{name}.csv", delimiter=",", names=True)
    return {column: table[column] for column in table.dtype.names}


def _affairs():
    table = _read("affairs")
    return np.column_stack([table[c] for c in list(table)[1:]]), table["affairs"]


def test_tobin():
    table = _read("tobin")
    X = np.column_stack([table["age"], table["quant"]])
    model = emkit.CensoredRegression(low=0).fit(X, table["durable"])
    assert model.fit_.loglik == pytest.approx(-28.940133199721, abs=1e-6)
    found = [model.intercept_, *model.coef_, model.sigma_]
    assert found == pytest.approx(
        [15.144866360681526, -0.129059284096985, -0.045541662954256, 5.572539763092], rel=1e-5
    )
    errors = model.coefficients().se
    assert errors[:3] == pytest.approx([16.079453194770096, 0.218583596637812, 0.058254115477908], rel=1e-5)
    assert errors[3] == pytest.approx(5.572539763092 * 0.310322720070414, rel=1e-5)


@pytest.mark.parametrize(
    ("high", "loglik", "coef", "sigma", "errors"),
    [
        (
            None,
            -705.57622262273,
            [8.17419743286770, -0.17933258373191, 0.55414181291152, -1.68622049356866, 0.32605324884959],
            8.2470803282773,
            [2.741445555321503, 0.079093239613309, 0.134517938443543, 0.403751550782845, 0.254424747092129],
        ),
        (
            4,
            -500.04276009612,
            [7.90098044604200, -0.17759820857000, 0.53230210960234, -1.61633565433811, 0.32418645792617],
            7.94321943567,
            [2.803854839375707, 0.079906293148478, 0.141168407767856, 0.424396717756885, 0.253877782553072],
        ),
    ],
)
def test_affairs(high, loglik, coef, sigma, errors):
    model = emkit.CensoredRegression(low=0, high=high).fit(*_affairs())
    assert model.fit_.loglik == pytest.approx(loglik, abs=2e-6)
    assert [model.intercept_, *model.coef_[:4]] == pytest.approx(coef, rel=1e-5)
    assert model.sigma_ == pytest.approx(sigma, rel=1e-5)
    assert model.coefficients().se[:5] == pytest.approx(errors, rel=1e-5)


def test_log_normal_survival():
    table = _read("lung")
    X, time, seen = np.column_stack([table["age"], table["sex"]]), table["time"], table["status"] == 2
    model = emkit.CensoredRegression(family="log-normal").fit(X, np.column_stack([time, np.where(seen, time, np.inf)]))
    assert model.fit_.loglik - np.log(time[seen]).sum() == pytest.approx(-1158.7501425940, abs=1e-6)
    assert model.coefficients().estimate == pytest.approx(
        [6.40798854853027, -0.02335645755425, 0.51925367464314, 1.0526758900687], rel=2e-5
    )


def test_cosmesis_published():
    """The published masses."""
    curve = emkit.Turnbull().fit(np.column_stack(list(_read("cosmesis").values())))
    assert curve.intervals_.tolist() == [[4, 5], [6, 7], [7, 8], [11, 12], [24, 25], [33, 34], [38, 40], [46, 48]]
    published = [0.0463, 0.0334, 0.0887, 0.0708, 0.0926, 0.0818, 0.1209, 0.4656]
    assert curve.mass_ == pytest.approx(published, abs=6e-5)
    assert curve.fit_.loglik == pytest.approx(-58.060021954, abs=1e-7)
    assert curve.gap_ < 1e-6
