"""Pruners: decisions of Optuna and of a race, made from curves and from what the window rule lets a trial know."""

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import TrialState
from search.spec import Domain, Range
from search.tuning.dimensions import technique_dimension
from search.tuning.history import History
from search.tuning.pruners import Judge, PruningRule, make_pruner
from search.tuning.racing import RacingPruner
from search.tuning.space import SearchSpace

WINDOW = 4
N_TRIALS = 40
PENALTY = Domain(kind="float", high=1000, low_open=True, meaning="a penalty", source="a paper")
SPACE = SearchSpace((technique_dimension("l2", Range(low=1e-6, high=1e-1, log=True), PENALTY),))
RULES = {
    "median": PruningRule("median", n_runs=2, n_epochs=60),
    "hyperband": PruningRule("hyperband", n_runs=2, n_epochs=60),
    "wilcoxon": PruningRule("wilcoxon", n_runs=8, n_epochs=60),
    "racing": PruningRule("racing", n_runs=4, n_epochs=60),
}
PLAIN = {
    "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=7, n_min_trials=5),
    "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=4, max_resource=120, reduction_factor=3),
    "wilcoxon": lambda: optuna.pruners.WilcoxonPruner(p_threshold=0.1, n_startup_steps=2),
    "racing": lambda: RacingPruner(rung=20, ends=[60, 120, 180, 240], n_runs=[1, 2, 3, 4]),
}


def curves(rule, n_trials=N_TRIALS, sign=1.0):
    """Metric and score of every run of every trial; falling curves, some ended early by their patience."""
    rng = np.random.default_rng(5)
    made = []
    for _ in range(n_trials):
        level, speed = rng.uniform(0, 1), rng.uniform(2, 6)
        runs = []
        for _ in range(rule.n_runs):
            n_epochs = int(rng.integers(rule.n_epochs // 2, 2 * rule.n_epochs))
            epochs = np.arange(1, min(n_epochs, rule.n_epochs) + 1)
            noise = 0.05 * rng.normal(size=len(epochs))
            metric = (sign * (level + np.exp(-speed * epochs / rule.n_epochs) + noise)).astype(np.float32)
            runs.append((metric, float(metric[-1])))
        made.append(runs)
    return made


def judged(judge, runs, chunk=10**6):
    """Observe a trial's runs, `chunk` epochs at a time; how it ends, where, and what it reported."""
    for index, (metric, score) in enumerate(runs):
        for end in [*range(chunk, len(metric), chunk), len(metric)]:
            epoch = judge.observe(index, metric[:end], score if end == len(metric) else None)
            if epoch is not None:
                return TrialState.PRUNED, None, (index, epoch), judge.intermediate
    return TrialState.COMPLETE, float(np.mean([score for _, score in runs])), None, judge.intermediate


def new_history(rule, direction="minimize", sampler="random"):
    return History(SPACE, sampler, 1, direction, pruner=make_pruner(rule), study_name="moons")


def walk(rule, trials, direction="minimize", *, eager=True, chunk=10**6, sampler="random"):
    """Outcomes by trial; a trial is judged as soon as it is asked, or as late as the window allows."""
    history = new_history(rule, direction, sampler)
    asked, outcomes = [], []
    judges = {}

    def end_oldest_judged():
        outcomes.append(judged(judges[len(outcomes)], trials[len(outcomes)], chunk))

    for number in range(len(trials)):
        while history.told <= number - WINDOW:
            if not eager:
                end_oldest_judged()
            history.tell(*outcomes[history.told][:2])
        asked.append(history.ask())
        judges[number] = Judge(history, number, rule)
        if eager:
            end_oldest_judged()
    while len(outcomes) < len(trials):
        end_oldest_judged()
    return outcomes, asked


def plain_optuna(rule, trials, direction):
    """The same decisions from Optuna alone: each trial in a study that holds only what it may know."""
    ended = []
    for number, runs in enumerate(trials):
        study = optuna.create_study(study_name="moons", direction=direction, pruner=PLAIN[rule.pruner]())
        known = ended[: max(0, number - WINDOW + 1)]
        for trial in known:
            study.add_trial(trial)
        for _ in range(number - len(known)):
            study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL))
        trial = study.ask()
        for step, value, saves in reports(rule, runs):
            trial.report(value, step)
            if trial.should_prune() and step != rule.last_step and saves:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(np.mean([score for _, score in runs])))
        ended.append(study.trials[-1])
    return ended


