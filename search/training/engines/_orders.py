"""The order of the training rows in each epoch: a fresh permutation an epoch, the same for every engine.

Keras' own seeded `fit` (3.15) starts its shuffling anew each epoch and so repeats one permutation for ever. Here each
epoch has its own, drawn from (seed, number of rows) alone: configurations meet the rows in equal order, and a run
that falls back to another engine trains on the same batches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from search.training.bounds import ORDERS_BYTES

Orders = npt.NDArray[np.int32]

_SHUFFLING = 103  # a purpose of its own among the numbers drawn from a run's seed


class EpochOrders:
    """Permutations of `n_rows` rows, epoch by epoch, drawn as they are asked for and kept.

    Args:
        seed: The run's seed.
        n_rows: Rows that train.
        n_epochs: Epochs in a block.
        most_bytes: Blocks are let go, the earliest first, while they take more; the one asked for last stays.
    """

    def __init__(self, seed: int, n_rows: int, n_epochs: int, most_bytes: int = ORDERS_BYTES // 4) -> None:
        self._most_bytes = most_bytes
        self._n_rows = n_rows
        self._n_epochs = n_epochs
        self._seed = seed
        self._restart()

    def block(self, index: int) -> Orders:
        """The orders of epochs `index * n_epochs` and following, from 0; shape (n_epochs, n_rows)."""
        if index < self._n_drawn - len(self._blocks):
            self._restart()
        while self._n_drawn <= index:
            rows = np.broadcast_to(np.arange(self._n_rows, dtype=np.int32), (self._n_epochs, self._n_rows))
            self._blocks.append(self._generator.permuted(rows, axis=1))
            self._n_drawn += 1
            if len(self._blocks) > 1 and self.n_bytes > self._most_bytes:
                del self._blocks[0]
        return self._blocks[index - self._n_drawn]

    @property
    def n_bytes(self) -> int:
        """Memory that the kept blocks take."""
        return sum(block.nbytes for block in self._blocks)

    def _restart(self) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence((self._seed, _SHUFFLING))))
        self._blocks: list[Orders] = []
        self._n_drawn = 0


def epochs_in_block(n_rows: int) -> int:
    """Epochs whose orders, and whose curve, are handed over at once: about 4 MB of them, 4,096 at most."""
    return max(1, min(4096, 2**20 // max(1, n_rows)))
