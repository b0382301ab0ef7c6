"""Fellegi-Sunter's EM beside Splink's, on the same patterns of comparison, at equal or better log-likelihood.

    python benchmarks/linkage.py left.csv right.csv      (the two files of FEBRL 4)

Needs `pip install splink pandas`. Timed is Splink's EM alone (its function `expectation_maximisation`, on patterns that
have been counted), and emkit's fit from one start and from many. Splink stops when no probability moves more than
`em_convergence`; its log-likelihood is worked out from its m, u and share.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time

import numpy as np
import pandas as pd
import splink.internals.comparison_library as cl
import splink.internals.em_training_session as session
from splink import Linker, SettingsCreator, block_on
from splink.internals.duckdb.database_api import DuckDBAPI

import emkit
from emkit.linkage import Exact, JaroWinkler, count_patterns

FIELDS = ("surname", "date_of_birth", "suburb", "state", "address_1")
RUNS = 5


def splink_fit(left: pd.DataFrame, right: pd.DataFrame, convergence: float) -> tuple[dict, float]:
    """Return the parameters by field and the seconds of Splink's EM."""
    seconds, inner = [], session.expectation_maximisation

    def watched(*arguments, **options):
        began = time.perf_counter()
        found = inner(*arguments, **options)
        seconds.append(time.perf_counter() - began)
        return found

    session.expectation_maximisation = watched
    exact = [cl.ExactMatch(field) for field in FIELDS[1:]]
    settings = SettingsCreator(
        link_type="link_only",
        unique_id_column_name="rec_id",
        comparisons=[cl.JaroWinklerAtThresholds("surname", [0.9, 0.7]), *exact],
        em_convergence=convergence,
        max_iterations=1000,
    )
    database = DuckDBAPI()
    linker = Linker([database.register(left), database.register(right)], settings, log_level=logging.ERROR)
    trained = linker.training.estimate_parameters_using_expectation_maximisation(
        block_on("given_name"), fix_u_probabilities=False, fix_probability_two_random_records_match=False
    )
    session.expectation_maximisation = inner
    core = trained.core_model_settings
    found = {"share": core.probability_two_random_records_match}
    for comparison in core.comparisons:
        levels = [level for level in comparison.comparison_levels if not level.is_null_level]
        levels.sort(key=lambda level: level.comparison_vector_value)
        found[comparison.output_column_name] = [(level.m_probability, level.u_probability) for level in levels]
    return found, seconds[0]


def loglik_of(found: dict, patterns: pd.DataFrame) -> float:
    """Return the log-likelihood of Splink's parameters."""
    match, other = np.full(len(patterns), found["share"]), np.full(len(patterns), 1 - found["share"])
    for field in FIELDS:
        level = patterns[f"gamma_{field}"].to_numpy()
        table = np.array([*found[field], (1.0, 1.0)], dtype=float)  # the last is for -1: not compared
        match, other = match * table[level, 0], other * table[level, 1]
    return float(patterns["n"] @ np.log(match + other))


def timed(run):
    """Return what `run` gives and the median of its wall-clock seconds."""
    seconds, given = [], None
    for _ in range(RUNS):
        began = time.perf_counter()
        given = run()
        seconds.append(time.perf_counter() - began)
    return given, statistics.median(seconds)


def main() -> None:
    left, right = (pd.read_csv(path, dtype=str) for path in sys.argv[1:3])
    comparisons = [JaroWinkler("surname"), *(Exact(field) for field in FIELDS[1:])]
    patterns = count_patterns(left, right, comparisons=comparisons, block_on=["given_name"]).to_frame()
    one, one_seconds = timed(lambda: emkit.FellegiSunter(n_init=1, random_state=0).fit(patterns))
    many, many_seconds = timed(lambda: emkit.FellegiSunter(random_state=0).fit(patterns))
    print(f"{len(patterns)} patterns of {patterns['n'].sum()} pairs")
    for convergence in (1e-4, 1e-7):
        runs = [splink_fit(left, right, convergence) for _ in range(RUNS)]
        peer = statistics.median(seconds for _, seconds in runs)
        print(f"splink, em_convergence {convergence:g}: {peer:.3f} s   {loglik_of(runs[0][0], patterns):.4f}")
        for label, model, seconds in (("one start", one, one_seconds), ("default", many, many_seconds)):
            print(f"  emkit, {label}: {seconds:.4f} s   {model.fit_.loglik:.4f}   {peer / seconds:.1f} times as fast")


if __name__ == "__main__":
    main()
