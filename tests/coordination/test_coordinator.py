"""The coordinator's loop, with runs that cost nothing: order, budget, recovery, reproducibility."""

import random
import threading
import time
from dataclasses import replace

import numpy as np
import optuna
import pytest

from search.coordination import limits
from search.coordination.coordinator import Coordinator
from search.coordination.launching import Launch, run_study
from search.coordination.limits import SessionLimits
from search.coordination.progress import SilentObserver
from search.coordination.trial_buffer import TrialBuffer
from search.dispatch import Dispatcher
from search.dispatch.tasks import CalibrateTask, FunctionTrainer, TrainTask
from search.errors import RegsearchError, StorageError, StudyFailedError, StudyLockedError, UsageError
from search.execution import Done, ItemFailure, Pool
from search.preparation.files import prepare_study
from search.records import Curve, EngineChoice, FailureCause, Predictions, RunReport, RunResult, TrialState
from search.storage import open_storage

STUDY = """
[study]
name = "quick"
n_trials = 20
seed = 3
window = 4
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
validation = { method = "kfold", folds = 2 }
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 3
engine = "fit"  # what trains here is no engine at all
[confirm]
finalists = 0
[space]
l2 = { low = 1e-6, high = 1e-1, log = true }
dropout = { low = 0.1, high = 0.5 }
"""


