"""A study is copied, renamed or deleted as a whole or not at all, whatever moment the process is killed in."""

from __future__ import annotations

from contextlib import suppress

import pytest

from search.errors import UnknownStudyError, UsageError
from search.reporting.backups import back_up, restore
from search.storage import file_url, open_storage
from tests.cuts.contents import contents
from tests.cuts.cutting import Story
from tests.cuts.test_sessions import run_inline, small


class Transfer(Story):
    """A database with two studies that have everything, of which one is moved; who finds that done is told so."""

    done = UnknownStudyError

    def begin(self, place):
        run_inline(small(), place.url, create=True)
        with open_storage(place.url) as storage:
            storage.rename_study("quick", "kept")
        run_inline(small(), place.url)

    def happen(self, place):
        with open_storage(place.url) as storage:
            self.move(storage, place)

    def move(self, storage, place):
        raise NotImplementedError

    def go_on(self, place):
        with suppress(self.done):
            self.happen(place)

    def standing(self, place):
        return self.outcome(place)

    def outcome(self, place):
        return contents(place.url)


class Delete(Transfer):
    def move(self, storage, place):
        storage.delete_study("quick")


class Rename(Transfer):
    def move(self, storage, place):
        storage.rename_study("quick", "slow")


class Backup(Transfer):
    """The file of an earlier backup, of another study, is replaced."""

    def begin(self, place):
        super().begin(place)
        with open_storage(place.url) as storage:
            back_up(storage, "kept", place.folder / "b.db", replace=False)

    def move(self, storage, place):
        back_up(storage, "quick", place.folder / "b.db", replace=True)

    def standing(self, place):
        return contents(file_url(place.folder / "b.db"))

    def outcome(self, place):
        names = {path.name for path in place.folder.iterdir() if not path.name.endswith((".lock", "-wal", "-shm"))}
        assert names <= {"b.db", "s.db"}, "expected that nothing half written is left beside"
        return contents(place.url), self.standing(place)


class Restore(Transfer):
    """Into a database with another study. What is cut where the database is made first is cut in `test_opening` too."""

    done = UsageError

    def begin(self, place):
        super().begin(place)
        with open_storage(place.url) as storage:
            back_up(storage, "quick", place.folder / "b.db", replace=False)
            storage.delete_study("quick")

    def move(self, storage, place):
        restore(place.folder / "b.db", storage)

    def outcome(self, place):
        assert [path.name for path in place.folder.glob("b.db*")] == ["b.db"]
        return contents(place.url)


STORIES = {
    "delete": Delete(),
    "rename": Rename(),
    "restore": Restore(),
    "backup": Backup(),
}


@pytest.mark.parametrize("name", STORIES)
def test_it_is_done_as_a_whole_or_not_at_all(name, tell):
    check(tell(STORIES[name]), name)


@pytest.mark.parametrize("name", ["delete", "rename", "restore"])
def test_it_is_done_as_a_whole_or_not_at_all_on_a_server(name, tell, postgresql):
    check(tell(STORIES[name], postgresql), name)


def check(told, name):
    assert len(told.cuts) > 1
    assert [cut.moment for cut in told.cuts if cut.outcome != told.outcome] == []
    done = told.outcome[1] if name == "backup" else told.outcome
    assert told.before != done
    assert [cut.moment for cut in told.cuts if cut.standing not in (told.before, done)] == []
    assert any(cut.standing == told.before for cut in told.cuts)
