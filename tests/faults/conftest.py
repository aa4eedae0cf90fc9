"""A study of real runs, started as a process that a test can hurt."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from search.errors import StorageError, UnknownStudyError
from search.reporting.summaries import list_trials, trial_row_json
from search.storage import open_storage

CHECKOUT = Path(__file__).parents[2]

STUDY = """
[study]
name = "hurt"
n_trials = 14
seed = 5
pruner = "median"
window = 8  # so that fourteen trials are the first of forty
n_startup_trials = 10
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
validation = { method = "kfold", folds = 2 }
[model]
family = "mlp"
hidden = [64]
[training]
engine = "compiled"
epochs = 60000  # about a third of a second a run
learning_rate = 0.001
[confirm]
finalists = 0
[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
dropout = { low = 0.1, high = 0.5 }
patience = { low = 2000, high = 20000 }
"""


class Launched:
    """`regsearch run hurt.toml` in a process of its own."""

    def __init__(self, folder, *arguments, storage=None):
        self.folder = folder
        (folder / "hurt.toml").write_text(STUDY)
        environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"}
        environment |= {"PYTHONPATH": str(CHECKOUT)} | ({} if storage is None else {"OPTUNA_STORAGE": storage})
        with (folder / "stderr.txt").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "search", "run", "hurt.toml", *arguments],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )

    def wait(self, timeout_seconds=240):
        return self.process.wait(timeout_seconds)

    def workers(self):
        """The processes that train: those that the fork server forked."""
        servers = psutil.Process(self.process.pid).children()
        found = [server for server in servers if "forkserver" in " ".join(server.cmdline())]
        return [worker for server in found for worker in server.children()]

    def wait_until_ended(self, n_trials, timeout_seconds=120):
        """Wait until that many trials are in the database."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if len(ended(self.folder)) >= n_trials:
                return
            assert self.process.poll() is None, (self.folder / "stderr.txt").read_text()
            time.sleep(0.05)
        raise AssertionError((self.folder / "stderr.txt").read_text())

    def kill(self):
        """What a power cut does to the coordinator."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def read(folder, *arguments):
    return regsearch(folder, *arguments, "--format", "json")


def stop(folder):
    return regsearch(folder, "stop", "hurt")


def regsearch(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"} | {"PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "search", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def trials(folder):
    """What the database holds, read in this process: a command would take a second of the processor that trains."""
    if not (folder / "regsearch.db").exists():
        return []
    try:
        with open_storage(f"sqlite:///{folder / 'regsearch.db'}") as storage:
            return [trial_row_json(trial) for trial in list_trials(storage, "hurt")[1]]
    except (StorageError, UnknownStudyError):  # its tables are being made, or the study is
        return []


def ended(folder):
    return [trial for trial in trials(folder) if trial["state"] != "RUNNING"]


def outcome(folder):
    return [(t["trial"], t["state"], t["score"], t["configuration"]) for t in trials(folder)]


@pytest.fixture(scope="session")
def unbroken(tmp_path_factory):
    """What the study finds when nothing happens, with one worker."""
    folder = tmp_path_factory.mktemp("unbroken")
    launched = Launched(folder, "--n-jobs", "1")
    assert launched.wait() == 0, (folder / "stderr.txt").read_text()
    found = outcome(folder)
    assert len(found) == 14
    assert {"COMPLETE", "PRUNED"} == {state for _, state, _, _ in found}
    return found


@pytest.fixture
def launch(tmp_path):
    """Starts the study in this test's folder; whatever is left at the end is killed."""
    started = []

    def start(*arguments, storage=None):
        started.append(Launched(tmp_path, *arguments, storage=storage))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def look():
    """Read the study in a folder: `look.outcome(folder)`, `look.read(folder, "status", "hurt")`."""
    return SimpleNamespace(read=read, stop=stop, trials=trials, ended=ended, outcome=outcome)
