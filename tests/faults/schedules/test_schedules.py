"""Whatever happens to a study, and in whatever order: what was written is kept, and it ends as the undisturbed one."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.schedules.machine import StudyMachine
from tests.faults.schedules.playing import player

_SEEDS, _SEEDS_OF_BOTH = range(300), range(1000, 1030)


@pytest.fixture(scope="module")
def in_memory():
    with player("memory") as playing:
        yield playing


def test_schedules_change_no_study_and_lose_nothing_that_was_written(in_memory):
    for seed in _SEEDS:
        in_memory.play(seed)


def test_memory_answers_as_sqlite_does():
    told = {}
    for kind in ("memory", "sqlite"):
        with player(kind) as playing:
            told[kind] = [[*(world := playing.play(seed)).steps, world.counts] for seed in _SEEDS_OF_BOTH]
    assert told["memory"] == told["sqlite"]


def test_machine_finds_no_way_to_another_study():
    with player("sqlite") as playing:
        run_state_machine_as_test(
            lambda: StudyMachine(playing),
            settings=settings(
                max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
