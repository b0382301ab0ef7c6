"""Files of every kind to tables, and what is said of a file that cannot be read."""

import csv
import gzip
import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emkit.data import read_table, text
from emkit.errors import DataError

COLUMNS = {"a": np.array([1.0, 2.5, np.nan]), "b": np.array([3.0, 4.0, 5.0])}


def read(tmp_path, content, name="t.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def assert_columns(table, **expected):
    assert table.names == tuple(expected)
    for name, values in expected.items():
        if all(isinstance(value, float | int) for value in values):
            np.testing.assert_array_equal(table[name], np.array(values, dtype=float))
        else:
            assert table[name].tolist() == values


class TestText:
    def test_header_missing_and_text(self, tmp_path):
        table = read(tmp_path, "a,b,who\n1,2.5,x\n,-3e2,NA\nNA,nan,y\n")
        assert_columns(table, a=[1, np.nan, np.nan], b=[2.5, -300, np.nan], who=["x", None, "y"])

    @pytest.mark.parametrize("spelled", ["", "NA", "N/A", "NaN", "nan", "null", "?", ".", " NA "])
    def test_spellings_of_missing(self, tmp_path, spelled):
        assert_columns(read(tmp_path, f"a,b\n1,2\n{spelled},3\n"), a=[1, np.nan], b=[2, 3])

    @pytest.mark.parametrize(
        ("content", "name"),
        [
            ("a\tb\n1\t2\n", "t.tsv"),
            ("a;b\n1;2\n", "t.csv"),
            ("a|b\n1|2\n", "t.txt"),
            ("a   b\n 1  2\n", "t.dat"),
        ],
    )
    def test_delimiters_are_found(self, tmp_path, content, name):
        assert_columns(read(tmp_path, content, name), a=[1], b=[2])

    def test_delimiter_given(self, tmp_path):
        assert_columns(read(tmp_path, "a:b\n1:2\n", delimiter=":"), a=[1], b=[2])

    @pytest.mark.parametrize("text", ["a;b\n1,5;2\n3;-4,25\n", "a\tb\n1,5\t2\n3\t-4,25\n", "a b\n1,5 2\n3 -4,25\n"])
    def test_decimal_comma_is_found_out(self, tmp_path, text):
        assert_columns(read(tmp_path, text), a=[1.5, 3], b=[2, -4.25])

    def test_thousands_are_no_decimals(self, tmp_path):
        assert_columns(read(tmp_path, "a;b\n1,234;2\n3,456;4\n"), a=["1,234", "3,456"], b=[2, 4])
        assert_columns(read(tmp_path, "a;b\n1,5;2.5\n3,4;4\n"), a=["1,5", "3,4"], b=[2.5, 4])

    def test_utf16_is_found_out_by_its_mark(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text("größe\tb\n1,5\t2\n", encoding="utf-16")
        table = read_table(path)
        assert_columns(table, größe=[1.5], b=[2])

    def test_decimal_comma(self, tmp_path):
        assert_columns(read(tmp_path, "a;b\n1,5;2\n3;-4,25\n", decimal=","), a=[1.5, 3], b=[2, -4.25])

    def test_quotes(self, tmp_path):
        table = read(tmp_path, '"size, cm","he said ""hi"""\n"1.5","a,b"\n2,"two\nlines"\n')
        assert_columns(table, **{"size, cm": [1.5, 2], 'he said "hi"': ["a,b", "two\nlines"]})

    def test_no_header(self, tmp_path):
        assert_columns(read(tmp_path, "1,2\n3,4\n"), x1=[1, 3], x2=[2, 4])
        assert_columns(read(tmp_path, "setosa,1\nvirginica,2\n"), x1=["setosa", "virginica"], x2=[1, 2])

    def test_header_given(self, tmp_path):
        assert_columns(read(tmp_path, "2019,2020\n1,2\n", header=True), **{"2019": [1], "2020": [2]})
        assert_columns(read(tmp_path, "a,b\nc,d\n", header=False), x1=["a", "c"], x2=["b", "d"])

    def test_names_blank_and_repeated(self, tmp_path):
        table = read(tmp_path, ",a,a, b \n1,2,3,4\n")
        assert table.names == ("x1", "a", "a_2", "b")

    def test_row_names_as_r_writes_them(self, tmp_path):
        assert_columns(
            read(tmp_path, '"a" "b"\n"1" 3.5 4\n"2" 5 6\n', "t.txt").select(["a", "b"]), a=[3.5, 5], b=[4, 6]
        )
        assert_columns(read(tmp_path, "a,b\nr1,3.5,4\nr2,5,6\n"), row=["r1", "r2"], a=[3.5, 5], b=[4, 6])

    def test_one_column_and_blank_lines(self, tmp_path):
        assert_columns(read(tmp_path, "velocity\n1\n\n2\n\n"), velocity=[1, 2])

    def test_windows_lines_and_byte_order_mark(self, tmp_path):
        assert_columns(read(tmp_path, b"\xef\xbb\xbfa,b\r\n1,2\r\n"), a=[1], b=[2])

    def test_truth_values(self, tmp_path):
        assert_columns(read(tmp_path, "a,b\nTRUE,x\nFALSE,TRUE\nNA,y\n"), a=[1, 0, np.nan], b=["x", "TRUE", "y"])

    def test_labels_that_python_takes_for_numbers(self, tmp_path):
        assert_columns(read(tmp_path, "a,b\n1,1_000\n2,2_000\n"), a=[1, 2], b=["1_000", "2_000"])

    def test_gzip(self, tmp_path):
        assert_columns(read(tmp_path, gzip.compress(b"a\tb\n1\t2\n"), "t.tsv.gz"), a=[1], b=[2])

    def test_other_encoding(self, tmp_path):
        content = "größe,b\n1,ä\n".encode("latin-1")
        assert_columns(read(tmp_path, content, encoding="latin-1"), größe=[1], b=["ä"])

    def test_text_far_down_a_numeric_column(self, tmp_path):
        n = 3 * text._CHUNK_ROWS
        rows = [f"{i},{i}" for i in range(n)]
        rows[n - 2] = f"{n - 2},seven"
        table = read(tmp_path, "a,b\n" + "\n".join(rows))
        assert table["a"].sum() == n * (n - 1) / 2
        assert table["b"][n - 2 :].tolist() == ["seven", str(n - 1)]
        assert table["b"][0] == "0"

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.floats(allow_infinity=False),
                st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
            ),
            min_size=1,
            max_size=8,
        )
    )
    def test_what_is_written_is_read(self, tmp_path_factory, rows):
        path = tmp_path_factory.mktemp("round") / "t.csv"
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows([["number", "label"], *[(value, f"<{label}>") for value, label in rows]])
        path.write_text(stream.getvalue(), encoding="utf-8", newline="")
        table = read_table(path)
        np.testing.assert_array_equal(table["number"], [value for value, _ in rows])
        assert table["label"].tolist() == [f"<{label}>" for _, label in rows]


