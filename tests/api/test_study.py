"""`Study`: frames, figures and files of a stored study, against its tables."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import search
from search.api import frames
from search.cli import cli
from search.errors import UnknownStudyError, UsageError
from search.records import Curve


@pytest.fixture
def database(study):
    connection = sqlite3.connect(study.storage.removeprefix("sqlite:///"))
    yield connection
    connection.close()


def read(study, command):
    ran = CliRunner().invoke(cli, [command, "small", "--storage", study.storage, "--format", "json"])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_trials_are_those_that_the_command_prints(study):
    frame, printed = study.trials, read(study, "trials")
    assert frame["trial"].tolist() == [row["trial"] for row in printed] == [0, 1, 2, 3, 4]
    assert frame["state"].tolist() == [row["state"] for row in printed]
    assert frame["score"].tolist() == [row["score"] for row in printed]
    assert frame["baseline"].tolist() == [True, False, False, False, False]
    for name in ("l2", "patience", "training.optimizer"):
        given = [row["configuration"].get(name) for row in printed]
        assert [None if pd.isna(value) else value for value in frame[name]] == given
    assert [f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in frame["completed"]] == [row["completed"] for row in printed]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "trial": "int64",
        "state": "category",
        "baseline": "bool",
        "score": "Float64",
        "l2": "Float64",
        "patience": "Int64",
        "training.optimizer": "string",
        "seconds": "Float64",
        "started": "datetime64[us, UTC]",
        "completed": "datetime64[us, UTC]",
        "error": "string",
    }


def test_runs_are_those_of_the_table(study, database):
    stored = database.execute(
        "SELECT purpose, trial_number, fold, repeat, seed, score, epochs_trained, best_epoch, seconds, worker "
        "FROM regsearch_runs ORDER BY purpose DESC, trial_number, fold, repeat"
    ).fetchall()
    names = ["purpose", "trial", "fold", "repeat", "seed", "score", "epochs_trained", "best_epoch", "seconds", "worker"]
    assert list(study.runs[names].itertuples(index=False, name=None)) == stored
    assert study.runs["purpose"].value_counts()["search"] == 10
    assert study.runs["engine"].unique().tolist() == ["graph"]


def test_curves_are_those_of_the_table(study, database):
    stored = database.execute(
        "SELECT trial_number, fold, repeat, purpose, curve FROM regsearch_curves JOIN regsearch_runs USING (run_id)"
    ).fetchall()
    frame = study.curves
    assert len(frame) == sum(Curve.from_bytes(packed).n_epochs for *_, packed in stored)
    keyed = dict(iter(frame.groupby(["trial", "fold", "repeat", "purpose"], observed=True)))
    assert len(keyed) == len(stored)
    for *key, packed in stored:
        curve, rows = Curve.from_bytes(packed), keyed[tuple(key)]
        assert rows["epoch"].tolist() == list(range(1, curve.n_epochs + 1))
        for part in ("train_loss", "validation_loss", "validation_metric"):
            np.testing.assert_array_equal(rows[part], getattr(curve, part))
        if len(curve.stop_loss):
            np.testing.assert_array_equal(rows["stop_loss"], curve.stop_loss)
        else:
            assert rows["stop_loss"].isna().all()


def test_curves_of_some_trials_are_a_part_of_all(study):
    whole = study.curves
    wanted = whole[whole["trial"].isin([0, 3]) & (whole["purpose"] == "search")].reset_index(drop=True)
    given = study.curves_of([3, 0], purpose="search")
    pd.testing.assert_frame_equal(given.reset_index(drop=True), wanted)
    pd.testing.assert_frame_equal(study.curves_of(np.int64(3)), study.curves_of([3, 3]))


def test_curves_that_are_too_many_are_refused(study, monkeypatch):
    n_epochs = int(study.runs["epochs_trained"].sum())
    monkeypatch.setattr(frames, "MOST_CURVE_ROWS", 10)
    with pytest.raises(UsageError) as caught:
        _ = study.curves
    assert str(caught.value) == (
        f"small: expected curves of at most 10 epochs in one frame, received {n_epochs}. "
        "Name some trials: study.curves_of([0, 7])."
    )


def test_summary_is_what_the_command_prints(study):
    assert study.summary.to_json() == read(study, "best")
    assert (study.name, study.metric, study.direction, study.state) == ("small", "log_loss", "minimize", "finished")
    assert study.chosen.number == study.summary.to_json()["chosen"]["trial"]
    assert study.configuration == study.chosen.configuration
    assert study.verdict.answer in ("helps", "no gain", "nothing to learn")
    assert study.notes == study.record.notes
    assert repr(study).startswith(
        f"Study('small': finished, 5 of 5 trials, log_loss, minimize\n  baseline  {study.baseline.score:>8.4g}  trial 0"
    )


def test_it_is_read_anew_from_any_folder_and_leaves_no_connection(study, tmp_path, monkeypatch):
    before = study.trials
    monkeypatch.chdir(tmp_path)
    pd.testing.assert_frame_equal(study.trials, before)
    database = study.storage.removeprefix("sqlite:///")
    assert not [name for name in open_files() if name.startswith(database)]


def open_files():
    import psutil

    return [file.path for file in psutil.Process().open_files()]


def test_notebook_shows_the_verdict_and_the_table(study):
    page = study._repr_html_()
    assert page.count("<table") == 1
    assert "<b>small</b>" in page
    assert '<th scope="col"' in page
    assert "study.plot(&quot;curves&quot;)" in page
    assert "color:#" not in page


def test_notebook_view_of_a_study_without_a_score_says_so(tmp_path):
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    prepared = search.prepare_study("moons", ['study.name="new"'])
    with search.open_storage(url, create=True) as storage:
        from search.coordination.entry import enter_study

        enter_study(prepared, None, storage)
    study = search.load("new", url)
    assert "No trial has a score yet." in study._repr_html_()
    assert "search.run(..., study_name=&#x27;new&#x27;)" in study._repr_html_()
    assert repr(study) == "Study('new': stopped, 0 of 40 trials, log_loss, minimize\n  no trial has a score yet)"
    assert (len(study.trials), len(study.runs), len(study.curves)) == (0, 0, 0)
    assert study.chosen is study.configuration is study.verdict is None
    assert str(study.trials["started"].dtype) == "datetime64[us, UTC]"


def test_figures_reports_and_exports_are_files(study, tmp_path):
    assert study.plot("curves").layout.title.text
    assert study.report(tmp_path / "small.html").read_text().startswith("<!doctype html>")
    exported = json.loads(study.export(tmp_path / "small.json").read_text())
    assert exported["trial"] == study.chosen.number
    assert json.loads(study.export(tmp_path / "other", format="json", trial=1).read_text())["trial"] == 1
    assert study.export(str(tmp_path / "small.py")).read_text()


def test_model_is_trained_and_predicts(study):
    rows = np.zeros((3, 2), np.float32)
    assert study.model().predict(rows, verbose=0).shape == (3, 1)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda study: study.plot("pie"), "kind: expected one of "),
        (lambda study: study.curves_of(9), "small: expected the number of a trial, 0 to 4, received 9."),
        (lambda study: study.curves_of(1, "refit"), "purpose: expected search or confirmation, received 'refit'."),
        (lambda study: study.report("small.txt"), "path: expected a path that ends in .html, received small.txt."),
        (lambda study: study.export("small.doc"), "path: expected one of toml, json, "),
        (lambda study: study.export("small", format="doc"), "format: expected one of toml, json, "),
    ],
)
def test_what_cannot_be_had_is_told(study, ask, message):
    with pytest.raises(UsageError) as caught:
        ask(study)
    assert str(caught.value).startswith(message)


def test_a_missing_study_names_the_nearest(study):
    with pytest.raises(UnknownStudyError, match=r"received 'smal'\. Did you mean small\?"):
        search.load("smal", study.storage)