@pytest.fixture
def study_file(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture
def storage(tmp_path, make_tables):
    url = f"sqlite:///{tmp_path}/quick.db"
    make_tables(url)
    with open_storage(url) as opened:
        yield opened


def train(plan, run, report):
    """A score that depends on configuration and seed, after a random while."""
    time.sleep(random.random() * 0.01)
    dropout = run.configuration.get("dropout", 0.0)
    score = (dropout - 0.3) ** 2 + run.configuration.get("l2", 0.0) + (run.seed % 7) * 1e-3
    return RunResult(run, score, curve=Curve((1.0, 0.5), (1.0, 0.5), (1.0, score)), epochs_trained=2, best_epoch=2)


def train_slowly(plan, run, report):
    time.sleep(0.05)
    return train(plan, run, report)


def train_until(number):
    """Trains, and kills the coordinator when a trial of that number comes."""

    def training(plan, run, report):
        if run.trial == number:
            raise SystemExit
        return train(plan, run, report)

    return training


def outcome(storage, name="quick"):
    trials = storage.trials(storage.study(name).study_id)
    return [(t.number, t.state, t.score, t.configuration, t.parameters) for t in trials]


def test_budget_is_exact_and_the_baseline_comes_first(study_file, storage, launch):
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    trials = storage.trials(storage.study("quick").study_id)
    assert [trial.number for trial in trials] == list(range(20))
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert dict(trials[0].configuration) == {}


def test_finished_study_adds_nothing_and_a_larger_total_adds_the_difference(study_file, storage, launch):
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    before = outcome(storage)
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert outcome(storage) == before
    run_study(prepare_study(str(study_file), ["study.n_trials=23"]), storage, launch, train=train)
    assert outcome(storage)[:20] == before
    assert len(outcome(storage)) == 23


def test_score_is_the_mean_of_the_runs_and_every_run_is_kept(study_file, storage, launch):
    run_study(prepare_study(str(study_file), ["objective.seeds=3"]), storage, launch, train=train)
    study_id = storage.study("quick").study_id
    trial = storage.trials(study_id)[5]
    runs = storage.runs(study_id, 5)
    assert [(run.fold, run.repeat) for run in runs] == [(f, r) for f in range(2) for r in range(3)]
    assert trial.score == pytest.approx(sum(run.score for run in runs) / 6, abs=1e-15)


def test_seeds_are_the_same_for_every_configuration(study_file, storage, launch):
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    study_id = storage.study("quick").study_id
    seeds = {trial: [run.seed for run in storage.runs(study_id, trial)] for trial in (0, 7, 19)}
    assert seeds[0] == seeds[7] == seeds[19]
    assert len(set(seeds[0])) == 2


def test_order_of_results_changes_nothing(study_file, tmp_path, launch):
    found = []
    for attempt in range(3):
        random.seed(attempt)
        with open_storage(f"sqlite:///{tmp_path}/{attempt}.db", create=True) as storage:
            run_study(prepare_study(str(study_file)), storage, launch, train=train)
            found.append(outcome(storage))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("n_results", [1, 6, 17, 38])
def test_crashed_study_ends_as_the_unbroken_one_does(n_results, study_file, tmp_path, launch, crash_after):
    prepared = prepare_study(str(study_file))
    with open_storage(f"sqlite:///{tmp_path}/unbroken.db", create=True) as storage:
        run_study(prepared, storage, launch, train=train)
        unbroken = outcome(storage)
    with open_storage(f"sqlite:///{tmp_path}/broken.db", create=True) as storage:
        with pytest.raises(KeyboardInterrupt):
            run_study(prepared, storage, launch, crash_after(n_results), train=train)
        assert any(state is TrialState.RUNNING for _, state, *_ in outcome(storage))
        run_study(prepared, storage, launch, train=train)
        assert outcome(storage) == unbroken


def test_predictions_that_are_kept_are_those_of_the_best_whatever_breaks_in_between(
    study_file, tmp_path, launch, crash_after
):
    def predicting(plan, run, report):
        result = train(plan, run, report)
        return replace(result, predictions=Predictions(np.full((30, 1), result.score, np.float32)))

    room = 2 * Predictions(np.zeros((30, 1), np.float32)).n_bytes / 2**20  # of one trial
    prepared = prepare_study(str(study_file), [f"confirm.keep_predictions_mib={6.5 * room}"])
    for path, crashes in (("unbroken", []), ("broken", [13, 11])):
        with open_storage(f"sqlite:///{tmp_path}/{path}.db", create=True) as storage:
            for n_results in crashes:
                with pytest.raises(KeyboardInterrupt):
                    run_study(prepared, storage, launch, crash_after(n_results), train=predicting)
            study_id = run_study(prepared, storage, launch, train=predicting).study_id
            trained = {run.trial for run in storage.runs(study_id)}
            others = [trial for trial in storage.trials(study_id) if trial.number in trained - {0}]
            best = [trial.number for trial in sorted(others, key=lambda trial: (trial.score, trial.number))]
            kept = storage.predictions(study_id)
            assert {number for number, _, _ in kept} == {0, *best[:5]}
            assert list(storage.predictions_size(study_id).values()) == [room * 2**20] * 6
            for run in storage.runs(study_id, best[0]):
                assert kept[run.trial, run.fold, run.repeat].values.mean() == pytest.approx(run.score)


def test_failed_runs_fail_their_trial_and_the_study_goes_on(study_file, storage, launch):
    def diverging(plan, run, report):
        if run.trial == 3 and run.fold == 1:
            return RunResult(run, None, error="diverged at epoch 2")
        if run.trial == 5:
            return RunResult(run, None, error="ValueError: no such kernel")
        return train(plan, run, report)

    run_study(prepare_study(str(study_file)), storage, launch, train=diverging)
    trials = storage.trials(storage.study("quick").study_id)
    assert [t.number for t in trials if t.state is TrialState.FAIL] == [3, 5]
    assert trials[3].error == "diverged at epoch 2 (fold 1, seed 0)"
    assert trials[5].error == "ValueError: no such kernel (fold 0, seed 0)"
    assert len(trials) == 20


def test_worker_that_cannot_train_ends_the_session_and_costs_no_trial(study_file, storage, launch):
    def unable(plan, run, report):
        if run.trial < 3:
            return train(plan, run, report)
        raise ModuleNotFoundError("No module named 'keras'")

    prepared = prepare_study(str(study_file))
    with pytest.raises(RegsearchError) as caught:
        run_study(prepared, storage, launch, train=unable)
    assert str(caught.value) == (
        "quick: the workers cannot train, received ModuleNotFoundError: No module named 'keras'. What ended is stored; "
        "mend the workers' installation and run the same command again."
    )
    assert not [state for _, state, *_ in outcome(storage) if state is TrialState.FAIL]
    run_study(prepared, storage, launch, train=train)
    assert [state for _, state, *_ in outcome(storage)] == [TrialState.COMPLETE] * 20


def test_interrupted_trials_are_trained_again_whatever_the_total(study_file, storage, launch, crash_after):
    with pytest.raises(KeyboardInterrupt):
        run_study(prepare_study(str(study_file)), storage, launch, crash_after(6), train=train)
    asked = len(outcome(storage))
    run_study(prepare_study(str(study_file), ["study.n_trials=2"]), storage, launch, train=train)
    assert [state for _, state, *_ in outcome(storage)] == [TrialState.COMPLETE] * asked


def test_trial_that_another_program_enqueued_is_refused(study_file, storage, launch, tmp_path):
    run_study(prepare_study(str(study_file), ["study.n_trials=2"]), storage, launch, train=train)
    optuna.load_study(study_name="quick", storage=f"sqlite:///{tmp_path}/quick.db").enqueue_trial({"l2": 0.01})
    with pytest.raises(UsageError) as caught:
        run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert str(caught.value) == (
        "quick: expected trials that regsearch asked, received trial 2, which another program enqueued. Delete it "
        "there, or begin a study of another name with --study-name."
    )


def test_study_whose_trials_all_fail_is_a_failure(study_file, storage, launch):
    def failing(plan, run, report):
        return RunResult(run, None, error="diverged at epoch 1")

    with pytest.raises(StudyFailedError) as caught:
        run_study(prepare_study(str(study_file), ["study.n_trials=3"]), storage, launch, train=failing)
    assert str(caught.value) == "quick: all 3 trials failed; trial 0: diverged at epoch 1 (fold 0, seed 0)"


def test_grid_ends_when_it_is_exhausted_and_equal_configurations_are_trained_once(study_file, storage, launch):
    prepared = prepare_study(
        str(study_file),
        ["study.sampler=grid", "space.l2={choices=[0.1, 0.01]}", "space.dropout={choices=[0.2]}", "study.n_trials=99"],
    )
    run_study(prepared, storage, launch, train=train)
    study_id = storage.study("quick").study_id
    configurations = [trial.configuration for trial in storage.trials(study_id)]
    assert len(configurations) == len(set(configurations)) == 3 * 2
    assert len(storage.runs(study_id)) == 6 * 2


def test_configuration_that_comes_again_is_not_trained_again(study_file, storage, launch):
    few = ["space.l2={choices=[0.1]}", "space.dropout={choices=[0.2]}"]
    prepared = prepare_study(str(study_file), ["study.sampler=random", *few])
    run_study(prepared, storage, launch, train=train)
    study_id = storage.study("quick").study_id
    trials = storage.trials(study_id)
    off = [trial for trial in trials if not trial.configuration]
    assert len(off) > 1, "expected random search to try the baseline again"
    assert {trial.score for trial in off} == {trials[0].score}
    assert len(trials) == 20
    assert len(storage.runs(study_id)) == 2 * len({trial.configuration for trial in trials})


def test_raised_budget_changes_no_earlier_trial(tmp_path, storage, launch):
    path = tmp_path / "open.toml"
    path.write_text(STUDY.replace("window = 4\n", ""))
    run_study(prepare_study(str(path), ["study.n_trials=15"]), storage, launch, train=train)
    first = outcome(storage)
    run_study(prepare_study(str(path), ["study.n_trials=40"]), storage, launch, train=train)
    raised = outcome(storage)
    assert raised[:15] == first
    whole = ["study.n_trials=40", "study.window=3", "study.n_startup_trials=3"]
    with open_storage(f"sqlite:///{tmp_path}/whole.db", create=True) as other:
        run_study(prepare_study(str(path), whole), other, launch, train=train)
        assert outcome(other) == raised


class Notes(SilentObserver):
    """Keeps what the user would be told."""

    def __init__(self):
        self.told = []

    def note(self, message):
        self.told.append(message)


def train_until_withdrawn(numbers):
    """Trains; trials of those numbers last until nobody wants them, ten seconds at most."""

    def training(plan, run, report):
        if run.trial in numbers:
            for _ in range(1000):
                time.sleep(0.01)
                if not report(RunReport(run, 1, (1.0,))):
                    break
        return train(plan, run, report)

    return training


@pytest.mark.parametrize(
    ("pruner", "words"),
    [
        ("none", "32 of 40 workers will have nothing to do: at most 8 runs train at once."),
        (
            "racing",
            "36 of 40 workers will have nothing to do: at most 4 runs train at once, those of a trial one after the "
            'other (pruner = "racing").',
        ),
    ],
)
def test_workers_for_which_the_window_leaves_nothing_are_told(study_file, storage, launch, monkeypatch, pruner, words):
    observer, prepared = Notes(), prepare_study(str(study_file), [f"study.pruner={pruner}", "study.n_trials=5"])
    run_study(prepared, storage, launch, observer, train=train)
    assert observer.told == []
    monkeypatch.setattr(Dispatcher, "n_workers", 40)
    prepared = prepare_study(str(study_file), [f"study.pruner={pruner}", "study.n_trials=6"])
    run_study(prepared, storage, launch, observer, train=train)
    assert observer.told == [f"{words} Raise study.window, now 4, in a study that is begun anew."]


@pytest.fixture
def clock(monkeypatch):
    """What sessions take for the seconds since their start: `clock[0]`, to be set."""
    now = [0.0]
    monkeypatch.setattr(SessionLimits, "seconds", property(lambda self: now[0]))
    return now


@pytest.mark.parametrize("pruner", ["none", "median"])
def test_timeout_withdraws_what_runs_and_the_next_session_trains_it(
    study_file, tmp_path, scheduler, launch, pruner, clock
):
    class Late(Notes):
        def trial_ended(self, trial, progress):
            if progress.new == 9:
                clock[0] = 2.05

        def note(self, message):
            super().note(message)
            clock[0] = 2.3

    prepared = prepare_study(str(study_file), [f"study.pruner={pruner}"])
    with open_storage(f"sqlite:///{tmp_path}/unbroken.db", create=True) as storage:
        run_study(prepared, storage, launch, train=train)
        unbroken = outcome(storage)
    with open_storage(f"sqlite:///{tmp_path}/withdrawn.db", create=True) as storage:
        limited, observer = Launch(scheduler=scheduler, timeout_seconds=2), Late()
        # Trials 7 to 9 come to their ends, and wait for trial 6 to be told.
        run_study(prepared, storage, limited, observer, train=train_until_withdrawn({6}))
        left = outcome(storage)
        assert [number for number, state, *_ in left if state is TrialState.RUNNING] == [6]
        assert [number for number, *_ in left] == list(range(10))
        assert observer.told[-2:] == [
            "The timeout of 2 s is spent: no more trials are asked; 1 trial that runs has 0.2 s to end.",
            "Time is up: 1 trial that still ran is withdrawn. The next `regsearch run` trains what was withdrawn, with "
            "the same parameters.",
        ]
        ended = [trial for trial in left if trial[1] is not TrialState.RUNNING]
        assert ended == [trial for trial in unbroken if trial[0] in {number for number, *_ in ended}]
        clock[0] = 0.0
        run_study(prepared, storage, launch, train=train)
        assert outcome(storage) == unbroken
        study_id = storage.study("quick").study_id
        runs = [(run.trial, run.fold, run.repeat) for n in range(20) for run in storage.runs(study_id, n)]
        assert len(runs) == len(set(runs))


def test_timeout_that_passes_while_trials_are_asked_is_told_before_they_are_withdrawn(
    study_file, storage, scheduler, clock, monkeypatch
):
    ask = Coordinator._ask

    def ask_slowly(self):
        ask(self)
        clock[0] = 9.0

    monkeypatch.setattr(Coordinator, "_ask", ask_slowly)
    launch, observer = Launch(scheduler=scheduler, timeout_seconds=2), Notes()
    run_study(prepare_study(str(study_file)), storage, launch, observer, train=train_until_withdrawn(set(range(4))))
    assert observer.told[-2:] == [
        "The timeout of 2 s is spent: no more trials are asked; 4 trials that run have 0.2 s to end.",
        "Time is up: 4 trials that still ran are withdrawn. The next `regsearch run` trains what was withdrawn, with "
        "the same parameters.",
    ]


TIMED_OUT = threading.Event()


def train_past_the_timeout(plan, run, report):
    """Trains; trial 3 ends when the timeout is spent."""
    if run.trial == 3:
        TIMED_OUT.wait(10)
    return train(plan, run, report)


def test_what_ends_in_the_grace_after_the_timeout_counts(study_file, storage, scheduler, monkeypatch):
    class Release(Notes):
        def note(self, message):
            super().note(message)
            TIMED_OUT.set()

    TIMED_OUT.clear()
    monkeypatch.setattr(limits, "_GRACE_SHARE", 10.0)
    launch, observer = Launch(scheduler=scheduler, timeout_seconds=1), Release()
    run_study(prepare_study(str(study_file)), storage, launch, observer, train=train_past_the_timeout)
    trials = storage.trials(storage.study("quick").study_id)
    assert len(trials) == 7
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert not any("withdrawn" in told for told in observer.told)


def test_spent_timeout_trains_nothing_that_was_interrupted(study_file, storage, scheduler, crash_after):
    prepared = prepare_study(str(study_file))
    with pytest.raises(KeyboardInterrupt):
        run_study(prepared, storage, Launch(scheduler=scheduler), crash_after(6), train=train_slowly)
    before = outcome(storage)
    assert any(state is TrialState.RUNNING for _, state, *_ in before)
    run_study(prepared, storage, Launch(scheduler=scheduler, timeout_seconds=1e-6), train=train)
    assert outcome(storage) == before


def test_stop_request_drains_and_the_next_run_goes_on(study_file, storage, launch):
    class StopAtFirst(SilentObserver):
        def trial_ended(self, trial, progress):
            storage.request_stop("quick")

    many = prepare_study(str(study_file), ["study.n_trials=200"])
    run_study(many, storage, launch, StopAtFirst(), train=train_slowly)
    stopped = len(outcome(storage))
    assert 0 < stopped < 200
    assert all(state is TrialState.COMPLETE for _, state, *_ in outcome(storage))
    run_study(prepare_study(str(study_file), [f"study.n_trials={stopped + 2}"]), storage, launch, train=train)
    assert len(outcome(storage)) == stopped + 2


def test_notes_are_stored_and_renewed_when_the_study_goes_on(study_file, storage, launch):
    few = prepare_study(str(study_file), ["study.n_trials=2"])
    begun = run_study(few, storage, launch, train=train)
    assert any("a study of 2 trials is a random search" in note for note in few.notes)
    assert begun.notes == storage.study("quick").notes == few.notes
    more = prepare_study(str(study_file), ["study.n_trials=3"])
    assert more.notes != few.notes
    gone_on = run_study(more, storage, launch, train=train)
    assert gone_on == storage.study("quick")
    assert (gone_on.notes, gone_on.n_trials) == (more.notes, 3)


def test_second_coordinator_is_refused_and_told_who_holds_the_study(study_file, storage, launch):
    prepared = prepare_study(str(study_file))
    with storage.hold("quick"), pytest.raises(StudyLockedError, match=r"process \d+ on .* coordinates it"):
        run_study(prepared, storage, launch, train=train)
    assert storage.studies() == []


def test_study_that_cannot_be_trained_here_leaves_nothing_behind(study_file, storage):
    with pytest.raises(UsageError, match="--scheduler"):
        run_study(prepare_study(str(study_file)), storage, Launch(scheduler="nonsense"), train=train)
    assert storage.studies() == []


def test_two_studies_run_side_by_side_in_one_storage(study_file, storage, launch):
    def run(name):
        prepared = prepare_study(str(study_file), [f"study.name={name}"])
        with open_storage(storage.url, create=False) as own:  # which holds one study at a time
            run_study(prepared, own, launch, train=train)

    threads = [threading.Thread(target=run, args=[name]) for name in ("left", "right")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcome(storage, "left") == outcome(storage, "right")
    assert len(outcome(storage, "left")) == 20


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("space.l2.log=false", "quick [space.l2.log]: expected true as the study was begun with, received false."),
        ("study.seed=4", "quick [study.seed]: expected 3 as the study was begun with, received 4."),
        ("training.epochs=4", "quick [training.epochs]: expected 3 as the study was begun with, received 4."),
    ],
)
def test_other_study_under_the_same_name_is_refused(override, place, study_file, storage, launch):
    run_study(prepare_study(str(study_file), ["study.n_trials=2"]), storage, launch, train=train)
    with pytest.raises(UsageError) as caught:
        run_study(prepare_study(str(study_file), [override]), storage, launch, train=train)
    assert str(caught.value).startswith(place)
    assert len(outcome(storage)) == 2


