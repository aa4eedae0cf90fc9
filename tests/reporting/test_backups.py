"""A study goes to a file and comes back, and goes on as it would have."""

import datetime as dt
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from search.coordination import proposals
from search.coordination.launching import Launch, run_study
from search.errors import UsageError
from search.preparation.files import prepare_study
from search.reporting.backups import back_up, restore
from search.storage import Storage, open_storage
from search.tuning.history import History
from tests.followup.fakes import Fake

DATA = Path(__file__).parents[1] / "storage" / "data"


@pytest.fixture
def backup(storage, tmp_path):
    """A backup of `quick`."""
    path = tmp_path / "quick ?.backup.db"
    told = back_up(storage, "quick", path, replace=False)
    assert told.to_json() == {"study": "quick", "name": "quick", "place": str(path), "n_trials": 30}
    return path


@pytest.fixture
def elsewhere(tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'elsewhere.db'}", create=True) as opened:
        yield opened


def _extended(storage, file, name):
    """The trials of a study after ten more, apart from their times, and what it comes to."""
    named = [f'study.name="{name}"', "study.n_trials=40"]
    record = run_study(prepare_study(str(file), named), storage, Launch(0), train=Fake())
    then = dt.datetime(2026, 1, 1)
    trials = storage.trials(record.study_id)
    return [replace(trial, started=then, completed=then) for trial in trials], storage.verdict(record.study_id).verdict


def test_restored_study_goes_on_as_the_one_that_it_was_copied_from(quick, backup, elsewhere, tmp_path):
    shutil.copy(quick / "regsearch.db", tmp_path / "original.db")
    restored = restore(backup, elsewhere, "again")
    assert (restored.study, restored.name, restored.n_trials) == ("quick", "again", 30)
    with open_storage(f"sqlite:///{tmp_path / 'original.db'}") as original:
        trials, verdict = _extended(original, quick / "quick.toml", "quick")
    assert len(trials) == 40
    assert _extended(elsewhere, quick / "quick.toml", "again") == (trials, verdict)


def test_what_is_drawn_from_the_name_is_drawn_from_the_first_one(quick, backup, elsewhere, monkeypatch):
    """Hyperband's brackets come from the name of a study."""
    restore(backup, elsewhere, "again")
    elsewhere.rename_study("again", "and_again")
    names = []

    def noting(*given, **options):
        names.append(options["study_name"])
        return History(*given, **options)

    monkeypatch.setattr(proposals, "History", noting)
    _extended(elsewhere, quick / "quick.toml", "and_again")
    assert names == ["quick"]


def test_backup_is_one_file_without_anything_beside_it(backup, tmp_path):
    assert [path.name for path in tmp_path.iterdir()] == [backup.name]
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_restoring_changes_nothing_in_the_file(backup, elsewhere):
    before = backup.read_bytes()
    restore(backup, elsewhere)
    assert backup.read_bytes() == before
    with pytest.raises(UsageError, match="expected a name that is free, received 'quick'"):
        restore(backup, elsewhere)


def test_file_that_is_there_is_replaced_only_when_asked_and_whole(storage, backup, monkeypatch):
    before = backup.read_bytes()
    with pytest.raises(UsageError, match="expected a path where nothing is yet"):
        back_up(storage, "quick", backup, replace=False)
    with monkeypatch.context() as patched:
        patched.setattr(Storage, "copy_study", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            back_up(storage, "quick", backup, replace=True)
    assert backup.read_bytes() == before
    assert back_up(storage, "quick", backup, replace=True).n_trials == 30
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT count(*) FROM trials").fetchone() == (30,)
    assert [path.name for path in backup.parent.iterdir()] == [backup.name]


def test_database_is_not_replaced_by_its_backup(storage):
    with pytest.raises(UsageError, match="expected another file than the study's database"):
        back_up(storage, "quick", storage.path, replace=True)


def test_backup_of_an_earlier_version_is_restored(elsewhere, tmp_path):
    path = tmp_path / "begun.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DATA / "begun_r0002.sql").read_text(encoding="utf-8"))
    before = path.read_bytes()
    assert restore(path, elsewhere).name == "begun"
    assert path.read_bytes() == before
    assert elsewhere.study_names() == ["begun"]


def test_file_that_is_no_backup_is_refused(elsewhere, storage, tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("no database at all, and longer than a header of one would be: " * 10)
    with pytest.raises(UsageError, match=r"expected a file of `regsearch backup`.*file is not a database"):
        restore(path, elsewhere)
    with open_storage(f"sqlite:///{tmp_path / 'empty.db'}", create=True):
        pass
    with pytest.raises(UsageError, match="with one study, received one with none"):
        restore(tmp_path / "empty.db", elsewhere)
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection, connection:
        connection.execute("UPDATE regsearch_version SET version_num = 'r0999'")
    with pytest.raises(UsageError, match="They were made by a newer regsearch"):
        restore(tmp_path / "empty.db", elsewhere)
    assert elsewhere.studies() == []
