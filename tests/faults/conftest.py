"""A study of real runs, started as a process that a test can hurt."""

import os
import signal
from types import SimpleNamespace

import pytest

from tests.faults.databases import SqliteDatabase
from tests.faults.hurting import run_hurt
from tests.faults.launched import Launched, ended, outcome, read, stop, trials


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """How the study ends when nothing happens, with one worker."""
    folder = tmp_path_factory.mktemp("unbroken")
    course = run_hurt(folder, SqliteDatabase(folder / "regsearch.db"), 14, ("--n-jobs", "1"))
    assert not course.history.violations
    return course.end


@pytest.fixture(scope="session")
def unbroken(undisturbed):
    """What the study finds when nothing happens."""
    found = [(t.number, t.state.name, t.score, dict(t.configuration)) for t in undisturbed.trials]
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
