import numpy as np
import pytest

from search.errors import StudyFileError
from search.models import FAMILIES, Loss, build_model, describe_model
from search.spec import ModelSection
from search.techniques import Part


def test_families_take_their_keys():
    assert {name: sorted(family.keys) for name, family in FAMILIES.items()} == {
        "mlp": ["activation", "hidden"],
        "cnn": ["activation", "filters", "hidden", "kernel_size"],
        "lstm": ["activation", "hidden", "units"],
        "multitask": ["activation", "hidden"],
    }


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_defaults_are_of_keys_that_the_family_takes(family):
    assert set(family.defaults) <= family.keys


@pytest.mark.parametrize(
    ("task", "n_outputs", "units", "activation", "loss"),
    [
        ("binary", 2, 1, "sigmoid", "binary_crossentropy"),
        ("multiclass", 5, 5, "softmax", "sparse_categorical_crossentropy"),
        ("regression", 1, 1, "linear", "mean_squared_error"),
        ("regression", 3, 3, "linear", "mean_squared_error"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_output_suits_the_task(family, task, n_outputs, units, activation, loss):
    architecture = describe_model(ModelSection(family=family), (8, 8), n_outputs, task)
    assert architecture.output == Part("layers.Dense", {"units": units, "activation": activation, "name": "output"})
    assert architecture.layers[-1] is architecture.output
    assert architecture.outputs == {"output"}
    assert architecture.loss == Loss(loss)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_predicts(keras, family):
    model = build_model(describe_model(ModelSection(family=family), (8, 8), 3, "multiclass"))
    predicted = np.asarray(model(np.ones((2, 8, 8), np.float32)))
    assert predicted.shape == (2, 3)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-6)
    assert model.name == family


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


@pytest.mark.parametrize(("shape", "first"), [((8, 8), ["channels", "conv_1"]), ((8, 8, 3), ["conv_1"])])
def test_cnn_is_convolutions_each_followed_by_a_pooling(shape, first):
    section = ModelSection(family="cnn", filters=(4, 6), kernel_size=5, hidden=(9,), activation="tanh")
    architecture = describe_model(section, shape, 3, "multiclass")
    names = [layer.name for layer in architecture.layers]
    assert names == [*first, "pool_1", "conv_2", "pool_2", "flatten", "dense_1", "output"]
    convolutions = [layer.arguments for layer in architecture.layers if layer.path == "layers.Conv2D"]
    shared = {"kernel_size": 5, "padding": "same", "activation": "tanh"}
    assert convolutions == [
        {"filters": 4, **shared, "name": "conv_1"},
        {"filters": 6, **shared, "name": "conv_2"},
    ]


def test_lstm_hands_sequences_on_until_its_last_recurrent_layer():
    section = ModelSection(family="lstm", units=(4, 6), hidden=(9,))
    architecture = describe_model(section, (5, 2), 3, "multiclass")
    assert [layer.name for layer in architecture.layers] == ["lstm_1", "lstm_2", "dense_1", "output"]
    assert [layer.arguments.get("return_sequences") for layer in architecture.layers] == [True, False, None, None]
    assert [layer.arguments["units"] for layer in architecture.layers] == [4, 6, 9, 3]


def test_second_task_of_multitask_is_the_row():
    architecture = describe_model(ModelSection(family="multitask", hidden=(9,)), (8, 8), 3, "multiclass")
    assert [layer.name for layer in architecture.layers] == ["flatten", "dense_1", "output"]
    assert architecture.auxiliary.layer == Part(
        "layers.Dense", {"units": 64, "activation": "linear", "name": "auxiliary"}
    )
    assert architecture.auxiliary.loss == "mean_squared_error"


@pytest.mark.parametrize(
    ("section", "shape", "problem"),
    [
        (
            {"family": "cnn"},
            (64,),
            "studies/x.toml:3 [model]: expected images, rows of shape (height, width) or (height, width, channels), "
            "for a cnn, received rows of shape (64,). Give the shape of one row, as in [data] shape = [8, 8].",
        ),
        (
            {"family": "cnn", "filters": (2, 2, 2)},
            (8, 7),
            "studies/x.toml:3 [model]: expected images with edges of at least 8 pixels, which 3 entries of filters "
            "halve, for a cnn, received rows of shape (8, 7). Give fewer filters.",
        ),
        (
            {"family": "lstm"},
            (8, 8, 1),
            "studies/x.toml:3 [model]: expected sequences, rows of shape (steps, features), for an lstm, received rows "
            "of shape (8, 8, 1). Give the shape of one row, as in [data] shape = [8, 8].",
        ),
    ],
)
def test_rows_of_another_rank_are_refused(section, shape, problem):
    with pytest.raises(StudyFileError) as caught:
        describe_model(ModelSection(**section), shape, 3, "multiclass", place="studies/x.toml:3 [model]")
    assert str(caught.value) == problem


def test_own_model_is_not_described_without_its_file():
    with pytest.raises(ValueError, match=r"^expected the model of net\.keras, received none$"):
        describe_model(ModelSection(keras="net.keras"), (4,), 2, "binary")
