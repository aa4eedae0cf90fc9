"""A model with other arguments of its layers is the model that is written so by hand."""

import inspect

import numpy as np
import pytest

from search.errors import StudyFileError
from search.models import (
    LAYER_ARGUMENTS,
    LayerArgumentError,
    build_model,
    check_value,
    describe_model,
    given_value,
    read_saved,
    regularize,
    weights_by_path,
)
from search.spec import ModelSection


@pytest.fixture
def describe(archive_of):
    """A function that describes a model in memory with other arguments of its layers."""

    known = {}

    def describe_it(model, layers=None, *, weights="fresh", shape=(4,)):
        # An archive tells when it was written: one of another second is another one.
        archive = known.setdefault(id(model), archive_of(model))
        saved = read_saved(archive, "[model]", keeps_weights=weights == "saved")
        return describe_model(ModelSection(keras="own.keras", layers=layers), shape, 3, "multiclass", saved)

    return describe_it


def shapes_of(model):
    return {path: tuple(weight.shape) for path, weight in weights_by_path(model).items()}


def blocks(keras, *, widths=(5, 5), times=1, with_block=True, tail=6):
    """A chain of dense layers around a nested block, written by hand."""
    layers = keras.layers
    rows = keras.Input((4,), name="rows")
    passed = layers.Dense(widths[0], "relu", name="first")(rows)
    for copy in range(1, times + 1 if with_block else 1):
        inside = keras.Input((widths[0],))
        name = "block" if copy == 1 else f"block-x{copy}"
        told = layers.Dense(widths[1], "tanh", name="inner")(inside)
        passed = keras.Model(inside, layers.Add(name="sum")([told, inside]), name=name)(passed)
    passed = layers.Dense(tail, "tanh", name="tail")(passed)
    return keras.Model(rows, layers.Dense(3, "softmax", name="out")(passed), name="blocks")


def assert_same_model(keras, changed, by_hand):
    """Equal layers and weights, and equal predictions with equal weights."""
    assert shapes_of(changed) == shapes_of(by_hand)
    changed.set_weights(by_hand.get_weights())
    rows = np.random.default_rng(0).normal(size=(7, *changed.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(changed(rows), by_hand(rows), rtol=1e-6)


def test_units_are_those_of_a_model_written_so(keras, describe):
    changed = build_model(describe(blocks(keras), {"tail.units": 9}))
    assert_same_model(keras, changed, blocks(keras, tail=9))


def test_pattern_changes_layers_of_nested_models_too(keras, describe):
    changed = build_model(describe(blocks(keras), {"*.activation": "relu"}))
    layers = [changed.get_layer("first"), changed.get_layer("block").get_layer("inner"), changed.get_layer("tail")]
    assert [layer.activation.__name__ for layer in layers] == ["relu"] * 3


@pytest.mark.parametrize("times", [1, 2, 4])
def test_block_is_repeated(keras, describe, times):
    changed = build_model(describe(blocks(keras), {"block.repeat": times}))
    assert_same_model(keras, changed, blocks(keras, times=times))


def test_block_is_left_out(keras, describe):
    changed = build_model(describe(blocks(keras), {"block.repeat": 0}))
    assert_same_model(keras, changed, blocks(keras, with_block=False))


def test_repeat_and_units_go_together(keras, describe):
    changed = build_model(describe(blocks(keras), {"block.repeat": 3, "tail.units": 8}))
    assert_same_model(keras, changed, blocks(keras, times=3, tail=8))


def chain(keras, units=(6, 6), **more):
    layers = keras.layers
    hidden = [layers.Dense(width, "tanh", name=name) for name, width in more.pop("named", {}).items()]
    return keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3, "softmax", name="out")], name="chain")


@pytest.mark.parametrize("times", [0, 1, 3])
def test_layer_of_a_sequential_model_is_repeated(keras, describe, times):
    changed = build_model(describe(chain(keras, named={"a": 4, "b": 5}), {"a.repeat": times}))
    named = dict.fromkeys(["a", "a-x2", "a-x3"][:times], 4) | {"b": 5}
    assert_same_model(keras, changed, chain(keras, named=named))


