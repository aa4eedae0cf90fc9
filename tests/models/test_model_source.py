"""The user's model as Python source: what is made of it is the very model that Keras makes of the file."""

import dataclasses
import inspect
import json
import re

import numpy as np
import pytest

from search.models import (
    UntellableError,
    build_model,
    describe_model,
    make_optimizer,
    read_saved,
    regularize,
    render_source,
)
from search.models.model_source import DEFAULTS
from search.spec import ModelSection, TrainingSection

TRAINING = TrainingSection(optimizer="sgd", learning_rate=0.05, epochs=4, batch_size=8)
NETS = ("sequential", "branches", "shared", "nested", "recurrent")
EVERYTHING = {
    "l2": 0.1,
    "bias_l1": 0.2,
    "max_norm": 2.0,
    "activity_l1": 0.3,
    "layer_norm": "on",
    "dropout": 0.4,
    "input_noise": 0.5,
}


@pytest.fixture
def described(archive_of):
    """A function that describes a model as one that its user saved."""

    def describe(model, *, weights="fresh", n_outputs=3, task="multiclass"):
        saved = read_saved(archive_of(model), "[model]", keeps_weights=weights == "saved")
        section = ModelSection(keras="own.keras", weights=weights)
        return describe_model(section, tuple(model.input_shape[1:]), n_outputs, task, saved)

    return describe


def executed(architecture, configuration=None, training=TRAINING, **more):
    """What the rendered file defines."""
    file = {"__name__": "rendered"}
    exec(render_source(architecture, training, configuration or {}, **more), file)
    return file


@pytest.mark.parametrize("configuration", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("net", NETS)
def test_source_makes_the_very_model_that_is_trained(keras, own_model, described, net, configuration):
    architecture = regularize(described(own_model(net)), configuration, tuple(EVERYTHING))
    keras.utils.clear_session()  # names of optimizers are counted
    rendered = executed(architecture, configuration)["build_model"]()
    keras.utils.clear_session()
    model = build_model(architecture)
    model.compile(optimizer=make_optimizer(TRAINING, configuration, (), model), **architecture.loss.compile_arguments())
    assert json.dumps(rendered.get_config()) == json.dumps(model.get_config())
    assert rendered.get_compile_config() == model.get_compile_config()


def _layers_of_all_kinds(keras, layers):
    rows = keras.Input((8, 8, 3), name="rows")
    scaled = layers.Rescaling([0.5, 1.0, 2.0], offset=[0.0, 0.1, 0.2], name="scaled")(rows)
    seen = layers.SeparableConv2D(4, 3, padding="same", activation="gelu", name="seen")(scaled)
    seen = layers.PReLU(shared_axes=[1, 2], name="bent")(layers.GroupNormalization(2, name="grouped")(seen))
    steps = layers.Reshape((64, 4), name="steps")(seen)
    attended = layers.MultiHeadAttention(2, 3, dropout=0.1, name="attended")(steps, steps)
    both, last, _ = layers.LSTM(5, return_sequences=True, return_state=True, name="lstm")(attended)
    cells = layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)]), name="cells")(both)
    timed = layers.TimeDistributed(layers.Dense(2, kernel_initializer="he_normal"), name="timed")(both)
    ways = layers.Bidirectional(layers.GRU(3, dropout=0.1), merge_mode="sum", name="ways")(timed)
    normed = layers.SpectralNormalization(layers.Dense(4), name="normed")(last)
    joined = layers.Concatenate(name="joined")([cells, ways, normed, keras.ops.mean(both, axis=1) + 1.5])
    weighed = joined * np.arange(14, dtype="float32")
    return keras.Model(rows, layers.Dense(3, activation="softmax", name="out")(weighed), name="all_kinds")


def test_source_tells_wrappers_cells_states_and_operations(keras, described):
    model = _layers_of_all_kinds(keras, keras.layers)
    architecture = described(model)
    rendered = executed(architecture)["build_model"]()
    assert json.dumps(rendered.get_config()) == json.dumps(build_model(architecture).get_config())
    rendered.set_weights(model.get_weights())
    rows = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(rendered(rows).numpy(), model(rows).numpy())


