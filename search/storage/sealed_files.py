"""SQLite files in folders that may not be written: a mount that is read-only, a folder of somebody else's.

SQLite keeps a write-ahead log and an index to it beside a database, and makes both to read it. Where it cannot, a
database whose log is empty is read as one that nobody changes; each connection looks again, for somebody else may.
"""

from __future__ import annotations

import os
from pathlib import Path

_MODE_BYTE, _LOGGED = 18, 2
"""In the header of a database, by SQLite's file format: whether it has a write-ahead log."""


def existing_file_uri(path: Path) -> str:
    """How SQLite is told to open a file: none is made, and one that nothing can be written beside is read all the same.

    Args:
        path: The file, whose log has its index where it has anything in it: see `lacks_index`.
    """
    # mode=rw: SQLite's own way to say that a missing file is an error and not a new, empty database.
    asked = "&immutable=1" if is_sealed(path) and is_settled(path) else ""
    return f"{path.absolute().as_uri()}?mode=rw{asked}"


def is_sealed(path: Path) -> bool:
    """Whether nothing can be written beside a file by this process."""
    return not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def is_settled(path: Path) -> bool:
    """Whether a database that has a write-ahead log has nothing in it that is not in the file itself."""
    log = path.with_name(f"{path.name}-wal")
    return _has_log(path) and not (log.exists() and log.stat().st_size)


def lacks_index(path: Path) -> bool:
    """Whether a log has something in it, and SQLite would have to make the index without which it reads none."""
    return _has_log(path) and not is_settled(path) and not path.with_name(f"{path.name}-shm").exists()


def _has_log(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            header = file.read(_MODE_BYTE + 1)
    except OSError:
        return False  # SQLite will say why
    return len(header) > _MODE_BYTE and header[_MODE_BYTE] == _LOGGED
