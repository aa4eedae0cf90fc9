"""Features that are larger than the memory they may take: they stay in a file, and are read as they are needed.

`StoredRows` stands where an array of features does. Taking some of its rows reads nothing: which rows are meant is all
that it holds beside the place of the file, and all that goes to a worker.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import socket
import tempfile
import weakref
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from search.data.cache_folder import cache_base
from search.data.machine import machine_bytes

if TYPE_CHECKING:
    import pandas as pd
    from typing_extensions import TypeIs

Array = npt.NDArray[Any]

_SHARE = 8
"""Of the machine's memory an eighth may be features: workers have copies, and the rows of a fold are another."""

_MOST_BYTES = 4 * 2**30
_BLOCK_BYTES = 2**25
_ROWS_FILE = "rows.bin"
_FOLDER = "regsearch-rows-"


def is_table(features: Array | pd.DataFrame) -> TypeIs[pd.DataFrame]:
    """Whether features are the columns of a table; otherwise they are an array, or stand for one."""
    return hasattr(features, "iloc")


def is_stored(features: Any) -> bool:
    """Whether features stay in a file."""
    return isinstance(features, StoredRows)


def most_bytes_in_memory(asked_gib: float | None) -> int:
    """How many bytes of features are held in memory.

    Args:
        asked_gib: What the study says; None for an eighth of the machine's memory, at most 4 GiB.
    """
    if asked_gib is not None:
        return int(asked_gib * 2**30)
    return min(_MOST_BYTES, machine_bytes() // _SHARE)


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows in a file, one after the other, as NumPy holds them in memory.

    Args:
        path: The file.
        start: Where in it the first row begins, in bytes.
        n_stored: Rows in the file.
        row_shape: Shape of one row.
        stored: Their type, as NumPy writes it: `|u1`.
        divisor: What each number is divided by when it is read.
        keeps_bytes: Whether bytes are quantities as they are, which nobody is to scale.
        rows: Which of them are meant, int64; None for all.
        owner: Keeps the file as long as it is needed; None for a file of the user's.
    """

    path: str
    start: int
    n_stored: int
    row_shape: tuple[int, ...]
    stored: str
    divisor: float = 1.0
    keeps_bytes: bool = False
    rows: npt.NDArray[np.int64] | None = None
    owner: Any = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "owner": None}

    def __len__(self) -> int:
        return self.n_stored if self.rows is None else len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array of them."""
        return (len(self), *self.row_shape)

    @property
    def ndim(self) -> int:
        """As of an array of them."""
        return 1 + len(self.row_shape)

    @property
    def size(self) -> int:
        """As of an array of them."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in the file, or that of the numbers that bytes are read as."""
        return np.dtype(np.float32 if self.keeps_bytes else self.stored)

    @property
    def nbytes(self) -> int:
        """The memory that they take: none."""
        return 0

    def __getitem__(self, rows: Any) -> StoredRows:
        """Some of the rows, which are not read yet.

        Args:
            rows: A slice, positions or truth values.
        """
        known = np.arange(self.n_stored, dtype=np.int64) if self.rows is None else self.rows
        return replace(self, rows=known[rows])

    def __iter__(self) -> Iterator[npt.NDArray[np.float32]]:
        for block in self.blocks():
            yield from block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        numbers = self.read(np.arange(len(self)))
        return numbers if dtype is None else numbers.astype(dtype)

    def reshape(self, n_rows: int, *shape: int) -> StoredRows:
        """The same numbers as rows of another shape."""
        size = math.prod(self.row_shape)
        known = [side if side != -1 else size // max(1, -math.prod(shape)) for side in shape]
        if math.prod(known) != size or n_rows != len(self):
            raise ValueError(f"expected {n_rows} rows of shape {tuple(known)}, received {self.shape}")
        return replace(self, row_shape=tuple(known))

    def read(self, places: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Some of the rows as numbers, shape (n, ...).

        Args:
            places: Positions among these rows.
        """
        numbers: npt.NDArray[np.float32] = self.read_stored(places).astype(np.float32)
        if self.divisor != 1:
            numbers /= np.float32(self.divisor)
        return numbers

    def read_stored(self, places: npt.ArrayLike) -> Array:
        """Some of the rows as they are in the file, shape (n, ...).

        Args:
            places: Positions among these rows.
        """
        at = np.asarray(places)
        at = at if self.rows is None else self.rows[at]
        return np.asarray(self._memory[at]).reshape(len(at), *self.row_shape)

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """All rows, a few at a time."""
        n_rows = max(1, _BLOCK_BYTES // (4 * max(1, math.prod(self.row_shape))))
        for first in range(0, len(self), n_rows):
            yield self.read(np.arange(first, min(first + n_rows, len(self))))

    @property
    def _memory(self) -> Array:
        """The file as an array of which what is asked for is read."""
        size = math.prod(self.row_shape)
        return np.memmap(self.path, np.dtype(self.stored), "r", self.start, (self.n_stored, size))


def as_features(rows: StoredRows) -> Array:
    """Stored rows in the place of an array: they have what is asked of one."""
    return cast(Array, rows)


def blocks_of(features: Array) -> Iterator[npt.NDArray[np.float32]]:
    """All stored rows, a few at a time."""
    return cast(StoredRows, features).blocks()


def bytes_of(features: Array) -> int:
    """How many bytes stored rows take in their file."""
    rows = cast(StoredRows, features)
    return rows.size * np.dtype(rows.stored).itemsize


def with_bytes_kept(features: Array) -> Array:
    """Stored bytes that are quantities as they are."""
    return as_features(replace(cast(StoredRows, features), keeps_bytes=True))


def at_path(features: Any, path: Path) -> Any:
    """Features whose file was moved there; all others as they are."""
    return replace(features, path=str(path)) if isinstance(features, StoredRows) else features


def divided(features: Array, divisor: float) -> Array:
    """Stored rows whose numbers are divided when they are read."""
    return as_features(replace(cast(StoredRows, features), divisor=divisor))


def read_rows(features: Array, places: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Some rows of features, stored or not, in memory; shape (n, ...)."""
    rows: Any = features
    if isinstance(rows, StoredRows):
        return rows.read(places)
    return np.asarray(rows[np.asarray(places)], np.float32)


@dataclass(frozen=True)
class Written:
    """What `RowsWriter` wrote to a file; see `StoredRows`."""

    n_stored: int
    row_shape: tuple[int, ...]
    stored: str

    def to_json(self) -> str:
        """As text; `from_json` reads it."""
        return json.dumps([self.n_stored, self.row_shape, self.stored])

    @classmethod
    def from_json(cls, text: str) -> Written:
        """What `to_json` wrote."""
        n_stored, row_shape, stored = json.loads(text)
        return cls(n_stored, tuple(row_shape), stored)


class RowsWriter:
    """Writes rows to a file, one batch after the other.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("wb")
        self._n_rows = 0
        self._form: tuple[tuple[int, ...], str] | None = None

    def write(self, rows: Array) -> None:
        """Add rows.

        Args:
            rows: Numbers, shape (n, ...).

        Raises:
            ValueError: They have another shape or type than those before.
            OSError: There is no room.
        """
        form = rows.shape[1:], rows.dtype.str
        if self._form is not None and form != self._form:
            raise ValueError(f"expected rows of {self._form}, received {form}")
        self._form = form
        self._stream.write(np.ascontiguousarray(rows).data)  # `tofile` says nothing of a full disk
        self._n_rows += len(rows)

    def close(self) -> Written:
        """End the file; what is in it."""
        self._stream.close()
        shape, dtype = self._form or ((), "<f4")
        return Written(self._n_rows, tuple(shape), dtype)


class RowsFile:
    """Room for rows on disk, in the user's cache folder; with the last who holds it, it goes."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_cache_folder())
        self.path = Path(folder) / _ROWS_FILE
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def stored(self, written: Written) -> StoredRows:
        """The rows that were written to `path`."""
        return StoredRows(str(self.path), 0, written.n_stored, written.row_shape, written.stored, owner=self)


def stored_member(path: Path, name: str, most_bytes: int) -> StoredRows | None:
    """An array of an NPZ file that stays in it; None for one that fits into memory, or is compressed.

    Args:
        path: The file.
        name: Of the array.
        most_bytes: How many bytes fit.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size <= most_bytes:
            return None
        with path.open("rb") as stream:
            stream.seek(member.header_offset + 26)
            n_name, n_extra = (int.from_bytes(stream.read(2), "little") for _ in range(2))
            stream.seek(member.header_offset + 30 + n_name + n_extra)
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, is_fortran, dtype = read(stream)
            n_bytes = math.prod(shape) * dtype.itemsize  # as its header says, which may be damaged
            if is_fortran or dtype.kind not in "biuf" or len(shape) < 2 or n_bytes > member.file_size:
                return None
            return StoredRows(str(path), stream.tell(), shape[0], tuple(shape[1:]), dtype.str)
    return None


def write_member(archive: zipfile.ZipFile, name: str, rows: StoredRows) -> None:
    """Write stored rows into an open NPZ file, as `numpy.savez` writes an array."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        described = {"descr": rows.stored, "fortran_order": False, "shape": rows.shape}
        np.lib.format.write_array_header_1_0(stream, described)
        for first in range(0, len(rows), 4096):
            stream.write(rows.read_stored(np.arange(first, min(first + 4096, len(rows)))).tobytes())


def _cache_folder() -> Path | None:
    """Where files of rows stand, after those are gone that killed processes left; None for the temporary folder."""
    if not cache_base():
        return None
    with contextlib.suppress(OSError):
        # A home may be shared: of other machines' processes nothing is known here.
        folder = Path(cache_base()).absolute() / "rows" / socket.gethostname()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob(f"{_FOLDER}*"):
            owner = left.name.removeprefix(_FOLDER).partition("-")[0]
            if owner.isdecimal() and not _is_alive(int(owner)):
                shutil.rmtree(left, ignore_errors=True)
        return folder
    return None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is somebody else's
        return True
    return True
