"""One enumerator of cuts: what happens is told again and again, and the process is killed (SIGKILL) at its first
moment, its second, and so on, until it comes to its end. A commit that is added is cut without anybody thinking of it.

A `Story` says what happens; `cut_everywhere` tells what stood after each cut, and what it came to when it went on. Each
telling is a process of its own, forked from one that has everything imported and no thread beside.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import itertools
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.cuts.moments import die_at
from tests.unflushed import flush_no_file

_MOST_MOMENTS = 2_000
_MOST_TOLD = 10_000
"""Characters of a traceback, which have room in a pipe that nobody reads yet."""


@dataclass(frozen=True)
class Place:
    """Where a story happens: a folder, and the database.

    Args:
        folder: Absolute; nothing outside of it is changed.
        url: Of the database.
    """

    folder: Path
    url: str


class Story:
    """Something that happens, of which nothing may be half done. What is cut and what goes on have their own processes.

    A class of this kind stands in a module, where another process finds it.
    """

    def begin(self, place: Place) -> None:
        """Make what is there before; happens once, and undisturbed."""

    def happen(self, place: Place) -> None:
        """What is cut."""
        raise NotImplementedError

    def go_on(self, place: Place) -> None:
        """What a user does after a cut: the same again."""
        self.happen(place)

    def standing(self, place: Place) -> Any:
        """What is there when a process was killed, before anybody goes on."""

    def outcome(self, place: Place) -> Any:
        """What it comes to in the end; the same, whatever was cut."""
        raise NotImplementedError


@dataclass(frozen=True)
class Cut:
    """What came of a telling that was cut.

    Args:
        moment: When, for people.
        standing: What stood then.
        outcome: What it came to.
    """

    moment: str
    standing: Any
    outcome: Any


@dataclass(frozen=True)
class Told:
    """A story, told in all ways.

    Args:
        before: What stood before it began.
        outcome: What it comes to undisturbed.
        cuts: One for each moment, in their order.
    """

    before: Any
    outcome: Any
    cuts: tuple[Cut, ...]


class Sites:
    """Places that are all alike: copies of the one in which the story begins.

    Args:
        root: An empty folder.
        server: How psycopg reaches a PostgreSQL whose databases may be made; None for SQLite.
    """

    def __init__(self, root: Path, server: str | None = None) -> None:
        self._root = root.resolve()
        self._server = server
        self._key = hashlib.sha256(bytes(self._root)).hexdigest()[:12]
        self._numbers = itertools.count()
        self.first = self._place("first")
        self.first.folder.mkdir(parents=True)
        self._sql(f"CREATE DATABASE {self._name('first')}")

    def copy(self) -> Place:
        """A new place, where all is as in the first one."""
        name = f"copy{next(self._numbers)}"
        place = self._place(name)
        shutil.copytree(self.first.folder, place.folder)
        self._sql(f"CREATE DATABASE {self._name(name)} TEMPLATE {self._name('first')}")
        return place

    def remove(self, place: Place) -> None:
        """Remove a place; who looks for the reason of a failure finds those that were not removed."""
        shutil.rmtree(place.folder)
        self._sql(f"DROP DATABASE {self._name(place.folder.name)} WITH (FORCE)")

    def _place(self, name: str) -> Place:
        folder = self._root / name
        url = f"sqlite:///{folder / 's.db'}"
        if self._server is not None:
            url = self._server.replace("/postgres?", f"/{self._name(name)}?")
        return Place(folder, url)

    def _name(self, name: str) -> str:
        return f"cut_{self._key}_{name}"

    def _sql(self, statement: str) -> None:
        if self._server is not None:
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(statement.encode())


def cut_everywhere(story: Story, root: Path, server: str | None = None, *, twice: bool = False, step: int = 1) -> Told:
    """Tell a story once undisturbed, and then once for each of its moments, cut there and gone on with.

    Args:
        story: What happens.
        root: An empty folder.
        server: As in `Sites`.
        step: 1 for each of its moments, 2 for every second one, where they take long.
        twice: Whether who goes on is cut as well, each time at another one of its first moments, before all is told.
    """
    _flush_nothing()
    sites = Sites(root, server)
    story.begin(sites.first)
    place = sites.copy()
    # In this very process, so that all it needs is imported when others are forked from it.
    before = story.standing(place)
    story.happen(place)
    outcome = story.outcome(place)
    assert threading.active_count() == 1, "expected a process that can be forked"
    sites.remove(place)
    cuts: list[Cut] = []
    gc.freeze()  # what no process forked from here looks through need not be copied for it
    gc.disable()
    for at in range(0, _MOST_MOMENTS, step):
        place = sites.copy()
        moment = _apart(story.happen, place, at)
        if moment is None:
            gc.enable()
            return Told(before, outcome, tuple(cuts))
        standing = story.standing(place)
        again = 5 * at % 17  # spread over the first moments of who goes on
        if twice and (second := _apart(story.go_on, place, again)):
            moment = f"{moment}, then {second}"
        _apart(story.go_on, place)
        cuts.append(Cut(f"{at}: {moment}", standing, story.outcome(place)))
        sites.remove(place)
    raise AssertionError(f"expected a story of at most {_MOST_MOMENTS} moments")


@functools.cache
def _flush_nothing() -> None:
    """Save the disk the work in this process and those forked from it: processes are killed here, and no machines."""
    flush_no_file()
    os.fsync = lambda descriptor: None


def _apart(call: Callable[[Place], None], place: Place, at: int | None = None) -> str | None:
    """Call in a process of its own; with `at`, the moment at which that one was killed, None if it came to its end."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if at is not None:
                die_at(at, place.folder, writing)
            call(place)
            code = 0
        except BaseException:  # noqa: BLE001  # told to the test, in whose process it means something
            os.write(writing, traceback.format_exc()[-_MOST_TOLD:].encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if at is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return said
    if status:
        when = "" if at is None else f", to be cut at {at}"
        raise AssertionError(f"{call.__qualname__} in {place.folder}{when}, status {status}:\n{said}")
    return None
