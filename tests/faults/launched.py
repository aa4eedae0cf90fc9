"""`regsearch run` in a process that can be hurt, and what its database tells."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from click.testing import CliRunner

from search.cli import cli
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

    def __init__(self, folder, *arguments, storage=None, errors="stderr.txt"):
        self.folder = folder
        self._errors = folder / errors
        self._n_said_before = self._errors.stat().st_size if self._errors.exists() else 0
        (folder / "hurt.toml").write_text(STUDY)
        environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"}
        environment |= {"PYTHONPATH": str(CHECKOUT)} | ({} if storage is None else {"OPTUNA_STORAGE": storage})
        with self._errors.open("a") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "search", "run", "hurt.toml", *arguments],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=told,
                start_new_session=True,
            )

    def wait(self, timeout_seconds=240):
        return self.process.wait(timeout_seconds)

    def said(self):
        """What it said so far, and no session before it."""
        with self._errors.open("rb") as told:
            told.seek(self._n_said_before)
            return told.read().decode(errors="replace")

    def fork_servers(self):
        """The process that workers are forked from; none in the first moments."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "forkserver" in " ".join(child.cmdline())]

    def workers(self):
        """The processes that train: those that the fork server forked."""
        return [worker for server in self.fork_servers() for worker in server.children()]

    def wait_until_ended(self, n_trials, timeout_seconds=120):
        """Wait until that many trials are in the database."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if len(ended(self.folder)) >= n_trials:
                return
            assert self.process.poll() is None, (self.folder / "stderr.txt").read_text()
            time.sleep(0.1)
        raise AssertionError((self.folder / "stderr.txt").read_text())

    def wait_until_kept(self, timeout_seconds=60):
        """Wait until a trial that ended is on the disk, and not in the database, which is away."""
        deadline = time.monotonic() + timeout_seconds
        while not any(b'"ended"' in path.read_bytes() for path in self.folder.glob("*.spool")):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self):
        """What a power cut does to the coordinator."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def read(folder, *arguments):
    """What a command tells of the study, as JSON."""
    return json.loads(regsearch(folder, *arguments, "--format", "json").stdout)


def regsearch(folder, *arguments):
    """A command that looks or asks, in this process: one of its own would start for a second."""
    return CliRunner().invoke(cli, [*arguments, "--storage", _url(folder)], catch_exceptions=False)


def trials(folder):
    """What the database holds, read in this process: a command would take a second of the processor that trains."""
    if not (folder / "regsearch.db").exists():
        return []
    try:
        with open_storage(_url(folder)) as storage:
            return [trial_row_json(trial) for trial in list_trials(storage, "hurt")[1]]
    except (StorageError, UnknownStudyError):  # its tables are being made, or the study is
        return []


def _url(folder):
    return f"sqlite:///{folder / 'regsearch.db'}"


def ended(folder):
    return [trial for trial in trials(folder) if trial["state"] != "RUNNING"]


def outcome(folder):
    return [(t["trial"], t["state"], t["score"], t["configuration"]) for t in trials(folder)]
