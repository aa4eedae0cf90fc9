"""`search.tune`: a model in memory, regularized in one call."""

import ast
import importlib
import random
import re
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas as pd
import pytest

import search
from search.data import fit_encoder
from search.errors import StudyFileError, UsageError
from search.followup.refit import train_best, train_final
from search.preparation.drafted_data import Draft
from search.preparation.drafting import draft_study
from search.preparation.files import prepare_study
from search.reporting.exports.chosen import gather_chosen
from search.reporting.summaries import summarize_best
from search.selection import Choice

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
SPACE = {"l2": {"low": 1e-4, "high": 1e-1, "log": True}, "dropout": {"choices": [0.2]}}
QUICK = [
    "confirm.finalists=0",
    "training.epochs=3",
    'training.engine="graph"',
    'split.validation={ method = "holdout" }',
]
LOAD = """
import sys
sys.modules["search"] = None
import keras
model = keras.saving.load_model(sys.argv[1])
print([layer.name for layer in model.layers])
print(model.get_layer("left").kernel_regularizer.get_config())
"""


@pytest.fixture(scope="module")
def keras():
    from search.training import start_tensorflow

    start_tensorflow()
    import keras

    return keras


# Every layer is named, and inputs too: of models whose names are the same, one traced program trains all.
@pytest.fixture
def model(keras):
    rows = keras.Input((4,), name="rows")
    left, right = (keras.layers.Dense(5, "relu", name=name)(rows) for name in ("left", "right"))
    joined = keras.layers.Concatenate(name="joined")([left, right])
    return keras.Model(rows, keras.layers.Dense(1, "sigmoid", name="answer")(joined), name="branches")


@pytest.fixture
def one_layer(keras):
    """The smallest model of two classes."""
    layers = [keras.Input((4,), name="rows"), keras.layers.Dense(1, "sigmoid", name="out")]
    return keras.Sequential(layers, name="one_layer")


def test_best_configuration_comes_back_in_a_trained_model(model):
    before = [weights.copy() for weights in model.get_weights()]
    model.compile("sgd", "binary_crossentropy")
    found = search.tune(model, X, Y, 4, space=SPACE, settings=QUICK)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert found.baseline is not None
    assert dict(found.baseline.configuration) == {}
    assert found.best.score == min(trial.score for trial in found.trials)
    assert found.chosen == found.best
    assert found.configuration == found.chosen.configuration
    assert found.study.spec["training"]["optimizer"] == "sgd"
    assert {"left", "right", "joined", "answer"} <= {layer.name for layer in found.model.layers}
    for weights, untouched in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weights, untouched)


def test_coefficients_are_in_the_model_and_survive_without_us(model, tmp_path):
    search.tune(model, X, Y, 1, space=SPACE, settings=QUICK, directory=tmp_path)
    prepared = search.prepare_study(str(tmp_path / "study.toml"), QUICK)
    trained = train_final(prepared, search.Configuration({"l2": 0.25, "dropout": 0.2}))
    trained.save(tmp_path / "trained.keras")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "trained.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    names, penalty = done.stdout.splitlines()
    assert {"left", "dropout_left", "right", "dropout_right", "joined", "answer"} <= set(ast.literal_eval(names))
    assert ast.literal_eval(penalty) == {"l2": 0.25}


def test_directory_keeps_the_study_which_goes_on(model, tmp_path):
    wider = {**SPACE, "l2": {"low": 1e-5, "high": 1e-1, "log": True}}
    for n_trials, space in ((2, SPACE), (3, wider)):
        found = search.tune(model, X, Y, n_trials, space=space, settings=QUICK, directory=tmp_path)
        assert len(found.trials) == n_trials
    assert found.study.notes[-1] == (
        "The range of l2 is wider since trial 2: 0.0001 to 0.1 before, 1e-05 to 0.1 from then on."
    )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".toml", ".keras", ".npz", ".db")) == [
        "data.npz",
        "model.keras",
        "regsearch.db",
        "study.toml",
    ]
    with search.open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage:
        assert [study.name for study in storage.studies()] == ["tune"]
    with pytest.raises(UsageError) as caught:
        search.tune(model, X, Y, 3, space=wider, settings=QUICK, directory=tmp_path, seed=7)
    assert str(caught.value) == (
        "tune [study.seed]: expected 1 as the study was begun with, received 7. Give the new study a name of its own "
        "with name=, or go on with the one that was begun."
    )


