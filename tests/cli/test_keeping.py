"""`regsearch backup`, `restore`, `rename` and `delete`."""

import io
import json
import sys

import pytest

from search.records import Configuration, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage

SPEC = {"study": {"name": "s"}, "space": {"l2": {"choices": [0.1]}}}


@pytest.fixture
def regsearch(tmp_path, command):
    """The command line in a folder with a study of one trial."""
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True) as storage:
        study = storage.create_study("s", "minimize", "mse", SPEC, "ab" * 32, StudyFacts("regression"), 3)
        storage.write(study.study_id, [Started(0, Configuration(), baseline=True), Ended(0, TrialState.COMPLETE, 0.5)])
        storage.begin_look(study.study_id, "regsearch run s", "ab" * 32, 1)
    return lambda *arguments: command.in_this_process(*arguments, cwd=tmp_path)


def names(folder):
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}") as storage:
        return storage.study_names()


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self):
        return True


def test_study_goes_to_a_file_and_comes_back(regsearch, tmp_path):
    done = regsearch("backup", "s")
    assert (done.code, done.out, done.err) == (0, "Wrote s.backup.db: study s, 1 trial.\n", "")
    done = regsearch("restore", "s.backup.db")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("expected a name that is free, received 's'. Choose another with --name.\n")
    done = regsearch("restore", "s.backup.db", "--name", "t")
    assert (done.code, done.out) == (0, "Restored t into sqlite:///regsearch.db: 1 trial.\n")
    assert names(tmp_path) == ["s", "t"]


def test_study_is_restored_into_a_database_that_is_not_there_yet(regsearch, tmp_path):
    assert json.loads(regsearch("backup", "s", "-o", "kept.db", "--format", "json").out) == {
        "study": "s",
        "name": "s",
        "place": "kept.db",
        "n_trials": 1,
    }
    done = regsearch("restore", "kept.db", "--storage", "sqlite:///new.db", "--format", "json")
    assert json.loads(done.out) == {"study": "s", "name": "s", "place": "sqlite:///new.db", "n_trials": 1}


def test_file_that_is_there_needs_force(regsearch, tmp_path):
    regsearch("backup", "s")
    done = regsearch("backup", "s")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "--output: expected a path where nothing is yet, received s.backup.db. Add --force to replace it.\n"
    )
    assert regsearch("backup", "s", "--force").code == 0
    done = regsearch("backup", "s", "-o", "nowhere/s.db")
    assert (done.code, done.err) == (
        2,
        "--output: expected a path that can be written, received nowhere/s.db: No such file or directory.\n",
    )


def test_study_gets_another_name(regsearch, tmp_path):
    done = regsearch("rename", "s", "t")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Renamed s to t. To go on with it: regsearch run STUDY --study-name t\n"
    assert names(tmp_path) == ["t"]
    assert json.loads(regsearch("rename", "t", "s", "--format", "json").out) == {"study": "t", "name": "s"}
    done = regsearch("rename", "s", "a b")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        'NEW_NAME: expected text of 1 to 100 letters, digits, ".", "_" and "-" that begins with a letter or digit, '
        "received 'a b'.\n"
    )
    assert regsearch("rename", "u", "v").code == 2


def test_nothing_is_deleted_without_a_word(regsearch, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    done = regsearch("delete", "s")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "--yes: expected a terminal to ask on, received none. Add --yes to delete without being asked.\n"
    )
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    done = regsearch("delete", "s")
    assert (done.code, done.out) == (1, "")
    assert (
        "Delete study s, 1 trial, and the record of 1 look at its sealed rows from sqlite:///regsearch.db" in done.err
    )
    assert done.err.endswith("Nothing was deleted.\n")
    assert names(tmp_path) == ["s"]


def test_study_is_deleted_by_who_says_yes(regsearch, tmp_path, monkeypatch):
    regsearch("backup", "s")
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    done = regsearch("delete", "s")
    assert (done.code, done.out) == (0, "Deleted study s, 1 trial, and the record of 1 look at its sealed rows.\n")
    assert names(tmp_path) == []
    regsearch("restore", "s.backup.db")
    done = regsearch("delete", "s", "--yes", "--format", "json")
    assert (done.code, json.loads(done.out)) == (0, {"study": "s", "deleted": True})
    assert names(tmp_path) == []
    assert regsearch("delete", "s", "--yes").code == 2


def test_study_that_somebody_runs_is_left_alone(regsearch, tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage, storage.hold("s"):
        assert regsearch("delete", "s", "--yes").code == 3
        assert regsearch("rename", "s", "t").code == 3
        assert regsearch("backup", "s").code == 0
    assert names(tmp_path) == ["s"]
