"""Whole rounds on the command line with tables as people have them: fit, draw, save, ask, for models of every kind."""

import csv
import io
import json

import numpy as np
import pytest

import emkit
from emkit.cli import main


def _written(path, columns):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 30)
    size, visits = rng.normal(5 * group, 1).round(3), rng.poisson(2 + 8 * group)
    words = np.array(["no", "yes"])[(rng.random(60) < 0.1 + 0.8 * group).astype(int)]
    answers = (rng.random((60, 4)) < 0.2 + 0.6 * group[:, None]).astype(int)
    _written(tmp_path / "visits.csv", {"size": size, "visits": visits})
    _written(tmp_path / "words.csv", {"p": words, "q": np.roll(words, 1), "r": np.roll(words, 2)})
    _written(tmp_path / "paths.csv", {"who": np.repeat(["ann", "bob"], 30), "size": size})
    _written(tmp_path / "answers.csv", {f"i{j}": answers[:, j] for j in range(4)})
    who = np.tile(["x", "y", "z"], 20)
    _written(tmp_path / "raters.csv", {"item": np.repeat(range(20), 3), "rater": who, "label": words})
    return tmp_path


def _table(capsys):
    header, *body = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, body


def test_a_mixture_of_families_by_name_is_asked_and_sampled(capsys):
    families = ["--families", "visits=poisson,size=gaussian"]
    assert main(["fit", "mixture", "visits.csv", "-k", "2", *families]) == 0
    capsys.readouterr()
    assert main(["predict", "visits.emkit", "visits.csv"]) == 0
    _, body = _table(capsys)
    labels = [row[0] for row in body]
    assert len(set(labels[:30])) == len(set(labels[30:])) == 1
    assert main(["score", "visits.emkit", "visits.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loglik"] == pytest.approx(emkit.load("visits.emkit").fit_.loglik)
    assert main(["sample", "visits.emkit", "-n", "5"]) == 0
    header, body = _table(capsys)
    assert header == ["visits", "size", "component"]
    assert len(body) == 5
    assert all(float(row[0]) == int(float(row[0])) for row in body)


def test_what_is_hidden_in_drawn_answers_is_a_number_not_a_component(capsys):
    assert main(["fit", "irt", "answers.csv", "--model", "rasch"]) in (0, 1)
    capsys.readouterr()
    assert main(["sample", "answers.emkit", "-n", "50"]) == 0
    header, body = _table(capsys)
    assert header == ["i0", "i1", "i2", "i3", "theta"]
    assert abs(np.mean([float(row[-1]) for row in body])) < 0.5


@pytest.mark.parametrize(
    "line",
    [
        "latent-class words.csv -k 2",
        "hmm paths.csv --states 2 --sequence who",
        "dawid-skene raters.csv --item item --rater rater --label label",
        "mixture words.csv -k 2 --families categorical",
    ],
)
def test_tables_with_words_are_drawn(line, capsys, folder):
    model, data, *rest = line.split()
    assert main(["fit", model, data, *rest, "-o", "f.emkit", "--plot", "one.png"]) in (0, 1)
    assert main(["plot", "f.emkit", data, "-o", "two.png"]) == 0
    capsys.readouterr()
    assert (folder / "one.png").stat().st_size > 1000
    assert (folder / "two.png").stat().st_size > 1000


def test_a_factor_analysis_tells_scores(capsys):
    assert main(["fit", "factor-analysis", "iris", "--factors", "1", "-o", "f.emkit"]) in (0, 1)
    capsys.readouterr()
    assert main(["predict", "f.emkit", "iris"]) == 0
    header, body = _table(capsys)
    assert header == ["factor1"]
    rows = emkit.load_data("iris").numeric()[0]
    np.testing.assert_allclose(np.array(body, dtype=float), emkit.load("f.emkit").transform(rows), rtol=1e-12)


def test_sequences_of_nothing_but_words_are_refused(capsys):
    assert main(["fit", "hmm", "words.csv", "--sequence", "p"]) == 2
    err = capsys.readouterr().err
    assert "Expected at least one numeric column in words.csv" in err
    assert err.count("\n") == 1


@pytest.mark.filterwarnings("always")
def test_a_warning_is_said_once(capsys, folder):
    (folder / "huge.csv").write_text("a\n" + "\n".join(f"{value}e300" for value in range(1, 20)))
    main(["fit", "k-means", "huge.csv", "-k", "2"])
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert len(lines) == len(set(lines))


def test_a_negative_seed_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["fit", "k-means", "visits.csv", "--seed", "-3"])
    assert "expected a whole number of at least 0, got '-3'" in capsys.readouterr().err


def test_options_are_named_as_they_are_written(capsys):
    assert main(["fit", "irt", "answers.csv", "-k", "2"]) == 2
    err = capsys.readouterr().err
    assert "which takes --model, --key" in err


def test_select_tells_programs_that_nothing_was_proper(capsys, folder):
    (folder / "two.csv").write_text("a,b\n1,2\n2,3\n")
    assert main(["select", "two.csv", "-k", "1-2", "--structures", "EEE", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["best"] is None
    assert len(told["cells"]) > 0
