"""How much a model computes, against the shapes of the Keras model itself."""

import math

import pytest

from search.models import Architecture, build_model, count_products, describe_model
from search.spec import ModelSection
from search.techniques import Part

SHAPES = {"mlp": (20,), "cnn": (16, 16, 3), "lstm": (7, 5), "multitask": (8, 8)}


def products_of(model):
    """Products of each layer of Keras' own, by the shapes of its kernels and of what it hands on."""
    total = 0
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Dense":
            total += layer.kernel.shape[0] * math.prod(layer.output.shape[1:])
        elif kind == "Conv2D":
            total += math.prod(layer.kernel.shape[:-1]) * math.prod(layer.output.shape[1:])
        elif kind == "LSTM":
            n_steps = layer.input.shape[1]
            total += n_steps * (math.prod(layer.cell.kernel.shape) + math.prod(layer.cell.recurrent_kernel.shape))
    return total


@pytest.mark.parametrize("family", SHAPES)
def test_products_of_a_family_are_those_of_its_model(keras, family):
    given = {"cnn": {"filters": (4, 8), "kernel_size": 3, "hidden": (9,)}, "lstm": {"units": (6, 4), "hidden": (5,)}}
    section = ModelSection(family=family, **given.get(family, {"hidden": (9, 4)}))
    architecture = describe_model(section, SHAPES[family], 3, "multiclass")
    model = build_model(architecture)
    expected = products_of(model)
    if family == "multitask":
        expected = products_of(keras.Model(model.inputs, model.get_layer("output").output))
    assert count_products(architecture) == expected


@pytest.mark.parametrize(
    ("layers", "shape", "expected"),
    [
        ([Part("layers.Conv1D", {"filters": 4, "kernel_size": 3, "strides": 2})], (10, 2), 5 * 3 * 2 * 4),
        ([Part("layers.GRU", {"units": 3})], (10, 2), 10 * 3 * 3 * (2 + 3)),
        ([Part("layers.Embedding", {"output_dim": 6}), Part("layers.Dense", {"units": 2})], (10,), 10 * 6 * 2),
        ([Part("layers.GlobalAveragePooling2D"), Part("layers.Dense", {"units": 2})], (8, 8, 5), 5 * 2),
        ([Part("layers.Flatten"), Part("layers.Dense", {"units": 2})], (8, 8, 5), 320 * 2),
        ([Part("layers.MaxPooling2D", {"pool_size": [2, 2]}), Part("layers.Dense", {"units": 2})], (8, 8, 5), 80 * 2),
        ([Part("layers.Reshape", {"target_shape": (4, -1)}), Part("layers.Dense", {"units": 2})], (8,), 8 * 2),
        ([Part("layers.SomethingNew", {"units": 9})], (8,), 0),
    ],
)
def test_layers_of_other_models_are_counted_as_far_as_they_are_known(layers, shape, expected):
    assert count_products(Architecture("own", {"x": shape}, tuple(layers), "mean_squared_error")) == expected
