"""Rows that come in batches: a `tf.data.Dataset` or a Keras `PyDataset` becomes arrays.

Folds and seeds meet each row many times, in an order that is the run's own: so all rows are held in memory, or in a
file where they are too many for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from search.data.sources.raw import PlainError
from search.data.stored_rows import RowsWriter

_FOR_EVER = -1


def is_stream(value: Any) -> bool:
    """Whether a value is such a data set; neither Keras nor TensorFlow is imported to tell."""
    return hasattr(value, "as_numpy_iterator") or any(kind.__name__ == "PyDataset" for kind in type(value).__mro__)


def collect(stream: Any, most_bytes: int, path: Path) -> tuple[Any, Any]:
    """All rows of a data set, in the order in which they come.

    Args:
        stream: A `tf.data.Dataset` of `(x, y)`, in batches or not, or a `keras.utils.PyDataset`.
        most_bytes: How many bytes features may take in memory.
        path: Where they are written when they take more.

    Returns:
        Features, an array or one for each input by its name, or what was `Written` of them; and targets, an array or
        one for each output by its name.

    Raises:
        PlainError: It has no end, no rows, elements of another kind, or too many rows for memory and no room on disk.
    """
    with contextlib.ExitStack() as files:
        return _collected(stream, most_bytes, lambda: files.enter_context(contextlib.closing(RowsWriter(path))))


def _collected(stream: Any, most_bytes: int, begin_file: Callable[[], RowsWriter]) -> tuple[Any, Any]:
    features, targets = list[Any](), list[Any]()
    n_bytes, writer = 0, None
    for element in _elements(stream):
        if not isinstance(element, tuple | list) or len(element) != 2:
            received = f"{len(element)} values" if isinstance(element, tuple | list) else type(element).__name__
            raise PlainError(f"expected (x, y) of each element of the data set, received {received}")
        x, y = map(_numpy, element)
        features.append(x)
        targets.append(y)
        n_bytes += sum(each.nbytes for each in (x.values() if isinstance(x, dict) else [x]))
        if writer is None and n_bytes > most_bytes:
            writer = begin_file()
        if writer is not None:
            _write(writer, features)
            features.clear()
    if not targets:
        raise PlainError("expected rows, received a data set without any")
    try:
        return _joined(features) if writer is None else writer.close(), _joined(targets)
    except ValueError as error:
        raise PlainError("expected rows of one shape, received a data set of several") from error
    except OSError as error:  # of what was still to be written
        raise PlainError(_no_room(error)) from error


def _no_room(error: OSError) -> str:
    return f"expected room for features that do not fit into memory, received {error.strerror or error}"


def _write(writer: RowsWriter, features: list[Any]) -> None:
    """Write batches to a file."""
    for x in features:
        if isinstance(x, dict):
            names = ", ".join(x)
            raise PlainError(f"expected one input of features that do not fit into memory, received {names}")
        if x.dtype.kind not in "biuf":
            raise PlainError(f"expected features of numbers, received dtype {x.dtype}")
        try:
            writer.write(x)
        except ValueError as error:
            raise PlainError("expected rows of one shape, received a data set of several") from error
        except OSError as error:
            raise PlainError(_no_room(error)) from error


def _joined(parts: list[Any]) -> Any:
    """Batches one below the other."""
    if isinstance(parts[0], dict):
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return np.concatenate(parts)


def _elements(stream: Any) -> Iterator[Any]:
    """Batches of rows."""
    if not hasattr(stream, "as_numpy_iterator"):
        for place in range(len(stream)):
            yield stream[place]
        return
    if int(stream.cardinality()) == _FOR_EVER:
        raise PlainError("expected a data set that ends, received one that repeats for ever")
    yield from (stream if _is_batched(stream) else stream.batch(256)).as_numpy_iterator()


def _is_batched(stream: Any) -> bool:
    """Whether the elements of a `tf.data.Dataset` are batches: features and targets begin with the same axis."""
    spec = stream.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        return True  # said where elements are looked at
    first = [next(iter(each.values())) if isinstance(each, Mapping) else each for each in spec]
    shapes: list[Any] = [getattr(each, "shape", None) for each in first]
    if any(shape is None or shape.rank is None for shape in shapes):
        return True
    return all(shape.rank for shape in shapes) and bool(shapes[0][0] == shapes[1][0])


def _numpy(x: Any) -> Any:
    return {str(name): np.asarray(each) for name, each in x.items()} if isinstance(x, Mapping) else np.asarray(x)
