"""A study whose metric is a function of the user's: tried on the constant guess, and refused where it cannot score."""

import hashlib

import numpy as np
import optuna
import pytest
from sklearn import metrics as reference

from search import Launch, open_storage, prepare_study, run_study
from search.coordination.entry import find_same_study
from search.data import Dataset
from search.errors import DataError, StudyFailedError, StudyFileError, UsageError
from search.followup.refit import train_best
from search.preparation.own_metric import read_own_metric
from search.preparation.preparing import prepare_data
from search.records import TrialState
from search.spec import ObjectiveSection, StudySpec
from search.training import OwnMetric, WorkerSession

STUDY = """
[study]
name = "own"
n_trials = 2
[data]
source = "sklearn.load_breast_cancer"
standardize = true
[split]
test = 0.5
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 6
engine = "graph"
[objective]
metric = "costs.py:cost"
direction = "minimize"
[confirm]
finalists = 0
[space]
l2 = { low = 1e-6, high = 1e-1, log = true }
"""
COST = """
def cost(y_true, y_pred, sample_weight=None):
    missed = (y_true == 1) & (y_pred <= 0.5)
    alarm = (y_true == 0) & (y_pred > 0.5)
    return (5 * missed + alarm).mean()
"""
F2 = """
from sklearn.metrics import fbeta_score

def cost(y_true, y_pred, sample_weight=None):
    return fbeta_score(y_true, y_pred > 0.5, beta=2, sample_weight=sample_weight)
"""


@pytest.fixture
def study(tmp_path):
    """A function that writes a study and the file of its metric, and returns the study's path."""

    def write(code=COST, *replacements):
        text = STUDY
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "own.toml").write_text(text)
        (tmp_path / "costs.py").write_text(code)
        return str(tmp_path / "own.toml")

    return write


def refusal(study, code, *overrides):
    with pytest.raises((StudyFileError, DataError)) as caught:
        prepare_study(study(code), overrides)
    return str(caught.value)


def test_function_is_tried_on_the_constant_guess(study):
    prepared = prepare_study(study())
    (fold,) = prepared.plan.folds
    share = prepared.plan.dataset.target[np.union1d(fold.train, fold.stop)].mean()
    target = prepared.plan.dataset.target[fold.validation]
    assert share > 0.5
    assert prepared.facts.constant_scores == (pytest.approx((target == 0).mean()),)
    assert (prepared.metric, prepared.direction) == ("costs.py:cost", "minimize")
    assert prepared.facts.metric_sha256 == hashlib.sha256(COST.encode()).hexdigest()
    assert (
        prepare_study(study(), ["objective.metric=log_loss", "objective.direction=minimize"]).facts.metric_sha256
        is None
    )


# A worker of its own is told of the function in one of them: it trains there as in this process.
@pytest.mark.parametrize(("engine", "n_jobs"), [("compiled", 1), ("graph", 0), ("fit", 0)])
def test_study_is_scored_by_the_function(study, sqlite_url, engine, n_jobs):
    path = study(F2, ('"minimize"', '"maximize"'), ('"graph"', f'"{engine}"'))
    prepared = prepare_study(path)
    with open_storage(sqlite_url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=n_jobs))
        trials, shown = storage.trials(record.study_id), storage.intermediate_values(record.study_id)
        model = train_best(storage, "own")
    assert (record.metric, record.direction) == ("costs.py:cost", "maximize")
    assert optuna.load_study(study_name="own", storage=sqlite_url).direction is optuna.study.StudyDirection.MAXIMIZE
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    plan, session, (fold,) = prepared.plan, WorkerSession(), prepared.plan.folds
    for trial in trials:
        one = prepared.run(trial.number, 0, 0, trial.configuration)
        rows = session.prepared_rows(plan, one).arrays.validation
        predicted = session.train_model(plan, one).predict(rows.array, verbose=0)[:, 0] > 0.5
        expected = reference.fbeta_score(plan.dataset.target[fold.validation], predicted, beta=2)
        assert trial.score == pytest.approx(expected, rel=1e-6)
        # Programs cannot call it after each epoch; Keras' loop can.
        values = shown.get(trial.number, {})
        assert sorted(values) == ([1, 2, 3, 4, 5, 6] if engine == "fit" else [])
        if engine == "fit":
            assert values[6] == pytest.approx(expected, rel=1e-6)
    assert model.predict(plan.dataset.features[:3], verbose=0).shape == (3, 1)


