"""Factor analysis beside scikit-learn, one process, at equal log-likelihood.

    python benchmarks/factor.py

scikit-learn climbs by EM with `svd_method="lapack"` and `tol` 1e-8 (its default 1e-2 ends up to 20 units of
log-likelihood short); emkit runs at its defaults, eight starts included, and with one start.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from sklearn.decomposition import FactorAnalysis as Peer

import emkit

SHAPES = ((300, 9, 3), (2000, 20, 4), (10_000, 30, 5), (100_000, 20, 4))
REPEATS = 5


def rows(n: int, d: int, k: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    loadings = rng.standard_normal((d, k)) * 0.5
    return rng.standard_normal((n, k)) @ loadings.T + rng.uniform(0.3, 1.0, d) * rng.standard_normal((n, d))


def timed(run) -> tuple[float, float]:
    began = time.perf_counter()
    loglik = run()
    return time.perf_counter() - began, loglik


def main() -> None:
    heads = ("emkit ms", "one start", "peer ms", "factor", "one")
    print(f"{'n, d, k':>16}" + "".join(f"{head:>10}" for head in heads) + f"{'loglik - peer':>15}")
    for n, d, k in SHAPES:
        X = rows(n, d, k)
        runs = {
            "own": lambda X=X, k=k: emkit.FactorAnalysis(k, random_state=0).fit(X).fit_.loglik,
            "one": lambda X=X, k=k: emkit.FactorAnalysis(k, n_init=1, random_state=0).fit(X).fit_.loglik,
            "peer": lambda X=X, k=k: len(X) * Peer(k, tol=1e-8, max_iter=10_000, svd_method="lapack").fit(X).score(X),
        }
        found = {name: [timed(run) for _ in range(REPEATS)] for name, run in runs.items()}
        own, one, peer = (1e3 * median(seconds for seconds, _ in found[name]) for name in ("own", "one", "peer"))
        gap = found["own"][0][1] - found["peer"][0][1]
        print(
            f"{n:>7}, {d:>2}, {k:>2} {own:9.1f} {one:9.1f} {peer:9.1f} {peer / own:7.1f} {peer / one:7.1f} {gap:14.6f}"
        )


if __name__ == "__main__":
    main()
