"""Item response models beside R mirt, girth, py-irt and the Python package mirt: seconds, and log-likelihoods.

    python benchmarks/irt.py                 # every peer that is installed
    python benchmarks/irt.py 2pl-1e4x40      # some cases

Every peer has 61 nodes on -6 to 6 where it lets them be chosen, its own tolerance, no standard errors, and the same
answers; emkit runs with one thread and with the same nodes, and at its defaults. All log-likelihoods are worked out by
emkit at the estimates, on 241 nodes on -9 to 9: what a package says of itself is not used. R mirt runs in a process of
its own, where only the fit is timed. Repeats take turns; medians are printed.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from emkit import ItemResponseModel
from emkit.core.problem import Problem
from emkit.irt import Equispaced, ItemResponse, ItemResponseParameters
from emkit.irt.coding import coded_source
from emkit.irt.curves.asymptotes import Guessing, GuessParameters
from emkit.irt.curves.credit import InterceptParameters, PartialCredit
from emkit.irt.curves.steps import Graded, GradedParameters
from emkit.irt.items import ItemRun

warnings.simplefilter("ignore")
SAME = Equispaced(61, -6, 6, is_adaptive=False)
SLOW = 10.0  # seconds after which a package is not run again
FINE = Equispaced(241, -9, 9, is_adaptive=False)


def binary(n, j, guess=0.0, seed=0):
    rng = np.random.default_rng(seed)
    theta, a, d = rng.normal(size=(n, 1)), rng.lognormal(0.2, 0.3, j), rng.normal(0, 1.2, j)
    return (rng.random((n, j)) < guess + (1 - guess) / (1 + np.exp(-(a * theta + d)))).astype(np.uint8)


def graded(n, j, seed=0):
    rng = np.random.default_rng(seed)
    theta, a = rng.normal(size=(n, 1, 1)), rng.lognormal(0.2, 0.3, (j, 1))
    above = a * theta - np.sort(rng.normal(0, 1.5, (j, 4)), axis=1) + rng.logistic(size=(n, j, 1))
    return (above > 0).sum(axis=2).astype(np.uint8)


CASES = {
    "2pl-1e4x40": (lambda: binary(10_000, 40), "2PL"),
    "2pl-1e5x60": (lambda: binary(100_000, 60), "2PL"),
    "grm-1e4x40": (lambda: graded(10_000, 40), "graded"),
    "3pl-1e4x40": (lambda: binary(10_000, 40, 0.2), "3PL"),
}


def ours(grid):
    def fit(X, kind):
        model = ItemResponseModel(kind, quadrature=grid, n_threads=1)
        began = time.perf_counter()
        model.fit(X)
        return time.perf_counter() - began, loglik(X, model.coef_)

    return fit


def loglik(X, coef):
    """Return the exact log-likelihood at slopes and intercepts, or thresholds, and asymptotes, whatever the prior."""
    a = np.asarray(coef["a1"], dtype=float)[:, None]
    d = np.stack([coef[f"d{k}"] for k in range(1, 5)], axis=1) if X.max() > 1 else np.asarray(coef["d"])[:, None]
    kind = Graded() if X.max() > 1 else PartialCredit()
    own = GradedParameters(a, -d) if X.max() > 1 else InterceptParameters(a, d)
    if "g" in getattr(coef, "columns", coef):
        g = np.clip(np.asarray(coef["g"], dtype=float), 1e-12, 1 - 1e-12)[:, None]
        kind, own = Guessing(), GuessParameters(a, d, g)
    model = ItemResponse((ItemRun(kind, tuple(range(X.shape[1])), int(X.max()) + 1),), grid=FINE)
    parameters = ItemResponseParameters((own,), model.latent.start(model.nodes))
    return Problem(model, coded_source(X, None, None, 1)).evaluate(parameters).loglik


def girth(X, kind):
    import girth as peer

    began = time.perf_counter()
    if kind == "graded":
        found = peer.grm_mml(X.T.astype(int), {"quadrature_n": 61, "quadrature_bounds": (-6, 6)})
    else:
        found = peer.twopl_mml(X.T.astype(int), {"quadrature_n": 61, "quadrature_bounds": (-6, 6)})
    seconds = time.perf_counter() - began
    a, b = np.asarray(found["Discrimination"]), np.asarray(found["Difficulty"])
    return seconds, loglik(X, _coef(a, b))


def python_mirt(X, kind):
    import mirt as peer

    began = time.perf_counter()
    fit = peer.fit_mirt(
        X.astype(int), model={"graded": "GRM"}.get(kind, kind), n_quadpts=61, compute_standard_errors=False
    )
    seconds = time.perf_counter() - began
    found = fit.model.parameters
    a = np.asarray(found["discrimination"]).reshape(X.shape[1])
    b = np.asarray(found["thresholds" if kind == "graded" else "difficulty"])
    guess = {"g": np.asarray(found["guessing"])} if kind == "3PL" else {}
    return seconds, loglik(X, _coef(a, b) | guess)


def py_irt(X, kind):
    """Time variational inference at py-irt's settings, with its wider priors; its scale is made that of its people."""
    from py_irt.config import IrtConfig
    from py_irt.training import IrtModelTrainer

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "x.jsonl"
        rows = (
            {"subject_id": f"s{i}", "responses": {f"q{j}": int(x) for j, x in enumerate(row)}}
            for i, row in enumerate(X)
        )
        data.write_text("\n".join(map(json.dumps, rows)))
        trainer = IrtModelTrainer(
            data_path=data, config=IrtConfig(model_type="2pl", priors="hierarchical"), verbose=False
        )
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    import pyro

    found = {name: pyro.param(name).detach().numpy() for name in pyro.get_param_store().keys()}  # noqa: SIM118
    theta = found["loc_ability"]
    mean, sd = theta.mean(), np.sqrt((theta - theta.mean()).var() + (found["scale_ability"] ** 2).mean())
    order = [trainer._dataset.item_id_to_ix[f"q{j}"] for j in range(X.shape[1])]
    a, b = np.exp(found["loc_slope"][order]), found["loc_diff"][order]
    return seconds, loglik(X, _coef(a * sd, (b - mean) / sd))


