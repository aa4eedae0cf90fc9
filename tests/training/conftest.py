"""Small plans to train, and Keras as a worker sets it up."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Dataset, Fold
from search.models import Architecture, open_slots, regularize
from search.records import Configuration, Run
from search.spec import Range, StudySpec
from search.techniques import Part
from search.training import TrainingPlan
from search.training.engines import Stores, make_engines
from search.training.jobs import make_job as make_job_with
from search.training.stages import stage_jobs
from search.training.stages import train_stages as train_stages_with

N_CLASSES = {"binary": 2, "multiclass": 3, "regression": 0}
SPACE = ("l1", "l2", "dropout", "output.l2", "patience")
METRIC = {"binary": "log_loss", "multiclass": "log_loss", "regression": "mse"}


@pytest.fixture(scope="session")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


@pytest.fixture(scope="session")
def make_plan():
    """A function that makes a plan of one fold: 30 rows train, 10 stop, 20 score."""

    def make(task="binary", metric=None, shape=(4,), n_targets=None, hidden=(6,), model=None, space=SPACE, **training):
        rng = np.random.default_rng(0)
        features = rng.normal(size=(60, *shape)).astype(np.float32)
        weights = rng.normal(size=(int(np.prod(shape)), n_targets or max(1, N_CLASSES[task])))
        signal = features.reshape(60, -1) @ weights
        if task == "regression":
            target = (signal if n_targets else signal[:, 0]).astype(np.float32)
        else:
            target = (signal[:, 0] > 0 if task == "binary" else signal.argmax(axis=1)).astype(np.int64)
        classes = tuple(str(index) for index in range(N_CLASSES[task]))
        spec = StudySpec(
            study={"name": "small"},
            data={"source": "csv"},
            model=model or {"family": "mlp", "hidden": hidden},
            training={"epochs": 4, "batch_size": 8, "learning_rate": 0.01} | training,
            space={name: Range(low=0.1, high=0.5) for name in space},
        )
        rows = np.arange(60)
        return TrainingPlan(
            dataset=Dataset(features, target, task, classes, standardize=False, sha256="0"),
            folds=(Fold(0, rows[:30], rows[30:40], rows[40:]),),
            spec=spec,
            metric=metric or METRIC[task],
        )

    return make


@pytest.fixture(scope="session")
def make_run():
    """A function that makes a run of fold 0 from the settings of its configuration."""

    def make(seed=5, **settings):
        named = {name.replace("output_", "output."): value for name, value in settings.items()}
        return Run(trial=3, fold=0, repeat=0, seed=seed, configuration=Configuration(named))

    return make


@pytest.fixture(scope="session")
def session(keras):
    """One worker's session."""
    from search.training import WorkerSession

    return WorkerSession()


@pytest.fixture(scope="session")
def stores():
    """What is kept for `engines`, `make_job` and `train_stages`."""
    return Stores()


@pytest.fixture(scope="session")
def engines(keras, stores):
    """Every engine by its name. They keep many programs, for another test may want one."""
    with pytest.MonkeyPatch.context() as patched:
        for module in ("loops", "lanes"):
            patched.setattr(f"search.training.engines.{module}.PROGRAMS", 100)
        return make_engines(stores)


@pytest.fixture(scope="session")
def make_job(stores):
    """A function that makes the job of a run."""
    return lambda plan, run: make_job_with(plan, run, stores)


@pytest.fixture(scope="session")
def train_stages(engines, stores):
    """A function that trains a run, all of its stages, with the engine of a name."""

    def train(plan, run, engine, watch):
        return train_stages_with(plan, run, stage_jobs(plan, run, stores), engines[engine], stores, watch)

    return train


SOFTMAX = Part("layers.Dense", {"units": 3, "activation": "softmax", "name": "output"})
NETS = {
    "mlp": (
        Part("layers.Dense", {"units": 12, "activation": "relu", "name": "dense_1"}),
        Part("layers.Dense", {"units": 7, "activation": "tanh", "name": "dense_2"}),
        SOFTMAX,
    ),
    "cnn": (
        Part("layers.Reshape", {"target_shape": (6, 6, 1), "name": "image"}),
        Part("layers.Conv2D", {"filters": 5, "kernel_size": 3, "activation": "relu", "name": "conv_1"}),
        Part("layers.MaxPooling2D", {"name": "pool_1"}),
        Part("layers.Flatten", {"name": "flat"}),
        SOFTMAX,
    ),
    "lstm": (
        Part("layers.Reshape", {"target_shape": (6, 6), "name": "rows"}),
        Part("layers.LSTM", {"units": 5, "name": "lstm_1"}),
        SOFTMAX,
    ),
}


@pytest.fixture
def make_net_job(make_plan, make_run, make_job):
    """A function that makes a job for one of NETS, on rows of 36 features and three classes."""

    def make(net, run=None, **training):
        plan = make_plan("multiclass", shape=(36,), **training)
        run = run or make_run()
        plain = Architecture(net, {"x": (36,)}, NETS[net], "sparse_categorical_crossentropy")
        names = tuple(plan.spec.space)
        return replace(
            make_job(plan, run),
            plain=plain,
            open=open_slots(plain, names),
            regularized=regularize(plain, run.configuration, names),
        )

    return make
