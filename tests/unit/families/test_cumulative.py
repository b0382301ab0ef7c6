"""Distribution functions of families against draws from them, and what is refused."""

import numpy as np
import pytest

from emkit.errors import DataError
from emkit.families.cumulative import cumulative
from emkit.families.names import family_named
from emkit.families.nested import Nested
from emkit.families.nested_apart import NestedApart
from emkit.families.product import Product

COUNTS = np.random.default_rng(0).negative_binomial(2, 0.3, (400, 1)).astype(float)
COUNTS[:60] = 0.0
POSITIVE = np.random.default_rng(1).gamma(3.0, size=(400, 1))
DATA = {
    **dict.fromkeys(
        ("poisson", "negative-binomial", "zero-inflated-poisson", "zero-inflated-negative-binomial"), COUNTS
    ),
    **dict.fromkeys(("hurdle-poisson", "hurdle-negative-binomial"), COUNTS),
    **dict.fromkeys(("exponential", "gamma", "log-normal", "inverse-gaussian", "weibull"), POSITIVE),
    **dict.fromkeys(("gaussian", "student", "laplace", "contaminated-normal", "gaussian-full"), POSITIVE - 3),
    "beta": POSITIVE / (1 + POSITIVE),
    "von-mises": POSITIVE,
    "categorical": np.minimum(COUNTS, 4),
    "bernoulli": (COUNTS > 2).astype(float),
}


def _fitted(family, X):
    from emkit.data import as_source

    source = as_source(X)
    ready = family.prepared(source, 2)
    rng = np.random.default_rng(2)
    resp = rng.dirichlet([1.0, 1.0], len(X))
    start = ready.start(X, resp)
    return ready, ready.m_step(ready.statistics(start, X, resp), start)


def _agrees(family, X, column=None):
    ready, members = _fitted(family, X)
    rng = np.random.default_rng(3)
    drawn = ready.sample(members, np.repeat([0, 1], 20000), rng).reshape(2, 20000, -1)
    below, beneath = cumulative(ready, members, X[:50], column)
    j = 0 if column is None else column
    for k in range(2):
        own = drawn[k, :, j]
        if type(ready).__name__ == "VonMises":
            own = np.angle(np.exp(1j * own))
            at = np.angle(np.exp(1j * X[:50, j]))
        else:
            at = X[:50, j]
        np.testing.assert_allclose(below[:, k], (own[None] <= at[:, None]).mean(axis=1), atol=0.02)
        np.testing.assert_allclose(beneath[:, k], (own[None] < at[:, None]).mean(axis=1), atol=0.02)


@pytest.mark.parametrize("name", sorted(DATA))
def test_shares_of_draws(name):
    _agrees(family_named(name), DATA[name])


def test_nested_and_product():
    inner = family_named("gaussian")
    _agrees(Nested(inner, 2), POSITIVE)
    _agrees(NestedApart(family_named("gaussian-tied"), 2), POSITIVE)
    both = Product((inner, family_named("poisson")), ((0,), (1,)))
    rows = np.column_stack([POSITIVE, COUNTS])
    _agrees(both, rows, 0)
    _agrees(both, rows, 1)


def test_what_is_refused():
    ready, members = _fitted(family_named("gaussian"), np.column_stack([POSITIVE, COUNTS]))
    with pytest.raises(DataError, match="of one column, but there are 2: say which by `column`"):
        cumulative(ready, members, np.zeros((3, 2)))
    with pytest.raises(DataError, match="`column` must be one of 0, 1, got 5"):
        cumulative(ready, members, np.zeros((3, 2)), 5)
    ready, members = _fitted(family_named("skew-normal"), POSITIVE)
    with pytest.raises(DataError, match="a SkewNormal family has no distribution function written out"):
        cumulative(ready, members, POSITIVE)
