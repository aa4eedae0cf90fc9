"""A confirmation of real runs whose coordinator is killed ends as if nothing had happened."""

import json
import time

import psutil

from search.errors import StorageError, UnknownStudyError
from search.records import Purpose
from search.storage import open_storage

# A run takes a tenth of a second, so that there is time to be killed in.
SETTINGS = ("confirm.finalists=2", "confirm.repeats=5", "training.epochs=24000")
CONFIRMED = ("--n-jobs", "1", "--n-trials", "5", *(word for each in SETTINGS for word in ("--set", each)))
N_RUNS = 5 * 3 * 2


def confirmed(path):
    """The verdict in a database, and the runs that it was decided by."""
    try:
        with open_storage(f"sqlite:///{path}") as storage:
            study_id = storage.study("hurt").study_id
            runs = storage.runs(study_id, purpose=Purpose.CONFIRMATION)
            stored = storage.verdict(study_id)
    except (StorageError, UnknownStudyError):  # its tables are being made, or the study is
        return None, []
    return stored and stored.verdict, [(run.trial, run.fold, run.repeat, run.seed, run.score) for run in runs]


def test_killed_confirmation_goes_on_where_it_was_and_decides_the_same(launch, look, tmp_path):
    first = launch(*CONFIRMED)
    deadline = time.monotonic() + 120
    while len(confirmed(tmp_path / "regsearch.db")[1]) < 7:
        assert first.process.poll() is None, (tmp_path / "stderr.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = first.workers()
    first.kill()
    verdict, before = confirmed(tmp_path / "regsearch.db")
    assert verdict is None
    assert 7 <= len(before) < N_RUNS, "expected a kill in the middle of the confirmation"
    shown = json.loads(look.read(tmp_path, "best", "hurt").stdout)
    assert "verdict" not in shown
    psutil.wait_procs(workers, timeout=30)

    assert launch(*CONFIRMED).wait() == 0
    verdict, runs = confirmed(tmp_path / "regsearch.db")
    assert len(runs) <= N_RUNS
    assert set(before) <= set(runs)
    assert launch(*CONFIRMED, "--storage", "sqlite:///unbroken.db").wait() == 0
    assert (verdict, runs) == confirmed(tmp_path / "unbroken.db")
    shown = json.loads(look.read(tmp_path, "best", "hurt").stdout)
    assert (shown["verdict"]["answer"], shown["chosen"]["trial"]) == (verdict["answer"], verdict["chosen"])
    assert verdict["repeats"] == 5
    assert verdict["expected"] != verdict["difference"]
