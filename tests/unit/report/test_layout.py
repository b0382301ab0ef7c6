"""Numbers and tables as text."""

import math

import numpy as np
import pytest

from emkit.core.describe import Description
from emkit.report.layout import labelled, number, shorten, table_text


def column(*values):
    rows = tuple((str(i), value) for i, value in enumerate(values))
    return [line.split()[-1] for line in table_text(Description("t", ("row", "v"), rows)).splitlines()[2:]]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.6441, 0.3559), ["0.6441", "0.3559"]),
        ((79.9681, 54.4785), ["79.97", "54.48"]),
        ((12345.678, 54321.0), ["12346", "54321"]),
        ((1.0, 1e-9), ["1", "1e-09"]),
        ((1.5e8, 2.5e8), ["1.5e+08", "2.5e+08"]),
        ((1e-7, 2e-7), ["1e-07", "2e-07"]),
        ((5.006, 5.006000000001), ["5.006000", "5.006000"]),
        ((100.001, 100.002), ["100.0010", "100.0020"]),
        ((-1.25, 0.0), ["-1.250", "0.000"]),
        ((3, 12), ["3", "12"]),
        ((math.inf, 1.0), ["inf", "1.000"]),
        ((math.nan, 2.0), ["nan", "2.000"]),
        ((np.float64(0.5), np.int64(7)), ["0.5000", "7"]),
        (("word", 0.25), ["word", "0.2500"]),
    ],
)
def test_columns_show_sensible_digits(values, texts):
    assert column(*values) == texts


def test_columns_are_aligned_words_left_numbers_right():
    rows = (("a", 1.0, 10), ("long", 22.5, 2))
    assert table_text(Description("Title", ("row", "value", "n"), rows)) == (
        "Title\n  row   value   n\n  a      1.00  10\n  long  22.50   2"
    )


def test_wide_tables_go_on_below_with_the_row_names():
    rows = (("r", *range(100, 120)),)
    told = table_text(Description("t", ("row", *(f"c{j}" for j in range(20))), rows), width=40).splitlines()
    assert max(map(len, told)) <= 40
    assert all(line.split()[0] in ("row", "r") for line in told[1:])
    shown = [word for line in told[1:] for word in line.split()[1:]]
    assert [w for w in shown if w.isdigit()] == [str(v) for v in range(100, 120)]
    assert [w for w in shown if not w.isdigit()] == [f"c{j}" for j in range(20)]


def test_long_tables_are_cut_and_say_so():
    told = table_text(Description("t", ("row", "v"), tuple((str(i), i) for i in range(50)))).splitlines()
    assert len(told) == 2 + 40 + 1
    assert told[-1] == "  ... and 10 more rows"


def test_empty_table_is_its_header():
    assert table_text(Description("t", ("row", "v"), ())) == "t\n  row  v"


def test_labels_align_and_long_texts_go_on_below_themselves():
    told = labelled([("a", "x"), ("none", ""), ("label", "word " * 10)], width=30).splitlines()
    assert told == ["a      x", "label  word word word word", "       word word word word", "       word word"]


def test_single_numbers_and_names():
    assert (number(3), number(0.123456), number(np.int64(5)), number(1e10, 2)) == ("3", "0.1235", "5", "1e+10")
    assert (shorten("short", 5), shorten("longer", 5)) == ("short", "lo...")
