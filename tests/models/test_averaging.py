"""Several models become one that predicts their mean, and that Keras alone loads."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset, TargetScale, fit_encoder
from search.models import Member, average_models, probabilities_of
from search.techniques.row_steps import Scaling, Whitening

N_ROWS = 40
WEIGHTS = (2.0, 1.0, 1.0)
LOAD_AND_PREDICT = """
import sys
sys.modules["search"] = None
import keras, numpy as np
for name in sys.argv[2:]:
    with np.load(f"{sys.argv[1]}/{name}.npz") as given:
        rows = {key: value for key, value in given.items()}
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras")
    if "x" in rows:
        told = {"mean": model(rows["x"])}
    else:
        import tensorflow as tf
        def tensor(value):
            return tf.constant(value.tolist() if value.dtype.kind == "U" else value)
        told = model({key: tensor(value) for key, value in rows.items()})
        told = dict(told) if isinstance(told, dict) else {"mean": told}
        if "label" in told:
            told["label"] = told["label"].numpy().astype("S")
    np.savez(f"{sys.argv[1]}/{name}_told.npz", **{key: np.asarray(value) for key, value in told.items()})
"""


def net(keras, shape, units, activation, seed):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(units, activation=activation)]
    model = keras.Sequential([keras.Input(shape), *([keras.layers.Flatten()] if len(shape) > 1 else []), *layers])
    model.name = "net"
    model.compile("adam", "mean_squared_error")
    return model


def arrays(rng, shape):
    """Rows, and for each member of an average the steps that its own rows taught, told in NumPy as well."""
    x = rng.normal(3, 2, (N_ROWS, *shape)).astype(np.float32)
    size = int(np.prod(shape))
    steps = [
        [],
        [Scaling(rng.normal(size=size), rng.uniform(1, 2, size))],
        [Whitening(rng.normal(size=size), rng.normal(size=(size, size)) / size)],
    ]
    return x, steps


def of_arrays(keras, rng, shape, units, activation, link, scaled=False):
    """A mean of models of arrays: the model, what it is given, and what comes out by NumPy."""
    x, steps = arrays(rng, shape)
    scales = [TargetScale.fit(rng.normal(50, 9, (9, units))) if scaled else None for _ in WEIGHTS]
    members, told = [], []
    for seed, (weight, of_rows, scale) in enumerate(zip(WEIGHTS, steps, scales, strict=True)):
        model = net(keras, shape, units, activation, seed)
        members.append(Member(model, of_rows, scale, None, link, weight))
        rows = x
        for step in of_rows:
            rows = step(rows)
        outputs = probabilities_of(model(rows), link).numpy()
        told.append(outputs if scale is None else scale.restored(outputs))
    return average_models(members, shape), {"x": x}, {"mean": np.average(told, axis=0, weights=WEIGHTS)}


def of_table(keras, rng, classes, link, threshold=0.5):
    """The same of a table, whose columns each member saw other rows of; "member_1" is a column."""
    colors = rng.choice(["red", "blue", ""], N_ROWS)
    frame = pd.DataFrame({"member_1": rng.normal(5, 2, N_ROWS), "a/b": rng.normal(size=N_ROWS)})
    frame["mean"] = [None if color == "" else str(color) for color in colors]
    frame["mean"] = frame["mean"].astype(object)
    n_classes = len(classes)
    target = np.arange(N_ROWS) % n_classes if classes else rng.normal(size=N_ROWS)
    task = "regression" if not classes else "binary" if n_classes == 2 else "multiclass"
    dataset = Dataset(frame, target, task, classes, True, "")
    members, told, units = [], [], 1 if n_classes <= 2 else n_classes
    for seed, weight in enumerate(WEIGHTS):
        encoder = fit_encoder(dataset, np.arange(10 * seed, N_ROWS))
        rows = encoder.transform(dataset)
        model = net(keras, rows.shape[1:], units, "linear" if link or not classes else "softmax", seed)
        members.append(Member(model, (), None, encoder, link, weight))
        told.append(probabilities_of(model(rows), link).numpy())
    mean = np.average(told, axis=0, weights=WEIGHTS)
    given = {"member_1": frame["member_1"].to_numpy(), "a/b": frame["a/b"].to_numpy(), "mean": colors}
    whole = average_models(members, rows.shape[1:], classes, threshold)
    if not classes:
        return whole, given, {"mean": mean}
    if n_classes == 2:
        mean = np.column_stack([1 - mean, mean])
    chosen = mean[:, 1] > threshold if n_classes == 2 else mean.argmax(axis=1)
    assert 0 < np.mean(chosen) < n_classes - 1
    return whole, given, {"probabilities": mean, "label": np.array(classes)[chosen.astype(int)]}


@pytest.fixture(scope="module")
def cases(keras):
    rng = np.random.default_rng(1)
    return {
        "probability": of_arrays(keras, rng, (4,), 1, "sigmoid", None),
        "logit": of_arrays(keras, rng, (4,), 1, "linear", "sigmoid"),
        "margin": of_arrays(keras, rng, (4,), 1, "tanh", "halves"),
        "images": of_arrays(keras, rng, (3, 4, 1), 3, "linear", "softmax"),
        "two targets": of_arrays(keras, rng, (4,), 2, "linear", None, scaled=True),
        "table of two classes": of_table(keras, rng, ("no", "yes"), "sigmoid", threshold=0.45),
        "table of three classes": of_table(keras, rng, ("a", "b", "c"), None),
        "table of numbers": of_table(keras, rng, (), None),
    }


def test_mean_is_that_of_what_members_say_each_behind_its_own_steps(cases):
    for name, (model, given, expected) in cases.items():
        told = model(given["x"]) if "x" in given else model(tensors(given))
        told = told if isinstance(told, dict) else {"mean": told}
        compare(name, {key: np.asarray(value) for key, value in told.items()}, expected)


def test_saved_mean_needs_keras_alone(cases, tmp_path):
    for name, (model, given, _) in cases.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy, for how Keras saves variables
            model.save(tmp_path / f"{name}.keras")
        np.savez(tmp_path / f"{name}.npz", **given)
    command = [sys.executable, "-W", "ignore", "-c", LOAD_AND_PREDICT, str(tmp_path), *cases]
    subprocess.run(command, check=True, capture_output=True)
    for name, (_, _, expected) in cases.items():
        with np.load(tmp_path / f"{name}_told.npz") as told:
            compare(name, told, expected)


def tensors(columns):
    import tensorflow as tf

    return {name: tf.constant(value.tolist() if value.dtype.kind == "U" else value) for name, value in columns.items()}


def compare(name, told, expected):
    assert sorted(told) == sorted(expected), name
    for key, values in expected.items():
        if key == "label":
            np.testing.assert_array_equal(np.char.decode(told[key].astype("S")), values, err_msg=name)
        else:
            np.testing.assert_allclose(told[key], values, rtol=1e-6, atol=1e-6, err_msg=name)


def test_mean_is_compiled_like_its_members_where_it_gives_what_their_loss_takes(cases, keras):
    compiled = [name for name, (model, _, _) in cases.items() if model.compiled]
    assert compiled == ["probability", "two targets", "table of numbers"]
    model, given, _ = cases["two targets"]
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert model.loss == "mean_squared_error"
    inner = [layer for layer in model._flatten_layers() if isinstance(layer, keras.Model) and layer is not model]
    assert inner
    assert not any(layer.compiled for layer in inner)
    target = np.zeros((N_ROWS, 2))
    assert np.isclose(model.evaluate(given["x"], target, verbose=0), np.mean(np.square(model(given["x"]))), rtol=1e-4)


def test_equal_weights_are_the_mean_that_numpy_has_to_the_last_digit(keras):
    models = [net(keras, (4,), 1, "linear", seed) for seed in range(3)]
    rows = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
    found = average_models([Member(model, link="sigmoid", weight=0.2) for model in models], (4,))
    expected = np.mean([probabilities_of(model(rows), "sigmoid") for model in models], axis=0)
    np.testing.assert_array_equal(found(rows), expected)


def test_one_model_is_no_average(keras):
    with pytest.raises(ValueError, match="expected two models or more to average, received 1"):
        average_models([Member(net(keras, (4,), 1, "linear", 0))], (4,))