class TestTextByArrow:
    @pytest.mark.parametrize(
        "content",
        [
            "a,b,who\n1,2.5,x\n,-3e2,NA\nNA,nan,y\n",
            "1.000000000000000055,2e308\n4.9e-324,0.1\n",
            'a,"b, c"\n1,"x, y"\n2,"NA"\n',
            "a,b\n 1,2\n3,+4\n",
            "a,b\n1,inf\n2,3\n",
            "a,b\n2020-01-01,true\n2020-01-02,false\n",
            'a,b\n1,"two\nlines"\n2,x\n',
            "a\n1\n\n2\n",
        ],
    )
    def test_gives_the_same(self, tmp_path, monkeypatch, content):
        pytest.importorskip("pyarrow")
        own = read(tmp_path, content)
        monkeypatch.setattr(text, "_ARROW_BYTES", 0)
        other = read_table(own.name)
        assert other.names == own.names
        for name in own.names:
            assert other[name].dtype == own[name].dtype
            np.testing.assert_array_equal(other[name], own[name])

    def test_is_used(self, tmp_path, monkeypatch):
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(text, "_ARROW_BYTES", 0)
        monkeypatch.setattr(text, "_by_csv", lambda _: pytest.fail("read by csv"))
        assert_columns(read(tmp_path, "a,b\n1,x\n2,y\n"), a=[1, 2], b=["x", "y"])

    def test_late_text_is_left_to_csv(self, tmp_path, monkeypatch):
        pytest.importorskip("pyarrow")
        monkeypatch.setattr(text, "_ARROW_BYTES", 0)
        n = text._CHUNK_ROWS + 10
        table = read(tmp_path, "a,b\n" + "1,2\n" * n + "3,four\n")
        assert table["b"][n] == "four"


