"""Pruned studies: the same trials end at the same epochs, however fast workers are and whatever crashes."""

import random
import time

import numpy as np
import pytest

from search.coordination.launching import run_study
from search.coordination.progress import SilentObserver
from search.execution import pool
from search.preparation.files import prepare_study
from search.records import Curve, Predictions, RunReport, RunResult, TrialState
from search.storage import open_storage

N_EPOCHS = 40
STUDY = f"""
[study]
name = "pruned"
n_trials = 22
seed = 5
window = 4
[data]
source = "sklearn.make_moons"
options = {{ n_samples = 60, noise = 0.2, random_state = 1 }}
[split]
validation = {{ method = "kfold", folds = 3 }}
[model]
family = "mlp"
hidden = [4]
[training]
epochs = {N_EPOCHS}
engine = "fit"  # what trains here is no engine at all
[objective]
seeds = 2
[confirm]
finalists = 0
[space]
l2 = {{ low = 1e-6, high = 1e-1, log = true }}
dropout = {{ low = 0.1, high = 0.5 }}
"""


@pytest.fixture
def prepare(tmp_path):
    path = tmp_path / "pruned.toml"
    path.write_text(STUDY)
    return lambda pruner, *overrides: prepare_study(str(path), [f"study.pruner={pruner}", *overrides])


def result_of(run, n_epochs=N_EPOCHS):
    """A curve that falls towards a level that depends on the configuration."""
    level = abs(run.configuration.get("dropout", 0.0) - 0.3) + (run.seed % 5) * 1e-2
    metric = level + np.exp(-np.arange(1, N_EPOCHS + 1) / 10)
    curve = Curve(metric, metric, metric).until(n_epochs)
    ends = n_epochs == N_EPOCHS
    return RunResult(
        run,
        float(metric[-1]) if ends else None,
        None if ends else f"withdrawn at epoch {n_epochs}",
        epochs_trained=n_epochs,
        best_epoch=n_epochs,
        curve=curve,
        weight_norms={"dense_1": 1.0},
        predictions=Predictions([[level]]) if ends else None,
    )


def train(plan, run, report):
    """A short run: it tells nothing on its way."""
    time.sleep(random.random() * 0.005)
    return result_of(run)


def train_in_pieces(plan, run, report):
    """A long run: it reports as it goes, and ends when it is withdrawn, some epochs after the decision."""
    told = 0
    while told < N_EPOCHS - 8:
        fresh = random.randint(1, 8)
        metric = result_of(run).curve.validation_metric[told : told + fresh]
        if not report(RunReport(run, told + 1, tuple(metric.tolist()))):
            return result_of(run, told + fresh)
        told += fresh
        time.sleep(random.random() * 0.004)
    return result_of(run)


def outcome(storage):
    """All that the database holds of a study's trials and runs, but for times and places."""
    study_id = storage.study("pruned").study_id
    trials = storage.trials(study_id)
    runs = [
        (run.trial, run.fold, run.repeat, run.score, run.error, run.epochs_trained, run.best_epoch)
        for run in storage.runs(study_id)
    ]
    curves = [storage.curve(study_id, trial, fold, repeat) for trial, fold, repeat, *_ in runs]
    complete = {trial.number for trial in trials if trial.state is TrialState.COMPLETE}
    assert list(storage.predictions(study_id)) == [run[:3] for run in runs if run[0] in complete]
    return (
        [(t.number, t.state, t.score, t.configuration, t.parameters) for t in trials],
        runs,
        curves,
        storage.intermediate_values(study_id),
    )


def outcome_of(path, prepared, launch, train, crash=None):
    with open_storage(f"sqlite:///{path}", create=True) as storage:
        if crash:
            with pytest.raises(KeyboardInterrupt):
                run_study(prepared, storage, launch, crash, train=train)
        run_study(prepared, storage, launch, train=train)
        return outcome(storage)


@pytest.mark.parametrize("pruner", ["median", "hyperband", "wilcoxon", "racing"])
def test_pruned_study_is_the_same_in_pieces_and_after_a_crash(prepare, tmp_path, launch, pruner, crash_after):
    prepared = prepare(pruner)
    at_once = outcome_of(tmp_path / "a.db", prepared, launch, train)
    states = [state for _, state, *_ in at_once[0]]
    assert 3 < states.count(TrialState.PRUNED) < 20
    assert states[0] is TrialState.COMPLETE
    assert outcome_of(tmp_path / "b.db", prepared, launch, train_in_pieces) == at_once
    assert outcome_of(tmp_path / "c.db", prepared, launch, train, crash_after(45)) == at_once
    assert outcome_of(tmp_path / "d.db", prepared, launch, train_in_pieces, crash_after(31)) == at_once


