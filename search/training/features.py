"""What the frozen front of a model makes of rows: computed once for each row, and kept.

Sums round otherwise in batches of another size, and a study is to be the same whoever trains it. So all rows of a
study are computed together, in their order, and looked up by their content; rows that a fold has scaled in a way of
its own are computed as the fold has them. The user's cache folder holds the former for other workers and sessions.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from search.models import Front, build_front
from search.training.user_cache import keep_file, own_folder

if TYPE_CHECKING:
    import keras

MOST_BYTES = 2**30
"""Of all files of features together."""

_ENDING = ".npz"
_ROWS_AT_ONCE = 256
_N_DIGEST = 16

Rows = npt.NDArray[np.float32]


class Features:
    """What one front makes of rows.

    Args:
        front: The front.
        rows: All rows of the study, as the model takes them, shape (n, ...); None where each fold has rows of its own.
    """

    def __init__(self, front: Front, rows: Rows | None) -> None:
        self._front = front
        self._rows = rows
        self._model: keras.Model | None = None

    @property
    def n_bytes(self) -> int:
        """Memory that the features of all rows take, once they are known."""
        return self._of_all.nbytes if "_of_all" in self.__dict__ else 0

    def __call__(self, rows: Rows) -> Rows:
        """What the front makes of some rows.

        Args:
            rows: As the model takes them, shape (n, ...).

        Returns:
            Shape (n, ...), float32.
        """
        places = self._places
        found = [places.get(digest, -1) for digest in map(_digest, np.ascontiguousarray(rows))] if places else [-1]
        if min(found) < 0:
            return self._computed(rows)
        chosen: Rows = self._of_all[found]
        return chosen

    @functools.cached_property
    def _places(self) -> dict[bytes, int]:
        """Where each row stands first, by its content."""
        rows = () if self._rows is None else np.ascontiguousarray(self._rows)
        return {digest: place for place, digest in reversed(list(enumerate(map(_digest, rows))))}

    @functools.cached_property
    def _of_all(self) -> Rows:
        """The features of all rows, in their order."""
        if self._rows is None:
            raise ValueError("expected the rows of the study, received none")
        path = self._path()
        kept = None if path is None else _read(path, len(self._rows))
        if kept is not None:
            return kept
        values = self._computed(self._rows)
        if path is not None and values.nbytes <= MOST_BYTES // 2:
            content = io.BytesIO()
            np.savez(content, values=values)
            keep_file(path, content.getvalue())
        return values

    def _computed(self, rows: Rows) -> Rows:
        if self._model is None:
            self._model = build_front(self._front)
        batches = (rows[first : first + _ROWS_AT_ONCE] for first in range(0, len(rows), _ROWS_AT_ONCE))
        return np.concatenate([np.asarray(self._model(batch, training=False), np.float32) for batch in batches])

    def _path(self) -> Path | None:
        folder = own_folder("features", self._front.sha256[:32], _ENDING, MOST_BYTES)
        name = hashlib.sha256(b"".join(map(_digest, np.ascontiguousarray(self._rows)))).hexdigest()[:32]
        return None if folder is None else folder / f"{name}{_ENDING}"


def _digest(row: Rows) -> bytes:
    return hashlib.blake2b(row.tobytes(), digest_size=_N_DIGEST).digest()


def _read(path: Path, n_rows: int) -> Rows | None:
    """What a file holds; None where there is none, or one that is broken."""
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            values: Rows = file["values"]
        os.utime(path)  # it was used
        if len(values) == n_rows and values.dtype == np.float32:
            return values
    return None
