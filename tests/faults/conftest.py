"""A study of real runs, started as a process that a test can hurt."""

import os
import signal

import pytest

from tests.faults.databases import SqliteDatabase, crashable_server
from tests.faults.hurting import run_hurt
from tests.faults.launched import Launched

N_TRIALS = 24
SHORT = ("--set", "training.epochs=20000")  # a run takes a tenth of a second, so that there is time to be hurt in
CONFIRMED = (*SHORT, "--set", "confirm.finalists=2", "--set", "confirm.repeats=8")


@pytest.fixture(scope="session")
def server():
    with crashable_server() as made:
        yield made


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """How the study ends, with its confirmation, when nothing happens, with one worker."""
    folder = tmp_path_factory.mktemp("unbroken")
    arguments = ("--n-jobs", "1", *CONFIRMED)
    course = run_hurt(folder, SqliteDatabase(folder / "regsearch.db"), N_TRIALS, arguments)
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
        started.append(Launched(tmp_path, *SHORT, *arguments, storage=storage))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
