"""The storage: whether it can be reached, what its tables are, and where its file lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from search.errors import StorageError, UsageError
from search.reporting.health._base import Finding, size_in_words
from search.storage import KNOWN_OPTUNA_REVISION, KNOWN_REVISION, Inspection, inspect_storage, locate_storage

_PART = "storage"
_PATIENCE_SECONDS = 3.0
_DOES_NO_WORK = "expected the database to do its work, received: "
_REMEDY = "Or name another database with --storage or in OPTUNA_STORAGE."
_OVER_A_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "lustre", "gpfs", "beegfs", "ceph", "afs", "fuse.sshfs", "glusterfs"}
)


def check_database(url: str, mounts: Path = Path("/proc/mounts")) -> Iterator[Finding]:
    """Look at the storage; that there is none yet is no problem.

    Args:
        url: As `open_storage` takes it.
        mounts: Where Linux lists file systems.
    """
    try:
        shown, path = locate_storage(url)
    except UsageError as error:
        yield from (Finding(_PART, each.place, each.message, "problem", each.remedy) for each in error.problems)
        return
    if path is not None and not path.exists():
        yield _missing(shown, path)
        return
    try:
        found = inspect_storage(url, _PATIENCE_SECONDS)
    except StorageError as error:
        said = str(error).removeprefix(f"storage {shown}: ").removeprefix(_DOES_NO_WORK)
        yield Finding(_PART, "database", f"{shown}: {said}", "problem", _REMEDY)
        return
    size = f", {size_in_words(path.stat().st_size)}" if path is not None else ""
    yield Finding(_PART, "database", f"{shown}, {found.kind}{size}")
    yield _optuna_tables(found)
    yield _our_tables(found)
    yield _studies(found)
    if path is not None:
        yield from _file(path, found, mounts)


def _missing(shown: str, path: Path) -> Finding:
    folder = path.parent
    if not folder.is_dir():
        return Finding(_PART, "database", f"{shown}, whose folder does not exist", "problem", f"Make {folder}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = "Make the folder writable, or name another database with --storage or in OPTUNA_STORAGE."
        return Finding(_PART, "database", f"{shown}, whose folder may not be written", "problem", remedy)
    return Finding(_PART, "database", f"{shown}, none yet: `regsearch run moons` makes it")


def _optuna_tables(found: Inspection) -> Finding:
    name, revision = "Optuna's tables", found.optuna_revision
    if revision is None:
        return Finding(_PART, name, "none yet: `regsearch run` makes them")
    if revision == KNOWN_OPTUNA_REVISION:
        return Finding(_PART, name, f"version {revision}")
    told = f"version {revision}, expected {KNOWN_OPTUNA_REVISION}"
    if found.optuna_is_older:
        remedy = "Back the database up, then upgrade it: optuna storage upgrade --storage URL."
    else:
        remedy = "Install a regsearch that knows this version, or name another database."
    return Finding(_PART, name, told, "problem", remedy)


def _our_tables(found: Inspection) -> Finding:
    name, revision = "our tables", found.our_revision
    if revision is None:
        return Finding(_PART, name, "none yet: `regsearch run` makes them")
    if revision == KNOWN_REVISION:
        return Finding(_PART, name, f"version {revision}")
    told = f"version {revision}, expected {KNOWN_REVISION}"
    if found.is_older:
        return Finding(
            _PART, name, told, "warning", "They are read as they are; the next `regsearch run` upgrades them."
        )
    remedy = "They were made by a newer regsearch; install that one, or name another database."
    return Finding(_PART, name, told, "problem", remedy)


def _studies(found: Inspection) -> Finding:
    told = str(found.n_studies) if found.n_studies else "none yet: try `regsearch run moons`"
    foreign = f", and {found.n_foreign} made by other programs" if found.n_foreign else ""
    return Finding(_PART, "studies", told + foreign)


def _file(path: Path, found: Inspection, mounts: Path) -> Iterator[Finding]:
    """The file of a SQLite database."""
    if not (_may(path, os.W_OK) and _may(path.parent, os.W_OK | os.X_OK)):
        remedy = "Make the file and its folder writable, or `regsearch restore` a backup elsewhere, to run studies."
        told = "it or its folder may not be written: it is read as it is, and nothing can be run in it"
        yield Finding(_PART, "file", told, "warning", remedy)
    elif found.journal != "wal" and found.our_revision is not None:
        remedy = "Run `PRAGMA journal_mode=WAL` on it: without, readers and the coordinator wait for each other."
        yield Finding(_PART, "journal", f"{found.journal}, expected a write-ahead log", "warning", remedy)
    elif found.journal == "wal":
        log = path.with_name(path.name + "-wal")
        size = f", {size_in_words(log.stat().st_size)}" if log.exists() else ", empty"
        yield Finding(_PART, "journal", f"write-ahead log{size}")
    kind = _file_system(path, mounts)
    if kind in _OVER_A_NETWORK:
        remedy = "Locks of SQLite fail on many of these: take a local disk, or PostgreSQL."
        yield Finding(_PART, "file system", f"{kind}, over a network", "warning", remedy)
    elif kind:
        yield Finding(_PART, "file system", kind)


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _file_system(path: Path, mounts: Path) -> str:
    """The kind of the file system that a file is on; empty where nothing tells it."""
    try:
        lines = [line.split() for line in mounts.read_text(errors="replace").splitlines()]
    except OSError:
        return ""
    found, kind = "", ""
    for words in lines:
        if len(words) < 3:
            continue
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), words[1])
        # A later mount on the same point covers the earlier one.
        if path.is_relative_to(point) and len(point) >= len(found):
            found, kind = point, words[2]
    return kind
