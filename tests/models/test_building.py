import functools
import inspect

import numpy as np
import pytest

from search.models import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    REFUSED_ARGUMENTS,
    SCHEDULES,
    Loss,
    build_model,
    build_open_model,
    describe_model,
    layers_by_path,
    make_optimizer,
    open_slots,
    regularize,
    render_source,
    targets_for,
    weights_by_path,
)
from search.spec import ModelSection, TrainingSection

TRAINING = TrainingSection(optimizer="rmsprop", learning_rate=0.02, epochs=7, batch_size=16)
NAMES = ("l1", "l2", "dropout", "output.l2")


def architecture(configuration, shape=(4,), task="binary", n_outputs=2, hidden=(5, 3), family="mlp"):
    section = ModelSection(family=family, hidden=hidden, activation="tanh")
    return regularize(describe_model(section, shape, n_outputs, task), configuration, NAMES)


def test_plain_model_has_neither_regularizers_nor_dropout(keras):
    model = build_model(architecture({}))
    assert [type(layer) for layer in model.layers] == [keras.layers.Dense] * 3
    assert all(layer.kernel_regularizer is None for layer in model.layers)
    assert model.losses == []


def test_penalties_are_the_sums_that_they_are_documented_as(keras):
    model = build_model(architecture({"l1": 0.5, "l2": 0.25, "output.l2": 2.0}))
    kernels = [model.get_layer(name).kernel.numpy() for name in ("dense_1", "dense_2", "output")]
    expected = [0.5 * np.abs(k).sum() + 0.25 * np.square(k).sum() for k in kernels[:2]]
    expected.append(2.0 * np.square(kernels[2]).sum())
    assert [float(loss) for loss in model.losses] == pytest.approx(expected, rel=1e-6)


def test_dropout_acts_while_training_only(keras):
    model = build_model(architecture({"dropout": 0.5}, hidden=(400,)))
    x = np.ones((1, 4), np.float32)
    hidden = keras.Model(model.inputs[0], model.get_layer("dropout_1").output)
    dropped, kept = np.asarray(hidden(x, training=True)), np.asarray(hidden(x, training=False))
    assert 0.35 < np.mean(dropped == 0) < 0.65
    np.testing.assert_allclose(dropped[dropped != 0], 2 * kept[dropped != 0], rtol=1e-6)


def test_activations_are_those_of_keras_that_keep_the_number_of_units(keras):
    known = {name for name, value in inspect.getmembers(keras.activations, inspect.isfunction)}
    assert known - {"get", "serialize", "deserialize"} == {*ACTIVATIONS, "glu", "threshold"}
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    assert {tuple(keras.activations.get(name)(x).shape) for name in ACTIVATIONS} == {(2, 3)}


def test_optimizers_are_those_of_keras_that_wrap_no_other(keras):
    known = {name for name, value in inspect.getmembers(keras.optimizers, inspect.isclass)}
    wrappers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"}
    assert known - wrappers == {each.path.removeprefix("optimizers.") for each in OPTIMIZERS.values()}
    assert all(each.path.removeprefix("optimizers.").lower() == name for name, each in OPTIMIZERS.items())


def defaults_of(kind):
    """The arguments of a class of Keras with their defaults, without those that studies know otherwise."""
    parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    otherwise = {
        "name",
        "kwargs",
        "learning_rate",
        "initial_learning_rate",
        "reduction",
        "dtype",
        "axis",
        "ignore_class",
    }
    otherwise |= {"ema_momentum", "ema_overwrite_frequency", *REFUSED_ARGUMENTS}
    return {
        each.name: None if each.default is inspect.Parameter.empty else each.default
        for each in parameters
        if each.name not in otherwise
    }


@pytest.mark.parametrize("known", [*OPTIMIZERS.values(), *SCHEDULES.values()], ids=lambda known: known.path)
def test_arguments_of_optimizers_and_schedules_are_those_of_keras(keras, known):
    kind = functools.reduce(getattr, known.path.split("."), keras)
    assert known.arguments == defaults_of(kind)


