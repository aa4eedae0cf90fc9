"""The engine `lanes`: many runs as one TensorFlow function, for processors that one run does not fill.

Each run is a lane: weights, optimizer state, values, seeds, rows and the state of the loop have a leading axis, and
one training step is computed for all lanes at once (`tf.vectorized_map`). A lane that has ended, by patience, by
divergence, after all of its epochs or because its watch has seen enough, stays as it is while the others go on; the
program ends when all have. What is computed is `TracedRun`, the mathematics of the other programs.

Every program has the same number of lanes, and those left over do nothing. So a run is the same to the last bit
whatever its neighbours are and however many: which runs meet on a worker is a matter of the moment, and a study is to
repeat itself. With another number of lanes products would be summed in another order, which rounds otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from search.training.bounds import PROGRAMS
from search.training.engines._base import Job, Outcome, Watch, keep_going
from search.training.engines._calibration import calibrated, shortened
from search.training.engines._lanes_program import N_LANES, LanesProgram
from search.training.engines._stores import Stores
from search.training.engines._traced import program_key
from search.training.recent import Recent


class LanesEngine:
    """Trains up to `N_LANES` jobs of one `program_key` together.

    Args:
        stores: What else is kept.
    """

    name = "lanes"

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._programs: Recent[tuple[object, ...], LanesProgram] = Recent(PROGRAMS)

    @property
    def n_compilations(self) -> int:
        """Compilations of the programs that are kept."""
        return sum(program.n_compilations for program in self._programs.values())

    def train(self, job: Job, watch: Watch = keep_going) -> Outcome:
        """Train a job to its end; the other lanes do nothing."""
        return self.train_together([job], [watch])[0]

    def train_together(self, jobs: Sequence[Job], watches: Sequence[Watch]) -> list[Outcome]:
        """Train jobs to their ends, side by side.

        Args:
            jobs: At most `N_LANES`, alike in `program_key`.
            watches: Told how each goes. One that has seen enough ends its own job alone.

        Raises:
            RunFailedError: The architecture cannot be trained in lanes.
        """
        keys = {program_key(job) for job in jobs}
        if len(keys) != 1 or len(jobs) > N_LANES:
            raise ValueError(
                f"expected 1 to {N_LANES} jobs of one program, received {len(jobs)} of {len(keys)} programs"
            )
        return self._program(jobs[0]).train(jobs, watches)

    def seconds_per_epoch(self, job: Job) -> float:
        """Wall time of one epoch of a job, its share of what as many jobs as go together take; the program is kept."""
        program = self._program(job)

        def train(n_epochs: int) -> float:
            program.train([shortened(job, n_epochs)] * N_LANES, [keep_going] * N_LANES)
            return program.seconds_per_epoch or 0.0

        train(1)
        return calibrated(train) / N_LANES

    def forget(self, job: Job) -> None:
        """Let go of the program for jobs like this one."""
        self._programs.drop(program_key(job))

    def _program(self, job: Job) -> LanesProgram:
        return self._programs.get(program_key(job), lambda: LanesProgram(job, self._stores))
