"""One training: what is to be trained, what it tells on its way, and what came of it."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from search.records.configuration import Configuration
from search.records.curve import Curve
from search.records.predictions import Predictions


class Purpose(enum.Enum):
    """What a run is trained for; runs of different purposes never share a row of the database."""

    SEARCH = "search"
    CONFIRMATION = "confirmation"
    REFIT = "refit"
    PARTS = "parts"
    """Of a configuration that is no trial, by which parts of the choice are told apart; it is not stored as a run."""

    @property
    def is_redrawn(self) -> bool:
        """Whether its runs are trained on the confirmation's divisions, which are not the search's."""
        return self in (Purpose.CONFIRMATION, Purpose.PARTS)


class FailureCause(enum.Enum):
    """Why a run has no score.

    A transient cause lies in the machine and the moment, not in the configuration: such a run is tried again, and
    its failure is never taken for that of an equal configuration.
    """

    DIVERGED = "diverged"
    RAISED = "raised"
    WITHDRAWN = "withdrawn"
    OUT_OF_MEMORY = "out of memory"
    WORKER_DIED = "worker died"
    TIMED_OUT = "timed out"

    @property
    def is_transient(self) -> bool:
        """Whether the same run may well succeed at another time."""
        return self in (FailureCause.OUT_OF_MEMORY, FailureCause.WORKER_DIED)


@dataclass(frozen=True)
class EngineChoice:
    """The engine that trains an architecture.

    Args:
        name: As in `[training] engine`, never "auto".
        reason: Why it was chosen, for the record.
    """

    name: str
    reason: str = "as asked"

    @property
    def trains_together(self) -> bool:
        """Whether runs that reach a worker together are trained side by side."""
        return self.name == "lanes"


@dataclass(frozen=True)
class Run:
    """One training to be done: one configuration, one fold, one seed.

    Args:
        trial: Number of the trial that the run belongs to.
        fold: Index of the fold among those of its purpose, from 0; with repeated k-fold it counts through the repeats.
        repeat: Index of the seed within the fold, from 0.
        seed: Seed of initial weights, shuffling and noise, in [0, 2**31). It depends on the study's seed,
            `purpose`, `fold` and `repeat` only, so that configurations are compared on equal terms.
        configuration: The effective configuration to train.
        engine: The engine that trains it; None leaves the choice to the worker.
        purpose: What it is trained for.
    """

    trial: int
    fold: int
    repeat: int
    seed: int
    configuration: Configuration
    engine: EngineChoice | None = None
    purpose: Purpose = Purpose.SEARCH


@dataclass(frozen=True)
class RunReport:
    """What a run that is still going has to tell.

    Args:
        run: The run.
        first_epoch: The epoch, from 1, of the first value.
        validation_metric: The study's metric on the validation rows, epoch by epoch.
    """

    run: Run
    first_epoch: int
    validation_metric: tuple[float, ...]

    @property
    def epoch(self) -> int:
        """The last epoch that it tells of."""
        return self.first_epoch + len(self.validation_metric) - 1


@dataclass(frozen=True)
class RunResult:
    """What a worker found in one run.

    Args:
        run: The run that was asked for.
        score: The study's metric on validation rows, penalty-free; None when the run failed.
        error: Why the run failed (`diverged at epoch 3`), for people; None when it did not.
        cause: The same for programs; None when it did not.
        penalty: Sum of the penalties on weights, at the weights that were kept; 0 when there are none.
        epochs_trained: Epochs begun and finished.
        best_epoch: The epoch, from 1, whose weights were kept: the last one without early stopping.
        curve: Losses and metric per epoch.
        weight_norms: Layer name to the L2 norm of its kernel at the weights kept.
        zero_shares: Hidden layer to the share of its outputs on the validation rows that are exactly 0, at the weights
            kept; empty unless the study searches a penalty on activations.
        zero_weights: Layer name to the share of its kernel's weights that are next to zero at the weights kept: no
            larger than a thousandth of the largest one.
        seconds: Wall time of the run on its worker.
        engine: The engine that trained and why, as in `fit`.
        worker: Where it was trained: `host:pid`.
        predictions: Of the rows that score it, at the weights kept: what the score was computed from. None when the run
            failed, or they are not kept.
        log: All that an error said, with where it was raised; of bounded length. None when there is nothing to add to
            `error`.
    """

    run: Run
    score: float | None
    error: str | None = None
    penalty: float = 0.0
    epochs_trained: int = 0
    best_epoch: int = 0
    curve: Curve = field(default_factory=Curve)
    weight_norms: Mapping[str, float] = field(default_factory=dict)
    zero_shares: Mapping[str, float] = field(default_factory=dict)
    zero_weights: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    engine: str = ""
    worker: str = ""
    cause: FailureCause | None = None
    predictions: Predictions | None = None
    log: str | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.error is None):
            raise ValueError(f"expected a score or an error, received {self.score!r} and {self.error!r}")
        if self.score is not None and not math.isfinite(self.score):
            raise ValueError(f"expected a finite score, received {self.score!r}")
        if self.error is not None and self.cause is None:
            object.__setattr__(self, "cause", FailureCause.RAISED)
        if self.error is None and self.cause is not None:
            raise ValueError(f"expected a cause only with an error, received {self.cause!r}")
        if self.error is not None and self.predictions is not None:
            raise ValueError(f"expected predictions only with a score, received the error {self.error!r}")
        if self.error is None and self.log is not None:
            raise ValueError(f"expected a log only with an error, received {self.log!r}")


@dataclass(frozen=True)
class RunSummary:
    """What the storage tells of one finished run, without its curve; the fields are those of `Run` and `RunResult`.

    `cause` is None, and `zero_weights` is empty, also for runs that an earlier version wrote down.
    """

    trial: int
    fold: int
    repeat: int
    seed: int
    score: float | None
    error: str | None
    penalty: float
    epochs_trained: int
    best_epoch: int
    weight_norms: Mapping[str, float]
    zero_shares: Mapping[str, float]
    seconds: float
    engine: str
    worker: str
    purpose: Purpose = Purpose.SEARCH
    cause: FailureCause | None = None
    zero_weights: Mapping[str, float] = field(default_factory=dict)
