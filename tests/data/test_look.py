from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset, look_at

N = 200
RNG = np.random.default_rng(0)


def dataset(columns, target, task="binary"):
    classes = () if task == "regression" else tuple("abcdef"[: target.max() + 1])
    return Dataset(pd.DataFrame(columns), target, task, classes, True, "0" * 64)


def test_every_column_is_told_with_its_kind_gaps_and_values():
    target = RNG.permutation(np.repeat([0, 1], [150, 50]))
    columns = {
        "width": pd.Series(np.where(np.arange(N) < 5, np.nan, np.linspace(-1, 7.12345, N))),
        "color": pd.Series(["red", "red", "blue", None] * 50, dtype=object),
        "day": pd.Series(pd.date_range("2024-01-01", periods=N).astype("datetime64[us]")),
    }
    look = look_at(dataset(columns, target))
    assert (look.n_rows, look.target) == (200, "2 classes: a 150, b 50")
    width, color, day = look.columns
    assert (width.kind, width.missing, width.different) == ("number", 5, 195)
    assert width.values.endswith("to 7.123")
    assert (color.kind, color.missing, color.different, color.values) == ("text", 50, 2, "red 100, blue 50")
    assert (day.kind, day.values) == ("date", "2024-01-01 to 2024-07-18")
    assert not any(column.is_suspicious for column in look.columns)
    assert look.trial_in_words == (
        "200 rows in 3 parts: a small tree on the column, fitted on the other parts, predicts each"
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_column_that_tells_the_target_is_suspicious(task):
    kinds = {"binary": RNG.integers(0, 2, N), "multiclass": RNG.integers(0, 4, N), "regression": RNG.normal(size=N)}
    target = kinds[task]
    leak = pd.Series([f"code {value}" for value in target], dtype=object) if task != "regression" else target * 3 + 1
    holes = pd.Series(np.where(target > target.mean(), np.nan, RNG.normal(size=N)))
    columns = {"noise": RNG.normal(size=N), "hint": target + RNG.normal(size=N), "leak": leak, "holes": holes}
    look = look_at(dataset(columns, target, task))
    suspicious = [column.name for column in look.columns if column.is_suspicious]
    # Of two classes, whether a cell is missing tells all; of more it tells half.
    assert suspicious == (["leak", "holes"] if task == "binary" else ["leak"])
    noise = look.columns[0].predicts
    assert noise is not None
    assert noise < 0.3


def test_rows_of_numbers_are_looked_at_and_images_are_not():
    target = np.arange(40) % 2
    flat = Dataset(RNG.normal(size=(40, 3)).astype(np.float32), target, "binary", ("a", "b"), False, "0" * 64)
    assert [column.name for column in look_at(flat).columns] == ["0", "1", "2"]
    image = Dataset(np.zeros((40, 3, 3), np.float32), target, "binary", ("a", "b"), False, "0" * 64)
    assert look_at(image).columns == ()


def test_many_columns_are_counted():
    look = look_at(dataset(RNG.normal(size=(40, 201)), np.arange(40) % 2))
    assert (look.columns, look.n_unseen) == ((), 201)


def test_few_rows_tell_nothing():
    target = np.arange(8) % 2
    few = look_at(dataset({"leak": target.astype(float)}, target))
    assert few.columns[0].predicts is None
    assert few.trial_in_words == ""
    several = np.column_stack([np.arange(40.0), np.arange(40.0)])
    whole = look_at(dataset({"a": np.arange(40.0)}, several, "regression"))
    assert whole.columns[0].predicts is None
    assert whole.target == "numbers from 0 to 39; 0 to 39"
