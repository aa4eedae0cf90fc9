"""`SealedRows`: the rows that no trial sees, behind one door."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from search.data.dataset import Dataset


class SealedRows:
    """Rows that take no part in a search; whoever opens them says so first.

    They stay in the process that read them: they do not pickle, so that no worker can be sent any.

    Args:
        dataset: The whole data set.
        rows: Positions of the sealed rows, int64, shape (n,).
    """

    def __init__(self, dataset: Dataset, rows: npt.NDArray[np.int64]) -> None:
        self._dataset = dataset
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"SealedRows({len(self)} rows)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("sealed rows do not leave the process that read them")

    @property
    def sha256(self) -> str:
        """Fingerprint, in hexadecimal, of which rows of which data these are."""
        return hashlib.sha256(self._dataset.sha256.encode() + self._rows.astype("<i8").tobytes()).hexdigest()

    def at(self, path: Path) -> SealedRows:
        """The same rows, whose features are in that file where they stay in one."""
        return SealedRows(self._dataset.at(path), self._rows)

    def open(self, record: Callable[[str], None]) -> Dataset:
        """The rows, once the look at them is on record.

        Args:
            record: Called first, with the fingerprint; what it raises leaves the rows sealed.
        """
        record(self.sha256)
        return self._dataset.take(self._rows)
