"""The contract of `Storage`; every test runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from search.errors import PermanentStorageError, UnknownStudyError, UsageError
from search.records import (
    FACTS_VERSION,
    Configuration,
    Curve,
    FailureCause,
    Parameter,
    Purpose,
    RowCounts,
    RunResult,
    RunSummary,
    StudyFacts,
    StudyRecord,
    Trial,
    TrialState,
)
from search.storage import (
    MAX_INTERMEDIATE_VALUES,
    Ended,
    Progress,
    Started,
    Storage,
    open_storage,
    optuna_tables,
    reading,
    tables,
)

MakeResult = Callable[..., RunResult]
CreateStudy = Callable[..., StudyRecord]
_CONFIGURATION = Configuration({"l2": 0.125, "dense_1.dropout": 0.75, "model.hidden": (32, 16), "activation": "relu"})


def test_a_study_is_read_as_it_was_created(storage: Storage, create_study: CreateStudy) -> None:
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    created = create_study(storage, "moons", spec={"a": [1, 2.5, None, {"b": "é"}]}, direction="maximize")
    assert storage.study("moons") == created
    assert created.spec == {"a": [1, 2.5, None, {"b": "é"}]}
    assert (created.name, created.direction, created.metric) == ("moons", "maximize", "log_loss")
    assert (created.n_trials, created.data_sha256, created.stop_requested) == (60, "ab" * 32, False)
    assert created.facts == StudyFacts("binary", classes=("0", "1"), input_shape=(2,), rows=RowCounts(40, 10, 25, 25))
    assert created.notes == ("3 of 4 features never change: é.",)
    assert before <= created.created <= dt.datetime.now(dt.UTC).replace(tzinfo=None)


def test_studies_come_in_order_of_creation(storage: Storage, create_study: CreateStudy) -> None:
    assert storage.studies() == []
    created = [create_study(storage, name) for name in ("moons", "digits", "a.b-c_d")]
    assert storage.studies() == created


def test_an_unknown_study_is_an_error_with_the_nearest_names(storage: Storage, create_study: CreateStudy) -> None:
    with pytest.raises(UnknownStudyError) as empty:
        storage.study("moons")
    assert str(empty.value) == (
        f"storage {storage.url_shown}: expected the name of a study, received 'moons'. "
        "It holds none yet: try `regsearch run moons`."
    )
    create_study(storage, "moons")
    with pytest.raises(UnknownStudyError) as near:
        storage.study("mons")
    assert str(near.value) == (
        f"storage {storage.url_shown}: expected the name of a study, received 'mons'. Did you mean moons?"
    )
    with pytest.raises(UnknownStudyError) as far:
        storage.study("xyz")
    assert str(far.value) == (
        f"storage {storage.url_shown}: expected the name of a study, received 'xyz'. `regsearch studies` lists them."
    )


def test_a_name_that_is_taken_is_refused(storage: Storage, study: StudyRecord, create_study: CreateStudy) -> None:
    with pytest.raises(UsageError) as caught:
        create_study(storage, "moons", metric="accuracy")
    assert str(caught.value) == (
        f"storage {storage.url_shown}: expected a name that is free, received 'moons'. "
        "Choose another with --study-name."
    )
    assert storage.studies() == [study]


def test_total_and_stop_request_are_updated(storage: Storage, study: StudyRecord) -> None:
    storage.set_n_trials(study.study_id, 100)
    storage.request_stop("moons")
    assert storage.stop_requested(study.study_id)
    assert storage.study("moons") == replace(study, n_trials=100, stop_requested=True)
    storage.clear_stop(study.study_id)
    assert not storage.stop_requested(study.study_id)


def test_notes_take_the_place_of_those_before(storage: Storage, study: StudyRecord) -> None:
    assert study.notes
    for notes in (("one, é", 'two "quoted"'), ()):
        storage.set_notes(study.study_id, notes)
        assert storage.study("moons") == replace(study, notes=notes)


def test_facts_of_a_newer_version_are_refused(storage: Storage, study: StudyRecord, connection: sa.Connection) -> None:
    document = json.dumps(study.facts.to_json() | {"version": FACTS_VERSION + 1})
    connection.execute(sa.update(tables.studies).values(facts=document))
    connection.commit()
    with pytest.raises(PermanentStorageError) as caught:
        storage.studies()
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study moons: expected facts of version 1 to {FACTS_VERSION}, "
        f"received version {FACTS_VERSION + 1}. "
        "It was made by a newer regsearch; install that one, or name another database."
    )


def test_a_deleted_study_is_noticed(storage: Storage) -> None:
    expected = f"storage {storage.url_shown}: expected study 99 to exist, received that it was deleted."
    for ask in (storage.stop_requested, storage.clear_stop, lambda key: storage.set_n_trials(key, 1)):
        with pytest.raises(PermanentStorageError) as caught:
            ask(99)
        assert str(caught.value) == expected
    with pytest.raises(PermanentStorageError) as caught:
        storage.write(99, [Started(0, Configuration())])
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study 99: expected the study to exist, received that it was deleted. "
        "Another program wrote to this study; only its coordinator may."
    )


def test_a_trial_is_read_as_it_was_written(
    storage: Storage, study: StudyRecord, parameters: tuple[Parameter, ...], make_result: MakeResult
) -> None:
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    storage.write(study.study_id, [Started(0, Configuration(), baseline=True)])
    storage.write(study.study_id, [Started(1, _CONFIGURATION, parameters)])
    running = storage.trials(study.study_id)[1]
    assert running == Trial(1, TrialState.RUNNING, _CONFIGURATION, parameters=parameters, started=running.started)
    storage.write(study.study_id, [Ended(1, TrialState.COMPLETE, 0.25, results=[make_result(1)])])
    baseline, done = storage.trials(study.study_id)
    assert (baseline.number, baseline.state, baseline.configuration) == (0, TrialState.RUNNING, Configuration())
    assert done == replace(running, state=TrialState.COMPLETE, score=0.25, completed=done.completed)
    assert done.started is not None
    assert done.completed is not None
    assert before <= done.started <= done.completed <= dt.datetime.now(dt.UTC).replace(tzinfo=None)


def test_a_trial_that_starts_while_trials_are_read_is_read_whole_or_not_at_all(
    storage_url: str,
    storage: Storage,
    study: StudyRecord,
    parameters: tuple[Parameter, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_parameters = reading._read_parameters

    def start_a_trial_meanwhile(*arguments: Any) -> dict[int, list[Parameter]]:
        found = read_parameters(*arguments)
        with open_storage(storage_url) as other:
            other.write(study.study_id, [Started(1, Configuration(), parameters)])
        return found

    storage.write(study.study_id, [Started(0, Configuration(), parameters)])
    monkeypatch.setattr(reading, "_read_parameters", start_a_trial_meanwhile)
    assert [(trial.number, trial.parameters) for trial in storage.trials(study.study_id)] == [(0, parameters)]
    monkeypatch.undo()
    assert [trial.parameters for trial in storage.trials(study.study_id)] == [parameters, parameters]


def test_a_failed_trial_keeps_its_reason_and_has_no_score(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    failed = make_result(0, score=None, error="diverged at epoch 3", penalty=math.nan, weight_norms={"d": math.inf})
    storage.write(study.study_id, [Ended(0, TrialState.FAIL, error="diverged at epoch 3", results=[failed])])
    (trial,) = storage.trials(study.study_id)
    assert (trial.state, trial.score, trial.error) == (TrialState.FAIL, None, "diverged at epoch 3")
    (run,) = storage.runs(study.study_id)
    assert (run.score, run.error, run.weight_norms) == (None, "diverged at epoch 3", {"d": math.inf})
    assert math.isnan(run.penalty)


def test_a_pruned_trial_has_no_score(storage: Storage, study: StudyRecord) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    storage.write(study.study_id, [Ended(0, TrialState.PRUNED, intermediate={1: 0.75, 2: 0.5})])
    (trial,) = storage.trials(study.study_id)
    assert (trial.state, trial.score) == (TrialState.PRUNED, None)


def test_trials_of_two_studies_are_numbered_apart(storage: Storage, create_study: CreateStudy) -> None:
    one, two = create_study(storage, "one"), create_study(storage, "two")
    for number in range(3):
        for study in (one, two):
            storage.write(study.study_id, [Started(number, Configuration({"l2": number}))])
    assert [trial.number for trial in storage.trials(one.study_id)] == [0, 1, 2]
    assert [trial.configuration["l2"] for trial in storage.trials(two.study_id)] == [0, 1, 2]


@pytest.mark.parametrize(("number", "next_number"), [(0, 1), (2, 1)])
def test_a_number_that_is_not_the_next_is_refused(
    number: int, next_number: int, storage: Storage, study: StudyRecord
) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    with pytest.raises(PermanentStorageError) as caught:
        storage.write(study.study_id, [Started(number, Configuration())])
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study {study.study_id}: expected {next_number} to be the next trial, "
        f"received {number}. Another program wrote to this study; only its coordinator may."
    )
    assert len(storage.trials(study.study_id)) == 1


def test_a_trial_ends_once(storage: Storage, study: StudyRecord, make_result: MakeResult) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=[make_result(0)])])
    before = storage.trials(study.study_id), storage.runs(study.study_id)
    with pytest.raises(PermanentStorageError) as caught:
        storage.write(study.study_id, [Ended(0, TrialState.FAIL, error="again", results=[make_result(0, repeat=1)])])
    assert str(caught.value) == (
        f"storage {storage.url_shown}: study {study.study_id}: expected trial 0 to be RUNNING, received COMPLETE. "
        "Another program wrote to this study; only its coordinator may."
    )
    with pytest.raises(PermanentStorageError, match="expected trial 7 to exist, received that it does not"):
        storage.write(study.study_id, [Ended(7, TrialState.COMPLETE, 0.5)])
    assert (storage.trials(study.study_id), storage.runs(study.study_id)) == before


def test_an_end_that_fails_half_way_writes_nothing(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    twice = [make_result(0, fold=1), make_result(0, fold=1)]
    with pytest.raises(PermanentStorageError):
        storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=twice, intermediate={1: 0.5})])
    assert storage.trials(study.study_id)[0].state is TrialState.RUNNING
    assert storage.runs(study.study_id) == []
    storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=twice[:1], intermediate={1: 0.5})])
    assert storage.trials(study.study_id)[0].state is TrialState.COMPLETE


def test_runs_whose_worker_is_not_known_are_nobodys(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    died = make_result(0, score=None, error="its worker died", worker="")
    storage.write(study.study_id, [Started(0, Configuration()), Ended(0, TrialState.FAIL, error="no", results=[died])])
    assert storage.count_runs(study.study_id, Purpose.SEARCH) == 1
    assert storage.workers(study.study_id) == {}


def test_runs_come_by_trial_fold_and_repeat_with_all_they_hold(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    for number in range(2):
        storage.write(study.study_id, [Started(number, Configuration())])
    for number in (1, 0):
        results = [make_result(number, fold, repeat) for fold in (1, 0) for repeat in (1, 0)]
        storage.write(study.study_id, [Ended(number, TrialState.COMPLETE, 0.25, results=results)])
    runs = storage.runs(study.study_id)
    keys = [(run.trial, run.fold, run.repeat) for run in runs]
    assert keys == sorted(keys)
    assert len(keys) == 8
    assert storage.runs(study.study_id, trial=1) == runs[4:]
    assert storage.workers(study.study_id) == {"host:42": 8}
    assert runs[6] == RunSummary(
        trial=1,
        fold=1,
        repeat=0,
        seed=8,
        score=0.25,
        error=None,
        penalty=0.5,
        epochs_trained=3,
        best_epoch=2,
        weight_norms={"dense": 1.5, "dense_1": 2.25},
        zero_shares={"dense": 0.5},
        zero_weights={"dense": 0.25, "dense_1": 0.0},
        seconds=0.125,
        engine="fit",
        worker="host:42",
    )


def test_runs_of_one_trial_and_several_purposes_live_side_by_side(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    scores = dict(zip(Purpose, (0.25, 0.5, 0.75, 0.875), strict=True))

    def result(purpose: Purpose, fold: int) -> RunResult:
        made = make_result(
            0, fold, score=scores[purpose] + fold, curve=Curve((scores[purpose],), (1.0,), (fold + 1.0,))
        )
        return replace(made, run=replace(made.run, purpose=purpose))

    results = [result(purpose, fold) for purpose in Purpose for fold in (1, 0)]
    storage.write(study.study_id, [Started(0, Configuration())])
    storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=results)])
    for purpose, score in scores.items():
        runs = storage.runs(study.study_id, purpose=purpose)
        assert [(run.purpose, run.fold, run.score) for run in runs] == [(purpose, 0, score), (purpose, 1, score + 1)]
        assert storage.runs(study.study_id, 0, purpose) == runs
        curve = storage.curve(study.study_id, 0, 1, 0, purpose)
        assert (curve.train_loss.tolist(), curve.validation_metric.tolist()) == ([score], [2.0])
    assert storage.runs(study.study_id) == storage.runs(study.study_id, purpose=Purpose.SEARCH)
    assert storage.workers(study.study_id) == {"host:42": 8}
    with pytest.raises(PermanentStorageError) as caught:
        storage.curve(study.study_id, 0, 2, 0, Purpose.CONFIRMATION)
    assert str(caught.value).endswith(
        f"expected a confirmation run of trial 0, fold 2, repeat 0 of study {study.study_id}, received none."
    )


@pytest.mark.parametrize("cause", FailureCause)
def test_the_cause_of_a_failure_is_read_as_it_was_written(
    cause: FailureCause, storage: Storage, study: StudyRecord, make_result: MakeResult, connection: sa.Connection
) -> None:
    storage.write(study.study_id, [Started(number, Configuration()) for number in range(2)])
    failed = make_result(0, score=None, error="why", cause=cause)
    storage.write(
        study.study_id,
        [
            Ended(0, TrialState.FAIL, error="why", results=[failed], cause=cause),
            Ended(1, TrialState.COMPLETE, 0.25, results=[make_result(1)]),
        ],
    )
    assert [trial.cause for trial in storage.trials(study.study_id)] == [cause, None]
    assert [run.cause for run in storage.runs(study.study_id)] == [cause, None]
    attributes = optuna_tables.trial_user_attributes
    shown = connection.scalars(sa.select(attributes.c.value_json).where(attributes.c.key == "cause")).all()
    assert [json.loads(value) for value in shown] == [cause.value]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("its worker died each time, 3 times (fold 0, seed 0)", FailureCause.WORKER_DIED),
        ("ValueError: its worker died each time", None),
    ],
)
def test_a_failure_without_a_cause_is_told_by_its_error_where_that_is_sure(
    error: str, cause: FailureCause | None, storage: Storage, study: StudyRecord
) -> None:
    storage.write(study.study_id, [Started(0, Configuration()), Ended(0, TrialState.FAIL, error=error)])
    assert storage.trials(study.study_id)[0].cause is cause


def test_each_run_has_its_own_curve(storage: Storage, study: StudyRecord, make_result: MakeResult) -> None:
    curves = {
        (fold, repeat): Curve((fold + 0.5,), (repeat + 0.25,), (math.nan if fold else 1.0,))
        for fold in (2, 0, 1)
        for repeat in (1, 0)
    }
    storage.write(study.study_id, [Started(0, Configuration())])
    results = [make_result(0, *key, curve=curve) for key, curve in curves.items()]
    storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=results)])
    for key, curve in curves.items():
        assert storage.curve(study.study_id, 0, *key) == curve
    with pytest.raises(PermanentStorageError) as caught:
        storage.curve(study.study_id, 0, 3, 0)
    assert str(caught.value) == (
        f"storage {storage.url_shown}: expected a run of trial 0, fold 3, repeat 0 of study {study.study_id}, "
        "received none."
    )


def test_texts_that_a_database_refuses_are_stored_nearly(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    odd = make_result(0, score=None, error="nul \0, half \ud800, é", weight_norms={})
    storage.write(study.study_id, [Ended(0, TrialState.FAIL, error="nul \0, half \ud800, é", results=[odd])])
    assert storage.runs(study.study_id)[0].error == "nul \N{REPLACEMENT CHARACTER}, half ?, é"
    assert storage.trials(study.study_id)[0].error == "nul \0, half \ud800, é"


def test_progress_counts_states_and_finds_the_first_best_trial(storage: Storage, create_study: CreateStudy) -> None:
    for direction, best, best_value in (("minimize", 2, 0.0), ("maximize", 1, 1.0)):
        study = create_study(storage, direction, direction=direction)
        assert storage.progress(study.study_id) == Progress()
        for number in range(7):
            storage.write(study.study_id, [Started(number, Configuration())])
        for number, score in ((3, 0.25), (1, 0.75), (2, 0.25), (0, 0.5)):
            storage.write(study.study_id, [Ended(number, TrialState.COMPLETE, score)])
        storage.write(study.study_id, [Ended(4, TrialState.PRUNED, intermediate={1: best_value})])
        storage.write(study.study_id, [Ended(5, TrialState.FAIL, error="diverged at epoch 1")])
        progress = storage.progress(study.study_id)
        trials = storage.trials(study.study_id)
        assert progress.counts == {
            TrialState.COMPLETE: 4,
            TrialState.PRUNED: 1,
            TrialState.FAIL: 1,
            TrialState.RUNNING: 1,
        }
        assert progress.n_trials == 7
        assert (progress.best_trial, progress.best_score) == (best, trials[best].score)
        assert progress.started == trials[0].started
        assert progress.completed == max(trial.completed for trial in trials if trial.completed is not None)


def test_what_was_written_is_there_after_opening_again(
    storage_url: str, create_study: CreateStudy, make_result: MakeResult
) -> None:
    with open_storage(storage_url, create=True) as storage:
        study = create_study(storage)
        storage.write(study.study_id, [Started(0, _CONFIGURATION)])
        most = dict.fromkeys(range(MAX_INTERMEDIATE_VALUES), 0.5)
        ended = Ended(0, TrialState.COMPLETE, 0.25, results=[make_result(0)], intermediate=most)
        storage.write(study.study_id, [ended])
        before = storage.trials(study.study_id), storage.runs(study.study_id)
    with open_storage(storage_url) as storage:
        assert storage.study("moons") == study
        assert (storage.trials(study.study_id), storage.runs(study.study_id)) == before
        assert repr(storage) == f"Storage({storage.url_shown!r})"
