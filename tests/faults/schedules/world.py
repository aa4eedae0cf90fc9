"""A world in which a study is searched: a clock, a database, a disk and workers, each of which can fail at any moment.

What runs in it is the real `run_study` with the real coordinator, dispatcher, write-behind buffer, spool, lock and
storage. Time passes when the world says so; no process ends, but what a process that is killed would lose is lost:
after a `PowerCutError` no transaction begins, no file is written and nobody sleeps until the next session.

Whatever happens is decided by a schedule, which the world asks at each moment at which something can happen.
"""

import contextlib
import enum
import functools
import json
import os
from types import SimpleNamespace

import filelock._api
import pytest

from search.coordination import entry, launching, limits, trial_buffer, widening, write_behind
from search.coordination.launching import Launch, run_study
from search.coordination.progress import SilentObserver
from search.coordination.proposals import Proposals
from search.coordination.trial_buffer import LONGEST_UNWRITTEN_SECONDS, TrialBuffer
from search.errors import StudyFailedError, StudyLockedError, TransientStorageError
from search.storage import Started, locks, patience, spool, store
from tests.faults.schedules.workers import Workers, trains

_ROUNDING_SECONDS = 1e-6
_ROUNDING_SCORE = 1e-12
_MOST_STOPS = 1000
"""Of a session; one that has more does not end."""


class PowerCutError(BaseException):  # it is no error
    """The coordinator's process is gone."""


class Fate(enum.Enum):
    """What becomes of a transaction, or of a text on its way to the disk."""

    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone at the commit"
    UNANSWERED = "done, and its answer lost"
    CUT_BEFORE = "cut before it is done"
    CUT_AFTER = "cut when it is done"
    CUT_WITHIN = "cut in the middle"
    HALF = "done by half, for the disk is full"
    INTERRUPTED_BEFORE = "interrupted before it is done"
    INTERRUPTED_AFTER = "interrupted when it is done"


class BrokenError(AssertionError):
    """Something that must hold whatever happens does not."""


class Clock:
    """Seconds that pass when somebody says so, in the place of the module `time`."""

    def __init__(self, on_sleep=None):
        self.now = 1000.0
        self._on_sleep = on_sleep

    def monotonic(self):
        return self.now

    perf_counter = monotonic

    def sleep(self, seconds):
        if self._on_sleep is None:
            self.now += 3600.0  # whoever waits for a lock has waited
        else:
            self._on_sleep(seconds)