def test_choice_alone_says_which_trial_is_given_away(model, tmp_path, monkeypatch):
    """Where the choice is the baseline and not the best trial, everything gives the baseline."""
    space = {"activity_l2": {"choices": [1e-9]}, "training.epochs": {"choices": [1, 30]}}
    settings = [*QUICK, "training.epochs=1", 'study.sampler="ablation"']
    monkeypatch.setattr(Choice, "chosen", property(lambda choice: choice.baseline))
    found = search.tune(model, X, Y, 4, space=space, settings=settings, directory=tmp_path)
    assert found.best.score < found.baseline.score
    assert found.chosen == found.baseline
    assert found.configuration == found.baseline.configuration != found.best.configuration
    with search.open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage:
        assert gather_chosen(storage, "tune").to_document()["trial"] == found.baseline.number
        assert gather_chosen(storage, "tune").spec.training.epochs == 1
        assert summarize_best(storage, "tune").to_json()["chosen"]["trial"] == found.baseline.number
        np.testing.assert_array_equal(train_best(storage, "tune").get_weights()[0], found.model.get_weights()[0])


def test_another_model_in_the_place_of_the_study_s_is_not_exported(model, keras, tmp_path):
    search.tune(model, X, Y, 1, space=SPACE, settings=QUICK, directory=tmp_path)
    layers = [keras.layers.Dense(9, "relu"), keras.layers.Dense(1, "sigmoid")]
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "model.keras")
    refusal = pytest.raises(UsageError, match=r"tune \[model\]: expected the model that the study was begun with")
    with search.open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage, refusal:
        train_best(storage, "tune")


def test_refused_call_leaves_the_study_of_its_directory_whole(model, tmp_path):
    search.tune(model, X, Y, 1, space=SPACE, settings=QUICK, directory=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".toml", ".keras", ".npz")}
    with pytest.raises(UsageError, match="expected the data that the study was begun with"):
        search.tune(model, X[:50], Y[:50], 1, space=SPACE, settings=QUICK, directory=tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in (".toml", ".keras", ".npz")}
    assert after == before
    with search.open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage:
        assert train_best(storage, "tune").count_params() == model.count_params()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_jobs": -1}, "n_jobs: expected 0 or more, received -1."),
        (
            {"settings": "training.epochs=3"},
            'settings: expected a list of settings, received "training.epochs=3". Put it in a list.',
        ),
        (
            {"space": ["l2"]},
            'space: expected a dict, received list. Write {"l2": {"low": 1e-6, "high": 1e-1, "log": True}}.',
        ),
        (
            {"space": {"l2": None}},
            'space["l2"]: expected values, received None. '
            'Write {"low": 1e-6, "high": 1e-1, "log": True} or {"choices": [...]}.',
        ),
    ],
)
def test_wrong_arguments_are_refused_in_words(model, arguments, message):
    with pytest.raises(UsageError) as caught:
        search.tune(model, X, Y, **arguments)
    assert str(caught.value) == message


def test_numbers_of_numpy_may_stand_in_a_space(model):
    space = {"l2": {"choices": np.logspace(-4, -2, 3)}, "dropout": {"low": np.float64(0.1), "high": np.float32(0.5)}}
    found = search.tune(model, X, Y, 1, space=space, settings=QUICK)
    assert found.study.spec["space"]["l2"]["choices"] == pytest.approx([1e-4, 1e-3, 1e-2])


def test_model_that_is_compiled_is_trained_as_it_is_compiled(keras, one_layer, tmp_path):
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0)
    one_layer.compile(optimizer, keras.losses.BinaryFocalCrossentropy(gamma=3))
    found = search.tune(one_layer, X, Y, 1, space={"l2": {"choices": [0.1]}}, settings=QUICK, directory=tmp_path)
    training = found.study.spec["training"]
    assert training["optimizer"] == {"name": "sgd", "momentum": 0.9, "clipnorm": 1.0}
    assert training["loss"] == {"name": "binary_focal_crossentropy", "gamma": 3}
    assert (found.model.optimizer.momentum, found.model.optimizer.clipnorm, found.model.loss.gamma) == (0.9, 1.0, 3)


