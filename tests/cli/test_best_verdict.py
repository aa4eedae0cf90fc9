"""What `best` says of a confirmed study, for people and for programs, and of one that is not confirmed yet."""

import datetime as dt
import json

import pytest

from search.records import (
    Configuration,
    Difference,
    Finalist,
    Run,
    RunResult,
    SelectionEstimate,
    StudyFacts,
    StudyRecord,
    TrialState,
    Verdict,
)
from search.records.wording import verdict_lines
from search.storage import Ended, Started, open_storage

SCORES = {0: 0.5, 1: 0.3, 2: 0.35}
GAIN = Difference(0.15, 0.05, 0.25, 0.04)
FINALISTS = (
    Finalist(0, 0.6, 0.61, 0.5, None, 7, 0.1),
    Finalist(1, 0.45, 0.44, 0.3, GAIN, 7, 0.2),
    Finalist(2, 0.7, 0.72, 0.35, Difference(-0.1, -0.2, 0.0, 0.05), 3, 0.3, "beaten"),
)
ESTIMATE = SelectionEstimate(0.42, (0.35, 0.5), 0.1, (0.0, 0.2), 0.3, 0.12, 0.95, 1000, 3)


def verdict_of(answer="helps", **changed):
    told = {
        "answer": answer,
        "chosen": 1 if answer == "helps" else 0,
        "candidate": 1,
        "rule": "best",
        "difference": GAIN,
        "expected": GAIN,
        "level": 0.95,
        "repeats": 7,
        "optimism": 0.15,
        "finalists": FINALISTS,
        "constant": 0.69,
        "against_constant": Difference(0.24, 0.1, 0.38, 0.06),
        "chance": 0.005,
        "scores_other_rows": True,
        "n_trials": 3,
        "estimate": None,
        "asked": {"finalists": 2, "repeats": "auto", "rule": "best"},
    }
    return Verdict(**(told | changed))


@pytest.fixture
def told(tmp_path, command):
    """A function: what `best` says of a study of three trials with this verdict; JSON where that is asked for."""

    def tell(verdict=None, *, direction="minimize", as_json=False, n_trials=3):
        url = f"sqlite:///{tmp_path}/s.db"
        spec = {
            "space": {"l2": {"choices": [0.1, 0.2]}},
            "training": {"learning_rate": 1e-3, "epochs": 1000},
            "confirm": {"finalists": 2},
        }
        facts = StudyFacts("binary", constant_scores=(0.7,), training_rows=(80,), validation_rows=(20,))
        with open_storage(url, create=True) as storage:
            study = storage.create_study("s", direction, "log_loss", spec, "ab" * 32, facts, n_trials)
            for number, score in SCORES.items():
                configuration = Configuration({"l2": number / 10} if number else {})
                results = [RunResult(Run(number, 0, 0, 7, configuration), score)]
                ended = Ended(number, TrialState.COMPLETE, score, results=results)
                storage.write(study.study_id, [Started(number, configuration, baseline=not number), ended])
            if verdict is not None:
                storage.keep_verdict(study.study_id, verdict.to_json(), verdict.n_trials)
        found = command.in_this_process(
            "best", "s", *(["--format", "json"] if as_json else []), cwd=tmp_path, storage=url
        )
        assert (found.code, found.err) == (0, "")
        return json.loads(found.out) if as_json else found.out

    return tell


def table(out):
    return [line.split() for line in out.split("\n\n")[0].splitlines() if "-" * 3 not in line]


def test_choice_that_helps_is_told_with_its_gain(told):
    out = told(verdict_of())
    assert (
        "Regularization helps: log_loss 0.15 lower than no regularization at all (95% interval of the gain 0.05 to "
        "0.25).\n"
        "In the search trial 1 scored 0.15 lower than in its 7 fresh repeats: the luck of being picked out of 3.\n"
    ) in out
    assert "is not confirmed yet" not in out
    assert ["best", "and", "chosen", "1", "0.3", "0.45", "0.1"] in table(out)
    assert ["constant", "guess", "-", "0.7", "0.69", "-"] in table(out)


def test_no_gain_chooses_the_baseline_and_shows_the_best_of_the_search(told):
    gain = Difference(0.02, -0.1, 0.14, 0.06)
    out = told(verdict_of("no gain", difference=gain, expected=gain))
    assert (
        "No gain: the candidate, trial 1 (the finalist with the best confirmed score), has log_loss 0.02 lower than no "
        "regularization at all (95% interval of the gain -0.1 to 0.14), and the choice is no regularization at all.\n"
    ) in out
    assert ["baseline", "(chosen)", "0", "0.5", "0.6", "off"] in table(out)
    assert ["best", "and", "candidate", "1", "0.3", "0.45", "0.1"] in table(out)


