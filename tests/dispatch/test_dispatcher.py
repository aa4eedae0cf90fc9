"""Runs in, results out: how many share a trip, what a death costs, who is withdrawn, which engine trains."""

from dataclasses import replace

import pytest

from search.dispatch import EngineChoices
from search.dispatch.tasks import CalibrateTask, CalibrationFailure, TrainTask, perform
from search.errors import RegsearchError
from search.execution import Attempt, Done, ItemFailure, Reported
from search.records import Configuration, EngineChoice, FailureCause, Purpose, Run, RunReport, RunResult
from search.training import N_LANES
from tests.dispatch.conftest import done, result, runs_of, spec


def died(task):
    return Done(task, error="its worker died", failure=ItemFailure.WORKER_DIED)


def answer(pool, dispatcher, *answers):
    pool.answers = list(answers)
    return dispatcher.wait(0)


def outcomes(messages):
    return [(message.run.trial, message.run.fold, message.score, message.cause) for message in messages]


def test_each_run_comes_back_as_one_result_trained_by_the_studys_engine(pool, make_dispatcher):
    dispatcher = make_dispatcher("graph")
    dispatcher.submit(runs_of(0, 3))
    assert pool.sizes() == [1, 1, 1]
    messages = answer(pool, dispatcher, *map(done, reversed(pool.submitted)))
    assert outcomes(messages) == [(0, 2, 0.5, None), (0, 1, 0.5, None), (0, 0, 0.5, None)]
    assert {message.run.engine for message in messages} == {EngineChoice("graph")}


@pytest.mark.parametrize(
    ("seconds", "n_workers", "most_open_runs", "size"),
    [
        (0.01, 2, 1000, 24),  # a quarter of a second's worth
        (0.001, 2, 1000, 24),
        (1.0, 2, 1000, 1),
        (0.01, 2, 48, 12),  # two tasks a worker
        (0.01, 12, 48, 2),
        (0.01, 32, 48, 1),
        (0.01, 0, 48, 24),  # a scheduler whose workers are still to come
    ],
)
def test_short_runs_share_a_trip_as_long_as_there_are_trips_for_all_workers_of_the_pool(
    pool, make_dispatcher, seconds, n_workers, most_open_runs, size
):
    pool.n_workers = n_workers
    dispatcher = make_dispatcher(most_open_runs=most_open_runs)
    dispatcher.submit(runs_of(0, 1))
    answer(pool, dispatcher, done(pool.submitted[0], seconds))
    dispatcher.submit(runs_of(1, 24))
    assert max(pool.sizes()[1:]) == size
    assert sum(pool.sizes()) == 25


def learn_that_runs_are_short(pool, dispatcher):
    dispatcher.submit(runs_of(0, 1))
    answer(pool, dispatcher, done(pool.submitted[0], seconds=0.01))
    pool.submitted.clear()


def test_runs_that_shared_the_trip_of_a_dead_worker_go_on_one_by_one(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    learn_that_runs_are_short(pool, dispatcher)
    dispatcher.submit(runs_of(1, 4))
    assert answer(pool, dispatcher, died(pool.submitted[0])) == []
    assert pool.sizes() == [4, 1, 1, 1, 1]
    assert len(answer(pool, dispatcher, *map(done, pool.submitted[1:]))) == 4


def test_run_whose_worker_died_is_tried_again_when_nothing_else_is_on_its_way(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 2))
    victim, other = pool.submitted
    assert answer(pool, dispatcher, died(victim)) == []
    dispatcher.submit(runs_of(1, 1))
    assert pool.submitted == [victim, other], "expected all to wait for the one that is tried alone"
    assert len(answer(pool, dispatcher, done(other))) == 1
    assert answer(pool, dispatcher) == []
    assert pool.submitted == [victim, other, victim]
    dispatcher.submit(runs_of(2, 1))
    assert outcomes(answer(pool, dispatcher, done(pool.submitted[2]))) == [(0, 0, 0.5, None)]
    assert len(pool.submitted) == 3
    assert answer(pool, dispatcher) == []
    assert [task.runs[0].trial for task in pool.submitted] == [0, 0, 0, 1, 2]


