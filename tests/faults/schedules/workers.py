"""Workers that are told what to do: which run reports, ends or dies, and when."""

import functools
from dataclasses import dataclass, field

import numpy as np

from search.dispatch.tasks import CalibrateTask, PrepareTask, TrainTask
from search.execution import Done, ItemFailure, Reported
from search.records import Curve, EngineChoice, FailureCause, Predictions, RunReport, RunResult

N_EPOCHS = 6
N_SCORING = 12
"""Rows that score a run."""


@functools.lru_cache(maxsize=10_000)
def result_of(run, n_epochs=N_EPOCHS):
    """What comes of a run, a pure function of its configuration, fold and seed; of some configurations an error.

    Args:
        run: The run.
        n_epochs: Where it is withdrawn; all for one that is not.
    """
    settings = run.configuration
    level = abs(settings.get("dropout", 0.0) - 0.3) + 10 * settings.get("l2", 0.0) + (run.seed % 5) * 1e-2
    engine = "" if run.engine is None else run.engine.name
    if "l1" in settings:
        log = f"where: {settings['l1']}"
        return RunResult(run, None, "diverged at epoch 1", cause=FailureCause.DIVERGED, log=log, engine=engine)
    metric = level + np.exp(-np.arange(1, N_EPOCHS + 1) / 3)
    curve = Curve(metric, metric, metric).until(n_epochs)
    ends = n_epochs == N_EPOCHS
    return RunResult(
        run,
        float(metric[-1]) if ends else None,
        None if ends else f"withdrawn at epoch {n_epochs}",
        cause=None if ends else FailureCause.WITHDRAWN,
        epochs_trained=n_epochs,
        best_epoch=n_epochs if ends else 0,
        curve=curve,
        weight_norms={"dense_1": level},
        predictions=Predictions(np.full((N_SCORING, 1), level, np.float32)) if ends else None,
        seconds=0.01,
        engine=engine,
        worker="here:1",
    )


@dataclass(eq=False)
class Job:
    """A task at a worker.

    Args:
        task: The task.
        place: Of its runs, the index of the one that is trained now.
        epoch: How many epochs of that one were told of.
        attempt: Which one this is.
        is_withdrawn: Whether nobody wants it.
        has_told: Whether anything was told of it.
    """

    task: object
    place: int = 0
    epoch: int = 0
    attempt: int = 1
    is_withdrawn: bool = False
    has_told: bool = False

    @property
    def words(self):
        """Which task it is."""
        if isinstance(self.task, TrainTask):
            return ", ".join(f"run {run.trial}.{run.fold}.{run.repeat}" for run in self.task.runs)
        return f"{type(self.task).__name__} {self.task.run.trial}"


@dataclass
class Workers:
    """A pool in the place of Dask's.

    Args:
        world: Where they work.
        n_workers: How many.
    """

    world: object
    n_workers: int
    jobs: list = field(default_factory=list)
    ended: set = field(default_factory=set)
    died: set = field(default_factory=set)
    messages: list = field(default_factory=list)

    # As the dispatcher knows it

    def submit(self, task):
        if isinstance(task, TrainTask):
            self.world.submitted(task)
            out = {run_key(run) for job in self.jobs if not job.is_withdrawn for run in _runs(job.task)}
            for run in task.runs:
                if run_key(run) in out:
                    self.world.violated(f"run {run_key(run)} is trained twice at once")
                if run_key(run) in self.ended:
                    self.world.violated(f"run {run_key(run)} is trained again, though it ended")
        self.jobs.append(Job(task))

    def withdraw(self, task):
        for job in self.jobs:
            if job.task is task:
                job.is_withdrawn = True

    def wait(self, timeout_seconds):
        self.world.wait(timeout_seconds)
        messages, self.messages = self.messages, []
        return messages

    def running(self):
        return []

    def abandon(self, task):
        self.jobs = [job for job in self.jobs if job.task is not task]

    # What may happen

    def tell(self, job, n_epochs):
        """The run that is trained now tells how it goes, for some epochs more."""
        run = job.task.runs[job.place]
        whole = result_of(run)
        n_epochs = min(n_epochs, whole.curve.n_epochs - job.epoch)
        if n_epochs:
            self.world.told(f"{job.words}: run {run.trial}.{run.fold}.{run.repeat} tells of {n_epochs} epochs")
            metric = whole.curve.validation_metric[job.epoch : job.epoch + n_epochs]
            report = RunReport(run, job.epoch + 1, tuple(metric.tolist()))
            self.messages.append(Reported(job.task, report, job.attempt))
            job.epoch, job.has_told = job.epoch + n_epochs, True
        if job.epoch == whole.curve.n_epochs and job.place + 1 < len(job.task.runs):
            job.place, job.epoch = job.place + 1, 0

    def end(self, job, comes_back=True):
        """A task is done; one that was withdrawn may leave nothing behind."""
        self.jobs.remove(job)
        task = job.task
        if not isinstance(task, TrainTask):
            engine = EngineChoice(self.world.schedule.engine(), "by lot")
            self.world.told(f"{job.words} ends: {engine.name}")
            self.messages.append(Done(task, engine))
            return
        self.world.told(f"{job.words} ends")
        if not job.is_withdrawn:
            self.ended.update(map(run_key, task.runs))
            self.messages.append(Done(task, tuple(map(result_of, task.runs))))
        elif not (job.has_told and comes_back):
            self.messages.append(Done(task, withdrawn=True))
        else:
            epochs = [N_EPOCHS if place < job.place else 1 for place in range(len(task.runs))]
            epochs[job.place] = min(N_EPOCHS, job.epoch + 1)
            self.messages.append(Done(task, tuple(map(result_of, task.runs, epochs)), withdrawn=True))

    def begin_anew(self, job):
        """The worker dies, and another one begins the task anew."""
        self.world.told(f"{job.words} begins anew")
        job.place = job.epoch = 0
        job.attempt += job.has_told

    def may_die(self, job):
        """Whether a task may be given up: once for each run, or else its trial fails, as some schedules want it."""
        if not isinstance(job.task, TrainTask) or job.is_withdrawn:
            return False
        return self.world.schedule.is_deadly or not {run_key(run) for run in job.task.runs} & self.died

    def die(self, job):
        """The task has killed its workers, and is given up."""
        self.world.told(f"{job.words} is given up: its workers died")
        self.jobs.remove(job)
        self.died.update(run_key(run) for run in _runs(job.task))
        self.messages.append(Done(job.task, error="its worker died", failure=ItemFailure.WORKER_DIED))

    def lack_memory(self, job):
        """There is no memory for a task's runs."""
        self.world.told(f"{job.words}: no memory")
        self.jobs.remove(job)
        self.died.update(run_key(run) for run in _runs(job.task))
        failed = [RunResult(run, None, "no memory", cause=FailureCause.OUT_OF_MEMORY) for run in job.task.runs]
        self.messages.append(Done(job.task, tuple(failed)))


def run_key(run):
    """What tells the runs of a search apart."""
    return run.trial, run.fold, run.repeat


def _runs(task):
    return task.runs if isinstance(task, TrainTask) else ()


def trains(job):
    """Whether a task trains runs, and does not look for an engine."""
    return not isinstance(job.task, (CalibrateTask, PrepareTask))
