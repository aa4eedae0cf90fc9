"""A `.keras` file is read without Keras, and refused in words."""

import functools
import io
import json
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

from search.errors import StudyFileError
from search.models import Loss, describe_model, read_saved
from search.models.saved import Output
from search.spec import ModelSection
from search.techniques import Part

REMEDY = (
    'What works: Sequential and Functional models of Keras\' own layers; with model.custom = "FILE.py" and --trust of '
    "those that the file defines too, and subclassed ones that model.builder returns."
)
UNREADABLE = 'Save it with Keras 3: model.save("net.keras").'


def problem_of(archive):
    with pytest.raises(StudyFileError) as caught:
        read_saved(archive, "x.toml:4 [model]")
    return str(caught.value).removeprefix("x.toml:4 [model]: ")


def archive_with(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, value in members.items():
            archive.writestr(f"{name}.json", json.dumps(value))
    return content.getvalue()


@pytest.mark.parametrize(
    ("net", "layers", "shape", "output"),
    [
        ("sequential", ["first", "drop", "out"], (4,), "out"),
        ("branches", ["left", "right", "multiply", "both", "norm", "scores", "shares"], (4,), "scores"),
        ("shared", ["shared", "both", "out"], (4,), "out"),
        ("nested", ["encoder/first", "encoder/second", "head/first", "head/out", "shares"], (4,), "head/out"),
        ("recurrent", ["lstm", "both_ways", "out"], (5, 3), "out"),
    ],
)
def test_file_tells_layers_shapes_and_what_comes_out(own_model, archive_of, net, layers, shape, output):
    saved = read_saved(archive_of(own_model(net)), "[model]")
    names = [layer.name.rstrip("_0123456789") if "multiply" in layer.name else layer.name for layer in saved.layers]
    assert sorted(names) == sorted(layers)
    assert saved.input_shape == shape
    assert (saved.outputs, saved.units, saved.activation) == ((output,), 3, "softmax")
    assert saved.name == f"{net}_net"


def test_layer_is_a_part_whose_penalties_are_parts(own_model, archive_of):
    first = read_saved(archive_of(own_model("sequential")), "[model]").layers[0]
    assert first.path == "layers.Dense"
    assert first.arguments["kernel_regularizer"] == Part("regularizers.L2", {"l2": 0.01})
    assert first.arguments["dtype"] == "float32"
    assert (first.arguments["units"], first.arguments["bias_regularizer"]) == (6, None)


def test_reading_imports_neither_keras_nor_tensorflow(own_model, archive_of, tmp_path):
    archive_of(own_model("nested"))
    code = (
        "import pathlib, sys; from search.models import read_saved; "
        "print(read_saved(pathlib.Path(sys.argv[1]).read_bytes(), 'x').outputs, "
        "sorted({'keras', 'tensorflow'}.intersection(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "own.keras"], capture_output=True, check=True, text=True
    )
    assert done.stdout == "('head/out',) []\n"


def ending_in(keras, ending):
    """A Functional model of two heads on a hidden layer, and what its function makes of the heads."""
    layers = keras.layers
    rows = keras.Input((4,))
    hidden = layers.Dense(5, activation="tanh", name="hidden")(rows)
    left, right = (layers.Dense(2, name=name)(hidden) for name in ("left", "right"))
    return keras.Model(rows, ending(keras, left, right))


ONE_HEAD = {
    "rescaling": (lambda keras, x, _: keras.layers.Rescaling(10.0)(x), 2, "linear"),
    "reshape": (lambda keras, x, _: keras.layers.Reshape((2,))(x), 2, "linear"),
    "reshape to what is left": (lambda keras, x, _: keras.layers.Reshape((-1, 2))(x), None, "linear"),
    "flatten": (lambda keras, x, _: keras.layers.Flatten()(x), 2, "linear"),
    "relu": (lambda keras, x, _: keras.layers.ReLU()(x), 2, "relu"),
    "operation": (lambda keras, x, _: x * 10.0, 2, "linear"),
    "operation with an array": (lambda keras, x, _: x * np.array([1.0, 2.0], np.float32), None, "linear"),
    "operation that is an activation": (lambda keras, x, _: keras.ops.softmax(x), 2, "softmax"),
    "operation along an axis": (lambda keras, x, _: keras.ops.sum(x, axis=1, keepdims=True), None, "linear"),
    "operation behind an activation": (lambda keras, x, _: keras.layers.Softmax()(x) * 2.0, 2, "linear"),
    "denormalization": (
        lambda keras, x, _: keras.layers.Normalization(mean=1.0, variance=4.0, invert=True)(x),
        2,
        "linear",
    ),
    "many operations": (lambda keras, x, _: functools.reduce(lambda y, _: y / (y + 1.0), range(50), x), 2, "linear"),
}
TWO_HEADS = {
    "sum": (lambda keras, *heads: keras.layers.Add()(heads), 2, "linear"),
    "sum by an operation": (lambda keras, left, right: left + right, 2, "linear"),
    "average": (lambda keras, *heads: keras.layers.Average()(heads), 2, "linear"),
    "average of probabilities": (
        lambda keras, *heads: keras.layers.Average()([keras.layers.Softmax()(head) for head in heads]),
        2,
        "softmax",
    ),
    "average of unlike things": (
        lambda keras, left, right: keras.layers.Average()([keras.layers.Softmax()(left), right]),
        2,
        "linear",
    ),
    "concatenation": (lambda keras, *heads: keras.layers.Concatenate()(heads), 4, "linear"),
    "product": (lambda keras, *heads: keras.layers.Dot(axes=1)(heads), None, "linear"),
}


@pytest.mark.parametrize(("ending", "units", "activation"), ONE_HEAD.values(), ids=ONE_HEAD)
def test_layer_that_predicts_stands_before_all_without_weights(keras, archive_of, ending, units, activation):
    saved = read_saved(archive_of(ending_in(keras, ending)), "x")
    assert (saved.outputs, saved.units, saved.activation) == (("left",), units, activation)


@pytest.mark.parametrize(("ending", "units", "activation"), TWO_HEADS.values(), ids=TWO_HEADS)
def test_two_layers_may_predict_together(keras, archive_of, ending, units, activation):
    saved = read_saved(archive_of(ending_in(keras, ending)), "x")
    assert (sorted(saved.outputs), saved.units, saved.activation) == (["left", "right"], units, activation)


def test_layer_that_predicts_is_found_through_models_and_shared_layers_without_weights(keras, archive_of):
    layers = keras.layers
    rows = keras.Input((4,))
    inside = keras.Input((2,))
    scale = keras.Model(inside, layers.Rescaling(2.0)(inside), name="scale")
    cut = keras.Sequential([layers.ReLU(), layers.Dropout(0.5)], name="cut")
    hidden = cut(layers.Dense(2, name="hidden")(rows))
    out = layers.Dense(2, name="out")(hidden)
    saved = read_saved(archive_of(keras.Model(rows, cut(scale(scale(out))))), "x")
    assert (saved.outputs, saved.units, saved.activation) == (("out",), 2, "relu")
    saved = read_saved(archive_of(keras.Model(rows, scale(scale(out)))), "x")
    assert (saved.outputs, saved.units, saved.activation) == (("out",), 2, "linear")


def test_rows_that_are_added_to_predictions_predict_nothing(keras, archive_of):
    rows = keras.Input((4,))
    out = keras.layers.Dense(4, name="out")(keras.layers.Dense(3, name="hidden")(rows))
    saved = read_saved(archive_of(keras.Model(rows, out + rows)), "x")
    assert (saved.outputs, saved.units) == (("out",), 4)


def test_size_is_checked_behind_layers_without_weights(keras, archive_of):
    saved = read_saved(archive_of(ending_in(keras, ONE_HEAD["operation"][0])), "x")
    with pytest.raises(StudyFileError) as caught:
        describe_model(ModelSection(keras="own.keras"), (4,), 1, "regression", saved)
    assert str(caught.value) == (
        "[model]: expected a model that ends like Dense(1) for a target of numbers, received 2 units with the "
        "activation linear."
    )


def test_names_of_inputs_do_not_count_in_the_fingerprint(keras, archive_of):
    layers = keras.layers

    def build(rate=0.5):
        inside = keras.Input((3,))
        encoder = keras.Model(inside, layers.Dense(3, name="encoding")(inside), name="encoder")
        rows = keras.Input((3,))
        tail = keras.Sequential([keras.Input((3,)), layers.Dense(1, name="out")], name="tail")
        dropped = layers.Dropout(rate, name="drop")(encoder(rows))
        return keras.Model(rows, tail(layers.Add(name="sum")([dropped, rows])), name="net")

    first, second, other = build(), build(), build(rate=0.25)
    assert first.inputs[0].name != second.inputs[0].name
    prints = [read_saved(archive_of(model), "x").sha256 for model in (first, second, other)]
    assert prints[0] == prints[1] != prints[2]


def test_where_an_input_is_taken_counts_in_the_fingerprint(keras, archive_of):
    def fingerprint(left, right):
        inside = {name: keras.Input((3,)) for name in ("a", "b")}
        taken = [inside[left], inside[right]]
        both = keras.Model(list(inside.values()), keras.layers.Subtract(name="minus")(taken), name="both")
        rows = keras.Input((3,))
        scores = both([keras.layers.Dense(3, name="one")(rows), keras.layers.Dense(3, name="two")(rows)])
        return read_saved(archive_of(keras.Model(rows, scores, name="net")), "x").sha256

    assert fingerprint("a", "b") == fingerprint("a", "b") != fingerprint("b", "a")


def test_fingerprint_depends_on_layers_and_on_weights_that_are_kept(own_model, archive_of):
    model = own_model("sequential")

    def fingerprint(**kept):
        return read_saved(archive_of(model), "x", **kept).sha256

    fresh, saved = fingerprint(), fingerprint(keeps_weights=True)
    assert fresh != saved
    assert (fingerprint(), fingerprint(keeps_weights=True)) == (fresh, saved)
    model.get_layer("first").bias.assign([1.0] * 6)
    assert fingerprint() == fresh
    assert fingerprint(keeps_weights=True) != saved
    model.get_layer("first").trainable = False
    frozen = fingerprint()
    model.get_layer("first").bias.assign([2.0] * 6)
    assert len({fresh, frozen, fingerprint()}) == 3
    model.get_layer("drop").rate = 0.25
    assert fingerprint() != frozen


def test_representation_tells_models_apart_without_their_content(own_model, archive_of):
    saved = read_saved(archive_of(own_model("sequential")), "x")
    assert saved.sha256 in repr(saved)
    assert len(repr(saved)) < 400


def test_file_that_is_no_archive_of_keras_3_is_refused():
    broken = "expected a file in the .keras format, received another one"
    assert problem_of(b"\x89HDF\r\n\x1a\n") == f"{broken}. {UNREADABLE}"
    empty = "expected a file in the .keras format, received an archive without a model"
    assert problem_of(archive_with(other={})) == f"{empty}. {UNREADABLE}"
    old = archive_with(config={"class_name": "Sequential", "config": {}}, metadata={"keras_version": "2.15.0"})
    assert problem_of(old) == f"expected a model saved by Keras 3, received one of version 2.15.0. {UNREADABLE}"


def test_subclassed_model_is_refused(keras, archive_of):
    class Mine(keras.Model):
        def __init__(self, **arguments):
            super().__init__(**arguments)
            self.dense = keras.layers.Dense(1)

        def build(self, input_shape):
            self.dense.build(input_shape)

        def call(self, x):
            return self.dense(x)

    model = Mine()
    model.build((None, 3))
    expected = f"expected a Sequential or Functional model, received the subclassed model Mine. {REMEDY}"
    assert problem_of(archive_of(model)) == expected


def test_code_of_the_users_own_is_refused(keras, archive_of):
    class Twice(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    def bent(x):
        return keras.ops.tanh(x)

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((3,)),
            Twice(name="twice"),
            layers.Lambda(bent, name="bend"),
            layers.Dense(2, activation=bent, name="dense"),
            layers.Dense(1, activation="relu"),
        ]
    )
    assert problem_of(archive_of(model)) == (
        'expected layers of Keras itself, received the class Twice (layer "twice"), the Lambda layer "bend", '
        f'the function "bent". {REMEDY}'
    )


