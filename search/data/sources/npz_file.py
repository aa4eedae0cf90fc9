"""`npz`: NumPy archives with `x` and `y`, or with `x_train`, `y_train`, `x_test` and `y_test`; or with a table.

Of rows of several inputs there is an array for each, `x_NAME`; of models of several outputs one for each, `y_NAME`.
"""

from __future__ import annotations

import functools
import pickle
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.data.machine import check_fits
from search.data.named_inputs import NamedArrays
from search.data.sources.frame_sheet import CHOOSING, read_frame
from search.data.sources.raw import PlainError, RawData, SourceRequest, find_file, hint_at_file, to_rows, unpack
from search.data.sources.table import KEY_OF_ROLE
from search.data.stored_rows import as_features, most_bytes_in_memory, stored_member
from search.data.wording import quote, quote_names, suggest_name
from search.errors import DataError, Problem
from search.spec import SourceForm

Array = npt.NDArray[Any]

FORM = SourceForm(
    form="npz",
    matches=lambda text: text == "npz",
    needs=("path",),
    takes=(*CHOOSING, "weight"),
    hint=functools.partial(hint_at_file, "npz"),
)

_LAYOUTS = (("x", "y"), ("x_train", "y_train", "x_test", "y_test"))
_TABLE = ("x_columns", "y")  # and as `pack_columns` names them
_COLUMN = re.compile(r"x_\d+(_missing)?")
_INPUT = "x_"  # and the name of an input
_COPIES = 2  # as they are, and in float32
_SAVE = "Save arrays with numpy.savez(path, x=x, y=y)."
# Everything that numpy, zipfile and zlib were seen to raise on damaged archives and headers.
_DAMAGED = (
    *(EOFError, MemoryError, OSError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, pickle.UnpicklingError),
)


def read_rows(request: SourceRequest) -> RawData:
    """Read an archive; its train and test parts are put one after the other.

    Raises:
        DataError: The file is damaged, holds pickled objects or lacks an array.
    """
    section, folder, place = request.section, request.folder, request.place
    path = find_file(section.path, folder, place)
    arrays, notes = _load(path, request)
    beside = {role: arrays[name] for role, name in request.beside.items()}
    told = {key: array for key, array in arrays.items() if key not in request.beside.values()}
    if "x_train" not in told:
        try:
            x, y = unpack(told, "x"), unpack(told, "y")
        except PlainError as error:
            raise DataError(Problem(place, f'{error} in "{section.path}"')) from error
        rows = read_frame(to_rows(x, y, request), request)
        return replace(rows, notes=(*notes, *rows.notes), row_columns=beside)
    x = _join(arrays["x_train"], arrays["x_test"], "x", place)
    y = _join(arrays["y_train"], arrays["y_test"], "y", place)
    pooled = "train and test rows of the archive are pooled: [split] test seals rows of its own"
    return RawData(x, y, notes=(*notes, pooled), row_columns=beside)


