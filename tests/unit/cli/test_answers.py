"""The commands that ask something of a saved fit."""

import csv
import io
import json

import numpy as np
import pytest

import emkit
from emkit.cli import main


@pytest.fixture(scope="module")
def mixture():
    return emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful"))


@pytest.fixture(autouse=True)
def saved(mixture, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    emkit.save(mixture, "some.emkit")


@pytest.fixture
def rows(capsys):
    """Run a command and return the rows of the CSV it prints."""

    def run(*line):
        assert main(line) == 0
        return list(csv.reader(io.StringIO(capsys.readouterr().out)))

    return run


def test_predict_gives_the_component_as_numbered_in_the_tables(mixture, faithful, rows):
    header, *body = rows("predict", "some.emkit", "faithful")
    assert header == ["component", "prob_1", "prob_2"]
    numbers = np.array(body, dtype=float)
    np.testing.assert_array_equal(numbers[:, 0], mixture.predict(mixture_rows()) + 1)
    np.testing.assert_array_equal(numbers[:, 1:], mixture.predict_proba(mixture_rows()))


def mixture_rows():
    return emkit.load_data("faithful")


def test_predict_writes_a_file_and_finds_its_columns_among_others(mixture, faithful, tmp_path):
    lines = ["waiting,who,eruptions", *(f"{w!r},x,{e!r}" for e, w in faithful.tolist())]
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    assert main(["predict", "some.emkit", "new.csv", "--out", "out.csv"]) == 0
    table = emkit.data.read_table("out.csv")
    np.testing.assert_array_equal(table["component"], mixture.predict(mixture_rows()) + 1)


def test_predict_takes_columns_by_order_where_the_file_has_other_names(mixture, faithful, tmp_path, rows):
    np.save(tmp_path / "new.npy", faithful)
    _, *body = rows("predict", "some.emkit", "new.npy", "--columns", "x1,x2")
    assert [int(row[0]) for row in body] == (mixture.predict(mixture_rows()) + 1).tolist()


def test_predict_json(mixture, capsys):
    main(["predict", "some.emkit", "faithful", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["component"] == (mixture.predict(mixture_rows()) + 1).tolist()


def test_score_is_the_log_likelihood_of_the_fit(mixture, rows, capsys):
    header, values = rows("score", "some.emkit", "faithful")
    told = dict(zip(header, values, strict=True))
    assert float(told["loglik"]) == pytest.approx(mixture.fit_.loglik, rel=1e-12)
    assert float(told["mean_log_density"]) == pytest.approx(mixture.score(mixture_rows()), rel=1e-12)
    main(["score", "some.emkit", "faithful", "--json"])
    assert json.loads(capsys.readouterr().out)["rows"] == 272


def test_score_of_each_row(mixture, rows):
    header, *body = rows("score", "some.emkit", "faithful", "--each")
    assert header == ["log_density"]
    np.testing.assert_array_equal([float(row[0]) for row in body], mixture.score_samples(mixture_rows()))


def test_score_with_weights_is_that_of_repeated_rows(mixture, faithful, tmp_path, rows):
    lines = ["eruptions,waiting,n", *(f"{e!r},{w!r},{i % 3}" for i, (e, w) in enumerate(faithful.tolist()))]
    (tmp_path / "new.csv").write_text("\n".join(lines) + "\n")
    header, values = rows("score", "some.emkit", "new.csv", "--weights", "n")
    told = dict(zip(header, values, strict=True))
    repeated = np.repeat(faithful, np.arange(272) % 3, axis=0)
    names = {"eruptions": repeated[:, 0], "waiting": repeated[:, 1]}
    assert float(told["rows"]) == len(repeated)
    assert float(told["loglik"]) == pytest.approx(mixture.score_samples(names).sum(), rel=1e-12)


def test_sample_is_that_of_the_estimator_with_the_seed(mixture, rows):
    header, *body = rows("sample", "some.emkit", "--rows", "7", "--seed", "3")
    assert header == ["eruptions", "waiting", "component"]
    X, labels = mixture.sample(7, random_state=3)
    np.testing.assert_array_equal(np.array(body, dtype=float), np.column_stack([X, labels + 1]))
    assert rows("sample", "some.emkit", "--rows", "7", "--seed", "4")[1:] != body


def test_show_prints_the_summary(mixture, capsys):
    assert main(["show", "some.emkit"]) == 0
    assert capsys.readouterr().out == mixture.summary() + "\n"
    main(["show", "some.emkit", "--json"])
    assert json.loads(capsys.readouterr().out)["loglik"] == mixture.fit_.loglik


def test_plot_draws_a_saved_fit(tmp_path, capsys):
    assert main(["plot", "some.emkit", "faithful", "--out", "some.svg"]) == 0
    assert "<svg" in (tmp_path / "some.svg").read_text()
    assert "some.svg" in capsys.readouterr().out


def test_datasets_lists_every_set_within_the_width(capsys):
    assert main(["datasets"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for entry in emkit.data_sets():
        assert f"\n  {entry.name} " in out
    main(["datasets", "--json"])
    assert [entry["name"] for entry in json.loads(capsys.readouterr().out)] == [s.name for s in emkit.data_sets()]


def test_dataset_tells_its_columns_and_source(capsys):
    assert main(["datasets", "iris"]) == 0
    out = capsys.readouterr().out
    assert "Petal.Width, Species (text)" in out
    assert "Fisher (1936)" in out
