"""`Dataset`: rows with their targets, the fingerprint of the whole, and which rows are equal."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data.columns import TableOptions, is_date, is_text
from search.data.further_targets import FurtherTarget, NamedOutput
from search.data.named_inputs import InputShapes
from search.data.stored_rows import at_path, is_table
from search.records import Task

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

_CELLS_PER_BLOCK = 2**22  # 32 MiB as float64: a fingerprint never doubles the memory that the data takes


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows with their targets, checked: no number is infinite and every class has two rows at least.

    Args:
        features: float32, shape (n, ...); or, for a table, a DataFrame of n rows whose columns are float64
            (numbers), object (text) or datetime64[us] (dates); missing cells are NaN, None and NaT.
        target: int64 class indices, shape (n,); or float64, shape (n,) or (n, k), for regression.
        task: What is to be predicted.
        classes: The label of each class index; empty for regression.
        standardize: Whether numeric features are scaled to mean 0 and deviation 1 before they train.
        sha256: Fingerprint, in hexadecimal, of the whole data as read: features, targets, names and labels,
            in their order. `take` leaves it unchanged.
        notes: What the user should know, one sentence each: constant columns, scaled bytes.
        groups: What rows belong together, shape (n,): rows of equal value never stand on two sides of a division.
        order: Where rows stand in an order, a time for example, shape (n,): what scores lies after what trains.
        part: A division of the user's own, shape (n,): which part each row is of, as `search.data.parts` reads it.
        weight: How much each row counts, float32, shape (n,), finite and at least 0; None when all count alike.
        scaled_bytes: Whether the features were bytes and were divided by 255.
        scale_target: Whether the targets of a regression are scaled to mean 0 and deviation 1 before they train.
        options: How the columns of a table become inputs.
        inputs: Inputs that stand beside one another in the rows of an array; none where there is but one.
        output: Name of the model's output that the target is of; empty where it has but one.
        further: Targets of the other outputs.
        texts: Name of each input of text, and its different texts, among which its cells are places; only until a model
            has made numbers of them.
        from_text: Names of the inputs whose numbers a model's layers have made of text.
        made_of: Of a table whose columns were made arrays of inputs, each input and its columns.
    """

    features: Array | pd.DataFrame
    target: Array
    task: Task
    classes: tuple[str, ...]
    standardize: bool
    sha256: str
    notes: tuple[str, ...] = ()
    groups: Array | None = None
    order: Array | None = None
    part: Array | None = None
    weight: Array | None = None
    scaled_bytes: bool = False
    scale_target: bool = False
    options: TableOptions = field(default_factory=TableOptions)
    inputs: InputShapes = ()
    output: str = ""
    further: tuple[FurtherTarget, ...] = ()
    texts: tuple[tuple[str, Array], ...] = ()
    from_text: tuple[str, ...] = ()
    made_of: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def __post_init__(self) -> None:
        if len(self.features) != len(self.target):
            raise ValueError(f"expected a target for each of {len(self.features)} rows, received {len(self.target)}")
        for name, column in self.row_columns.items():
            if column.shape != (len(self),):
                raise ValueError(f"expected {name} of shape ({len(self)},), received shape {column.shape}")
            if column.dtype == object or (column.dtype.kind in "fmM" and (column != column).any()):
                raise ValueError(f"expected {name} of numbers, times or text without missing ones, received others")
        if self.weight is not None and (self.weight.dtype != np.float32 or not _are_weights(self.weight)):
            raise ValueError("expected weight of finite float32 numbers of at least 0, received others")

    def __len__(self) -> int:
        return len(self.target)

    @property
    def n_outputs(self) -> int:
        """Number of classes, or of targets for a regression."""
        return len(self.classes) or math.prod(self.target.shape[1:])

    @property
    def named_outputs(self) -> tuple[NamedOutput, ...]:
        """What each of several outputs predicts, the study's first; none where there is but one."""
        if not self.output:
            return ()
        return (NamedOutput(self.output, self.n_outputs, self.task), *(each.output for each in self.further))

    @property
    def has_gaps(self) -> bool:
        """Whether a cell of a table is missing."""
        return is_table(self.features) and bool(self.features.isna().to_numpy().any())

    @property
    def row_columns(self) -> dict[str, Array]:
        """Those of `groups`, `order`, `part` and `weight` that the data has, by name."""
        columns = {"groups": self.groups, "order": self.order, "part": self.part, "weight": self.weight}
        return {name: column for name, column in columns.items() if column is not None}

    def at(self, path: Path) -> Dataset:
        """The same rows, whose features are in that file where they stay in one."""
        return dataclasses.replace(self, features=at_path(self.features, path))

    def take(self, rows: npt.ArrayLike) -> Dataset:
        """The given rows in the given order; every other field is kept.

        Args:
            rows: Row positions, shape (m,), int.
        """
        positions = np.asarray(rows)
        columns = {name: column[positions] for name, column in self.row_columns.items()}
        features = take_rows(self.features, positions)
        further = tuple(each.take(positions) for each in self.further)
        return dataclasses.replace(self, features=features, target=self.target[positions], further=further, **columns)