def read_features(path: Path) -> Array | NamedArrays:
    """The array `x` of an archive, or those of several inputs, `x_NAME`; targets need not be there.

    Raises:
        DataError: The file is damaged, holds pickled objects or lacks such arrays.
    """
    place = str(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            names = [name for name in archive.files if name == "x" or name.startswith(_INPUT)]
            _check_size(archive, names, path.name, place)
            arrays = {name: _load_array(archive, name, path.name, place) for name in names}
    except _DAMAGED as error:
        raise DataError(_explain(error, path.name, place)) from error
    features = None if "x_columns" in arrays else unpack(arrays, "x")
    if features is None or isinstance(features, dict) or (isinstance(features, NamedArrays) and not features.arrays):
        found = quote_names(names) or "none"
        raise DataError(Problem(place, f'expected an array "x", or "x_NAME" of each input, received {found}'))
    return features


def _load(path: Path, request: SourceRequest) -> tuple[dict[str, Array], tuple[str, ...]]:
    """The arrays of one layout, and those that say something of rows, by name; and a note on others."""
    shown, place = str(request.section.path), request.place
    try:
        # An open file, since numpy leaves one that it opened itself open when the archive is damaged.
        with path.open("rb") as stream:
            return _load_layout(np.load(stream, allow_pickle=False), path, shown, request)
    except _DAMAGED as error:
        raise DataError(_explain(error, shown, place)) from error


def _load_layout(
    archive: Any, path: Path, shown: str, request: SourceRequest
) -> tuple[dict[str, Array], tuple[str, ...]]:
    place = request.place
    if not isinstance(archive, np.lib.npyio.NpzFile):
        message = f'expected an .npz archive, received "{shown}" with a single array'
        raise DataError(Problem(place, message, _SAVE))
    with archive:
        layout: tuple[str, ...] | None = next(
            (keys for keys in (*_LAYOUTS, _TABLE) if set(keys) <= set(archive.files)), None
        )
        if layout is None:
            free = [key for key in archive.files if key not in request.beside.values()]
            x, y = (
                [name] if name in free else [key for key in free if key.startswith(f"{name}_")] for name in ("x", "y")
            )
            if not x or not y or "x_train" in x:
                raise DataError(_unknown_layout(archive.files, shown, place))
            layout = (*x, *y)
        problems = [
            Problem(
                request.place_of(role),
                f'expected {KEY_OF_ROLE[role]} to name an array of "{shown}", received {quote(name)}',
                suggest_name(name, [key for key in archive.files if key not in layout]),
            )
            for role, name in request.beside.items()
            if name not in archive.files
        ]
        if problems:
            raise DataError(problems)
        if layout is _TABLE:
            layout = (*layout, *(key for key in archive.files if _COLUMN.fullmatch(key)))
        layout = (*layout, *request.beside.values())
        unused = [key for key in archive.files if key not in layout]
        notes = (f'Arrays of "{shown}" that are not used: {quote_names(unused)}.',) if unused else ()
        stored = stored_member(path, "x", most_bytes_in_memory(request.section.memory_gib)) if "x" in layout else None
        read = [key for key in layout if key != "x" or stored is None]
        _check_size(archive, read, shown, place)
        arrays = {key: _load_array(archive, key, shown, place) for key in read}
        return (arrays if stored is None else {"x": as_features(stored), **arrays}), notes


def _check_size(archive: Any, keys: Iterable[str], shown: str, place: str) -> None:
    """Refuse arrays that do not fit into memory once they are unpacked, which may be a thousand times their file."""
    members = {member.filename.removesuffix(".npy"): member.file_size for member in archive.zip.infolist()}
    n_bytes = _COPIES * sum(members[key] for key in keys)
    check_fits(n_bytes, f'arrays of "{shown}"', place, "Save fewer rows, or x alone with numpy.savez: it stays there.")


def _load_array(archive: Any, key: str, shown: str, place: str) -> Array:
    array = archive[key]
    if not isinstance(array, np.ndarray):  # a member without NumPy's magic is handed out as bytes
        raise DataError(Problem(place, f'expected "{key}" of "{shown}" to be an array, received other bytes'))
    return array


def _explain(error: BaseException, shown: str, place: str) -> Problem:
    reason, remedy = " ".join(str(error).split()).rstrip(".") or type(error).__name__, ""
    if "allow_pickle" in reason:
        # numpy's sentence recommends unsafe loading, and says so of any file that it does not know.
        reason = "pickled objects" if reason.startswith("Object arrays") else "a pickle or another kind of file"
        remedy = f"Pickles can run code and are not read. {_SAVE}"
    return Problem(place, f'expected an .npz archive of plain arrays, received "{shown}": {reason}', remedy)


def _unknown_layout(found: list[str], shown: str, place: str) -> Problem:
    expected = " or ".join(
        f"{quote_names(keys)}" for keys in (*_LAYOUTS, ("x_NAME of each input", "y_NAME of each output"))
    )
    return Problem(
        place,
        f'expected arrays {expected} in "{shown}", received {quote_names(found) or "none"}',
        "Save them under these names with numpy.savez.",
    )


def _join(first: Array, second: Array, name: str, place: str) -> Array:
    if first.ndim == 0 or first.shape[1:] != second.shape[1:] or second.ndim == 0:
        message = f"expected {name}_train and {name}_test of equal shape but for their rows, received "
        raise DataError(Problem(place, f"{message}{first.shape} and {second.shape}"))
    try:
        return np.concatenate([first, second])
    except TypeError as error:  # NumPy has no type for both
        message = f"expected {name}_train and {name}_test of one kind, received {first.dtype} and {second.dtype}"
        raise DataError(Problem(place, message)) from error
