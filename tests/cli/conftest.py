"""One small study, run for real once, and the command line as a user types it."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CHECKOUT = Path(__file__).parents[2]

TINY = """
[study]
name = "tiny"
n_trials = 5
seed = 1
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
test = 0.2
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 3
learning_rate = 0.01
[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
dropout = { low = 0.1, high = 0.5 }
patience = { low = 1, high = 2 }
"""


def regsearch(*arguments, cwd, storage=None, **variables):
    """Run the command in a process of its own; returns code, stdout and stderr."""
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"}
    environment |= {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"} | variables
    if storage is not None:
        environment["OPTUNA_STORAGE"] = storage
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "search", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="session")
def command():
    return regsearch


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a finished study `tiny` in its default storage, and what `run` printed."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(TINY)
    ran = regsearch("run", "tiny.toml", cwd=folder)
    assert ran.code == 0, ran.err
    return SimpleNamespace(folder=folder, ran=ran)
