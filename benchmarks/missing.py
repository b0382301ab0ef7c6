"""Missing entries, 10000 x 20 with a fifth missing at random: emkit against scikit-learn, and Amelia and lavaan of R.

Times are CPU seconds on one thread, the best of some runs. Those of R are of the call alone, without the start of R.
"""

import csv
import json
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from emkit.data import as_source
from emkit.families.normal import NormalParameters
from emkit.missing import EMImputer, MultivariateNormal

_R = """
suppressMessages({library(Amelia); library(lavaan)})
x <- as.matrix(read.csv("rows.csv"))
took <- function(f) { t <- system.time(r <- f()); list(seconds = unname(t[1] + t[2]), result = r) }
lav <- took(function() lavaan:::lav_mvnorm_missing_h1_estimate_moments(
  Y = x, Mp = lavaan:::lav_data_missing_patterns(x)))
ame <- took(function() amelia(x, m = 1, boot.type = "none", p2s = 0))
write.csv(lav$result$Mu, "mean.csv", row.names = FALSE)
write.csv(lav$result$Sigma, "cov.csv", row.names = FALSE)
cat(sprintf('{"lavaan": %f, "Amelia": %f}', lav$seconds, ame$seconds))
"""


def timed(call, repeats):
    """Give the result of a call and its best CPU time."""
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call()
        seconds.append(time.process_time() - began)
    return result, min(seconds)


def rows_of():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 6)) @ rng.normal(size=(6, 20)) + 0.7 * rng.normal(size=(10_000, 20))
    hidden = rng.random(X.shape) < 0.2
    return X, hidden, np.where(hidden, np.nan, X)


def imputers(X, hidden, rows):
    base = None
    for name, make, repeats in (
        ("EMImputer", lambda: EMImputer(n_threads=1), 7),
        ("IterativeImputer", lambda: IterativeImputer(random_state=0), 3),
        ("IterativeImputer, 50 rounds", lambda: IterativeImputer(random_state=0, max_iter=50, tol=1e-4), 1),
    ):
        done, seconds = timed(lambda make=make: make().fit_transform(rows), repeats)
        base = base or seconds
        error = np.sqrt(np.mean((done - X)[hidden] ** 2))
        print(f"{name:28} {1e3 * seconds:9.1f} ms  error {error:.6f}  ratio {seconds / base:.1f}")


def estimates(rows):
    model, seconds = timed(lambda: MultivariateNormal(n_threads=1).fit(rows), 7)
    print(f"{'MultivariateNormal':28} {1e3 * seconds:9.1f} ms  log-likelihood {model.fit_.loglik:.6f}")
    if shutil.which("Rscript") is None:
        print("no R here: Amelia and lavaan are left out")
        return
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        with (here / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([f"x{j}" for j in range(rows.shape[1])])
            writer.writerows([["NA" if np.isnan(v) else repr(v) for v in row] for row in rows.tolist()])
        told = subprocess.run(["Rscript", "-e", _R], cwd=here, capture_output=True, text=True, check=False)
        if told.returncode:
            print(told.stderr)
            return
        mean = np.loadtxt(here / "mean.csv", skiprows=1, delimiter=",")
        cov = np.loadtxt(here / "cov.csv", skiprows=1, delimiter=",")
    found = json.loads(told.stdout[told.stdout.index("{") :])
    block = next(as_source(rows).blocks())
    loglik = model.model_.e_step(NormalParameters(mean, np.ascontiguousarray(cov)), block).loglik
    for name, peer in found.items():
        note = f"log-likelihood {loglik:.6f}" if name == "lavaan" else "its own stopping rule"
        print(f"{name:28} {1e3 * peer:9.1f} ms  {note}  ratio {peer / seconds:.1f}")


def main():
    X, hidden, rows = rows_of()
    imputers(X, hidden, rows)
    estimates(rows)


if __name__ == "__main__":
    main()
