"""Seeded schedules: what happens to a study is drawn; the same seed gives the same study and the same faults."""

import contextlib
import random
import tempfile
from pathlib import Path

from tests.faults.schedules.database import SqliteDatabase
from tests.faults.schedules.memory import MemoryDatabase
from tests.faults.schedules.studies import KINDS, TOTALS, Study
from tests.faults.schedules.workers import N_EPOCHS, trains
from tests.faults.schedules.world import Fate, World, worlds

_MOST_STEPS = 30
_MOST_SESSIONS = 4
N_STUDIES = 3 * len(KINDS)
"""Each kind with three seeds."""
_DEADLY_SHARE, _AGAIN_SHARE = 0.15, 0.25
_CALM_SECONDS = 0.01
TRANSACTION_FATES = (
    Fate.REFUSED,
    Fate.UNDONE,
    Fate.UNANSWERED,
    Fate.CUT_BEFORE,
    Fate.CUT_AFTER,
    Fate.INTERRUPTED_BEFORE,
    Fate.INTERRUPTED_AFTER,
)
TEXT_FATES = (Fate.CUT_BEFORE, Fate.CUT_WITHIN, Fate.CUT_AFTER)
_EVENTS = ("crash", "interrupt", "away", "full", "stop", "hold", "die", "no memory", "anew")


class Calm:
    """Nothing goes wrong: runs end in the order in which they were asked for."""

    is_deadly = False
    """Whether runs may die for good, so that their trials fail; others end as in the study that nothing disturbed."""

    def stop(self, world, where, seconds):
        """Let something happen; the seconds that pass."""
        jobs = world.workers.jobs
        if where == "sleep" or not jobs:
            return seconds
        world.workers.end(jobs[0])
        return min(seconds, _CALM_SECONDS)

    def transaction_fate(self, world):
        """What becomes of a transaction."""
        return Fate.DONE

    def text_fate(self, world):
        """What becomes of a text on its way to the disk."""
        return Fate.DONE

    def engine(self):
        """The engine that was measured to be the fastest."""
        return "compiled"

    def share(self):
        """How much of a text reaches the disk, where not all does."""
        return 0.0