def test_run_that_kills_its_workers_alone_too_fails_with_its_cause(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 1))
    (task,) = pool.submitted
    assert answer(pool, dispatcher, died(task)) == []
    assert answer(pool, dispatcher) == []
    deaths = (Attempt("host:42", 0.125), Attempt("other:7", 3.0))
    (message,) = answer(pool, dispatcher, replace(died(pool.submitted[1]), deaths=deaths))
    assert (message.error, message.cause) == ("its worker died", FailureCause.WORKER_DIED)
    assert (message.worker, message.seconds) == ("other:7", 3.0)
    assert message.log == (
        "Worker host:42 died within 0.1 s of its begin.\nWorker other:7 died within 3.0 s of its begin.\n"
        "Why is in the log of its machine: the system kills what has no memory left, for one."
    )
    assert len(pool.submitted) == 2


def test_run_without_memory_is_tried_again_alone(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 1))
    (task,) = pool.submitted
    starved = RunResult(task.runs[0], None, error="MemoryError", cause=FailureCause.OUT_OF_MEMORY)
    assert answer(pool, dispatcher, Done(task, (starved,))) == []
    answer(pool, dispatcher)
    assert outcomes(answer(pool, dispatcher, Done(pool.submitted[1], (starved,)))) == [
        (0, 0, None, FailureCause.OUT_OF_MEMORY)
    ]


def test_failure_of_the_run_itself_is_told_at_once(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 1))
    (task,) = pool.submitted
    failed = RunResult(task.runs[0], None, error="ValueError: no such kernel")
    assert answer(pool, dispatcher, Done(task, (failed,))) == [failed]


@pytest.mark.parametrize("failure", [ItemFailure.NOT_STARTED, ItemFailure.RAISED])
def test_fault_of_the_installation_ends_the_session(pool, make_dispatcher, failure):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 1))
    with pytest.raises(RegsearchError) as caught:
        answer(pool, dispatcher, Done(pool.submitted[0], error="ImportError: no keras", failure=failure))
    assert str(caught.value) == (
        "small: the workers cannot train, received ImportError: no keras. What ended is stored; mend the workers' "
        "installation and run the same command again."
    )


