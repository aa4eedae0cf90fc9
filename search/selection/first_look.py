"""What one training of the baseline tells before a search: whether there is anything that regularization could mend.

It is said of the curve of a single run, in words that name what to change. A search is the only proof; what is told
here keeps one from searching where the optimizer, the number of epochs or the model is at fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.records import Curve
from search.records.wording import show_value

Losses = npt.NDArray[np.float64]

LEARNED = 0.98
"""Share of a constant guess' loss above which nothing was learned."""

FALLING = 0.03
"""Share of all that the training loss fell by, above which it still falls in the last tenth of the epochs."""

JUMPING = 0.3
"""Typical change from one epoch to the next, as a share of the loss, above which a curve jumps."""

RISING = 0.05
"""Share of the lowest validation loss by which the last one is above it where a model overfits."""

GAP = 0.2
"""Share of the training loss by which the validation loss is above it where a model overfits."""

EXPLODED = 5.0
"""Times a constant guess' loss above which training went astray."""

_LEAST_EPOCHS = 10
"""Epochs of which a trend can be told."""


@dataclass(frozen=True)
class FirstLook:
    """What is known of one training.

    Args:
        curve: Its curve.
        n_epochs: Epochs that it was to have.
        learning_rate: At which it began.
        constant: What the loss of the rows that train is for the best guess that is the same for each; None where that
            is not known.
        diverged_epoch: The epoch at which loss or weights were not finite; None where they were.
        seconds: How long it took.
        stopped: Whether the time was over before the epochs were.
    """

    curve: Curve
    n_epochs: int
    learning_rate: float
    constant: float | None
    diverged_epoch: int | None = None
    seconds: float = 0.0
    stopped: bool = False

    @property
    def findings(self) -> tuple[str, ...]:
        """What stands out, and what to change; a sentence or two each."""
        train, validation = (
            np.asarray(part, np.float64) for part in (self.curve.train_loss, self.curve.validation_loss)
        )
        if self.diverged_epoch is not None:
            return (
                f"The loss is not finite from epoch {self.diverged_epoch} on: the learning rate, "
                f"{self.learning_rate:g}, is too large. Try {self.learning_rate / 10:.2g}.",
            )
        if len(train) < _LEAST_EPOCHS:
            return (f"{len(train)} epochs are too few to tell a trend.",)
        return tuple(self._told(train, validation)) or (_told_of_gap(train, validation),)

    def _told(self, train: Losses, validation: Losses) -> Iterator[str]:
        rate = self.learning_rate
        if (high := self._explosion(train)) is not None:
            yield (
                f"The training loss was as high as {show_value(high)} on its way, where a constant guess has "
                f"{show_value(self.constant)}: the learning rate, {rate:g}, is too large. Try {rate / 10:.2g}."
            )
            return
        if self._has_learned_nothing(train):
            yield (
                f"Nothing is learned: the training loss is {show_value(train[-1])} after {len(train)} epochs, and "
                f"{show_value(self.constant)} for a constant guess. Before anything is regularized, try a "
                f"learning rate of {rate * 10:.2g} or {rate / 10:.2g}, other features or another model."
            )
            return
        if jumps_up_and_down(train):
            yield (
                f"The training loss jumps up and down: by {typical_change(train):.0%} from one epoch to the next. The "
                f"learning rate, {rate:g}, may be too large: try {rate / 3:.2g}."
            )
        elif (falls := still_falls(train)) is not None and not _has_overfitted(validation):
            n = f"{self.n_epochs if self.stopped else 2 * self.n_epochs:,}"
            more = f"the {n} epochs that are asked for" if self.stopped else f"{n} epochs"
            yield (
                f"It is not trained to its end: in the last tenth of {len(train)} epochs the training loss still fell "
                f"by {falls:.0%} of all that it fell. Train for {more} or at a higher learning rate: what has "
                "not been learned cannot be learned by heart."
            )
        if _has_overfitted(validation):
            yield _told_of_gap(train, validation)

    def _explosion(self, train: Losses) -> float | None:
        """How high the training loss was behind the first tenth of the epochs, where that is no loss of a guess."""
        high = float(train[len(train) // 10 :].max())
        return high if self.constant is not None and high > EXPLODED * self.constant > 0 else None

    def _has_learned_nothing(self, train: Losses) -> bool:
        return self.constant is not None and self.constant > 0 and float(train.min()) > LEARNED * self.constant


def typical_change(losses: Losses) -> float:
    """How much a curve's later half changes from one epoch to the next, as a share of the loss."""
    later = losses[len(losses) // 2 :]
    scale = np.maximum(np.abs(later[:-1]), np.finfo(np.float64).tiny)
    return float(np.median(np.abs(np.diff(later)) / scale))


def jumps_up_and_down(losses: Losses) -> bool:
    """Whether a curve's later half goes up as often as down, by much."""
    steps = np.diff(losses[len(losses) // 2 :])
    turns = float(np.mean(np.sign(steps[1:]) != np.sign(steps[:-1]))) if len(steps) > 1 else 0.0
    return turns > 0.4 and typical_change(losses) > JUMPING


def still_falls(losses: Losses) -> float | None:
    """By what share of all that it fell a curve fell in the last tenth of its epochs; None where that is little."""
    tenth = max(2, len(losses) // 10)
    last, before = float(losses[-tenth:].mean()), float(losses[-2 * tenth : -tenth].mean())
    fallen = float(losses[0]) - last
    share = (before - last) / fallen if fallen > 0 else 0.0
    return share if share > FALLING else None


def _has_overfitted(validation: Losses) -> bool:
    lowest = float(validation.min())
    return float(validation[-1]) > lowest + RISING * abs(lowest)


def _told_of_gap(train: Losses, validation: Losses) -> str:
    """What the rows that score say beside those that train."""
    best = int(validation.argmin())
    shown = f"{show_value(train[-1])} on the rows that train and {show_value(validation[-1])} on others"
    if _has_overfitted(validation):
        return (
            f"It overfits: after {len(train)} epochs the loss is {shown}, where it was {show_value(validation[best])} "
            f"after epoch {best + 1}. Early stopping, and whatever keeps weights small, have something to gain."
        )
    if validation[-1] - train[-1] > GAP * abs(train[-1]):
        return (
            f"It fits the rows that train better than others: the loss is {shown}. Regularization may have something "
            "to gain."
        )
    return (
        f"There is little to regularize: the loss is {shown}. A larger model, more epochs or better features may gain "
        "more."
    )