def reports(rule, runs):
    scores = []
    for index, (metric, score) in enumerate(runs):
        if rule.pruner == "wilcoxon":
            yield index, score, True
        else:
            for epoch in rule.epochs_of(index):
                ended = epoch > len(metric) or rule.compares_scores_at(epoch)
                value = score if ended else float(metric[epoch - 1])
                saves = epoch <= len(metric) or index < len(runs) - 1
                yield index * rule.n_epochs + epoch, float(np.mean([*scores, value])), saves
        scores.append(score)


@pytest.mark.filterwarnings("ignore:WilcoxonPruner is experimental")
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_decisions_are_those_of_optuna_on_what_a_trial_may_know(rule, direction):
    trials = curves(rule, sign=1.0 if direction == "minimize" else -1.0)
    outcomes, _ = walk(rule, trials, direction)
    expected = plain_optuna(rule, trials, direction)
    assert [state.name for state, *_ in outcomes] == [trial.state.name for trial in expected]
    for (*_, intermediate), trial in zip(outcomes, expected, strict=True):
        assert list(intermediate) == list(trial.intermediate_values)
        assert list(intermediate.values()) == pytest.approx(list(trial.intermediate_values.values()), rel=1e-12)
    n_pruned = sum(state is TrialState.PRUNED for state, *_ in outcomes)
    assert 5 <= n_pruned <= N_TRIALS - 5


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_neither_trials_told_later_nor_the_pieces_of_a_curve_make_a_difference(rule):
    trials = curves(rule)
    at_once = walk(rule, trials)
    assert walk(rule, trials, eager=False) == at_once
    assert walk(rule, trials, chunk=7) == at_once


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "cmaes"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_resumed_study_proposes_and_prunes_what_the_unbroken_one_does(rule, sampler):
    trials = curves(rule)
    unbroken, asked = walk(rule, trials, sampler=sampler)
    for crash in (1, 14, 33):
        # At the crash every second trial of the window had ended.
        recorded = {n for n in range(crash) if n <= crash - WINDOW or n % 2}
        history = new_history(rule, sampler=sampler)
        outcomes = {}
        for number in range(N_TRIALS):
            while history.told <= number - WINDOW:
                oldest = history.told
                state, score, _, intermediate = outcomes[oldest]
                if oldest in recorded:
                    history.restore(oldest, intermediate)
                history.tell(state, score)
            assert history.ask(asked[number] if number < crash else None) == asked[number]
            if number in recorded:
                outcomes[number] = unbroken[number]
            else:
                outcomes[number] = judged(Judge(history, number, rule), trials[number])
        assert list(outcomes.values()) == unbroken


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_worst_of_all_baselines_is_not_pruned(rule):
    trials = curves(rule)
    trials[0] = [(metric + 100, score + 100) for metric, score in trials[0]]
    outcomes, _ = walk(rule, trials)
    assert outcomes[0][0] is TrialState.COMPLETE


def test_no_pruner_gives_up_no_trial():
    rule = PruningRule("none", 2, 60)
    assert make_pruner(rule) is None
    outcomes, _ = walk(rule, curves(rule))
    assert {state for state, *_ in outcomes} == {TrialState.COMPLETE}


@pytest.mark.parametrize(
    ("rule", "epochs", "runs"),
    [
        (PruningRule("median", 1, 4000), range(80, 4001, 80), {0}),
        (PruningRule("median", 1, 60), (epoch for epoch in range(1, 61) if epoch % 6 != 1), {0}),
        (PruningRule("hyperband", 5, 30), range(3, 31, 3), set(range(5))),
        (PruningRule("hyperband", 3, 7), range(1, 8), {0, 1, 2}),
        (PruningRule("median", 30, 100), [100], set(range(30))),
        (PruningRule("median", 100, 10), [10], set(range(1, 100, 2))),
        (PruningRule("wilcoxon", 8, 60), [], set(range(8))),
        (PruningRule("wilcoxon", 200, 60), [], set(range(3, 200, 4))),
        (PruningRule("racing", 5, 90), None, set(range(5))),
        (PruningRule("racing", 98, 90), None, set(range(1, 98, 2))),
    ],
)
def test_reports_are_spread_evenly_over_epochs_and_runs(rule, epochs, runs):
    assert rule.runs == runs
    if epochs is None:
        assert (rule.epochs_of(0), rule.epochs_of(1)) == ((30, 90), (90,))
    else:
        assert rule.epochs_of(0) == rule.epochs_of(1) == tuple(epochs)