def own_loss(y, predicted):
    return predicted - y


def test_loss_that_cannot_be_taken_over_is_refused_unless_another_one_is_set(one_layer):
    one_layer.compile("adam", own_loss)
    space = {"l2": {"choices": [0.1]}}
    with pytest.raises(UsageError, match="received the loss own_loss, a function of its own"):
        search.tune(one_layer, X, Y, 1, space=space, settings=QUICK)
    found = search.tune(one_layer, X, Y, 1, space=space, settings=[*QUICK, 'training.loss="task"'])
    assert found.model.loss == "binary_crossentropy"
    one_layer.compile("adam", lambda y, predicted: predicted - y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras' own, of a lambda
        with pytest.raises(UsageError, match="received a lambda function as its loss"):
            search.tune(one_layer, X, Y, 1, space=space, settings=QUICK)
    one_layer.compile("adam", eval("lambda y, predicted: predicted - y"))  # whose source is nowhere
    with pytest.raises(UsageError, match=r"^model: expected a model that Keras can save, received OSError"):
        search.tune(one_layer, X, Y, 1, space=space, settings=QUICK)


def test_function_of_ones_own_trains_where_a_setting_names_it_in_a_file(one_layer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def mine(y, predicted):\n    return (predicted - y)[:, 0] ** 2\n")
    one_layer.compile("adam", own_loss)
    settings = [*QUICK, "training.loss='mine.py:mine'"]
    found = search.tune(
        one_layer, X, Y, 1, space={"l2": {"choices": [0.1]}}, settings=settings, directory=tmp_path / "kept"
    )
    assert found.study.spec["training"]["loss"] == f"{tmp_path}/mine.py:mine"
    assert found.model.loss is None
    squares = search.tune(
        one_layer, X, Y, 1, space={"l2": {"choices": [0.1]}}, settings=[*QUICK, 'training.loss="mean_squared_error"']
    )
    assert found.best.score == pytest.approx(squares.best.score, rel=1e-5)
    (tmp_path / "mine.py").write_text("def mine(y, predicted):\n    return (predicted - y)[:, 0] ** 4\n")
    with pytest.raises(UsageError, match=r"^tune \[loss\]: expected the loss that the study was begun with \(SHA-256"):
        search.tune(
            one_layer, X, Y, 2, space={"l2": {"choices": [0.1]}}, settings=settings, directory=tmp_path / "kept"
        )


def test_function_of_ones_own_scores_where_its_file_is_relative_to_the_working_directory(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "costs.py").write_text("def cost(y_true, y_pred):\n    return ((y_true - y_pred) ** 2).mean()\n")
    options = {"space": SPACE, "verbose": False}
    found = search.tune(
        model, X, Y, 2, metric="costs.py:cost", settings=[*QUICK, 'objective.direction="minimize"'], **options
    )
    same = search.tune(model, X, Y, 2, metric="brier", settings=QUICK, **options)
    assert [trial.score for trial in found.trials] == pytest.approx([trial.score for trial in same.trials], rel=1e-5)


def test_setting_that_names_no_loss_is_refused_as_in_a_study_file(one_layer):
    with pytest.raises(StudyFileError, match=r'^--set training.loss="mse": expected "binary_crossentropy", .* "mse"'):
        search.tune(one_layer, X, Y, 1, space={"l2": {"choices": [0.1]}}, settings=[*QUICK, 'training.loss="mse"'])


def huber(y, predicted):
    return predicted - y


def test_function_of_ones_own_is_not_taken_for_the_loss_of_keras_of_that_name(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="out")])
    model.compile("adam", huber)
    with pytest.raises(UsageError, match="received a function of its own that is called huber"):
        search.tune(model, X, X[:, 0], 1, space={"l2": {"choices": [0.1]}}, settings=QUICK)
    model.compile("adam", keras.losses.huber)
    found = search.tune(model, X, X[:, 0], 1, space={"l2": {"choices": [0.1]}}, settings=QUICK)
    assert found.study.spec["training"]["loss"] == "huber"