def test_other_data_under_the_same_name_is_refused(tmp_path, storage, launch):
    study = tmp_path / "own.toml"
    study.write_text(
        STUDY.replace('source = "sklearn.make_moons"', 'source = "csv"\npath = "a.csv"\ntarget = "y"').replace(
            "options = { n_samples = 60, noise = 0.2, random_state = 1 }", ""
        )
    )
    rows = [f"{i / 7},{i % 5},{'ab'[i % 2]}" for i in range(40)]
    data = tmp_path / "a.csv"
    data.write_text("u,v,y\n" + "\n".join(rows) + "\n")
    run_study(prepare_study(str(study), ["study.n_trials=2"]), storage, launch, train=train)
    data.write_text("u,v,y\n" + "\n".join(rows[1:] + rows[:1]) + "\n")
    with pytest.raises(UsageError, match=r"quick \[data\]: expected the data that the study was begun with"):
        run_study(prepare_study(str(study), ["study.n_trials=3"]), storage, launch, train=train)


def test_lost_lock_ends_the_coordinator_before_it_writes_more(study_file, storage, launch, monkeypatch):
    def lost(self):
        raise StorageError("the lock was lost")

    monkeypatch.setattr("search.storage.holding.Hold.check", lost)
    with pytest.raises(StorageError, match="the lock was lost"):
        run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert outcome(storage) == []