def test_run_that_was_given_up_is_stored_up_to_that_epoch(prepare, tmp_path, launch):
    trials, runs, curves, reported = outcome_of(tmp_path / "a.db", prepare("median"), launch, train)
    pruned = {number for number, state, *_ in trials if state is TrialState.PRUNED}
    for run, curve in zip(runs, curves, strict=True):
        if run[0] in pruned and run[3] is None:
            epoch = run[5]
            assert run[4] == f"pruned at epoch {epoch}"
            assert len(curve.validation_metric) == epoch
            index = 2 * run[1] + run[2]
            assert max(reported[run[0]]) == index * N_EPOCHS + epoch
    for number in pruned:
        assert sum(run[0] == number and run[3] is None for run in runs) == 1
        assert sum(run[0] == number for run in runs) < 6


def test_run_after_whose_end_a_trial_is_given_up_keeps_its_score(prepare, tmp_path, launch):
    trials, runs, curves, _ = outcome_of(tmp_path / "a.db", prepare("racing"), launch, train_in_pieces)
    pruned = {number for number, state, *_ in trials if state is TrialState.PRUNED}
    last = {run[0]: (run, len(curve.validation_metric)) for run, curve in zip(runs, curves, strict=True)}
    ends = [(run[3] is None, n_epochs) for number, (run, n_epochs) in last.items() if number in pruned]
    assert set(ends) == {(True, N_EPOCHS // 3), (False, N_EPOCHS)}


def test_nothing_is_pruned_by_default_and_runs_go_side_by_side(prepare, tmp_path, launch):
    trials, runs, _, reported = outcome_of(tmp_path / "a.db", prepare("none"), launch, train_in_pieces)
    assert {state for _, state, *_ in trials} == {TrialState.COMPLETE}
    assert len(runs) == 6 * len({configuration for _, _, _, configuration, _ in trials})
    assert all(len(values) <= 50 for values in reported.values())


def test_worker_that_does_not_end_a_withdrawn_run_holds_nothing_up(prepare, tmp_path, launch, monkeypatch):
    """Trials, scores and reports are the same; of the run that was given up the losses are not known."""

    def deaf(plan, run, report):
        result = result_of(run)
        for epoch in range(1, N_EPOCHS, 4):
            report(RunReport(run, epoch, tuple(result.curve.validation_metric[epoch - 1 : epoch + 3].tolist())))
        time.sleep(0.3)
        return result

    prepared = prepare("median", "study.n_trials=14", "objective.seeds=1")
    expected = outcome_of(tmp_path / "a.db", prepared, launch, train)
    monkeypatch.setattr(pool, "_WITHDRAWAL_SECONDS", 0.05)
    trials, _, _, reported = outcome_of(tmp_path / "b.db", prepared, launch, deaf)
    assert (trials, reported) == (expected[0], expected[3])


def test_long_trial_shows_its_curve_while_it_runs(prepare, tmp_path, launch):
    seen = {}

    class Look(SilentObserver):
        def run_reported(self, report):
            study_id = storage.study("pruned").study_id
            for number, values in storage.intermediate_values(study_id).items():
                if storage.trials(study_id)[number].state is TrialState.RUNNING:
                    seen[number] = values

    def slow(plan, run, report):
        for epoch in (1, 11, 21):
            report(RunReport(run, epoch, tuple(result_of(run).curve.validation_metric[epoch - 1 : epoch + 9].tolist())))
            time.sleep(0.6)
        return result_of(run)

    with open_storage(f"sqlite:///{tmp_path}/a.db", create=True) as storage:
        run_study(prepare("none", "study.n_trials=2", "objective.seeds=1"), storage, launch, Look(), train=slow)
        assert seen
        assert all(value > 0 for values in seen.values() for value in values.values())
        final = storage.intermediate_values(storage.study("pruned").study_id)
        assert all(max(values) == N_EPOCHS for values in final.values())
