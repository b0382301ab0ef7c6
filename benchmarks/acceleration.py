"""E-steps to the optimum over all models: EM, QuasiNewton, Squarem, Anderson and the default.

    python benchmarks/acceleration.py [word of a case ...]

Every model that the laws are run over, from several starts of its own, and Gaussian mixtures that overlap. For each
solver: E-steps until the objective is within 1e-4 of where plain EM ends (median over the starts, `inf` where it ends
lower), and how often the default ends lower than plain EM by more than 1e-3. `stop` counts the E-steps of the default
up to where it stops by itself. No times are taken: E-steps are what solvers differ in.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import numpy as np

from emkit.core import EM, Anderson, QuasiNewton, Squarem, maximise
from emkit.core.hill import auto_solver
from emkit.core.problem import Problem
from emkit.data import as_source
from emkit.mixture import FiniteMixture
from emkit.testing.records import first_start, ready

N_STARTS = 3
CLOSE = 1e-4
LOWER = 1e-3
LIMIT = 3000
SECONDS = 3.0  # of each climb: a few M-steps are iterations of their own, and slow


def registered():
    """Return the cases of the laws."""
    path = Path(__file__).parents[1] / "tests" / "laws" / "registry.py"
    spec = importlib.util.spec_from_file_location("registry", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [(case.name, case.model, np.asarray(case.X, dtype=np.float64)) for case in module.CASES]


def overlapping():
    """Return Gaussian mixtures whose components overlap, where plain EM is slow."""
    rng = np.random.default_rng(5)
    for k, d, gap in ((2, 1, 1.5), (3, 2, 2.0), (3, 5, 1.5), (5, 2, 2.0)):
        centers = rng.normal(0, gap, (k, d))
        rows = centers[rng.integers(0, k, 600)] + rng.normal(size=(600, d))
        yield f"overlap-{k}x{d}", FiniteMixture(n_components=k), rows


def reached(fit, goal):
    """Return the E-steps after which the objective was close to the goal, or infinity."""
    near = np.flatnonzero(fit.trace.objective >= goal - CLOSE)
    return float(fit.trace.n_e_steps[near[0]]) if near.size else np.inf


def row(name, model, rows):
    """Return the line of one case: medians, endings below plain EM, and the worst ratio of the default to EM."""
    ready_model, source = ready(model, rows)
    solvers = {"EM": EM(), "Squarem": Squarem(), "Anderson": Anderson()}
    if Problem(ready_model, source).has_score:
        solvers["QuasiNewton"] = QuasiNewton()
    counts = {name: [] for name in ("EM", "QuasiNewton", "Squarem", "Anderson", "default", "stop")}
    lower = dict.fromkeys(counts, 0)
    for seed in range(N_STARTS):
        start = first_start(ready_model, source, seed, seed)
        chosen = type(auto_solver(ready_model, start)).__name__
        goal = None
        for solver_name, solver in solvers.items():
            fit = maximise(
                model, as_source(rows), start=start, solver=solver, tol=1e-8, max_iter=LIMIT, max_seconds=SECONDS
            )
            goal = fit.objective if goal is None else goal
            is_lower = fit.objective < goal - LOWER
            counts[solver_name].append(np.inf if is_lower else reached(fit, goal))
            lower[solver_name] += is_lower
        own = maximise(model, as_source(rows), start=start)
        counts["default"].append(counts[chosen][-1])
        counts["stop"].append(own.n_e_steps)
        lower["default"] += own.objective < goal - LOWER
    return counts, lower


def main(words):
    warnings.simplefilter("ignore")
    names = ("EM", "QuasiNewton", "Squarem", "Anderson", "default", "stop")
    print(f"{'case':32}" + "".join(f"{name:>12}" for name in names) + "  default lower")
    below, n_all, ratios, bests = 0, 0, [], []
    for name, model, rows in [*registered(), *overlapping()]:
        if words and not any(word in name for word in words):
            continue
        counts, lower = row(name, model, rows)
        medians = {key: np.median(values) if values else np.nan for key, values in counts.items()}
        print(f"{name:32}" + "".join(f"{medians[key]:>12.0f}" for key in names) + f"  {lower['default']}", flush=True)
        below, n_all = below + lower["default"], n_all + N_STARTS
        ratios += [d / e for d, e in zip(counts["default"], counts["EM"], strict=True) if np.isfinite(d)]
        bests.append(medians["default"] / np.nanmin([medians[key] for key in names[:4]]))
    print(
        f"\ndefault over EM: median {np.median(ratios):.2f}, worst {max(ratios):.2f}; above 1.1 in "
        f"{np.mean(np.array(ratios) > 1.1):.1%} of climbs"
    )
    print(f"default over the best of four: within 1.2 in {np.mean(np.array(bests) <= 1.2):.1%} of cases")
    print(f"default ends below plain EM in {below} of {n_all} climbs")


if __name__ == "__main__":
    main(sys.argv[1:])
