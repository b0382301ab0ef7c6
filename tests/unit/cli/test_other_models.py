"""k-means and the density of one column on the command line."""

import csv
import io
import json

import numpy as np
import pytest

import emkit
from emkit.cli import main
from emkit.cli.models import MODELS


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(capsys):
    header, *body = csv.reader(io.StringIO(capsys.readouterr().out))
    return header, np.array(body, dtype=float)


def test_k_means_is_fitted_saved_and_asked(capsys):
    assert main(["fit", "k-means", "iris", "-k", "3", "--starts", "4", "--plot", "iris.svg"]) == 0
    told = capsys.readouterr().out
    assert "KMeans(n_clusters=3, n_init=4, random_state=0)" in told
    assert "Centers\n  cluster  Sepal.Length  Sepal.Width  Petal.Length  Petal.Width\n" in told
    assert "Inertia          78.8514" in told
    kmeans = emkit.KMeans(3, n_init=4, random_state=0).fit(emkit.load_data("iris").numeric()[0])
    assert main(["predict", "iris.emkit", "iris"]) == 0
    header, body = table(capsys)
    assert header == ["component"]
    np.testing.assert_array_equal(body[:, 0], kmeans.labels_ + 1)


def test_density_is_fitted_saved_and_asked(folder, capsys):
    assert main(["fit", "density", "galaxies", "--plot", "galaxies.svg"]) == 0
    told = capsys.readouterr().out
    density = emkit.density(emkit.load_data("galaxies"))
    assert "Modes: " in told
    assert "<- chosen" in told
    assert "<svg" in (folder / "galaxies.svg").read_text()
    assert main(["score", "galaxies.emkit", "galaxies", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["loglik"] == pytest.approx(density.mixture_.fit_.loglik, rel=1e-12)
    assert main(["predict", "galaxies.emkit", "galaxies"]) == 0
    assert table(capsys)[1].shape == (82, 1 + density.n_components)
    assert main(["sample", "galaxies.emkit", "--rows", "5"]) == 0
    header, body = table(capsys)
    assert header[-1] == "component"
    np.testing.assert_array_equal(body[:, 0], density.sample(5, random_state=0))
    assert main(["show", "galaxies.emkit", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["modes"] == density.modes().tolist()
    assert told["selection"]["bic"] == density.selection_.to_dict()["bic"]


def test_density_takes_components_columns_and_weights(folder, capsys):
    (folder / "x.csv").write_text("x,n\n" + "".join(f"{x / 7},{x % 3}\n" for x in range(60)))
    assert main(["fit", "density", "x.csv", "--columns", "x", "--weights", "n", "-k", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["weight"] == sum(x % 3 for x in range(60))
    assert len(told["parameters"]["mix"]) == 2


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_model_is_in_the_help(entry, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    assert f"  {entry.name} " in capsys.readouterr().out


@pytest.mark.parametrize("name", ["gaussian-mixture", "student-mixture", "k-means", "hmm", "principal-components"])
def test_models_of_components_fit(name, capsys):
    size = "--states" if name == "hmm" else "-k"
    count = "1" if name == "principal-components" else "2"
    assert main(["fit", name, "faithful", size, count, "--no-save"]) == 0
    assert "converged" in capsys.readouterr().out
