"""What `tests/faults/run.py` does for an hour, in short; and the page that it writes."""

import argparse
import json
from collections import Counter

import pytest

from tests.faults import hurting
from tests.faults.conftest import CONFIRMED, N_TRIALS
from tests.faults.databases import PostgresqlDatabase, SqliteDatabase
from tests.faults.history import History
from tests.faults.hurting import Course, Stay, run_hurt
from tests.faults.plan import Absence, Aim, Kill, plan_harms
from tests.faults.table import describe, to_markdown, write_result


def test_study_in_a_file_is_killed_and_ends_as_if_nothing_had_happened(tmp_path, undisturbed):
    harms = (
        Kill(2, 0.1, Aim.WORKER, attempts=True),
        Kill(5, 0.1, Aim.FORK_SERVER),
        Absence(9, 0.0, 1.5, Kill(0, 1.0, Aim.COORDINATOR), goes_on=True),
        Kill(N_TRIALS + 1, 0.0, Aim.COORDINATOR),
    )
    database = SqliteDatabase(tmp_path / "hurt.db")
    course = run_hurt(tmp_path, database, N_TRIALS, ("--n-jobs", "2", *CONFIRMED), harms, undisturbed)
    assert course.history.violations == []
    assert course.kills == {Aim.COORDINATOR: 2, Aim.WORKER: 1, Aim.FORK_SERVER: 1}
    assert (course.kills_while_away, course.n_attempts, len(course.stays)) == (1, 1, 3)
    assert N_TRIALS < course.stays[-1].n_points < course.end.n_acknowledged, "expected a kill in the confirmation"
    assert course.history.n_looks > 8
    verdict = course.end.verdict.verdict
    assert verdict["repeats"] == 8
    assert verdict["expected"] != verdict["difference"]


def test_server_crashes_under_a_study_that_ends_as_if_nothing_had_happened(tmp_path, undisturbed, server):
    harms = (Absence(2, 0.1, 1.0), Kill(5, 0.1, Aim.WORKER), Absence(7, 0.2, 0.5, Kill(0, 0.3, Aim.COORDINATOR)))
    database = PostgresqlDatabase(server)
    course = run_hurt(tmp_path, database, N_TRIALS, ("--n-jobs", "1", *CONFIRMED), harms, undisturbed)
    assert course.history.violations == []
    assert course.kills == {Aim.COORDINATOR: 1, Aim.WORKER: 1}
    assert len(course.absences_seconds) == 2
    said = (tmp_path / "stderr.txt").read_text()
    assert "Training goes on, and results wait until it is back, for 1 h at most." in said
    assert "The database is back, after " in said


def test_session_that_does_not_start_is_a_violation(tmp_path, monkeypatch):
    monkeypatch.setattr(hurting, "_MOST_BAD_ENDS", 1)
    course = run_hurt(tmp_path, SqliteDatabase(tmp_path / "hurt.db"), N_TRIALS, ("--set", "study.n_trial=3"))
    assert course.end is None
    assert len(course.stays) == 2
    assert course.history.violations[0].startswith("a session ended by itself with code 2: ")
    assert course.history.violations[-1] == "the database cannot be read at the end"


@pytest.mark.parametrize(("kills", "restarts"), [(500, 50), (3, 0), (0, 2), (1, 8)])
def test_plan_has_as_many_harms_as_asked_in_order_and_is_drawn_from_its_seed(kills, restarts):
    plan = plan_harms(1, 1000, 200.0, kills, restarts)
    assert plan == plan_harms(1, 1000, 200.0, kills, restarts)
    assert plan != plan_harms(2, 1000, 200.0, kills, restarts)
    absences = [harm for harm in plan if isinstance(harm, Absence)]
    assert len(absences) == restarts
    assert len(plan) - restarts + sum(harm.kill is not None for harm in absences) == kills
    points = [harm.at for harm in plan]
    assert points == sorted(points)
    assert all(0 <= point < 1000 for point in points)
    assert all(absence.at > 0 for absence in absences)


def test_plan_of_many_kills_aims_at_all_and_hits_some_in_their_start():
    kills = [harm for harm in plan_harms(1, 1000, 200.0, 500, 50) if isinstance(harm, Kill)]
    aims = Counter(kill.aim for kill in kills)
    assert aims[Aim.COORDINATOR] > aims[Aim.WORKER] > aims[Aim.FORK_SERVER] > 0
    assert sum(kill.in_start for kill in kills) > 20


@pytest.mark.parametrize("work_seconds", [1.0, 30.0, 200.0, 5000.0])
def test_harms_wait_for_less_than_the_study_works_and_leave_work_for_the_last(work_seconds):
    harms = plan_harms(1, 1000, work_seconds, 500, 50)
    waits = [harm.delay_seconds for harm in harms if not (isinstance(harm, Kill) and harm.in_start)]
    assert sum(waits) < 0.7 * work_seconds
    assert max(harm.at for harm in harms) < 1000 - min(500, 1000 * 3.9 / work_seconds)


ASKED = argparse.Namespace(backend="sqlite", seed=3, trials=100, kills=4, restarts=1, jobs=2, epochs=4000)


@pytest.fixture
def result():
    """Of a study that worked for 20 s when nothing happened, and for 24 s with four kills."""
    undisturbed = Course(History(100), stays=[Stay(23.0, 3.0)])
    hurt = Course(
        History(100),
        stays=[Stay(3.0, None), Stay(14.0, 2.0), Stay(15.0, 3.0, 60)],
        kills=Counter({Aim.COORDINATOR: 2, Aim.WORKER: 2}),
        kills_while_away=1,
        absences_seconds=[1.5],
        n_attempts=1,
    )
    return describe(ASKED, undisturbed, hurt)


def test_page_tells_counts_costs_and_violations(result):
    lines = to_markdown([result]).splitlines()
    assert "| sqlite | 3 | 100 | 0 | 4 = 2 + 2 + 0 (1) | 1 | 3 | 0 | 1 | 0 |" in lines
    assert "| sqlite | 3 | 4 | 23 s | 32 s | 2.5 s (3 s) | 20 s | 24 s | 1.2 | 5 s | 1 s |" in lines
    assert "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |" in lines, "expected a heading for each"
    assert "## Violations" not in lines
    broken = {**result, "n_violations": 1, "violations": ["trial 3 was acknowledged, and is gone"]}
    lines = to_markdown([broken]).splitlines()
    assert "- sqlite, seed 3: trial 3 was acknowledged, and is gone" in lines


def test_result_gives_way_to_a_later_one_of_the_same_kind(result, tmp_path):
    for seed, looks in ((3, 5), (4, 6), (3, 7)):
        write_result({**result, "seed": seed, "looks": looks}, tmp_path)
    kept = json.loads((tmp_path / "results.json").read_text())
    assert [(each["seed"], each["looks"]) for each in kept] == [(4, 6), (3, 7)]
    assert (tmp_path / "RESULTS.md").read_text() == to_markdown(kept)
