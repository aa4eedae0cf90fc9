from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "width": [1.0, None, 3.0, 4.0],
            "color": ["red", None, "blue", "red"],
            "day": pd.to_datetime(["2024-01-01", "2024-01-02", None, "2024-01-04"]),
            "said": ["2024-01-01", "2024-01-02", None, "2024-01-04"],
            "sure": [True, False, True, None],
            "count": pd.array([1, 2, None, 4], dtype="Int64"),
            "kind": pd.Categorical(["a", "b", "a", "b"]),
            "w": [1, 2, 3, 0],
            "label": ["no", "yes", "no", "yes"],
        }
    )


@pytest.fixture
def write(tmp_path):
    def write(frame):
        frame.to_parquet(tmp_path / "t.parquet")
        return {"source": "parquet", "path": "t.parquet", "target": "label"}

    return write


def test_types_of_the_file_are_those_of_the_columns(frame, write, read):
    dataset = read(**write(frame), dates=("said",), weight="w")
    assert {name: str(dataset.features[name].dtype) for name in dataset.features} == {
        "width": "float64",
        "color": "object",
        "day": "datetime64[us]",
        "said": "datetime64[us]",
        "sure": "float64",
        "count": "float64",
        "kind": "object",
    }
    assert dataset.features.isna().sum().tolist() == [1, 1, 1, 1, 1, 1, 0]
    assert dataset.features["color"].tolist() == ["red", None, "blue", "red"]
    assert dataset.classes == ("no", "yes")
    assert dataset.weight.tolist() == [1, 2, 3, 0]
    assert dataset.options.date_formats == {"said": "ISO8601"}


def test_parquet_and_csv_of_one_table_are_the_same_data(frame, write, read, tmp_path):
    plain = frame[["width", "color", "label"]]
    plain.to_csv(tmp_path / "t.csv", index=False)
    assert read(**write(plain)).sha256 == read(source="csv", path="t.csv", target="label").sha256


def test_numbers_to_predict_and_missing_ones(frame, write, refusal, read):
    target = frame.assign(label=[1.5, 2.5, 0.25, 3.0])
    assert read(**write(target)).task == "regression"
    assert refusal(**write(frame.assign(label=[1.5, None, 0.25, 3.0]))) == [
        't.parquet, column "label": expected a value, received a missing one in row 1, counted from 0. '
        "Correct the file."
    ]
    assert refusal(**write(frame), weight="color") == [
        't.parquet, column "color": expected a value, received a missing one in row 1, counted from 0. '
        "Correct the file."
    ]
    assert refusal(**write(frame), weight="kind") == [
        't.parquet, column "kind": expected a number of at least 0, received "a" in row 0, counted from 0 '
        "(and 3 more rows). Correct the file."
    ]
    assert refusal(**write(frame), missing="error", columns=("width",))[0].startswith(
        't.parquet, column "width": expected a value, received a missing one in row 1'
    )


def test_lists_in_cells_are_refused(frame, write, refusal):
    (line,) = refusal(**write(frame.assign(width=[[1], [2], [3], [4]])))
    assert line.startswith('t.parquet, column "width": expected column "width" of x to hold numbers only or text only')


def test_what_is_no_parquet_file_is_refused(refusal, tmp_path):
    (tmp_path / "t.parquet").write_text("text")
    (line,) = refusal(source="parquet", path="t.parquet", target="label")
    assert line.startswith('[data]: expected a parquet file, received "t.parquet": ')


def test_missing_package_is_named(frame, write, refusal, monkeypatch):
    keys = write(frame)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refusal(**keys) == [
        "[data]: expected the package pyarrow for parquet files, received an installation without it. "
        'Install it with `pip install "regsearch[parquet]"`, or save the table as csv.'
    ]


def test_predictions_of_a_parquet_study_read_a_csv_file(frame, write, read):
    from search.data import RowForm
    from search.spec import DataSection

    keys = write(frame)
    form = RowForm.of(read(**keys), DataSection(**keys))
    assert form.kinds["kind"] == "text"
    assert form.kinds["day"] == "date"
    assert np.all([kind in ("text", "number", "date") for kind in form.kinds.values()])
