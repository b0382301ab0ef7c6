"""Tables: which columns a fit takes; and the shipped data sets."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from emkit.data import Table, as_source, data_sets, load
from emkit.errors import DataError


@pytest.fixture
def table():
    colours = np.array(["red", None, "blue"], dtype=object)
    return Table(
        {"height": np.array([1.0, 2.0, np.nan]), "colour": colours, "width": np.array([4.0, 5.0, 6.0])},
        "t.csv",
    )


def test_all_numeric_columns_by_default(table):
    X, names = table.numeric()
    np.testing.assert_array_equal(X, [[1, 4], [2, 5], [np.nan, 6]])
    assert names == ("height", "width")
    assert table.skipped == ("colour",)
    assert X.flags.c_contiguous


def test_columns_asked_for_in_their_order(table):
    X, names = table.numeric(["width", "height"])
    assert names == ("width", "height")
    np.testing.assert_array_equal(X[:, 0], [4, 5, 6])
    assert table.numeric("width")[0].shape == (3, 1)


def test_unknown_column(table):
    message = r"no column 'heigth' in t.csv. Did you mean 'height'.* The columns are: 'height', 'colour', 'width'"
    with pytest.raises(DataError, match=message):
        table.numeric(["heigth"])
    with pytest.raises(DataError, match="no column 'q'"):
        table["q"]
    with pytest.raises(DataError, match="no column 'q'"):
        table.select(["width", "q"])


def test_text_column_asked_for(table):
    with pytest.raises(DataError, match=r"Column 'colour' holds text, such as 'red' in row 0.*Drop it"):
        table.numeric(["width", "colour"])


def test_no_numeric_column(table):
    with pytest.raises(DataError, match=r"at least one numeric column in t.csv.*'colour'.*decimal=','"):
        table.select("colour").numeric()


def test_facts(table):
    assert len(table) == table.n_rows == 3
    assert table.names == ("height", "colour", "width")
    assert repr(table) == "Table('t.csv', 3 rows: height, colour (text), width)"
    assert table["colour"].tolist() == ["red", None, "blue"]
    assert table.select(["width", "height"]).names == ("width", "height")
    assert Table({}).n_rows == 0


def test_a_table_is_a_mapping_of_columns_at_the_door(table):
    assert as_source(table.select(["height", "width"]).columns).feature_names == ("height", "width")


def test_to_frame_takes_the_library_that_is_loaded(table):
    pandas = pytest.importorskip("pandas")
    frame = table.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["colour"].isna().tolist() == [False, True, False]
    assert list(frame.columns) == ["height", "colour", "width"]


def test_to_frame_by_polars_alone():
    pytest.importorskip("polars")
    code = (
        "import sys, polars\n"
        "from emkit.data import load\n"
        "frame = load('iris').to_frame()\n"
        "assert isinstance(frame, polars.DataFrame) and frame.shape == (150, 5)\n"
        "assert frame['Species'][149] == 'virginica'\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_to_frame_with_neither_library(table, monkeypatch):
    import_module = importlib.import_module

    def without(name, *arguments):
        if name in {"pandas", "polars"}:
            raise ImportError(name)
        return import_module(name, *arguments)

    monkeypatch.setattr("importlib.import_module", without)
    with pytest.raises(DataError, match=r"pip install emkit\[tables\]"):
        table.to_frame()


@pytest.mark.parametrize("entry", data_sets(), ids=lambda entry: entry.name)
def test_shipped_sets_are_as_described(entry):
    table = load(entry.name)
    X, _ = table.numeric()
    assert X.shape == (entry.n, entry.d)
    assert np.isfinite(X).all() or "not measured" in entry.description
    assert len(entry.description) > 20
    assert any(year in entry.source for year in ("(19", "(20"))


@pytest.mark.parametrize(
    ("name", "columns", "total"),
    [
        ("acidity", ("acidity",), 791.289947),
        ("enzyme", ("activity",), 152.452),
        ("faithful", ("eruptions", "waiting"), 948.677 + 19284),
        ("galaxies", ("velocity",), 1707.910),
        ("hasselblad_deaths", ("deaths", "freq"), 45 + 1096),
        ("iris", ("Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"), 2078.7),
    ],
)
def test_shipped_values(name, columns, total):
    X, names = load(name).numeric()
    assert names == columns
    assert X.sum() == pytest.approx(total, rel=1e-9)


def test_labels_come_along():
    assert {*load("iris")["Species"]} == {"setosa", "versicolor", "virginica"}
    classes, counts = np.unique(load("diabetes")["class"].astype(str), return_counts=True)
    assert dict(zip(classes, counts, strict=True)) == {"Chemical": 36, "Normal": 76, "Overt": 33}


def test_unknown_set():
    with pytest.raises(DataError, match=r"no shipped data set 'faithfull'. Did you mean 'faithful'"):
        load("faithfull")
