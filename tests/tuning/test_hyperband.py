"""Hyperband decides as Optuna's does: trials of every bracket, equal values, trials told while others run."""

import numpy as np
import optuna
import pytest

from search.records import TrialState
from search.spec import Domain, Range
from search.tuning.dimensions import technique_dimension
from search.tuning.history import History
from search.tuning.hyperband import Hyperband
from search.tuning.space import SearchSpace

SIZES = {"min_resource": 3, "max_resource": 81, "reduction_factor": 3}
STEPS = [1, 3, 4, 9, 20, 27, 60, 81]  # some on a rung, some behind it, one behind several
PENALTY = Domain(kind="float", high=1000, low_open=True, meaning="a penalty", source="a paper")
SPACE = SearchSpace((technique_dimension("l2", Range(low=1e-6, high=1e-1, log=True), PENALTY),))
WINDOW = 6


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n_levels", [3, 1000])
def test_decisions_are_optunas(direction, n_levels):
    generator = np.random.default_rng(3)
    pruners = Hyperband(**SIZES), optuna.pruners.HyperbandPruner(**SIZES)
    ours, optunas = (History(SPACE, "random", 1, direction, pruner=pruner, study_name="moons") for pruner in pruners)
    waiting, ended = {}, {}
    while ours.told < 200:
        while ours.asked < ours.told + WINDOW:
            waiting[ours.asked] = [step for step in STEPS if generator.random() < 0.8]
            assert ours.ask() == optunas.ask()
        number = int(generator.choice(list(waiting)))
        step = waiting[number].pop(0) if waiting[number] else 99
        value = float(generator.integers(n_levels)) / n_levels
        is_given_up = ours.report(number, step, value)
        assert is_given_up == optunas.report(number, step, value)
        if is_given_up or step == 99:
            del waiting[number]
            ended[number] = TrialState.PRUNED if is_given_up else TrialState.COMPLETE
        while (outcome := ended.get(ours.told)) is not None:
            for history in (ours, optunas):
                history.tell(outcome, 0.5)
    n_pruned = sum(state is TrialState.PRUNED for state in ended.values())
    assert 60 < n_pruned < 190
