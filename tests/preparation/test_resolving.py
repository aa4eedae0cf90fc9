"""Defaults that depend on the model: what it was compiled with, and whether targets are scaled."""

import numpy as np
import pytest

from search.data import Dataset
from search.errors import StudyFileError
from search.models import read_saved
from search.preparation.resolving import resolve_study
from search.spec import StudySpec


@pytest.fixture(scope="module")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


def dataset_of(task):
    x = np.zeros((6, 4), np.float32)
    if task == "regression":
        return Dataset(x, np.arange(6.0), "regression", (), standardize=False, sha256="0")
    return Dataset(x, np.arange(6) % 2, "binary", ("0", "1"), standardize=False, sha256="0")


@pytest.fixture
def resolve(keras, tmp_path):
    """A function: a study resolved for a model that ends in some layers and is compiled in some way."""

    def make(*last, compiled=(), task="binary", model=None, **tables):
        saved = None
        if last:
            net = keras.Sequential([keras.Input((4,)), *last])
            if compiled:
                net.compile(*compiled)
            net.save(tmp_path / "net.keras")
            keeps = (model or {}).get("weights") == "saved"
            saved = read_saved((tmp_path / "net.keras").read_bytes(), "net.keras", keeps_weights=keeps)
        spec = StudySpec(
            study={"name": "s", "n_trials": 1},
            model=({"keras": "net.keras"} if last else {"family": "mlp", "hidden": (3,)}) | (model or {}),
            space={},
            **{"data": {"source": "csv"}} | tables,
        )
        return resolve_study(spec, dataset_of(task), saved, lambda *key: f"s.toml [{'.'.join(key)}]")

    return make


def test_compiled_model_decides_what_the_file_leaves_open(keras, resolve):
    adam = keras.optimizers.Adam(0.2, clipnorm=1.0)
    spec, left_open = resolve(keras.layers.Dense(1, "sigmoid"), compiled=(adam, "mse"))
    assert (spec.training.optimizer_name, spec.training.optimizer_arguments) == ("adam", {"clipnorm": 1.0})
    assert (spec.training.learning_rate, spec.training.loss) == (0.2, "mean_squared_error")
    assert left_open >= {"training.optimizer", "training.learning_rate", "training.schedule", "training.loss"}


def test_what_the_file_gives_wins(keras, resolve):
    adam = keras.optimizers.Adam(0.2, clipnorm=1.0)
    last, compiled = keras.layers.Dense(1, "sigmoid"), (adam, "mse")
    spec, left_open = resolve(last, compiled=compiled, training={"optimizer": "sgd", "loss": "task"})
    assert (spec.training.optimizer, spec.training.learning_rate, spec.training.loss) == ("sgd", 1e-3, "task")
    assert left_open.isdisjoint({"training.optimizer", "training.loss"})
    spec, _ = resolve(last, compiled=compiled, training={"learning_rate": 0.7})
    assert (spec.training.optimizer_arguments, spec.training.learning_rate) == ({"clipnorm": 1.0}, 0.7)


def test_model_that_is_not_compiled_is_trained_for_its_task(keras, resolve):
    for spec, _ in (resolve(keras.layers.Dense(1, "sigmoid")), resolve()):
        assert (spec.training.optimizer, spec.training.loss) == ("adam", "task")


def own_loss(y, predicted):
    return predicted - y


def test_everything_that_cannot_be_taken_over_is_told_at_once(keras, resolve):
    compiled = (keras.optimizers.SGD(use_ema=True), own_loss)
    with pytest.raises(StudyFileError) as caught:
        resolve(keras.layers.Dense(1, "sigmoid"), compiled=compiled)
    assert str(caught.value).splitlines() == [
        "s.toml [model]: expected a model compiled with what a study trains with, received use_ema = True of the "
        "optimizer sgd. Set training.optimizer to one of Keras, with its arguments.",
        "s.toml [model]: expected a model compiled with what a study trains with, received the loss own_loss, a "
        'function of its own. Set training.loss to one of Keras, with its arguments, to "FILE.py:function" for one of '
        'your own, or to "task" for what fits the task.',
    ]
    spec, _ = resolve(
        keras.layers.Dense(1, "sigmoid"), compiled=compiled, training={"optimizer": "sgd", "loss": "hinge"}
    )
    assert spec.training.loss == "hinge"


def test_targets_are_scaled_where_neither_loss_nor_model_know_a_unit(keras, resolve):
    def scales(*last, **more):
        spec, left_open = resolve(*last, task="regression", **more)
        assert "data.scale_target" in left_open
        return spec.data.scale_target

    dense, layers = keras.layers.Dense, keras.layers
    assert scales()
    assert scales(training={"loss": "huber"})
    assert scales(dense(1))
    assert scales(dense(1), compiled=("adam", "mae"))
    assert not scales(training={"loss": "poisson"})
    assert not scales(dense(1), compiled=("adam", "huber"))
    assert not scales(dense(1, "softplus"))
    assert not scales(dense(1), layers.Rescaling(100.0))
    assert not scales(dense(1), model={"weights": "saved"})


def test_file_decides_whether_targets_are_scaled(resolve):
    for scales in (True, False):
        spec, left_open = resolve(task="regression", data={"source": "csv", "scale_target": scales})
        assert spec.data.scale_target is scales
        assert "data.scale_target" not in left_open


def test_scaling_the_targets_of_classes_is_refused(resolve):
    with pytest.raises(StudyFileError) as caught:
        resolve(data={"source": "csv", "scale_target": True})
    assert str(caught.value) == (
        "s.toml [data.scale_target]: expected no scale_target for classification (the target has 2 classes), received "
        "true."
    )


def test_weights_of_classes_are_for_classes_that_there_are(resolve):
    spec, _ = resolve(training={"class_weight": {"1": 2.0}})
    assert spec.training.class_weight == {"1": 2.0}
    with pytest.raises(StudyFileError) as caught:
        resolve(training={"class_weight": {"yes": 2.0}})
    assert str(caught.value) == (
        's.toml [training.class_weight]: expected class_weight to name classes of the target, received "yes". '
        'They are "0", "1".'
    )
    with pytest.raises(StudyFileError, match="expected no class_weight for regression"):
        resolve(task="regression", training={"class_weight": "balanced"})