class World:
    """One study's world, from before it is begun until it has ended.

    Args:
        study: What is searched.
        database: Where it is stored, blank.
        schedule: Decides what happens.
    """

    def __init__(self, study, database, schedule):
        self.study, self.database, self.schedule = study, database, schedule
        self.clock = Clock(self._sleep)
        self.counts = dict.fromkeys(("sessions", "steps", "crashes", "interrupts", "outages", "refusals", "lost"), 0)
        self.steps = []
        self.is_away = self.is_dead = self.is_full = self.is_calm = self.is_outside = False
        self.workers = None
        self.most_trials = 0
        """Trials that the largest session so far asked for."""
        self._promised = set()
        self._ended_at = {}
        self._was_full = False
        self._recorded = self.total = 0
        self._seen = {}
        self._seen_runs = {}
        self._engines = {}

    # What happens

    @property
    def is_done(self):
        """Whether all trials have ended that may be asked for."""
        trials = self.database.look().trials
        return len(trials) == max(self.study.undisturbed) and all(trial.is_final for trial in trials.values())

    @property
    def n_ended(self):
        """Trials that ended in this session."""
        return len(self._ended_at)

    def session(self, n_trials, n_workers=2, patience_seconds=3600.0):
        """Run the study until its session ends, however it does; how it ended, in a word."""
        self.counts["sessions"] += 1
        self.told(f"session of {n_trials} trials, {n_workers} workers")
        self.is_dead, self._n_stops = False, 0
        self.is_stopping, self._failed_at, self._has_trained = False, None, False
        self._n_faults, self._faults_before_interrupt = 0, None
        self._recorded = len({number for number, _ in self._durable(self.database.look())})
        self.total = n_trials
        self.most_trials = max(self.most_trials, n_trials)
        self._ended_at = {}
        self.workers = Workers(self, n_workers)
        launch = Launch(n_jobs=0, storage_timeout_seconds=patience_seconds)
        try:
            run_study(self.study.prepared(n_trials), self.database.storage, launch, _Told(self))
        except PowerCutError:
            self._check_promises(self.database.look())
            return "crashed"
        except KeyboardInterrupt:
            self.counts["interrupts"] += 1
            self._check_promises(self.database.look())
            self._check_interrupted()
            return "interrupted"
        except TransientStorageError as error:
            if not error.may_be_done and self.clock.now - self._failed_at < patience_seconds:
                raise BrokenError(f"expected the database to be waited for, received {error}") from error
            self._check_promises(self.database.look())
            return "gave up"
        except StudyFailedError:
            return "failed"
        finally:
            self.workers = None
            self.is_away = self.is_full = False
        self.check()
        self._check_stored(self.database.look())
        if self._has_trained and self.database.look().n_trials != n_trials:  # one with nothing to do writes none
            raise BrokenError(f"expected a total of {n_trials}, received {self.database.look().n_trials}")
        return "ended"

    def told(self, words):
        """Write down what happens, for whoever looks for the cause of a failure."""
        self.steps.append(f"{self.clock.now - 1000:8.3f} {words}")

    def cut(self):
        """The process is gone."""
        self.told("power cut")
        self.counts["crashes"] += 1
        self.is_dead = True
        late = self.clock.now - LONGEST_UNWRITTEN_SECONDS - _ROUNDING_SECONDS
        if not self._was_full:
            kept = self._durable(self.database.look())
            for number, at in self._ended_at.items():
                if at < late and (number, "ended") not in kept:
                    raise BrokenError(
                        f"trial {number} ended {self.clock.now - at:.2f} s before the crash, and is lost with it"
                    )
        raise PowerCutError

    def interrupt(self):
        """Ctrl-C."""
        self.told("interrupt")
        if self._faults_before_interrupt is None:  # a second one comes while the first one is answered
            self._faults_before_interrupt = -1 if self.is_away or self.is_full else self._n_faults
        raise KeyboardInterrupt

    def go_away(self):
        """The database goes away."""
        if not self.is_away:
            self.told("the database goes away")
            self.counts["outages"] += 1
            self.is_away = True

    def come_back(self):
        """The database is back."""
        if self.is_away:
            self.told("the database is back")
            self.is_away = False

    def fill_disk(self):
        """There is no room on the disk of the spool."""
        self.told("the disk is full")
        self.is_full = self._was_full = True

    def make_room(self):
        """There is room again."""
        if self.is_full:
            self.told("there is room on the disk")
            self.is_full = False

    @contextlib.contextmanager
    def outside(self):
        """What other processes do is not hit by what hits this one."""
        before, self.is_outside = self.is_outside, True
        try:
            yield
        finally:
            self.is_outside = before

    def request_stop(self):
        """Another process asks the coordinator to drain."""
        with self.outside():
            if self.database.storage.study_names():
                self.told("asked to stop")
                self.database.other().request_stop(self.study.name)

    def hold_again(self):
        """Another coordinator must not get the study."""
        with self.outside():
            self.told("another coordinator tries to hold the study")
            try:
                with self.database.other().hold(self.study.name):
                    raise BrokenError("a second coordinator holds the study")
            except StudyLockedError:
                pass

    # Moments at which something can happen

    def wait(self, seconds):
        """The coordinator waits for its workers: the schedule lets time pass, and things happen."""
        self._stop("wait", seconds)

    def _sleep(self, seconds):
        if self.workers is not None and any(trains(job) and not job.is_withdrawn for job in self.workers.jobs):
            raise BrokenError("the coordinator sleeps while runs are trained: nobody keeps what they come to")
        self._stop("sleep", seconds)

    def _stop(self, where, seconds):
        if self.is_dead:
            raise PowerCutError
        self.counts["steps"] += 1
        self._n_stops += 1
        if self._n_stops > _MOST_STOPS:
            raise BrokenError("the session does not end")
        self.check()
        self.clock.now += self.schedule.stop(self, where, seconds)

    @contextlib.contextmanager
    def transaction(self, address, source):
        """A transaction, with its fate."""
        if self.is_outside:
            with self.database.transaction(address, source) as connection:
                yield connection
            return
        fate = self._fate()
        if fate is Fate.REFUSED:
            self.counts["refusals"] += 1
            raise TransientStorageError("storage: away")
        with self.database.transaction(address, source) as connection:
            yield connection
            if fate is Fate.CUT_BEFORE:
                self.cut()
            if fate is Fate.INTERRUPTED_BEFORE:
                self.interrupt()
            if fate is Fate.UNDONE:
                self.counts["lost"] += 1
                raise _unanswered()
        if fate is Fate.CUT_AFTER:
            self.cut()
        if fate is Fate.INTERRUPTED_AFTER:
            self.interrupt()
        if fate is Fate.UNANSWERED:
            self.counts["lost"] += 1
            raise _unanswered()

    def _fate(self):
        if self.is_dead:
            raise PowerCutError
        if self.is_away:
            self._fail()
            return Fate.REFUSED
        fate = self.schedule.transaction_fate(self)
        if fate is not Fate.DONE:
            self._fail()
            self.told(f"a transaction is {fate.value}")
        return fate

    def _fail(self):
        self._n_faults += 1
        if self._failed_at is None:
            self._failed_at = self.clock.now

    def write_text(self, descriptor, text):
        """A text on its way to the spool, with its fate; called in the place of a file's `write`."""
        if self.is_dead:
            raise PowerCutError
        fate = Fate.HALF if self.is_full else self.schedule.text_fate(self)
        if fate is not Fate.DONE:
            self._n_faults += 1
            self.told(f"a text of {len(text)} bytes is {fate.value}")
        if fate is Fate.CUT_BEFORE:
            self.cut()
        part = text[: int(len(text) * self.schedule.share())] if fate in (Fate.CUT_WITHIN, Fate.HALF) else text
        os.write(descriptor, part)
        if fate in (Fate.CUT_WITHIN, Fate.CUT_AFTER):
            self.cut()
        if fate is Fate.HALF:
            self._was_full = True
            raise OSError(28, "No space left on device")

    # What must hold

    def check(self):
        """Compare what the database holds with what it held before, and with the study that nothing disturbed."""
        if not self.database.has_changed():
            return
        stored = self.database.look()
        trials, runs = stored.trials, stored.runs
        if sorted(trials) != list(range(len(trials))):
            raise BrokenError(f"expected trials from 0 on without a gap, received {sorted(trials)}")
        most = max(self.most_trials, 0)
        if len(trials) > most or len(trials) > max(self.total, self._recorded):
            raise BrokenError(f"expected at most {self.total} trials, received {len(trials)}")
        for number, before in self._seen.items():
            if number not in trials:
                raise BrokenError(f"trial {number} is gone")
            if before.is_final and trials[number] != before:
                raise BrokenError(f"trial {number} ended as {before}, and is now {trials[number]}")
        for key, before in self._seen_runs.items():
            if key not in runs or not before.equals(runs[key], forgetful=True):
                raise BrokenError(f"run {key} was {before}, and is now {runs.get(key)}")
        if not self.study.undisturbed:
            return  # this is what others are compared with
        whole = self.study.undisturbed[max(self.study.undisturbed)]
        for number, trial in trials.items():
            if self._seen.get(number) != trial:
                self._compare(number, trial, whole.trials[number])
        for key, run in runs.items():
            if key not in self._seen_runs:
                if not trials[key[0]].is_final:
                    raise BrokenError(f"run {key} is there, and its trial has not ended")
                # The trial of equal configuration whose outcome it would have had may have died.
                expected = whole.runs.get(key) or whole.runs[whole.trials[key[0]].source, *key[1:]]
                if not run.died and not run.equals(expected, forgetful=True):
                    raise BrokenError(f"expected run {key} as {expected}, received {run}")
                architecture = trials[key[0]].architecture
                # A withdrawn run that does not come back tells no engine.
                engine = self._engines.setdefault(architecture, run.engine) if run.engine else ""
                if engine != run.engine:
                    raise BrokenError(f"{architecture} was trained by {engine} and by {run.engine}")
        self._seen, self._seen_runs = trials, runs

    def _compare(self, number, trial, expected):
        if trial.asked != expected.asked:
            raise BrokenError(f"expected trial {number} to be asked as {expected.asked}, received {trial.asked}")
        if self.schedule.is_deadly and trial.is_final:
            is_death = trial.died and trial.source is None  # of another trial it says nothing
            is_same = is_death or (trial.state, trial.value) == (expected.state, expected.value)
        else:
            is_same = not trial.is_final or trial == expected
        if not is_same:
            raise BrokenError(f"expected trial {number} to end as {expected}, received {trial}")

    def _check_scores(self, stored):
        """A trial's score is the mean over its runs."""
        for number, trial in stored.trials.items():
            scores = [run.told[1] for key, run in stored.runs.items() if key[0] == number]
            if trial.state == "COMPLETE" and scores and abs(trial.value - sum(scores) / len(scores)) > _ROUNDING_SCORE:
                raise BrokenError(f"expected trial {number} to score the mean of {scores}, received {trial.value}")

    def check_end(self):
        """Compare a study that has ended with the one that nothing disturbed: all of both."""
        with self.outside():
            stored, whole = self.database.look(), self.study.undisturbed[self.most_trials]
            if len(stored.trials) != self.most_trials or not all(trial.is_final for trial in stored.trials.values()):
                raise BrokenError(f"expected {self.most_trials} trials that ended, received {stored.trials}")
            if self.database.spool_path.exists():
                raise BrokenError(f"{self.database.spool_path.name} is left")
            self._check_scores(stored)
            if self.schedule.is_deadly:
                return
            if stored.trials != whole.trials or sorted(stored.runs) != sorted(whole.runs):
                raise BrokenError(f"expected {whole}, received {stored}")
            for key, run in stored.runs.items():
                if not run.equals(whole.runs[key]):
                    raise BrokenError(f"expected run {key} as {whole.runs[key]}, received {run}")

    def asked(self, number, n_told, is_new):
        """A trial is asked, of which the sampler knows what it must know, no more and no less."""
        window = self.study.prepared(self.total).window
        if n_told != max(0, number - window + 1):
            raise BrokenError(f"trial {number} is asked when {n_told} trials were told, with a window of {window}")
        if is_new and self.is_stopping:
            raise BrokenError(f"trial {number} is asked, after the coordinator was asked to stop")

    def submitted(self, task):
        """Runs are sent to a worker: none of a trial that has ended, as the database knows."""
        self._has_trained = True
        for run in task.runs:
            if run.trial in self._seen and self._seen[run.trial].is_final:
                raise BrokenError(f"run {run.trial}.{run.fold} is trained, and its trial has ended")

    def violated(self, words):
        """Something does not hold."""
        raise BrokenError(words)

    def trial_ended(self, number):
        """The coordinator says that a trial ended."""
        if number in self._ended_at or (number in self._seen and self._seen[number].is_final):
            raise BrokenError(f"trial {number} is told again")
        self._ended_at[number] = self.clock.now

    def written(self, buffer):
        """The coordinator has written what it knew: that is a promise, kept in the database or in the spool."""
        if self._was_full and buffer.seconds_until_due() is not None:
            return
        stored = self.database.look()
        promised = {(number, "started") for number in buffer.trials}
        promised |= {(number, "ended") for number, trial in buffer.trials.items() if trial.state.is_final}
        self._promised |= promised
        if buffer.seconds_until_due() is None:
            self._was_full = False
            self._check_stored(stored)
            if self.database.spool_path.exists():
                raise BrokenError("everything is written, and the spool is left")
        else:
            self._check_promises(stored)

    def _check_interrupted(self):
        """An interrupt costs nothing that had ended, where database and disk took what there was."""
        if self._n_faults == self._faults_before_interrupt:
            kept = self._durable(self.database.look())
            if lost := [number for number in self._ended_at if (number, "ended") not in kept]:
                raise BrokenError(f"trials {lost} had ended before the interrupt, and are lost")

    def _check_promises(self, stored):
        if missing := self._promised - self._durable(stored):
            raise BrokenError(f"{sorted(missing)} were written, and are neither in the database nor in the spool")

    def _check_stored(self, stored):
        if missing := self._promised - stored.events:
            raise BrokenError(f"{sorted(missing)} were written, and are not in the database")

    def _durable(self, stored):
        with self.outside():
            kept = self.database.read_spool()
        events = {(each.number, "started" if isinstance(each, Started) else "ended") for each in kept}
        return stored.events | events