def test_dashboard_gets_at_most_fifty_intermediate_values(study_file, storage, launch, tmp_path):
    def long_run(plan, run, report):
        curve = tuple(float(epoch) for epoch in range(400 + run.fold))
        return RunResult(run, 0.5, curve=Curve(curve, curve, curve), epochs_trained=len(curve), best_epoch=1)

    run_study(prepare_study(str(study_file), ["study.n_trials=2"]), storage, launch, train=long_run)
    study = optuna.load_study(study_name="quick", storage=f"sqlite:///{tmp_path}/quick.db")
    values = study.trials[0].intermediate_values
    assert len(values) == 50
    assert min(values) == 1
    assert max(values) == 400
    assert values[400] == 399.0


AUTO = "training.engine=auto"


def test_architectures_are_calibrated_once_for_those_of_about_their_size(study_file, storage, launch, monkeypatch):
    def calibrate(trainer, run):
        return EngineChoice("graph", f"calibrated for trial {run.trial}")

    monkeypatch.setattr(FunctionTrainer, "calibrate", calibrate)
    overrides = [AUTO, 'space."model.hidden"={choices=[[4], [5], [64]]}']
    run_study(prepare_study(str(study_file), overrides), storage, launch, train=train_named)
    study_id = storage.study("quick").study_id
    trials = storage.trials(study_id)
    hidden = [trial.configuration["model.hidden"] for trial in trials]
    told = {(hidden[run.trial], run.engine) for run in storage.runs(study_id)}
    assert told == {
        ((4,), "graph: calibrated for trial 0"),
        ((5,), "graph: as measured with model.hidden = [4]: calibrated for trial 0"),
        ((64,), f"graph: calibrated for trial {hidden.index((64,))}"),
    }


