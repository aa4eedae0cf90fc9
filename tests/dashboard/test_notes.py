"""What notes tell, in Markdown that shows texts as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.dashboard.notes import choice_in_words, roles_of
from search.records import Configuration, TrialState
from search.selection import choose_stored
from search.storage import Ended, Started


def notes(told):
    return [trial["note"]["body"] for trial in told["trials"]]


def test_note_on_a_study_opens_with_question_and_verdict(storage, document):
    body = document(storage)["note"]["body"]
    question, progress, answer, verdict, *_ = body.split("\n\n")
    assert question == "**Does regularization help on sklearn.make_moons, against no regularization at all?**"
    assert (progress, answer) == ("30 of 30 trials ended.", "### Helps")
    assert verdict.startswith("The choice helps: log_loss 0.2073 lower than no regularization at all")
    assert "| log_loss confirmed |" in body
    assert "regsearch best quick\nregsearch report quick -o quick.html\nregsearch export quick" in body
    assert "Figures on the study's first page: losses of baseline and choice, epoch by epoch" in body


def test_note_follows_a_study_that_runs(storage, document):
    storage.set_n_trials(1, 40)
    storage.write(1, [Started(30, Configuration())])
    told = document(storage)["note"]["body"]
    assert "It stopped: 30 of 40 trials ended (1 running). `regsearch run` goes on with quick." in told
    with storage.hold("quick"):
        told = document(storage)["note"]["body"]
    assert "It runs: 30 of 40 trials ended (1 running), by process" in told
    assert "| best so far |" not in told  # the verdict is of these very trials
    storage.write(1, [Ended(30, TrialState.COMPLETE, 0.5)])
    assert "|  | baseline | best so far |" in document(storage)["note"]["body"]


def test_notes_on_trials_tell_why_they_ended(storage, document, add_odd_trials):
    add_odd_trials(storage, 1)
    told = notes(document(storage))
    tried = "**dropout 0.25, training.learning_rate 0.001, l2 off, early stopping off, minimum_delta off**\n\n"
    assert told[30] == f"{tried}Failed: diverged at epoch 3 \\<b\\>\\|\\</b\\>."
    assert told[31] == (
        f"{tried}Pruned by none at step 5, after 0 runs, with log_loss 0.5 there: it fell behind the trials before it."
    )
    assert told[32] == f"{tried}Failed: its worker died each time."
    assert told[33] == f"{tried}It runs: log_loss inf at step 3."


def test_note_on_a_trial_lists_its_runs(storage, document):
    baseline = notes(document(storage))[0]
    assert baseline.startswith("The baseline: **training.learning_rate 0.001, l2 off, dropout off, early stopping off")
    (outline, *_) = storage.observe(1)[0].runs
    assert f"| 0 | {outline.seed} | {outline.score:.4g} | 2 | 2 |" in baseline


def test_note_on_a_copied_trial_names_the_one_that_was_trained(storage, document):
    copied = next(each for each in storage.observe(1) if each.attributes)
    number = copied.attributes["same_as_trial"]
    told = notes(document(storage))[copied.trial.number]
    assert f"Not trained: its configuration is that of trial {number}, whose outcome it has." in told


@pytest.fixture
def choice(storage):
    """What `quick` found: its best trial is chosen."""
    return choose_stored(storage, storage.study("quick"), storage.trials(1))


def test_chosen_baseline_and_finalists_are_marked_in_notes_and_attributes(storage, document, choice):
    told = document(storage)
    chosen = choice.chosen.number
    assert {each["key"]: each["value"] for each in told["user_attrs"]}["chosen"] == (
        f"trial {chosen}, which is the best of the search"
    )
    roles = {
        trial["number"]: attribute["value"]
        for trial in told["trials"]
        for attribute in trial["user_attrs"][:1]
        if attribute["key"] == "role"
    }
    others = {each.trial for each in choice.verdict.finalists} - {0, chosen}
    assert roles == {0: "baseline", chosen: "best and chosen", **dict.fromkeys(others, "finalist")}
    assert others
    scores = {each.trial: f"{each.score:.4g}" for each in choice.verdict.finalists}
    body = notes(told)[chosen]
    assert body.split("\n\n")[1] == (
        "**Chosen**: what `regsearch best` and `regsearch export` give. "
        f"Scored once more, on 4 fresh divisions of the rows: log_loss {scores[chosen]}."
    )
    assert told["best_trials"][0]["note"]["body"] == body


def test_best_of_the_search_that_is_not_chosen_says_so(choice):
    chosen = choice.chosen.number
    lucky = replace(choice.best, number=29)
    roles = roles_of(replace(choice, best=lucky), "log_loss")
    assert (roles[29].label, roles[chosen].label) == ("best", "finalist and chosen")
    assert roles[29].sentence == f"**The best of the search**, but not chosen: the choice is trial {chosen}."
    assert choice_in_words(replace(choice, best=lucky)) == f"trial {chosen}; the best of the search is 29"
    baseline = replace(choice, confirmed=choice.baseline, verdict=replace(choice.verdict, chosen=0))
    assert roles_of(baseline, "log_loss")[0].label == "baseline and chosen"
    assert choice_in_words(baseline) == f"trial 0, the baseline; the best of the search is {choice.best.number}"


def test_nothing_is_chosen_before_the_confirmation(choice):
    early = replace(choice, verdict=None, confirmed=None)
    assert {number: role.label for number, role in roles_of(early, "log_loss").items()} == {
        0: "baseline",
        choice.best.number: "best",
    }
    assert choice_in_words(early) is None


def test_note_of_a_user_stands_alone_on_a_trial_that_has_a_role(storage, document, choice, monkeypatch):
    key = storage.observe(1)[choice.chosen.number].key
    kept = {f"dashboard:{key}:note_ver": 2, f"dashboard:{key}:note_str:0": "mine"}
    monkeypatch.setattr(storage, "system_attributes", lambda _: kept)
    chosen = document(storage)["trials"][choice.chosen.number]
    assert chosen["note"] == {"version": 2, "body": "mine"}
    assert chosen["user_attrs"][0] == {"key": "role", "value": "best and chosen"}