def test_shared_layer_is_repeated_at_each_of_its_uses(keras, describe, own_model):
    changed = build_model(describe(own_model("shared"), {"shared.repeat": 2}))
    layers = keras.layers
    rows = keras.Input((4,), name="rows")
    first, second = (layers.Dense(4, activation="tanh", name=name) for name in ("shared", "shared-x2"))
    once = second(first(rows))
    both = layers.Concatenate(name="both")([once, second(first(once))])
    by_hand = keras.Model(rows, layers.Dense(3, activation="softmax", name="out")(both))
    assert_same_model(keras, changed, by_hand)


def test_shared_model_is_left_out_at_each_of_its_uses(keras, describe, own_model):
    changed = build_model(describe(own_model("nested"), {"encoder.repeat": 0}))
    assert [path for path in weights_by_path(changed) if path.startswith("encoder")] == []
    assert changed.output_shape == (None, 3)


def test_wrapped_layer_is_changed_in_both_directions(keras, describe, own_model):
    plain = describe(own_model("recurrent"), {"both_ways.units": 6, "lstm.units": 2}, shape=(5, 3))
    shapes = shapes_of(build_model(plain))
    assert shapes["lstm/lstm_cell/kernel"] == (3, 8)
    kernels = [shape for path, shape in shapes.items() if path.startswith("both_ways") and path.endswith("/kernel")]
    assert kernels == [(2, 24), (2, 24)]


def test_sizes_of_a_convolution(keras, describe):
    layers = keras.layers
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", name="conv_1"),
            layers.Conv2D(8, (3, 5), padding="same", name="conv_2"),
            layers.Flatten(),
            layers.Dense(3, "softmax", name="out"),
        ]
    )
    plain = describe(net, shape=(8, 8, 1))
    assert given_value(plain, "conv_1.kernel_size") == 3
    assert given_value(plain, "conv_2.kernel_size") == (3, 5)
    assert given_value(plain, "conv_*.filters") is None
    assert given_value(plain, "conv_*.padding") == "same"
    assert given_value(plain, "conv_1.kernel_initializer") == "glorot_uniform"
    changed = build_model(describe(net, {"conv_*.kernel_size": 5, "conv_*.filters": 6}, shape=(8, 8, 1)))
    assert shapes_of(changed)["conv_1/kernel"] == (5, 5, 1, 6)
    assert shapes_of(changed)["conv_2/kernel"] == (5, 5, 6, 6)


def test_what_is_as_given_changes_nothing(keras, describe):
    net = blocks(keras)
    plain = describe(net)
    given = {name: given_value(plain, name) for name in ("tail.units", "first.activation", "block.repeat")}
    assert given == {"tail.units": 6, "first.activation": "relu", "block.repeat": 1}
    assert describe(net, given) == plain


def test_adapted_layer_keeps_its_numbers_behind_another_architecture(keras, describe):
    layers = keras.layers
    norm = layers.Normalization(name="norm")
    norm.adapt(np.random.default_rng(0).normal(3, 2, (50, 4)).astype(np.float32))
    net = keras.Sequential([keras.Input((4,)), norm, layers.Dense(5, name="a"), layers.Dense(3, "softmax", name="out")])
    changed = build_model(describe(net, {"a.units": 9}))
    np.testing.assert_array_equal(changed.get_layer("norm").mean, norm.mean)
    assert shapes_of(changed)["a/kernel"] == (4, 9)


def test_technique_of_a_layer_reaches_its_copies(keras, describe):
    plain = describe(blocks(keras), {"block.repeat": 2})
    regularized = regularize(plain, {"block/inner.l2": 0.1}, ["block/inner.l2", "l2"])
    changed = {layer.name for layer in regularized.layers if layer.arguments.get("kernel_regularizer") is not None}
    assert changed == {"block/inner", "block-x2/inner"}


