"""Raw columns of a table become what a model takes, as Keras layers: what `search.data.columns` does, told again.

A model that begins so takes a dictionary of columns, one value a row: numbers; text, "" where it is missing; dates as
days since 1970-01-01. A missing number or date is NaN. Numbers are float64 up to the model, as they are in training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data import Encoder
from search.data.columns import Block, Dates, Gaps, Numbers, TargetEncoded, Texts

_UNKNOWN = "\0"  # no cell holds it
Tensor = Any
"""A symbolic tensor of Keras, shape (rows, ...)."""


def table_inputs(encoder: Encoder) -> tuple[dict[str, Tensor], Tensor]:
    """The columns that an encoder was fitted on, and its inputs made of them.

    Args:
        encoder: Of a table.
    Returns:
        Column to its input, shape (rows, 1), float64 or text, in the order of the blocks; and the encoded rows, shape
        (rows, inputs), float32.
    """
    import keras

    columns: dict[str, Tensor] = {}
    blocks = encoder.blocks or ()
    for block in blocks:
        of_text = isinstance(block, Texts | TargetEncoded)
        for name in block.names if not isinstance(block, Gaps) else ():
            columns[name] = keras.Input((1,), dtype="string" if of_text else "float64")
    told = _Told(columns)
    encoded = [keras.ops.cast(_ENCODED[type(block)](block, told), "float32") for block in blocks]
    return columns, encoded[0] if len(encoded) == 1 else keras.layers.Concatenate(name="encoded")(encoded)


class _Told:
    """The columns, and where their text is looked up: once for each column."""

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = columns
        self._codes: dict[str, tuple[Tensor, list[str]]] = {}

    def numbers(self, names: Sequence[str]) -> Tensor:
        """Columns of numbers, shape (rows, columns), float64."""
        return _joined([self._columns[name] for name in names])

    def number(self, name: str) -> Tensor:
        """A column of numbers or dates, shape (rows, 1), float64."""
        return self._columns[name]

    def is_text(self, name: str) -> bool:
        """Whether a column is text."""
        return str(self._columns[name].dtype) == "string"

    def codes(self, name: str, known: Sequence[str] = ()) -> tuple[Tensor, list[str]]:
        """A text column as places in a list, shape (rows, 1), and the list.

        The first place is that of all other texts, the last one that of a missing cell.
        """
        import keras

        if name not in self._codes:
            texts = [*known, *([] if "" in known else [""])]
            look_up = keras.layers.StringLookup(vocabulary=texts, num_oov_indices=1)
            self._codes[name] = look_up(self._columns[name]), [_UNKNOWN, *texts]
        return self._codes[name]


def _numbers(block: Numbers, told: _Told) -> Tensor:
    return _scaled(_filled(told.numbers(block.names), block.filling.fills), block)


def _dates(block: Dates, told: _Told) -> Tensor:
    parts = []
    for name, first, timed in zip(block.names, block.firsts, block.timed, strict=True):
        parts += _parts_of_date(told.number(name), first, timed=timed)
    return _scaled(_filled(_joined(parts), block.filling.fills), block)


def _parts_of_date(days: Tensor, first: float, *, timed: bool) -> list[Tensor]:
    """Year, month, weekday, days since the first, and the hour; NaN where a date is missing.

    Args:
        days: Since 1970-01-01, shape (rows, 1), float64.
        first: The first day, in the same unit.
        timed: Whether the hour is told.
    Source: the proleptic Gregorian calendar, counted in years that begin in March (Hinnant 2013, days to civil).
    """
    from keras import ops

    missing = ops.isnan(days)
    known = ops.where(missing, np.float64(0), days)
    day = ops.cast(ops.floor(known), "int64")
    since = day + 719_468  # 0000-03-01
    era = since // 146_097
    of_era = since - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * of_year + 2) // 153
    month = ops.where(from_march < 10, from_march + 3, from_march - 9)
    year = year_of_era + era * 400 + ops.cast(month <= 2, "int64")
    whole = [year, month, (day + 3) % 7, day - int(first)]  # 1970-01-01 was a Thursday
    parts = [ops.cast(part, "float64") for part in whole]
    if timed:
        parts.append((known - ops.floor(known)) * np.float64(24))
    return [ops.where(missing, np.float64("nan"), part) for part in parts]


def _target_encoded(block: TargetEncoded, told: _Told) -> Tensor:
    from keras import ops

    columns = []
    for name in block.names:
        categories, means, of_others = block.means(name)
        codes, texts = told.codes(name, categories)
        place = {category: index for index, category in enumerate(categories)}
        rows = np.array([means[place[text]] if text in place else of_others for text in texts])
        columns.append(ops.squeeze(ops.take(rows, codes, axis=0), 1))
    return _scaled(_joined(columns), block)


def _texts(block: Texts, told: _Told) -> Tensor:
    from keras import ops

    columns = []
    for position, name in enumerate(block.names):
        codes, texts = told.codes(name, block.kept(position))
        places = [block.place_of(text, position) for text in texts]
        one_hot = ops.one_hot(ops.take(np.array(places, np.int32), codes, axis=0), len(block.categories[position]))
        columns.append(ops.squeeze(one_hot, 1))
    known: Tensor = _joined(columns) * block.known
    return known


def _gaps(block: Gaps, told: _Told) -> Tensor:
    from keras import ops

    columns = []
    for name in block.names:
        if told.is_text(name):
            codes, texts = told.codes(name)
            missing = ops.equal(codes, texts.index(""))
        else:
            missing = ops.isnan(told.number(name))
        columns.append(ops.cast(missing, "float32"))
    return _joined(columns)


_ENCODED: Mapping[type[Block], Callable[[Any, _Told], Tensor]] = {
    Numbers: _numbers,
    Dates: _dates,
    TargetEncoded: _target_encoded,
    Texts: _texts,
    Gaps: _gaps,
}
"""A kind of column, to what makes its inputs."""


def _filled(values: Tensor, fills: npt.NDArray[np.float64]) -> Tensor:
    from keras import ops

    return values if np.isnan(fills).all() else ops.where(ops.isnan(values), fills, values)


def _scaled(values: Tensor, block: Numbers | Dates | TargetEncoded) -> Tensor:
    if block.scaler is None:
        return values
    mean, deviation = block.scaling
    return (values - mean) / deviation


def _joined(columns: Sequence[Tensor]) -> Tensor:
    from keras import ops

    return columns[0] if len(columns) == 1 else ops.concatenate(list(columns), axis=1)