def train_named(plan, run, report):
    return replace(train(plan, run, report), engine=f"{run.engine.name}: {run.engine.reason}")


def test_study_that_goes_on_keeps_its_engines(study_file, storage, launch, monkeypatch):
    choices = [EngineChoice("graph", "faster today")]
    monkeypatch.setattr(FunctionTrainer, "calibrate", lambda trainer, run: choices.pop())
    run_study(prepare_study(str(study_file), [AUTO]), storage, launch, train=train_named)
    run_study(prepare_study(str(study_file), [AUTO, "study.n_trials=25"]), storage, launch, train=train_named)
    runs = storage.runs(storage.study("quick").study_id)
    assert max(run.trial for run in runs) > 20
    assert {run.engine for run in runs} == {"graph: faster today"}


def test_engine_is_remembered_before_anything_is_trained_with_it(study_file, storage, launch, monkeypatch, crash_after):
    choices = [EngineChoice("graph", "faster today")]
    monkeypatch.setattr(FunctionTrainer, "calibrate", lambda trainer, run: choices.pop())
    with pytest.raises(KeyboardInterrupt):
        run_study(prepare_study(str(study_file), [AUTO]), storage, launch, crash_after(1), train=train_named)
    run_study(prepare_study(str(study_file), [AUTO]), storage, launch, train=train_named)
    assert {run.engine for run in storage.runs(storage.study("quick").study_id)} == {"graph: faster today"}


