"""Advice appears where it applies, and nowhere else: a planted situation for each, and a clean one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.records import (
    Ablation,
    Configuration,
    Difference,
    Finalist,
    Purpose,
    Removal,
    RowCounts,
    RunSummary,
    StudyFacts,
    StudyRecord,
    Trial,
    TrialState,
    Verdict,
)
from search.selection import Choice
from search.selection.advice import Losses, Rivals, Situation, advise, find_rivals

SPACE = {
    "l2": {"low": 1e-5, "high": 1e-1, "log": True, "step": None},
    "dropout": {"low": 0.1, "high": 0.5, "log": False, "step": None},
    "patience": {"low": 10, "high": 400, "log": True, "step": None},
    "weight_decay": {"choices": [1e-3, 1e-2, 1e-1]},
    "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True, "step": None},
}
FACTS = StudyFacts(
    "binary",
    classes=("0", "1"),
    rows=RowCounts(train=60, stop=0, validation=20, test=30),
    training_rows=(60,) * 4,
    validation_rows=(20,) * 4,
    constant_losses=(0.69,) * 4,
)


def study(space=SPACE, notes=(), optimizer="adam", direction="minimize", facts=FACTS):
    spec = {"space": space, "training": {"optimizer": optimizer}}
    return StudyRecord("s", 1, direction, "log_loss", spec, "ab" * 32, facts, None, 3, notes=tuple(notes))


def trial(number, score, **settings):
    names = {"rate": "training.learning_rate"}
    return Trial(
        number,
        TrialState.COMPLETE,
        Configuration({names.get(name, name): value for name, value in settings.items()}),
        score,
    )


BASELINE = trial(0, 0.6, rate=1e-3)


def situation(chosen, *others, record=None, **known):
    trials = [BASELINE, chosen, *others]
    choice = Choice(BASELINE, chosen, "minimize", confirmed=chosen)
    return Situation(record or study(), choice, trials, **known)


CLEAN = trial(1, 0.3, l2=1e-3, dropout=0.3, rate=1e-3)


def test_nothing_is_said_where_nothing_is_odd():
    rivals = Rivals(1, 2, Difference(0.1, 0.05, 0.15, 0.02))
    losses = Losses(train=0.05, validation=0.6, constant=0.69)
    notes = ("TPE proposes at random.",)
    assert advise(situation(CLEAN, record=study(notes=notes), rivals=rivals, losses=losses)) == ()
    assert advise(situation(BASELINE)) == ()
    assert advise(Situation(study(), Choice(None, None, "minimize"), [])) == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"l2": 0.09},
            "l2 0.09 is at the upper edge of its range (1e-05 to 0.1): what is best may lie beyond. Widen it and raise "
            "n_trials: the study goes on.",
        ),
        (
            {"l2": 1.1e-5},
            "l2 1.1e-05 is at the lower edge of its range (1e-05 to 0.1), next to off: `regsearch ablate` tells "
            "whether it does anything.",
        ),
        (
            {"dropout": 0.5},
            "dropout 0.5 is at the upper edge of its range (0.1 to 0.5): what is best may lie beyond. Widen it and "
            "raise n_trials: the study goes on.",
        ),
        (
            {"l2": 1e-3, "patience": 399},
            "patience 399 is at the upper edge of its range (10 to 400), next to off: `regsearch ablate` tells whether "
            "it does anything.",
        ),
        (
            {"weight_decay": 1e-1},
            "weight_decay 0.1 is at the upper edge of its choices (0.001 to 0.1): what is best may lie beyond. A study "
            "of another name can search further.",
        ),
        (
            {"dropout": 0.3, "rate": 1.05e-4},
            "training.learning_rate 0.000105 is at the lower edge of its range (0.0001 to 0.01): what is best may lie "
            "beyond. Widen it and raise n_trials: the study goes on.",
        ),
    ],
)
def test_value_at_an_edge_names_the_edge(settings, words):
    assert advise(situation(trial(1, 0.3, **settings))) == (words,)


@pytest.mark.parametrize(
    ("space", "settings"),
    [
        ({"l2": {"low": 1e-5, "high": 1e-1, "log": True}}, {"l2": 0.02}),
        ({"weight_decay": {"choices": [1e-3, 1e-2]}}, {"weight_decay": 1e-2}),  # two have no middle
        ({"patience": {"low": 1, "high": 2}, "l2": {"choices": [0.1]}}, {"patience": 1, "l2": 0.1}),
        ({"l2": {"low": 10.0, "high": 1000.0, "log": True}}, {"l2": 1000.0}),  # there is nothing beyond 1000
        ({"flip": {"choices": ["horizontal", "vertical", "both"]}}, {"flip": "both"}),
        ({"l2": {"choices": ["off", 1e-3, 1e-2, 1e-1]}}, {"l2": 1e-2}),
    ],
)
def test_value_that_is_not_at_an_edge_is_left_alone(space, settings):
    chosen = trial(1, 0.3, **settings)
    assert not [words for words in advise(situation(chosen, record=study(space))) if "edge" in words]


def test_l2_beside_decoupled_decay_is_told():
    both = trial(1, 0.3, l2=1e-3, weight_decay=1e-2)
    (told,) = advise(situation(both))
    assert told == (
        "l2 is on beside decoupled decay (weight_decay): both shrink the same weights, so that neither coefficient "
        "tells its own effect. Search one of them."
    )
    assert advise(situation(trial(1, 0.3, dropout=0.3, weight_decay=1e-2))) == ()


@pytest.mark.parametrize(
    ("optimizer", "decay"),
    [("adamw", "adamw, 0.004"), ({"name": "sgd", "weight_decay": 0.1}, "sgd, 0.1"), ("adam", None)],
)
def test_decay_of_the_optimizer_counts(optimizer, decay):
    space = {name: SPACE[name] for name in ("l2", "dropout")}
    told = advise(situation(trial(1, 0.3, l2=1e-3), record=study(space, optimizer=optimizer)))
    assert [words.split("(")[1].split(")")[0] for words in told] == ([] if decay is None else [decay])
    # Where the decay is searched and off, there is none.
    searched = study({**space, "weight_decay": SPACE["weight_decay"]}, optimizer=optimizer)
    assert advise(situation(trial(1, 0.3, l2=1e-3), record=searched)) == ()


def ablation(**worth):
    def part(name, mean):
        return Removal((name,), Configuration(), 0.5, None, Difference(mean, mean - 0.04, mean + 0.04, 0.02))

    whole = Removal((), Configuration({"l2": 1e-3, "patience": 50}), 0.3)
    return Ablation(1, whole, tuple(part(*item) for item in worth.items()), None, 0.95, 5, True, 5)


def test_patience_that_does_all_the_work_is_told():
    remedy = "Fewer epochs, and nothing else, may do as well."
    alone, both = trial(1, 0.3, patience=50), trial(1, 0.3, l2=1e-3, patience=50)
    assert advise(situation(alone)) == (f"Early stopping is all that was chosen: it does all the work. {remedy}",)
    told = advise(situation(both, ablation=ablation(l2=0.01, patience=0.2)))
    assert told == (f"Patience does all the work: without l2 the choice is no worse. {remedy}",)
    assert advise(situation(both, ablation=ablation(l2=0.1, patience=0.2))) == ()
    assert advise(situation(both, ablation=ablation(l2=0.01, patience=0.01))) == ()
    as_good, worse = trial(2, 0.31, patience=80), trial(2, 0.4, patience=80)
    assert advise(situation(both, as_good)) == (
        "Patience may do all the work: trial 2, with early stopping alone, gains as much in the search. "
        f"`regsearch ablate` tells. {remedy}",
    )
    assert advise(situation(both, worse)) == ()
    assert advise(situation(both, as_good, ablation=ablation(l2=0.1, patience=0.2))) == ()


def test_rows_that_would_tell_finalists_apart_are_counted():
    difference = Difference(0.02, -0.06, 0.10, 0.035)
    (told,) = advise(situation(CLEAN, rivals=Rivals(1, 2, difference)))
    assert told == (
        "80 rows are too few to tell trial 1 from trial 2 (0.02 lower, interval -0.06 to 0.1): about 1,300 would do, "
        "if the difference stays as it is and its error falls with the square root of the rows."
    )
    (told,) = advise(situation(CLEAN, rivals=Rivals(1, 0, difference)))
    assert "to tell trial 1 from the baseline (" in told
    needed = 80 * (0.08 / 0.02) ** 2  # the interval's half falls to the difference
    assert needed == 1280


@pytest.mark.parametrize(
    "difference",
    [
        Difference(0.1, 0.01, 0.19, 0.04),  # told apart
        Difference(0.001, -0.1, 0.102, 0.04),  # alike
        Difference(0.0, -0.1, 0.1, 0.04),
        Difference(0.1),  # nothing tells its error
    ],
)
def test_finalists_that_are_told_apart_or_alike_need_no_more_rows(difference):
    assert advise(situation(CLEAN, rivals=Rivals(1, 2, difference))) == ()


def test_loss_that_is_far_from_zero_where_nothing_is_lost_on_other_rows_is_told():
    (told,) = advise(situation(CLEAN, losses=Losses(0.5, 0.55, 0.69)))
    assert told == (
        "Overfitting is not the problem: with no regularization at all the loss is 0.5 on the very rows that train, "
        "0.55 on others, and 0.69 for a constant guess. A larger model, more training or better features may gain more "
        "than regularization."
    )
    assert advise(situation(CLEAN, losses=Losses(0.2, 0.22, 0.69))) == ()
    assert advise(situation(CLEAN, losses=Losses(0.5, 0.9, 0.69))) == ()


def test_equal_rows_on_both_sides_are_told():
    note = "Equal in features and target: 3 validation rows and a training row."
    assert advise(situation(CLEAN, record=study(notes=("TPE proposes at random.", note)))) == (
        f"{note} Scores are too good by what is known by heart: leave duplicates out, or name a column in split.groups "
        "that keeps them together.",
    )


def finalist(number, expected, end=None):
    return Finalist(number, expected, expected, 0.3, None, 3, end=end)


def verdict(chosen, candidate, finalists, **changes):
    difference = Difference(0.1, -0.1, 0.3, 0.09)
    given = {
        "answer": "helps",
        "chosen": chosen,
        "candidate": candidate,
        "rule": "best",
        "difference": difference,
        "expected": Difference(0.2, 0.1, 0.3, 0.05),
        "level": 0.95,
        "repeats": 3,
        "optimism": 0.0,
        "finalists": tuple(finalists),
        "constant": None,
        "against_constant": None,
        "chance": None,
        "scores_other_rows": True,
        "n_trials": 3,
        "estimate": None,
        "asked": {},
    }
    return Verdict(**{**given, **changes})


def runs(scores):
    """Trial to an array of shape (repeats, folds, seeds)."""
    return [
        RunSummary(number, repeat * 4 + fold, seed, 7, float(score), None, 0.0, 1, 1, {}, {}, 0.1, "fit", "h:1",
                   Purpose.CONFIRMATION)
        for number, table in scores.items()
        for (repeat, fold, seed), score in np.ndenumerate(table)
    ]  # fmt: skip


def test_rivals_are_the_candidate_and_the_best_that_is_left():
    rng = np.random.default_rng(0)
    scores = {number: rng.normal(0.3, 0.1, (3, 4, 2)) for number in (0, 1, 2, 3, 4)}
    entries = [finalist(0, 0.6), finalist(1, 0.3), finalist(2, 0.35), finalist(3, 0.32), finalist(4, 0.1, "beaten")]
    found = find_rivals(verdict(1, 1, entries), runs(scores), study())
    assert (found.first, found.second) == (1, 3)
    gains = (scores[3] - scores[1]).mean(axis=2).ravel()
    error = gains.std(ddof=1) * np.sqrt(1 / 12 + 20 / 60)  # Nadeau and Bengio: 20 rows score, 60 train
    half = stats.t.ppf(0.975, 11) * error
    assert found.difference.mean == pytest.approx(gains.mean())
    assert found.difference.standard_error == pytest.approx(error)
    assert found.difference.high == pytest.approx(gains.mean() + half)
    high = find_rivals(verdict(1, 1, entries), runs(scores), study(direction="maximize"))
    assert (high.second, high.difference.mean) == (2, pytest.approx(scores[1].mean() - scores[2].mean()))


def test_rival_of_the_baseline_is_what_was_weighed():
    entries = [finalist(0, 0.6), finalist(1, 0.3), finalist(2, 0.35)]
    found = find_rivals(verdict(0, 1, entries), [], study())
    assert found == Rivals(1, 0, Difference(0.2, 0.1, 0.3, 0.05))


def test_there_are_no_rivals_where_one_is_left_or_seeds_alone_differ():
    entries = [finalist(0, 0.6), finalist(1, 0.3), finalist(2, 0.35, "beaten")]
    assert find_rivals(verdict(1, 1, entries), [], study()) is None
    one_fold = replace(FACTS, training_rows=(60,), validation_rows=(20,))
    both = [finalist(0, 0.6), finalist(1, 0.3), finalist(2, 0.35)]
    assert find_rivals(verdict(1, 1, both, scores_other_rows=False), [], study(facts=one_fold)) is None
    earlier = replace(FACTS, training_rows=(), validation_rows=())
    assert find_rivals(verdict(1, 1, both), [], study(facts=earlier)) is None


OVERFITTED = Losses(0.003, 0.75, 0.69)


def without_gain(metric, lowest, losses=OVERFITTED, answer="no gain"):
    told = verdict(0, 1, [finalist(0, 0.6), finalist(1, 0.6)], answer=answer)
    choice = Choice(BASELINE, CLEAN, "maximize", told, BASELINE, CLEAN)
    record = replace(study(direction="maximize"), metric=metric)
    return Situation(record, choice, [BASELINE, CLEAN], losses=losses, lowest=lowest)


def test_loss_that_sees_more_than_a_metric_of_decisions_is_told():
    assert advise(without_gain("balanced_accuracy", (3, 0.25))) == (
        "balanced_accuracy sees no gain, but the loss does: with no regularization at all it is 0.003 on the rows that "
        "train and 0.75 on others, where trial 3 has 0.25. Of few rows, or of a rare class, few decisions change: a "
        'study with objective.metric = "log_loss" sees more.',
    )


@pytest.mark.parametrize(
    "told",
    [
        without_gain("log_loss", (3, 0.25)),
        without_gain("accuracy", (3, 0.7)),
        without_gain("accuracy", None),
        without_gain("accuracy", (3, 0.25), losses=None),
        without_gain("accuracy", (3, 0.25), losses=Losses(0.3, 0.33, 0.69)),
        without_gain("accuracy", (3, 0.25), answer="helps"),
    ],
)
def test_metric_that_sees_as_much_as_the_loss_is_left_alone(told):
    assert advise(told) == ()
