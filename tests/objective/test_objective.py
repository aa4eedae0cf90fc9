"""Losses, gradients and steps of what is trained agree with an independent network in NumPy."""

import numpy as np
import pytest

from search.data import Dataset, Fold
from search.models import build_open_model
from search.records import Configuration, Run
from search.spec import Range, StudySpec
from search.techniques import noise
from search.training import TrainingPlan
from search.training.engines import ENGINES, Stores, make_engines
from search.training.engines._orders import EpochOrders, epochs_in_block
from search.training.jobs import make_job
from search.training.session import start_tensorflow
from tests.objective.network import Objective, in_float64

N_TRAIN = 700
UNITS = 50
SEED = 5
CONFIGURATIONS = {
    "baseline": {},
    "l2": {"l2": 0.01},
    "l2 of both kernels": {"l2": 0.01, "output.l2": 0.03},
    "dropout": {"dropout": 0.4},
    "dropout and l2": {"l2": 0.01, "output.l2": 0.03, "dropout": 0.4},
}
of_every_configuration = pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)


@pytest.fixture(scope="module")
def keras():
    start_tensorflow()
    import keras

    return keras


@pytest.fixture(scope="module")
def rows():
    """Features and targets of the dropout-and-weight-decay case: 20 columns, 2 informative, 10 redundant."""
    from sklearn.datasets import make_classification

    x, y = make_classification(n_samples=1000, n_features=20, n_informative=2, n_redundant=10, random_state=42)
    return x.astype(np.float32), y.astype(np.int64)


@pytest.fixture(scope="module")
def make_net(rows):
    """A function that makes the job of a 20-50-1 tanh net whose training rows are one batch."""

    def make(settings, **training):
        x, y = rows
        positions = np.arange(len(x))
        spec = StudySpec(
            study={"name": "objective"},
            data={"source": "sklearn.make_classification"},
            model={"family": "mlp", "hidden": (UNITS,), "activation": "tanh"},
            training={"batch_size": N_TRAIN} | training,
            space={name: Range(low=0.001, high=0.5) for name in ("l2", "output.l2", "dropout")},
        )
        fold = Fold(0, positions[:N_TRAIN], positions[:0], positions[N_TRAIN:])
        dataset = Dataset(x, y, "binary", ("0", "1"), standardize=False, sha256="0")
        plan = TrainingPlan(dataset=dataset, folds=(fold,), spec=spec, metric="log_loss")
        return make_job(
            plan, Run(trial=0, fold=0, repeat=0, seed=SEED, configuration=Configuration(settings)), Stores()
        )

    return make


def objective(settings):
    """The same configuration for the network in NumPy."""
    penalties = {"dense_1/kernel": settings.get("l2"), "output/kernel": settings.get("output.l2")}
    given = {path: factor for path, factor in penalties.items() if factor is not None}
    return Objective(given, settings.get("dropout", 0.0))


def kept_units(n_rows, step, rate):
    """The hidden units that dropout keeps in a training step, shape (n_rows, UNITS)."""
    import tensorflow as tf

    key = noise.layer_key(noise.step_key(SEED, step), "dropout_1")
    return noise.drop(tf.ones((n_rows, UNITS)), rate, key).numpy() > 0


def drawn_weights():
    rng = np.random.default_rng(3)
    shapes = {"dense_1/kernel": (20, UNITS), "dense_1/bias": (UNITS,), "output/kernel": (UNITS, 1), "output/bias": (1,)}
    return {path: rng.normal(0, 0.3, shape).astype(np.float32) for path, shape in shapes.items()}


@of_every_configuration
def test_network_in_numpy_has_the_gradients_of_its_own_loss(rows, settings):
    x, y = rows[0][:40].astype(np.float64), rows[1][:40]
    net, weights = objective(settings), in_float64(drawn_weights())
    mask = np.random.default_rng(1).random((40, UNITS)) >= net.rate

    def loss_at(path, index, moved):
        shifted = {**weights, path: weights[path].copy()}
        shifted[path][index] += moved
        return net.data_loss(shifted, x, y, mask) + net.penalty(shifted)

    for path, gradient in net.gradients(weights, x, y, mask).items():
        for index in np.ndindex(*gradient.shape):
            difference = (loss_at(path, index, 1e-5) - loss_at(path, index, -1e-5)) / 2e-5
            assert gradient[index] == pytest.approx(difference, abs=1e-8), (path, index)


@of_every_configuration
def test_loss_and_gradients_of_the_keras_objective_are_those_of_numpy(keras, make_net, settings):
    import tensorflow as tf

    job, weights = make_net(settings), drawn_weights()
    x, y = job.arrays.train.array, job.arrays.train.y
    opened = build_open_model(job.open, job.training, job.names)
    variables = {f"{layer.name}/{v.name}": v for layer in opened.model.layers for v in layer.trainable_weights}
    for path, variable in variables.items():
        variable.assign(weights[path])
    with opened.filled(job.values) as model, noise.noise_step(noise.step_key(SEED, 0)), tf.GradientTape() as tape:
        predicted = model(x, training=True)
        data_loss = tf.reduce_mean(job.plain.loss.make()(y[:, None].astype(np.float32), predicted))
        penalty = tf.add_n(model.losses)
        gradients = tape.gradient(data_loss + penalty, [variable.value for variable in variables.values()])

    net = objective(settings)
    mask = kept_units(len(x), 0, net.rate)
    assert float(data_loss) == pytest.approx(net.data_loss(in_float64(weights), x, y, mask), rel=1e-5)
    assert float(penalty) == pytest.approx(net.penalty(in_float64(weights)), rel=1e-5, abs=1e-12)
    expected = net.gradients(in_float64(weights), x, y, mask)
    assert set(variables) == set(expected)
    for path, gradient in zip(variables, gradients, strict=True):
        np.testing.assert_allclose(gradient, expected[path], rtol=1e-5, atol=1e-6, err_msg=path)


@pytest.fixture(scope="module")
def engines(keras):
    return make_engines(Stores())


@pytest.mark.parametrize("engine", ENGINES)
@of_every_configuration
def test_steps_of_every_engine_are_those_of_numpy(keras, engines, make_net, settings, engine):
    job = make_net(settings, optimizer="sgd", learning_rate=0.5, epochs=3)
    outcome = engines[engine].train(job)

    net, weights = objective(settings), in_float64(initial_weights(keras))
    orders = EpochOrders(SEED, N_TRAIN, epochs_in_block(N_TRAIN)).block(0)
    losses = []
    for step in range(3):
        x, y = job.arrays.train.array[orders[step]], job.arrays.train.y[orders[step]]
        mask = kept_units(N_TRAIN, step, net.rate)
        losses.append(net.data_loss(weights, x, y, mask))
        weights = net.step(weights, x, y, mask, learning_rate=0.5)
    assert set(outcome.weights) == set(weights)
    for path, value in weights.items():
        np.testing.assert_allclose(outcome.weights[path], value, rtol=1e-5, atol=1e-5, err_msg=path)
    np.testing.assert_allclose(outcome.curve.train_loss, losses, rtol=1e-5)
    assert outcome.penalty == pytest.approx(net.penalty(weights), rel=1e-5)


def initial_weights(keras):
    """What plain Keras initializes such a net with; the run's weights are to be these."""
    keras.utils.set_random_seed(SEED)
    layers = [keras.layers.Dense(UNITS, "tanh", name="dense_1"), keras.layers.Dense(1, "sigmoid", name="output")]
    keras.Sequential([keras.Input((20,)), *layers])
    return {f"{layer.name}/{variable.name}": variable.numpy() for layer in layers for variable in layer.weights}