def test_lambda_function_is_refused(keras, archive_of):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras warns of it too
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation=lambda x: x)])
        archive = archive_of(model)
    assert problem_of(archive) == f"expected layers of Keras itself, received a lambda function. {REMEDY}"


def test_outputs_are_told_by_the_names_that_keras_has_for_them(keras, archive_of):
    rows, layers = keras.Input((3,)), keras.layers
    kind = layers.Softmax(name="soft")(layers.Dense(4, name="kind")(rows))
    size = layers.Dense(2, "relu", name="size")(rows)
    listed, named = (
        read_saved(archive_of(keras.Model(rows, each)), "[model]") for each in ([size, kind], {"a": kind, "b": size})
    )
    assert listed.ends == (Output("size", 2, "relu"), Output("soft", 4, "softmax"))
    assert named.ends == (Output("a", 4, "softmax"), Output("b", 2, "relu"))
    assert sorted(listed.outputs) == sorted(named.outputs) == ["kind", "size"]


@pytest.mark.parametrize("weights", [None, [0.5, 2.0], {"soft": 2.0, "size": 0.5}])
@pytest.mark.parametrize("as_list", [True, False])
def test_losses_and_weights_of_several_outputs_are_read_however_compile_was_given_them(
    keras, archive_of, weights, as_list
):
    rows, layers = keras.Input((3,)), keras.layers
    kind = layers.Softmax(name="soft")(layers.Dense(4, name="kind")(rows))
    model = keras.Model(rows, [layers.Dense(2, name="size")(rows), kind])
    focal = keras.losses.CategoricalFocalCrossentropy(gamma=3.0)
    model.compile(loss=["mae", focal] if as_list else {"soft": focal, "size": "mae"}, loss_weights=weights)
    losses = read_saved(archive_of(model), "[model]").compiled.losses
    size, soft = (losses[name] for name in ("size", "soft"))
    assert (size.name, soft.name) == ("mean_absolute_error", "categorical_focal_crossentropy")
    assert dict(soft.arguments) == {"gamma": 3.0}
    assert (size.weight, soft.weight) == ((1.0, 1.0) if weights is None else (0.5, 2.0))


