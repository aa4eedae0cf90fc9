"""What a worker of another machine needs of a study comes with it: none of the study's files is there."""

import pickle
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest

from search.preparation.files import prepare_study
from search.records import Configuration

CHECKOUT = Path(__file__).parents[2]

HEAD = """
[study]
name = "far"
n_trials = 2
[confirm]
finalists = 0
[space]
l2 = {{ low = 1e-6, high = 1e-1, log = true }}
[training]
epochs = 2
engine = "fit"
{training}
[data]
{data}
[model]
{model}
[objective]
{objective}
"""

CODE = """
import keras
import numpy as np


def rows():
    x = np.random.default_rng(0).normal(size=(40, 3))
    return x, (x.sum(axis=1) > 0).astype(int)


def net():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")])


def loss(y_true, y_pred):
    return keras.losses.binary_crossentropy(y_true, y_pred)


def error(y_true, y_pred):
    return float(np.mean((np.ravel(y_true) - np.ravel(y_pred)) ** 2))


def callbacks():
    return [keras.callbacks.TerminateOnNaN()]
"""

MLP = 'family = "mlp"\nhidden = [4]'
STUDIES = {
    "functions": {
        "data": 'source = "code.py:rows"',
        "model": 'builder = "code.py:net"',
        "training": 'loss = "code.py:loss"\ncallbacks = ["code.py:callbacks"]',
        "objective": 'metric = "code.py:error"\ndirection = "minimize"',
    },
    "saved model, arrays": {"data": 'source = "npz"\npath = "rows.npz"', "model": 'keras = "net.keras"'},
    "table with words": {"data": 'source = "csv"\npath = "rows.csv"\ntarget = "label"', "model": MLP},
}

# What a worker does when it starts and is given a run, in a process that has only the checkout.
WORKER = """
import pickle, sys
from search.dispatch.tasks import KerasTrainer

for plan, run in pickle.load(open("plans.pickle", "rb")):
    result = KerasTrainer(plan).train(run, lambda _: True)
    print(result.score is not None, result.error)
"""


@pytest.fixture
def study_folder(tmp_path):
    import keras

    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "code.py").write_text(CODE)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 3))
    label = np.where(x.sum(axis=1) > 0, 1, 0)
    np.savez(folder / "rows.npz", x=x, y=label)
    words = rng.choice(["red", "green", "blue"], 40)
    pd.DataFrame(x, columns=["a", "b", "c"]).assign(colour=words, label=label).to_csv(folder / "rows.csv", index=False)
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")])
    with mock.patch("warnings.warn"):
        net.save(folder / "net.keras")
    return folder


def test_plan_is_all_that_a_worker_needs(study_folder, tmp_path):
    far = tmp_path / "far"
    far.mkdir()
    told = []
    for name, parts in STUDIES.items():
        path = study_folder / f"{name.split()[0]}.toml"
        path.write_text(HEAD.format(**{"training": "", "objective": ""} | parts))
        prepared = prepare_study(str(path))
        told.append((prepared.plan, prepared.runs(0, Configuration())[0]))
    (far / "plans.pickle").write_bytes(pickle.dumps(told))
    study_folder.rename(tmp_path / "gone")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER],
        cwd=far,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin", "HOME": str(far)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stdout.splitlines() == ["True None"] * len(STUDIES), done.stderr
