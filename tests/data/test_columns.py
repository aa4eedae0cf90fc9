"""Columns of a table become inputs, held against pandas and scikit-learn."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import TargetEncoder

from search.data import Dataset, Fold, TableOptions, fit_encoder, prepare

ROWS = np.arange(8)
DAYS = pd.Series(
    pd.to_datetime(["2024-02-29", "2023-12-31", None, "2024-03-04", "2024-01-01", "2025-07-06", None, "1969-12-31"])
)


def dataset(columns, *, standardize=False, target=None, task="binary", **options):
    target = np.array([0, 1] * (len(next(iter(columns.values()))) // 2)) if target is None else target
    table = pd.DataFrame(
        {name: values if isinstance(values, pd.Series) else texts(*values) for name, values in columns.items()}
    )
    classes = () if task == "regression" else tuple(str(index) for index in range(int(target.max()) + 1))
    return Dataset(table, target, task, classes, standardize, "0" * 64, options=TableOptions(**options))


def texts(*cells):
    return pd.Series(list(cells), dtype=object)


def numbers(*cells):
    return pd.Series(cells, dtype=np.float64)


def encoded(data, rows=None):
    """Inputs by name, fitted on some rows, of all rows."""
    encoder = fit_encoder(data, np.arange(len(data)) if rows is None else np.asarray(rows))
    return dict(zip(encoder.input_names(), encoder.transform(data).T.tolist(), strict=True))


def test_missing_numbers_are_the_median_of_rows_that_train_and_told_in_an_input():
    data = dataset({"a": numbers(1, np.nan, 3, 100, np.nan, 7), "b": numbers(1, 2, 3, 4, 5, 6)})
    told = encoded(data, rows=[0, 1, 2, 4])
    assert list(told) == ["a", "b", "a is missing"]
    assert told["a"] == [1, 2, 3, 100, 2, 7]
    assert told["a is missing"] == [0, 1, 0, 0, 1, 0]


def test_filled_numbers_are_scaled_by_what_they_are_once_they_are_filled():
    told = encoded(dataset({"a": numbers(1, np.nan, 3, 8)}, standardize=True))["a"]
    filled = np.array([1, 3, 3, 8.0])
    np.testing.assert_allclose(told, (filled - filled.mean()) / filled.std(), rtol=1e-6)


def test_missing_cells_may_be_filled_without_a_word():
    told = encoded(dataset({"a": numbers(1, np.nan, 3, 5), "t": texts("u", "v", None, "v")}, missing="impute"))
    assert list(told) == ["a", "t = u", "t = v"]
    assert told["t = v"] == [0, 1, 1, 1]


def test_missing_text_is_the_most_frequent_category_of_rows_that_train():
    data = dataset({"t": texts("u", "v", None, "v", "w", "u", "u", "u")})
    told = encoded(data, rows=[0, 1, 2, 3])
    assert list(told) == ["t = u", "t = v", "t = w", "t is missing"]
    assert told["t = v"] == [0, 1, 1, 1, 0, 0, 0, 0]
    assert told["t = w"] == [0] * 8, "no row that trains has it"
    assert told["t is missing"] == [0, 0, 1, 0, 0, 0, 0, 0]
    # As many of two: the first in order.
    assert encoded(dataset({"t": texts("v", "u", None, None)}))["t = u"] == [0, 1, 1, 1]


def test_column_whose_training_rows_are_all_missing_is_zero():
    data = dataset(
        {
            "a": numbers(np.nan, np.nan, 3, 4),
            "t": texts(None, None, "u", "v"),
            "d": DAYS[[2, 6, 0, 1]].reset_index(drop=True),
        }
    )
    told = encoded(data, rows=[0, 1])
    assert told["a"][:2] == [0, 0]
    assert told["t = u"] == [0, 0, 0, 0]
    assert np.isfinite(list(told.values())).all()


def test_inputs_are_the_same_for_every_fold():
    data = dataset({"a": numbers(1, np.nan, 3, 4), "t": texts("u", "v", None, "w")})
    assert list(encoded(data, rows=[0, 3])) == list(encoded(data, rows=[1, 2]))


def test_dates_are_year_month_weekday_and_days_since_the_first():
    told = encoded(dataset({"d": DAYS}), rows=[0, 1, 3, 4])
    assert list(told) == ["d: year", "d: month", "d: weekday", "d: days since the first", "d is missing"]
    known = DAYS.dropna()
    rows = known.index
    assert [told["d: year"][row] for row in rows] == known.dt.year.tolist()
    assert [told["d: month"][row] for row in rows] == known.dt.month.tolist()
    assert [told["d: weekday"][row] for row in rows] == known.dt.day_of_week.tolist()
    assert [told["d: days since the first"][row] for row in rows] == (
        known - pd.Timestamp("2023-12-31")
    ).dt.days.tolist()
    assert told["d: days since the first"][2] == np.median([60, 0, 64, 1])
    assert told["d is missing"] == [0, 0, 1, 0, 0, 0, 1, 0]


def test_times_of_day_are_told_by_the_hour():
    moments = pd.Series(
        pd.to_datetime(["2024-02-29 06:30", "2024-02-29 18:00", "2024-03-01 00:00", "2024-03-01 00:45"])
    )
    told = encoded(dataset({"d": moments}))
    np.testing.assert_allclose(told["d: hour"], [6.5, 18, 0, 0.75], rtol=1e-6)
    assert told["d: days since the first"] == [0, 0, 1, 1]


def test_rare_categories_are_one_and_so_are_unknown_ones():
    data = dataset({"t": texts("u", "u", "v", "v", "x", "y", None, "u")}, min_frequency=2)
    told = encoded(data)
    assert list(told) == ["t = u", "t = v", "t = (rare)", "t is missing"]
    assert told["t = (rare)"] == [0, 0, 0, 0, 1, 1, 0, 0]
    assert told["t = u"] == [1, 1, 0, 0, 0, 0, 1, 1]
    encoder = fit_encoder(data, ROWS)
    new = dataset({"t": texts("never seen", "u")}, min_frequency=2, target=np.array([0, 1]))
    assert encoder.transform(new).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_target_statistics_are_those_of_scikit_learn_and_out_of_fold_where_rows_train(task):
    rng = np.random.default_rng(0)
    city = texts(*rng.choice(["a", "b", "c", None], 60))
    target = {
        "binary": rng.integers(0, 2, 60),
        "multiclass": rng.integers(0, 3, 60),
        "regression": rng.normal(size=60),
    }[task]
    data = dataset({"city": city}, target=target, task=task, target_encode=("city",))
    train, rest = np.arange(40), np.arange(40, 60)
    arrays = prepare(data, Fold(0, train, rest[:10], rest[10:]), keep_stop=True)
    cells = city.fillna("").to_numpy(object)[:, None]
    kind = "continuous" if task == "regression" else task
    known = TargetEncoder(target_type=kind).fit(cells[:40], target[:40])
    np.testing.assert_allclose(arrays.validation.array, known.transform(cells[50:]), rtol=1e-6)
    np.testing.assert_allclose(arrays.stop.array, known.transform(cells[40:50]), rtol=1e-6)
    of_all = known.transform(cells[:40])
    assert (np.abs(arrays.train.array - of_all) > 1e-6).any(axis=1).all(), "no row's own target is in its input"
    again = prepare(data, Fold(0, train, rest[:10], rest[10:]), keep_stop=True)
    np.testing.assert_array_equal(again.train.array, arrays.train.array)


def test_own_target_of_a_row_is_not_in_what_it_is_told_by():
    """A category of one row says nothing of itself: its row gets the mean of the others."""
    rng = np.random.default_rng(1)
    cells = [f"only {number}" for number in range(40)]
    target = rng.normal(size=40)
    data = dataset({"name": texts(*cells)}, target=target, task="regression", target_encode=("name",))
    fold = Fold(0, np.arange(30), np.arange(0), np.arange(30, 40))
    told = prepare(data, fold, keep_stop=False).train.array[:, 0]
    assert abs(np.corrcoef(told, target[:30])[0, 1]) < 0.6
    assert np.corrcoef(fit_encoder(data, fold.train).transform(data)[:30, 0], target[:30])[0, 1] > 0.99


def test_encoder_of_every_kind_pickles():
    data = dataset(
        {"a": numbers(1, np.nan, 3, 4, 5, 6, 7, 8), "d": DAYS, "t": texts(*"uuvvwxuu"), "c": texts(*"pqpqpqpq")},
        standardize=True,
        min_frequency=2,
        target_encode=("c",),
    )
    encoder = fit_encoder(data, ROWS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(data), encoder.transform(data))


def test_equal_tables_with_gaps_have_equal_fingerprints_and_others_have_not(read, tmp_path):
    def sha256(text, **keys):
        (tmp_path / "t.csv").write_text(text)
        return read(source="csv", path="t.csv", target="y", **keys).sha256

    text = "a,t,d,y\n1,u,2024-01-01,x\n,NA,,z\n3,w,2024-01-03,x\n4,u,2024-01-04,z\n"
    plain = sha256(text)
    assert sha256(text.replace("NA", "")) == plain
    assert sha256(text.replace("NA", "null")) == plain
    assert sha256(text.replace("NA", "Null")) != plain
    assert sha256(text.replace(",NA", "0,NA")) != plain
    assert sha256(text, dates=("d",)) != plain
    assert sha256(text, dates=("d",)) == sha256(text.replace("2024-01-01", "2024-01-01 00:00"), dates=("d",))
