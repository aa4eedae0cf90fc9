"""`Dispatcher`: runs in, reports and results out, whoever wants the runs trained and whatever happens to workers.

It puts short runs together for a trip, and those that an engine trains in lanes. It has each architecture calibrated
before its first run, and tries again what failed for a cause that lies in the machine and the moment: a worker's death,
a lack of memory. The pool has tried such a task on several workers by then; it is tried once more alone, and only then
its failure is told, with its cause, so that nobody takes it for the configuration's. A task that hangs is taken from
its worker, which is replaced, and tried again; the third time it has failed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from search.data import Dataset
from search.dispatch.engines import EngineChoices, architecture_key
from search.dispatch.hanging import MOST_HANGS, Hanging
from search.dispatch.queue import TaskQueue
from search.dispatch.tasks import (
    CalibrateTask,
    CalibrationFailure,
    PredictionFailure,
    PredictTask,
    PrepareTask,
    Task,
    TrainTask,
)
from search.errors import RegsearchError
from search.execution import Attempt, Done, ItemFailure, Pool, Reported, Running
from search.records import EngineChoice, FailureCause, Purpose, Run, RunReport, RunResult
from search.training import N_LANES

_TRIP_SECONDS = 0.25
"""Runs go to a worker together while they take less than this: each trip costs some milliseconds."""

_WAIT_SECONDS = 0.5

_TASKS_A_WORKER = 2
"""Tasks that there should be for each worker, so that none waits while another has many short runs before it."""

Message = RunReport | RunResult
_RunKey = tuple[Purpose, int, int, int]


Predicted = npt.NDArray[Any] | PredictionFailure
"""What a configuration predicts of rows, shape (rows, outputs), or why it cannot."""


class Dispatcher:
    """Trains runs on the workers of a pool; used from one thread.

    Args:
        pool: Workers that `perform` tasks.
        engines: The engine of each architecture, as far as it is known.
        most_open_runs: Runs that will be on their way at once, at most.
        name: Of the study, for errors.
        hanging: Tells tasks that hang.
        note: Told in a sentence when a worker is replaced.
        on_engine: Told when an engine was chosen, before any run is trained with it.
    """

    def __init__(
        self,
        pool: Pool,
        engines: EngineChoices,
        *,
        most_open_runs: int,
        name: str,
        hanging: Hanging | None = None,
        note: Callable[[str], None] = lambda _: None,
        on_engine: Callable[[EngineChoice], None] = lambda _: None,
    ) -> None:
        self._queue = TaskQueue(pool)
        self._engines = engines
        self._most_open_runs = most_open_runs
        self._name = name
        self._on_engine = on_engine
        self._task_of: dict[_RunKey, TrainTask] = {}
        self._uncalibrated: defaultdict[Hashable, list[Run]] = defaultdict(list)
        self._run_seconds: float | None = None
        self._held_back: list[Run] = []
        self._for_lanes: list[Run] = []
        self._withdrawn: list[RunResult] = []
        self._hanging = hanging or Hanging()
        self._note = note

    @property
    def n_workers(self) -> int:
        """Workers that stand ready."""
        return self._queue.n_workers

    def submit(self, runs: Sequence[Run]) -> None:
        """Have runs trained; each comes back from `wait` as one result.

        Runs that an engine trains in lanes are sent by `wait`, with those that were submitted meanwhile.

        Args:
            runs: Runs that are not on their way. Each is trained by the engine of its architecture, whatever it names.
        """
        ready = []
        for run in runs:
            if self._engines.get(run.configuration) is None:
                self._wait_for_engine(run)
            else:
                ready.append(run)
        if self._engines.are_kept():
            self._train(ready)
        else:
            self._held_back += ready

    def _train(self, runs: Sequence[Run]) -> None:
        """Send runs whose engine is known and written down."""
        ready = []
        for run in runs:
            engine = self._engines.get(run.configuration)
            if engine is not None and engine.trains_together:
                self._for_lanes.append(replace(run, engine=engine))
            else:
                ready.append(replace(run, engine=engine))
        size = self._runs_a_trip()
        for first in range(0, len(ready), size):
            self._send(TrainTask(tuple(ready[first : first + size])))

    def withdraw(self, run: Run) -> None:
        """Ask that a run ends early; without effect when it has ended or is not trained yet.

        Its result comes all the same, with the cause WITHDRAWN unless it had ended by itself. Runs that share its trip
        start anew; those that are trained together with it go on, and what its lane still does is for nothing.
        """
        task = self._task_of.get(_key(run))
        if task is None:
            return
        if task.trains_together and any(
            self._task_of.get(_key(other)) is task for other in task.runs if _key(other) != _key(run)
        ):
            del self._task_of[_key(run)]
            told = next(one for one in task.runs if _key(one) == _key(run))
            self._withdrawn.append(RunResult(told, score=None, error="withdrawn", cause=FailureCause.WITHDRAWN))
            return
        self._queue.withdraw(task)
        for other in task.runs:
            if _key(other) != _key(run) and self._task_of.get(_key(other)) is task:
                self._send(TrainTask((other,)))

    def wait(self, timeout_seconds: float) -> list[Message]:
        """Reports and results in the order in which they came, after waiting for the first at most `timeout_seconds`.

        Raises:
            RegsearchError: The workers' installation cannot train, or the scheduler went away.
        """
        self._send_held_back()
        self._send_for_lanes()
        messages: list[Message] = [*self._withdrawn, *self._end_hanging()]
        self._withdrawn.clear()
        for received in self._queue.wait(0 if messages else timeout_seconds):
            if isinstance(received, Reported):
                report: RunReport = received.message
                if self._task_of.get(_key(report.run)) is received.item:
                    messages.append(report)
            elif isinstance(received.item, CalibrateTask):
                messages += self._take_engine(received.item, received)
            elif isinstance(received.item, PrepareTask):
                self._refuse_faulty_workers(received)
            else:
                messages += self._take_results(received.item, received)
        return messages

    def predict(self, runs: Sequence[Sequence[Run]], rows: Dataset, meanwhile: Callable[[], object]) -> list[Predicted]:
        """Have configurations trained on all rows, and other rows predicted; nothing else may be on its way.

        Args:
            runs: Of each configuration its runs, one a seed. Each is trained by the engine of its architecture.
            rows: What is predicted.
            meanwhile: Called now and then while it takes.

        Returns:
            Predictions of each configuration, shape (rows, outputs), or why there are none.

        Raises:
            RegsearchError: The workers' installation cannot train, or the scheduler went away.
        """
        tasks = [
            PredictTask(tuple(replace(run, engine=self._engines.get(run.configuration)) for run in each), rows)
            for each in runs
        ]
        told: dict[int, Predicted] = {}
        for task in tasks:
            self._queue.submit(task)
        while len(told) < len(tasks):
            for running, words in self._take_hanging():
                if not self._hanging.is_over(id(running.item)):
                    self._queue.submit(running.item)
                else:
                    hung = next(place for place, task in enumerate(tasks) if task is running.item)
                    told[hung] = PredictionFailure(f"it {words}", FailureCause.TIMED_OUT)
            for received in self._queue.wait(_WAIT_SECONDS):
                place = next((place for place, task in enumerate(tasks) if task is received.item), None)
                if place is None or not isinstance(received, Done):
                    continue
                self._refuse_faulty_workers(received)
                value: Predicted = received.value
                if received.failure is ItemFailure.WORKER_DIED:
                    value = PredictionFailure(received.error or "its worker died", FailureCause.WORKER_DIED)
                if (
                    isinstance(value, PredictionFailure)
                    and value.cause.is_transient
                    and self._queue.try_alone(tasks[place])
                ):
                    continue
                told[place] = value
            meanwhile()
        return [told[place] for place in range(len(tasks))]

    def _take_hanging(self) -> list[tuple[Running, str]]:
        """Take the tasks that hang from their workers; each with what it has gone beyond, in words."""
        found = []
        for running in self._queue.running():
            if (words := self._hanging.limit_in_words(running)) is not None:
                self._queue.abandon(running.item)
                self._note(f"{_in_words(running.item)} {words}; its worker is replaced.")
                found.append((running, words))
        return found

    def _end_hanging(self) -> list[RunResult]:
        """Try again what hung, or fail it."""
        ended = []
        for running, words in self._take_hanging():
            task: Task = running.item
            if isinstance(task, CalibrateTask):
                failure = CalibrationFailure(f"trying one {words}", FailureCause.TIMED_OUT)
                if self._hanging.is_over(id(task)):
                    ended += self._take_engine(task, Done(task, value=failure))
                else:
                    self._queue.submit(task)
            elif isinstance(task, TrainTask):
                for run in task.runs:
                    if self._task_of.get(_key(run)) is not task:
                        continue
                    if self._hanging.is_over(_key(run)):
                        del self._task_of[_key(run)]
                        ended.append(_hung(run, running, words))
                    else:
                        self._send(TrainTask((run,)))  # another one of its trip may have hung
        return ended

    def _wait_for_engine(self, run: Run) -> None:
        waiting = self._uncalibrated[self._engines.kind(run.configuration)]
        waiting.append(run)
        if len(waiting) > 1:
            return
        is_first = not self._task_of and len(self._uncalibrated) == 1
        self._queue.submit(CalibrateTask(run))
        # Other workers have nothing to do yet: what most of them will need is compiled there meanwhile.
        for copy in range(min(self.n_workers, self._most_open_runs) - 1 if is_first else 0):
            self._queue.submit(PrepareTask(run, copy))

    def _take_engine(self, task: CalibrateTask, done: Done) -> list[RunResult]:
        """Send the runs that wait for an engine, or fail them when there is none to be had."""
        self._refuse_faulty_workers(done)
        died = done.failure is ItemFailure.WORKER_DIED
        failure = CalibrationFailure(done.error or "", FailureCause.WORKER_DIED) if died else done.value
        if isinstance(failure, CalibrationFailure) and failure.cause.is_transient and self._queue.try_alone(task):
            return []
        waiting = self._uncalibrated.pop(self._engines.kind(task.run.configuration))
        if isinstance(failure, CalibrationFailure):
            # Not noted: an engine is chosen for a study's whole life, and this is of the moment.
            error = f"no engine could be chosen: {failure.error}"
            tried = architecture_key(task.run.configuration)
            failed = [run for run in waiting if architecture_key(run.configuration) == tried]
            self.submit([run for run in waiting if architecture_key(run.configuration) != tried])
            return [RunResult(run, score=None, error=error, cause=failure.cause) for run in failed]
        self._engines.learn(task.run.configuration, done.value)
        self._on_engine(done.value)
        self.submit(waiting)
        return []

    def _take_results(self, task: TrainTask, done: Done) -> list[RunResult]:
        wanted = [run for run in task.runs if self._task_of.get(_key(run)) is task]
        for run in wanted:
            del self._task_of[_key(run)]
        if done.withdrawn and done.value is None:  # its worker did not end in time, or died
            return [RunResult(run, score=None, error="withdrawn", cause=FailureCause.WITHDRAWN) for run in wanted]
        self._refuse_faulty_workers(done)
        if done.failure is ItemFailure.WORKER_DIED:
            results = [
                RunResult(
                    run,
                    score=None,
                    error=done.error,
                    cause=FailureCause.WORKER_DIED,
                    seconds=done.deaths[-1].seconds if done.deaths else 0.0,
                    worker=done.deaths[-1].worker if done.deaths else "",
                    log=_log_of_deaths(done.deaths),
                )
                for run in task.runs
            ]
        else:
            results = done.value
        return [
            result
            for run, result in zip(task.runs, results, strict=True)
            if run in wanted and not self._is_tried_again(run, result, n_together=len(task.runs))
        ]

    def _is_tried_again(self, run: Run, result: RunResult, n_together: int) -> bool:
        self._note_seconds(result)
        if result.cause is None or not result.cause.is_transient:
            return False
        task = TrainTask((run,))
        if result.cause is FailureCause.WORKER_DIED and n_together > 1:
            self._send(task)  # another one may have been its worker's death
            return True
        if self._queue.try_alone(task):
            self._task_of[_key(run)] = task
            return True
        return False

    def _refuse_faulty_workers(self, done: Done) -> None:
        """An error that no run is to blame for: a package is missing, say. The next session trains what is open."""
        if done.failure in (ItemFailure.NOT_STARTED, ItemFailure.RAISED):
            raise RegsearchError(
                f"{self._name}: the workers cannot train, received {done.error}. What ended is stored; mend the "
                "workers' installation and run the same command again."
            )

    def _send(self, task: TrainTask) -> None:
        for run in task.runs:
            self._task_of[_key(run)] = task
        self._queue.submit(task)

    def _send_held_back(self) -> None:
        """Send what waits until its engine is written down, while the storage is away."""
        if self._held_back and self._engines.are_kept():
            held_back, self._held_back = self._held_back, []
            self._train(held_back)

    def _send_for_lanes(self) -> None:
        """Send the runs of one architecture together: as many as there are lanes, and as each worker's share is."""
        alike: defaultdict[Hashable, list[Run]] = defaultdict(list)
        for run in self._for_lanes:
            alike[architecture_key(run.configuration)].append(run)
        self._for_lanes.clear()
        share = max(1, min(N_LANES, self._most_open_runs // max(1, self.n_workers)))
        for runs in alike.values():
            for first in range(0, len(runs), share):
                self._send(TrainTask(tuple(runs[first : first + share])))

    def _runs_a_trip(self) -> int:
        """As many runs as make up a quarter of a second, while there are enough trips for all workers."""
        if self._run_seconds is None:
            return 1
        in_time = int(_TRIP_SECONDS / max(self._run_seconds, 1e-3))
        for_all = self._most_open_runs // (_TASKS_A_WORKER * max(1, self.n_workers))
        return max(1, min(in_time, for_all))

    def _note_seconds(self, result: RunResult) -> None:
        if result.cause is None or not result.cause.is_transient:
            seconds = result.seconds
            self._hanging.learn(seconds)
            self._run_seconds = seconds if self._run_seconds is None else 0.8 * self._run_seconds + 0.2 * seconds


def _hung(run: Run, running: Running, words: str) -> RunResult:
    """The result of a run that hung each time that it was tried."""
    log = (
        f"Worker {running.worker} was killed {running.seconds:.1f} s after it began; its last sign had come "
        f"{running.silent_seconds:.1f} s before."
    )
    return RunResult(
        run,
        score=None,
        error=f"{words}, {MOST_HANGS} times",
        cause=FailureCause.TIMED_OUT,
        seconds=running.seconds,
        worker=running.worker,
        log=log,
    )


def _log_of_deaths(deaths: Sequence[Attempt]) -> str | None:
    """What is known of workers that died."""
    if not deaths:
        return None
    lines = [f"Worker {each.worker} died within {each.seconds:.1f} s of its begin." for each in deaths]
    return "\n".join([*lines, "Why is in the log of its machine: the system kills what has no memory left, for one."])


def _in_words(task: Task) -> str:
    if isinstance(task, TrainTask):
        trials = sorted({run.trial for run in task.runs})
        return f"A run of trial {trials[0]}" if len(task.runs) == 1 else f"One of {len(task.runs)} runs"
    return "The choice of an engine" if isinstance(task, (CalibrateTask, PrepareTask)) else "The final training"


def _key(run: Run) -> _RunKey:
    """What tells the runs of a study apart."""
    return run.purpose, run.trial, run.fold, run.repeat
