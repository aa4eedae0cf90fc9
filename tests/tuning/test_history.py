"""What a sampler proposes depends on the study's seed, the trial's number and what was told, and on nothing else."""

import optuna
import pytest

from search.records import TrialState
from search.spec import Domain, Range
from search.tuning import history as history_module
from search.tuning.dimensions import technique_dimension
from search.tuning.history import History
from search.tuning.samplers import TrialSeededSampler
from search.tuning.space import SearchSpace

WINDOW = 4
POSITIVE = Domain(kind="float", high=1000, low_open=True, meaning="a penalty or a rate", source="a paper")
SPACE = SearchSpace(
    (
        technique_dimension("l2", Range(low=1e-6, high=1e-1, log=True), POSITIVE),
        technique_dimension("dropout", Range(low=0.05, high=0.6), POSITIVE),
    )
)


def score(sampled):
    return abs(sampled["dropout"] - 0.3)


def walk(sampler, n_trials, recorded=None, seed=1, **more):
    history = History(SPACE, sampler, seed, "minimize", **more)
    asked = []
    for number in range(n_trials):
        while history.told <= number - WINDOW:
            failed = history.told == 3
            state = TrialState.FAIL if failed else TrialState.COMPLETE
            history.tell(state, None if failed else score(asked[history.told]))
        asked.append(history.ask((recorded or {}).get(number)))
    return asked


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes"])
def test_resumed_history_proposes_what_the_unbroken_one_does(sampler):
    unbroken = walk(sampler, 30)
    for crash in (1, 13, 29):
        assert walk(sampler, 30, dict(enumerate(unbroken[:crash]))) == unbroken


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes"])
def test_first_trial_is_the_baseline_and_no_other_is_equal_to_another(sampler):
    asked = walk(sampler, 20)
    assert asked[0] == SPACE.baseline()
    assert len({tuple(point.values()) for point in asked}) == 20


def test_another_seed_proposes_other_points():
    assert walk("tpe", 12)[1:] != walk("tpe", 12, seed=2)[1:]


def test_tpe_learns():
    asked = walk("tpe", 100)
    late = sum(score(point) for point in asked[70:]) / 30
    blind = sum(score(point) for point in walk("random", 100)) / 100
    assert late < blind / 2


def test_every_parameter_is_sampled_jointly_from_the_first_model_on(monkeypatch):
    """Optuna's fallback to sampling parameters one by one is silent: count it."""
    alone = []
    original = TrialSeededSampler.sample_independent

    def spy(self, study, trial, name, distribution):
        alone.append(trial.number)
        return original(self, study, trial, name, distribution)

    monkeypatch.setattr(TrialSeededSampler, "sample_independent", spy)
    walk("tpe", 30)
    # Ten told trials, one of the first ten failed, and a window of four behind: trial 14 is the first with a model.
    assert max(alone) == 13
    assert set(range(1, 14)) == set(alone)


def test_model_begins_when_the_startup_trials_have_been_told(monkeypatch):
    alone = []
    original = TrialSeededSampler.sample_independent
    monkeypatch.setattr(
        TrialSeededSampler,
        "sample_independent",
        lambda self, study, trial, *more: alone.append(trial.number) or original(self, study, trial, *more),
    )
    asked = walk("tpe", 15, n_startup_trials=3)
    # Trial 6 is asked when trials 0 to 2 have been told.
    assert set(alone) == {1, 2, 3, 4, 5}
    assert walk("tpe", 15, dict(enumerate(asked[:9])), n_startup_trials=3) == asked


def test_tpe_is_shown_the_best_the_latest_and_the_running_trials(monkeypatch):
    monkeypatch.setattr(history_module, "N_BEST_TRIALS", 3)
    monkeypatch.setattr(history_module, "N_MODELLED_TRIALS", 12)
    shown = []
    original = TrialSeededSampler.sample_relative

    def spy(self, study, trial, space):
        shown.append([t.number for t in study.get_trials(deepcopy=False)])
        return original(self, study, trial, space)

    monkeypatch.setattr(TrialSeededSampler, "sample_relative", spy)
    asked = walk("tpe", 40)
    ended = [n for n in range(36) if n != 3]
    best = sorted(ended, key=lambda n: score(asked[n]))[:3]
    assert shown[-1] == sorted({*best, *ended[-12:], 36, 37, 38})
    # Trial 3 failed.
    assert shown[9] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    for crash in (14, 29):
        assert walk("tpe", 40, dict(enumerate(asked[:crash]))) == asked


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_best_trials_are_kept_by_the_direction_of_the_score(direction, monkeypatch):
    monkeypatch.setattr(history_module, "N_BEST_TRIALS", 2)
    monkeypatch.setattr(history_module, "N_MODELLED_TRIALS", 1)
    shown = []
    monkeypatch.setattr(
        TrialSeededSampler,
        "sample_relative",
        lambda self, study, trial, space: shown.append([t.number for t in study.get_trials()]) or {},
    )
    history = History(SPACE, "tpe", 1, direction)
    for value in (3.0, 1.0, 2.0, 5.0, 4.0, 2.5):
        history.ask()
        history.tell(TrialState.COMPLETE, value)
    history.ask()
    assert shown[-1] == ([1, 2, 5] if direction == "minimize" else [3, 4, 5])


def test_reported_values_are_part_of_the_told_trial():
    history = History(SPACE, "tpe", 1, "minimize")
    for _ in range(2):
        history.ask()
    assert [history.report(1, 10, 0.5), history.report(0, 10, 0.7), history.report(1, 20, 0.4)] == [False] * 3
    history.tell(TrialState.COMPLETE, 0.6)
    history.tell(TrialState.PRUNED, None)
    complete, pruned = history._study.trials
    assert (complete.value, complete.intermediate_values) == (0.6, {10: 0.7})
    assert (pruned.state, pruned.value) == (optuna.trial.TrialState.PRUNED, 0.4)
    assert pruned.intermediate_values == {10: 0.5, 20: 0.4}


def test_reports_of_told_and_unasked_trials_and_of_falling_steps_are_refused():
    history = History(SPACE, "tpe", 1, "minimize")
    for _ in range(2):
        history.ask()
    history.tell(TrialState.COMPLETE, 0.6)
    for number in (0, 2):
        with pytest.raises(ValueError, match=rf"^trial {number}: expected a trial that was asked and not told yet$"):
            history.report(number, 1, 0.5)
    history.report(1, 10, 0.5)
    for step in (10, 9):
        with pytest.raises(ValueError, match=rf"^trial 1: expected a step above 10, received {step}$"):
            history.report(1, step, 0.5)