def test_model_that_scales_its_inputs_is_told_where_they_are_standardized(keras, tmp_path):
    layers = [keras.layers.Rescaling(0.1, name="scale"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    search.tune(model, X, Y, 1, space={"l2": {"choices": [0.1]}}, settings=QUICK, directory=tmp_path)
    notes = search.prepare_study(str(tmp_path / "study.toml"), [*QUICK, "data.standardize=true"]).notes
    assert (
        "Inputs are standardized, and then the model scales them itself (scale): probably data.standardize = false is "
        "what you want."
    ) in notes


def test_ranges_that_suit_the_layers_are_the_default(model):
    found = search.tune(model, X, Y, 1, settings=QUICK)
    assert {"l2", "dropout", "patience"} <= set(found.study.spec["space"])


@pytest.mark.parametrize(
    "kind", [lambda y: y.astype(float), lambda y: y.astype(np.float32).reshape(-1, 1), lambda y: y.astype(bool)]
)
def test_classes_may_be_told_as_keras_takes_them(model, kind):
    found = search.tune(model, X, kind(Y), 1, space=SPACE, settings=QUICK)
    assert found.study.facts.classes == ("0", "1")


def test_one_hot_targets_of_a_softmax_are_classes(keras):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax")])
    found = search.tune(model, X, np.eye(2)[Y], 1, space={"l2": {"choices": [0.1]}}, settings=QUICK)
    assert found.study.facts.classes == ("0", "1")


def test_generators_of_the_caller_stay_as_they_are(model):
    before = random.getstate(), np.random.get_state()[1].tolist()
    search.tune(model, X, Y, 1, space=SPACE, settings=QUICK)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_bytes_are_given_to_the_model_as_they_are(keras):
    """A model that begins with Rescaling wants bytes, in the search and in what comes of it."""
    rows = np.random.default_rng(0).integers(0, 256, (60, 4)).astype(np.uint8)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Dense(1, "sigmoid", name="answer")]
    model = keras.Sequential([keras.Input((4,)), *layers])
    found = search.tune(model, rows, Y, 1, space={"l2": {"choices": [0.1]}}, settings=QUICK)
    assert found.study.facts.scaled_bytes is False
    assert isinstance(found.model.layers[0], keras.layers.Rescaling)


def test_sequential_model_that_cannot_take_the_rows_is_refused_in_words(keras):
    sequential = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(1)])
    with pytest.raises(UsageError, match=r"^model: expected layers that take rows of shape \(4,\), received one that"):
        search.tune(sequential, X, Y, 1, settings=QUICK)


UNGUARDED = """
print("begins")
import keras
import numpy as np
import search

x = np.random.default_rng(0).normal(size=(60, 4))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid", name="out")])
found = search.tune(model, x, (x[:, 0] > 0).astype(int), 1, n_jobs=1, epochs=2,
                    settings=["confirm.finalists=0", 'training.engine="graph"'])
print(found.chosen.number, len(found.trials))
"""


def test_script_without_a_guard_is_not_run_by_its_workers(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "begins\n0 1\n"


def test_what_is_no_model_is_refused():
    with pytest.raises(UsageError) as caught:
        search.tune("net", X, Y)
    assert str(caught.value) == "model: expected a Keras model, received str."


def test_what_is_no_technique_is_refused(model):
    with pytest.raises(StudyFileError, match=r'expected .*received "l3"'):
        search.tune(model, X, Y, space={"l3": {"choices": [0.1]}})


def churn(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "width": rng.normal(10, 3, n_rows),
            "color": rng.choice(["red", "blue", None], n_rows),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 900, n_rows), "D"),
            "sure": rng.choice([True, False], n_rows),
        }
    )
    return frame, pd.Series(np.where((frame["width"] > 10) ^ (frame["color"] == "red"), "yes", "no"))


