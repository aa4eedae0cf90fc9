"""A file beside a study that keeps what could not be written while the database was away.

One line a thing that happened, in the order in which it happened: a checksum and a text of JSON. A line that a crash
cut in two is left out when it is read.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from search.errors import RegsearchError
from search.records import (
    Configuration,
    Curve,
    EngineChoice,
    FailureCause,
    Parameter,
    Predictions,
    Purpose,
    Run,
    RunResult,
    StudyRecord,
    TrialState,
)
from search.storage.address import Address
from search.storage.entries import Ended, Started
from search.storage.locks import name_in_files

Kept = Started | Ended | RunResult
"""What a spool keeps: entries of trials, and runs that are no part of the search."""

_FORMAT = 1
_Made = TypeVar("_Made")


class SpoolError(RegsearchError):
    """A spool cannot be read: it is of another study or version, or no spool."""


@dataclass(frozen=True)
class Spool:
    """The spool of one study; there is a file while something waits.

    Args:
        path: Where it is.
        study: Name of the study.
        created: When the study was begun, which tells it from another one of its name.
    """

    path: Path
    study: str
    created: dt.datetime

    def append(self, kept: Sequence[Kept]) -> None:
        """Add things to the end; when this returns they are on the disk.

        Raises:
            OSError: The disk is full, or the folder cannot be written. The file is then what it was.
        """
        is_new = not self.path.exists()
        n_bytes = 0 if is_new else self.path.stat().st_size
        lines = [_line(self._header())] if is_new else []
        lines += [_line(_to_json(each)) for each in kept]
        # Results may tell of data; what other users may read is for who owns the folder to say of the database alone.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with os.fdopen(descriptor, "ab") as file:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._cut_back(n_bytes)
            raise
        if is_new:
            _sync_folder(self.path.parent)

    def _cut_back(self, n_bytes: int) -> None:
        """Take away what was written by half: nothing behind half a line would be read."""
        with contextlib.suppress(OSError):
            if n_bytes:
                os.truncate(self.path, n_bytes)
            else:
                self.remove()

    def read(self) -> list[Kept]:
        """What was kept, in its order; empty where there is no file, or a crash cut its first line in two.

        Raises:
            SpoolError: It is of another study or version, or no spool.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        if _line(self._header()).startswith(content):  # a crash cut its first line in two
            return []
        documents = list(_documents(content))
        if not documents or documents[0] != self._header():
            raise SpoolError(f"{self.path.name} is not of this study {self.study}")
        try:
            return [_from_json(document) for document in documents[1:]]
        except (KeyError, TypeError, ValueError) as error:
            raise SpoolError(f"{self.path.name} cannot be read ({error})") from error

    def remove(self) -> None:
        """Remove the file, once everything is in the database."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def set_aside(self) -> Path:
        """Give a file that is not ours another name, so that a new one has room; where it is now."""
        aside = self.path.with_name(f"{self.path.name}.old")
        self.path.replace(aside)
        return aside

    def _header(self) -> dict[str, Any]:
        return {"spool": _FORMAT, "study": self.study, "created": self.created.isoformat()}


def make_spool(address: Address, record: StudyRecord) -> Spool:
    """The spool of a study: beside a SQLite file, or in the current folder for a database on a server."""
    if address.path is not None:
        path = address.path.with_name(f"{address.path.name}.{name_in_files(record.name)}.spool")
    else:
        where = hashlib.sha256(address.shown.encode()).hexdigest()[:8]
        path = Path.cwd() / f"regsearch.{name_in_files(record.name)}.{where}.spool"
    return Spool(path, record.name, record.created)


def _line(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(document).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _documents(content: bytes) -> Iterator[dict[str, Any]]:
    """The documents of whole lines, up to the first that is not."""
    for line in content.split(b"\n"):
        checksum, _, text = line.partition(b" ")
        if not text or checksum != b"%08x" % zlib.crc32(text):
            return
        yield json.loads(text)


def _sync_folder(folder: Path) -> None:
    """Have the name of a new file on the disk as well."""
    with contextlib.suppress(OSError):  # not every system lets a folder be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _to_json(kept: Kept) -> dict[str, Any]:
    if isinstance(kept, Started):
        return {
            "started": kept.number,
            "configuration": kept.configuration.to_json(),
            "parameters": [[each.name, each.internal, each.distribution] for each in kept.parameters],
            "baseline": kept.baseline,
            "at": kept.at.isoformat(),
        }
    if isinstance(kept, Ended):
        return {
            "ended": kept.number,
            "state": kept.state.name,
            "score": kept.score,
            "error": kept.error,
            "cause": _value(kept.cause),
            "results": [_result_json(result) for result in kept.results],
            "intermediate": [[step, value] for step, value in kept.intermediate.items()],
            "user_attrs": dict(kept.user_attrs),
            "at": kept.at.isoformat(),
        }
    return {"run": _result_json(kept)}


def _from_json(document: Mapping[str, Any]) -> Kept:
    if "started" in document:
        return Started(
            number=document["started"],
            configuration=Configuration.from_json(document["configuration"]),
            parameters=tuple(Parameter(*each) for each in document["parameters"]),
            baseline=document["baseline"],
            at=dt.datetime.fromisoformat(document["at"]),
        )
    if "ended" in document:
        return Ended(
            number=document["ended"],
            state=TrialState[document["state"]],
            score=document["score"],
            error=document["error"],
            cause=_made(FailureCause, document["cause"]),
            results=tuple(_result_of(each) for each in document["results"]),
            intermediate=dict(document["intermediate"]),
            user_attrs=document["user_attrs"],
            at=dt.datetime.fromisoformat(document["at"]),
        )
    return _result_of(document["run"])


_PLAIN = (
    "score",
    "error",
    "penalty",
    "epochs_trained",
    "best_epoch",
    "seconds",
    "engine",
    "worker",
)
_MAPPINGS = ("weight_norms", "zero_shares", "zero_weights")
"""Fields of a `RunResult` that are JSON as they are, and those that become it."""


def _result_json(result: RunResult) -> dict[str, Any]:
    run = result.run
    return {
        **{name: getattr(result, name) for name in (*_PLAIN, "log")},
        **{name: dict(getattr(result, name)) for name in _MAPPINGS},
        "run": [run.trial, run.fold, run.repeat, run.seed, run.configuration.to_json(), run.purpose.value],
        "run_engine": None if run.engine is None else [run.engine.name, run.engine.reason],
        "cause": _value(result.cause),
        "curve": _packed(result.curve.to_bytes()),
        "predictions": None if result.predictions is None else _packed(result.predictions.to_bytes()),
    }


def _result_of(document: Mapping[str, Any]) -> RunResult:
    trial, fold, repeat, seed, configuration, purpose = document["run"]
    engine = None if document["run_engine"] is None else EngineChoice(*document["run_engine"])
    configured = Configuration.from_json(configuration)
    return RunResult(
        run=Run(trial, fold, repeat, seed, configured, engine, Purpose(purpose)),
        cause=_made(FailureCause, document["cause"]),
        log=document.get("log"),  # an earlier version kept none
        curve=Curve.from_bytes(base64.b64decode(document["curve"])),
        predictions=_made(_predictions, document["predictions"]),
        **{name: document[name] for name in (*_PLAIN, *_MAPPINGS)},
    )


def _predictions(packed: str) -> Predictions:
    return Predictions.from_bytes(base64.b64decode(packed))


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _value(cause: FailureCause | None) -> str | None:
    return None if cause is None else cause.value


def _made(make: Callable[[str], _Made], value: str | None) -> _Made | None:
    return None if value is None else make(value)
