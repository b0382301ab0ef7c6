"""Turnbull's estimate: emkit beside `survfit` of R's survival (EM to its own tolerance), on the same intervals.

Current-status visits: a Weibull time known to lie between two of five visits. Needs R with the package survival. Prints
seconds (median of three, process time), and the log-likelihood of each at its answer, by emkit's own formula.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import emkit

_R = """
suppressMessages(library(survival))
d <- read.csv("{rows}")
d$high[is.na(d$high)] <- Inf
seconds <- system.time(s <- survfit(Surv(low, high, type = "interval2") ~ 1, data = d))[["user.self"]]
write.csv(data.frame(time = s$time, surv = s$surv), "{curve}", row.names = FALSE)
cat(seconds)
"""


def _inspected(n, digits, seed=0):
    rng = np.random.default_rng(seed)
    value, visits = rng.weibull(1.5, n), np.sort(rng.uniform(0, 2, (n, 5)).round(digits), axis=1)
    low = np.where(visits < value[:, None], visits, 0.0).max(axis=1)
    return np.column_stack([low, np.where(visits >= value[:, None], visits, np.inf).min(axis=1)])


def _ours(rows):
    spent = []
    for _ in range(3):
        began = time.process_time()
        curve = emkit.Turnbull(n_threads=1).fit(rows)
        spent.append(time.process_time() - began)
    return float(np.median(spent)), curve


def _theirs(rows):
    with tempfile.TemporaryDirectory() as folder:
        path, curve = Path(folder) / "rows.csv", Path(folder) / "curve.csv"
        np.savetxt(path, np.where(np.isinf(rows), np.nan, rows), "%.17g", ",", header="low,high", comments="")
        path.write_text(path.read_text().replace("nan", "NA"))
        done = subprocess.run(
            ["Rscript", "-e", _R.format(rows=path, curve=curve)], capture_output=True, text=True, check=True
        )
        table = np.genfromtxt(curve, delimiter=",", skip_header=1)
    return float(done.stdout), table


def _loglik(rows, low, high):
    """Return the log-likelihood of a survival curve given before and after each row's interval."""
    return float(np.log(low - high).sum())


def main():
    """Print the table."""
    sizes = [int(word) for word in sys.argv[1:]] or [200, 1000, 3000]
    print("     n  emkit s  survfit s   ratio  loglik emkit - survfit  emkit's proven gap")
    for n in sizes:
        rows = _inspected(n, 2)
        spent, curve = _ours(rows)
        peer, table = _theirs(rows)
        at = np.concatenate([[1.0], table[:, 1]])
        before = at[np.searchsorted(table[:, 0], rows[:, 0], side="right")]
        after = np.where(np.isinf(rows[:, 1]), 0.0, at[np.searchsorted(table[:, 0], rows[:, 1], side="right")])
        gain = curve.fit_.loglik - _loglik(rows, before, after)
        print(f"{n:6d}  {spent:7.3f}  {peer:9.3f}  {peer / spent:6.1f}  {gain:22.6f}  {curve.gap_:18.2g}")


if __name__ == "__main__":
    main()