def test_frame_with_text_dates_and_gaps_is_tuned_and_the_model_takes_its_columns(keras, capsys):
    import tensorflow as tf

    x, y = churn()
    layers = [keras.layers.Dense(6, "relu", name="h"), keras.layers.Dense(1, "sigmoid", name="out")]
    model = keras.Sequential(layers, name="net")
    model.compile("sgd")
    found = search.tune(model, x, y, 3, epochs=4, folds=2, seed=5, settings=['training.engine="graph"'])
    assert not model.built, "the model stays as it is"
    assert found.study.spec["training"]["optimizer"] == "sgd"
    assert found.study.facts.classes == ("no", "yes")
    assert found.study.facts.inputs[:2] == ("width", "sure")
    assert found.study.facts.inputs[-3:] == ("color = blue", "color = red", "color is missing")
    columns = {
        "width": x["width"].to_numpy(),
        "sure": x["sure"].to_numpy(float),
        "color": x["color"].fillna("").to_numpy(str),
        "day": ((x["day"] - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(),
    }
    told = found.model({name: tf.constant(cells) for name, cells in columns.items()})
    assert set(np.unique(told["label"])) <= {b"no", b"yes"}
    assert told["probabilities"].shape == (80, 2)
    said = capsys.readouterr()
    assert said.out == ""
    assert "[3/3] baseline" in said.err
    assert repr(found) in said.err


def test_summary_is_a_few_lines(model):
    found = search.tune(model, X, Y, 2, space={"l2": {"choices": [0.5]}}, settings=QUICK, verbose=False)
    first, baseline, chosen = repr(found).splitlines()
    assert first == "Tuned('tune': 2 trials, log_loss, minimize"
    assert re.fullmatch(r"  baseline +0\.\d+  trial 0: everything off", baseline)
    assert re.fullmatch(r"  chosen +0\.\d+  trial [01]: (everything off|l2 0\.5)\)", chosen)


def test_silence_may_be_asked_for(model, capsys):
    search.tune(model, X, Y, 1, space=SPACE, settings=QUICK, verbose=0)
    assert capsys.readouterr().err == ""


def test_typed_options_are_settings(model):
    options = {"epochs": 3, "folds": 3, "seed": 9, "test": 0.25, "metric": "roc_auc", "class_weight": {0: 1, 1: 2.5}}
    found = search.tune(model, X, Y, 1, space=SPACE, settings=['training.engine="graph"'], verbose=0, **options)
    spec = found.study.spec
    assert (spec["training"]["epochs"], spec["study"]["seed"], spec["split"]["test"]) == (3, 9, 0.25)
    assert spec["split"]["validation"] == {"method": "kfold", "folds": 3, "repeats": 1}
    assert found.study.metric == "roc_auc"
    assert spec["training"]["class_weight"] == {"0": 1.0, "1": 2.5}
    assert found.study.facts.rows.test == 15
    numbers = {"epochs": np.int64(1), "folds": np.uint8(1), "test": np.int64(12)}
    found = search.tune(model, X, Y, 1, space=SPACE, settings=['training.engine="graph"'], verbose=0, **numbers)
    assert found.study.spec["split"]["validation"]["method"] == "holdout"
    assert found.study.facts.rows.test == 12


def test_weights_of_rows_enter_training_and_scores(one_layer):
    """Rows that count nothing may say anything."""
    x, y = np.concatenate([X, X]), np.concatenate([Y, 1 - Y])
    weight = np.repeat([1.0, 0.0], len(X))
    options = {"space": {"l2": {"choices": [0.01]}}, "epochs": 60, "folds": 2, "verbose": 0, "metric": "roc_auc"}
    settings = ["training.learning_rate=0.05", 'training.engine="graph"']
    found = search.tune(one_layer, x, y, 1, sample_weight=weight, settings=settings, **options)
    assert found.best.score > 0.9
    with pytest.raises(AssertionError):
        assert search.tune(one_layer, x, y, 1, settings=settings, **options).best.score > 0.9


def test_rows_that_score_may_be_given(model):
    x_val, y_val = X[:20] + 0.01, Y[:20]
    found = search.tune(model, X, Y, 2, space=SPACE, validation_data=(x_val, y_val), epochs=3, verbose=0)
    rows = found.study.facts.rows
    assert (rows.validation, rows.train + rows.stop, rows.test) == (20, 60, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": "ten"}, "epochs: expected a whole number, received 'ten'."),
        ({"folds": 2.5}, "folds: expected a whole number, received 2.5."),
        ({"test": "some"}, "test: expected a share or a number of rows, received 'some'."),
        (
            {"metric": len},
            'metric: expected the name of a metric, received len. Write it into a file, and give "FILE.py:function".',
        ),
        (
            {"class_weight": "even"},
            "class_weight: expected \"balanced\" or a dict of numbers above 0, received 'even'.",
        ),
        ({"class_weight": {0: 0}}, 'class_weight: expected "balanced" or a dict of numbers above 0, received {0: 0}.'),
        (
            {"validation_data": (X, Y), "folds": 3},
            "folds: expected none beside validation_data, which says what scores, received 3.",
        ),
        ({"validation_data": X}, "validation_data: expected (x, y), received one ndarray."),
        (
            {"validation_data": (X, Y, np.ones(60))},
            "validation_data: expected (x, y), received 3 of them. Rows that score count 1 each: leave their weights "
            "out.",
        ),
        (
            {"validation_data": (X, np.zeros(60, int))},
            'validation_data: expected every class in the validation rows of fold 0, received no row of "1". Give rows '
            "of every class, to train and to score.",
        ),
        ({"folds": 0}, "folds: expected 1, a single holdout, or more, received 0."),
        ({"sample_weight": -Y}, "sample_weight: expected finite numbers of at least 0, some above it, received -1."),
        (
            {"sample_weight": np.full(60, np.nan)},
            "sample_weight: expected finite numbers of at least 0, some above it, received nan.",
        ),
        (
            {"sample_weight": np.zeros(60)},
            "sample_weight: expected finite numbers of at least 0, some above it, received zeros only.",
        ),
        (
            {"metric": "costs.py:cost"},
            'metric: expected a direction beside "costs.py:cost", received none. Add '
            '\'objective.direction="minimize"\', or "maximize", to settings.',
        ),
        (
            {"sample_weight": [1.0, 2.0]},
            "sample_weight: expected a number for each of 60 rows, received float64 of shape (2,).",
        ),
    ],
)
def test_wrong_options_are_refused_in_words(model, options, message):
    with pytest.raises(UsageError) as caught:
        search.tune(model, X, Y, 2, **options)
    assert str(caught.value) == message


def test_model_of_a_class_that_workers_cannot_make_is_refused_in_words(keras):
    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, "sigmoid")

        def call(self, x):
            return self.dense(x)

    mine = Mine()
    mine(X[:1])
    with pytest.raises(UsageError) as caught:
        search.tune(mine, X, Y)
    assert str(caught.value) == (
        "model: expected a model that can be made again for rows of shape (4,), received TypeError: "
        "test_model_of_a_class_that_workers_cannot_make_is_refused_in_words.<locals>.Mine.__init__() got an unexpected "
        "keyword argument 'trainable'. It needs get_config, and an __init__ that takes **kwargs and hands them to "
        "super().__init__."
    )


