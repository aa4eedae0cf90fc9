"""What is said of a study beside its verdict: sealed rows that speak against it, and a choice that is the baseline."""

import datetime as dt

import pytest

from search.records import (
    Configuration,
    Difference,
    Finalist,
    Look,
    RowCounts,
    StudyFacts,
    StudyRecord,
    Trial,
    TrialState,
    Verdict,
)
from search.records.wording import question_in_words
from search.reporting.sentences import baseline_in_words, look_lines, sentences_on
from search.reporting.summaries import Best
from search.selection import choose

MOMENT = dt.datetime(2026, 1, 2, 3, 4)
TRIALS = [Trial(number, TrialState.COMPLETE, Configuration(), score) for number, score in enumerate((0.5, 0.3, 0.4))]
GAIN = Difference(0.15, 0.05, 0.25, 0.04)
FINALISTS = tuple(Finalist(number, 0.4, 0.4, 0.4, None if not number else GAIN, 3) for number in range(3))


def best_of(answer="helps", looked=None, direction="minimize", candidate=1, own=(), **data):
    """A study of three trials; `looked` is the gain that its sealed rows showed, and the ends of its interval."""
    chosen = candidate if answer == "helps" else 0
    told = (0.95, 3, 0.0, FINALISTS, 0.69, None, None, True, 3, None, {})
    verdict = None if answer is None else Verdict(answer, chosen, candidate, "best", GAIN, GAIN, *told)
    facts = StudyFacts("binary", rows=RowCounts(60, 0, 20, 30), own_regularization=own)
    spec = {"data": {"source": "csv", **data}, "space": {}}
    study = StudyRecord("study", 1, direction, "log_loss", spec, "ab" * 32, facts, MOMENT, 3)
    looks = ()
    if looked is not None:
        difference, *interval = looked
        scores = {"baseline": {"trial": 0, "score": 0.4}, "chosen": {"trial": 1, "score": 0.4 - difference}}
        result = {**scores, "n_rows": 30, "difference": difference, "interval": interval or None, "level": 0.95}
        looks = (Look(1, MOMENT, "regsearch run study", "cd" * 32, 3, result),)
    return Best(study, 3, choose(TRIALS, direction, verdict), None, None, False, None, looks, {})


@pytest.mark.parametrize(
    ("looked", "direction", "sentence"),
    [
        (
            (-0.125, -0.25, -0.03),
            "minimize",
            "The sealed rows say otherwise: there the choice scores 0.125 higher than the baseline, which is worse, by "
            "more than chance explains. Do not count on a gain: nothing was chosen on those rows.",
        ),
        (
            (-0.125, -0.25, 0.03),
            "maximize",
            "The sealed rows say otherwise: there the choice scores 0.125 lower than the baseline, which is worse, "
            "though no more than chance explains. Count on no gain before more rows tell.",
        ),
    ],
)
def test_sealed_rows_that_speak_against_a_gain_are_told_behind_the_verdict(looked, direction, sentence):
    first, second, *_ = sentences_on(best_of(looked=looked, direction=direction))
    assert first.startswith("Regularization helps: ")
    assert second == sentence


@pytest.mark.parametrize(
    ("answer", "looked", "candidate"), [("helps", (0.1, 0.0, 0.2), 1), ("no gain", (-0.1, -0.2, -0.05), 1),
                                        ("helps", (-0.1, -0.2, -0.05), 2), ("helps", None, 1), (None, None, 1)]
)  # fmt: skip
def test_sealed_rows_that_agree_or_saw_another_choice_are_not_said_to_differ(answer, looked, candidate):
    assert not [told for told in sentences_on(best_of(answer, looked, candidate=candidate)) if "otherwise" in told]


def test_score_on_sealed_rows_is_that_of_the_trial_which_was_scored():
    found = best_of(looked=(0.1, 0.0, 0.2), candidate=2)  # the look was at trial 1
    told = [line for line in look_lines(found) if not line.startswith("  look")]
    assert told == [
        "On 30 sealed rows, looked at once: baseline 0.4; trial 1, chosen then, 0.3; 0.1 lower, 95% interval of the "
        "gain 0 to 0.2.",
        "Trial 2, the choice now, was not scored on them: `regsearch run --look-again` does that, which counts.",
    ]
    choice = found.choice
    scored = {trial.number: found.sealed_score(trial) for trial in (choice.baseline, choice.best, choice.chosen)}
    assert scored == {0: 0.4, 1: pytest.approx(0.3), 2: None}
    assert found.sealed_score(None) is None
    (line, _) = look_lines(best_of(looked=(0.1, 0.0, 0.2)))
    assert "; chosen 0.3; 0.1 lower" in line


def test_choice_that_is_the_baseline_is_told_to_whoever_is_given_it():
    assert baseline_in_words(best_of("no gain")) == (
        "The choice of study is its baseline (no gain): what was written has no regularization at all. `--trial 1` "
        "writes the candidate."
    )
    assert baseline_in_words(best_of("no gain", own=("dropout 0.5",))).startswith(
        "The choice of study is its baseline (no gain): what was written is the model as it was given."
    )
    assert baseline_in_words(best_of("helps")) is None
    assert baseline_in_words(best_of(None)) is None


def test_question_names_the_file():
    assert question_in_words(best_of(path="data/churn.csv").study) == (
        "Does regularization help on churn.csv, against no regularization at all?"
    )
    assert "help on csv, against" in question_in_words(best_of().study)