def test_output_without_a_loss_does_not_train(keras, archive_of):
    rows = keras.Input((3,))
    model = keras.Model(rows, [keras.layers.Dense(2, name="one")(rows), keras.layers.Dense(2, name="two")(rows)])
    model.compile(loss={"one": "mse", "two": None})
    assert read_saved(archive_of(model), "[model]").compiled.losses["two"] is None


def test_outputs_of_one_name_are_refused(keras, archive_of):
    first = keras.Input((3,))
    dense = keras.layers.Dense(3, name="twice")
    assert problem_of(archive_of(keras.Model(first, [dense(first), dense(dense(first))]))) == (
        "expected outputs of different names, received several that are called twice. "
        "Give the layers that predict names, and let each predict once."
    )


def test_model_of_unknown_or_fixed_size_is_refused(keras, archive_of):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras warns of a model that was not built
        archive = archive_of(keras.Sequential([keras.layers.Dense(1)]))
    assert problem_of(archive) == (
        "expected a model that knows the shape of its rows, received one that was not built. "
        "Begin it with keras.Input(shape), then save it."
    )
    fixed = keras.Sequential([keras.Input((3,), batch_size=32), keras.layers.Dense(1)])
    assert problem_of(archive_of(fixed)) == (
        "expected a model for batches of any size, received one for batches of 32. Leave batch_size out of keras.Input."
    )


