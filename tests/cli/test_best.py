"""What `best` says of a study that learned nothing: by how much, and what to do."""

import pytest

from search.cli.best import print_best
from search.records import Configuration, Curve, Run, RunResult, StudyFacts, TrialState
from search.reporting.summaries import summarize_best
from search.storage import Ended, Started, open_storage

NOTHING = "There is nothing to learn here, or too few rows to tell.\n"
UNDERTRAINED = (
    "Undertrained: on the very rows that train the loss is 0.98, and a constant guess has 1.\n"
    "Raise training.learning_rate (now 0.001) or training.epochs (now 1,000), or widen the net, before you regularize "
    "it.\n"
)


@pytest.fixture
def told(sqlite_url, capsys):
    """A function: what `best` prints for two folds' scores of the baseline, which is all that was tried."""

    def tell(
        scores,
        constant_scores,
        train_loss,
        direction="minimize",
        own=(),
        own_names=(),
        names=("l2",),
        constant_losses=None,
    ):
        spec = {
            "space": {name: {"choices": [0.1]} for name in names},
            "training": {"learning_rate": 1e-3, "epochs": 1000},
        }
        facts = StudyFacts(
            "regression", constant_scores=constant_scores,
            constant_losses=(1.0,) * len(scores) if constant_losses is None else constant_losses,
            training_rows=(80,) * len(scores), validation_rows=(20,) * len(scores), own_regularization=own,
            own_names=own_names,
        )  # fmt: skip
        curve = Curve([train_loss], [train_loss], [train_loss])
        with open_storage(sqlite_url, create=True) as storage:
            study = storage.create_study("s", direction, "mse", spec, "ab" * 32, facts, 1)
            results = [
                RunResult(Run(0, fold, 0, 7, Configuration({})), score, best_epoch=1, curve=curve)
                for fold, score in enumerate(scores)
            ]
            mean = sum(scores) / len(scores)
            ended = Ended(0, TrialState.COMPLETE, mean, results=results)
            storage.write(study.study_id, [Started(0, Configuration({}), baseline=True), ended])
            print_best(summarize_best(storage, "s"))
        return capsys.readouterr().out

    return tell


def test_loss_of_which_no_guess_is_known_leaves_open_whether_more_training_would_do(told):
    out = told([1.2, 1.3], (1.0, 1.1), 0.2, constant_losses=())
    assert out.endswith("There is nothing to learn here, too few rows to tell, or too little training.\n")


def test_worse_than_the_guess_is_told_by_how_much(told):
    out = told([1.2, 1.3], (1.0, 1.1), 0.2)
    assert out.endswith("No configuration beats a constant guess: the best one scores 0.2 higher.\n" + NOTHING)


def test_direction_is_that_of_the_metric(told):
    assert "the best one scores 0.2 lower.\n" in told([0.3, 0.4], (0.5, 0.6), 0.2, "maximize")


def test_difference_within_luck_is_no_contradiction_to_the_table(told):
    out = told([0.2242, 0.2300], (0.2559, 0.2350), 0.2)
    assert out.endswith(
        "The best of 1 trials scores 0.01835 lower than a constant guess; luck alone explains 0.03205.\n" + NOTHING
    )


def test_net_that_did_not_fit_the_rows_that_train_is_undertrained(told):
    assert told([1.2, 1.3], (1.0, 1.1), 0.98).endswith("scores 0.2 higher.\n" + UNDERTRAINED)


def test_nothing_is_said_where_something_was_learned(told):
    out = told([0.2, 0.2000001, 0.2], (1.0, 1.0, 1.0), 0.98)
    assert "constant guess" in out
    assert "luck alone" not in out
    assert "Undertrained" not in out


def test_baseline_that_brings_regularization_of_its_own_is_named(told):
    out = told([0.2, 0.2], (1.0, 1.0), 0.2, own=("dropout 0.5", "L2 0.001 on hidden"))
    assert "The baseline is the model as given: dropout 0.5; L2 0.001 on hidden.\n" in out
    assert "No gain: nothing that was tried scored better than the model as given: dropout 0.5; L2" in out
    assert "no regularization at all" not in out
    assert "off" in out


def test_name_that_is_off_where_the_model_brings_something_is_as_given_in_the_table(told):
    out = told([0.2, 0.2], (1.0, 1.0), 0.2, own=("L2 0.001 on hidden",), own_names=("l2",))
    assert " ".join(out.splitlines()[3].split()) == "baseline (best) 0 0.2 as given"
    assert "off" not in out


def test_names_that_have_no_column_are_listed_by_what_their_absence_means(told):
    names = ("l1", "l2", "dropout", "half.rate", "patience", "noise", "one.l2")
    out = told([0.2, 0.2], (1.0, 1.0), 0.2, own=("dropout 0.5",), own_names=("half.rate", "one.l2"), names=names)
    assert "Searched, and as given: half.rate, one.l2.\n" in out
    assert "Searched, and off: l1, l2, dropout, patience, noise.\n" in out


def test_brackets_in_a_name_are_brackets_in_the_table(told):
    out = told([0.2, 0.2], (1.0, 1.0), 0.2, names=("[t]raining.rate",))
    assert out.splitlines()[0].endswith("[t]raining.rate")