class Losing:
    """A pool that loses the workers of some items as often as it is told to; what they returned comes to nothing."""

    def __init__(self, monkeypatch, is_lost):
        wait = Pool.wait

        def wait_and_lose(pool, timeout_seconds):
            return [
                self.lose(one) if isinstance(one, Done) and is_lost(one.item) else one
                for one in wait(pool, timeout_seconds)
            ]

        self.lost = []
        monkeypatch.setattr(Pool, "wait", wait_and_lose)

    def lose(self, done):
        self.lost.append(done.item)
        return Done(done.item, error="its worker died", failure=ItemFailure.WORKER_DIED)


def test_calibration_whose_workers_die_is_tried_again(study_file, storage, launch, monkeypatch):
    losing = Losing(monkeypatch, lambda item: isinstance(item, CalibrateTask) and len(losing.lost) < 1)
    monkeypatch.setattr(FunctionTrainer, "calibrate", lambda trainer, run: EngineChoice("graph", "measured"))
    run_study(prepare_study(str(study_file), [AUTO]), storage, launch, train=train_named)
    assert len(losing.lost) == 1
    assert {run.engine for run in storage.runs(storage.study("quick").study_id)} == {"graph: measured"}


def test_calibration_that_kills_its_workers_fails_its_trials_and_chooses_nothing_for_later(
    study_file, storage, launch, monkeypatch
):
    losing = Losing(monkeypatch, lambda item: isinstance(item, CalibrateTask) and len(losing.lost) < 2)
    monkeypatch.setattr(FunctionTrainer, "calibrate", lambda trainer, run: EngineChoice("graph", "measured"))
    run_study(prepare_study(str(study_file), [AUTO]), storage, launch, train=train_named)
    trials = storage.trials(storage.study("quick").study_id)
    assert [trial.number for trial in trials if trial.state is TrialState.FAIL] == [0, 1, 2, 3]
    assert trials[0].error == "no engine could be chosen: its worker died (fold 0, seed 0)"
    assert {run.engine for run in storage.runs(storage.study("quick").study_id) if run.score is not None} == {
        "graph: measured"
    }