def _slices_and_masks(keras, layers):
    rows = keras.Input((6,), name="rows")
    parts = [rows[:, :2], rows[..., 2:], keras.ops.split(rows, 2, axis=-1)[0], keras.ops.split(rows, 3, axis=-1)[2]]
    parts.append(keras.ops.stack([rows[:, 0], rows[:, 1]], axis=-1))
    parts.append(layers.Dense(2, name="Add")(rows + 1.0))
    words = layers.Embedding(5, 3, mask_zero=True, name="words")(keras.ops.cast(keras.ops.clip(rows, 0, 4), "int32"))
    parts.append(layers.LSTM(2, name="read")(words))
    joined = layers.Concatenate(name="joined")(parts)
    return keras.Model(rows, layers.Dense(3, activation="softmax", name="out")(joined), name="slices")


def _loose_ends(keras, layers):
    """Layers without an input before them, a frozen one, and names that are no identifiers or taken."""
    frozen = layers.Dense(5, activation="relu", name="1st layer", trainable=False)
    inside = keras.Sequential([keras.Input((5,)), layers.Dense(4, name="model")], name="class")
    model = keras.Sequential([frozen, inside, layers.Dense(3, activation="softmax", name="keras")], name="loose")
    model.build((None, 4))
    return model


@pytest.mark.parametrize("make", [_slices_and_masks, _loose_ends])
def test_source_tells_slices_masks_and_loose_ends(keras, described, make):
    architecture = described(make(keras, keras.layers))
    source = render_source(architecture, TRAINING, weights_file="own.keras")
    file = {"__name__": "rendered", "set_saved_weights": None}
    exec(source.replace("set_saved_weights(model, keras.saving.load_model(SAVED_MODEL, compile=False))", ""), file)
    assert _comparable(file["build_model"]()) == _comparable(build_model(architecture))


def _comparable(model):
    """A model's config without what Keras notes down of calls by itself, in one case and not in another."""
    return re.sub(r'(, )?"training": false', "", json.dumps(model.get_config(), sort_keys=True))


def test_weights_of_frozen_layers_and_of_those_that_were_adapted_are_loaded(keras, described, archive_of, tmp_path):
    rows = keras.Input((4,), name="rows")
    scaled = keras.layers.Normalization(name="scaled")
    scaled.adapt(np.random.default_rng(0).normal(3, 2, (50, 4)))
    frozen = keras.layers.Dense(5, name="frozen", trainable=False)
    model = keras.Model(rows, keras.layers.Dense(3, activation="softmax", name="out")(frozen(scaled(rows))), name="net")
    architecture = described(model)
    with pytest.raises(UntellableError) as caught:
        render_source(architecture, TRAINING)
    assert str(caught.value) == "expected a model that begins without weights of its own, received one that has some"
    rendered = executed(architecture, weights_file=str(tmp_path / "own.keras"))["build_model"]()
    for name in ("scaled", "frozen"):
        for mine, theirs in zip(rendered.get_layer(name).weights, model.get_layer(name).weights, strict=True):
            np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    np.testing.assert_array_equal(rendered.get_layer("scaled")(np.ones((1, 4))), scaled(np.ones((1, 4))))
    assert not np.array_equal(rendered.get_layer("out").kernel.numpy(), model.get_layer("out").kernel.numpy())


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_rendered_training_stops_on_rows_of_their_own(keras, own_model, archive_of, loss):
    model = own_model("nested")
    model.compile(keras.optimizers.Adam(0.05, clipnorm=1.0), loss, loss_weights=[2.0], metrics=["accuracy"])
    saved = read_saved(archive_of(model), "[model]")
    training = TRAINING.model_copy(update={"epochs": 50})
    architecture = describe_model(
        ModelSection(keras="own.keras"), (4,), 3, "multiclass", saved, loss=saved.compiled.loss
    )
    configuration = {"patience": 2, "minimum_delta": 0.5}
    file = executed(architecture, configuration, training, classes=("a", "b", "c"))
    random = np.random.default_rng(1)
    x, y = random.normal(size=(60, 4)).astype("float32"), random.integers(0, 3, 60)
    rendered = file["build_model"]()
    history = file["train_model"](rendered, x[:40], y[:40], x[40:], y[40:], verbose=0).history
    assert len(history["loss"]) < 10
    assert {f"val_{loss}", "accuracy"} <= history.keys()
    assert rendered.get_compile_config()["loss_weights"] == [2.0]


