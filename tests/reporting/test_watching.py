"""Looking at a study that runs: each look reads what is new, and counts every trial once."""

import optuna
import pytest

from search.errors import PermanentStorageError, UnknownStudyError
from search.records import Configuration, Purpose, Run, RunResult, StudyFacts, TrialState
from search.reporting.watching import Watch
from search.storage import Ended, Started, open_storage


@pytest.fixture
def storage(storage_url, make_tables):
    make_tables(storage_url)
    with open_storage(storage_url) as opened:
        yield opened


@pytest.fixture
def study(storage):
    spec = {"space": {"l2": {"choices": [0.1]}}, "confirm": {"finalists": 0}}
    return storage.create_study("s", "minimize", "mse", spec, "ab" * 32, StudyFacts("regression"), 4)


def begin(storage, study, *numbers):
    configurations = [Configuration({"l2": 0.1} if number else {}) for number in numbers]
    storage.write(study.study_id, [Started(n, c, baseline=not n) for n, c in zip(numbers, configurations, strict=True)])


def end(storage, study, number, score, *, worker="here:1"):
    ended = Ended(number, TrialState.PRUNED)
    if score is not None:
        results = [RunResult(Run(number, 0, 0, 7, Configuration({})), score, worker=worker)]
        ended = Ended(number, TrialState.COMPLETE, score, results=results)
    storage.write(study.study_id, [ended])


def test_trials_that_end_out_of_order_are_told_once_each(storage, study):
    with storage.hold("s"):
        watched = Watch(storage, "s")
        begin(storage, study, 0, 1, 2)
        first = watched.look()
        assert (first.state, first.n_ended, first.n_running, first.best) == ("running", 0, 3, None)
        end(storage, study, 2, 0.3)
        second = watched.look()
        assert ([t.number for t in second.ended], second.best.number, second.baseline) == ([2], 2, None)
        end(storage, study, 0, 0.5, worker="here:2")
        end(storage, study, 1, None)
        begin(storage, study, 3)
        third = watched.look()
        assert [trial.number for trial in third.ended] == [0, 1]
        assert (third.n_ended, third.n_pruned, third.n_running, third.n_workers) == (3, 1, 1, 2)
        assert (third.best.number, third.baseline.number, third.losses_in_words()) == (2, 0, "1 pruned")
        assert watched.look().ended == []
        storage.request_stop("s")
        end(storage, study, 3, 0.9)
        fourth = watched.look()
        assert ([t.number for t in fourth.ended], fourth.state, fourth.is_over) == ([3], "draining", False)
    last = watched.look()
    assert (last.state, last.is_over, last.n_ended, last.n_trials) == ("finished", True, 4, 4)


def test_look_reads_no_trial_that_was_seen_to_end(storage, study, monkeypatch):
    read = []
    trials = storage.trials
    monkeypatch.setattr(storage, "trials", lambda *args, **given: read.append(trials(*args, **given)) or read[-1])
    with storage.hold("s"):
        watched = Watch(storage, "s")
        begin(storage, study, 0, 1, 2)
        end(storage, study, 0, 0.5)
        watched.look()
        end(storage, study, 2, 0.4)
        watched.look()
        watched.look()
    assert [[trial.number for trial in each] for each in read] == [[0, 1, 2], [1, 2], [1, 2]]


def test_runs_of_the_confirmation_are_counted_as_they_come(storage, study):
    with storage.hold("s"):
        watched = Watch(storage, "s")
        begin(storage, study, 0)
        end(storage, study, 0, 0.5)
        assert watched.look().n_confirming == 0
        for repeat in range(2):
            run = Run(0, 0, repeat, 7, Configuration({}), purpose=Purpose.CONFIRMATION)
            storage.write_runs(study.study_id, [RunResult(run, 0.4, worker="there:1")])
            assert watched.look().n_confirming == repeat + 1
        assert watched.look().n_workers == 2


def test_larger_total_is_seen_and_speed_is_that_of_this_session(storage, study):
    begin(storage, study, 0)
    end(storage, study, 0, 0.5)
    with storage.hold("s"):
        storage.set_n_trials(study.study_id, 10)
        watched = Watch(storage, "s")
        first = watched.look()
        assert (first.n_trials, first.seconds_a_trial, first.time_in_words()) == (10, None, "")
        begin(storage, study, 1, 2)
        for number in (1, 2):
            end(storage, study, number, 0.5)
        told = watched.look()
        assert told.seconds_a_trial > 0
        assert told.time_in_words().endswith(" left")


def test_study_that_is_not_there_or_no_longer_is_an_error(storage, study, storage_url):
    with pytest.raises(UnknownStudyError, match="Did you mean s"):
        Watch(storage, "ss")
    watched = Watch(storage, "s")
    theirs = optuna.storages.RDBStorage(storage_url)
    theirs.delete_study(study.study_id)
    theirs.remove_session()
    theirs.engine.dispose()
    with pytest.raises(PermanentStorageError, match=f"expected study {study.study_id} to exist"):
        watched.look()