def test_schedules_are_those_of_keras(keras):
    known = {name for name, value in inspect.getmembers(keras.optimizers.schedules, inspect.isclass)}
    named = {each.path.removeprefix("optimizers.schedules.") for each in SCHEDULES.values()}
    assert known - {"LearningRateSchedule"} == named


def test_losses_are_those_of_keras_that_give_a_number_a_row(keras):
    known = {name for name, value in inspect.getmembers(keras.losses, inspect.isfunction)}
    of_batches = {"circle", "cosine_similarity", "ctc", "dice", "tversky"}
    assert known - {"get", "serialize", "deserialize"} - of_batches == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
def test_loss_takes_what_its_form_says(keras, name):
    form = LOSSES[name]
    assert form.arguments == defaults_of(getattr(keras.losses, form.class_name))
    predicted = np.random.default_rng(0).dirichlet(np.ones(3), 5).astype(np.float32)
    classes = np.array([0, 1, 2, 0, 1])
    if form.form == "column":
        predicted, classes = predicted[:, :1], classes % 2
    y = targets_for(Loss(name), classes, 3)
    by_function = np.asarray(Loss(name).make()(y, predicted))
    assert by_function.shape == (5,)
    by_class = getattr(keras.losses, form.class_name)(reduction=None)(y, predicted)
    np.testing.assert_allclose(by_function, by_class, rtol=1e-5, atol=1e-6)


def test_weighted_loss_with_arguments_is_that_of_keras(keras):
    loss = Loss("huber", (("delta", 0.5),), weight=3.0)
    y, predicted = np.array([[0.0], [2.0]]), np.array([[0.2], [0.0]])
    expected = 3 * np.asarray(keras.losses.Huber(delta=0.5, reduction=None)(y, predicted))
    np.testing.assert_allclose(loss.make()(y, predicted), expected, rtol=1e-6)
    assert loss.source() == "keras.losses.Huber(delta=0.5)"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_takes_its_learning_rate_and_moves_the_weights(keras, name):
    optimizer = make_optimizer(TrainingSection(optimizer=name, learning_rate=0.125))
    assert type(optimizer).__name__ == OPTIMIZERS[name].path.removeprefix("optimizers.")
    assert float(optimizer.learning_rate) == 0.125
    model = build_model(architecture({}))
    before = model.get_weights()
    optimizer.apply([np.ones(w.shape, np.float32) for w in before], model.trainable_variables)
    after = model.get_weights()
    assert all(np.isfinite(w).all() for w in after)
    assert any((b != a).any() for b, a in zip(before, after, strict=True))


def test_model_with_a_head_returns_both_outputs_where_asked(keras):
    described = architecture({"dropout": 0.5}, family="multitask")
    keras.utils.set_random_seed(3)
    alone = build_model(described)
    keras.utils.set_random_seed(3)
    both = build_model(described, heads=True)
    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    predicted, reconstructed = both(rows)
    np.testing.assert_array_equal(predicted.numpy(), alone(rows).numpy())
    hidden = keras.Model(both.inputs[0], both.get_layer("dropout_2").output)(rows)
    np.testing.assert_array_equal(reconstructed.numpy(), both.get_layer("auxiliary")(hidden).numpy())
    assert weights_by_path(both).keys() - weights_by_path(alone).keys() == {"auxiliary/kernel", "auxiliary/bias"}


def test_model_without_a_head_has_one_output_whoever_asks():
    assert len(build_model(architecture({}), heads=True).outputs) == 1


def test_stand_ins_are_in_a_traced_model_alone(keras):
    described = architecture({"dropout": 0.5, "l2": 0.1})
    plain, traced = (layers_by_path(build_model(described, traced=traced)) for traced in (False, True))
    assert type(plain["dropout_1"]) is keras.layers.Dropout
    assert type(traced["dropout_1"]) is not keras.layers.Dropout
    assert isinstance(traced["dropout_1"], keras.layers.Dropout)
    assert list(plain) == list(traced) == ["dense_1", "dropout_1", "dense_2", "dropout_2", "output"]


