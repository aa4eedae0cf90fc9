"""One fold as float32 arrays: numbers scaled and text one-hot, both as the rows that train alone know them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.dataset import Dataset, take_rows
from search.data.splits import Fold
from search.data.target_scale import TargetScale

FloatArray = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


ONLY_INPUT = "x"
"""The name of the input of rows that have but one."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows as a network takes them.

    Args:
        x: Features by the name of the input that they go to, float32, shape (n, ...) each.
        y: Targets: int64 class indices, shape (n,), or float32, shape (n,) or (n, k).
        weight: How much each row counts, float32, shape (n,), finite and at least 0; 1 where all count alike.
    """

    x: Mapping[str, FloatArray]
    y: Array
    weight: FloatArray

    @classmethod
    def of(cls, x: FloatArray, y: Array, weight: FloatArray | None = None) -> Samples:
        """Rows of one input.

        Args:
            x: Its features.
            y: Targets.
            weight: How much each row counts; None when all count alike.
        """
        return cls({ONLY_INPUT: x}, y, np.ones(len(y), np.float32) if weight is None else weight)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def array(self) -> FloatArray:
        """The features of rows that have one input.

        Raises:
            ValueError: They have several.
        """
        if len(self.x) != 1:
            raise ValueError(f"expected rows of one input, received {', '.join(self.x)}")
        return next(iter(self.x.values()))

    @functools.cached_property
    def is_weighted(self) -> bool:
        """Whether some rows count more than others."""
        return bool((self.weight != 1).any())

    @property
    def n_bytes(self) -> int:
        """Memory that they take."""
        return sum(rows.nbytes for rows in (*self.x.values(), self.y, self.weight))

    def first(self, n_rows: int) -> Samples:
        """The first so many of them."""
        return Samples({name: rows[:n_rows] for name, rows in self.x.items()}, self.y[:n_rows], self.weight[:n_rows])

    def changed(self, change: Callable[[FloatArray], FloatArray]) -> Samples:
        """The rows with other features of their one input.

        Args:
            change: From rows to as many rows, float32.
        """
        # No rows have a shape, too: that which the change gives to a row.
        rows = self.array if len(self) else np.zeros((1, *self.array.shape[1:]), np.float32)
        changed = change(rows)[: len(self)]
        return replace(self, x=dict.fromkeys(self.x, changed))


@dataclass(frozen=True, eq=False)
class Arrays:
    """The rows of one fold as a network takes them.

    Args:
        train: The rows that train.
        stop: The rows that stop a run; none when they were not kept apart. The very object `validation` when the rows
            that score are the rows that stop.
        validation: The rows that score.
        encoder: What encoded them, fitted on the rows that train; None for rows that came encoded.
        target_scale: What scaled their targets, fitted alike; None when they are as they came.
    """

    train: Samples
    stop: Samples
    validation: Samples
    encoder: Encoder | None = None
    target_scale: TargetScale | None = None

    @property
    def are_weighted(self) -> bool:
        """Whether some rows count more than others."""
        return any(part.is_weighted for part in (self.train, self.stop, self.validation))

    def in_own_unit(self, values: Array) -> Array:
        """Targets of these rows, or predictions of them, in the target's own unit: what metrics are computed of."""
        return values if self.target_scale is None else self.target_scale.restored(values)


