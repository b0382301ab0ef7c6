"""Predictions for tables of any size, written block by block."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import emkit
from emkit.cli import main, streaming


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40_000, 2)) + 4.0 * (rng.random((40_000, 1)) < 0.5)


@pytest.fixture(scope="module")
def mixture(X):
    table = pa.table({"b": X[:, 1], "a": X[:, 0]})
    return emkit.GaussianMixture(2, random_state=0, n_init=1).fit(table.select(["a", "b"]))


@pytest.fixture(autouse=True)
def files(X, mixture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    emkit.save(mixture, "fit.emkit")
    pq.write_table(pa.table({"b": X[:, 1], "id": np.arange(len(X)), "a": X[:, 0]}), "rows.parquet", row_group_size=9999)


def test_parquet_in_parquet_out(X, mixture):
    assert main(["predict", "fit.emkit", "rows.parquet", "--out", "labels.parquet"]) == 0
    found = pq.read_table("labels.parquet")
    assert found.column_names == ["component", "prob_1", "prob_2"]
    assert (found["component"].to_numpy() == mixture.predict(X) + 1).all()
    np.testing.assert_allclose(found["prob_2"].to_numpy(), mixture.predict_proba(X)[:, 1], rtol=1e-12)


def test_large_files_are_written_block_by_block(X, mixture, monkeypatch):
    monkeypatch.setattr(streaming, "_LARGE", 1000)
    assert main(["predict", "fit.emkit", "rows.parquet", "--out", "labels.csv"]) == 0
    header, *rows = csv.reader(Path("labels.csv").read_text().splitlines())
    assert header == ["component", "prob_1", "prob_2"]
    assert (np.array([int(row[0]) for row in rows]) == mixture.predict(X) + 1).all()


def test_nothing_is_left_of_a_failure(X, tmp_path, capsys):
    (tmp_path / "labels.parquet").write_bytes(b"before")
    bad = X.copy()
    bad[30_000, 0] = np.inf
    pq.write_table(pa.table({"a": bad[:, 0], "b": bad[:, 1]}), "bad.parquet")
    assert main(["predict", "fit.emkit", "bad.parquet", "--out", "labels.parquet"]) == 2
    assert "bad.parquet" in capsys.readouterr().err
    assert (tmp_path / "labels.parquet").read_bytes() == b"before"
    assert not list(tmp_path.glob(".*tmp"))
    assert main(["predict", "fit.emkit", "rows.parquet", "--out", "none/labels.parquet"]) == 2
    assert "there is no folder 'none'" in capsys.readouterr().err


def test_shipped_tables_too(tmp_path):
    emkit.save(emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful")), "faithful.emkit")
    assert main(["predict", "faithful.emkit", "faithful", "--out", "faithful.parquet"]) == 0
    assert pq.read_table("faithful.parquet").num_rows == 272
