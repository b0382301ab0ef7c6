"""Tables compared inside DuckDB."""

import numpy as np
import pandas as pd
import pytest

from emkit.errors import DataError, ParameterError
from emkit.linkage import Exact, FellegiSunter, JaroWinkler, Levenshtein, compare_pairs, count_patterns

pytest.importorskip("duckdb")

LEFT = pd.DataFrame({"name": ["martha", "dwayne", None, "anna"], "born": [1950, 1960, 1970, np.nan]})
RIGHT = pd.DataFrame({"name": ["marhta", "duane", "anna"], "born": [1950, 1961, 1970]})


def test_levels_by_similarity_and_edits():
    pairs = compare_pairs(LEFT, RIGHT, comparisons=[JaroWinkler("name", (0.9, 0.8)), Exact("born")])
    level = {(i, j): (n, b) for i, j, n, b in zip(*(pairs[c].tolist() for c in pairs.names), strict=True)}
    assert len(level) == 12
    assert level[0, 0] == (2, 1)  # .961 by Jaro and Winkler
    assert level[1, 1] == (1, 0)  # .84
    assert level[2, 2] == (-1, 1)
    assert level[3, 2] == (3, -1)
    edits = compare_pairs(LEFT, RIGHT, comparisons=[Levenshtein("name", (1, 2))])
    assert edits["gamma_name"][0] == 1  # two letters exchanged are two edits


def test_counts_are_those_of_the_pairs_and_each_pair_counts_once():
    comparisons = [Exact("name"), Exact("born")]
    blocks = ["born", ("name", "born"), "name"]
    pairs = compare_pairs(LEFT, RIGHT, comparisons=comparisons, block_on=blocks)
    assert sorted(zip(pairs["left"], pairs["right"], strict=True)) == [(0, 0), (2, 2), (3, 2)]
    table = count_patterns(LEFT, RIGHT, comparisons=comparisons, block_on=blocks)
    assert table["n"].sum() == 3
    assert len(count_patterns(LEFT, comparisons=comparisons)["n"]) <= 6
    assert count_patterns(LEFT, comparisons=comparisons)["n"].sum() == 6


def test_patterns_go_into_the_fit():
    rng = np.random.default_rng(0)
    names = rng.choice([f"name{i}" for i in range(200)], 300)
    people = pd.DataFrame({"name": names, "born": rng.integers(1930, 2000, 300), "town": rng.integers(0, 20, 300)})
    again = people.sample(150, random_state=0).assign(town=lambda t: t["town"].where(rng.random(150) < 0.9, 99))
    table = count_patterns(people, again, comparisons=[Exact("name"), Exact("born"), Exact("town")])
    model = FellegiSunter(random_state=0).fit(table)
    assert model.match_share_ == pytest.approx(1 / 300, rel=0.1)


def test_mistakes_are_told():
    with pytest.raises(DataError, match="there is no field 'street'"):
        count_patterns(LEFT, RIGHT, comparisons=[Exact("street")])
    with pytest.raises(ParameterError, match="`comparisons` is empty"):
        count_patterns(LEFT, RIGHT, comparisons=[])
    with pytest.raises(ParameterError, match="`similarities` must lie between"):
        count_patterns(LEFT, RIGHT, comparisons=[JaroWinkler("name", (90,))])
