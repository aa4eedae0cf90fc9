"""What runs predicted: written with them, read by their keys, forgotten by trial. On SQLite and on PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sqlalchemy as sa

from search.errors import PermanentStorageError
from search.records import Configuration, Predictions, Purpose, RunResult, StudyRecord, TrialState
from search.storage import Ended, Started, Storage, open_storage, tables

MakeResult = Callable[..., RunResult]


def _predictions(*key: int) -> Predictions:
    """Three rows of two outputs, other ones for each key."""
    return Predictions(np.random.default_rng(key).random((3, 2), np.float32))


@pytest.fixture
def make_predicted(make_result: MakeResult) -> MakeResult:
    """A run's result with predictions of its own."""

    def make(trial: int, fold: int = 0, repeat: int = 0, purpose: Purpose = Purpose.SEARCH) -> RunResult:
        key = (trial, fold, repeat, list(Purpose).index(purpose))
        made = make_result(trial, fold, repeat, predictions=_predictions(*key))
        return replace(made, run=replace(made.run, purpose=purpose))

    return make


@pytest.fixture
def searched(storage: Storage, study: StudyRecord, make_predicted: MakeResult, make_result: MakeResult) -> int:
    """The key of a study of three trials: two of three runs with predictions, one of a run without."""
    storage.write(study.study_id, [Started(number, Configuration()) for number in range(3)])
    keys = ((1, 0), (0, 1), (0, 0))
    results = {number: [make_predicted(number, *key) for key in keys] for number in range(2)}
    results[2] = [make_result(2)]
    storage.write(study.study_id, [Ended(n, TrialState.COMPLETE, 0.25, results=results[n]) for n in range(3)])
    return study.study_id


def test_predictions_are_read_by_trial_fold_and_repeat(storage: Storage, searched: int) -> None:
    keys = [(trial, fold, repeat) for trial in range(2) for fold, repeat in ((0, 0), (0, 1), (1, 0))]
    read = storage.predictions(searched)
    assert list(read) == keys
    assert all(predictions == _predictions(*key, 0) for key, predictions in read.items())
    assert storage.predictions(searched, trial=1) == {key: read[key] for key in keys[3:]}
    assert storage.predictions(searched, trial=2) == storage.predictions(searched, Purpose.CONFIRMATION) == {}
    size = _predictions(0).n_bytes
    assert storage.predictions_size(searched) == {0: 3 * size, 1: 3 * size}
    assert len(storage.runs(searched)) == 7


def test_numbers_that_are_not_finite_and_those_far_off_zero_come_back(
    storage: Storage, study: StudyRecord, make_result: MakeResult
) -> None:
    sent = [Predictions([[math.nan, math.inf], [1.0, -math.inf]]), Predictions([[1e7 + 0.25], [1e7 + 0.5]])]
    storage.write(study.study_id, [Started(0, Configuration())])
    results = [make_result(0, fold, predictions=predictions) for fold, predictions in enumerate(sent)]
    storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.25, results=results)])
    assert list(storage.predictions(study.study_id).values()) == sent


def test_predictions_of_some_trials_are_forgotten_and_their_runs_stay(
    storage: Storage, searched: int, create_study: Callable[..., StudyRecord], make_predicted: MakeResult
) -> None:
    confirmed = [make_predicted(1, 0, 0, Purpose.CONFIRMATION)]
    storage.write_runs(searched, confirmed)
    other = create_study(storage, "other").study_id
    storage.write(other, [Started(0, Configuration()), Started(1, Configuration())])
    storage.write(other, [Ended(1, TrialState.COMPLETE, 0.25, results=[make_predicted(1)])])
    runs = storage.runs(searched)
    storage.forget_predictions(searched, [])
    assert list(storage.predictions_size(searched)) == [0, 1]
    for _ in range(2):  # a second time does no harm
        storage.forget_predictions(searched, [1, 2, 99])
        assert {trial for trial, _, _ in storage.predictions(searched)} == {0}
    assert storage.runs(searched) == runs
    assert storage.curve(searched, 1, 0, 1).n_epochs == 3
    assert storage.predictions(searched, Purpose.CONFIRMATION) == {(1, 0, 0): confirmed[0].predictions}
    assert list(storage.predictions_size(other)) == [1]