def test_withdrawn_run_ends_and_those_that_shared_its_trip_start_anew(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    learn_that_runs_are_short(pool, dispatcher)
    runs = runs_of(1, 3)
    dispatcher.submit(runs)
    (together,) = pool.submitted
    dispatcher.withdraw(runs[1])
    dispatcher.withdraw(runs[1])
    assert pool.withdrawn == [together, together]
    assert pool.sizes() == [3, 1, 1]
    late = Reported(together, RunReport(together.runs[0], 1, (0.5,)))
    messages = answer(pool, dispatcher, late, Done(together, withdrawn=True), *map(done, pool.submitted[1:]))
    assert outcomes(messages) == [
        (1, 1, None, FailureCause.WITHDRAWN),
        (1, 0, 0.5, None),
        (1, 2, 0.5, None),
    ]


def test_withdrawing_what_has_ended_or_waits_to_be_tried_alone(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    dispatcher.submit(runs_of(0, 2))
    victim, other = pool.submitted
    answer(pool, dispatcher, died(victim))
    dispatcher.withdraw(victim.runs[0])
    messages = answer(pool, dispatcher, done(other))
    assert {(m.run.fold, m.cause) for m in messages} == {(0, FailureCause.WITHDRAWN), (1, None)}
    dispatcher.withdraw(other.runs[0])
    assert pool.withdrawn == []
    assert answer(pool, dispatcher) == []


def test_runs_of_several_purposes_do_not_meet(pool, make_dispatcher):
    dispatcher = make_dispatcher()
    searched, confirmed = (
        Run(0, 0, 0, 7, runs_of(0, 1)[0].configuration, purpose=purpose)
        for purpose in (Purpose.SEARCH, Purpose.CONFIRMATION)
    )
    dispatcher.submit([searched, confirmed])
    messages = answer(pool, dispatcher, *map(done, pool.submitted))
    assert [message.run.purpose for message in messages] == [Purpose.SEARCH, Purpose.CONFIRMATION]


def test_other_workers_compile_meanwhile_and_what_comes_of_it_is_told_to_nobody(make_dispatcher, pool):
    pool.n_workers = 3
    dispatcher = make_dispatcher("auto")
    dispatcher.submit(runs_of(0, 2))
    (calibration,) = pool.submitted
    assert [task.run for task in pool.prepared] == [calibration.run] * 2
    assert len(set(pool.prepared)) == 2, "expected tasks that a pool tells apart"
    first, second = pool.prepared
    failed = CalibrationFailure("MemoryError", FailureCause.OUT_OF_MEMORY)
    assert answer(pool, dispatcher, Done(first, EngineChoice("graph", "faster")), Done(second, failed)) == []
    assert pool.sizes() == [], "expected runs to wait for the calibration itself"
    answer(pool, dispatcher, Done(calibration, EngineChoice("compiled", "faster")))
    assert {task.runs[0].engine.name for task in pool.submitted[1:]} == {"compiled"}
    dispatcher.submit(runs_of(1, 1, **{"model.hidden": (9,)}))
    assert len(pool.prepared) == 2, "expected busy workers to be left alone"


@pytest.mark.parametrize(("n_workers", "most_open_runs"), [(1, 100), (8, 1)])
def test_only_workers_that_will_have_runs_compile_meanwhile(make_dispatcher, pool, n_workers, most_open_runs):
    pool.n_workers = n_workers
    make_dispatcher("auto", most_open_runs=most_open_runs).submit(runs_of(0, 1))
    assert pool.prepared == []


def test_installation_that_is_at_fault_is_told_by_a_worker_that_compiles_too(make_dispatcher, pool):
    dispatcher = make_dispatcher("auto")
    dispatcher.submit(runs_of(0, 1))
    with pytest.raises(RegsearchError, match="cannot train, received no module"):
        answer(pool, dispatcher, Done(pool.prepared[0], error="no module", failure=ItemFailure.NOT_STARTED))


def test_architecture_is_calibrated_once_before_its_first_run(pool, make_dispatcher):
    chosen = []
    dispatcher = make_dispatcher("auto", on_engine=lambda choice: chosen.append((choice, pool.sizes())))
    dispatcher.submit(runs_of(0, 2))
    dispatcher.submit(runs_of(1, 1, l2=0.1))
    dispatcher.submit(runs_of(2, 1, **{"model.hidden": (9,)}))
    assert [type(task) for task in pool.submitted] == [CalibrateTask, CalibrateTask]
    first, second = pool.submitted
    assert answer(pool, dispatcher, Done(first, EngineChoice("graph", "faster"))) == []
    assert chosen == [(EngineChoice("graph", "faster"), [])], "expected the choice to be told before runs are sent"
    assert [(task.runs[0].trial, task.runs[0].engine.name) for task in pool.submitted[2:]] == [
        (0, "graph"),
        (0, "graph"),
        (1, "graph"),
    ]
    answer(pool, dispatcher, Done(second, EngineChoice("compiled")))
    assert pool.submitted[-1].runs[0].engine == EngineChoice("compiled")


HIDDEN = "model.hidden"


def widths(configuration):
    return 100 * configuration.get(HIDDEN, (1,))[0]


def alike(**options):
    return EngineChoices(spec("auto"), size_of=widths, **options)


def test_architectures_of_about_one_size_are_calibrated_together(pool, make_dispatcher):
    kept = []
    dispatcher = make_dispatcher(engines=alike(keep=lambda choices: kept.append(choices) or True))
    for trial, hidden in enumerate([(16,), (17,), (64,), (16, 16)]):
        dispatcher.submit(runs_of(trial, 1, **{HIDDEN: hidden}))
    assert [task.run.trial for task in pool.submitted] == [0, 2, 3]
    answer(pool, dispatcher, Done(pool.submitted[0], EngineChoice("graph", "faster")))
    assert [(task.runs[0].trial, task.runs[0].engine) for task in pool.submitted[3:]] == [
        (0, EngineChoice("graph", "faster")),
        (1, EngineChoice("graph", "as measured with model.hidden = [16]: faster")),
    ]
    # Whoever trains the second one later finds its engine, and knows nothing of sizes.
    later = EngineChoices(spec("auto"), recorded=kept[-1])
    assert later.get(Configuration({HIDDEN: (17,)})).name == "graph"
    assert later.get(Configuration({HIDDEN: (18,)})) is None


def test_runs_wait_until_their_engine_is_written_down_and_others_go_on(pool, make_dispatcher):
    kept, is_away = [], False
    dispatcher = make_dispatcher(engines=alike(keep=lambda choices: not is_away and (kept.append(choices) or True)))
    dispatcher.submit(runs_of(0, 1, **{HIDDEN: (16,)}))
    answer(pool, dispatcher, Done(pool.submitted[0], EngineChoice("graph", "faster")))
    n_before, is_away = len(pool.submitted), True
    dispatcher.submit(runs_of(1, 1, **{HIDDEN: (64,)}))
    answer(pool, dispatcher, Done(pool.submitted[n_before], EngineChoice("lanes", "faster")))
    dispatcher.submit(runs_of(2, 1, **{HIDDEN: (16,)}))
    assert len(pool.submitted) == n_before + 1, "expected nothing to be trained whose engine a crash would forget"
    is_away = False
    answer(pool, dispatcher)
    assert sorted(task.runs[0].trial for task in pool.submitted[n_before + 1 :]) == [1, 2]
    assert [known["settings"][HIDDEN] for known in kept[-1]] == [(16,), (64,)]


@pytest.mark.parametrize(
    ("name", "values"), [("model.dense_1.units", (16, 17, 64)), ("training.optimizer.beta_1", (0.8, 0.9, 9.0))]
)
def test_sizes_of_layers_are_calibrated_together_whoever_names_them(pool, make_dispatcher, name, values):
    engines = EngineChoices(spec("auto"), size_of=lambda configuration: int(100 * configuration[name]))
    dispatcher = make_dispatcher(engines=engines)
    for trial, value in enumerate(values):
        dispatcher.submit(runs_of(trial, 1, **{name: value}))
    assert [task.run.trial for task in pool.submitted] == [0, 2]


def test_activations_are_calibrated_apart(pool, make_dispatcher):
    engines = EngineChoices(spec("auto"), size_of=lambda configuration: 100)
    dispatcher = make_dispatcher(engines=engines)
    for trial, value in enumerate(["relu", "gelu"]):
        dispatcher.submit(runs_of(trial, 1, **{"model.dense_1.activation": value}))
    assert [task.run.trial for task in pool.submitted] == [0, 1]


def test_what_no_engine_but_fit_could_train_tells_nothing_of_another(pool, make_dispatcher):
    dispatcher = make_dispatcher(engines=alike())
    for trial, hidden in enumerate([(16,), (17,)]):
        dispatcher.submit(runs_of(trial, 1, **{HIDDEN: hidden}))
    answer(pool, dispatcher, Done(pool.submitted[0], EngineChoice("fit", "compiled failed")))
    assert [getattr(task, "run", None) and task.run.trial for task in pool.submitted] == [0, 1, None]


def test_calibration_that_fails_fails_no_other_architecture(pool, make_dispatcher):
    pool.n_workers = 1
    dispatcher = make_dispatcher(engines=alike())
    for trial, hidden in enumerate([(16,), (17,), (16,)]):
        dispatcher.submit(runs_of(trial, 1, **{HIDDEN: hidden}))
    answer(pool, dispatcher, died(pool.submitted[0]))
    answer(pool, dispatcher)
    messages = answer(pool, dispatcher, died(pool.submitted[1]))
    assert [run for run, *_ in outcomes(messages)] == [0, 2]
    answer(pool, dispatcher)
    assert pool.submitted[-1].run.trial == 1


@pytest.mark.parametrize("kind", ["death", "memory"])
def test_calibration_that_a_machine_spoils_is_tried_again_and_chooses_nothing(pool, make_dispatcher, kind):
    def spoiled(task):
        failure = CalibrationFailure("MemoryError", FailureCause.OUT_OF_MEMORY)
        return died(task) if kind == "death" else Done(task, failure)

    chosen = []
    pool.n_workers = 1
    dispatcher = make_dispatcher("auto", on_engine=chosen.append)
    dispatcher.submit(runs_of(0, 2))
    (task,) = pool.submitted
    assert answer(pool, dispatcher, spoiled(task)) == []
    assert answer(pool, dispatcher) == []
    messages = answer(pool, dispatcher, spoiled(pool.submitted[1]))
    cause = FailureCause.WORKER_DIED if kind == "death" else FailureCause.OUT_OF_MEMORY
    assert outcomes(messages) == [(0, 0, None, cause), (0, 1, None, cause)]
    assert chosen == []
    dispatcher.submit(runs_of(1, 1))
    answer(pool, dispatcher)
    answer(pool, dispatcher, Done(pool.submitted[2], EngineChoice("graph")))
    assert chosen == [EngineChoice("graph")]


class Trainer:
    """What a worker holds: it has no memory to calibrate with."""

    def train(self, run, report):
        return result(run)

    def calibrate(self, run):
        raise MemoryError


def test_worker_trains_the_runs_of_a_task_and_tells_a_lack_of_memory_apart():
    runs = tuple(runs_of(0, 2))
    assert [one.run for one in perform(Trainer(), TrainTask(runs), lambda _: True)] == list(runs)
    assert perform(Trainer(), CalibrateTask(runs[0]), lambda _: True) == CalibrationFailure(
        "MemoryError", FailureCause.OUT_OF_MEMORY
    )


LANES = "lanes"


def test_runs_of_an_architecture_fill_lanes_and_each_worker_has_its_share(pool, make_dispatcher):
    dispatcher = make_dispatcher(LANES, most_open_runs=12)
    for trial in range(4):
        dispatcher.submit(runs_of(trial, 3))
    assert pool.submitted == []
    assert answer(pool, dispatcher) == []
    assert pool.sizes() == [6, 6]
    messages = answer(pool, dispatcher, done(pool.submitted[1]))
    assert [(trial, fold) for trial, fold, *_ in outcomes(messages)] == [(t, f) for t in (2, 3) for f in range(3)]


@pytest.mark.parametrize(("n_workers", "most_open_runs", "size"), [(1, 1000, N_LANES), (4, 8, 2), (9, 8, 1), (0, 4, 4)])
def test_trips_for_lanes_are_bounded(pool, make_dispatcher, n_workers, most_open_runs, size):
    pool.n_workers = n_workers
    dispatcher = make_dispatcher(LANES, most_open_runs=most_open_runs)
    dispatcher.submit(runs_of(0, 24))
    answer(pool, dispatcher)
    assert set(pool.sizes()) == {size}


def test_architectures_do_not_share_lanes(pool, make_dispatcher):
    dispatcher = make_dispatcher(LANES)
    for trial, hidden in enumerate([(16,), (8,), (16,)]):
        dispatcher.submit(runs_of(trial, 1, **{HIDDEN: hidden}))
    answer(pool, dispatcher)
    assert [[run.trial for run in task.runs] for task in pool.submitted] == [[0, 2], [1]]


def test_withdrawn_lane_ends_and_its_neighbours_go_on(pool, make_dispatcher):
    dispatcher = make_dispatcher(LANES)
    runs = runs_of(0, 3)
    dispatcher.submit(runs)
    answer(pool, dispatcher)
    (task,) = pool.submitted
    dispatcher.withdraw(runs[1])
    assert pool.withdrawn == []
    report = RunReport(task.runs[1], 1, (0.5,))
    assert outcomes(answer(pool, dispatcher, Reported(task, report))) == [(0, 1, None, FailureCause.WITHDRAWN)]
    for run in (runs[0], runs[2]):
        dispatcher.withdraw(run)
    assert pool.withdrawn == [task]
    assert pool.submitted == [task]
    messages = answer(pool, dispatcher, Done(task, withdrawn=True))
    assert outcomes(messages) == [(0, fold, None, FailureCause.WITHDRAWN) for fold in (0, 2)]


def test_worker_trains_runs_for_lanes_together():
    class Together(Trainer):
        def train_together(self, runs, report):
            return tuple(result(run, seconds=7.0) for run in runs)

    runs = [replace(run, engine=EngineChoice(LANES)) for run in runs_of(0, 3)]
    assert [one.seconds for one in perform(Together(), TrainTask(tuple(runs)), lambda _: True)] == [7.0] * 3
    assert [one.seconds for one in perform(Together(), TrainTask(tuple(runs[:1])), lambda _: True)] == [0.0]
