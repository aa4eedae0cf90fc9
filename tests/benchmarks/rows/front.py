"""A head behind a frozen front, against the whole model in a compiled run, and in Keras' own `fit`."""

import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.datasets import load_digits

from search.preparation.files import prepare_study
from search.records import Configuration
from search.training import WorkerSession, jobs
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds

LIMITED_BY = "the head alone: the front computes each row once a study, before the runs that are counted."

STUDY = """
[study]
name = "front"
n_trials = 2
[data]
source = "npz"
path = "rows.npz"
[split]
validation = {{ method = "head", train = 1437 }}
[model]
keras = "net.keras"
weights = "saved"
[training]
epochs = {n_epochs}
engine = "{engine}"
[space]
l2 = {{ low = 1e-6, high = 1e-1, log = true }}
"""

N_EPOCHS = 20
FULL = {}
QUICK = {"rounds": 2, "n_counted": 5}
TINY = {"rounds": 1, "n_counted": 1, "n_filters": (2,), "engine": "graph"}


def measure(rounds=5, n_counted=N_EPOCHS, n_filters=(16, 32, 64), engine="compiled") -> list[Line]:
    start_tensorflow()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x, y = _write(folder, n_filters)
        (folder / "study.toml").write_text(STUDY.format(n_epochs=n_counted, engine=engine))
        prepared = prepare_study(str(folder / "study.toml"))
        run = prepared.runs(1, Configuration({"l2": 1e-3}))[0]
        cut, whole = WorkerSession(), WorkerSession()

        def uncut():
            with mock.patch.object(jobs, "find_front", return_value=None):
                whole.train(prepared.plan, run)

        scale = N_EPOCHS / n_counted
        peers = {
            "cut": wall_seconds(lambda: cut.train(prepared.plan, run), scale),
            "whole": wall_seconds(uncut, scale),
            "fit": wall_seconds(lambda: _fit(folder, x, y, n_counted), scale),
        }
        costs = side_by_side(peers, rounds)
    work = f"32x32 digits, {'-'.join(map(str, n_filters))} filters frozen, a head of 64, {N_EPOCHS} epochs"
    note = "" if scale == 1 else f"{n_counted} of {N_EPOCHS} epochs counted"
    return [
        Line("front", work, against, "s a run", costs["cut"], costs[peer], None, note)
        for peer, against in (("whole", "the whole model, compiled"), ("fit", "fit of the whole model"))
    ]


def _write(folder, n_filters):
    """The rows and the model; both parts of the rows, train and validation."""
    import keras

    layers = keras.layers
    digits, y = load_digits(return_X_y=True)
    x = np.kron(digits.reshape(-1, 8, 8) / 16, np.ones((4, 4))).astype(np.float32)[..., None]
    np.savez(folder / "rows.npz", x=x, y=y)
    keras.utils.set_random_seed(1)
    stack = [keras.Input((32, 32, 1))]
    for number, filters in enumerate(n_filters):
        stack.append(layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}"))
        stack.append(layers.MaxPooling2D(name=f"pool_{number}"))
    base = keras.Sequential(stack, name="base")
    base.trainable = False
    head = [layers.GlobalAveragePooling2D(), layers.Dense(64, "relu", name="head"), layers.Dense(10, "softmax")]
    keras.Sequential([keras.Input((32, 32, 1)), base, *head]).save(folder / "net.keras")
    return x, y


def _fit(folder, x, y, n_epochs):
    import keras

    model = keras.models.load_model(folder / "net.keras")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    held = (x[1437:], y[1437:])
    model.fit(x[:1437], y[:1437], epochs=n_epochs, batch_size=32, validation_data=held, verbose=0)
