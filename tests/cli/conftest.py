"""One small study, run for real once, and the command line as a user types it.

All commands but `run` run in this process, through the very `main` that a shell starts: a process of their own costs a
second each. `process` starts one all the same, for what only a process shows.
"""

import contextlib
import functools
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from search.coordination import launching
from search.coordination.launching import Launch, run_study
from search.dispatch import open_workers
from search.preparation.files import prepare_study
from search.records import Curve, RunResult
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake

CHECKOUT = Path(__file__).parents[2]

TINY = """
[study]
name = "tiny"
n_trials = 5
seed = 1
window = 4
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
    """Run the command, in a process of its own if it is `run`; returns code, stdout and stderr."""
    run = in_a_process if arguments[0] == "run" else in_this_process
    return run(*arguments, cwd=cwd, storage=storage, **variables)


def environment_of(storage, variables):
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"}
    environment |= {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "200"} | variables
    return environment | ({} if storage is None else {"OPTUNA_STORAGE": storage})


def in_this_process(*arguments, cwd, storage=None, **variables):
    from search.cli import main

    out, err, handler = io.StringIO(), io.StringIO(), signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.dict(os.environ, environment_of(storage, variables), clear=True),
        mock.patch.object(sys, "argv", ["regsearch", *map(str, arguments)]),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            signal.signal(signal.SIGTERM, handler)
    return SimpleNamespace(code=code, out=out.getvalue(), err=err.getvalue())


def in_a_process(*arguments, cwd, storage=None, **variables):
    environment = environment_of(storage, variables)
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
    regsearch.in_this_process = in_this_process
    return regsearch


def keep_to_this_process(monkeypatch, train=None):
    """Have commands train in a thread of this process, and start no other for it."""
    monkeypatch.setattr(launching, "open_workers", lambda plan, **ignored: open_workers(plan, n_jobs=0, train=train))
    monkeypatch.setattr("search.fork_server.fork_server", lambda modules: contextlib.nullcontext("spawn"))


@pytest.fixture
def servers_begun(monkeypatch):
    """What each process that workers are forked from was to import; none is started."""
    begun = []

    def begin(modules):
        begun.append(modules)
        return contextlib.nullcontext("spawn")

    monkeypatch.setattr("search.fork_server.fork_server", begin)
    return begun


@pytest.fixture
def search_here(monkeypatch):
    """`regsearch run` in this process, for what follows a search that was trained for real."""
    keep_to_this_process(monkeypatch)
    return functools.partial(in_this_process, "run")


@pytest.fixture
def search_untrained(monkeypatch):
    """`regsearch run` in this process, for what commands say of a study whatever trained it: scores are made up."""

    def make_up(plan, run, report):
        metric = np.array([1.0 + 0.01 * len(run.configuration)])
        return RunResult(run, float(metric[0]), epochs_trained=1, best_epoch=1, curve=Curve(metric, metric, metric))

    keep_to_this_process(monkeypatch, make_up)
    return functools.partial(in_this_process, "run")


@pytest.fixture(scope="session")
def process():
    return in_a_process


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a finished study `tiny` in its default storage, and what `run` printed."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(TINY)
    ran = regsearch("run", "tiny.toml", cwd=folder)
    assert ran.code == 0, ran.err
    return SimpleNamespace(folder=folder, ran=ran)


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory):
    """The folder of a confirmed study of runs that cost nothing."""
    folder = tmp_path_factory.mktemp("confirmed")
    (folder / "quick.toml").write_text(STUDY)
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}", create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), train=Fake())
    return folder


@pytest.fixture
def commands(confirmed, command, monkeypatch):
    """The command line in that folder, in this process, and what trains there costs nothing."""
    keep_to_this_process(monkeypatch, Fake())
    return lambda *arguments: command.in_this_process(*arguments, cwd=confirmed)


@pytest.fixture
def browse(tmp_path):
    """A page in headless Chromium, without a network: what it looks like inside, and what it logs."""
    chromium = shutil.which("chromium")
    assert chromium, "expected Chromium: apt-get install chromium, as .ci/run does"
    asked = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--enable-logging=stderr"]
    asked += ["--proxy-server=127.0.0.1:9", f"--user-data-dir={tmp_path / 'browser'}", "--virtual-time-budget=8000"]

    def browse(page, *options):
        command = [*asked, *options, "--dump-dom", page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)

    return browse