def test_run_whose_worker_died_is_tried_again_alone(study_file, storage, launch, monkeypatch):
    losing = Losing(monkeypatch, lambda item: item.runs[0].trial == 3 and item not in losing.lost)
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert len(losing.lost) == 2  # each of its runs, once
    assert [state for _, state, *_ in outcome(storage)] == [TrialState.COMPLETE] * 20


def test_failure_of_a_dead_worker_is_nobody_elses(study_file, storage, launch, monkeypatch):
    """The baseline's workers always die: trials of its configuration are trained themselves."""
    few = ["space.l2={choices=[0.1]}", "space.dropout={choices=[0.2]}", "study.sampler=random"]
    Losing(monkeypatch, lambda item: isinstance(item, TrainTask) and any(run.trial == 0 for run in item.runs))
    run_study(prepare_study(str(study_file), few), storage, launch, train=train)
    study_id = storage.study("quick").study_id
    trials = storage.trials(study_id)
    off = [trial for trial in trials if not trial.configuration]
    assert len(off) > 2
    assert (off[0].number, off[0].state, off[0].cause) == (0, TrialState.FAIL, FailureCause.WORKER_DIED)
    assert off[0].error == "its worker died (fold 0, seed 0)"
    assert all(trial.state is TrialState.COMPLETE for trial in off[1:])
    assert {run.trial for run in storage.runs(study_id) if run.trial in {t.number for t in off[2:]}} == set()


