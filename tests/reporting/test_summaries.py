"""What a study says of itself: its best trial against a constant guess, and its techniques alone and together."""

import pytest

from search.records import Configuration, Curve, RowCounts, Run, RunResult, StudyFacts, TrialState
from search.reporting.summaries import compare_techniques, summarize_best, summarize_status
from search.storage import Ended, Started, open_storage

NOTES = ("Equal in features and target: 10 validation rows and a training row.",)
CURVE = Curve([0.9, 0.6], [0.9, 0.8], [0.9, 0.8])
SPACE = {"l2": {"choices": [0.1]}, "dropout": {"choices": [0.2]}, "training.epochs": {"choices": [5, 9]}}


@pytest.fixture
def storage(sqlite_url, make_tables):
    make_tables(sqlite_url)
    with open_storage(sqlite_url) as opened:
        yield opened


@pytest.fixture
def make_study(storage):
    """`make_study(trials)`: a study of (configuration, scores of its runs or None) in the storage."""

    def make_study(trials, direction="minimize", split=None, **facts):
        spec = {"space": SPACE, "split": split or {}}
        facts = StudyFacts("binary", **facts)
        study = storage.create_study("s", direction, "log_loss", spec, "ab" * 32, facts, len(trials), NOTES)
        for number, (settings, scores) in enumerate(trials):
            configuration = Configuration(settings)
            results = [
                RunResult(Run(number, fold, 0, 7 + fold, configuration), score, best_epoch=2, curve=CURVE)
                for fold, score in enumerate(scores or ())
            ]
            mean = sum(scores) / len(scores) if scores else None
            state = TrialState.COMPLETE if scores else TrialState.PRUNED
            storage.write(
                study.study_id,
                [Started(number, configuration, baseline=number == 0), Ended(number, state, mean, results=results)],
            )

    return make_study


ROWS = RowCounts(60, 20, 20, 0)


def test_best_is_held_against_the_constant_guess(storage, make_study):
    make_study([({}, [0.8, 0.6]), ({"l2": 0.1}, [0.4, 0.2])], constant_scores=(0.7, 0.5), rows=ROWS, version=1)
    found = summarize_best(storage, "s")
    assert found.constant is not None
    assert found.constant.difference == pytest.approx(0.3)
    document = found.to_json()["constant"]
    assert (document["score"], document["learned"]) == (pytest.approx(0.6), True)
    assert document["difference"] == pytest.approx(0.3)
    assert 0 <= document["luck"] < document["difference"]


@pytest.mark.parametrize(("constant_loss", "undertrained"), [(0.61, True), (0.69, False)])
def test_baseline_that_did_not_fit_the_rows_that_train_is_undertrained(
    storage, make_study, constant_loss, undertrained
):
    losses = {"constant_scores": (0.3, 0.1), "constant_losses": (constant_loss,) * 2}
    make_study([({}, [0.8, 0.6]), ({"l2": 0.1}, [0.4, 0.2])], **losses)
    assert summarize_best(storage, "s").to_json()["training"] == {
        "loss": pytest.approx(0.6),
        "constant_loss": pytest.approx(constant_loss),
        "undertrained": undertrained,
    }


@pytest.mark.parametrize(
    "facts", [{"constant_scores": (0.3, 0.1)}, {"constant_scores": (9.0, 9.0), "constant_losses": (1, 1)}]
)
def test_study_that_learned_or_does_not_know_what_a_guess_loses_says_nothing_of_its_training(
    storage, make_study, facts
):
    make_study([({}, [0.8, 0.6])], rows=ROWS, **facts)
    assert "training" not in summarize_best(storage, "s").to_json()


def test_what_the_model_brings_of_its_own_is_told(storage, make_study):
    make_study([({}, [0.8])], own_regularization=("dropout 0.5",))
    assert summarize_best(storage, "s").to_json()["own_regularization"] == ["dropout 0.5"]


def test_notes_of_the_study_are_told(storage, make_study):
    make_study([({}, [0.8])])
    assert summarize_status(storage, "s").to_json()["notes"] == list(NOTES)
    assert summarize_best(storage, "s").to_json()["notes"] == list(NOTES)


@pytest.mark.parametrize(
    ("split", "ratio"),
    [({}, 20 / 80), ({"stop": 0.25}, 20 / 80), ({"stop": "validation"}, 20 / 60)],
    ids=["default", "stop rows of their own", "stop rows that score"],
)
def test_error_of_a_study_of_before_knows_how_many_rows_train_and_score(storage, make_study, split, ratio):
    make_study(
        [({}, [0.8, 0.6, 0.7]), ({"l2": 0.1}, [0.4, 0.3, 0.2])],
        split=split,
        constant_scores=(0.7,) * 3,
        rows=ROWS,
        version=1,
    )
    found = summarize_best(storage, "s").constant
    assert found.paired.standard_error == pytest.approx(0.1 * (1 / 3 + ratio) ** 0.5)


def test_error_knows_how_many_rows_train_and_score(storage, make_study):
    trials = [({}, [0.8, 0.6, 0.7]), ({"l2": 0.1}, [0.4, 0.3, 0.2])]
    rows = {"training_rows": (80,) * 3, "validation_rows": (40,) * 3}
    make_study(trials, constant_scores=(0.7,) * 3, **rows)
    found = summarize_best(storage, "s").constant
    assert found.paired.standard_error == pytest.approx(0.1 * (1 / 3 + 40 / 80) ** 0.5)