def test_calls_say_nothing_that_fit_says_anew(keras, described):
    rows = keras.Input((4,))
    inside = keras.layers.Dropout(0.5, name="drop")(keras.layers.BatchNormalization(name="norm")(rows))
    architecture = described(keras.Model(rows, keras.layers.Dense(3, "softmax", name="out")(inside)))
    source = render_source(architecture, TRAINING)
    assert "training=" not in source
    assert "mask=" not in source
    model = executed(architecture)["build_model"]()
    ones = np.ones((50, 4), "float32")
    assert not np.allclose(model(ones, training=True), model(ones, training=False))


class Recorded:
    """Takes what it is to be trained with."""

    output_shape = (None, 3)

    def fit(self, *arguments, **options):
        self.arguments, self.options = arguments, options


@pytest.mark.parametrize(
    ("class_weight", "expected"),
    [("none", [1, 2, 3, 4]), ({"b": 5.0}, [1, 2, 15, 4]), ("balanced", [4 / 6, 8 / 6, 12 / 3, 16 / 3])],
    ids=str,
)
def test_rendered_training_takes_weights_of_rows(described, own_model, class_weight, expected):
    training = TRAINING.model_copy(update={"class_weight": class_weight})
    architecture = described(own_model("sequential"))
    more = {"classes": ("a", "b", "c"), "weighted": True}
    x, y, weight = np.ones((4, 4)), np.array([0, 0, 1, 2]), np.arange(1.0, 5.0)
    model = Recorded()
    executed(architecture, {}, training, **more)["train_model"](model, x, y, weight)
    np.testing.assert_allclose(model.options["sample_weight"], expected)
    assert "class_weight" not in model.options


def test_rendered_stopping_watches_the_loss_with_weights(keras, described, own_model):
    file = executed(described(own_model("sequential")), {"patience": 2}, classes=("a", "b", "c"), weighted=True)
    model = file["build_model"]()
    random = np.random.default_rng(1)
    x, y = random.normal(size=(40, 4)).astype("float32"), random.integers(0, 3, 40)
    weight = random.uniform(0.5, 2, 40)
    watched = file["EARLY_STOPPING"].monitor
    parts = (x[:30], y[:30], weight[:30], x[30:], y[30:], weight[30:])
    history = file["train_model"](model, *parts, verbose=0)
    probabilities = np.asarray(model(x[30:], training=False))
    expected = np.average(-np.log(probabilities[np.arange(10), y[30:]]), weights=weight[30:])
    # The weights of the best epoch come back, at the end of training too.
    assert min(history.history[watched]) == pytest.approx(expected, rel=1e-4)


def test_layer_without_a_source_is_named(described, own_model):
    architecture = described(own_model("sequential"))
    layer = architecture.layers[0].with_arguments(
        kernel_initializer={"class_name": "Odd", "config": {}, "module": None}
    )
    broken = dataclasses.replace(architecture, layers=(layer, *architecture.layers[1:]))
    with pytest.raises(UntellableError) as caught:
        render_source(broken, TRAINING)
    assert str(caught.value) == 'expected objects of Keras\' public modules, received Odd in the layer "first"'


def test_defaults_that_are_left_out_are_those_of_the_installed_keras(keras):
    classes = [
        found
        for module in (keras.layers, keras.initializers)
        for found in vars(module).values()
        if inspect.isclass(found)
    ]
    met = set()
    for found in classes:
        for name, parameter in inspect.signature(found.__init__).parameters.items():
            if name not in DEFAULTS or parameter.default is inspect.Parameter.empty:
                continue
            met.add(name)
            wanted = DEFAULTS[name]
            if name.endswith("_initializer"):
                made = keras.initializers.get(parameter.default)
                given = {key: value for key, value in made.get_config().items() if value is not None}
                assert (type(made).__name__, given) == wanted, (found, name)
            elif name != "dtype":  # None, for the policy in force
                assert parameter.default == wanted, (found, name)
    assert met == DEFAULTS.keys()
