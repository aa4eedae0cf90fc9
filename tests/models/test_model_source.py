"""The user's model as Python source: what is made of it is the very model that Keras makes of the file."""

import inspect
import json

import numpy as np
import pytest

from search.models import (
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