def _coef(a, b):
    d = -a[:, None] * b.reshape(len(a), -1)
    return {"a1": a, "d": d[:, 0], **{f"d{k + 1}": d[:, k] for k in range(d.shape[1])}}


SCRIPT = """
library(mirt); a <- commandArgs(TRUE); X <- as.matrix(read.csv(a[1])); j <- ncol(X)
spec <- if (a[2] == "3PL") sprintf("F = 1-%d\\nPRIOR = (1-%d, g, norm, -1.386, 0.5)", j, j) else 1
s <- system.time(m <- mirt(X, spec, a[2], quadpts = 61, verbose = FALSE))
write.csv(coef(m, simplify = TRUE)$items, a[3]); cat(s["elapsed"])
"""


def r_mirt(X, kind):
    with tempfile.TemporaryDirectory() as folder:
        data, script, out = (Path(folder) / name for name in ("x.csv", "fit.R", "out.csv"))
        names = ",".join(f"i{j}" for j in range(X.shape[1]))
        np.savetxt(data, X, fmt="%d", delimiter=",", header=names, comments="")
        script.write_text(SCRIPT)
        done = subprocess.run(["Rscript", script, data, kind, out], capture_output=True, text=True, check=True)
        header, *rows = out.read_text().replace('"', "").splitlines()
        columns = dict(zip(header.split(",")[1:], np.array([row.split(",")[1:] for row in rows], float).T, strict=True))
    return float(done.stdout.split()[-1]), loglik(X, columns)


def peers():
    found = {"emkit 61 nodes": ours(SAME), "emkit default": ours(None)}
    if (
        shutil.which("Rscript")
        and subprocess.run(["Rscript", "-e", "library(mirt)"], check=False, capture_output=True).returncode == 0
    ):
        found["R mirt"] = r_mirt
    for name, run in (("mirt", python_mirt), ("girth", girth), ("py_irt", py_irt)):
        try:
            __import__(name)
        except ImportError:
            continue
        found[{"mirt": "Python mirt", "py_irt": "py-irt"}.get(name, name)] = run
    return found


def main():
    chosen = sys.argv[1:] or list(CASES)
    runs = peers()
    print(f"{'case':12s} {'package':16s} {'seconds':>9s} {'ratio':>7s} {'log-likelihood':>16s}")
    for name in chosen:
        make, kind = CASES[name]
        X = make()
        times, reached = {who: [] for who in runs}, {}
        for repeat in range(3):
            for who, run in runs.items():
                is_unable = (kind == "3PL" and who == "girth") or (
                    who == "py-irt" and (kind != "2PL" or len(X) > 20_000)
                )
                if is_unable or (repeat and sum(times[who]) > SLOW):
                    continue
                seconds, reached[who] = run(X, kind)
                times[who].append(seconds)
        base = statistics.median(times["emkit 61 nodes"])
        for who in runs:
            if times[who]:
                seconds = statistics.median(times[who])
                print(f"{name:12s} {who:16s} {seconds:9.3f} {seconds / base:7.1f} {reached[who]:16.4f}")


if __name__ == "__main__":
    main()