@dataclass(frozen=True, eq=False)
class Encoder:
    """How features become numbers, as fitted on training rows. It pickles.

    Args:
        transformer: scikit-learn's fitted transformer of two-dimensional features; None leaves arrays unchanged.
        known: For a table, 1 for each input that the fitted rows know and 0 for categories that none of them has, shape
            (inputs,); None for arrays.
    """

    transformer: Any
    known: FloatArray | None = None

    def transform(self, dataset: Dataset) -> FloatArray:
        """Encode at least one row.

        Args:
            dataset: Rows with the columns that the encoder was fitted on.
        Returns:
            float32, shape (n, ...): an array keeps its shape; a table gives (n, inputs), its numeric columns
            first, then one input for each category of the data set. An input whose category no fitted row has
            is 0: every fold has the same inputs, and none learns of a category that it has not seen.
        """
        features = dataset.features
        if self.transformer is None:
            return np.asarray(features, dtype=np.float32)
        if isinstance(features, np.ndarray):
            flat = self.transformer.transform(features.reshape(len(features), -1))
            return np.asarray(flat, dtype=np.float32).reshape(features.shape)
        encoded = np.asarray(self.transformer.transform(features), dtype=np.float32)
        return encoded if self.known is None else encoded * self.known

    def scaling(self) -> tuple[Array, Array] | None:
        """What each input has subtracted, and is then divided by, shape (inputs,) each; None when nothing is done.

        Categories have 0 subtracted and are divided by 1.
        """
        columns = getattr(self.transformer, "named_transformers_", None)
        scaler = self.transformer if columns is None else columns["numeric"]
        if not hasattr(scaler, "scale_"):
            return None
        n_more = 0 if columns is None else len(self.input_names()) - len(scaler.mean_)
        return np.append(scaler.mean_, np.zeros(n_more)), np.append(scaler.scale_, np.ones(n_more))

    def input_names(self) -> list[str]:
        """What each input of an encoded table is: `width`, or `color = red` for a category; empty for arrays."""
        names = getattr(self.transformer, "transformers_", None)
        if names is None:
            return []
        inputs: list[str] = []
        for kind, encoder, columns in names:
            if kind == "numeric":
                inputs += map(str, columns)
            elif kind == "text" and len(columns):
                pairs = zip(columns, encoder.categories_, strict=True)
                inputs += [f"{column} = {category}" for column, categories in pairs for category in categories]
        return inputs


def prepare(development: Dataset, fold: Fold, *, keep_stop: bool) -> Arrays:
    """Encode the rows of one fold.

    Args:
        development: The development rows, without any test row.
        fold: Positions within `development`.
        keep_stop: Whether the stop rows stay apart. When not, they train too, unless they are the rows that
            score; the encoder is fitted on the rows that train.
    """
    train, stop = fold.train, fold.stop
    if not keep_stop:
        train = np.union1d(train, np.setdiff1d(stop, fold.validation))
        stop = stop[:0]
    encoder = fit_encoder(development, train)
    scale = TargetScale.fit(development.target[train]) if development.scale_target else None

    def encode(rows: npt.NDArray[np.int64]) -> Samples:
        part = development.take(rows)
        return Samples.of(encoder.transform(part), _trained_on(part.target, scale), part.weight)

    training, validation = encode(train), encode(fold.validation)
    if not len(stop):
        stopping = training.first(0)
    elif np.array_equal(stop, fold.validation):
        stopping = validation
    else:
        stopping = encode(stop)
    return Arrays(training, stopping, validation, encoder, scale)


def fit_encoder(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Encoder:
    """Fit scaling and categories on the given rows of a data set; of the others nothing but categories' names."""
    features = take_rows(dataset.features, rows)
    if isinstance(features, np.ndarray):
        if not dataset.standardize:
            return Encoder(None)
        from sklearn.preprocessing import StandardScaler

        return Encoder(StandardScaler().fit(features.reshape(len(features), -1)))
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = [name for name in features.columns if features[name].dtype == object]
    numeric = [name for name in features.columns if features[name].dtype != object]
    scale = StandardScaler() if dataset.standardize else "passthrough"
    categories = [sorted(set(dataset.features[name])) for name in text]
    one_hot = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    columns = ColumnTransformer([("numeric", scale, numeric), ("text", one_hot, text)])
    seen = [np.isin(known, list(set(features[name]))) for name, known in zip(text, categories, strict=True)]
    known = np.concatenate([np.ones(len(numeric)), *seen]).astype(np.float32)
    return Encoder(columns.fit(features), known)


def import_encoders() -> None:
    """Import the packages that `prepare` imports on its way, so that one that is missing is found before."""
    import pandas  # noqa: F401  # for its own sake
    import sklearn.compose
    import sklearn.preprocessing  # noqa: F401  # for its own sake


def encoded_shape(dataset: Dataset) -> tuple[int, ...]:
    """The shape of one row as a network takes it; every fold has the same."""
    return fit_encoder(dataset, np.arange(len(dataset))).transform(dataset.take([0])).shape[1:]


def _trained_on(target: Array, scale: TargetScale | None) -> Array:
    """Class indices as they are, quantities in float32 and scaled if they are to be."""
    if scale is not None:
        return scale.scaled(target)
    return target.astype(np.float32) if target.dtype.kind == "f" else target