def test_layer_in_two_nested_models_is_refused(keras, archive_of):
    shared = keras.layers.Dense(3, name="shared")

    def model_with(name):
        rows = keras.Input((3,))
        return keras.Model(rows, shared(rows), name=name)

    rows = keras.Input((3,))
    both = model_with("first")(rows) + model_with("second")(rows)
    assert problem_of(archive_of(keras.Model(rows, both))) == (
        "expected each layer in one model, received second/shared, which stands in another one too. "
        "Let both models be called on a third one that holds the layer."
    )


def ending(keras, *last):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), *last])


@pytest.mark.parametrize(
    ("task", "n_outputs", "last"),
    [
        ("binary", 2, [("Dense", {"units": 1, "activation": "sigmoid"})]),
        ("binary", 2, [("Dense", {"units": 1}), ("Activation", {"activation": "sigmoid"})]),
        ("multiclass", 3, [("Dense", {"units": 3}), ("Softmax", {})]),
        ("multiclass", 3, [("Dense", {"units": 3, "activation": "softmax"}), ("Dropout", {"rate": 0.1})]),
        ("regression", 2, [("Dense", {"units": 2})]),
        ("regression", 1, [("Dense", {"units": 1, "activation": "softplus"})]),
    ],
)
def test_output_that_suits_the_task_is_taken(keras, archive_of, task, n_outputs, last):
    model = ending(keras, *(getattr(keras.layers, name)(**arguments) for name, arguments in last))
    saved = read_saved(archive_of(model), "[model]")
    architecture = describe_model(ModelSection(keras="own.keras"), (4,), n_outputs, task, saved)
    names = {"binary": "binary_", "multiclass": "sparse_categorical_"}
    assert architecture.loss == Loss(f"{names[task]}crossentropy" if task in names else "mean_squared_error")
    assert architecture.outputs == {architecture.layers[1].name}
    assert architecture.layers[1].path == "layers.Dense"