@given(
    pruner=st.sampled_from(["median", "hyperband", "wilcoxon", "racing"]),
    n_runs=st.integers(1, 300),
    n_epochs=st.integers(1, 10_000),
)
def test_a_trial_reports_at_most_fifty_times_and_at_its_end(pruner, n_runs, n_epochs):
    rule = PruningRule(pruner, n_runs, n_epochs)
    steps = [rule.step(run, epoch) for run in sorted(rule.runs) for epoch in rule.epochs_of(run) or (n_epochs,)]
    assert len(steps) <= 50
    assert steps == sorted(set(steps))
    assert steps[-1] == rule.last_step


def asked_judge(rule):
    history = new_history(rule)
    history.ask()
    return Judge(history, 0, rule)


def test_value_is_the_mean_of_earlier_scores_and_the_metric_at_the_epoch():
    judge = asked_judge(PruningRule("median", n_runs=25, n_epochs=10))
    judge.observe(0, np.float32([9, 9, 9, 9, 8, 9]), score=2.0)  # ended early: its score stands from there on
    judge.observe(1, np.float32([9, 9, 9, 9, 4]))
    judge.observe(1, np.float32([9, 9, 9, 9, 4, 9, 9, 9, 9, 6]), score=5.0)
    judge.observe(2, np.float32([9, 9, 9, 9, 5]))
    assert judge.intermediate == {5: 8.0, 10: 2.0, 15: 3.0, 20: 4.0, 25: 4.0}


def test_last_run_that_ended_early_is_complete_whatever_its_score():
    """Epochs that it did not train cannot be saved; and no rung is passed by a run that did not come so far."""
    rule = PruningRule("median", n_runs=1, n_epochs=100)
    judge = told_good_trials(rule, np.zeros(100, np.float32))
    assert judge.observe(0, np.full(8, 9, np.float32), score=9.0) is None
    assert max(judge.intermediate) == 100


def test_wilcoxon_reports_scores_of_ended_runs():
    judge = asked_judge(PruningRule("wilcoxon", n_runs=3, n_epochs=10))
    judge.observe(0, np.float32([9, 8]))
    judge.observe(0, np.float32([9, 8, 7]), score=7.0)
    judge.observe(1, np.float32([6, 5]), score=5.0)
    assert judge.intermediate == {0: 7.0, 1: 5.0}


def test_values_that_are_not_finite_and_what_was_known_before_are_not_reported():
    judge = asked_judge(PruningRule("median", n_runs=1, n_epochs=4))
    judge.observe(0, np.float32([1, np.nan, 3]))
    judge.observe(0, np.float32([1]))
    judge.observe(0, np.float32([1, np.nan, 3, np.inf]))
    assert judge.intermediate == {1: 1.0, 3: 3.0}


def told_good_trials(rule, metric, count=8):
    history = new_history(rule)
    for number in range(count):
        history.ask()
        judge = Judge(history, number, rule)
        for run in range(rule.n_runs):
            judge.observe(run, np.float32(metric), float(metric[-1]))
        history.tell(TrialState.COMPLETE, float(metric[-1]))
    history.ask()
    return Judge(history, count, rule)


def test_first_tenth_is_not_judged_and_a_trial_that_was_given_up_reports_no_more():
    judge = told_good_trials(PruningRule("median", n_runs=1, n_epochs=40), np.linspace(1, 0, 40))
    bad = np.full(40, 5, np.float32)
    assert judge.observe(0, bad[:4]) is None
    assert judge.observe(0, bad) == 5
    assert judge.observe(0, bad, score=5.0) == 5
    assert list(judge.intermediate) == [1, 2, 3, 4, 5]


def test_trial_is_not_given_up_at_its_last_epoch():
    judge = told_good_trials(PruningRule("median", n_runs=1, n_epochs=40), np.linspace(1, 0, 40))
    late = np.append(np.full(39, np.nan), 5).astype(np.float32)
    assert judge.observe(0, late, score=5.0) is None
    assert judge.intermediate == {40: 5.0}


def test_wilcoxon_gives_a_trial_up_at_the_end_of_its_fourth_run():
    judge = told_good_trials(PruningRule("wilcoxon", n_runs=6, n_epochs=40), np.linspace(1, 0, 40))
    assert [judge.observe(run, np.zeros(30 + run, np.float32), score=5.0) for run in range(4)] == [None] * 3 + [33]


def test_runs_are_judged_one_after_the_other():
    judge = asked_judge(PruningRule("median", n_runs=3, n_epochs=10))
    with pytest.raises(ValueError, match=r"^trial 0: expected run 0, received run 1$"):
        judge.observe(1, np.float32([1]))