def test_copies_have_what_is_said_of_the_layer_in_whatever_order(keras, describe):
    changes = {"block.repeat": 2, "block/inner.activation": "relu"}
    changed = build_model(describe(blocks(keras), changes))
    inner = [changed.get_layer(name).get_layer("inner") for name in ("block", "block-x2")]
    assert [layer.activation.__name__ for layer in inner] == ["relu", "relu"]
    section = ModelSection(family="mlp", hidden=(6, 6), layers={"dense_2.repeat": 3, "*.units": 9})
    model = describe_model(section, (4, 2), 3, "multiclass")
    assert [layer.arguments.get("units") for layer in model.layers] == [None, 9, 9, 9, 9, 3]


def test_family_takes_other_arguments():
    section = ModelSection(family="mlp", hidden=(6, 6), layers={"dense_1.units": 9, "dense_2.repeat": 3})
    model = describe_model(section, (4,), 3, "multiclass")
    assert [layer.name for layer in model.layers] == ["dense_1", "dense_2", "dense_2-x2", "dense_2-x3", "output"]
    assert [layer.arguments["units"] for layer in model.layers] == [9, 6, 6, 6, 3]
    assert build_model(model).output_shape == (None, 3)


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        (
            "tial.units",
            'expected a pattern that matches one of first, block, block/inner, block/sum, tail, received "tial"',
            'Did you mean "tail.units"?',
        ),
        (
            "tail.unit",
            "expected a technique or an argument of tail (activation, bias_initializer, kernel_initializer, repeat, "
            "trainable, units, use_bias), received unit",
            'Did you mean "tail.units"?',
        ),
        (
            "out.units",
            'expected a pattern that matches one of first, block, block/inner, block/sum, tail, received "out"',
            "",
        ),
        (
            "tail.kernel_regularizer",
            "expected an argument that a study may change, received kernel_regularizer",
            "Techniques search penalties and constraints: l2, l1, max_norm and others.",
        ),
    ],
)
def test_name_that_fits_no_layer_is_refused(keras, describe, name, message, remedy):
    with pytest.raises(LayerArgumentError) as caught:
        given_value(describe(blocks(keras)), name)
    assert (str(caught.value), caught.value.remedy) == (message, remedy)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tail.units", 0, "expected a whole number of at least 1 for tail.units, received 0"),
        ("tail.units", 2.5, "expected a whole number of at least 1 for tail.units, received 2.5"),
        ("tail.activation", "rellu", 'expected an activation for tail.activation, received "rellu"'),
        ("tail.use_bias", 1, "expected true or false for tail.use_bias, received 1"),
        ("block.repeat", 65, "expected a number from 0 to 64 for block.repeat, received 65"),
    ],
)
def test_value_that_a_layer_cannot_have_is_refused(keras, describe, name, value, message):
    with pytest.raises(LayerArgumentError, match=r"^expected") as caught:
        check_value(describe(blocks(keras)), name, value)
    assert str(caught.value) == message


def test_saved_weights_fit_no_other_architecture(keras, describe):
    with pytest.raises(StudyFileError) as caught:
        describe(blocks(keras), {"tail.units": 9}, weights="saved")
    assert str(caught.value) == (
        "[model]: expected fresh weights where arguments of layers are changed, received those of the file. Leave out "
        'weights = "saved".'
    )


def test_layer_that_takes_several_things_is_not_repeated(keras, describe):
    with pytest.raises(StudyFileError) as caught:
        describe(blocks(keras), {"block/sum.repeat": 2})
    assert str(caught.value) == (
        "[model]: expected a layer that takes one thing, so that it can be repeated or left out, received block/sum."
    )


def test_arguments_that_a_study_knows_are_those_of_keras(keras):
    known = {
        name
        for layer in vars(keras.layers).values()
        if inspect.isclass(layer) and issubclass(layer, keras.Layer)
        for name in inspect.signature(layer).parameters
    }
    assert LAYER_ARGUMENTS - known <= {"repeat", "trainable"}
