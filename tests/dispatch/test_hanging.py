"""A task that hangs is taken from its worker and tried again; the third time it has failed."""

import pytest

from search.dispatch.hanging import Hanging
from search.dispatch.tasks import CalibrateTask, PredictTask, TrainTask
from search.execution import Done, Running
from search.records import Configuration, EngineChoice, FailureCause, Purpose, Run
from tests.dispatch.conftest import done, runs_of


def hang(pool, seconds, silent_seconds=None):
    """Have all tasks that were submitted and not abandoned be running for so long."""
    left = [*pool.submitted, *pool.prepared]
    left = [task for task in left if not any(task is each for each in pool.abandoned)]
    pool.begun = [Running(task, seconds, seconds if silent_seconds is None else silent_seconds) for task in left]


def outcomes(messages):
    return [(each.run.trial, each.run.fold, each.error, each.cause) for each in messages]


def test_run_beyond_its_limit_is_tried_three_times_and_then_fails(pool, make_dispatcher):
    told = []
    dispatcher = make_dispatcher(hanging=Hanging(5.0), note=told.append)
    dispatcher.submit(runs_of(7, 1))
    for n_tries in (1, 2):
        hang(pool, 5.0)
        assert dispatcher.wait(0) == []
        assert len(pool.submitted) == n_tries
        hang(pool, 5.5, silent_seconds=0.1)  # it reports, and takes too long all the same
        assert dispatcher.wait(0) == []
        assert len(pool.submitted) == n_tries + 1
    pool.begun = [Running(pool.submitted[-1], 5.5, 0.25, "host:42")]
    results = dispatcher.wait(0)
    assert outcomes(results) == [(7, 0, "did not end within 5 s, 3 times", FailureCause.TIMED_OUT)]
    assert [(each.worker, each.seconds) for each in results] == [("host:42", 5.5)]
    assert results[0].log == "Worker host:42 was killed 5.5 s after it began; its last sign had come 0.2 s before."
    assert len(pool.abandoned) == 3
    assert told == ["A run of trial 7 did not end within 5 s; its worker is replaced."] * 3
    assert not FailureCause.TIMED_OUT.is_transient
    dispatcher.submit(runs_of(8, 1))
    assert len(pool.submitted) == 4


def test_runs_of_a_trip_have_time_for_each_and_are_told_apart_when_they_hang(pool, make_dispatcher):
    dispatcher = make_dispatcher(hanging=Hanging(5.0))
    dispatcher.submit(runs_of(0, 1))
    pool.answers = [done(pool.submitted[0], 0.01)]
    dispatcher.wait(0)
    pool.begun = []
    dispatcher.submit(runs_of(1, 4))
    (trip,) = pool.submitted[1:]
    pool.begun = [Running(trip, 19.0, 19.0)]
    assert dispatcher.wait(0) == []
    assert pool.abandoned == []
    pool.begun = [Running(trip, 21.0, 21.0)]
    assert dispatcher.wait(0) == []
    assert pool.sizes()[2:] == [1, 1, 1, 1]
    pool.answers = [done(task) for task in pool.submitted[2:]]
    assert len(dispatcher.wait(0)) == 4


@pytest.mark.parametrize(
    ("seconds", "silent_seconds", "is_hanging"),
    [(299.0, 299.0, False), (301.0, 301.0, True), (9e9, 299.0, False)],
)
def test_without_a_limit_silence_counts_against_what_runs_have_taken(
    pool, make_dispatcher, seconds, silent_seconds, is_hanging
):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 1))
    hang(pool, 7000.0)
    assert dispatcher.wait(0) == []
    assert pool.abandoned == []  # nobody knows yet how long they take
    pool.answers = [done(pool.submitted[0], 2.0)]
    pool.begun = []
    dispatcher.wait(0)
    dispatcher.submit(runs_of(1, 1))
    pool.begun = [Running(pool.submitted[-1], seconds, silent_seconds)]
    dispatcher.wait(0)
    assert bool(pool.abandoned) is is_hanging


def test_long_runs_raise_what_counts_as_silence():
    hanging, task = Hanging(), TrainTask(tuple(runs_of(0, 1)))
    hanging.learn(60.0)
    hanging.learn(1.0)
    assert hanging.limit_in_words(Running(task, 1199.0, 1199.0)) is None
    assert hanging.limit_in_words(Running(task, 1201.0, 1201.0)) == "gave no sign for 1200 s"


def test_choice_of_an_engine_that_hangs_fails_the_runs_that_wait_for_it(pool, make_dispatcher):
    dispatcher = make_dispatcher("auto")
    dispatcher.submit(runs_of(3, 2))
    for _ in range(3):
        assert isinstance(pool.submitted[-1], CalibrateTask)
        pool.begun = [Running(pool.submitted[-1], 7300.0, 7300.0)]
        messages = dispatcher.wait(0)
    error = "no engine could be chosen: trying one gave no sign for 7200 s"
    assert outcomes(messages) == [(3, fold, error, FailureCause.TIMED_OUT) for fold in (0, 1)]
    dispatcher.submit(runs_of(4, 1))  # another one may be chosen
    pool.begun = []
    pool.answers = [Done(pool.submitted[-1], EngineChoice("fit"))]
    dispatcher.wait(0)
    assert pool.sizes() == [1]


def test_final_training_that_hangs_is_told(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    runs = [[Run(number, 0, 0, 7, Configuration(), purpose=Purpose.REFIT)] for number in (0, 1)]

    def go_on():
        pool.begun = [Running(task, 8e3, 8e3) for task in pool.submitted if task.runs[0].trial == 1]
        pool.begun = pool.begun[-1:]

    def answer(task):
        if isinstance(task, PredictTask) and task.runs[0].trial == 0:
            pool.answers.append(Done(task, "predicted"))
        submit(task)

    submit, pool.submit = pool.submit, answer
    told = dispatcher.predict(runs, None, go_on)
    assert told[0] == "predicted"
    assert (told[1].error, told[1].cause) == ("it gave no sign for 7200 s", FailureCause.TIMED_OUT)
