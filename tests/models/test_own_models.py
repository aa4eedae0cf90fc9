"""Techniques in a model of the user's own: what changes, and what stays as it is."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from search.models import (
    build_model,
    build_open_model,
    describe_model,
    layers_by_path,
    open_slots,
    read_saved,
    regularize,
    weights_by_path,
)
from search.models.rebuilding import replaced_classes
from search.spec import ModelSection, TrainingSection
from search.techniques.noise import noise_step, step_key
from search.techniques.traced import traced_classes

NETS = ("sequential", "branches", "shared", "nested", "recurrent")
EVERYTHING = {
    "l2": 0.1,
    "bias_l1": 0.2,
    "max_norm": 2.0,
    "activity_l1": 0.3,
    "layer_norm": "on",
    "dropout": 0.4,
    "input_noise": 0.5,
    "input_dropout": 0.6,
}
RNG = np.random.default_rng(0)


@pytest.fixture
def described(archive_of):
    """A function that describes a model as one that its user saved."""

    def describe(model, *, keeps_weights=True):
        saved = read_saved(archive_of(model), "[model]", keeps_weights=keeps_weights)
        shape = tuple(model.input_shape[1:])
        return describe_model(ModelSection(keras="own.keras"), shape, 3, "multiclass", saved)

    return describe


def rows_for(model):
    return RNG.normal(size=(7, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("net", NETS)
def test_everything_off_is_the_very_same_model(own_model, described, net):
    model = own_model(net)
    rebuilt = build_model(regularize(described(model), {}, tuple(EVERYTHING)))
    assert json.dumps(rebuilt.get_config()) == json.dumps(model.get_config())
    for mine, theirs in zip(model.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    rows = rows_for(model)
    np.testing.assert_array_equal(model(rows).numpy(), rebuilt(rows).numpy())


@pytest.mark.parametrize("net", NETS)
def test_names_shapes_and_weights_stay(own_model, described, net):
    model = own_model(net)
    rebuilt = build_model(regularize(described(model), EVERYTHING, tuple(EVERYTHING)))
    assert rebuilt.name == model.name
    assert rebuilt.input_shape == model.input_shape
    mine, theirs = weights_by_path(model), weights_by_path(rebuilt)
    assert mine.keys() <= theirs.keys()
    for path, weight in mine.items():
        np.testing.assert_array_equal(weight.numpy(), theirs[path].numpy())
        assert weight.trainable == theirs[path].trainable
    rows = rows_for(model)
    assert rebuilt(rows).shape == model(rows).shape


def test_layer_is_followed_in_its_branch_alone(own_model, described, keras):
    model = own_model("branches")
    rebuilt = build_model(regularize(described(model), {"left.layer_norm": "on"}, ()))
    rows, layer = rows_for(model), model.get_layer
    left = rebuilt.get_layer("layer_norm_left")(layer("left")(rows))
    both = np.concatenate([left.numpy(), 2 * layer("right")(rows).numpy()], axis=1)
    expected = layer("shares")(layer("scores")(layer("norm")(both)))
    np.testing.assert_allclose(rebuilt(rows).numpy(), expected.numpy(), rtol=1e-5)
    assert np.abs(rebuilt(rows).numpy() - model(rows).numpy()).max() > 1e-3


def test_shared_layer_is_followed_by_the_same_layer_at_each_use(own_model, described):
    model = own_model("shared")
    rebuilt = build_model(regularize(described(model), {"layer_norm": "on"}, ()))
    rows, shared = rows_for(model), model.get_layer("shared")
    norm = rebuilt.get_layer("layer_norm_shared")
    norm.set_weights([RNG.normal(size=4), RNG.normal(size=4)])
    once = norm(shared(rows))
    both = np.concatenate([once.numpy(), norm(shared(once)).numpy()], axis=1)
    expected = model.get_layer("out")(both)
    np.testing.assert_allclose(rebuilt(rows).numpy(), expected.numpy(), rtol=1e-5)
    assert len([name for name in weights_by_path(rebuilt) if name.startswith("layer_norm")]) == 2


def test_layer_inside_a_nested_model_is_followed_inside_of_it(own_model, described):
    model = own_model("nested")
    rebuilt = build_model(regularize(described(model), {"encoder/first.layer_norm": "on", "head/*.l2": 0.5}, ()))
    encoder = rebuilt.get_layer("encoder")
    assert [layer.name for layer in encoder.layers[1:]] == ["first", "layer_norm_encoder_first", "second"]
    assert [layer.name for layer in rebuilt.get_layer("head").layers] == ["first", "out"]
    kernels = [layer.kernel.numpy() for layer in rebuilt.get_layer("head").layers]
    expected = [0.5 * np.square(kernel).sum() for kernel in kernels]
    assert [float(loss) for loss in rebuilt.losses] == pytest.approx(expected, rel=1e-6)


def test_shared_value_stays_away_from_the_layer_that_predicts(own_model, described):
    # `head/out` predicts: the Softmax behind it has no weights.
    architecture = described(own_model("nested"))
    assert architecture.output.name == "head/out"
    rebuilt = layers_by_path(build_model(regularize(architecture, {"l2": 0.5, "dropout": 0.5}, ())))
    penalized = [path for path, layer in rebuilt.items() if getattr(layer, "kernel_regularizer", None)]
    assert penalized == ["encoder/first", "encoder/second", "head/first"]
    assert "head/dropout_head_out" not in rebuilt
    assert "head/dropout_head_first" in rebuilt


def test_everyone_who_took_the_input_takes_what_entered(own_model, described):
    architecture = regularize(described(own_model("branches")), {"input_noise": 0.1, "input_dropout": 0.2}, ())
    layers = {layer["name"]: layer for layer in build_model(architecture).get_config()["layers"]}
    taken = {
        name: layers[name]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0]
        for name in ("input_noise", "input_dropout", "left", "right")
    }
    assert taken == {
        "input_noise": "rows",
        "input_dropout": "input_noise",
        "left": "input_dropout",
        "right": "input_dropout",
    }


def test_fresh_weights_are_drawn_anew_and_repeat_themselves(own_model, described, keras):
    model = own_model("branches")
    architecture = described(model, keeps_weights=False)

    def built(seed):
        keras.utils.set_random_seed(seed)
        return weights_by_path(build_model(architecture))["left/kernel"].numpy()

    np.testing.assert_array_equal(built(1), built(1))
    assert (built(1) != built(2)).all()
    assert (built(1) != model.get_layer("left").kernel.numpy()).all()


def test_layers_without_weights_to_train_keep_theirs(keras, described):
    normalization = keras.layers.Normalization(name="scale")
    normalization.adapt(np.array([[1.0, 2.0], [5.0, 6.0]], np.float32))
    frozen, trained = keras.layers.Dense(4, name="frozen"), keras.layers.Dense(3, activation="softmax", name="out")
    model = keras.Sequential([keras.Input((2,)), normalization, frozen, trained])
    frozen.trainable = False
    rebuilt = build_model(regularize(described(model, keeps_weights=False), {"dropout": 0.5}, ()))
    assert [weight.path for weight in rebuilt.trainable_variables] == ["out/kernel", "out/bias"]
    np.testing.assert_array_equal(rebuilt.get_layer("frozen").kernel.numpy(), frozen.kernel.numpy())
    assert (rebuilt.get_layer("out").kernel.numpy() != trained.kernel.numpy()).all()
    rows = rows_for(model)
    np.testing.assert_array_equal(rebuilt.get_layer("scale")(rows).numpy(), normalization(rows).numpy())


@pytest.mark.parametrize("net", NETS)
def test_open_model_with_everything_off_predicts_what_the_users_does(own_model, described, net):
    model = own_model(net)
    names = (*EVERYTHING, "weight_decay")
    opened = build_open_model(open_slots(described(model), names), TrainingSection(), names)
    rows = rows_for(model)
    np.testing.assert_array_equal(model(rows).numpy(), opened.model(rows, training=False).numpy())
    assert opened.names == tuple(sorted(names))


def test_off_is_the_users_own_penalty(own_model, described):
    model = own_model("sequential")
    opened = build_open_model(open_slots(described(model), ("l2",)), TrainingSection(), ("l2",))
    squares = float(np.square(model.get_layer("first").kernel.numpy()).sum())
    for values, coefficient in (({}, 0.01), ({"l2": float("nan")}, 0.01), ({"l2": 0.5}, 0.5)):
        with opened.filled(values) as filled:
            assert float(sum(filled.losses)) == pytest.approx(coefficient * squares, rel=1e-5)


def test_users_own_dropout_repeats_itself_in_a_compiled_program(own_model, described, keras):
    import tensorflow as tf

    model = build_model(described(own_model("sequential")), traced=True)
    rows = rows_for(model)

    @tf.function(jit_compile=True)
    def step(seed):
        with noise_step(step_key(seed, 0)):
            return model(rows, training=True)

    once, again, other = (step(tf.constant(seed, tf.uint32)).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_users_own_image_layers_stay_those_of_keras(keras, described):
    """A technique's stand-ins know its own arguments alone: another filling or range would be trained without."""
    layers = keras.layers
    turn = layers.RandomRotation((-0.1, 0.3), fill_mode="reflect", interpolation="nearest", name="turn")
    shift = layers.RandomTranslation((-0.2, 0.0), 0.1, name="shifted")
    own = [turn, shift, layers.RandomZoom(0.2, name="zoomed"), layers.RandomFlip("vertical", name="mirrored")]
    own.append(layers.RandomContrast(0.3, value_range=(0, 1), name="paler"))
    last = [layers.Dropout(0.5, name="drop"), layers.Flatten(), layers.Dense(3, activation="softmax", name="out")]
    architecture = described(keras.Sequential([keras.Input((6, 6, 1)), *own, *last]))
    model = build_model(regularize(architecture, {"rotation": 0.2}, ()), traced=True)
    for layer in own:
        theirs = model.get_layer(layer.name)
        assert type(theirs) is type(layer)
        assert json.dumps(theirs.get_config()) == json.dumps(layer.get_config())
    assert type(model.get_layer("rotation")) is traced_classes()["layers.RandomRotation"]
    assert type(model.get_layer("drop")) is traced_classes()["layers.Dropout"]
    assert replaced_classes(architecture) == {"layers.Dropout"}


