"""The engines `compiled` and `graph`: programs, kept for the jobs to come."""

from __future__ import annotations

from search.training.bounds import PROGRAMS
from search.training.engines._base import Job, Outcome, Watch, keep_going
from search.training.engines._calibration import calibrated, shortened
from search.training.engines._stores import Stores
from search.training.engines.program import Program, program_key
from search.training.recent import Recent


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
            program.train(shortened(job, 1), keep_going)

        def train(n_epochs: int) -> float:
            program.train(shortened(job, n_epochs), keep_going)
            return program.seconds_per_epoch or 0.0

        return calibrated(train)

    def forget(self, job: Job) -> None:
        """Let go of the program for jobs like this one."""
        self._programs.drop(program_key(job))

    def _program(self, job: Job) -> Program:
        return self._programs.get(program_key(job), lambda: Program(job, self._stores, compiled=self._compiled))