class _Told(SilentObserver):
    """Tells the world what the coordinator says."""

    def __init__(self, world):
        self._world = world

    def note(self, message):
        self._world.is_stopping = self._world.is_stopping or message.startswith("Asked to stop")
        self._world.told(f"note: {message}")

    def trial_ended(self, trial, progress):
        self._world.told(f"trial {trial.number} ended: {trial.state.name}")
        self._world.trial_ended(trial.number)


def _unanswered():
    error = TransientStorageError("storage: the connection was cut")
    error.may_be_done = True
    return error


class _Disk:
    """The module `os` as the spool uses it, on a disk that can fail."""

    def __init__(self, world_now):
        self._world_now = world_now

    def __getattr__(self, name):
        return getattr(os, name)

    @contextlib.contextmanager
    def fdopen(self, descriptor, mode):
        world = self._world_now()
        try:
            yield SimpleNamespace(
                write=lambda text: world.write_text(descriptor, text), flush=lambda: None, fileno=lambda: descriptor
            )
        finally:
            os.close(descriptor)

    def fsync(self, descriptor):
        """What is written is kept."""


class _Now:
    """The clock of the world that there is now."""

    def __init__(self, world_now):
        self._world_now = world_now

    def __getattr__(self, name):
        return getattr(self._world_now().clock, name)


