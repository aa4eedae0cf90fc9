"""A pool without workers, which says what a test tells it to say."""

import numpy as np
import pytest

from search.dispatch import Dispatcher, EngineChoices
from search.dispatch.tasks import CalibrateTask, PrepareTask
from search.execution import Done
from search.records import Configuration, Curve, Run, RunResult
from search.spec import Range, StudySpec


class FakePool:
    """Keeps what is submitted, beside what is only to be prepared; `answers` are what the next `wait` returns."""

    def __init__(self, n_workers=2):
        self.n_workers = n_workers
        self.submitted = []
        self.prepared = []
        self.withdrawn = []
        self.answers = []
        self.begun = []
        self.abandoned = []

    def running(self):
        return self.begun

    def abandon(self, task):
        self.abandoned.append(task)
        self.begun = [one for one in self.begun if one.item is not task]

    def submit(self, task):
        (self.prepared if isinstance(task, PrepareTask) else self.submitted).append(task)

    def withdraw(self, task):
        self.withdrawn.append(task)

    def wait(self, timeout_seconds):
        answers, self.answers = self.answers, []
        return answers

    def sizes(self):
        """How many runs each task has that trains some."""
        return [len(task.runs) for task in self.submitted if not isinstance(task, CalibrateTask)]


def spec(engine="fit"):
    return StudySpec(
        study={"name": "small", "n_trials": 3},
        data={"source": "csv"},
        model={"family": "mlp", "hidden": (4,)},
        training={"engine": engine},
        space={"l2": Range(low=0.1, high=0.5)},
    )


@pytest.fixture
def pool():
    return FakePool()


@pytest.fixture
def make_dispatcher(pool):
    def make(engine="fit", most_open_runs=1000, engines=None, **options):
        engines = engines or EngineChoices(spec(engine))
        return Dispatcher(pool, engines, most_open_runs=most_open_runs, name="small", **options)

    return make


def runs_of(trial, n_runs, **settings):
    return [Run(trial, fold, 0, 7, Configuration(settings)) for fold in range(n_runs)]


def result(run, seconds=0.0, n_epochs=2):
    metric = np.linspace(1, 0.5, n_epochs)
    return RunResult(run, 0.5, curve=Curve(metric, metric, metric), seconds=seconds)


def done(task, seconds=0.0):
    return Done(task, tuple(result(run, seconds) for run in task.runs))