def test_open_model_is_filled_for_the_length_of_a_block(keras):
    names = ("dropout", "l2", "output.l2", "weight_decay", "patience")
    opened = build_open_model(open_slots(architecture({}), names), TRAINING, names)
    first, output = (opened.model.get_layer(name).kernel_regularizer for name in ("dense_1", "output"))
    assert opened.names == ("dropout", "l2", "output.l2", "weight_decay")

    def held():
        return [first.l2, output.l2, opened.model.get_layer("dropout_2").rate, opened.optimizer.weight_decay]

    with opened.filled({"l2": 0.5, "dropout": 0.25, "weight_decay": 0.125}) as model:
        assert model is opened.model
        assert held() == [0.5, 0.0, 0.25, 0.125]
    assert held() == [0.0, 0.0, 0.0, 0.0]


def test_slot_whose_tensor_is_not_a_number_is_off(keras):
    import tensorflow as tf

    opened = build_open_model(open_slots(architecture({}), ("l2",)), TRAINING, ("l2",))

    @tf.function(jit_compile=True)
    def penalty(coefficient):
        with opened.filled({"l2": coefficient}) as model:
            return tf.add_n(model.losses)

    kernels = [opened.model.get_layer(name).kernel.numpy() for name in ("dense_1", "dense_2")]
    expected = 0.5 * sum(np.square(kernel).sum() for kernel in kernels)
    assert float(penalty(tf.constant(0.5))) == pytest.approx(expected, rel=1e-6)
    assert float(penalty(tf.constant(float("nan")))) == 0.0


@pytest.mark.parametrize("name", ["adam", "sgd", "adamw"])
def test_weight_decay_shrinks_kernels_and_neither_biases_nor_normalizations(keras, name):
    training = TrainingSection(optimizer=name, learning_rate=0.5)
    described = regularize(
        describe_model(ModelSection(family="lstm", units=(3,), hidden=(4,)), (5, 2), 3, "multiclass"),
        {"layer_norm": "on"},
        (),
    )
    model = build_model(described)
    for weight in model.trainable_variables:
        weight.assign(np.ones(weight.shape, np.float32))
    optimizer = make_optimizer(training, {"weight_decay": 0.125}, ("weight_decay",), model)
    optimizer.build(model.trainable_variables)
    optimizer.apply([np.zeros(weight.shape, np.float32) for weight in model.trainable_variables])
    values = {path: set(np.unique(weight.numpy())) for path, weight in weights_by_path(model).items()}
    kernels = {path for path in values if "kernel" in path}
    assert "lstm_1/lstm_cell/recurrent_kernel" in kernels
    assert all(values[path] == {1 - 0.5 * 0.125} for path in kernels)
    assert all(values[path] == {1.0} for path in values.keys() - kernels)


def test_paths_of_weights_do_not_depend_on_what_was_built_before(keras):
    described = describe_model(ModelSection(family="lstm", units=(3,)), (5, 2), 3, "multiclass")
    expected = [f"lstm_1/lstm_cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")]
    expected += ["output/kernel", "output/bias"]
    assert [list(weights_by_path(build_model(described))) for _ in range(2)] == [expected] * 2


