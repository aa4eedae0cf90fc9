"""Jobs for regsearch's engines, and the very same training by plain Keras."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.datasets import load_digits, make_moons

from search.data import Arrays, Samples
from search.models import Architecture, build_model, make_optimizer, open_slots, regularize
from search.spec import TrainingSection
from search.techniques import Part
from search.training import METRICS
from search.training.engines import Job, Stores, choose_engine, make_engines
from search.training.plan import Capacity

Fit = Callable[[int], float]
"""Trains so many epochs more, and returns the wall time of one, its validation included."""


def moons() -> Arrays:
    """The tutorial's rows: the first 30 train, 70 score."""
    x, y = make_moons(100, noise=0.2, random_state=1)
    return split(x.astype(np.float32), y, 30)


def digits() -> Arrays:
    """scikit-learn's digits, pixels in [0, 1]: 1,437 rows train, 360 score."""
    x, y = load_digits(return_X_y=True)
    return split((x / 16).astype(np.float32), y, 1437)


def random_images(n_train: int, n_validation: int) -> Arrays:
    """Rows of the size of MNIST's, 784 numbers and ten classes, with nothing in them."""
    generator = np.random.default_rng(1)
    n_rows = n_train + n_validation
    x = generator.random((n_rows, 784), dtype=np.float32)
    return split(x, generator.integers(0, 10, n_rows), n_train)


def split(x: np.ndarray, y: np.ndarray, n_train: int) -> Arrays:
    """The first rows train, the others score."""
    train, validation = Samples.of(x[:n_train], y[:n_train]), Samples.of(x[n_train:], y[n_train:])
    return Arrays(train, train.first(0), validation)


def mlp(n_inputs: int, hidden: tuple[int, ...], n_outputs: int) -> Architecture:
    """Dense layers; one output is a probability, more are a softmax."""
    layers = (dense(units, "relu", f"dense_{number}") for number, units in enumerate(hidden, start=1))
    return Architecture("mlp", {"x": (n_inputs,)}, (*layers, output(n_outputs)), loss(n_outputs))


def dense(units: int, activation: str, name: str) -> Part:
    """A dense layer."""
    return Part("layers.Dense", {"units": units, "activation": activation, "name": name})


def output(n_outputs: int) -> Part:
    """The layer that predicts."""
    return dense(n_outputs, "sigmoid" if n_outputs == 1 else "softmax", "output")


def loss(n_outputs: int) -> str:
    """The loss that goes with `output`."""
    return "binary_crossentropy" if n_outputs == 1 else "sparse_categorical_crossentropy"


def make_job(
    arrays: Arrays, architecture: Architecture, configuration: Mapping[str, float], training: TrainingSection
) -> Job:
    """What an engine trains; the space is what the configuration has on."""
    plain = architecture.at_precision(training.precision)
    return Job(
        arrays=arrays,
        capacity=Capacity(train=len(arrays.train.array), evaluated=len(arrays.validation.array)),
        plain=plain,
        open=open_slots(plain, tuple(configuration)),
        regularized=regularize(plain, configuration, tuple(configuration)),
        values=dict(configuration),
        training=training,
        names=tuple(configuration),
        stopping=None,
        seed=1,
        metric=METRICS["log_loss"],
        n_classes=int(arrays.train.y.max()) + 1,
    )


def by_regsearch(job: Job) -> tuple[Callable[[], object], str]:
    """Training of the whole job with the engine that `auto` takes, and that engine's name."""
    engines = make_engines(Stores())
    name = choose_engine(job, engines).name
    return lambda: engines[name].train(job), name


def by_fit(job: Job, **options: object) -> Fit:
    """Plain `model.fit` of the same net; `options` are those of `compile`.

    One more epoch is trained first and not counted: each call of `fit` spends some time once, before its second epoch.
    """
    import keras

    model = build_model(job.regularized)
    model.compile(optimizer=make_optimizer(job.training), **job.plain.loss.compile_arguments(), **options)
    arrays = job.arrays

    def seconds_an_epoch(n_epochs: int) -> float:
        ends: list[float] = []
        model.fit(
            arrays.train.array,
            arrays.train.y,
            validation_data=(arrays.validation.array, arrays.validation.y),
            epochs=n_epochs + 1,
            batch_size=job.training.batch_size,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))],
        )
        return (ends[-1] - ends[0]) / n_epochs

    return seconds_an_epoch
