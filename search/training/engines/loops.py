"""The engines `compiled` and `graph`: programs, kept for the jobs to come."""

from __future__ import annotations

from dataclasses import replace

from search.training.bounds import PROGRAMS
from search.training.engines._base import Job, Outcome, Watch, keep_going
from search.training.engines._stores import Stores
from search.training.engines.program import Program, program_key
from search.training.recent import Recent

_CALIBRATION_SECONDS = 0.05
_MOST_CALIBRATION_EPOCHS = 4096


class LoopEngine:
    """Trains with a `Program` for each architecture.

    Args:
        name: Its name in `[training] engine`.
        stores: What else is kept.
        compiled: Whether XLA compiles whole programs.
    """

    def __init__(self, name: str, stores: Stores, *, compiled: bool) -> None:
        self.name = name
        self._stores = stores
        self._compiled = compiled
        self._programs: Recent[tuple[object, ...], Program] = Recent(PROGRAMS)

    @property
    def n_compilations(self) -> int:
        """Compilations, or tracings, of the programs that are kept."""
        return sum(program.n_compilations for program in self._programs.values())

    def train(self, job: Job, watch: Watch = keep_going) -> Outcome:
        """Train a job to its end."""
        return self._program(job).train(job, watch)

    def seconds_per_epoch(self, job: Job) -> float:
        """Wall time of one epoch, measured on a few of them; the program made for it is kept."""
        program = self._program(job)
        if not program.n_compilations:
            program.train(_shortened(job, 1), keep_going)
        n_epochs = 1
        while True:
            program.train(_shortened(job, n_epochs), keep_going)
            seconds = program.seconds_per_epoch or 0.0
            if seconds * n_epochs > _CALIBRATION_SECONDS or n_epochs >= _MOST_CALIBRATION_EPOCHS:
                return seconds
            n_epochs *= 4

    def forget(self, job: Job) -> None:
        """Let go of the program for jobs like this one."""
        self._programs.drop(program_key(job))

    def _program(self, job: Job) -> Program:
        return self._programs.get(program_key(job), lambda: Program(job, self._stores, compiled=self._compiled))


def _shortened(job: Job, n_epochs: int) -> Job:
    """The same work for exactly so many epochs; techniques are off, so that none makes it diverge."""
    training = job.training.model_copy(update={"epochs": n_epochs})
    return replace(job, training=training, stopping=None, values={})
