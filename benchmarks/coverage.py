"""How often 95% intervals hold the truth, over simulated samples.

    python benchmarks/coverage.py

For each model: samples drawn from known parameters, fitted from the truth's neighborhood by the default starts; the
share of samples whose interval holds the true value, parameter by parameter (lowest and highest). With 600 samples, 95%
plus or minus 1.8% is what chance allows.
"""

from __future__ import annotations

import warnings

import numpy as np

import emkit
from emkit.families.normal import Normal
from emkit.families.poisson import Poisson
from emkit.mixture import FiniteMixture

N_SAMPLES = 600


def poisson(rng, n):
    """Return counts of two groups."""
    return rng.poisson(np.where(rng.random((n, 1)) < 0.4, 1.0, 6.0)).astype(float)


def gaussian(rng, n):
    """Return rows of two groups that overlap a little."""
    first = rng.random((n, 1)) < 0.4
    return np.where(first, rng.normal(0, 1, (n, 1)), rng.normal(4, 1.5, (n, 1)))


def holes(rng, n):
    """Return rows of a normal distribution with a fifth of the entries missing."""
    rows = rng.normal(size=(n, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    return np.where(rng.random(rows.shape) < 0.2, np.nan, rows)


CASES = {
    "Poisson mixture, n=400": (
        FiniteMixture(Poisson(), 2),
        poisson,
        400,
        {"mix": [0.4, 0.6], "members.rate": [[1.0], [6.0]]},
    ),
    "Gaussian mixture, n=400": (
        FiniteMixture(n_components=2),
        gaussian,
        400,
        {"mix": [0.4, 0.6], "members.mean": [[0.0], [4.0]], "members.cov": [[[1.0]], [[2.25]]]},
    ),
    "normal with missing, n=200": (Normal(), holes, 200, {"mean": [0.0, 0.0], "cov": [[1.0, 0.5], [0.5, 1.25]]}),
}


def aligned(fit):
    """Return the order of the components by their first parameter, or None where there are none."""
    members = getattr(fit.parameters, "members", None)
    if members is None:
        return None
    first = getattr(members, "mean", getattr(members, "rate", None))
    return np.argsort(first[:, 0])


def covered(model, draw, n, truth, seed, kind):
    """Return for each true number whether its interval holds it."""
    rng = np.random.default_rng(seed)
    fit = emkit.fit(model, draw(rng, n), rng=0, n_starts=4)
    intervals, order = fit.confint(kind=kind), aligned(fit)
    held = []
    for name, value in truth.items():
        ends = intervals[name] if order is None else intervals[name][order]
        held.append(((ends[..., 0] < value) & (np.asarray(value) < ends[..., 1])).reshape(-1))
    return np.concatenate(held)


def main():
    warnings.simplefilter("ignore")
    for title, (model, draw, n, truth) in CASES.items():
        for kind in ("observed", "robust") if "missing" not in title else ("observed",):
            share = np.mean([covered(model, draw, n, truth, seed, kind) for seed in range(N_SAMPLES)], axis=0)
            print(f"{title:30} {kind:10} {share.min():.3f} to {share.max():.3f}, mean {share.mean():.3f}", flush=True)


if __name__ == "__main__":
    main()
