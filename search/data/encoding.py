"""One fold as float32 arrays: scaled, filled and one-hot as the rows that train alone know it."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.columns import KINDS, Block, Fitting
from search.data.dataset import Dataset
from search.data.further_targets import FurtherTarget
from search.data.named_inputs import ONLY_INPUT
from search.data.splits import Fold
from search.data.stored_rows import is_stored, is_table
from search.data.target_scale import TargetScale

FloatArray = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows as a network takes them.

    Args:
        x: Features by the name of the input that they go to, float32, shape (n, ...) each.
        y: Targets: int64 class indices, shape (n,), or float32, shape (n,) or (n, k).
        weight: How much each row counts, float32, shape (n,), finite and at least 0; 1 where all count alike.
        further: Targets of the outputs that train beside the study's, by their names; each as `y`.
    """

    x: Mapping[str, FloatArray]
    y: Array
    weight: FloatArray
    further: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls, x: FloatArray, y: Array, weight: FloatArray | None = None, further: Mapping[str, Array] | None = None
    ) -> Samples:
        """Rows of one input.

        Args:
            x: Its features.
            y: Targets.
            weight: How much each row counts; None when all count alike.
            further: Targets of further outputs; None where there is but one.
        """
        return cls({ONLY_INPUT: x}, y, np.ones(len(y), np.float32) if weight is None else weight, further or {})

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
        return sum(rows.nbytes for rows in (*self.x.values(), self.y, self.weight, *self.further.values()))

    def first(self, n_rows: int) -> Samples:
        """The first so many of them."""
        x, further = ({name: rows[:n_rows] for name, rows in arrays.items()} for arrays in (self.x, self.further))
        return Samples(x, self.y[:n_rows], self.weight[:n_rows], further)

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
        further_scales: The same of targets of further outputs, by their names; others are as they came.
    """

    train: Samples
    stop: Samples
    validation: Samples
    encoder: Encoder | None = None
    target_scale: TargetScale | None = None
    further_scales: Mapping[str, TargetScale] = field(default_factory=dict)

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
        scaler: scikit-learn's fitted scaler of the numbers of an array, flattened; None leaves arrays unchanged.
        blocks: For a table, its columns by kind, in the order of their inputs; None for arrays.
    """

    scaler: Any = None
    blocks: tuple[Block, ...] | None = None

    def transform(self, dataset: Dataset) -> FloatArray:
        """Encode at least one row.

        Args:
            dataset: Rows with the columns that the encoder was fitted on.
        Returns:
            float32, shape (n, ...): an array keeps its shape; a table gives (n, inputs), in the order of
            `search.data.columns`. An input whose category no fitted row has is 0: every fold has the same inputs, and
            none learns of a category that it has not seen.
        """
        features = dataset.features
        if is_table(features):
            return _stacked([block.encode(features) for block in self.blocks or ()])
        if self.scaler is None:
            # Rows in a file are numbers once they are read.
            return features if is_stored(features) else np.asarray(features, dtype=np.float32)
        flat = self.scaler.transform(features.reshape(len(features), -1))
        return np.asarray(flat, dtype=np.float32).reshape(features.shape)

    def scaling(self) -> tuple[Array, Array] | None:
        """What each number of an array has subtracted, and is then divided by; None where nothing is done."""
        return None if self.scaler is None else (self.scaler.mean_, self.scaler.scale_)

    def input_names(self) -> list[str]:
        """What each input of an encoded table is: `width`, or `color = red` for a category; empty for arrays."""
        return [name for block in self.blocks or () for name in block.inputs]


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
    encoder, encode_train = _fit(development, train)
    scale = TargetScale.fit(development.target[train]) if development.scale_target else None
    scales = {
        each.name: TargetScale.fit(each.values[train]) if _is_scaled(development, each) else None
        for each in development.further
    }

    def encode(rows: npt.NDArray[np.int64]) -> Samples:
        part = development.take(rows)
        return Samples.of(encoder.transform(part), _trained_on(part.target, scale), part.weight, further_of(part))

    def further_of(part: Dataset) -> dict[str, Array]:
        return {each.name: _trained_on(each.values, scales[each.name]) for each in part.further}

    trained = development.take(train)
    training = Samples.of(encode_train(), _trained_on(trained.target, scale), trained.weight, further_of(trained))
    validation = encode(fold.validation)
    if not len(stop):
        stopping = training.first(0)
    elif np.array_equal(stop, fold.validation):
        stopping = validation
    else:
        stopping = encode(stop)
    known = {name: found for name, found in scales.items() if found is not None}
    return Arrays(training, stopping, validation, encoder, scale, known)


def fit_encoder(dataset: Dataset, rows: npt.NDArray[np.int64]) -> Encoder:
    """Fit scaling and columns on the given rows of a data set; of the others nothing but which inputs there are."""
    return _fit(dataset, rows)[0]


def _fit(dataset: Dataset, rows: npt.NDArray[np.int64]) -> tuple[Encoder, Callable[[], FloatArray]]:
    """An encoder, and what encodes the very rows that it was fitted on."""
    features = dataset.features
    if not is_table(features):
        encoder = Encoder(None)
        if dataset.standardize:
            from sklearn.preprocessing import StandardScaler

            encoder = Encoder(StandardScaler().fit(features[rows].reshape(len(rows), -1)))
        return encoder, lambda: encoder.transform(dataset.take(rows))
    fitting = Fitting(features, rows, dataset.target, len(dataset.classes), dataset.standardize, dataset.options)
    names = [(kind, kind.columns_of(fitting)) for kind in KINDS]
    blocks = tuple(kind.fit(fitting, of_kind) for kind, of_kind in names if of_kind)
    return Encoder(None, blocks), lambda: _stacked([block.encode_train(fitting) for block in blocks])


def _stacked(blocks: list[Array]) -> FloatArray:
    return np.hstack(blocks).astype(np.float32)


def import_encoders(dataset: Dataset) -> None:
    """Import the packages that `prepare` imports on its way, so that one that is missing is found before.

    Arrays that are trained on as they are need scikit-learn only for the splits of a confirmation: it is looked up.

    Raises:
        ImportError: One is missing or cannot be imported.
    """
    if not is_table(dataset.features) and not dataset.standardize:
        if importlib.util.find_spec("sklearn") is None:
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return
    import pandas  # noqa: F401  # for its own sake
    import sklearn.impute
    import sklearn.preprocessing  # noqa: F401  # for its own sake


def encoded_shape(dataset: Dataset) -> tuple[int, ...]:
    """The shape of one row as a network takes it; every fold has the same."""
    return fit_encoder(dataset, np.arange(len(dataset))).transform(dataset.take([0])).shape[1:]


def _is_scaled(development: Dataset, further: FurtherTarget) -> bool:
    """Whether the numbers of a further target are scaled: as those of the study's are, or else of a table's."""
    if further.task != "regression":
        return False
    return development.scale_target if development.task == "regression" else development.standardize


def _trained_on(target: Array, scale: TargetScale | None) -> Array:
    """Class indices as they are, quantities in float32 and scaled if they are to be."""
    if scale is not None:
        return scale.scaled(target)
    return target.astype(np.float32) if target.dtype.kind == "f" else target
