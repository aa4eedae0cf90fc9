"""What `tune` is told besides model, rows and space: typed options become settings of a study file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from search.errors import Problem, UsageError

ClassWeight = str | Mapping[Any, float]

WEIGHT, PART = "weight", "part"
"""Arrays of the data file that say something of rows."""


@dataclass(frozen=True)
class TuneOptions:
    """Options of `tune`; None leaves a thing to its default.

    Args:
        metric: Name of the score, as in [objective].
        epochs: Epochs of a run, at most.
        folds: Folds of the cross-validation that scores a trial; 1 for a single holdout.
        seed: Seed of splits, initial weights and sampler.
        test: Rows that are sealed: a share or a count.
        sample_weight: How much each row counts, shape (rows,).
        class_weight: `balanced`, or class to number.
        has_validation_data: Whether rows that score are given.

    Raises:
        UsageError: An option has another type, or two contradict each other.
    """

    metric: str | None = None
    epochs: int | None = None
    folds: int | None = None
    seed: int | None = None
    test: float | None = None
    sample_weight: Any = None
    class_weight: ClassWeight | None = None
    has_validation_data: bool = False

    def __post_init__(self) -> None:
        problems = []
        for name in ("epochs", "folds", "seed"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | np.integer)):
                problems.append(Problem(name, f"expected a whole number, received {value!r}"))
        if not problems and self.folds is not None and self.folds < 1:
            problems.append(Problem("folds", f"expected 1, a single holdout, or more, received {self.folds}"))
        test: Any = self.test
        if test is not None and (isinstance(test, bool) or not isinstance(test, int | float | np.number)):
            problems.append(Problem("test", f"expected a share or a number of rows, received {test!r}"))
        metric: Any = self.metric
        if metric is not None and not isinstance(metric, str):
            received = getattr(metric, "__name__", type(metric).__name__)
            remedy = 'Write it into a file, and give "FILE.py:function".' if callable(metric) else ""
            problems.append(Problem("metric", f"expected the name of a metric, received {received}", remedy))
        if not _is_class_weight(self.class_weight):
            message = f'expected "balanced" or a dict of numbers above 0, received {self.class_weight!r}'
            problems.append(Problem("class_weight", message))
        if self.has_validation_data:
            problems += [
                Problem(name, f"expected none beside validation_data, which says what scores, received {value}")
                for name, value in (("folds", self.folds), ("test", self.test))
                if value is not None
            ]
        if problems:
            raise UsageError(problems)

    @property
    def settings(self) -> list[str]:
        """The options as `--set` takes them."""
        told: dict[str, Any] = {
            "objective.metric": self.metric,
            "training.epochs": self.epochs,
            "study.seed": self.seed,
            "split.test": self.test if self.test is not None or self.has_validation_data else 0,
        }
        settings = [f"{key}={_as_toml(value)}" for key, value in told.items() if value is not None]
        if self.folds is not None:
            kfold = f'{{ method = "kfold", folds = {self.folds} }}'
            holdout = '{ method = "holdout" }'
            settings.append(f"split.validation={holdout if self.folds == 1 else kfold}")
        return settings

    @property
    def training(self) -> dict[str, Any]:
        """Keys of [training] that are given, which no space that is drafted then searches."""
        if self.class_weight is None or isinstance(self.class_weight, str):
            return {} if self.class_weight is None else {"class_weight": self.class_weight}
        return {"class_weight": {_label(key): float(value) for key, value in self.class_weight.items()}}

    def row_arrays(self, n_rows: int, n_training: int) -> dict[str, npt.NDArray[Any]]:
        """Arrays of the data file that say something of rows.

        Args:
            n_rows: Rows in all, those that score behind the others.
            n_training: Rows that are not given as those that score.

        Raises:
            UsageError: There is not one weight a row.
        """
        arrays: dict[str, npt.NDArray[Any]] = {}
        if self.sample_weight is not None:
            weight = np.asarray(self.sample_weight)
            if weight.shape not in ((n_training,), (n_training, 1)) or weight.dtype.kind not in "biuf":
                received = f"{weight.dtype} of shape {weight.shape}"
                message = f"expected a number for each of {n_training} rows, received {received}"
                raise UsageError(Problem("sample_weight", message))
            if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
                wrong = weight[~np.isfinite(weight) | (weight < 0)]
                received = wrong[0] if len(wrong) else "zeros only"
                message = f"expected finite numbers of at least 0, some above it, received {received}"
                raise UsageError(Problem("sample_weight", message))
            arrays[WEIGHT] = np.concatenate([weight.ravel().astype(np.float64), np.ones(n_rows - n_training)])
        if self.has_validation_data:
            arrays[PART] = np.repeat(["train", "validation"], [n_training, n_rows - n_training])
        return arrays


def _is_class_weight(value: Any) -> bool:
    if isinstance(value, Mapping):
        numbers = [each for each in value.values() if isinstance(each, int | float | np.number)]
        return len(numbers) == len(value) and all(0 < each < np.inf for each in numbers)
    return value in (None, "none", "balanced")


def _as_toml(value: Any) -> str:
    """A value as TOML writes it inline."""
    return json.dumps(value.item() if isinstance(value, np.generic) else value)


def _label(key: Any) -> str:
    """A class as its label is written: 1 and 1.0 are `1`."""
    return str(int(key)) if isinstance(key, int | float | np.number) and float(key).is_integer() else str(key)