def test_no_gain_that_the_labels_alone_would_have_made_one_is_explained(told):
    gain = Difference(0.15, 0.05, 0.25, 0.04)
    out = told(verdict_of("no gain", difference=gain, expected=Difference(0.01, -0.1, 0.2, 0.02)))
    assert "has log_loss 0.15 lower than no regularization at all, and the choice is no regularization at all.\n" in out
    assert (
        "By the labels of the rows alone, the 95% interval of the gain, 0.05 to 0.25, lies above 0: a few of them may "
        "make that.\nBy what all trials together hold likely of each row, "
    ) in out
    assert "which is not enough.\n" in out


def test_candidate_that_is_not_the_best_of_the_search_has_a_row_of_its_own(told):
    rows = table(told(verdict_of("no gain", candidate=2, rule="one_se")))
    assert ["baseline", "(chosen)", "0", "0.5", "0.6", "off"] in rows
    assert ["best", "1", "0.3", "0.45", "0.1"] in rows
    assert ["candidate", "2", "0.35", "0.7", "0.2"] in rows


def test_simplest_candidate_is_told_by_its_rule(told):
    assert (
        "No gain: the candidate, trial 2 (the finalist that fits its training rows least of those within one standard "
        "error of the best), has log_loss 0.15 lower"
    ) in told(verdict_of("no gain", candidate=2, rule="one_se"))


def test_nothing_to_learn_is_told_against_the_guess(told):
    out = told(verdict_of("nothing to learn", against_constant=Difference(-0.02, -0.1, 0.06, 0.04)))
    assert (
        "Nothing to learn: log_loss of the choice is 0.02 higher than that of a guess that is the same for every row, "
        "which luck explains (95% interval of the gain -0.1 to 0.06).\n"
    ) in out
    assert "helps" not in out


@pytest.mark.parametrize(
    ("answer", "gain", "expected", "decided"),
    [
        ("helps", Difference(0.1, -0.1, 0.3, 0.1), Difference(0.12, 0.1, 0.14, 0.01), "which decides"),
        ("no gain", Difference(0.1, -0.1, 0.3, 0.1), Difference(0.01, -0.1, 0.2, 0.02), "which is not enough"),
        (
            "no gain",
            Difference(-0.1, -0.3, 0.1, 0.1),
            Difference(0.12, 0.1, 0.14, 0.01),
            "but the labels speak against it",
        ),
    ],
)
def test_what_decides_is_told_where_labels_alone_do_not(answer, gain, expected, decided, told):
    out = told(verdict_of(answer, difference=gain, expected=expected))
    assert (
        "By what all trials together hold likely of each row, the expected log_loss of trial 1 is 0.44 and that of the "
        f"baseline 0.61: {expected.mean} lower, give or take {expected.standard_error}, {decided}.\n"
    ) in out
    assert ["0", "0.5", "0.6", "0.61", "off"] in [row[-5:] for row in table(out)]


def test_candidate_that_is_expected_to_score_worse_is_told_as_no_gain(told):
    out = told(verdict_of("no gain", difference=Difference(0.1, -0.1, 0.3, 0.1), expected=Difference(-0.2, -1, 1, 0.1)))
    assert "0.2 higher, give or take 0.1, which is no gain.\n" in out


@pytest.mark.parametrize(
    ("expected", "why", "decided"),
    [
        (Difference(0.2, 0.1, 0.3, 0.05), ": a few of them sway it", "0.2 lower, give or take 0.05, which decides.\n"),
        (
            None,
            "",
            "What decides is that the gain is more than 1.645 times its standard error, 0.08, which chance makes of no "
            "difference in one case of 20.\n",
        ),
    ],
)
def test_interval_that_includes_zero_does_not_stand_beside_helps_without_a_reason(expected, why, decided, told):
    gain = Difference(0.15, -0.02, 0.32, 0.08)
    out = told(verdict_of(difference=gain, expected=expected or gain))
    assert (
        "Regularization helps: log_loss 0.15 lower than no regularization at all.\n"
        f"By the labels of the rows alone, the 95% interval of the gain, -0.02 to 0.32, includes 0{why}.\n"
    ) in out
    assert decided in out


def test_one_configuration_beside_the_baseline_was_not_picked():
    moment = dt.datetime(2026, 1, 1)
    study = StudyRecord("s", 1, "minimize", "log_loss", {}, "ab" * 32, StudyFacts("binary"), moment, 2)
    assert verdict_lines(verdict_of(n_trials=2), study, 2, {})[-1] == (
        "In the search trial 1 scored 0.15 lower than in its 7 fresh repeats: chance alone, for it stood alone beside "
        "the baseline and nothing was picked."
    )


BY_GUESS = (
    "What decides is that the baseline scores no better than a guess that is the same for every row, and the choice "
    "does, by more than luck explains.\n"
)