OWN_CODE = """
    import keras

    @keras.saving.register_keras_serializable(package="tuned")
    class Net(keras.Model):
        def __init__(self, width=6, **more):
            super().__init__(**more)
            self.width = width
            self.hidden = keras.layers.Dense(width, "relu")
            self.answer = keras.layers.Dense(1, "sigmoid", name="answer")

        def call(self, rows):
            return self.answer(self.hidden(rows))

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    @keras.saving.register_keras_serializable(package="tuned")
    class Doubled(keras.layers.Layer):
        def call(self, rows):
            return 2 * rows

    def still():
        return keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)

    @keras.saving.register_keras_serializable(package="tuned")
    def steep(y, predicted):
        return keras.ops.mean(keras.ops.square(y - predicted), axis=-1) ** 2
"""


@pytest.fixture
def own_code(tmp_path, monkeypatch, keras):
    """A module of the user's own, imported as a program does."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_code.py").write_text(textwrap.dedent(OWN_CODE))
    monkeypatch.syspath_prepend(tmp_path / "code")
    yield importlib.import_module("own_code")
    del sys.modules["own_code"]


def test_subclassed_model_of_a_module_is_tuned(own_code, tmp_path):
    net = own_code.Net(5)
    net(X[:1])
    found = search.tune(net, X, Y, 2, space={"l2": {"choices": [0.1]}}, settings=QUICK, directory=tmp_path)
    assert [layer.name for layer in found.model.layers[-1].layers] == ["dense", "answer"]
    assert type(found.model.layers[-1]) is own_code.Net
    assert (tmp_path / "own_code.py").read_text() == textwrap.dedent(OWN_CODE)
    assert found.trials[1].score is not None


def test_layer_and_loss_of_a_module_are_tuned(own_code, keras, tmp_path):
    layers = [keras.Input((4,)), keras.layers.Dense(5, "relu", name="hidden"), own_code.Doubled(name="doubled")]
    net = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid", name="answer")])
    net.compile("sgd", own_code.steep)
    found = search.tune(net, X, Y, 2, space={"hidden.l2": {"choices": [0.1]}}, settings=QUICK, directory=tmp_path)
    assert type(found.model.layers[1]) is own_code.Doubled
    assert found.study.spec["training"]["loss"] == "own_code.py:steep"
    assert found.trials[1].score is not None


@pytest.fixture
def two_inputs(keras):
    left, right = keras.Input((3,), name="left"), keras.Input((1,), name="right")
    joined = keras.layers.Concatenate()([keras.layers.Dense(4, "relu", name="hidden")(left), right])
    return keras.Model([left, right], keras.layers.Dense(1, "sigmoid", name="answer")(joined), name="two")


def test_model_of_several_inputs_takes_them_as_fit_does(two_inputs, keras):
    by_name = {"right": X[:, 3:], "left": X[:, :3]}
    tuned = [
        search.tune(two_inputs, x, Y, n_trials=3, n_jobs=0, space={"l2": SPACE["l2"]}, settings=QUICK, verbose=False)
        for x in (by_name, [X[:, :3], X[:, 3]])
    ]
    first, second = ([trial.score for trial in each.trials] for each in tuned)
    assert first == second
    assert tuned[0].model.predict(by_name, verbose=0) == pytest.approx(
        tuned[1].model.predict({"left": X[:, :3], "right": X[:, 3:]}, verbose=0)
    )


def test_inputs_that_the_model_does_not_have_are_refused(two_inputs):
    with pytest.raises(StudyFileError, match=r'expected rows of the inputs "left" \(3,\), "right" \(1,\)'):
        search.tune(two_inputs, {"left": X[:, :3], "wrong": X[:, 3:]}, Y, n_jobs=0, verbose=False)
    with pytest.raises(StudyFileError, match="received rows of one input"):
        search.tune(two_inputs, X, Y, n_jobs=0, verbose=False)


def test_data_set_in_batches_brings_its_own_targets(model, keras):
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    by_stream = search.tune(model, stream, n_trials=2, space=SPACE, settings=QUICK)
    by_arrays = search.tune(model, X, Y, 2, space=SPACE, settings=QUICK)
    assert [trial.score for trial in by_stream.trials] == [trial.score for trial in by_arrays.trials]
    for arguments, message in (
        ((stream, Y), "y: expected no targets beside a data set, which brings its own, received some."),
        ((X,), "y: expected targets, received none. A data set in batches brings its own."),
        ((stream.repeat(),), "x: expected a data set that ends, received one that repeats for ever."),
    ):
        with pytest.raises(UsageError) as caught:
            search.tune(model, *arguments)
        assert str(caught.value) == message


@pytest.mark.parametrize("form", ["function", "text"])
def test_callbacks_are_made_for_each_run(own_code, model, tmp_path, form):
    still = own_code.still if form == "function" else f"{tmp_path / 'code' / 'own_code.py'}:still"
    settings = [setting for setting in QUICK if "engine" not in setting]
    found = search.tune(model, X, Y, 2, space={"l2": {"choices": [0.1]}}, settings=settings, callbacks=[still])
    assert len({trial.score for trial in found.trials}) == 1  # at a rate of zero nothing is learned


def test_callbacks_that_several_runs_would_share_are_refused(model, keras):
    for given, received in (
        (keras.callbacks.EarlyStopping(), "EarlyStopping"),
        (lambda: 3, "test_callbacks"),
        ("a.py", "'a.py'"),
    ):
        with pytest.raises(UsageError) as caught:
            search.tune(model, X, Y, 2, callbacks=[given])
        assert f"callbacks: expected functions that return callbacks, received {received}" in str(caught.value)


def mixed(n_rows=60):
    """A table of every kind of column, as it comes from a file: an identifier, dates as text, text and gaps."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "customer": [f"C{1000 + row}" for row in range(n_rows)],
            "width": np.where(np.arange(n_rows) % 7 == 0, np.nan, np.round(rng.normal(10, 3, n_rows), 3)),
            "color": np.where(np.arange(n_rows) % 9 == 0, None, rng.choice(["red", "blue", "green"], n_rows)),
            "day": [f"{row % 28 + 1:02}/{row % 12 + 1:02}/2024" for row in range(n_rows)],
            "size": rng.integers(0, 9, n_rows),
        }
    )
    frame.loc[5, "color"] = "the only one"
    return frame, np.where(frame["size"] > 4, "yes", "no")