def test_repeats_of_a_k_fold_do_not_make_the_best_surer(storage, make_study):
    split = {"validation": {"method": "kfold", "folds": 2, "repeats": 3}}
    trials = [({}, [0.8] * 6), ({"l2": 0.1}, [0.4, 0.2] * 3)]
    make_study(trials, split=split, constant_scores=(0.7,) * 6, rows=ROWS, version=1)
    paired = summarize_best(storage, "s").constant.paired
    assert paired.degrees_of_freedom == 1
    assert paired.standard_error == pytest.approx((0.02 * (1 / 2 + 1 / 4)) ** 0.5)


def test_study_stored_without_its_numbers_of_rows_has_no_error(storage, make_study):
    make_study([({}, [0.8, 0.6]), ({"l2": 0.1}, [0.4, 0.2])], constant_scores=(0.7, 0.5), version=1)
    document = summarize_best(storage, "s").to_json()["constant"]
    assert (document["score"], document["learned"], document["luck"]) == (pytest.approx(0.6), None, None)


@pytest.mark.parametrize(("scores", "number"), [([0.4, 0.3], 1), ([0.8, 0.6], 0), ([0.9, 0.9], 0)])
def test_chosen_is_the_best_or_the_baseline_that_nothing_beats(storage, make_study, scores, number):
    make_study([({}, [0.8, 0.6]), ({"l2": 0.1}, scores)])
    found = summarize_best(storage, "s").to_json()
    assert found["chosen"] == found["best" if number else "baseline"]
    assert found["chosen"]["trial"] == number


def test_study_stored_without_a_constant_guess_says_nothing_of_it(storage, make_study):
    make_study([({}, [0.8])])
    found = summarize_best(storage, "s")
    assert found.constant is None
    assert "constant" not in found.to_json()


def test_study_without_a_score_says_nothing_of_a_constant_guess(storage, make_study):
    make_study([({}, None)], constant_scores=(0.7,))
    assert summarize_best(storage, "s").constant is None


def test_share_of_zero_activations_is_the_mean_over_layers_and_runs(storage):
    study = storage.create_study("s", "minimize", "log_loss", {"space": SPACE}, "ab" * 32, StudyFacts("binary"), 2)
    for number, shares in enumerate([[{"a": 0.1, "b": 0.3}, {"a": 0.2, "b": 0.4}], [{"a": 0.5, "b": 0.7}]]):
        configuration = Configuration({"l2": 0.1} if number else {})
        results = [
            RunResult(Run(number, fold, 0, 7, configuration), 0.5 - number / 10, zero_shares=share)
            for fold, share in enumerate(shares)
        ]
        entries = [Started(number, configuration, baseline=not number)]
        entries.append(Ended(number, TrialState.COMPLETE, 0.5 - number / 10, results=results))
        storage.write(study.study_id, entries)
    found = summarize_best(storage, "s")
    assert found.zero_shares == {0: pytest.approx(0.25), 1: pytest.approx(0.6)}
    assert found.to_json()["zero_activations"] == {"baseline": pytest.approx(0.25), "best": pytest.approx(0.6)}


def test_trials_are_grouped_by_the_techniques_that_were_on(storage, make_study):
    make_study(
        [
            ({}, [0.5]),
            ({"l2": 0.1}, [0.25]),
            ({"l2": 0.2}, [0.75]),
            ({"dropout": 0.2, "l2": 0.1}, [0.125]),
            ({"l2": 0.3}, None),
            ({"dropout": 0.2}, None),
            ({"training.epochs": 9}, [0.625]),
        ]
    )
    rows = compare_techniques(storage, "s").rows
    assert [(r.label, r.n_trials, r.best and r.best.number, r.mean_score, r.gain) for r in rows] == [
        ("l2 + dropout", 1, 3, 0.125, 0.375),
        ("l2", 3, 1, 0.5, 0.25),
        ("baseline", 2, 0, 0.5625, 0.0),
        ("dropout", 1, None, None, None),
    ]


def test_best_set_of_techniques_comes_first_when_the_score_is_maximized(storage, make_study):
    make_study([({}, [0.5]), ({"l2": 0.1}, [0.25]), ({"dropout": 0.2}, [0.75])], direction="maximize")
    found = compare_techniques(storage, "s")
    assert [(row.label, row.gain) for row in found.rows] == [("dropout", 0.25), ("baseline", 0.0), ("l2", -0.25)]
    assert found.to_json() == {
        "study": "s",
        "metric": "log_loss",
        "direction": "maximize",
        "techniques": [
            {
                "techniques": [name] if name else [],
                "n_trials": 1,
                "best": {"trial": number, "score": score, "configuration": {name: value} if name else {}},
                "mean_score": score,
                "gain": score - 0.5,
            }
            for name, number, score, value in (("dropout", 2, 0.75, 0.2), ("", 0, 0.5, None), ("l2", 1, 0.25, 0.1))
        ],
    }


def test_sets_have_no_gain_over_a_baseline_without_a_score(storage, make_study):
    make_study([({}, None), ({"l2": 0.1}, [0.25])])
    assert [(row.label, row.gain) for row in compare_techniques(storage, "s").rows] == [
        ("l2", None),
        ("baseline", None),
    ]


def test_error_of_uneven_folds_is_that_of_the_fold_that_scores_most(storage, make_study):
    """Folds of groups differ in size; the first one alone would make the error too small."""
    trials = [({}, [0.8, 0.6, 0.7]), ({"l2": 0.1}, [0.4, 0.2, 0.3])]
    make_study(trials, constant_scores=(0.7,) * 3, training_rows=(95, 70, 80), validation_rows=(5, 30, 20))
    found = summarize_best(storage, "s").constant
    assert found.paired.standard_error == pytest.approx(0.1 * (1 / 3 + 30 / 70) ** 0.5)