def _remembering(read):
    known = {}

    def remembering(spec):
        key = json.dumps(spec)
        if key not in known:
            known[key] = read(spec)
        return known[key]

    return remembering


@contextlib.contextmanager
def worlds():
    """Have what a session asks of its machine go to a world, for the length of a `with` block.

    Yields:
        A function that takes the world there is from now on.
    """
    worlds_now = []

    def now():
        return worlds_now[-1]

    @contextlib.contextmanager
    def open_workers(*arguments, **options):
        yield now().workers

    def writing(method):
        def write(buffer):
            method(buffer)
            now().written(buffer)

        return write

    def asking(method):
        def ask(proposals):
            number = proposals.next_number
            now().asked(number, proposals._history.told, number not in proposals._trials)
            return method(proposals)

        return ask

    with pytest.MonkeyPatch.context() as patched:
        for module in (limits, trial_buffer, write_behind, patience):
            patched.setattr(module, "time", _Now(now))
        patched.setattr(filelock._api, "time", Clock())
        patched.setattr(launching, "open_workers", open_workers)
        # Which packages there are, and what a study file says, does not change while worlds last.
        patched.setattr(entry, "installed_versions", functools.cache(entry.installed_versions))
        for module in (entry, widening):
            patched.setattr(module, "spec_from_json", _remembering(module.spec_from_json))
        patched.setattr(widening, "default_catalogue", functools.cache(widening.default_catalogue))
        for name in ("keep_diagnosis", "keep_advice"):  # what a choice tells afterwards is no part of the search
            patched.setattr(launching, name, lambda *arguments: None)
        patched.setattr(launching, "is_plane_due", lambda *arguments: False)
        for module in (store, locks):
            patched.setattr(module, "transaction", lambda address, source: now().transaction(address, source))
        patched.setattr(spool, "os", _Disk(now))
        patched.setattr(Proposals, "ask", asking(Proposals.ask))
        for name in ("flush", "flush_all"):
            patched.setattr(TrialBuffer, name, writing(getattr(TrialBuffer, name)))

        def enter(world):
            worlds_now[:] = [world]
            return world

        yield enter
