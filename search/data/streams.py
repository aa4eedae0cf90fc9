"""Rows that come in batches: a `tf.data.Dataset` or a Keras `PyDataset` becomes arrays.

All rows are held in memory, for folds and seeds meet each row many times, in an order that is the run's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from search.data.sources.raw import PlainError

MOST_BYTES = 4 * 2**30
"""Of all features together."""

_FOR_EVER = -1


def is_stream(value: Any) -> bool:
    """Whether a value is such a data set; neither Keras nor TensorFlow is imported to tell."""
    return hasattr(value, "as_numpy_iterator") or any(kind.__name__ == "PyDataset" for kind in type(value).__mro__)


def collect(stream: Any) -> tuple[Any, Any]:
    """All rows of a data set, in the order in which they come.

    Args:
        stream: A `tf.data.Dataset` of `(x, y)`, in batches or not, or a `keras.utils.PyDataset`.

    Returns:
        Features, an array or one for each input by its name; and targets, an array or one for each output by its name.

    Raises:
        PlainError: It has no end, too many rows for memory, no rows, or elements of another kind.
    """
    batches: list[tuple[Any, Any]] = []
    n_bytes = 0
    for element in _elements(stream):
        if not isinstance(element, tuple | list) or len(element) != 2:
            received = f"{len(element)} values" if isinstance(element, tuple | list) else type(element).__name__
            raise PlainError(f"expected (x, y) of each element of the data set, received {received}")
        x, y = element
        batches.append((_numpy(x), _numpy(y)))
        held = batches[-1][0]
        n_bytes += sum(each.nbytes for each in (held.values() if isinstance(held, dict) else [held]))
        if n_bytes > MOST_BYTES:
            most = f"{MOST_BYTES // 2**30} GiB"
            raise PlainError(f"expected a data set of at most {most} of features, received a larger one")
    if not batches:
        raise PlainError("expected rows, received a data set without any")
    try:
        return _joined([x for x, _ in batches]), _joined([y for _, y in batches])
    except ValueError as error:
        raise PlainError("expected rows of one shape, received a data set of several") from error


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