def take_rows(features: Array | pd.DataFrame, rows: Array) -> Array | pd.DataFrame:
    """Rows of an array or a DataFrame by position; a DataFrame's index is numbered anew."""
    if not is_table(features):
        return features[rows]
    return features.iloc[rows].reset_index(drop=True)


def fingerprint(
    features: Array | pd.DataFrame,
    target: Array,
    target_names: Sequence[str],
    classes: Sequence[str],
    row_columns: Mapping[str, Array] | None = None,
    inputs: InputShapes = (),
    further: Sequence[FurtherTarget] = (),
    texts: Mapping[str, Array] | None = None,
) -> str:
    """SHA-256 of data, in hexadecimal: equal for equal values in equal order, on every machine.

    Numbers count as little-endian float64, so that the fingerprint does not depend on dtype or byte order;
    -0.0 counts as 0.0. Data without row columns has the fingerprint that it had before there were any.

    Args:
        features: As in `Dataset`.
        target: As in `Dataset`.
        target_names: Names of the target columns.
        classes: Label of each class index.
        row_columns: As `Dataset.row_columns` gives them.
        inputs: As in `Dataset`.
        further: As in `Dataset`.
        texts: The different texts of each input of text.
    """
    columns, dates = None, list[str]()
    if is_table(features):
        columns = [str(name) for name in features.columns]
        dates = [str(name) for name in features.columns if is_date(features[name])]
    header = {
        "features": list(features.shape),
        "target": list(target.shape),
        "columns": columns,
        "target_names": list(target_names),
        "classes": list(classes),
    }
    if dates:
        header["dates"] = dates
    if inputs:
        header["inputs"] = [[name, list(shape)] for name, shape in inputs]
    if texts:
        header["texts"] = sorted(texts)
    if further:
        header["further"] = [[each.name, list(each.values.shape), list(each.classes)] for each in further]
    columns_of_rows = sorted((row_columns or {}).items())
    if columns_of_rows:
        header["row_columns"] = [name for name, _ in columns_of_rows]
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for block in _blocks(features, target):
        digest.update(block)
    told = sorted((texts or {}).items())
    for column in (*(c for _, c in columns_of_rows), *(each.values for each in further), *(text for _, text in told)):
        for block in _column_blocks(column):
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
    if not is_table(features):
        return features.reshape(len(features), -1)
    import pandas as pd

    columns = (features.iloc[:, position] for position in range(features.shape[1]))
    return np.column_stack([pd.factorize(column)[0] if is_text(column) else _numbers(column) for column in columns])


def _blocks(features: Array | pd.DataFrame, target: Array) -> Iterator[bytes]:
    if not is_table(features):
        yield from _number_blocks(features)
    else:
        for position in range(features.shape[1]):
            column = features.iloc[:, position]
            if is_text(column):
                yield json.dumps([cell if isinstance(cell, str) else None for cell in column.tolist()]).encode()
            else:
                yield from _number_blocks(_numbers(column))
    yield from _number_blocks(target)


def _numbers(column: pd.Series[Any]) -> Array:
    """Cells that are no text as float64: dates in microseconds since 1970, missing cells as one and the same NaN."""
    if not is_date(column):
        numbers = column.to_numpy(np.float64)
        return np.where(np.isnan(numbers), np.nan, numbers)
    moments = column.to_numpy("datetime64[us]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))


def _column_blocks(column: Array) -> Iterator[bytes]:
    """Text, and times in their ISO form, as JSON; numbers as numbers."""
    if column.dtype.kind in "biuf":
        yield from _number_blocks(column)
    else:
        yield json.dumps(column.astype(str).tolist()).encode()


def _are_weights(values: Array) -> bool:
    return bool(np.isfinite(values).all() and (values >= 0).all())


def _number_blocks(values: Array) -> Iterator[bytes]:
    rows = max(1, _CELLS_PER_BLOCK // max(1, values[:1].size))
    for start in range(0, len(values), rows):
        yield (np.asarray(values[start : start + rows], np.float64) + 0.0).astype("<f8").tobytes()