class TestTextErrors:
    def test_empty(self, tmp_path):
        for content in ("", "\n  \n"):
            with pytest.raises(DataError, match=r"t.csv is empty: expected lines of numbers"):
                read(tmp_path, content)

    def test_header_only(self, tmp_path):
        with pytest.raises(DataError, match=r"one line of names \(a, b\) and no data"):
            read(tmp_path, "a,b\n")

    @pytest.mark.parametrize("before", [0, 5 * text._CHUNK_ROWS])
    def test_ragged_line_by_number(self, tmp_path, before):
        content = "a,b\n" + "1,2\n" * (before + 2) + "3\n4,5\n"
        with pytest.raises(DataError, match=rf"line {before + 4}: expected 2 cells.*found 1 \('3'\)"):
            read(tmp_path, content)

    def test_ragged_blanks(self, tmp_path):
        with pytest.raises(DataError, match=r"line 4: expected 2 cells.*found 3"):
            read(tmp_path, "a b\n1 2\n3 4\n5 6 7\n8 9\n", "t.txt")

    def test_undecodable(self, tmp_path):
        with pytest.raises(DataError, match=r"line 3: byte 0xe4 is not text.*encoding='latin-1'"):
            read(tmp_path, b"a,b\n1,x\n2,\xe4\n")

    def test_open_quote(self, tmp_path):
        with pytest.raises(DataError, match=r"not a well-formed text table.*quote"):
            read(tmp_path, 'a,b\n1,"x\n2,y\n')

    def test_damaged_gzip(self, tmp_path):
        with pytest.raises(DataError, match=r"cannot be decompressed"):
            read(tmp_path, b"a,b\n1,2\n", "t.csv.gz")
        with pytest.raises(DataError, match=r"cannot be decompressed"):
            read(tmp_path, gzip.compress(b"a,b\n1,2\n" * 100)[:-20], "t.csv.gz")

    def test_binary(self, tmp_path):
        with pytest.raises(DataError):
            read(tmp_path, bytes(range(256)) * 4, "t.bin")


