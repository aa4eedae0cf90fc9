"""Whatever happens to a study, and in whatever order: what was written is kept, and it ends as the undisturbed one."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.schedules.machine import StudyMachine
from tests.faults.schedules.playing import Calm, player
from tests.faults.schedules.studies import KINDS, TOTALS
from tests.faults.schedules.workers import trains
from tests.faults.schedules.world import Fate

_SEEDS, _SEEDS_OF_BOTH = range(300), range(1000, 1012)


@pytest.fixture
def in_memory():
    with player("memory") as playing:
        yield playing


def test_schedules_change_no_study_and_lose_nothing_that_was_written(in_memory):
    for seed in _SEEDS:
        in_memory.play(seed)


class _InterruptedAtTheEnd(Calm):
    """Ctrl-C comes in the last transaction of the search."""

    is_left = True

    def transaction_fate(self, world):
        if not self.is_left or world.n_ended < TOTALS[0]:
            return Fate.DONE
        self.is_left = False
        return Fate.INTERRUPTED_BEFORE


def test_interrupt_in_the_last_write_costs_no_trial_that_had_ended(in_memory):
    study = in_memory.study(0)
    with in_memory.entered():
        world = in_memory.new_world(study, _InterruptedAtTheEnd())
        assert world.session(TOTALS[0]) == "interrupted"
        assert world.database.look().trials == study.undisturbed[TOTALS[0]].trials


class _AwayWhenMeasured(Calm):
    """The database is away when an engine is chosen, until all is trained that could be."""

    is_left = True
    n_ended_meanwhile = 0

    def stop(self, world, where, seconds):
        jobs = world.workers.jobs
        measured = [job for job in jobs if not trains(job)]
        if self.is_left and measured and any(map(trains, jobs)):
            self.is_left = False
            world.go_away()
            world.workers.end(measured[0])
            return 0.0
        if world.is_away and not any(map(trains, jobs)):
            world.come_back()
        self.n_ended_meanwhile += world.is_away
        return super().stop(world, where, seconds)


def test_runs_end_while_the_choice_of_an_engine_waits_for_the_database(in_memory):
    study = in_memory.study(KINDS.index("measured"))
    with in_memory.entered():
        schedule = _AwayWhenMeasured()
        world = in_memory.new_world(study, schedule)
        assert world.session(TOTALS[-1]) == "ended"
        assert schedule.n_ended_meanwhile > 1
        world.check_end()


def test_memory_answers_as_sqlite_does():
    told = {}
    for kind in ("memory", "sqlite"):
        with player(kind) as playing:
            told[kind] = [_told(playing, seed) for seed in _SEEDS_OF_BOTH]
    assert told["memory"] == told["sqlite"]


def _told(playing, seed):
    """What happened, and what is stored in the end, also of the study that nothing disturbed."""
    world = playing.play(seed)
    stored = [world.database.look(), *world.study.undisturbed.values()]
    return [world.steps, world.counts, [(each.trials, each.runs) for each in stored]]


def test_machine_finds_no_way_to_another_study():
    with player("sqlite") as playing:
        run_state_machine_as_test(
            lambda: StudyMachine(playing),
            settings=settings(
                max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
