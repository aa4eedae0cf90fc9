"""What a model in a `.keras` file predicts."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from search.data import SourceModule
from search.errors import DataError, Problem, UsageError
from search.models.custom_code import custom_objects, own_module_names
from search.models.losses import Link, probabilities_of

if TYPE_CHECKING:
    import keras

Array = npt.NDArray[Any]

_ROWS_AT_ONCE = 1024


class TrainedModel:
    """A model from a file, that predicts.

    Args:
        path: A `.keras` file.
        custom: The file that defines what in it is not Keras' own; None for none.

    Raises:
        UsageError: Keras cannot load it.
    """

    def __init__(self, path: Path, custom: SourceModule | None = None) -> None:
        import keras

        try:
            with warnings.catch_warnings(), custom_objects(custom):
                # Of columns that Keras cannot name an input after.
                warnings.filterwarnings("ignore", "When providing `inputs` as a dict", UserWarning)
                self._model = keras.models.load_model(path, compile=False)
        except Exception as error:  # Keras raises nearly anything on files that are no models
            reason = " ".join(str(error).split())[:300]
            if custom is None and (names := _own_modules(path)):
                message = f"expected the file that defines what is not Keras' own, received classes of {names}"
                raise UsageError(Problem(str(path), message, "Add --custom FILE.py, and --trust.")) from error
            raise UsageError(
                Problem(str(path), f"expected a model that Keras can load, received {type(error).__name__}: {reason}")
            ) from error

    @classmethod
    def of(cls, model: keras.Model) -> TrainedModel:
        """One that is in memory."""
        trained = cls.__new__(cls)
        trained._model = model
        return trained

    @property
    def model(self) -> keras.Model:
        """The model itself."""
        return self._model

    @property
    def columns(self) -> list[str] | None:
        """The columns that it takes by name; None where it takes an array."""
        # A Sequential model that comes from a file knows no structure of its inputs, and has but one.
        inputs = getattr(self._model, "input", None) if type(self._model).__name__ == "Functional" else None
        return list(inputs) if isinstance(inputs, dict) else None

    @property
    def texts(self) -> frozenset[str]:
        """Names of its inputs of text."""
        return frozenset(tensor.name for tensor in self._model.inputs if tensor.dtype == "string")

    @property
    def row_shape(self) -> tuple[int | None, ...]:
        """Shape of a row of the array that it takes."""
        return tuple(self._model.input_shape[1:])

    def predict(self, rows: Mapping[str, Array] | Array, link: Link | None = None) -> dict[str, Array]:
        """What it predicts of some rows.

        Args:
            rows: Columns by name, shape (rows,) each; or an array, shape (rows, ...).
            link: What makes probabilities of its outputs, where it does not do that itself.

        Returns:
            Its outputs by name, or its one output as `prediction`.

        Raises:
            DataError: It does not take such rows.
        """
        import tensorflow as tf

        n_rows = len(next(iter(rows.values()))) if isinstance(rows, Mapping) else len(rows)
        parts = []
        for start in range(0, n_rows, _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            fed = tf.nest.map_structure(
                lambda values, chunk=chunk: tf.constant(values[chunk]),
                dict(rows) if isinstance(rows, Mapping) else rows,
            )
            try:
                told = self._model(fed, training=False)
            except (ValueError, tf.errors.InvalidArgumentError) as error:
                message = f"expected rows that the model takes, received: {' '.join(str(error).split())[:300]}"
                raise DataError(Problem("rows", message)) from error
            outputs = told if isinstance(told, dict) else {"prediction": probabilities_of(told, link)}
            parts.append({name: np.asarray(values) for name, values in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _own_modules(path: Path) -> str:
    """Names of the modules whose classes a model has; empty where it has none, and for a file that is no model."""
    with contextlib.suppress(OSError, ValueError):
        return ", ".join(own_module_names(path.read_bytes()))
    return ""