def open_model(keras):
    return keras.Sequential([keras.layers.Dense(3, "relu", name="h"), keras.layers.Dense(1, "sigmoid", name="out")])


def test_rows_of_a_table_are_the_same_for_tune_for_init_and_for_the_model_that_comes_out(keras, tmp_path, capsys):
    import tensorflow as tf

    x, y = mixed()
    space = {"l2": {"choices": [0.1]}}
    kept = tmp_path / "kept"
    found = search.tune(open_model(keras), x, y, 1, space=space, folds=1, directory=kept, settings=QUICK)
    assert 'note: Left out, since they name rows: "customer". settings=["data.drop=[]"] keeps them.' in (
        capsys.readouterr().err
    )
    x.assign(label=y).to_csv(tmp_path / "rows.csv", index=False)
    text = draft_study(Draft(tmp_path, str(kept / "model.keras"), tmp_path / "rows.csv", ("label",), test=0))
    (tmp_path / "study.toml").write_text(text)
    tuned, drafted = (
        prepare_study(str(folder / "study.toml"), ["split.test=0"]).plan.dataset for folder in (kept, tmp_path)
    )
    encoders = [fit_encoder(each, np.arange(len(each))) for each in (tuned, drafted)]
    rows, others = (encoder.transform(each) for encoder, each in zip(encoders, (tuned, drafted), strict=True))
    assert encoders[0].input_names() == encoders[1].input_names() == list(found.study.facts.inputs)
    np.testing.assert_array_equal(rows, others)
    day = pd.to_datetime(x["day"], format="%d/%m/%Y")
    columns = {
        "width": x["width"],
        "color": x["color"].fillna(""),
        "day": (day - pd.Timestamp(0)) / pd.Timedelta(days=1),
        "size": x["size"].astype(float),
    }
    first = found.model.get_layer("columns")
    kinds = {name: "string" if name == "color" else "float64" for name in columns}  # of lists float32 would be made
    fed = [tf.constant(columns[name].tolist(), kinds[name])[:, None] for name in found.model.input]
    np.testing.assert_array_equal(first(fed), rows)
    # And the columns of a frame can be given as the card of an export says.
    told = found.model.predict(tf.data.Dataset.from_tensor_slices(columns).batch(32), verbose=0)
    assert told["label"].shape == (60,)


