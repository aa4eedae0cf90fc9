"""A state machine of Hypothesis, which finds its way to a study's end through whatever can happen to it.

Where a seeded schedule draws what happens, here each thing that can happen is a rule; what breaks is made as short as
can be. The session runs in a thread of its own, which waits at each stop until a rule lets it go on.
"""

import threading
from collections import deque

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.faults.schedules.playing import N_STUDIES, TEXT_FATES, TRANSACTION_FATES, Calm
from tests.faults.schedules.studies import TOTALS
from tests.faults.schedules.workers import N_EPOCHS, trains
from tests.faults.schedules.world import Fate

_places, _seconds = st.integers(0, 9), st.sampled_from((0.0, 0.01, 0.3, 0.6, 5.0))


class Told(Calm):
    """What happens is told by somebody in another thread, whose turn it is at each stop."""

    def __init__(self):
        self.is_over = self.is_running = False
        self.fates, self.text_fates = deque(), deque()
        self._stopped, self._told = threading.Semaphore(0), threading.Semaphore(0)
        self._event, self._passed, self._failure = None, 0.0, None

    @property
    def has_failed(self):
        """Whether something did not hold in the session."""
        return self._failure is not None

    # In the session's thread

    def stop(self, world, where, seconds):
        if self.is_over:
            world.come_back()
            world.make_room()
            return super().stop(world, where, seconds)
        self._stopped.release()
        self._told.acquire()
        if self._event is not None:
            self._event()
        return min(seconds, self._passed) if where == "wait" else seconds

    def transaction_fate(self, world):
        return self.fates.popleft() if self.fates and not self.is_over else Fate.DONE

    def text_fate(self, world):
        return self.text_fates.popleft() if self.text_fates and not self.is_over else Fate.DONE

    def share(self):
        return 0.5

    # In the machine's

    def begin(self, session, *arguments):
        """Have a session run in its thread until its first stop, or its end."""

        def run():
            try:
                session(*arguments)
            except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
                self._failure = error
            self.is_running = False
            self._stopped.release()

        self.is_running = True
        threading.Thread(target=run, daemon=True).start()
        self._wait()

    def go_on(self, seconds=0.0, event=None):
        """Let the session go on to its next stop, or its end."""
        self._event, self._passed = event, seconds
        self._told.release()
        self._wait()

    def _wait(self):
        self._stopped.acquire()
        if self._failure is not None:
            raise self._failure


def _running(condition=lambda machine: True):
    return precondition(lambda machine: machine.schedule.is_running and condition(machine))


def _working(condition=lambda job: True):
    return _running(lambda machine: any(map(condition, machine.world.workers.jobs)))


class StudyMachine(RuleBasedStateMachine):
    """A study from its first session to its end.

    Args:
        playing: Has the studies, and the database.
    """

    def __init__(self, playing):
        super().__init__()
        self._playing = playing
        self.schedule = Told()

    @initialize(number=st.integers(0, N_STUDIES - 1))
    def begin(self, number):
        self.world = self._playing.new_world(self._playing.study(number), self.schedule)

    @precondition(lambda machine: not machine.schedule.is_running)
    @rule(total=st.sampled_from(TOTALS), n_workers=st.integers(1, 3), patience=st.sampled_from((3600.0, 2.0)))
    def launch(self, total, n_workers, patience):
        self.schedule.begin(self.world.session, total, n_workers, patience)

    def _job(self, place, condition=lambda job: True):
        jobs = [job for job in self.world.workers.jobs if condition(job)]
        return jobs[place % len(jobs)]

    @_working()
    @rule(place=_places, comes_back=st.booleans(), seconds=_seconds)
    def task_ends(self, place, comes_back, seconds):
        self.world.workers.end(self._job(place), comes_back)
        self.schedule.go_on(seconds)

    @_working(lambda job: trains(job) and not job.is_withdrawn)
    @rule(place=_places, n_epochs=st.integers(1, N_EPOCHS), seconds=_seconds)
    def run_tells(self, place, n_epochs, seconds):
        self.world.workers.tell(self._job(place, lambda job: trains(job) and not job.is_withdrawn), n_epochs)
        self.schedule.go_on(seconds)

    @_running(lambda machine: any(map(machine.world.workers.may_die, machine.world.workers.jobs)))
    @rule(place=_places, lacks_memory=st.booleans())
    def worker_dies(self, place, lacks_memory):
        workers = self.world.workers
        job = self._job(place, workers.may_die)
        (workers.lack_memory if lacks_memory else workers.die)(job)
        self.schedule.go_on()

    @_working(trains)
    @rule(place=_places)
    def task_begins_anew(self, place):
        self.world.workers.begin_anew(self._job(place, trains))

    @_running()
    @rule(seconds=_seconds)
    def time_passes(self, seconds):
        self.schedule.go_on(seconds)

    @_running()
    @rule()
    def power_is_cut(self):
        self.schedule.go_on(event=self.world.cut)

    @_running()
    @rule()
    def user_interrupts(self):
        self.schedule.go_on(event=self.world.interrupt)

    @_running()
    @rule()
    def user_asks_to_stop(self):
        self.world.request_stop()

    @_running()
    @rule()
    def another_coordinator_comes(self):
        self.world.hold_again()

    @_running(lambda machine: not machine.world.is_away)
    @rule()
    def database_goes_away(self):
        self.world.go_away()

    @_running(lambda machine: machine.world.is_away)
    @rule()
    def database_comes_back(self):
        self.world.come_back()

    @precondition(lambda machine: not machine.schedule.fates)
    @rule(n_before=st.integers(0, 12), fate=st.sampled_from(TRANSACTION_FATES))
    def transaction_will_fail(self, n_before, fate):
        self.schedule.fates.extend([Fate.DONE] * n_before + [fate])

    @precondition(lambda machine: not machine.schedule.text_fates)
    @rule(fate=st.sampled_from(TEXT_FATES))
    def text_will_fail(self, fate):
        self.schedule.text_fates.append(fate)

    @_running(lambda machine: not machine.world.is_full)
    @rule()
    def disk_fills(self):
        self.world.fill_disk()

    @_running(lambda machine: machine.world.is_full)
    @rule()
    def room_is_made(self):
        self.world.make_room()

    @invariant()
    def what_must_hold_holds(self):
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self):
        """Whatever happened: undisturbed from now on, it ends as the study that nothing disturbed."""
        if not hasattr(self, "world") or self.schedule.has_failed:
            return
        self.schedule.is_over = True
        if self.schedule.is_running:
            self.schedule.go_on()
        self.world.session(TOTALS[-1])
        self.world.check_end()
