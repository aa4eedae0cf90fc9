"""What is noted in the buffer counts at once, and is in the storage after a flush."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.coordination import trial_buffer as buffer_module
from search.coordination.open_trial import OpenTrial
from search.coordination.trial_buffer import TrialBuffer, intermediate_values, shown_epochs
from search.errors import StorageError
from search.records import (
    Configuration,
    Curve,
    FailureCause,
    Parameter,
    Predictions,
    Run,
    RunReport,
    RunResult,
    StudyFacts,
    Trial,
    TrialOutcome,
    TrialState,
)
from search.storage import Ended, Progressed, Started, open_storage

UNIT = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'


@pytest.fixture
def storage(tmp_path, make_tables):
    url = f"sqlite:///{tmp_path}/studies.db"
    make_tables(url)
    with open_storage(url) as opened:
        yield opened


@pytest.fixture
def record(storage):
    return storage.create_study("moons", "minimize", "log_loss", {}, "ab" * 32, StudyFacts("binary"), 10)


@pytest.fixture
def buffer(record, storage):
    return TrialBuffer([], record, storage)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when the test says so."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(buffer_module.time, "monotonic", lambda: Clock.now)
    return Clock


def asked(number):
    configuration = Configuration({"l2": number / 10} if number else {})
    return Trial(number, TrialState.RUNNING, configuration, parameters=(Parameter("l2", number / 10, UNIT),))


def result(number, metric=(0.5, 0.25), fold=0):
    run = Run(number, fold, 0, 7, Configuration())
    return RunResult(run, 0.25, curve=Curve(metric, metric, metric), epochs_trained=len(metric), best_epoch=1)


DIVERGED = TrialOutcome(TrialState.FAIL, error="diverged at epoch 1", cause=FailureCause.DIVERGED)
PRUNED = TrialOutcome(TrialState.PRUNED)


def complete(buffer, number, score=0.25):
    return buffer.finish(number, TrialOutcome(TrialState.COMPLETE, score), [result(number)])


def stored(storage, record):
    return {trial.number: trial for trial in storage.trials(record.study_id)}


def test_what_is_noted_counts_at_once_and_is_stored_by_a_flush(buffer, storage, record):
    for number in range(5):
        buffer.start(asked(number))
    complete(buffer, 0, 0.5)
    best = complete(buffer, 1, 0.25)
    buffer.finish(2, DIVERGED, [])
    buffer.finish(3, PRUNED, [], {1: 0.75})
    assert (buffer.n_ended, buffer.n_failed, buffer.n_pruned, buffer.best) == (4, 1, 1, best)
    assert [trial.state.name for trial in buffer.trials.values()] == [
        "COMPLETE",
        "COMPLETE",
        "FAIL",
        "PRUNED",
        "RUNNING",
    ]
    assert stored(storage, record) == {}
    buffer.flush()
    assert stored(storage, record) == buffer.trials
    assert [run.trial for run in storage.runs(record.study_id)] == [0, 1]


def test_buffer_that_is_opened_again_counts_what_is_stored(buffer, storage, record):
    for number in range(4):
        buffer.start(asked(number))
    complete(buffer, 1)
    buffer.finish(2, DIVERGED, [])
    buffer.finish(3, PRUNED, [])
    buffer.flush()
    again = TrialBuffer(storage.trials(record.study_id), record, storage)
    assert (again.trials, again.best) == (buffer.trials, buffer.best)
    assert (again.n_ended, again.n_failed, again.n_pruned) == (3, 1, 1)
    complete(again, 0, 0.125)
    again.flush()
    assert stored(storage, record) == again.trials
    assert again.best.number == 0


def test_entries_are_written_in_the_order_in_which_they_were_noted(buffer, storage, record, monkeypatch):
    batches = []
    monkeypatch.setattr(storage, "write", lambda study_id, entries, repeated: batches.append((study_id, entries)))
    for number in (0, 1):
        buffer.start(asked(number))
    buffer.progress(1, {1: 0.75})
    buffer.progress(0, {1: 0.5})
    buffer.progress(1, {1: 0.75, 2: 0.5})
    complete(buffer, 0)
    buffer.start(asked(2))
    buffer.flush()
    buffer.flush()
    ((study_id, entries),) = batches
    assert study_id == record.study_id
    assert [(type(entry), entry.number) for entry in entries] == [
        (Started, 0),
        (Started, 1),
        (Ended, 0),
        (Started, 2),
        (Progressed, 1),
    ]
    assert entries[0].baseline
    assert not entries[1].baseline
    assert entries[-1].intermediate == {1: 0.75, 2: 0.5}


@pytest.mark.parametrize("n_epochs", [0, 1, 4])
def test_run_that_is_given_up_has_the_epochs_by_which_it_was_judged(n_epochs):
    """Its worker may have died after it reported, and another one have begun anew when it was withdrawn."""

    class Judge:
        keeps_last_run = False

        def observe(self, index, metric, score):
            return 3 if len(metric) >= 3 else None

    metric = (0.5, 0.25, 0.125, 0.0625)
    trial = OpenTrial([result(1).run], Judge())
    assert trial.report(RunReport(result(1).run, 1, metric))
    withdrawn = replace(result(1, metric[:n_epochs]), score=None, error="withdrawn", cause=FailureCause.WITHDRAWN)
    trial.add(withdrawn)
    assert trial.is_over
    assert trial.results[0].curve.validation_metric.tolist() == [0.5, 0.25, 0.125]


def test_progress_is_shown_until_the_trial_ends(buffer, storage, record):
    buffer.start(asked(0))
    buffer.progress(0, {1: 0.75})
    buffer.flush()
    assert storage.intermediate_values(record.study_id) == {0: {1: 0.75}}
    buffer.progress(0, {1: 0.75, 2: 0.5})
    complete(buffer, 0)
    buffer.flush()
    assert storage.intermediate_values(record.study_id) == {0: {1: 0.5, 2: 0.25}}


def test_a_copy_names_the_trial_that_it_repeats(buffer, monkeypatch, storage):
    entries = []
    monkeypatch.setattr(storage, "write", lambda _, batch, repeated: entries.extend(batch))
    for number in (0, 1):
        buffer.start(asked(number))
    complete(buffer, 0)
    copy = buffer.finish_as(1, 0, {4: 0.5})
    buffer.flush()
    assert (copy.state, copy.score) == (TrialState.COMPLETE, 0.25)
    assert entries[-1].user_attrs == {"same_as_trial": 0}
    assert entries[-1].intermediate == {4: 0.5}


# Of one row and one output, times the two runs of a trial.
TRIAL_BYTES = 2 * Predictions([[0.5]]).n_bytes


@pytest.fixture
def open_buffer(record, storage):
    """A function that opens the buffer of the study, with room for the predictions of so many trials."""
    return lambda room: TrialBuffer(storage.trials(record.study_id), record, storage, room * TRIAL_BYTES)


def predicted(buffer, number, score):
    """End a trial of two runs, which predict its number."""
    buffer.start(asked(number))
    results = [replace(result(number, fold=fold), predictions=Predictions([[number]])) for fold in range(2)]
    return buffer.finish(number, TrialOutcome(TrialState.COMPLETE, score), results)


def kept(storage, record):
    """The trials whose predictions the storage holds, which are those of all their runs."""
    read = storage.predictions(record.study_id)
    assert all(predictions == Predictions([[number]]) for (number, _, _), predictions in read.items())
    numbers = sorted({number for number, _, _ in read})
    assert len(read) == 2 * len(numbers)
    return numbers


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_predictions_of_the_worst_trials_are_forgotten_whenever_it_is_flushed(open_buffer, storage, record, every):
    buffer = open_buffer(3)
    for number, score in enumerate([9.0, 0.5, 0.25, 0.75, 0.25, 0.125, 0.25]):
        predicted(buffer, number, score)
        if (number + 1) % every == 0:
            buffer.flush()
            assert storage.predictions_size(record.study_id).keys() == set(kept(storage, record))
            assert len(kept(storage, record)) <= 3
    buffer.flush()
    assert kept(storage, record) == [0, 2, 5]
    assert len(storage.runs(record.study_id)) == 14
    assert stored(storage, record) == buffer.trials


def test_buffer_that_is_opened_again_knows_what_is_kept(open_buffer, storage, record):
    buffer = open_buffer(3)
    for number, score in enumerate([9.0, 0.5, 0.25, 0.75]):
        predicted(buffer, number, score)
    buffer.flush()
    again = open_buffer(3)
    predicted(again, 4, 0.125)
    again.flush()
    assert kept(storage, record) == [0, 2, 4]
    narrower = open_buffer(2)
    narrower.flush()
    assert kept(storage, record) == [0, 4]


@pytest.mark.parametrize("room", [0, 0.5, 1])
def test_baseline_keeps_its_predictions_whatever_they_take(open_buffer, storage, record, room):
    buffer = open_buffer(room)
    for number in range(3):
        predicted(buffer, number, 0.5 - number / 8)
    buffer.flush()
    assert kept(storage, record) == [0]


def test_high_scores_are_good_where_they_are(storage):
    record = storage.create_study("up", "maximize", "accuracy", {}, "ab" * 32, StudyFacts("binary"), 10)
    buffer = TrialBuffer([], record, storage, 2 * TRIAL_BYTES)
    for number, score in enumerate([0.1, 0.9, 0.5]):
        predicted(buffer, number, score)
    buffer.flush()
    assert kept(storage, record) == [0, 1]


def test_no_room_is_made_without_a_bound_or_within_it(open_buffer, storage, record, monkeypatch):
    forgotten = []
    monkeypatch.setattr(storage, "forget_predictions", lambda _, trials: forgotten.extend(trials))
    for number, room in enumerate((3, math.inf)):
        buffer = open_buffer(room)
        predicted(buffer, number, 0.5)
        buffer.flush()
    assert kept(storage, record) == [0, 1]
    assert forgotten == []


def test_trial_that_has_no_score_keeps_no_predictions(open_buffer, storage, record):
    buffer = open_buffer(9)
    for number, end in enumerate((DIVERGED, PRUNED)):
        buffer.start(asked(number))
        buffer.finish(number, end, [replace(result(number), predictions=Predictions([[number]]))])
    buffer.flush()
    assert kept(storage, record) == []
    assert len(storage.runs(record.study_id)) == 2


def test_copy_has_no_predictions_and_takes_no_room(open_buffer, storage, record):
    buffer = open_buffer(2)
    predicted(buffer, 0, 0.5)
    predicted(buffer, 1, 0.25)
    buffer.start(asked(2))
    buffer.finish_as(2, 1)
    buffer.flush()
    assert kept(storage, record) == [0, 1]


def test_predictions_are_forgotten_once_what_takes_their_place_is_written(open_buffer, storage, record, monkeypatch):
    def fail(study_id, entries, repeated):
        raise StorageError("storage: the disk is full")

    buffer = open_buffer(2)
    predicted(buffer, 0, 0.5)
    predicted(buffer, 1, 0.5)
    buffer.flush()
    predicted(buffer, 2, 0.25)
    predicted(buffer, 3, 0.75)
    with monkeypatch.context() as patched:
        patched.setattr(storage, "write", fail)
        with pytest.raises(StorageError, match=r"^storage: the disk is full$"):
            buffer.flush()
    assert kept(storage, record) == [0, 1]
    buffer.flush()
    assert kept(storage, record) == [0, 2]


def test_what_comes_is_due_at_once_or_half_a_second_after_the_last_time(buffer, clock):
    assert buffer.seconds_until_due() is None
    buffer.start(asked(0))
    assert buffer.seconds_until_due() == 0.0
    buffer.flush()
    assert buffer.seconds_until_due() is None
    clock.now += 0.375
    buffer.progress(0, {1: 0.5})
    assert buffer.seconds_until_due() == 0.125
    clock.now += 1.0
    assert buffer.seconds_until_due() == 0.0
    buffer.flush()
    clock.now += 0.75
    buffer.progress(0, {1: 0.25})
    assert buffer.seconds_until_due() == 0.0


def test_a_flush_that_fails_keeps_the_entries(buffer, storage, record, clock, monkeypatch):
    def fail(study_id, entries, repeated):
        raise StorageError("storage: the disk is full")

    buffer.start(asked(0))
    complete(buffer, 0)
    buffer.start(asked(1))
    buffer.progress(1, {1: 0.5})
    with monkeypatch.context() as patched:
        patched.setattr(storage, "write", fail)
        for _ in range(2):
            with pytest.raises(StorageError, match=r"^storage: the disk is full$"):
                buffer.flush()
    clock.now += 0.5
    assert buffer.seconds_until_due() == 0.0
    buffer.start(asked(2))
    buffer.flush()
    assert stored(storage, record) == buffer.trials
    assert storage.intermediate_values(record.study_id) == {0: {1: 0.5, 2: 0.25}, 1: {1: 0.5}}


@given(
    st.lists(
        st.lists(st.floats(-1024, 1024, width=32), min_size=1, max_size=150),
        min_size=1,
        max_size=4,
    )
)
def test_intermediate_values_are_means_over_the_epochs_that_all_runs_trained(metrics):
    values = intermediate_values([result(0, metric, fold) for fold, metric in enumerate(metrics)])
    shortest = min(map(len, metrics))
    assert list(values) == shown_epochs(shortest)
    for epoch, value in values.items():
        assert value == pytest.approx(math.fsum(metric[epoch - 1] for metric in metrics) / len(metrics), abs=1e-9)
        assert type(epoch) is int
        assert type(value) is float


def test_without_runs_or_epochs_there_are_no_intermediate_values():
    assert intermediate_values([]) == {}
    assert intermediate_values([result(0, ()), result(0, (1.0,), fold=1)]) == {}


def test_values_that_are_not_finite_have_a_mean_as_far_as_there_is_one():
    metrics = [(math.inf, math.inf, math.nan, 1.0), (1.0, -math.inf, 1.0, 2.0)]
    values = intermediate_values([result(0, metric, fold) for fold, metric in enumerate(metrics)])
    assert repr(values) == "{1: inf, 2: nan, 3: nan, 4: 1.5}"


def test_metric_that_is_not_known_on_the_way_has_no_values():
    unknown = (math.nan, math.nan)
    assert intermediate_values([result(0, unknown), result(0, unknown, fold=1)]) == {}
    trial = OpenTrial([result(0, fold=fold).run for fold in (0, 1)], None)
    trial.report(RunReport(result(0).run, 1, unknown))
    trial.add(result(0, unknown, fold=1))
    assert trial.progress == {}
    trial.add(result(0, (0.5, 0.25), fold=0))
    assert trial.progress == {1: 0.5, 2: 0.25}


@pytest.mark.parametrize("n_epochs", [0, 1, 2, 49, 50, 51, 99, 4000])
def test_shown_epochs_are_few_and_spread_evenly(n_epochs):
    epochs = shown_epochs(n_epochs)
    assert len(epochs) == min(n_epochs, 50)
    if n_epochs:
        assert (epochs[0], epochs[-1]) == (1, n_epochs)
    gaps = [later - earlier for earlier, later in itertools.pairwise(epochs)]
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
