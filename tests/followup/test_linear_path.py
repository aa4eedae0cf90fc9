"""A linear Keras model along a path of penalties is scikit-learn's elastic net, once the loss is rescaled.

Keras' loss is RSS / n + l1 |w| + l2 w^2, and that of `enet_path` RSS / 2n + alpha (ratio |w| + (1 - ratio) w^2 / 2):
the same where l1 = 2 alpha ratio and l2 = alpha (1 - ratio). A logistic loss is one of n rows there, and a mean here.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, enet_path

from search.coordination.launching import Launch, run_study
from search.dispatch import process_session
from search.followup.again import Trainers
from search.followup.sweep import Values, sweep
from search.models import weights_by_path
from search.preparation.files import prepare_study
from search.records import Configuration, EngineChoice
from search.storage import open_storage
from search.training import start_tensorflow

pytestmark = pytest.mark.slow

STUDY = """
[study]
name = "linear"
n_trials = 1
[data]
source = "npz"
path = "rows.npz"
{data}
standardize = true
[split]
test = 0
validation = {{ method = "kfold", folds = 2 }}
[model]
keras = "linear.keras"
[training]
optimizer = "adam"
learning_rate = 0.05
schedule = {{ name = "cosine_decay", decay_steps = 1200 }}
epochs = 1200
batch_size = 80
loss = "{loss}"
engine = "compiled"
[confirm]
finalists = 0
[space]
l1 = {{ low = 1e-3, high = 1.0, log = true }}
l2 = {{ low = 1e-3, high = 1.0, log = true }}
"""

L2 = 0.05
COEFFICIENTS = [2.0, -1.0, 0.5, 0.0, 0.0, 0.1]


@pytest.fixture
def linear(tmp_path):
    """A function: the prepared study of a linear model, and where its file is."""

    def make(activation):
        rng = np.random.default_rng(7)
        x = rng.normal(size=(160, 6)) @ (np.eye(6) + 0.2)
        y = x @ COEFFICIENTS + rng.normal(size=160)
        if activation == "sigmoid":
            y = (y > 0).astype(int)
        np.savez(tmp_path / "rows.npz", x=x, y=y)
        start_tensorflow()  # on one thread, before it is used
        # Named, so that one program serves every study of it.
        layers = [keras.Input((6,), name="rows"), keras.layers.Dense(1, activation=activation, name="dense")]
        keras.Sequential(layers, name="linear").save(tmp_path / "linear.keras")
        is_regression = activation == "linear"
        text = STUDY.format(
            data='task = "regression"\nscale_target = false' if is_regression else 'task = "classification"',
            loss="mean_squared_error" if is_regression else "binary_crossentropy",
        )
        (tmp_path / "linear.toml").write_text(text)
        return prepare_study(str(tmp_path / "linear.toml"))

    return make


def kernel_of(session, prepared, run):
    model = session.train_model(prepared.plan, replace(run, engine=EngineChoice("compiled")))
    return weights_by_path(model)["dense/kernel"].numpy().ravel()


def rows_of(session, prepared, run):
    train = session.prepared_rows(prepared.plan, run).arrays.train
    return train.array.astype(np.float64), np.asarray(train.y, np.float64).ravel()


def elastic_net(x, y, l1):
    alpha = l1 / 2 + L2
    _, found, _ = enet_path(x - x.mean(0), y - y.mean(), l1_ratio=l1 / 2 / alpha, alphas=[alpha], tol=1e-10)
    return found.ravel()


@pytest.mark.parametrize("l1", [0.01, 0.1, 0.6])
def test_regression_is_an_elastic_net(linear, l1):
    prepared, session = linear("linear"), process_session()
    run = prepared.runs(0, Configuration({"l1": l1, "l2": L2}))[0]
    kernel = kernel_of(session, prepared, run)
    expected = elastic_net(*rows_of(session, prepared, run), l1)
    away = np.abs(expected) > 0.02
    assert away.sum() >= 3
    assert kernel[away] == pytest.approx(expected[away], abs=1e-3)
    assert np.all(np.abs(kernel[~away]) < 0.025)


def test_logistic_regression_is_one_with_an_elastic_net(linear):
    prepared, session, l1 = linear("sigmoid"), process_session(), 0.02
    run = prepared.runs(0, Configuration({"l1": l1, "l2": L2}))[0]
    kernel = kernel_of(session, prepared, run)
    x, y = rows_of(session, prepared, run)
    strength = l1 + 2 * L2
    model = LogisticRegression(
        solver="saga", l1_ratio=l1 / strength, C=1 / (len(x) * strength), tol=1e-8, max_iter=20_000
    ).fit(x, y)
    expected = model.coef_.ravel()
    away = np.abs(expected) > 0.02
    assert away.sum() >= 2
    assert kernel[away] == pytest.approx(expected[away], abs=1e-3)


def test_path_tells_the_norms_and_the_zeros_of_the_elastic_net(linear, tmp_path):
    prepared, session = linear("linear"), process_session()
    with open_storage(f"sqlite:///{tmp_path}/linear.db", create=True) as storage:
        run_study(prepared, storage, Launch(0))
        values = Values("l1", low=0.1, high=0.6, n_points=2)
        found = sweep(storage, "linear", values, repeats=2, trainers=Trainers(Launch(0)))
    assert [point.value for point in found.points] == [None, 0.1, 0.6]
    for point in found.points[1:]:
        kernels = []
        for repeat in range(2):
            for run in prepared.confirmation_runs(0, Configuration({"l1": point.value}), repeat):
                x, y = rows_of(session, prepared, run)
                alpha = point.value / 2
                _, coefficients, _ = enet_path(x - x.mean(0), y - y.mean(), l1_ratio=1.0, alphas=[alpha], tol=1e-10)
                kernels.append(coefficients.ravel())
        assert point.weight_norms["dense"] == pytest.approx(
            np.mean([np.linalg.norm(each) for each in kernels]), abs=1e-3
        )
        nonzero = np.mean([np.abs(each) > 1e-3 * np.abs(each).max() for each in kernels])
        assert point.nonzero_weights["dense"] == pytest.approx(nonzero)