@pytest.mark.parametrize("test", [None, 0.3])
def test_sequential_model_without_an_input_fits_the_rows_that_are_not_sealed(keras, test):
    x, y = mixed(90)
    x["color"] = [f"c{row // 2}" for row in range(90)]  # some are of sealed rows alone
    settings = [*QUICK, 'data.drop=["customer"]']
    found = search.tune(open_model(keras), x, y, 1, space={"l2": {"choices": [0.1]}}, test=test, settings=settings)
    assert found.study.facts.input_shape == (len(found.study.facts.inputs),)


def test_built_model_of_another_number_of_inputs_is_refused_in_the_words_of_the_call(keras):
    x, y = mixed()
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, "sigmoid")])
    with pytest.raises(StudyFileError) as caught:
        search.tune(model, x, y, 1, settings=QUICK)
    assert str(caught.value) == (
        "model: expected rows of 5 inputs, which the model takes, received rows of 12 inputs: width (2), color (5), "
        "day (4), size (1). Begin it with keras.Input((12,)), give a Sequential model without an input, or say how x "
        "is read: settings=[\"data.missing='impute'\"]."
    )


def test_settings_that_say_how_rows_are_read_are_those_of_the_model_too(keras):
    x, y = mixed()
    settings = [*QUICK, 'data.missing="impute"', "data.drop=[]"]
    found = search.tune(open_model(keras), x, y, 1, space={"l2": {"choices": [0.1]}}, settings=settings)
    assert sum(name.startswith("customer = ") for name in found.study.facts.inputs) > 1
    assert not any(name.endswith("is missing") for name in found.study.facts.inputs)
