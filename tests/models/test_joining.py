"""A model of several inputs, joined into one, computes what it did."""

import numpy as np
import pytest

from search.data import split_inputs
from search.errors import StudyFileError
from search.models import build_model, describe_model, read_saved, regularize, weights_by_path, with_named_inputs
from search.spec import ModelSection

INPUTS = (("numbers", (5,)), ("words", (7,)), ("image", (4, 4, 1)))
SIZE = 5 + 7 + 16


def branches(keras, form, names=("numbers", "words", "image")):
    """An embedding with a mask, a convolution, dense layers; inputs by `form`."""
    layers = keras.layers
    numbers = keras.Input((5,), name=names[0])
    words = keras.Input((7,), dtype="int32", name=names[1])
    image = keras.Input((4, 4, 1), name=names[2])
    inner = keras.Sequential([keras.Input((5,)), layers.Dense(3, "tanh", name="dense")], name="inner")
    told = layers.GlobalAveragePooling1D()(layers.Embedding(20, 3, mask_zero=True, name="embedding")(words))
    seen = layers.Flatten()(layers.Conv2D(2, 3, name="conv")(image))
    both = layers.Concatenate()([inner(numbers), told, seen, layers.Dense(2, name="straight")(numbers)])
    predicted = layers.Dense(1, "sigmoid", name="predicted")(both)
    return keras.Model(form(numbers, words, image), predicted, name="branches")


FORMS = {
    "list": lambda *tensors: list(tensors),
    "dictionary": lambda *tensors: {tensor.name: tensor for tensor in reversed(tensors)},
    "nested": lambda numbers, words, image: [numbers, [words, image]],
}


@pytest.fixture
def rows():
    generator = np.random.default_rng(0)
    whole = generator.integers(0, 20, (6, 7))
    return np.hstack([generator.normal(size=(6, 5)), whole, generator.random((6, 16))]).astype(np.float32)


@pytest.fixture
def saved_of(tmp_path):
    def save(model):
        model.save(tmp_path / "model.keras")
        return read_saved((tmp_path / "model.keras").read_bytes(), "[model]", keeps_weights=True)

    return save


def plain_of(saved, inputs=INPUTS):
    size = sum(int(np.prod(shape)) for _, shape in inputs)
    return describe_model(ModelSection(keras="model.keras"), (size,), 2, "binary", saved, inputs=inputs)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("traced", [False, True])
def test_joined_model_predicts_what_the_model_does(keras, saved_of, rows, form, traced):
    model = branches(keras, FORMS[form])
    parts = split_inputs(rows, INPUTS)
    numbers, words, image = parts.values()
    given = {"list": [numbers, words, image], "dictionary": parts, "nested": [numbers, [words, image]]}[form]
    joined = build_model(plain_of(saved_of(model)), traced=traced)
    np.testing.assert_allclose(joined(rows), model(given), rtol=1e-6)
    assert list(weights_by_path(joined)) == list(weights_by_path(model))


def test_order_of_the_data_is_that_of_the_rows(keras, saved_of, rows):
    model = branches(keras, FORMS["list"])
    parts, turned = split_inputs(rows, INPUTS), INPUTS[::-1]
    flat = np.hstack([parts[name].reshape(6, -1) for name, _ in turned])
    joined = build_model(plain_of(saved_of(model), turned))
    np.testing.assert_allclose(joined(flat), model(list(parts.values())), rtol=1e-6)


def test_names_that_layers_have_already_are_left_to_them(keras, saved_of, rows):
    names = ("rows", "rows_column", "rows_whole")
    model = branches(keras, FORMS["list"], names)
    inputs = tuple((name, shape) for name, (_, shape) in zip(names, INPUTS, strict=True))
    joined = build_model(plain_of(saved_of(model), inputs))
    np.testing.assert_allclose(joined(rows), model(list(split_inputs(rows, INPUTS).values())), rtol=1e-6)


def test_noise_at_the_input_leaves_names_of_things_alone(keras, saved_of, rows):
    plain = plain_of(saved_of(branches(keras, FORMS["list"])))
    noisy = build_model(regularize(plain, {"input_noise": 0.4}, ("input_noise",)))
    ends = {"numbers": "numbers", "words_values": "words", "image": "image"}
    passed = keras.Model(noisy.input, [noisy.get_layer(name).output for name in ends])(rows, training=True)
    parts = split_inputs(rows, INPUTS)
    for name, tensor in zip(ends.values(), passed, strict=True):
        assert np.array_equal(tensor, parts[name]) == (name == "words")


def test_named_inputs_go_to_their_places(keras, saved_of, rows):
    model = branches(keras, FORMS["list"])
    joined = build_model(plain_of(saved_of(model)))
    joined.compile("adam", "binary_crossentropy")
    named, parts = with_named_inputs(joined, INPUTS), split_inputs(rows, INPUTS)
    np.testing.assert_allclose(named.predict(parts, verbose=0), model(list(parts.values())), rtol=1e-5)
    assert named.loss == "binary_crossentropy"


@pytest.mark.parametrize(
    "inputs",
    [INPUTS[:2], (*INPUTS, ("more", (1,))), (("numbers", (5,)), ("words", (7,)), ("image", (16,))), ()],
)
def test_rows_of_other_inputs_are_refused(keras, saved_of, inputs):
    saved = saved_of(branches(keras, FORMS["list"]))
    with pytest.raises(StudyFileError, match=r'"numbers" \(5,\), "words" \(7,\), "image" \(4, 4, 1\), which the model'):
        describe_model(ModelSection(keras="model.keras"), (SIZE,), 2, "binary", saved, inputs=inputs)


def test_inputs_are_read_from_the_file(keras, saved_of):
    saved = saved_of(branches(keras, FORMS["dictionary"]))
    assert dict(saved.inputs) == dict(INPUTS)
    assert saved.whole == ("words",)
    with pytest.raises(ValueError, match="expected a model of one input, received"):
        _ = saved.input_shape
