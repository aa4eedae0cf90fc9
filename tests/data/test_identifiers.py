"""Columns that name rows are told from those that describe them."""

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset
from search.data.identifiers import find_identifiers

N_ROWS = 30
RNG = np.random.default_rng(0)


def _dtype(value):
    return object if isinstance(value, str) else "datetime64[us]" if isinstance(value, pd.Timestamp) else np.float64


def identifiers(**columns):
    frame = pd.DataFrame({name: pd.Series(values, dtype=_dtype(values[0])) for name, values in columns.items()})
    target = np.arange(len(frame)) % 2
    return find_identifiers(Dataset(frame, target, "binary", ("0", "1"), standardize=True, sha256="0"))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("customer", [f"C{number:04}" for number in range(N_ROWS)], "text"),
        ("customer_id", RNG.permutation(N_ROWS) * 7 + 1000, "number"),
        ("orderID", RNG.permutation(N_ROWS), "number"),
        ("row", np.arange(N_ROWS) + 1, "number"),
        ("Unnamed: 0", RNG.permutation(N_ROWS), "number"),
    ],
)
def test_column_with_another_value_in_each_row_is_an_identifier(name, values, kind):
    assert identifiers(**{name: values, "age": RNG.integers(20, 60, N_ROWS)}) == {
        name: f"{name}: another {kind} in each row, an identifier"
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("income", RNG.permutation(N_ROWS) * 7 + 1000),
        ("width", RNG.normal(size=N_ROWS)),
        ("day", pd.date_range("2024-01-01", periods=N_ROWS)),
        ("day_id", pd.date_range("2024-01-01", periods=N_ROWS)),
        ("plan_id", np.arange(N_ROWS) % 5),
        ("grid", RNG.permutation(N_ROWS) * 3),
        ("city", ["Bonn", "Ulm"] * (N_ROWS // 2)),
        ("price", [f"${number},{number:03}.50" for number in range(1, N_ROWS + 1)]),
    ],
)
def test_column_that_describes_rows_is_none(name, values):
    assert identifiers(**{name: values}) == {}


def test_few_rows_tell_nothing():
    assert identifiers(customer_id=np.arange(10)) == {}