def test_function_that_fails_in_training_fails_its_trials_with_the_line(study, sqlite_url):
    code = "def cost(y_true, y_pred):\n    if len(set(y_pred)) > 1:\n        raise ValueError('no')\n    return 1.0"
    with open_storage(sqlite_url, create=True) as storage, pytest.raises(StudyFailedError) as caught:
        run_study(prepare_study(study(code)), storage, Launch(n_jobs=0))
    assert str(caught.value) == (
        "own: all 2 trials failed; trial 0: costs.py:3: expected cost to return a finite number, received "
        "ValueError: no (fold 0, seed 0)"
    )


def test_function_that_fails_on_the_guess_is_refused_with_its_line(study):
    assert refusal(study, "def cost(y_true, y_pred):\n    return len(y_true) / 0") == (
        "costs.py:2: expected cost to return a finite number, received ZeroDivisionError: division by zero for a guess "
        "that is the same for every row."
    )
    assert refusal(study, "def cost(y_true, y_pred):\n    return float('nan')") == (
        "costs.py: expected cost to return a finite number, received nan for a guess that is the same for every row. "
        "Return what such predictions deserve instead."
    )


def test_function_that_is_not_there_is_refused(study):
    assert refusal(study, "def cots(y_true, y_pred):\n    return 1") == (
        'costs.py: expected a function "cost", received none. Did you mean "cots"?'
    )
    assert refusal(study, COST, 'objective.metric="cost.py:cost"') == (
        '--set objective.metric="cost.py:cost": expected metric to name a file, received "cost.py": no such file. '
        'Did you mean "costs.py"?'
    )


def test_file_may_not_import_what_lies_beside_it(study, tmp_path):
    (tmp_path / "beside.py").write_text("x = 1")
    assert refusal(study, "import beside\ndef cost(y_true, y_pred):\n    return 1") == (
        "costs.py:1: expected cost to be a function, received ModuleNotFoundError: No module named 'beside'."
    )


def test_process_that_ends_or_hangs_is_told(study):
    path = study()
    place = f"{path}:17 [objective.metric]"
    assert refusal(study, "import os\ndef cost(y_true, y_pred):\n    os._exit(3)") == (
        f"{place}: expected scores of costs.py:cost, received the end of the process that it ran in. "
        "It said: expected data from a child process, received exit code 3."
    )
    hangs = "import time\ndef cost(y_true, y_pred):\n    time.sleep(1e6)"
    assert refusal(study, hangs, "data.timeout_seconds=8") == (
        f"{place}: expected scores of costs.py:cost within 8 s, received none. "
        "Raise data.timeout_seconds if it needs more time."
    )


def test_file_that_is_no_text_is_refused(study, tmp_path):
    path = study()
    (tmp_path / "costs.py").write_bytes(b"x = '\xff\xfe'")
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    assert str(caught.value).startswith(f'{path}:17 [objective.metric]: expected Python in "costs.py", received ')


def test_direction_is_needed_and_only_of_a_function(study):
    path = study(COST, ('direction = "minimize"\n', ""))
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path)
    assert str(caught.value) == (
        f'{path}:16 [objective.direction]: expected "minimize" or "maximize", since metric = "costs.py:cost", '
        "received nothing."
    )
    assert refusal(study, COST, "objective.metric=roc_auc") == (
        f'{study()}:18 [objective.direction]: expected "maximize", since metric = "roc_auc", received "minimize". '
        "Leave it out: the metric knows it."
    )
    agreed = prepare_study(study(), ["objective.metric=brier"])
    assert (agreed.spec.objective.direction, agreed.direction) == (None, "minimize")
    section = ObjectiveSection(metric="costs.py:cost")
    with pytest.raises(StudyFileError, match=r'^here: expected a direction beside "costs.py:cost", received none\.$'):
        read_own_metric(section, None, "here")


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruner_of_curves_is_refused_where_programs_train(study, pruner):
    place = f"--set study.pruner={pruner}"
    assert refusal(study, COST, f"study.pruner={pruner}") == (
        f'{place}: expected pruner = "none" or "wilcoxon" with metric = "costs.py:cost", received "{pruner}": a '
        "program cannot call a function of yours after each epoch, so that no run tells how it goes before its end. "
        'Or set training.engine = "fit", which does call it.'
    )
    assert prepare_study(study(), [f"study.pruner={pruner}", "training.engine=fit"]).direction == "minimize"
    assert prepare_study(study(), ["study.pruner=wilcoxon"]).direction == "minimize"


