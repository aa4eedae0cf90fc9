"""What notes tell, in Markdown that shows texts as they are."""

from __future__ import annotations

from search.records import Configuration, TrialState
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
