"""Keras, set up once for all tests of models as a worker sets it up, and models as a user brings them."""

import warnings

import pytest


@pytest.fixture(scope="session")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


@pytest.fixture
def archive_of(tmp_path):
    """A function that saves a model and returns the file's content."""
    return lambda model: _saved(model, tmp_path / "own.keras")


def _saved(model, path):
    with warnings.catch_warnings():
        # Keras 3.15 saves variables in a way that NumPy 2 warns of.
        warnings.simplefilter("ignore", DeprecationWarning)
        model.save(path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def archives(keras, tmp_path_factory):
    """Contents of the files of some models of `OWN`."""
    path = tmp_path_factory.mktemp("archives") / "own.keras"
    nets = ("sequential", "branches", "shared", "nested", "recurrent")
    return [_saved(OWN[net](keras, keras.layers), path) for net in nets]


@pytest.fixture
def own_model(keras):
    """A function that makes one of the models of `OWN`."""
    return lambda name: OWN[name](keras, keras.layers)


def _sequential(keras, layers):
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01), name="first"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="sequential_net",
    )


def _branches(keras, layers):
    rows = keras.Input((4,), name="rows")
    left = layers.Dense(5, activation="tanh", name="left")(rows)
    right = layers.Dense(5, activation="relu", name="right")(rows)
    both = layers.Concatenate(name="both")([left, right * 2.0])
    scores = layers.Dense(3, name="scores")(layers.BatchNormalization(name="norm")(both))
    return keras.Model(rows, layers.Activation("softmax", name="shares")(scores), name="branches_net")


def _shared(keras, layers):
    rows = keras.Input((4,), name="rows")
    shared = layers.Dense(4, activation="tanh", name="shared")
    once = shared(rows)
    both = layers.Concatenate(name="both")([once, shared(once)])
    return keras.Model(rows, layers.Dense(3, activation="softmax", name="out")(both), name="shared_net")


def _nested(keras, layers):
    inside = keras.Input((4,))
    encoded = layers.Dense(5, activation="tanh", name="first")(inside)
    encoder = keras.Model(inside, layers.Dense(4, activation="relu", name="second")(encoded), name="encoder")
    head = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, activation="relu", name="first"), layers.Dense(3, name="out")], name="head"
    )
    rows = keras.Input((4,), name="rows")
    scores = head(encoder(encoder(rows)))
    return keras.Model(rows, layers.Softmax(name="shares")(scores), name="nested_net")


def _recurrent(keras, layers):
    return keras.Sequential(
        [
            keras.Input((5, 3)),
            layers.LSTM(4, return_sequences=True, name="lstm"),
            layers.Bidirectional(layers.LSTM(4), name="both_ways"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="recurrent_net",
    )


OWN = {
    "sequential": _sequential,
    "branches": _branches,
    "shared": _shared,
    "nested": _nested,
    "recurrent": _recurrent,
}
