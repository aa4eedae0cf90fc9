"""Defaults that fit the budget."""

import pytest

from search.spec import StudySection


@pytest.mark.parametrize(
    ("n_trials", "window", "told"),
    [(1, 2, 2), (5, 2, 2), (10, 2, 2), (15, 3, 3), (20, 4, 4), (40, 8, 8), (50, 8, 10), (10_000, 8, 10)],
)
@pytest.mark.parametrize("sampler", ["tpe", "gp"])
def test_window_and_startup_trials_fit_the_budget(sampler, n_trials, window, told):
    fitted = StudySection(name="s", n_trials=n_trials, sampler=sampler).fitted()
    assert (fitted.window, fitted.n_startup_trials) == (window, told)


@pytest.mark.parametrize("n_trials", range(10, 60))
def test_most_trials_are_proposed_by_the_model_of_the_sampler(n_trials):
    fitted = StudySection(name="s", n_trials=n_trials).fitted()
    first_modelled = fitted.n_startup_trials + fitted.window - 1
    assert n_trials - first_modelled > n_trials / 2


@pytest.mark.parametrize("sampler", ["random", "grid", "ablation", "qmc"])
def test_sampler_that_does_not_learn_keeps_the_widest_window(sampler):
    fitted = StudySection(name="s", n_trials=15, sampler=sampler).fitted()
    assert (fitted.window, fitted.n_startup_trials) == (8, None)


def test_evolution_strategy_has_the_window_alone():
    fitted = StudySection(name="s", n_trials=15, sampler="cmaes").fitted()
    assert (fitted.window, fitted.n_startup_trials) == (3, None)


def test_what_is_given_stays():
    given = StudySection(name="s", n_trials=15, window=5, n_startup_trials=12)
    assert given.fitted() == given
