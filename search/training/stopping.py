"""Early stopping: which epoch is the best so far, and when to stop looking for a better one.

The rule itself, `Stopping`, is put together by the techniques that have a part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from search.techniques import Stopping


@dataclass
class BestEpoch:
    """Follows the loss of the stop rows, epoch by epoch, as `keras.callbacks.EarlyStopping` does.

    It is not Keras' own because that one watches a loss which contains the penalties, and because a first
    loss of NaN makes that one wait in vain: there is never anything smaller. Here NaN is no improvement.

    Source: Prechelt 1998; the counting of keras.callbacks.EarlyStopping with `min_delta` and `start_from_epoch`.
    """

    stopping: Stopping
    loss: float = float("inf")
    epoch: int = 0
    waited: int = 0

    def observe(self, epoch: int, loss: float) -> bool:
        """Take the loss of an epoch, counted from 1, and tell whether its weights are the best so far."""
        if epoch <= self.stopping.start_epoch:
            self.epoch = epoch
            return True
        improved = loss + self.stopping.minimum_delta < self.loss
        self.waited = 0 if improved else self.waited + 1
        if improved:
            self.loss, self.epoch = loss, epoch
        return improved

    @property
    def exhausted(self) -> bool:
        """Whether training should end."""
        return self.waited >= self.stopping.patience


__all__ = ["BestEpoch", "Stopping"]