def test_two_classes_may_be_told_apart_by_a_softmax_of_two(keras, archive_of):
    saved = read_saved(archive_of(ending(keras, keras.layers.Dense(2, activation="softmax"))), "x")
    architecture = describe_model(ModelSection(keras="own.keras"), (4,), 2, "binary", saved)
    assert architecture.loss == Loss("sparse_categorical_crossentropy")


PROBABILITIES = (
    "Add the activation as a last layer, so that the model predicts probabilities; or, where its outputs are logits, "
    'set training.loss = { name = "sparse_categorical_crossentropy", from_logits = true }.'
)


@pytest.mark.parametrize(
    ("task", "n_outputs", "units", "activation", "message"),
    [
        (
            "binary",
            2,
            3,
            "softmax",
            'expected a model that ends like Dense(2, activation="softmax") for a target of two classes, '
            "received 3 units with the activation softmax.",
        ),
        (
            "multiclass",
            3,
            3,
            "linear",
            'expected a model that ends like Dense(3, activation="softmax") for a target of several classes, '
            f"received 3 units with the activation linear. {PROBABILITIES}",
        ),
        (
            "regression",
            1,
            1,
            "sigmoid",
            "expected a model that ends like Dense(1) for a target of numbers, received 1 unit with the activation "
            'sigmoid. Set data.task = "classification" when the target was taken for the wrong kind.',
        ),
    ],
)
def test_output_that_does_not_suit_the_task_is_refused(keras, archive_of, task, n_outputs, units, activation, message):
    saved = read_saved(archive_of(ending(keras, keras.layers.Dense(units, activation=activation))), "[model]")
    with pytest.raises(StudyFileError) as caught:
        describe_model(ModelSection(keras="own.keras"), (4,), n_outputs, task, saved, place="x.toml:4 [model]")
    assert str(caught.value) == f"x.toml:4 [model]: {message}"


def test_rows_that_the_model_does_not_take_are_refused(own_model, archive_of):
    saved = read_saved(archive_of(own_model("recurrent")), "[model]")
    section = ModelSection(keras="own.keras")
    with pytest.raises(StudyFileError) as caught:
        describe_model(section, (15,), 3, "multiclass", saved)
    assert str(caught.value) == (
        "[model]: expected rows of shape (5, 3), which the model takes, received rows of (15,). "
        "Write [data] shape = [5, 3]."
    )
    with pytest.raises(StudyFileError) as caught:
        describe_model(section, (5, 4), 3, "multiclass", saved)
    assert str(caught.value) == (
        "[model]: expected rows of shape (5, 3), which the model takes, received rows of (5, 4)."
    )


def test_open_size_takes_any(keras, archive_of):
    model = keras.Sequential(
        [keras.Input((None, 3)), keras.layers.LSTM(4), keras.layers.Dense(3, activation="softmax")]
    )
    saved = read_saved(archive_of(model), "[model]")
    assert saved.input_shape == (None, 3)
    assert describe_model(ModelSection(keras="o.keras"), (9, 3), 3, "multiclass", saved).input_shape == (9, 3)
