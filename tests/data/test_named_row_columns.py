"""Groups, an order, a division and weights that a study file names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from search import Launch, open_storage, prepare_study, run_study
from search.errors import DataError, StudyFileError
from search.records import TrialState
from search.reporting.summaries import summarize_best

STUDY = """
[study]
name = "named"
n_trials = 2
[data]
source = "{source}"
path = "rows.{source}"
{data}
[split]
{split}
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 3
engine = "graph"
[confirm]
finalists = 0
[space]
patience = {{ choices = [2] }}
"""
N_ROWS = 120


def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=N_ROWS),
            "b": rng.normal(size=N_ROWS),
            "patient": [f"p{number}" for number in rng.integers(0, 15, N_ROWS)],
            "day": pd.date_range("2024-01-01", periods=N_ROWS)[rng.permutation(N_ROWS)].strftime("%Y-%m-%d"),
            "part": rng.choice(["train", "stop", "validation", "test"], N_ROWS),
            "w": rng.integers(1, 4, N_ROWS),
            "y": rng.permutation(["no", "yes"] * (N_ROWS // 2)),
        }
    )


@pytest.fixture(params=["csv", "npz"])
def prepared(request, tmp_path):
    """`prepared(split, data)`: a study of the table, from a csv or an npz file."""

    def prepared(split, data=""):
        rows = frame()
        rows.to_csv(tmp_path / "rows.csv", index=False)
        columns = {name: rows[name].to_numpy(str if rows[name].dtype.kind in "OT" else None) for name in rows}
        x = np.column_stack([columns.pop("a"), columns.pop("b")])
        np.savez(tmp_path / "rows.npz", x=x, **columns)
        if request.param == "csv":
            data += '\ntarget = "y"\ncolumns = ["a", "b"]'
        text = STUDY.format(source=request.param, split=split, data=data)
        (tmp_path / "study.toml").write_text(text)
        return prepare_study(str(tmp_path / "study.toml"))

    return prepared


def run(prepared, tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'named.db'}", create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        assert [trial.state for trial in storage.trials(record.study_id)] == [TrialState.COMPLETE] * 2
        return summarize_best(storage, "named")


def sides(prepared, values):
    """For each fold what is said of the rows that train, stop and score, in development rows."""
    for fold in prepared.plan.folds:
        yield tuple(values[rows] for rows in (fold.train, fold.stop, fold.validation))


def test_no_group_stands_on_two_sides(prepared, tmp_path):
    study = prepared('groups = "patient"\ntest = 0.2\nvalidation = { method = "kfold", folds = 3 }')
    groups = study.plan.dataset.groups
    sealed = set(frame()["patient"]) - set(groups)
    assert sealed
    for train, stop, validation in sides(study, groups):
        assert not set(train) & set(stop)
        assert not set(validation) & (set(train) | set(stop))
    run(study, tmp_path)


def test_what_scores_lies_after_what_trains_and_what_is_sealed_after_all(prepared, tmp_path):
    study = prepared('order = "day"\ntest = 0.2\nvalidation = { method = "kfold", folds = 3 }')
    days = study.plan.dataset.order
    assert days.dtype == np.dtype("datetime64[us]")
    assert days.max() < np.sort(pd.to_datetime(frame()["day"]))[-20]
    lengths = []
    for train, stop, validation in sides(study, days):
        assert train.max() < stop.min()
        assert stop.max() < validation.min()
        lengths.append(len(train))
    assert lengths == sorted(lengths)
    run(study, tmp_path)


def test_division_of_ones_own_is_kept(prepared, tmp_path):
    study = prepared('column = "part"')
    part = frame()["part"].to_numpy()
    ((train, stop, validation),) = sides(study, np.flatnonzero(part != "test"))
    assert [set(part[rows]) for rows in (train, stop, validation)] == [{"train"}, {"stop"}, {"validation"}]
    assert len(study.sealed) == (part == "test").sum()
    run(study, tmp_path)


def test_weights_enter_training_and_change_it(prepared, tmp_path):
    study = prepared("test = 0", 'weight = "w"')
    np.testing.assert_array_equal(study.plan.dataset.weight, frame()["w"].to_numpy(np.float32))
    assert study.data_sha256 != prepared("test = 0").data_sha256
    run(study, tmp_path)


def test_column_that_says_something_of_rows_is_no_feature(tmp_path):
    frame().to_csv(tmp_path / "rows.csv", index=False)
    text = STUDY.format(source="csv", data='target = "y"\nweight = "w"', split='groups = "patient"')
    (tmp_path / "study.toml").write_text(text)
    features = prepare_study(str(tmp_path / "study.toml")).plan.dataset.features
    assert list(features.columns) == ["a", "b", "day", "part"]


@pytest.mark.parametrize(
    ("split", "data", "lines"),
    [
        (
            'groups = "patent"',
            "",
            {
                "csv": 'expected groups to name a column of "rows.csv", received "patent". Did you mean "patient"?',
                "npz": 'expected groups to name an array of "rows.npz", received "patent". Did you mean "patient"?',
            },
        ),
        (
            'order = "patient"',
            "",
            {
                "csv": 'rows.csv, column "patient": expected dates, all in one format, received "p6".',
                "npz": 'expected order = "patient" to hold numbers or dates such as 2024-12-31, received other text.',
            },
        ),
        (
            "test = 0",
            'weight = "day"',
            {
                "csv": 'rows.csv:2, column "day": expected a number of at least 0, received',
                "npz": 'expected weight = "day" to hold numbers, received text.',
            },
        ),
    ],
)
def test_columns_that_do_not_say_it_are_refused(prepared, request, split, data, lines):
    with pytest.raises(DataError) as caught:
        prepared(split, data)
    kind = request.node.callspec.params["prepared"]
    assert lines[kind] in str(caught.value)


def test_missing_and_negative_weights_are_named(read, tmp_path):
    (tmp_path / "t.csv").write_text("a,w,y\n1,1,x\n2,-1,z\n3,,x\n4,2,z\n")
    with pytest.raises(DataError) as caught:
        read(source="csv", path="t.csv", target="y", weight="w")
    assert str(caught.value) == (
        't.csv:4, column "w": expected a number, received an empty cell. Drop or fill this row.'
    )
    (tmp_path / "t.csv").write_text("a,w,y\n1,1,x\n2,-1,z\n3,0,x\n4,2,z\n")
    with pytest.raises(DataError) as caught:
        read(source="csv", path="t.csv", target="y", weight="w")
    assert str(caught.value) == (
        't.csv:3, column "w": expected a number of at least 0, received "-1". Correct the cell.'
    )
    (tmp_path / "t.csv").write_text("a,w,y\n1,0,x\n2,0,z\n3,0,x\n4,0,z\n")
    with pytest.raises(DataError) as caught:
        read(source="csv", path="t.csv", target="y", weight="w")
    assert str(caught.value) == '[data]: expected weight = "w" to count some row, received zeros only.'


def test_sources_without_columns_refuse_their_names(tmp_path):
    text = STUDY.format(source="csv", data="", split='groups = "patient"')
    text = text.replace('source = "csv"', 'source = "sklearn.make_moons"').replace('path = "rows.csv"', "")
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(tmp_path / "study.toml"))
    assert str(caught.value).endswith(
        'expected no groups, since source = "sklearn.make_moons" has no columns of that kind, received "patient".'
    )


def test_division_of_ones_own_stands_alone(tmp_path):
    frame().to_csv(tmp_path / "rows.csv", index=False)
    text = STUDY.format(source="csv", data='target = "y"', split='column = "part"\ntest = 0.2\ngroups = "patient"')
    text = text.replace("test = 0.2", 'test = 0.2\nvalidation = { method = "kfold", folds = 3 }')
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(tmp_path / "study.toml"))
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        "expected no test beside column, which divides all rows, received 0.2. Leave out one of the two.",
        "expected no validation beside column, which divides all rows, received "
        '{method = "kfold", folds = 3, repeats = 1}. Leave out one of the two.',
        'expected no groups beside column, which divides all rows, received "patient". Leave out one of the two.',
    ]
