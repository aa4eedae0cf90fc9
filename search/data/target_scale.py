"""Targets of a regression as networks are trained on them: of mean 0 and deviation 1, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Targets are trained on as `(target - mean) / deviation`, as scikit-learn's `TransformedTargetRegressor` does.

    Initial weights and learning rates suit outputs near 1: a target of 150,000 would take a net most of its epochs to
    come near.

    Args:
        mean: Subtracted, float64, shape () or (targets,).
        deviation: Divided by, above 0, alike.
    """

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]

    @classmethod
    def fit(cls, target: Array) -> TargetScale:
        """The scale of some rows' targets; a target that never changes is not divided.

        Args:
            target: Shape (rows,) or (rows, targets), at least one row.
        """
        values = target.astype(np.float64)
        deviation = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def scaled(self, target: Array) -> npt.NDArray[np.float32]:
        """Targets as they are trained on, in the shape that they have."""
        return ((target - self.mean) / self.deviation).astype(np.float32)

    def restored(self, values: Array) -> npt.NDArray[np.float64]:
        """Scaled targets, or predictions of such, in the target's own unit; shape (rows,) or (rows, targets)."""
        restored: npt.NDArray[np.float64] = values.astype(np.float64) * self.deviation + self.mean
        return restored
