"""`Dataset`: rows with their targets, the fingerprint of the whole, and which rows are equal."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.records import Task

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

_CELLS_PER_BLOCK = 2**22  # 32 MiB as float64: a fingerprint never doubles the memory that the data takes


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows with their targets, checked: every number is finite and every class has two rows at least.

    Args:
        features: float32, shape (n, ...); or, for a table, a DataFrame of n rows whose columns are float64
            (numeric) or object (text, one-hot encoded later).
        target: int64 class indices, shape (n,); or float32, shape (n,) or (n, k), for regression.
        task: What is to be predicted.
        classes: The label of each class index; empty for regression.
        standardize: Whether numeric features are scaled to mean 0 and deviation 1 before they train.
        sha256: Fingerprint, in hexadecimal, of the whole data as read: features, targets, names and labels,
            in their order. `take` leaves it unchanged.
        notes: What the user should know, one sentence each: constant columns, scaled bytes.
        scaled_bytes: Whether the features were bytes and were divided by 255.
    """

    features: Array | pd.DataFrame
    target: Array
    task: Task
    classes: tuple[str, ...]
    standardize: bool
    sha256: str
    notes: tuple[str, ...] = ()
    scaled_bytes: bool = False

    def __post_init__(self) -> None:
        if len(self.features) != len(self.target):
            raise ValueError(f"expected a target for each of {len(self.features)} rows, received {len(self.target)}")

    def __len__(self) -> int:
        return len(self.target)

    @property
    def n_outputs(self) -> int:
        """Number of classes, or of targets for a regression."""
        return len(self.classes) or math.prod(self.target.shape[1:])

    def take(self, rows: npt.ArrayLike) -> Dataset:
        """The given rows in the given order; every other field is kept.

        Args:
            rows: Row positions, shape (m,), int.
        """
        return dataclasses.replace(
            self, features=take_rows(self.features, np.asarray(rows)), target=self.target[np.asarray(rows)]
        )


def take_rows(features: Array | pd.DataFrame, rows: Array) -> Array | pd.DataFrame:
    """Rows of an array or a DataFrame by position; a DataFrame's index is numbered anew."""
    if isinstance(features, np.ndarray):
        return features[rows]
    return features.iloc[rows].reset_index(drop=True)


def fingerprint(
    features: Array | pd.DataFrame, target: Array, target_names: Sequence[str], classes: Sequence[str]
) -> str:
    """SHA-256 of data, in hexadecimal: equal for equal values in equal order, on every machine.

    Numbers count as little-endian float64, so that the fingerprint does not depend on dtype or byte order;
    -0.0 counts as 0.0.
    """
    columns = None if isinstance(features, np.ndarray) else [str(name) for name in features.columns]
    header = {
        "features": list(features.shape),
        "target": list(target.shape),
        "columns": columns,
        "target_names": list(target_names),
        "classes": list(classes),
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for block in _blocks(features, target):
        digest.update(block)
    return digest.hexdigest()


def row_keys(dataset: Dataset) -> npt.NDArray[np.int64]:
    """A number for each row, shape (n,): equal for rows whose features and targets are equal."""
    cells = code_columns(dataset.features)
    numbers: dict[bytes, int] = {}
    # + 0.0 makes one zero of -0.0 and 0.0, which are equal but differ in their bytes
    pairs = zip(cells, dataset.target, strict=True)
    keys = (hashlib.blake2b((row + 0.0).tobytes() + (target + 0.0).tobytes()).digest() for row, target in pairs)
    return np.fromiter((numbers.setdefault(key, len(numbers)) for key in keys), np.int64, len(cells))


def code_columns(features: Array | pd.DataFrame) -> Array:
    """Features as numbers, shape (n, columns): text becomes codes that are equal for equal text."""
    if isinstance(features, np.ndarray):
        return features.reshape(len(features), -1)
    import pandas as pd

    columns = (features.iloc[:, position] for position in range(features.shape[1]))
    coded = (pd.factorize(column)[0] if column.dtype == object else column.to_numpy(np.float64) for column in columns)
    return np.column_stack([column.astype(np.float64) for column in coded])


def _blocks(features: Array | pd.DataFrame, target: Array) -> Iterator[bytes]:
    if isinstance(features, np.ndarray):
        yield from _number_blocks(features)
    else:
        for position in range(features.shape[1]):
            column = features.iloc[:, position]
            if column.dtype == object:
                yield json.dumps(column.tolist()).encode()
            else:
                yield from _number_blocks(column.to_numpy())
    yield from _number_blocks(target)


def _number_blocks(values: Array) -> Iterator[bytes]:
    rows = max(1, _CELLS_PER_BLOCK // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        yield (values[start : start + rows].astype(np.float64) + 0.0).astype("<f8").tobytes()
