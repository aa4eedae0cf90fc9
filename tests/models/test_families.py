import pytest

from search.models import FAMILIES, describe_model
from search.spec import ModelSection
from search.techniques import Part


def test_mlp_takes_its_keys():
    assert {name: sorted(family.keys) for name, family in FAMILIES.items()} == {"mlp": ["activation", "hidden"]}


@pytest.mark.parametrize(
    ("task", "n_outputs", "units", "activation", "loss"),
    [
        ("binary", 2, 1, "sigmoid", "binary_crossentropy"),
        ("multiclass", 5, 5, "softmax", "sparse_categorical_crossentropy"),
        ("regression", 1, 1, "linear", "mean_squared_error"),
        ("regression", 3, 3, "linear", "mean_squared_error"),
    ],
)
def test_output_suits_the_task(task, n_outputs, units, activation, loss):
    architecture = describe_model(ModelSection(family="mlp", hidden=()), (7,), n_outputs, task)
    output = Part("layers.Dense", {"units": units, "activation": activation, "name": "output"})
    assert architecture.layers == (output,)
    assert architecture.loss == loss


def test_hidden_layers_are_numbered_from_one():
    section = ModelSection(family="mlp", hidden=(9, 4), activation="tanh")
    architecture = describe_model(section, (7,), 2, "binary")
    assert [layer.name for layer in architecture.layers] == ["dense_1", "dense_2", "output"]
    assert [layer.arguments["units"] for layer in architecture.layers] == [9, 4, 1]
    assert [layer.arguments["activation"] for layer in architecture.layers] == ["tanh", "tanh", "sigmoid"]


def test_activation_that_is_left_out_is_the_familys_default():
    hidden, _ = describe_model(ModelSection(family="mlp", hidden=(64,)), (7,), 2, "binary").layers
    assert hidden == Part("layers.Dense", {"units": 64, "activation": "relu", "name": "dense_1"})


@pytest.mark.parametrize(("shape", "names"), [((8, 8), ["flatten", "output"]), ((64,), ["output"])])
def test_rows_that_are_no_vectors_are_flattened(shape, names):
    architecture = describe_model(ModelSection(family="mlp", hidden=()), shape, 2, "binary")
    assert [layer.name for layer in architecture.layers] == names