@pytest.mark.parametrize("answer", ["helps", "no gain"])
@pytest.mark.parametrize("has_reference", [True, False])
def test_guess_that_the_baseline_does_not_beat_is_told_where_it_decides(told, answer, has_reference):
    gain, expected = Difference(0.75, -0.3, 1.8, 0.5), Difference(0.5, -0.3, 1.3, 0.4)
    out = told(verdict_of(answer, difference=gain, expected=expected if has_reference else gain))
    assert ("baseline 0.61: 0.5 lower, give or take 0.4, which is not enough.\n" in out) is has_reference
    assert (BY_GUESS in out) is (answer == "helps")


def test_high_scores_are_higher_where_they_are_good(told):
    out = told(verdict_of(), direction="maximize")
    assert "Regularization helps: log_loss 0.15 higher than no regularization at all" in out
    assert "In the search trial 1 scored 0.15 higher than in its 7 fresh repeats" in out


def test_same_rows_and_a_difference_of_one_repeat_are_told(told):
    single = Difference(0.15)
    out = told(verdict_of("no gain", difference=single, expected=single, scores_other_rows=False, optimism=-0.1))
    assert "0.15 lower than no regularization at all (of which nobody can tell how sure it is)" in out
    assert "As the same rows scored each time, nothing here tells how far they are like others.\n" in out
    assert "luck" not in out


def test_choice_that_is_not_the_best_of_the_search_has_a_row_of_its_own(told):
    out = told(verdict_of(chosen=2, candidate=2))
    assert ["best", "1", "0.3", "0.45", "0.1"] in table(out)
    assert ["chosen", "2", "0.35", "0.7", "0.2"] in table(out)


def test_verdict_on_fewer_trials_is_out_of_date(told):
    out = told(verdict_of(n_trials=2))
    assert "Regularization helps" not in out
    assert "confirmed" not in out.split("\n\n")[0]
    assert out.count("It is not confirmed yet: `regsearch run` goes on with s.\n") == 1


def test_json_tells_the_verdict(told):
    found = told(verdict_of(estimate=ESTIMATE, expected=Difference(0.2, 0.1, 0.3, 0.05)), as_json=True)
    assert found["chosen"] == found["best"] == {"trial": 1, "score": 0.3, "configuration": {"l2": 0.1}}
    finalists = found["verdict"].pop("finalists")
    assert found["verdict"] == {
        "answer": "helps",
        "chosen": 1,
        "candidate": 1,
        "rule": "best",
        "difference": 0.15,
        "interval": [0.05, 0.25],
        "standard_error": 0.04,
        "expected": {"difference": 0.2, "interval": [0.1, 0.3], "standard_error": 0.05},
        "level": 0.95,
        "repeats": 7,
        "optimism": 0.15,
        "scores_other_rows": True,
        "bootstrap": ESTIMATE.to_json(),
        "constant": 0.69,
        "chance": 0.005,
        "against_constant": {"difference": 0.24, "interval": [0.1, 0.38], "standard_error": 0.06},
    }
    assert finalists[0] == {
        "trial": 0, "score": 0.6, "expected": 0.61, "search_score": 0.5, "repeats": 7, "train_loss": 0.1, "end": None,
    }  # fmt: skip
    assert finalists[2] == {
        "trial": 2, "score": 0.7, "expected": 0.72, "search_score": 0.35, "repeats": 3, "train_loss": 0.3,
        "end": "beaten", "difference": -0.1, "interval": [-0.2, 0.0], "standard_error": 0.05,
    }  # fmt: skip
    assert found["constant"]["learned"] is True


@pytest.mark.parametrize(("answer", "chosen", "learned"), [("no gain", 0, True), ("nothing to learn", 0, False)])
def test_json_of_the_other_answers(answer, chosen, learned, told):
    found = told(verdict_of(answer), as_json=True)
    assert (found["verdict"]["answer"], found["chosen"]["trial"], found["best"]["trial"]) == (answer, chosen, 1)
    assert found["constant"]["learned"] is learned


def test_json_without_a_verdict_has_none(told):
    found = told(as_json=True)
    assert "verdict" not in found
    assert found["chosen"] == found["best"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            {"l2": 0.1, "model.hidden_1.units": 64},
            "Not all of that need be regularization: the choice differs from the baseline in model.hidden_1.units, "
            "too. `regsearch ablate s` tells what each is worth.",
        ),
        (
            {"model.hidden_1.units": 64, "training.learning_rate": 0.01},
            "Nothing of that is regularization: the choice differs from the baseline in model.hidden_1.units, "
            "training.learning_rate alone.",
        ),
    ],
)
def test_gain_of_other_settings_is_not_told_as_that_of_regularization(names, sentence):
    moment = dt.datetime(2026, 1, 1)
    study = StudyRecord("s", 1, "minimize", "log_loss", {}, "ab" * 32, StudyFacts("binary"), moment, 3)
    configurations = {0: Configuration({"model.hidden_1.units": 8}), 1: Configuration(names)}
    first, second, *_ = verdict_lines(verdict_of(), study, 3, configurations)
    assert first.startswith("The choice helps: log_loss 0.15 lower than no regularization at all")
    assert second == sentence