def test_stand_ins_reach_into_wrappers(keras, described):
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4), layers.GaussianNoise(0.1, name="noise")], name="inner"
    )
    wrapping = [
        layers.TimeDistributed(layers.BatchNormalization(axis=-1, name="norm"), name="norms"),
        layers.TimeDistributed(inner, name="inners"),
        layers.Bidirectional(layers.LSTM(4, recurrent_dropout=0.3, name="lstm"), name="both_ways"),
        layers.Dense(3, activation="softmax", name="out"),
    ]
    model = keras.Sequential([keras.Input((5, 3)), *wrapping])
    architecture = described(model)
    traced, plain = (build_model(architecture, traced=traced) for traced in (True, False))
    classes = traced_classes()
    both_ways = traced.get_layer("both_ways")
    assert type(traced.get_layer("norms").layer) is classes["layers.BatchNormalization"]
    assert type(traced.get_layer("inners").layer.get_layer("noise")) is classes["layers.GaussianNoise"]
    assert {type(both_ways.forward_layer), type(both_ways.backward_layer)} == {classes["layers.LSTM"]}
    assert both_ways.forward_layer.recurrent_dropout == 0.3
    assert plain.to_json() == model.to_json()
    assert replaced_classes(architecture) == {"layers.BatchNormalization", "layers.GaussianNoise", "layers.LSTM"}
    rows = rows_for(model)
    np.testing.assert_allclose(traced(rows).numpy(), model(rows).numpy(), atol=1e-6)
    for one, other in zip(traced.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_normalization_in_a_wrapper_leaves_out_rows_that_fill_the_batch_up(keras, described):
    layers = keras.layers
    norms = layers.TimeDistributed(layers.BatchNormalization(momentum=0.7, name="norm"), name="norms")
    architecture = described(
        keras.Sequential([keras.Input((4, 3)), norms, layers.Flatten(), layers.Dense(3, "softmax")])
    )
    traced, plain = (build_model(architecture, traced=traced) for traced in (True, False))
    rows, counts = rows_for(traced), np.array([1, 1, 1, 1, 1, 0, 0], np.float32)
    with noise_step(step_key(1, 0), counts):
        filled = traced(rows, training=True)[:5]
    np.testing.assert_allclose(filled, plain(rows[:5], training=True), atol=1e-5)
    for one, other in zip(traced.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


LOAD = """
import json, sys
import numpy as np
sys.modules["search"] = None
import keras

def tell(net):
    model = keras.saving.load_model(f"{net}.keras")
    return {
        "predicted": model(np.load(f"{net}.npy")).numpy().tolist(),
        "penalties": float(sum(model.losses)),
        "classes": sorted({type(x).__module__.partition(".")[0] for x in model._flatten_layers()}),
        "regularizers": {x.name: [x.kernel_regularizer.get_config(), x.bias_regularizer.get_config()]
                         for x in model._flatten_layers() if getattr(x, "kernel_regularizer", None)},
        "rates": {x.name: x.rate for x in model._flatten_layers() if isinstance(x, keras.layers.Dropout)},
    }

print(json.dumps({net: tell(net) for net in sys.argv[1:]}))
"""


def test_saved_result_needs_keras_alone_and_keeps_its_coefficients(own_model, described, tmp_path):
    configuration = {"l1": 0.25, "l2": 0.125, "bias_l2": 0.5, "dropout": 0.375}
    saved = {}
    for net in ("sequential", "shared", "nested"):
        saved[net] = model = build_model(regularize(described(own_model(net)), configuration, ()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model.save(tmp_path / f"{net}.keras")
        np.save(tmp_path / f"{net}.npy", rows_for(model))
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *saved], capture_output=True, check=True, cwd=tmp_path, text=True
    )
    for net, told in json.loads(done.stdout).items():
        model = saved.pop(net)
        np.testing.assert_allclose(told["predicted"], model(np.load(tmp_path / f"{net}.npy")).numpy(), rtol=1e-5)
        assert told["penalties"] == pytest.approx(float(sum(model.losses)), rel=1e-6), net
        assert told["classes"] == ["keras"], net
        assert told["regularizers"], net
        assert all(pair == [{"l1": 0.25, "l2": 0.125}, {"l2": 0.5}] for pair in told["regularizers"].values()), net
        assert [rate for name, rate in told["rates"].items() if name != "drop"], net
        assert all(rate == (0.5 if name == "drop" else 0.375) for name, rate in told["rates"].items()), net
    assert not saved