def test_failure_of_a_dead_worker_is_nobody_elses_in_later_sessions(study_file, storage, launch, monkeypatch):
    few = ["space.l2={choices=[0.1]}", "space.dropout={choices=[0.2]}", "study.sampler=random"]
    with monkeypatch.context() as patched:
        Losing(patched, lambda item: isinstance(item, TrainTask))
        with pytest.raises(StudyFailedError):
            run_study(prepare_study(str(study_file), [*few, "study.n_trials=1"]), storage, launch, train=train)
    run_study(prepare_study(str(study_file), few), storage, launch, train=train)
    trials = storage.trials(storage.study("quick").study_id)
    assert [trial.number for trial in trials if trial.state is TrialState.FAIL] == [0]
    assert [trial.number for trial in trials if not trial.configuration][:1] == [0]


def test_lack_of_memory_is_the_runs_and_not_the_sessions(study_file, storage, launch, tmp_path):
    tried = tmp_path / "tried"

    def greedy(plan, run, report):
        if run.trial == 4:
            with tried.open("a") as file:
                file.write(f"{run.fold}")
            return RunResult(run, None, error="MemoryError", cause=FailureCause.OUT_OF_MEMORY)
        return train(plan, run, report)

    run_study(prepare_study(str(study_file)), storage, launch, train=greedy)
    trials = storage.trials(storage.study("quick").study_id)
    assert [(trial.number, trial.cause) for trial in trials if trial.state is TrialState.FAIL] == [
        (4, FailureCause.OUT_OF_MEMORY)
    ]
    assert sorted(tried.read_text()) == ["0", "0", "1", "1"]  # each of two runs was tried again, once


def test_workers_that_cannot_start_end_the_session_and_cost_no_trial(study_file, storage, launch, monkeypatch):
    def broken(trainer, train, plan):
        raise ModuleNotFoundError("No module named 'keras'")

    with monkeypatch.context() as patched:
        patched.setattr(FunctionTrainer, "__init__", broken)
        with pytest.raises(RegsearchError) as caught:
            run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert str(caught.value) == (
        "quick: the workers cannot train, received ModuleNotFoundError: No module named 'keras'. What ended is stored; "
        "mend the workers' installation and run the same command again."
    )
    assert not [state for _, state, *_ in outcome(storage) if state is TrialState.FAIL]
    run_study(prepare_study(str(study_file)), storage, launch, train=train)
    assert [state for _, state, *_ in outcome(storage)] == [TrialState.COMPLETE] * 20


def test_short_runs_of_a_trial_go_to_a_worker_together(study_file, storage, launch, monkeypatch):
    sizes = []
    submit = Pool.submit

    def counting(pool, item, *arguments):
        if isinstance(item, TrainTask):
            sizes.append(len(item.runs))
        submit(pool, item, *arguments)

    monkeypatch.setattr(Pool, "submit", counting)
    run_study(prepare_study(str(study_file), ["objective.seeds=4"]), storage, launch, train=train)
    assert sizes[0] == 1
    assert sizes[-1] == 8
    study_id = storage.study("quick").study_id
    assert {len(storage.runs(study_id, number)) for number in range(20)} <= {8, 0}


def test_crash_costs_at_most_the_last_half_second(study_file, tmp_path, launch, monkeypatch, crash_after):
    """A kill leaves no time to write: trials that were not written yet are asked and trained again, to the same end."""
    prepared = prepare_study(str(study_file))
    with open_storage(f"sqlite:///{tmp_path}/unbroken.db", create=True) as storage:
        run_study(prepared, storage, launch, train=train)
        unbroken = outcome(storage)
    with open_storage(f"sqlite:///{tmp_path}/killed.db", create=True) as storage:
        with monkeypatch.context() as killed:
            written = TrialBuffer.flush
            killed.setattr(TrialBuffer, "flush", lambda books: written(books) if books.n_ended < 9 else None)
            with pytest.raises(KeyboardInterrupt):
                run_study(prepared, storage, launch, crash_after(30), train=train)
        assert len(outcome(storage)) < 15
        run_study(prepared, storage, launch, train=train)
        assert outcome(storage) == unbroken
