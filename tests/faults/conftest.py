"""A study of real runs, started as a process that a test can hurt."""

import os
import signal
from types import SimpleNamespace

import pytest

from tests.faults.launched import Launched, ended, outcome, read, stop, trials


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