def test_runs_that_belong_to_no_trials_end_are_written_with_all_that_is_theirs(
    storage: Storage, searched: int, make_predicted: MakeResult
) -> None:
    results = [make_predicted(trial, fold, 0, Purpose.CONFIRMATION) for trial in (1, 0) for fold in (1, 0)]
    storage.write_runs(searched, [])
    storage.write_runs(searched, results)
    assert [(run.trial, run.fold) for run in storage.runs(searched, purpose=Purpose.CONFIRMATION)] == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    read = storage.predictions(searched, Purpose.CONFIRMATION)
    assert read == {(result.run.trial, result.run.fold, 0): result.predictions for result in results}
    assert storage.curve(searched, 1, 1, 0, Purpose.CONFIRMATION) == results[0].curve
    assert list(storage.predictions_size(searched)) == [0, 1]
    assert storage.predictions_size(searched)[0] == 3 * results[0].predictions.n_bytes  # type: ignore[union-attr]


def test_run_that_is_there_already_is_refused_and_with_it_all_of_its_batch(
    storage: Storage, searched: int, make_predicted: MakeResult
) -> None:
    there, new = (make_predicted(0, fold, 0, Purpose.CONFIRMATION) for fold in range(2))
    storage.write_runs(searched, [there])
    with pytest.raises(PermanentStorageError, match="expected the database to do its work, received: "):
        storage.write_runs(searched, [new, there])
    assert [run.fold for run in storage.runs(searched, purpose=Purpose.CONFIRMATION)] == [0]
    storage.write_runs(searched, [new])
    assert [run.fold for run in storage.runs(searched, purpose=Purpose.CONFIRMATION)] == [0, 1]


def test_run_of_the_search_is_written_with_the_end_of_its_trial_alone(
    storage: Storage, searched: int, make_predicted: MakeResult
) -> None:
    with pytest.raises(ValueError, match="part of the search") as caught:
        storage.write_runs(searched, [make_predicted(0, 7, 0, Purpose.REFIT), make_predicted(0, 7)])
    assert str(caught.value) == (
        "expected runs that are no part of the search, received one that is: it ends with its trial"
    )
    assert storage.runs(searched, purpose=Purpose.REFIT) == []


def test_runs_of_a_study_that_was_deleted_are_refused(storage: Storage, make_predicted: MakeResult) -> None:
    with pytest.raises(PermanentStorageError, match="study 99: expected the study to exist, received that it was del"):
        storage.write_runs(99, [make_predicted(0, purpose=Purpose.CONFIRMATION)])


def test_bytes_that_a_worker_sent_are_stored_with_their_number(
    storage: Storage, searched: int, connection: sa.Connection
) -> None:
    rows = connection.execute(
        sa.select(tables.runs.c.fold, tables.runs.c.repeat, tables.predictions)
        .join(tables.runs, tables.runs.c.run_id == tables.predictions.c.run_id)
        .where(tables.runs.c.trial_number == 1)
    ).all()
    assert len(rows) == 3
    for row in rows:
        sent = _predictions(1, row.fold, row.repeat, 0)
        assert bytes(row.predictions) == sent.to_bytes()
        assert row.n_bytes == sent.n_bytes


def test_a_run_that_failed_has_no_predictions(make_result: MakeResult) -> None:
    with pytest.raises(ValueError, match="predictions") as caught:
        make_result(0, score=None, error="diverged at epoch 3", predictions=_predictions(0))
    assert str(caught.value) == "expected predictions only with a score, received the error 'diverged at epoch 3'"


def test_predictions_are_there_after_opening_again(storage_url: str, storage: Storage, searched: int) -> None:
    before = storage.predictions(searched)
    with open_storage(storage_url) as again:
        assert again.predictions(searched) == before
