"""Distinct values by counting against distinct values by sorting."""

import numpy as np
import pytest

from emkit.data.codes import _counted, distinct_values, unique_values

NAN = np.nan


FLOATS, ALL = (np.float64, np.float32), (np.float64, np.float32, np.int64, np.int16, np.uint16)
CASES = [
    ([3, 0, 3, 7], ALL, True),
    ([0], ALL, True),
    ([], ALL, False),
    ([2, NAN, 5, NAN], FLOATS, True),
    ([NAN, NAN], FLOATS, False),
    ([1.5, 2, 1.5], FLOATS, False),
    ([-1, 2, 2], ALL[:-1], False),
    ([1, 1024, 1], ALL, False),
    ([1023, NAN, 0], FLOATS, True),
    ([np.inf, 1], FLOATS, False),
]


@pytest.mark.parametrize(
    ("values", "dtype", "is_counted"), [(values, dtype, said) for values, dtypes, said in CASES for dtype in dtypes]
)
def test_counting_gives_what_sorting_does(values, dtype, is_counted):
    column = np.array(values, dtype=dtype)
    distinct, index = unique_values(column)
    told, where = np.unique(column, return_inverse=True)
    np.testing.assert_array_equal(distinct, told)
    np.testing.assert_array_equal(index, where)
    assert distinct.dtype == told.dtype
    assert (len(column) > 0 and _counted(column) is not None) == is_counted


def test_columns_apart_in_memory_are_counted():
    X = np.array([[0.0, 1.0], [2.0, 1.0], [NAN, 0.0]])
    values, index = distinct_values(X.T[0])
    assert values == [0, 2, None]
    assert index.tolist() == [0, 1, 2]