def test_study_goes_on_with_the_same_file_alone(study, sqlite_url):
    with open_storage(sqlite_url, create=True) as storage:
        run_study(prepare_study(study()), storage, Launch(n_jobs=0))
        assert find_same_study(prepare_study(study()), storage)[1] is not None
        other = COST.replace("5 *", "6 *")
        before, after = (hashlib.sha256(text.encode()).hexdigest()[:12] for text in (COST, other))
        with pytest.raises(UsageError) as caught:
            find_same_study(prepare_study(study(other)), storage)
        assert str(caught.value) == (
            f"own [objective.metric]: expected the metric that the study was begun with (SHA-256 {before}...), "
            f"received another ({after}...). Give the new study a name of its own with --study-name, or go on with the "
            "one that was begun."
        )
        with pytest.raises(
            UsageError, match=r"^own \[objective\.direction\]: expected minimize as the study was begun"
        ):
            find_same_study(prepare_study(study(), ["objective.direction=maximize"]), storage)


def weighted_study(code):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(60, 2)).astype(np.float32), rng.exponential(size=60).astype(np.float32)
    target = 100 + 10 * (x.sum(axis=1) + rng.normal(size=60))
    dataset = Dataset(x, target, "regression", (), standardize=True, sha256="0", weight=weight)
    spec = StudySpec(
        study={"name": "weighted", "n_trials": 1},
        data={"source": "csv"},
        model={"family": "mlp", "hidden": (4,)},
        training={"epochs": 3, "engine": "compiled"},
        objective={"metric": "costs.py:cost", "direction": "minimize"},
        space={"l2": {"low": 1e-6, "high": 1e-1}},
    )
    return prepare_data(spec, dataset, own_metric=OwnMetric("costs.py:cost", "minimize", code))


def test_function_is_given_weights_and_numbers_in_their_own_unit(sqlite_url):
    prepared = weighted_study("from sklearn.metrics import mean_absolute_error as cost")
    (fold,) = prepared.plan.folds
    rows, train = (
        prepared.plan.dataset.take(fold.validation),
        prepared.plan.dataset.take(np.union1d(fold.train, fold.stop)),
    )
    guess = np.full(len(rows), np.average(train.target, weights=train.weight))
    expected = reference.mean_absolute_error(rows.target, guess, sample_weight=rows.weight)
    assert prepared.facts.constant_scores == (pytest.approx(expected),)
    with open_storage(sqlite_url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        (trial,) = storage.trials(record.study_id)
    session, one = WorkerSession(), prepared.run(0, 0, 0, trial.configuration)
    arrays = session.prepared_rows(prepared.plan, one).arrays
    predicted = arrays.in_own_unit(session.train_model(prepared.plan, one).predict(arrays.validation.array, verbose=0))
    expected = reference.mean_absolute_error(rows.target, predicted[:, 0], sample_weight=rows.weight)
    assert trial.score == pytest.approx(expected, rel=1e-5)


def test_function_that_takes_no_weights_is_refused_for_rows_that_have_some():
    with pytest.raises(StudyFileError) as caught:
        weighted_study("def cost(y_true, y_pred):\n    return 1.0")
    assert str(caught.value) == (
        "costs.py: expected cost to take sample_weight, since rows have weights, received a function that does not. "
        "Give it a third argument of this name."
    )


IRIS = (
    ("load_breast_cancer", "load_iris"),
    ('direction = "minimize"\n', ""),
    ('"costs.py:cost"', '{ name = "top_k", k = 1 }'),
)


def test_number_of_likeliest_classes_is_part_of_the_study(study, sqlite_url):
    prepared = prepare_study(study(COST, *IRIS))
    assert (prepared.metric, prepared.direction, prepared.plan.scoring.k) == ("top_k (k = 1)", "maximize", 1)
    plain = prepare_study(study(COST, *IRIS), ["objective.metric=top_k"])
    assert (plain.metric, plain.plan.scoring.k) == ("top_k", 2)
    with open_storage(sqlite_url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        trial = storage.trials(record.study_id)[0]
        with pytest.raises(UsageError, match=r"^own \[objective\.metric"):
            find_same_study(plain, storage)
    (fold,), one = prepared.plan.folds, prepared.run(0, 0, 0, trial.configuration)
    session = WorkerSession()
    rows = session.prepared_rows(prepared.plan, one).arrays.validation
    predicted = session.train_model(prepared.plan, one).predict(rows.array, verbose=0)
    expected = reference.accuracy_score(prepared.plan.dataset.target[fold.validation], predicted.argmax(axis=1))
    assert trial.score == pytest.approx(expected)


@pytest.mark.parametrize("k", ["0", "3", "1.5"])
def test_number_of_likeliest_classes_that_tells_nothing_is_refused(study, k):
    path, override = study(COST, *IRIS), f'objective.metric={{name="top_k", k={k}}}'
    with pytest.raises(StudyFileError) as caught:
        prepare_study(path, [override])
    assert str(caught.value) == (
        f"--set {override}: expected k to be a whole number from 1 to 2, below the number of classes, received {k}."
    )
