"""Models of answers take files: words where the table is read at once, and few distinct rows of a table of any size."""

import numpy as np
import pandas as pd
import pytest

import emkit
import emkit.labels
import emkit.linkage
from emkit.data import scan
from emkit.errors import DataError

N = 40_000


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, N)
    return pd.DataFrame((rng.random((N, 6)) < np.where(group, 0.8, 0.2)[:, None]).astype(float), columns=list("abcdef"))


def test_latent_classes_of_a_stream_count_equal_rows(frame):
    X = frame.to_numpy()
    source = scan(lambda: (frame[i : i + 9999] for i in range(0, N, 9999)), memory_limit=0)
    here, there = (emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(data) for data in (frame, source))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)
    assert there.fit_.weight == N
    assert there.fit_.source.n_rows <= 64
    assert there.feature_names_in_.tolist() == list("abcdef")
    assert (there.predict(frame) == here.predict(frame)).all()
    weights = np.arange(N) % 3 + 0.5
    heavy = [emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(d, sample_weight=weights) for d in (X, source)]
    assert heavy[1].fit_.loglik == pytest.approx(heavy[0].fit_.loglik, rel=1e-12)


def test_rows_that_all_differ_are_no_answers():
    X = np.random.default_rng(0).normal(size=(N, 3))
    with pytest.raises(DataError, match="nearly all of the 40000 rows differ from one another"):
        emkit.LatentClassAnalysis(2).fit(scan(lambda: iter([X]), memory_limit=0))


def test_latent_classes_of_a_dask_frame(frame):
    dd = pytest.importorskip("dask.dataframe")
    here = emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(frame)
    there = emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(dd.from_pandas(frame, npartitions=3))
    assert there.fit_.loglik == pytest.approx(here.fit_.loglik, rel=1e-12)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_models_of_answers_take_paths(kind, frame, tmp_path):
    small = frame[:500].replace({1.0: "yes", 0.0: "no"})
    path, numbers = tmp_path / f"words.{kind}", tmp_path / f"numbers.{kind}"
    for table, place in ((small, path), (frame[:500], numbers)):
        table.to_csv(place, index=False) if kind == "csv" else table.to_parquet(place)
    words, given = (emkit.LatentClassAnalysis(2, random_state=0, n_init=2).fit(data) for data in (path, small))
    assert words.fit_.loglik == given.fit_.loglik
    assert (words.predict(str(path)) == given.predict(small)).all()
    for make, table in (
        (lambda: emkit.ItemResponseModel(random_state=0), frame[:500]),
        (lambda: emkit.linkage.FellegiSunter(random_state=0), frame[:500]),
        (lambda: emkit.DawidSkene(layout="matrix", random_state=0), frame[:500]),
    ):
        assert make().fit(numbers).fit_.loglik == pytest.approx(make().fit(table).fit_.loglik, rel=1e-12)
