"""How a job goes that is trained in a lane, as it is told piece by piece."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.training.engines._base import Job, Watch
from search.training.engines._traced import METRIC, State


class Lane:
    """How a job goes, as it is told piece by piece."""

    def __init__(self, job: Job, watch: Watch) -> None:
        self.job = job
        self.n_trained = 0
        self.is_diverged = False
        self.is_withdrawn = False
        self._watch = watch
        self._has_waited = False
        self._n_reported = 0
        self._pieces: list[npt.NDArray[np.float32]] = []

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to train."""
        ended = self.is_diverged or self.is_withdrawn or self._has_waited
        return not ended and self.n_trained < self.job.training.epochs

    @property
    def curve(self) -> npt.NDArray[np.float32]:
        """Its epochs without a diverged one, shape (epochs, 4)."""
        return np.concatenate(self._pieces)

    def take(self, state: State, curve: npt.NDArray[np.float32]) -> None:
        """What came of a piece, and the curve from its first epoch on; nothing new of a job that has ended."""
        if not self.goes_on:
            return
        self.is_diverged = bool(int(state.diverged))
        self._pieces.append(curve[: int(state.epoch) - self.n_trained - self.is_diverged])
        self.n_trained = int(state.epoch)
        stopping = self.job.stopping
        self._has_waited = stopping is not None and int(state.waited) >= stopping.patience

    def report(self) -> None:
        """Tell the watch of what it was not told yet."""
        if self.goes_on:
            first, self._n_reported = self._n_reported, self.n_trained
            self.is_withdrawn = not self._watch(first + 1, self.curve[first:, METRIC])
