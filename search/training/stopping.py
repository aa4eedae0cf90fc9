"""Early stopping: which epoch is the best so far, and when to stop looking for a better one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class BestEpoch:
    """Follows the loss of the stop rows, epoch by epoch, as `keras.callbacks.EarlyStopping` does.

    It is not Keras' own because that one watches a loss which contains the penalties, and because a first
    loss of NaN makes that one wait in vain: there is never anything smaller. Here NaN is no improvement.

    Args:
        patience: Epochs without improvement after which training ends.

    Source: Prechelt 1998; the counting of keras.callbacks.EarlyStopping with min_delta = 0.
    """

    patience: int
    loss: float = float("inf")
    epoch: int = 0
    waited: int = 0

    def observe(self, epoch: int, loss: float) -> bool:
        """Take the loss of an epoch, counted from 1, and tell whether it is the best so far."""
        improved = loss < self.loss
        self.waited = 0 if improved else self.waited + 1
        if improved:
            self.loss, self.epoch = loss, epoch
        return improved

    @property
    def exhausted(self) -> bool:
        """Whether training should end."""
        return self.waited >= self.patience
