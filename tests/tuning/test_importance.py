"""Importance tells the name that decides scores from one that does not."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution, distribution_to_json

from search.records import Parameter, Trial, TrialState
from search.tuning.importance import LEAST_TRIALS, parameter_importances

TEXT = distribution_to_json(FloatDistribution(0.0, 1.0))


def trials(count, score, state=TrialState.COMPLETE):
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        x, y = rng.random(2)
        parameters = (Parameter("y", float(y), TEXT), Parameter("x", float(x), TEXT))
        made.append(Trial(number, state, {}, score=score(x), parameters=parameters))
    return made


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_name_that_decides_comes_first_and_shares_sum_to_one(direction):
    shares = parameter_importances(trials(60, lambda x: float((x - 0.3) ** 2)), direction)
    assert list(shares) == ["x", "y"]
    assert shares["x"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_too_few_scores_and_equal_scores_explain_nothing():
    assert parameter_importances(trials(LEAST_TRIALS - 1, float), "minimize") == {}
    assert parameter_importances(trials(LEAST_TRIALS, lambda x: 1.0), "minimize") == {}
    assert parameter_importances([], "minimize") == {}
    pruned = trials(LEAST_TRIALS, lambda x: None, TrialState.PRUNED)
    assert parameter_importances(pruned, "minimize") == {}


def test_other_users_of_optuna_find_its_verbosity_as_it_was():
    before = optuna.logging.get_verbosity()
    parameter_importances(trials(LEAST_TRIALS, float), "minimize")
    assert optuna.logging.get_verbosity() == before