class Drawn(Calm):
    """What happens is drawn; of each fault some schedules have none, and some have many.

    Args:
        seed: Of all that is drawn.
        study: What it happens to.
    """

    def __init__(self, seed, study):
        self._random = random.Random(seed)
        draw = self._random
        self.is_deadly = not study.learns and draw.random() < _DEADLY_SHARE
        self.chances = {event: draw.choice((0.0, 0.0, 0.03, 0.1)) for event in _EVENTS}
        self.chances["full"] = draw.choice((0.0, 0.0, 0.1, 0.3))
        self._fate_chance = draw.choice((0.0, 0.0, 0.01, 0.05))
        self._text_chance = draw.choice((0.0, 0.3))
        self._back_chance = draw.choice((0.1, 0.5))
        self._report_chance = draw.choice((0.0, 0.5))
        self._idle_chance = draw.choice((0.1, 0.4))
        self._n_stops = draw.randint(_MOST_STEPS // 3, _MOST_STEPS)
        self.is_over = False

    def stop(self, world, where, seconds):
        draw, self._n_stops = self._random, self._n_stops - 1
        if self._n_stops < 0:
            self.is_over = True
        if self.is_over:
            world.come_back()
            world.make_room()
            return super().stop(world, where, seconds)
        self._disturb(world)
        if where == "sleep":
            return seconds
        jobs, workers = world.workers.jobs, world.workers
        if not jobs or draw.random() < self._idle_chance:
            return seconds
        for _ in range(draw.randint(1, 3)):
            if jobs := workers.jobs:
                self._let_work(workers, draw.choice(jobs[: 2 * workers.n_workers]))
        return min(seconds, draw.random() * 0.6)

    def _disturb(self, world):
        draw = self._random
        if world.is_away and draw.random() < self._back_chance:
            world.come_back()
        if world.is_full and draw.random() < self._back_chance:
            world.make_room()
        if self._happens("away"):
            world.go_away()
        if self._happens("full"):
            world.fill_disk()
        if self._happens("stop"):
            world.request_stop()
        if self._happens("hold"):
            world.hold_again()
        if self._happens("interrupt"):
            world.interrupt()
        if self._happens("crash"):
            world.cut()

    def _let_work(self, workers, job):
        if trains(job):
            if self._happens("die") and workers.may_die(job):
                return workers.die(job)
            if self._happens("no memory") and workers.may_die(job):
                return workers.lack_memory(job)
            if self._happens("anew"):
                return workers.begin_anew(job)
            if not job.is_withdrawn and self._random.random() < self._report_chance:
                return workers.tell(job, self._random.randint(1, N_EPOCHS))
        return workers.end(job, comes_back=self._random.random() < 0.7)

    def _happens(self, event):
        chance = self.chances[event]
        return bool(chance) and self._random.random() < chance

    def transaction_fate(self, world):
        if self.is_over or not self._fate_chance or self._random.random() >= self._fate_chance:
            return Fate.DONE
        return self._random.choice(TRANSACTION_FATES)

    def text_fate(self, world):
        if self.is_over or not self._text_chance or self._random.random() >= self._text_chance:
            return Fate.DONE
        return self._random.choice(TEXT_FATES)

    def engine(self):
        return self._random.choice(("compiled", "graph", "lanes"))

    def share(self):
        return self._random.random()

    def runs_again(self):
        """Whether a study that has ended is run once more, which must change nothing."""
        return self._random.random() < _AGAIN_SHARE

    def next_session(self):
        """Total, workers and patience of the next session."""
        draw = self._random
        return draw.choice(TOTALS), draw.randint(1, 3), draw.choice((3600.0, 3600.0, 2.0))


class Player:
    """Plays schedules, each in a world of its own.

    Args:
        enter: As `worlds` yields it.
        database: Where studies are stored.
        reference: Where they are searched undisturbed.
    """

    def __init__(self, enter, database, reference):
        self._enter, self._database, self._reference = enter, database, reference
        self._studies = {}
        self.world = None
        """The one that was played in last."""

    def study(self, number):
        """One of the studies, with what it comes to undisturbed."""
        number %= N_STUDIES
        if number not in self._studies:
            study = self._studies[number] = Study(KINDS[number % len(KINDS)], 1 + number // len(KINDS))
            study.undisturbed = {n_trials: self._search(study, n_trials) for n_trials in TOTALS}
        return self._studies[number]

    def _search(self, study, n_trials):
        self._reference.reset()
        with self._reference.entered():
            world = self._enter(World(study, self._reference, Calm()))
            world.session(n_trials, n_workers=1)
            return self._reference.look()

    def entered(self):
        """What is played goes to the database, for the length of a `with` block."""
        return self._database.entered()

    def new_world(self, study, schedule):
        """A new world, which is entered."""
        self._database.reset()
        self.world = self._enter(World(study, self._database, schedule))
        return self.world

    def play(self, seed):
        """Play the schedule of a seed to its end; the world it was played in.

        Raises:
            BrokenError: Something does not hold.
        """
        study = self.study(seed)
        schedule = Drawn(seed, study)
        with self.entered():
            world = self.new_world(study, schedule)
            for _ in range(_MOST_SESSIONS):
                ended = world.session(*schedule.next_session())
                if schedule.is_over or world.is_done:
                    break
            schedule.is_over = True
            if ended != "ended" or not world.is_done or schedule.runs_again():
                world.session(TOTALS[-1])
            world.check_end()
        return world


@contextlib.contextmanager
def player(kind="memory"):
    """A player, for the length of a `with` block.

    Args:
        kind: `memory` or `sqlite`.
    """
    folder = "/dev/shm" if Path("/dev/shm").is_dir() else None  # nobody cuts its power
    with tempfile.TemporaryDirectory(dir=folder) as name, worlds() as enter:
        folders = [Path(name) / part for part in ("played", "undisturbed")]
        for each in folders:
            each.mkdir()
        made = MemoryDatabase if kind == "memory" else SqliteDatabase
        with contextlib.closing(made(folders[0])) as database, contextlib.closing(made(folders[1])) as other:
            yield Player(enter, database, other)
