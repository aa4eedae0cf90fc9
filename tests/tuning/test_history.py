"""What a sampler proposes depends on the study's seed, the trial's number and what was told, and on nothing else."""

import pytest

from search.records import TrialState
from search.spec import Range
from search.tuning.history import History
from search.tuning.samplers import TrialSeededSampler
from search.tuning.space import SearchSpace, _reals, _with_off_zone

WINDOW = 4
SPACE = SearchSpace(
    (
        _with_off_zone("l2", _reals(Range(low=1e-6, high=1e-1, log=True)), "low"),
        _with_off_zone("dropout", _reals(Range(low=0.05, high=0.6)), "low"),
    )
)


def score(sampled):
    return abs(sampled["dropout"] - 0.3)


def walk(sampler, n_trials, recorded=None, seed=1):
    history = History(SPACE, sampler, seed, "minimize")
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
