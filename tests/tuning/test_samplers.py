"""Samplers whose package is missing say so; those that are there propose within the space."""

import importlib.util

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.tuning.samplers import SmoothTPESampler, make_sampler, missing_packages, trial_seed


def test_missing_packages_are_those_of_the_samplers_that_need_one(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert missing_packages() == {"gp": "torch", "cmaes": "cmaes"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert missing_packages() == {}


def test_trial_seeds_differ():
    seeds = {trial_seed(study, number) for study in range(5) for number in range(200)}
    assert len(seeds) == 1000


MIXED = {
    "patience": IntDistribution(10, 1000, log=True),
    "units": IntDistribution(8, 512, step=8),
    "layers": IntDistribution(1, 4),
    "rate": FloatDistribution(0, 1, step=0.01),
    "l2": FloatDistribution(1e-6, 1e-1, log=True),
    "activation": CategoricalDistribution(("relu", "tanh")),
}


def sampled(sampler, n_trials=80):
    study = optuna.create_study(sampler=sampler)
    for _ in range(n_trials):
        trial = study.ask(MIXED)
        far = abs(trial.params["patience"] - 100) / 100 + abs(trial.params["units"] - 256) / 256
        study.tell(trial, far + abs(trial.params["rate"] - 0.4) + (trial.params["activation"] == "tanh"))
    return study.trials


def test_tpe_proposes_on_the_steps_of_each_range_and_finds_the_good_ones():
    trials = sampled(make_sampler("tpe", 1, MIXED))
    for trial in trials:
        assert {type(trial.params[name]) for name in ("patience", "units", "layers")} == {int}
        assert trial.params["units"] % 8 == 0
        assert trial.params["rate"] * 100 == pytest.approx(round(trial.params["rate"] * 100))
        for name, distribution in MIXED.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))
    late = sum(trial.value for trial in trials[40:]) / 40
    early = sum(trial.value for trial in trials[:10]) / 10
    assert late < early / 2


def test_only_ranges_of_many_steps_are_modelled_as_reals(monkeypatch):
    modelled = []
    original = optuna.samplers.TPESampler.sample_relative

    def spy(self, study, trial, space):
        modelled.append(space)
        return original(self, study, trial, space)

    monkeypatch.setattr(optuna.samplers.TPESampler, "sample_relative", spy)
    study = optuna.create_study()
    SmoothTPESampler(seed=1).sample_relative(study, study.ask(), MIXED)
    assert modelled == [
        MIXED
        | {
            "patience": FloatDistribution(9.5, 1000.5, log=True),
            "units": FloatDistribution(4.0, 516.0),
            "rate": FloatDistribution(-0.005, 1.005),
        }
    ]
