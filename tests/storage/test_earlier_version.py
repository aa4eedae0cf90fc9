"""A database that an earlier version wrote opens, and the study begun there goes on."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.records import Purpose, RowCounts, RunSummary, StudyFacts, Trial, TrialState
from search.reporting.summaries import summarize_best, summarize_status
from search.storage import Storage, open_storage

_DATA = Path(__file__).parent / "data"
_N_COMPLETE = 6


@pytest.fixture
def begun_url(tmp_path: Path) -> str:
    path = tmp_path / "begun.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((_DATA / "begun_r0002.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{path}"


@pytest.fixture
def begun(begun_url: str) -> Iterator[Storage]:
    with open_storage(begun_url, create=True) as storage:
        yield storage


@pytest.mark.parametrize("option", ["", "?mode=ro&uri=true"], ids=["", "read-only"])
def test_it_is_read_without_a_byte_of_it_being_written(begun_url: str, option: str) -> None:
    path = Path(begun_url.removeprefix("sqlite:///"))
    before = path.read_bytes(), sorted(path.parent.iterdir())
    with open_storage(f"sqlite:///file:{path}{option}" if option else begun_url) as storage:
        _check_contents(storage)
    assert (path.read_bytes(), sorted(path.parent.iterdir())) == before


def test_what_it_holds_is_read_when_it_is_upgraded(begun: Storage) -> None:
    _check_contents(begun)


def _check_contents(begun: Storage) -> None:
    study = begun.study("begun")
    assert study.facts == StudyFacts(
        "binary",
        classes=("0", "1"),
        input_shape=(2,),
        rows=RowCounts(train=19, stop=5, validation=24, test=12),
        constant_scores=(0.6931471805599453, 0.6931471805599453),
        folder="studies",
        version=1,
    )
    assert (study.n_trials, study.notes, study.spec["training"]["engine"]) == (12, (), "graph")
    trials = begun.trials(study.study_id)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * _N_COMPLETE + [TrialState.RUNNING] * 4
    assert all(trial.cause is None for trial in trials)
    runs = begun.runs(study.study_id)
    assert [(run.trial, run.fold) for run in runs] == [(trial, fold) for trial in range(_N_COMPLETE) for fold in (0, 1)]
    assert all((run.purpose, run.cause, run.error) == (Purpose.SEARCH, None, None) for run in runs)
    assert len(begun.curve(study.study_id, 5, 1, 0).validation_loss) == 3
    assert begun.predictions(study.study_id) == {}
    assert summarize_status(begun, "begun").interrupted == (6, 7, 8, 9)
    assert summarize_best(begun, "begun").n_trials == _N_COMPLETE


def test_its_study_goes_on_as_if_it_had_never_been_cut_off(begun: Storage, sqlite_url: str) -> None:
    prepared = prepare_study(str(_DATA / "begun.toml"))
    study_id = begun.study("begun").study_id
    before = begun.trials(study_id)
    record = run_study(prepared, begun, Launch(n_jobs=0))
    assert (record.study_id, record.facts.version) == (study_id, 1)
    assert record.notes == (
        "TPE proposes at random until 10 trials have been told, here up to trial 12: a study of 12 trials is a random "
        "search. Raise n_trials, or lower study.window or study.n_startup_trials.",
        "Where its file leaves that open, the study goes on as it was begun: study.n_startup_trials = 10.",
    )
    trials = begun.trials(study_id)
    assert trials[:_N_COMPLETE] == before[:_N_COMPLETE]
    with open_storage(sqlite_url, create=True) as storage:
        # Then TPE always waited for ten trials.
        as_then = prepare_study(str(_DATA / "begun.toml"), ["study.n_startup_trials=10"])
        unbroken = run_study(as_then, storage, Launch(n_jobs=0))
        expected = storage.trials(unbroken.study_id)
        assert len(trials) == len(expected) == 12
        assert [trial.configuration for trial in trials] == [trial.configuration for trial in expected]
        assert _timeless(trials[_N_COMPLETE:]) == _timeless(expected[_N_COMPLETE:])
        for trial in expected[_N_COMPLETE:]:
            assert _placeless(begun.runs(study_id, trial.number)) == _placeless(
                storage.runs(unbroken.study_id, trial.number)
            )


def _timeless(trials: list[Trial]) -> list[Trial]:
    then = dt.datetime(2026, 1, 1)
    return [replace(trial, started=then, completed=then) for trial in trials]


def _placeless(runs: list[RunSummary]) -> list[RunSummary]:
    assert len(runs) == 2
    return [replace(run, seconds=0.0, worker="") for run in runs]
