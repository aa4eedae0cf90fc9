"""A study of real runs is hurt by plan until it has ended, and its history is kept."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from search.errors import StorageError, StudyLockedError, UnknownStudyError
from search.records import Coordinator, Purpose, TrialState
from search.storage import Storage, open_storage
from tests.faults.databases import Database
from tests.faults.history import History, Snapshot, read_snapshot
from tests.faults.launched import Launched
from tests.faults.plan import Absence, Aim, Harm, Kill

NAME = "hurt"

_POLL_SECONDS = 0.02
_SECONDS_BETWEEN_COUNTS = 0.1
_SECONDS_BETWEEN_LOOKS = 2.0
_ENDING_SECONDS = 30.0
_LONGEST_SILENCE_SECONDS = 300.0
"""A study that comes no further for so long is stuck."""
_LEFT_OVER_SECONDS = 30.0
_TRACEBACK = "Traceback (most recent call last):"
_ORPHAN = "multiprocessing/forkserver.py"
_MOST_BAD_ENDS = 3
_MOST_DEATHS = 2
"""Kills of workers without a result between them: one that dies four times fails its run, which is meant to be so."""


@dataclass
class Stay:
    """How long a session lived.

    Args:
        seconds: From its start to its end.
        start_seconds: Until its workers stood ready; None where it died before.
        n_points: How far the study was when it began.
    """

    seconds: float = 0.0
    start_seconds: float | None = None
    n_points: int = 0

    @property
    def work_seconds(self) -> float:
        """How long its workers stood ready."""
        return 0.0 if self.start_seconds is None else self.seconds - self.start_seconds


@dataclass
class Course:
    """What came of a study.

    Args:
        history: What was seen of it.
        end: How it ended; None where it did not.
        stays: Its sessions.
        kills: How many processes were killed, by what they were.
        kills_while_away: How many of those while the database was away.
        absences_seconds: For how long the database was away, each time.
        n_attempts: How often another one tried to take the study while it was held.
        n_recovered: Sessions that took results from a spool.
    """

    history: History
    end: Snapshot | None = None
    stays: list[Stay] = field(default_factory=list)
    kills: Counter[Aim] = field(default_factory=Counter)
    kills_while_away: int = 0
    absences_seconds: list[float] = field(default_factory=list)
    n_attempts: int = 0
    n_recovered: int = 0

    @property
    def seconds(self) -> float:
        """How long a session ran, whichever it was."""
        return sum(stay.seconds for stay in self.stays)

    @property
    def work_seconds(self) -> float:
        """How long workers stood ready."""
        return sum(stay.work_seconds for stay in self.stays)


def run_hurt(
    folder: Path,
    database: Database,
    n_trials: int,
    arguments: Sequence[str] = (),
    harms: Sequence[Harm] = (),
    undisturbed: Snapshot | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Course:
    """Run a study to its end, and hurt it by plan.

    Args:
        folder: Where its sessions run, empty.
        database: Its database, empty.
        n_trials: Its budget.
        arguments: Further arguments of `regsearch run`.
        harms: What is done to it, in order.
        undisturbed: How it ends when nothing happens; None where nobody knows yet.
        tell: Told now and then how it goes.
    """
    hurting = _Hurting(folder, database, n_trials, arguments, harms, tell)
    try:
        return hurting.run(undisturbed)
    finally:
        hurting.put_away()


class _Hurting:
    """One study that is hurt; arguments as in `run_hurt`."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        n_trials: int,
        arguments: Sequence[str],
        harms: Sequence[Harm],
        tell: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._database = database
        self._arguments = ("--n-trials", str(n_trials), *arguments)
        self._harms = deque(harms)
        self._tell = tell
        self._course = Course(History(n_trials))
        self._history = self._course.history
        self._storage: Storage | None = None
        self._session: Launched | None = None
        self._launched_at = 0.0
        self._n_points = 0
        self._farther_at = self._counted_at = self._looked_at = time.monotonic()
        self._due_at: float | None = None
        self._deaths: list[int] = []
        self._started: set[psutil.Process] = set()
        self._holder: Coordinator | None = None

    def run(self, undisturbed: Snapshot | None) -> Course:
        """Until the study has ended, or is seen to be stuck."""
        n_bad_ends = 0
        self._launch()
        while n_bad_ends < _MOST_BAD_ENDS:
            assert self._session is not None
            code = self._session.process.poll()
            self._watch()
            if code == 0:
                self._note_end()
                break
            if code is not None:
                n_bad_ends += 1
                self._history.violate(f"a session ended by itself with code {code}: {self._last_words()}")
                self._note_end()
                self._launch()
            elif time.monotonic() - self._farther_at > _LONGEST_SILENCE_SECONDS:
                self._history.violate(f"the study came no further for {_LONGEST_SILENCE_SECONDS:.0f} s")
                break
            elif self._is_due():
                harm = self._harms.popleft()
                self._due_at = None
                self._hurt(harm)
            else:
                time.sleep(_POLL_SECONDS)
        self._look_at_end(undisturbed)
        return self._course

    def put_away(self) -> None:
        """End what still runs."""
        self._database.come_back()
        if self._session is not None and self._session.process.poll() is None:
            os.killpg(self._session.process.pid, signal.SIGKILL)
            self._session.process.wait()
        if self._storage is not None:
            self._storage.close()

    # Sessions

    def _launch(self) -> None:
        began = _now()
        self._session = Launched(self._folder, *self._arguments, storage=self._database.url)
        self._history.begin(self._session.process.pid, began)
        self._launched_at = self._farther_at = time.monotonic()
        self._course.stays.append(Stay(n_points=self._n_points))
        self._deaths.clear()

    def _note_end(self) -> None:
        """The session is dead."""
        assert self._session is not None
        self._history.end(_now())
        stay, said = self._course.stays[-1], self._session.said()
        stay.seconds = time.monotonic() - self._launched_at
        self._course.n_recovered += "that ended while the database was away were taken from" in said
        for shown in said.split(_TRACEBACK)[1:]:
            # A worker that is just forked when its coordinator is killed finds nothing of it any more.
            if not (self._course.kills[Aim.COORDINATOR] and _ORPHAN in shown.split("\n", 2)[1]):
                self._history.violate(f"a session showed a traceback: {' | '.join(shown.strip().splitlines()[:20])}")

    def _last_words(self) -> str:
        assert self._session is not None
        return " | ".join(self._session.said().strip().splitlines()[-3:])

    # Looking

    def _watch(self) -> None:
        """See how far the study is, and now and then all that is known of it."""
        assert self._session is not None
        now, stay = time.monotonic(), self._course.stays[-1]
        if stay.start_seconds is None and f"\n{NAME}: " in "\n" + self._session.said():
            stay.start_seconds = now - self._launched_at
        if now - self._counted_at >= _SECONDS_BETWEEN_COUNTS:
            self._counted_at = now
            self._count()
        if now - self._looked_at >= _SECONDS_BETWEEN_LOOKS:
            self._look()
            self._started |= {*self._found(Aim.WORKER), *self._found(Aim.FORK_SERVER)}

    def _count(self) -> None:
        with self._asking() as storage:
            if storage is None:
                return
            study_id = storage.study(NAME).study_id
            counts = storage.progress(study_id).counts
            n_ended = sum(count for state, count in counts.items() if state.is_final)
            if counts.get(TrialState.RUNNING, 0) + n_ended > self._history.n_trials:
                self._look()
            n_points = n_ended + storage.count_runs(study_id, Purpose.CONFIRMATION)
            if n_points > self._n_points:
                self._n_points, self._farther_at = n_points, time.monotonic()

    def _look(self, *, whole: bool = False) -> Snapshot | None:
        """All that the database tells; None while it does not answer."""
        self._looked_at = time.monotonic()
        with self._asking() as storage:
            if storage is None:
                return None
            seen = read_snapshot(storage, NAME, self._holder, whole=whole)
            self._holder = seen.holder
            self._history.see(seen)
            return seen
        return None

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Storage | None]:
        """The database, or None where it does not answer or has no study yet; what fails meanwhile is left undone."""
        storage = self._opened()
        with contextlib.suppress(StorageError, UnknownStudyError):
            yield storage

    def _opened(self) -> Storage | None:
        if self._storage is None:
            with contextlib.suppress(StorageError, UnknownStudyError), contextlib.ExitStack() as stack:
                storage = stack.enter_context(open_storage(self._database.url, patience_seconds=1))
                storage.study(NAME)
                stack.pop_all()
                self._storage = storage
        return self._storage

    # Hurting

    def _is_due(self) -> bool:
        if not self._harms or self._n_points < self._harms[0].at:
            return False
        harm, now = self._harms[0], time.monotonic()
        waits_for_start = isinstance(harm, Kill) and harm.aim is Aim.COORDINATOR and not harm.in_start
        if waits_for_start and self._course.stays[-1].start_seconds is None:
            return False
        if self._due_at is None:
            self._due_at = now + harm.delay_seconds
        return now >= self._due_at and (not isinstance(harm, Kill) or self._is_possible(harm))

    def _is_possible(self, kill: Kill) -> bool:
        """Whether there is somebody to be killed, who may be killed now."""
        if kill.aim is Aim.COORDINATOR:
            return True
        is_bearable = len(self._deaths) < _MOST_DEATHS or self._n_points > self._deaths[-_MOST_DEATHS]
        return is_bearable and bool(self._found(kill.aim))

    def _hurt(self, harm: Harm) -> None:
        if isinstance(harm, Absence):
            self._be_away(harm)
        else:
            if harm.attempts:
                self._attempt()
            if self._kill(harm):
                self._look()
                self._launch()
        n_kills = self._course.kills.total()
        self._tell(f"{self._n_points} results, {n_kills} kills, {len(self._course.absences_seconds)} absences")

    def _kill(self, kill: Kill) -> bool:
        """Kill one, the coordinator where there is no other; whether a coordinator is dead."""
        assert self._session is not None
        found = [] if kill.aim is Aim.COORDINATOR else sorted(self._found(kill.aim), key=lambda process: process.pid)
        if not found:
            self._look()
            if self._session.process.poll() is not None:
                return False  # it came to its end by itself meanwhile
            self._session.kill()
            self._course.kills[Aim.COORDINATOR] += 1
            self._note_end()
        else:
            self._deaths.append(self._n_points)
            with contextlib.suppress(psutil.NoSuchProcess):
                found[int(kill.which * len(found))].kill()
            self._course.kills[kill.aim] += 1
        return not found

    def _be_away(self, absence: Absence) -> None:
        self._look()
        self._database.go_away()
        began, is_dead = time.monotonic(), False
        if absence.kill is not None:
            time.sleep(absence.kill.delay_seconds)
            n_before = self._course.kills.total()
            is_dead = self._kill(absence.kill)
            self._course.kills_while_away += self._course.kills.total() - n_before
            if is_dead and absence.goes_on:
                self._launch()
                is_dead = False
        time.sleep(max(0.0, began + absence.seconds - time.monotonic()))
        self._database.come_back()
        self._course.absences_seconds.append(time.monotonic() - began)
        self._look()
        if is_dead:
            self._launch()

    def _attempt(self) -> None:
        """Try to take the study, where the session has it: its lock, asked just now, is held."""
        assert self._session is not None
        with self._asking() as storage:
            if storage is None:
                return
            holder, process = storage.holder(NAME), self._session.process
            if holder is None or holder.pid != process.pid:
                return
            try:
                with storage.hold(NAME):
                    pass
                is_refused = _ends(process)  # it had let go just now, for it was about to end
            except StudyLockedError as refusal:
                is_refused = f"process {process.pid} " in str(refusal)
            self._course.n_attempts += 1
            self._history.see_attempt(process.pid, is_refused)

    def _found(self, aim: Aim) -> list[psutil.Process]:
        """The processes of the session that may be aimed at; none in its first moments, or in its last."""
        assert self._session is not None
        with contextlib.suppress(psutil.Error):
            return self._session.workers() if aim is Aim.WORKER else self._session.fork_servers()
        return []

    # The end

    def _look_at_end(self, undisturbed: Snapshot | None) -> None:
        seen = self._look(whole=True)
        if seen is None:
            self._history.violate("the database cannot be read at the end")
            return
        self._course.end = seen
        self._history.see_end(seen, undisturbed)
        left = psutil.wait_procs(self._started, timeout=_LEFT_OVER_SECONDS)[1]
        for process in left:
            self._history.violate(f"process {process.pid}, which a session started, outlived it")
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for spool in self._folder.rglob("*.spool*"):
            self._history.violate(f"{spool.name} is left at the end")


def _now() -> dt.datetime:
    """As times are stored."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process ends by itself, soon."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_SECONDS)
        return True
    return False
