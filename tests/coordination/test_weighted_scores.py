"""A study of rows with weights: its scores and its constant guess are scikit-learn's, with `sample_weight`."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.utils.class_weight import compute_class_weight

from search import Launch, open_storage, run_study
from search.data import Dataset
from search.dispatch import process_session
from search.errors import StudyFileError
from search.preparation.preparing import prepare_data
from search.records import TrialState
from search.spec import Range, StudySpec
from search.training.engines import ENGINES

REFERENCE = {
    "log_loss": lambda y, p, w: reference.log_loss(y, p[:, 0], sample_weight=w),
    "roc_auc": lambda y, p, w: reference.roc_auc_score(y, p[:, 0], sample_weight=w),
    "f1_macro": lambda y, p, w: reference.f1_score(y, p[:, 0] > 0.5, average="macro", sample_weight=w),
    "mae": lambda y, p, w: reference.mean_absolute_error(y, p[:, 0], sample_weight=w),
    "r2": lambda y, p, w: reference.r2_score(y, p[:, 0], sample_weight=w),
}


def make_dataset(task, weight):
    rng = np.random.default_rng(2)
    features = rng.normal(size=(90, 3)).astype(np.float32)
    signal = features @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=90)
    if task == "regression":
        target, classes = 1000 * signal + 5000, ()
    else:
        target, classes = (signal > 0.3).astype(np.int64), ("no", "yes")
    return Dataset(features, target, task, classes, standardize=True, sha256="0", weight=weight)


def make_spec(metric, engine="graph", **tables):
    return StudySpec(
        **{
            "study": {"name": "weighted", "n_trials": 2},
            "data": {"source": "csv"},
            "split": {"test": 0.2},
            "model": {"family": "mlp", "hidden": (6,)},
            "training": {"epochs": 8, "learning_rate": 0.02, "engine": engine},
            "objective": {"metric": metric},
            "confirm": {"finalists": 0},
            "space": {"l2": Range(low=1e-4, high=1e-1, log=True)},
        }
        | tables
    )


def run(prepared, url):
    with open_storage(url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        trials = storage.trials(record.study_id)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
        return record, trials, storage.intermediate_values(record.study_id)


WEIGHT = np.random.default_rng(6).exponential(size=90).astype(np.float32)
CASES = [
    (task, name)
    for task, names in (("binary", "log_loss roc_auc f1_macro"), ("regression", "mae r2"))
    for name in names.split()
]


@pytest.mark.parametrize(
    ("engine", "task", "metric"),
    [
        ("compiled", "binary", "log_loss"),
        ("compiled", "binary", "f1_macro"),
        ("compiled", "regression", "mae"),
        ("graph", "binary", "roc_auc"),
        ("graph", "regression", "r2"),
        ("fit", "binary", "f1_macro"),
        ("fit", "regression", "mae"),
    ],
)
def test_scores_of_a_study_are_those_of_scikit_learn(sqlite_url, engine, task, metric):
    prepared = prepare_data(make_spec(metric, engine), make_dataset(task, WEIGHT))
    _, trials, intermediate = run(prepared, sqlite_url)
    plan, session = prepared.plan, process_session()  # where the study was trained: its programs are there
    (fold,) = plan.folds
    target, weight = plan.dataset.target[fold.validation], plan.dataset.weight[fold.validation]
    for trial in trials:
        one = prepared.run(trial.number, 0, 0, trial.configuration)
        rows = session.prepared_rows(plan, one).arrays
        predicted = rows.in_own_unit(session.train_model(plan, one).predict(rows.validation.array, verbose=0))
        expected = REFERENCE[metric](target, predicted, weight)
        assert trial.score == pytest.approx(expected, rel=1e-4)
        assert trial.score != pytest.approx(REFERENCE[metric](target, predicted, None), rel=2e-4)
        assert intermediate[trial.number][8] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("task", "metric"), CASES)
def test_constant_guess_is_of_weighted_rows(task, metric):
    prepared = prepare_data(make_spec(metric), make_dataset(task, WEIGHT))
    dataset, (fold,) = prepared.plan.dataset, prepared.plan.folds
    train = np.union1d(fold.train, fold.stop)
    if metric == "mae":
        order = np.argsort(dataset.target[train])
        until = np.cumsum(dataset.weight[train][order])
        guess = dataset.target[train][order][np.argmax(until >= until[-1] / 2)]
    else:
        guess = np.average(dataset.target[train], weights=dataset.weight[train])
    predicted = np.full((len(fold.validation), 1), guess)
    weight = dataset.weight[fold.validation]
    expected = REFERENCE[metric](dataset.target[fold.validation], predicted, weight)
    assert prepared.facts.constant_scores == (pytest.approx(expected, rel=1e-5),)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_constant_loss_is_the_loss_of_training_rows_with_their_weights(task):
    prepared = prepare_data(make_spec(None), make_dataset(task, WEIGHT))
    dataset, (fold,) = prepared.plan.dataset, prepared.plan.folds
    train = np.union1d(fold.train, fold.stop)
    target, weight = dataset.target[train], dataset.weight[train].astype(float)
    if task == "binary":
        share = np.average(target, weights=weight)
        expected = np.mean(weight * np.where(target == 1, -np.log(share), -np.log(1 - share)))
    else:
        scaled = (target - target.mean()) / target.std()
        expected = np.mean(weight * np.square(scaled - np.average(scaled, weights=weight)))
    assert prepared.facts.constant_losses == (pytest.approx(expected, rel=1e-5),)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["rows alike", "rows with weights"])
@pytest.mark.parametrize("class_weight", ["balanced", {"yes": 3.0}], ids=str)
def test_constant_loss_takes_weights_of_classes(weight, class_weight):
    spec = make_spec(None)
    training = spec.training.model_copy(update={"class_weight": class_weight})
    prepared = prepare_data(spec.model_copy(update={"training": training}), make_dataset("binary", weight))
    dataset, (fold,) = prepared.plan.dataset, prepared.plan.folds
    train = np.union1d(fold.train, fold.stop)
    target = dataset.target[train]
    counts = compute_class_weight(
        "balanced" if class_weight == "balanced" else {0: 1.0, 1: 3.0}, classes=np.array([0, 1]), y=target
    )[target]
    counts *= 1 if weight is None else dataset.weight[train]
    expected = min(
        np.mean(counts * np.where(target == 1, -np.log(share), -np.log(1 - share)))
        for share in np.linspace(0.001, 0.999, 999)
    )
    assert prepared.facts.constant_losses == (pytest.approx(expected, rel=1e-4),)


@pytest.mark.parametrize(
    ("engine", "task"),
    [("compiled", "binary"), *((engine, "regression") for engine in ENGINES)],
)
def test_rows_of_weight_zero_have_no_part_in_a_score(sqlite_url, tmp_path, engine, task):
    spec, dataset = make_spec("log_loss" if task == "binary" else "mae", engine), make_dataset(task, WEIGHT)
    fold, development = (prepared := prepare_data(spec, dataset)).plan.folds[0], prepared.plan.dataset
    forgotten = fold.validation[::3]
    positions = [
        int(np.flatnonzero((dataset.features == row).all(axis=1))[0]) for row in development.features[forgotten]
    ]
    weight, features, target = dataset.weight.copy(), dataset.features.copy(), dataset.target.copy()
    weight[positions] = 0
    features[positions] += 100
    if task == "regression":
        target[positions] -= 1e6
    without = replace(dataset, weight=weight)
    strange = replace(without, features=features, target=target)
    found = [run(prepare_data(spec, each), f"sqlite:///{tmp_path}/{n}.db") for n, each in enumerate((without, strange))]
    assert [trial.score for trial in found[0][1]] == pytest.approx([trial.score for trial in found[1][1]], rel=1e-6)
    for number, values in found[0][2].items():
        assert list(values.values()) == pytest.approx(list(found[1][2][number].values()), rel=1e-4)
    constant = [record.facts.constant_scores for record, _, _ in found]
    assert constant[0] == pytest.approx(constant[1], rel=1e-6)
    assert constant[0] != pytest.approx(prepare_data(spec, dataset).facts.constant_scores, rel=1e-4)


def test_weights_of_one_are_none():
    spec = make_spec("roc_auc")
    plain, ones = (prepare_data(spec, make_dataset("binary", each)) for each in (None, np.ones(90, np.float32)))
    assert plain.facts == ones.facts


@pytest.mark.parametrize(("use", "sign"), [("score", 1), ("train", -1)])
def test_fold_of_which_no_row_counts_is_refused(use, sign):
    spec = make_spec("log_loss", split={"test": 0, "validation": {"method": "head", "train": 60}})
    weight = (sign * (np.arange(90) - 59.5) < 0).astype(np.float32)
    with pytest.raises(StudyFileError) as caught:
        prepare_data(spec, make_dataset("binary", weight))
    assert str(caught.value) == (
        f"[split]: expected rows that {use} with a weight above 0 in every fold, received fold 1 with none. "
        "Leave rows of weight 0 out of the data."
    )


def test_stop_rows_of_which_none_counts_are_refused_where_they_stop_a_run():
    dataset = make_dataset("regression", None)
    plain = prepare_data(make_spec(None), dataset)
    (fold,), rows = plain.plan.folds, plain.plan.dataset.features
    weight = np.ones(90, np.float32)
    weight[[int(np.flatnonzero((dataset.features == rows[one]).all(axis=1))[0]) for one in fold.stop]] = 0
    weighted = replace(dataset, weight=weight)
    assert prepare_data(make_spec(None), weighted).facts.task == "regression"
    with pytest.raises(StudyFileError) as caught:
        prepare_data(make_spec(None, space={"patience": Range(low=2, high=5)}), weighted)
    assert str(caught.value) == (
        "[split]: expected rows that stop a run with a weight above 0 in every fold, received fold 1 with none. "
        "Leave rows of weight 0 out of the data."
    )