@pytest.mark.parametrize(
    ("configuration", "arguments"),
    [
        ({}, {}),
        ({"l1": 1e-5, "l2": 0.1, "dropout": 0.3, "output.l2": 0.01}, {}),
        ({"l1": 0.1}, {"hidden": (), "shape": (2, 3), "task": "multiclass", "n_outputs": 3}),
        ({"dropout": 0.2}, {"task": "regression", "n_outputs": 2}),
        ({"weight_decay": 0.01, "layer_norm": "on", "max_norm": 2.0, "input_noise": 0.1}, {"family": "multitask"}),
        ({"flip": "both", "batch_norm": 0.9, "spatial_dropout": 0.25}, {"family": "cnn", "shape": (8, 8)}),
        ({"recurrent_dropout": 0.25, "recurrent_l2": 0.125}, {"family": "lstm", "shape": (8, 8)}),
    ],
)
def test_rendered_file_makes_the_very_same_model(keras, configuration, arguments):
    described = architecture(configuration, **arguments)
    file = {"__name__": "rendered"}
    exec(render_source(described, TRAINING, configuration), file)
    start_anew(keras)
    rendered = file["build_model"]()
    start_anew(keras)
    model = build_model(described)
    optimizer = make_optimizer(TRAINING, configuration, (), model)
    model.compile(optimizer=optimizer, **described.loss.compile_arguments())
    assert rendered.get_config() == model.get_config()
    assert rendered.get_compile_config() == model.get_compile_config()
    for ours, theirs in zip(model.get_weights(), rendered.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (file["EPOCHS"], file["BATCH_SIZE"]) == (7, 16)


def test_rendered_file_opens_with_its_comment_and_imports_keras_only():
    lines = render_source(architecture({"l2": 0.1}), TRAINING, {"l2": 0.1}, "Trial 4.\n\nBest of 60.").splitlines()
    assert lines[:5] == ["# Trial 4.", "#", "# Best of 60.", "", "import keras"]
    assert [line for line in lines if "import" in line] == ["import keras"]


@pytest.mark.parametrize(("task", "n_outputs"), [("binary", 1), ("multiclass", 3), ("regression", 2)])
def test_rendered_early_stopping_watches_the_loss_without_penalties(keras, task, n_outputs):
    file = {"__name__": "rendered"}
    exec(render_source(architecture({"l2": 10.0}, task=task, n_outputs=n_outputs), TRAINING, {"patience": 2}), file)
    model = file["build_model"]()
    random = np.random.default_rng(1)
    x = random.normal(size=(12, *model.input_shape[1:])).astype("float32")
    y = random.normal(size=(12, 2)) if task == "regression" else random.integers(0, n_outputs, 12)
    if task == "binary":
        y = random.integers(0, 2, 12).reshape(12, -1)
    fitted = model.fit(x, y, epochs=3, validation_data=(x, y), callbacks=[file["EARLY_STOPPING"]], verbose=0)
    watched = fitted.history[file["EARLY_STOPPING"].monitor]
    assert file["EARLY_STOPPING"].patience == 2
    assert watched[0] < fitted.history["val_loss"][0] - 1.0


def test_rendered_file_names_what_it_cannot_hold():
    configuration = {"mixup": 0.5, "l2": 0.1, "patience": 4, "swa": 0.9}
    lines = render_source(architecture({"l2": 0.1}), TRAINING, configuration, "Trial 4.").splitlines()
    assert lines[:3] == [
        "# Trial 4.",
        "#",
        "# Not in this file, for training needs code of its own for it: mixup = 0.5, swa = 0.9.",
    ]
    assert '    """Train the model as its study did, but without mixup = 0.5, swa = 0.9.' in lines


def test_rendered_early_stopping_has_its_settings(keras):
    file = {"__name__": "rendered"}
    configuration = {"patience": 4, "minimum_delta": 0.25, "start_epoch": 3}
    exec(render_source(architecture({}), TRAINING, configuration), file)
    stopping = file["EARLY_STOPPING"]
    assert (stopping.patience, abs(stopping.min_delta), stopping.start_from_epoch) == (4, 0.25, 3)
    assert "Not in this file" not in render_source(architecture({}), TRAINING, configuration)


def test_rendered_weight_decay_leaves_biases_out(keras):
    file = {"__name__": "rendered"}
    exec(render_source(architecture({}), TRAINING, {"weight_decay": 0.125}), file)
    model = file["build_model"]()
    decays = model.optimizer._use_weight_decay
    decaying = [path for path, weight in weights_by_path(model).items() if decays(weight)]
    assert decaying == ["dense_1/kernel", "dense_2/kernel", "output/kernel"]


def start_anew(keras):
    """Seed, and let Keras number the names that it gives from 1 again."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
