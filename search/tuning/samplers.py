"""Optuna's samplers, each made anew for every trial with a seed of the trial's own.

A sampler that lives as long as the process carries the state of its random generator, which a crash loses: the
study that goes on afterwards is another one. Here trial n is proposed by a sampler seeded from (study seed, n),
so that what it proposes depends on that and on the history it sees, and on nothing else.

TPE is made to cost the same at trial 10,000 as at trial 300: it is shown a bounded part of the history
(`N_MODELLED_TRIALS`), and it models a long range of integers as reals (`SmoothTPESampler`).
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from search.spec import MOST_STARTUP_TRIALS

_EXTRAS = {"gp": "torch", "cmaes": "cmaes"}

# A purpose of its own among the numbers drawn from a study's seed; `search.data.splits` has small ones.
SAMPLING = 101

N_BEST_TRIALS = 25
"""Trials that TPE calls good at most; Optuna's own default."""

N_MODELLED_TRIALS = 250
"""Told trials that TPE is shown, the latest, besides the `N_BEST_TRIALS` best of all.

Modelling all of them costs time that grows with the study, and loses: the more of the past lies around the best
point, the more the model of the others repels proposals from there. On a noisy function of three parameters the
mean regret of trials 500 to 1,000 was 0.30 with all, 0.20 with the latest 500, 0.09 with 250 and 0.10 with 100.
"""

N_VALUES_AS_REALS = 50
"""Steps from which on TPE models a range as if it had none."""

STATEFUL = frozenset({"qmc", "cmaes"})
"""Samplers that keep notes in Optuna's history as they ask; to resume, they are asked again from the start."""

REMEMBERING_POINTS = frozenset({"cmaes"})
"""Those of them whose notes hold points that they proposed, which have no place in a wider range: there they begin
anew. The others go on along a sequence that is the same in any range."""


class TrialSeededSampler(BaseSampler):
    """Proposes trial n with a sampler made for it, over a space that is the same for every trial.

    Args:
        make: Makes Optuna's sampler from a seed.
        seed: The study's seed.
        space: Parameter name to distribution, for all trials. Given, not inferred from the history:
            Optuna's own inference scans all trials for every new one, and would see nothing before the first
            trial ended.
        stateful: Whether all trials share the seed (`STATEFUL`).
    """

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        seed: int,
        space: Mapping[str, BaseDistribution],
        *,
        stateful: bool = False,
    ) -> None:
        self._make = make
        self._seed = seed
        self._space = {name: d for name, d in space.items() if not d.single()}
        self._stateful = stateful
        self._sampler = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of this trial."""
        if not self._stateful:
            self._sampler = self._make(trial_seed(self._seed, trial.number))
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The whole space, for every trial."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample all parameters jointly, as the trial's sampler does."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample one parameter alone, which samplers do before they have a history."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Let the sampler note what was told."""
        self._sampler.after_trial(study, trial, state, values)


class SmoothTPESampler(optuna.samplers.TPESampler):
    """TPE that models a range of many steps as reals and rounds what it proposes.

    For a stepped range Optuna integrates each kernel over each candidate's step, in a loop of Python: for one integer
    among three parameters that took three quarters of an ask, 30 ms at 1,000 trials. Over many steps the density at the
    point is as good as the integral.
    """

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample all parameters jointly."""
        long = {name: d for name, d in search_space.items() if _has_many_steps(d)}
        smooth: dict[str, BaseDistribution] = {name: _as_reals(d) for name, d in long.items()}
        sampled = super().sample_relative(study, trial, search_space | smooth)
        return {name: _on_a_step(long[name], v) if name in long else v for name, v in sampled.items()}


def _has_many_steps(distribution: BaseDistribution) -> TypeGuard[FloatDistribution | IntDistribution]:
    if not isinstance(distribution, FloatDistribution | IntDistribution) or distribution.step is None:
        return False
    return (distribution.high - distribution.low) / distribution.step >= N_VALUES_AS_REALS


def _as_reals(distribution: FloatDistribution | IntDistribution) -> FloatDistribution:
    half = (distribution.step or 1) / 2
    return FloatDistribution(distribution.low - half, distribution.high + half, log=distribution.log)


def _on_a_step(distribution: FloatDistribution | IntDistribution, value: float) -> float:
    step = distribution.step or 1
    nearest = distribution.low + round((value - distribution.low) / step) * step
    return min(max(nearest, distribution.low), distribution.high)


def make_sampler(
    name: str, seed: int, space: Mapping[str, BaseDistribution], n_startup_trials: int = MOST_STARTUP_TRIALS
) -> TrialSeededSampler:
    """The sampler of a study.

    Args:
        name: As in [study] `sampler`. Those that walk a list of points propose nothing: the space gives the points.
        seed: The study's seed.
        space: Parameter name to distribution.
        n_startup_trials: Trials that must have been told before a sampler models them; for `tpe` and `gp`.
    """
    makers: dict[str, Callable[[int], BaseSampler]] = {
        "tpe": lambda s: SmoothTPESampler(seed=s, n_startup_trials=n_startup_trials),
        "random": lambda s: optuna.samplers.RandomSampler(seed=s),
        "grid": lambda s: optuna.samplers.RandomSampler(seed=s),
        "ablation": lambda s: optuna.samplers.RandomSampler(seed=s),
        "qmc": lambda s: optuna.samplers.QMCSampler(scramble=True, seed=s, warn_independent_sampling=False),
        "gp": lambda s: optuna.samplers.GPSampler(
            seed=s, n_startup_trials=n_startup_trials, deterministic_objective=False
        ),
        "cmaes": lambda s: optuna.samplers.CmaEsSampler(seed=s, warn_independent_sampling=False),
    }
    with warnings.catch_warnings():
        # Optuna calls some of these samplers experimental; which one runs is the user's decision.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TrialSeededSampler(makers[name], seed, space, stateful=name in STATEFUL)


def missing_packages() -> dict[str, str]:
    """Samplers that cannot run in this installation, with the package that each needs."""
    return {name: package for name, package in _EXTRAS.items() if importlib.util.find_spec(package) is None}


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's sampler, in [0, 2**32)."""
    return int(np.random.SeedSequence((seed, SAMPLING, number)).generate_state(1)[0])
