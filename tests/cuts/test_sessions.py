"""A session that is killed at any moment loses nothing and looks at nothing twice; who goes on may be killed too."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from search.coordination import confirming, trial_buffer
from search.coordination.launching import Launch, run_study
from search.coordination.progress import SilentObserver
from search.data.sealed import SealedRows
from search.preparation.files import prepare_study
from search.records import Predictions, Purpose, RunResult, TrialState
from search.storage import open_storage
from tests.coordination.test_confirming import prepare, train
from tests.coordination.test_outages import Outages, PowerCutError, begin
from tests.cuts.contents import contents
from tests.cuts.cutting import Story
from tests.cuts.inline_pool import train_inline

INLINE = Launch(n_jobs=0, storage_timeout_seconds=600.0)
_EARLIER = Path(__file__).parents[1] / "storage" / "data"


def small(n_trials=4, finalists=1):
    """A study that comes to an end soon, with a finalist beside the baseline and sealed rows."""
    return prepare(
        study={"n_trials": n_trials, "window": 2},
        split={"test": 0.2},
        confirm={"finalists": finalists, "repeats": 2},
    )


def run_inline(prepared, url, *, create=False, observer=None):
    """A session that writes at once what others gather for half a second, so that it has as many commits as can be."""
    trial_buffer.LONGEST_UNWRITTEN_SECONDS = confirming._LONGEST_UNWRITTEN_SECONDS = -1.0
    train_inline()
    with open_storage(url, create=create) as storage:
        run_study(prepared, storage, INLINE, observer, train_any)


def train_any(plan, run, report):
    """What a run comes to; one that trains on all rows is not scored on a fold, and says the same of every row."""
    if run.purpose is not Purpose.REFIT:
        return train(plan, run, report)
    says = np.float32(0.5 + 0.4 * run.configuration.get("dropout", 0.0))
    return RunResult(run, 0.0, epochs_trained=2, best_epoch=2, predictions=Predictions(np.array([[says]])))


@contextmanager
def marked_looks(folder):
    """Leave a mark where sealed rows are handed out, whatever the database says of it."""
    real = SealedRows.open

    def marked(self, record):
        rows = real(self, record)
        (folder / "seen").touch()
        return rows

    SealedRows.open = marked
    yield
    SealedRows.open = real


class Search(Story):
    """A study from its begin to its end: search, confirmation, verdict, look at the sealed rows, diagnosis, advice."""

    def begin(self, place):
        open_storage(place.url, create=True).close()

    def happen(self, place):
        with marked_looks(place.folder):
            run_inline(small(), place.url)

    def standing(self, place):
        looks = [look for study in contents(place.url).values() for look in study["looks"]]
        return len(looks), (place.folder / "seen").exists()

    def outcome(self, place):
        return contents(place.url)


class Recovery(Story):
    """A session that finds open trials, and a spool with what ended while the database was away; it is asked for more
    trials than the one before.
    """

    def begin(self, place):
        outages = Outages(0, chance=0.0)

        class Leaving(SilentObserver):
            def trial_ended(self, trial, progress):
                if progress.done == 2:
                    outages.n_left = 10**9  # away for good
                if progress.done == 4:
                    raise PowerCutError

        with open_storage(place.url, create=True) as storage, pytest.MonkeyPatch.context() as patched:
            begin(storage, patched, outages)
            with pytest.raises(PowerCutError):
                run_inline(small(5, 0), place.url, observer=Leaving())
        states = [state for _, state, _, _ in contents(place.url)["quick"]["trials"]]
        assert TrialState.RUNNING in states
        assert [path.name for path in place.folder.glob("*.spool")] == ["s.db.quick.spool"]

    def happen(self, place):
        run_inline(small(6, 0), place.url)

    def outcome(self, place):
        assert not list(place.folder.glob("*.spool*"))
        return contents(place.url)


class Upgrade(Story):
    """A session that goes on with a study which an earlier version began: its tables are upgraded, then trials that
    were left open are run again.
    """

    def begin(self, place):
        with closing(sqlite3.connect(place.folder / "s.db")) as connection:
            connection.executescript((_EARLIER / "begun_r0002.sql").read_text(encoding="utf-8"))

    def happen(self, place):
        asked = ("study.n_trials=10", "confirm.finalists=0")
        run_inline(prepare_study(str(_EARLIER / "begun.toml"), asked), place.url, create=True)

    def outcome(self, place):
        return contents(place.url)


def test_a_session_that_is_killed_comes_to_the_same_with_one_look_that_is_on_record(tell):
    told = tell(Search())
    assert len(told.cuts) > 20
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    ((_, _, n_trials, result),) = told.outcome["quick"]["looks"]
    assert n_trials == 4
    assert result["difference"] is not None
    standings = [cut.standing for cut in told.cuts]
    assert set(standings) == {(0, False), (1, False), (1, True)}, "expected no look that is not on record"


@pytest.mark.parametrize("story", [Recovery(), Upgrade()], ids=["spool", "earlier version"])
def test_a_session_that_goes_on_is_killed_and_killed_again_and_comes_to_the_same(story, tell):
    told = tell(story, twice=True)
    assert len(told.cuts) > 8
    assert sum(", then " in cut.moment for cut in told.cuts) > len(told.cuts) / 2
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []


def test_a_session_on_a_server_that_is_killed_comes_to_the_same(tell, postgresql):
    told = tell(Search(), postgresql, step=4)
    assert len(told.cuts) > 5
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    assert {cut.standing for cut in told.cuts} <= {(0, False), (1, False), (1, True)}