class TestOtherKinds:
    @pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow"])
    @pytest.mark.parametrize("library", ["pyarrow", "polars"])
    def test_arrow_tables(self, tmp_path, suffix, library):
        polars = pytest.importorskip("polars")
        frame = polars.DataFrame({"a": [1, None], "b": [1.5, 2.5], "c": ["x", None], "d": [True, False]})
        path = tmp_path / f"t{suffix}"
        frame.write_parquet(path) if suffix == ".parquet" else frame.write_ipc(path)
        other = {"pyarrow": "polars", "polars": "pyarrow"}[library]
        code = (
            "import sys, importlib.util as u\n"
            f"find = u.find_spec\n"
            f"u.find_spec = lambda name: None if name == {other!r} else find(name)\n"
            "from emkit.data import read_table\n"
            f"t = read_table({str(path)!r})\n"
            "assert repr(t['a'].tolist()) == '[1.0, nan]', t['a']\n"
            "assert t['b'].tolist() == [1.5, 2.5] and t['d'].tolist() == [1.0, 0.0]\n"
            "assert t['c'].tolist() == ['x', None] and t.skipped == ('c',)\n"
            f"assert {library!r} in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)

    def test_arrow_stream(self, tmp_path):
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"a": [1.0, 2.0]})
        path = tmp_path / "t.arrows"
        with pyarrow.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
        assert_columns(read_table(path), a=[1, 2])

    def test_neither_library(self, tmp_path, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        with pytest.raises(DataError, match=r"needs pyarrow or polars.*pip install emkit\[tables\]"):
            read(tmp_path, b"PAR1....", "t.parquet")

    @pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
    def test_damaged(self, tmp_path, name):
        pytest.importorskip("pyarrow")
        with pytest.raises(DataError, match=r"damaged, or no \.(parquet|feather) file"):
            read(tmp_path, b"PAR1 this is no table", name)
        with pytest.raises(DataError, match="is empty"):
            read(tmp_path, b"", name)

    def test_kind_without_a_suffix(self, tmp_path):
        pytest.importorskip("pyarrow")
        polars = pytest.importorskip("polars")
        polars.DataFrame({"a": [1.0]}).write_parquet(tmp_path / "table")
        assert_columns(read_table(tmp_path / "table"), a=[1])
        assert_columns(read(tmp_path, "a,b\n1,2\n", "plain"), a=[1], b=[2])

    @pytest.mark.parametrize(
        "array",
        [
            np.arange(6.0).reshape(3, 2),
            np.arange(6).reshape(3, 2).astype(">i2"),
            np.asfortranarray(np.ones((3, 2))),
        ],
    )
    def test_npy(self, tmp_path, array):
        np.save(tmp_path / "t.npy", array)
        X, names = read_table(tmp_path / "t.npy").numeric()
        np.testing.assert_array_equal(X, array)
        assert names == ("x1", "x2")

    def test_npy_of_one_column_and_of_records(self, tmp_path):
        np.save(tmp_path / "t.npy", np.arange(3))
        assert_columns(read_table(tmp_path / "t.npy"), x1=[0, 1, 2])
        np.save(tmp_path / "t.npy", np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]))
        assert_columns(read_table(tmp_path / "t.npy"), a=[1], b=[2.5])

    def test_npz(self, tmp_path):
        np.savez(tmp_path / "t.npz", **COLUMNS)
        assert_columns(read_table(tmp_path / "t.npz"), a=[1, 2.5, np.nan], b=[3, 4, 5])
        np.savez(tmp_path / "t.npz", X=np.ones((2, 2)))
        assert read_table(tmp_path / "t.npz").names == ("x1", "x2")
        np.savez(tmp_path / "t.npz", X=np.ones((2, 2)), y=np.ones(2))
        with pytest.raises(DataError, match=r"one matrix, or columns.*X \(2, 2\), y \(2,\)"):
            read_table(tmp_path / "t.npz")

    def test_npy_that_cannot_be_read(self, tmp_path):
        np.save(tmp_path / "t.npy", np.array([{}], dtype=object))
        with pytest.raises(DataError, match="no array file that can be read safely"):
            read_table(tmp_path / "t.npy")
        np.save(tmp_path / "t.npy", np.ones((2, 2, 2)))
        with pytest.raises(DataError, match=r"array of shape \(2, 2, 2\)"):
            read_table(tmp_path / "t.npy")
        for name in ("t.npy", "t.npz"):
            with pytest.raises(DataError, match="no array file"):
                read(tmp_path, b"garbage", name)


class TestNames:
    def test_shipped(self):
        assert read_table("faithful").n_rows == 272
        assert read_table("iris", columns=["Petal.Width"]).names == ("Petal.Width",)

    def test_a_file_goes_before_a_shipped_set(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "iris").mkdir()
        (tmp_path / "faithful").write_text("a\n1\n")
        assert read_table("faithful").names == ("a",)
        assert read_table("iris").n_rows == 150

    def test_missing_file(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "measurements.csv").write_text("a\n1\n")
        with pytest.raises(DataError, match=r"no file 'faitful'. Did you mean the data set 'faithful'"):
            read_table("faitful")
        with pytest.raises(DataError, match=r"Did you mean the file 'measurements.csv'"):
            read_table("measurement.csv")
        with pytest.raises(DataError, match=r"no file 'nowhere/qqq.csv'. Shipped data sets are: acidity"):
            read_table("nowhere/qqq.csv")

    def test_directory(self, tmp_path):
        with pytest.raises(DataError, match="is a directory: name one file in it"):
            read_table(tmp_path)

    def test_foreign_kind(self, tmp_path):
        with pytest.raises(DataError, match=r"files of the kind .xlsx are not read. Save it as CSV or Parquet"):
            read(tmp_path, b"PK", "t.xlsx")

    def test_unreadable(self, tmp_path, monkeypatch):
        def refused(*_, **__):
            raise PermissionError(13, "Permission denied")

        (tmp_path / "t.csv").write_text("a\n1\n")
        monkeypatch.setattr("builtins.open", refused)
        with pytest.raises(DataError, match="cannot be read: Permission denied"):
            read_table(tmp_path / "t.csv")

    def test_unknown_column(self, tmp_path):
        with pytest.raises(DataError, match=r"no column 'q'.*The columns are: 'a', 'b'"):
            read(tmp_path, "a,b\n1,2\n", columns=["q"])
