"""A study copied to another database, renamed and deleted, with its rows of all tables and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.storages import RDBStorage

from search.errors import StudyLockedError, UnknownStudyError, UsageError
from search.records import (
    Configuration,
    Parameter,
    Predictions,
    Purpose,
    Run,
    RunResult,
    StudyRecord,
    TrialState,
)
from search.storage import Ended, Started, Storage, file_url, open_storage, optuna_tables, tables, transfer

_WITHOUT_STUDIES = {"alembic_version", "regsearch_coordinators"}
_TABLES = [
    table
    for metadata in (optuna_tables.METADATA, tables.METADATA)
    for table in metadata.tables.values()
    if table.name not in _WITHOUT_STUDIES
]


@pytest.fixture
def fill(make_result: Callable[..., RunResult], parameters: tuple[Parameter, ...]) -> Callable[..., None]:
    """Write something into every table."""

    def fill(storage: Storage, url: str, study: StudyRecord) -> None:
        key = study.study_id
        results = [make_result(0, fold, predictions=Predictions([[0.25], [0.75]])) for fold in range(2)]
        first = Ended(0, TrialState.COMPLETE, 0.25, results=results, intermediate={1: 0.5}, user_attrs={"a": 1})
        storage.write(key, [Started(0, Configuration({"l2": 0.125}), parameters), first])
        failed = [make_result(1, score=None, error="no", log="no, in full")]
        last = Ended(1, TrialState.FAIL, error="no", results=failed)
        storage.write(key, [Started(1, Configuration()), last, Started(2, Configuration())])
        again = Run(0, 0, 0, 7, Configuration(), purpose=Purpose.CONFIRMATION)
        storage.write_runs(key, [make_result(0, run=again)])
        storage.remember(key, "engines", {"mlp": "fit"})
        storage.show_note(key, "# Note")
        storage.keep_verdict(key, {"answer": "no gain"}, 2)
        storage.keep_analysis(key, "ablation", "", {"parts": []})
        storage.end_look(storage.begin_look(key, "regsearch run", "ab" * 32, 2), {"score": 0.5})
        theirs = RDBStorage(url)  # as other programs of Optuna do
        trial = theirs.get_all_trials(key)[1]._trial_id
        theirs.set_study_system_attr(key, f"dashboard:{trial}:note_str:0", "of trial 1")
        theirs.set_study_system_attr(key, f"dashboard:artifacts:{trial}:x", "of trial 1, too")
        running = theirs.get_all_trials(key)[2]._trial_id
        theirs.set_trial_system_attr(running, "grid", 3)
        theirs.record_heartbeat(running)
        theirs.remove_session()
        theirs.engine.dispose()

    return fill


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """Another database."""
    url = file_url(tmp_path / "other ?#%.db")
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        url = server.url(server.new_database())
    with open_storage(url, create=True) as opened:
        yield opened


def _rows(storage: Storage) -> dict[str, list[dict[str, Any]]]:
    with storage._engine.connect() as connection:
        return {table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()] for table in _TABLES}


def _without_keys(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Rows without what a database gives out, in the order in which they were written."""
    return {
        name: [{key: value for key, value in row.items() if not key.endswith("_id")} for row in each]
        for name, each in rows.items()
    }


def test_every_table_of_a_study_is_known() -> None:
    """A table that is added needs a foreign key, or a word here."""
    assert {table.name for table in transfer._tables_of_studies()} == {table.name for table in _TABLES}


def test_copy_has_every_row_and_nothing_of_another_study(
    storage: Storage, storage_url: str, other: Storage, create_study: Callable[..., StudyRecord], fill: Any
) -> None:
    moons = create_study(storage)
    fill(storage, storage_url, moons)
    expected = _rows(storage)
    assert all(expected.values())
    fill(storage, storage_url, create_study(storage, "beside"))
    in_the_way = create_study(other, "in the way")
    other.write(in_the_way.study_id, [Started(0, Configuration())])
    copied = storage.copy_study("moons", other, "moons")
    other.delete_study("in the way")
    assert copied.study_id != moons.study_id
    assert other.studies() == [copied]
    found = _rows(other)
    for rows in (expected, found):
        trials = {row["trial_id"]: row["number"] for row in rows["trials"]}
        for row in rows["study_system_attributes"]:
            for key, number in trials.items():
                row["key"] = row["key"].replace(f":{key}:", f":trial {number}:")
    assert {row["key"] for row in found["study_system_attributes"]} >= {
        "dashboard:trial 1:note_str:0",
        "dashboard:artifacts:trial 1:x",
    }
    assert _without_keys(found) == _without_keys(expected)
    for name in ("trials", "runs", "logs", "verdict", "curves", "intermediate_values"):
        there, here = getattr(other, name)(copied.study_id), getattr(storage, name)(moons.study_id)
        assert (name, there) == (name, here)


def test_copy_under_another_name_is_a_study_of_that_name(storage: Storage, other: Storage, study: StudyRecord) -> None:
    copied = storage.copy_study("moons", other, "suns")
    assert (copied.name, copied.spec["study"]["name"]) == ("suns", "suns")
    assert copied.spec["space"] == study.spec["space"]
    assert (copied.created, copied.notes, copied.versions) == (study.created, study.notes, study.versions)


def test_name_that_is_taken_is_refused(storage: Storage, other: Storage, study: StudyRecord) -> None:
    storage.copy_study("moons", other, "moons")
    with pytest.raises(UsageError, match="expected a name that is free, received 'moons'"):
        storage.copy_study("moons", other, "moons")
    with pytest.raises(UnknownStudyError, match="expected the name of a study, received 'suns'"):
        storage.copy_study("suns", other, "suns")
    assert len(other.studies()) == 1


def test_copy_is_of_one_moment(
    storage: Storage, storage_url: str, other: Storage, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, asked = transfer.copy_study, list[str]()

    def while_another_writes(*given: Any) -> None:
        with open_storage(storage_url) as coordinator:
            coordinator.write(study.study_id, [Started(0, Configuration())])
        asked.append("written")
        copy(*given)

    monkeypatch.setattr(transfer, "copy_study", while_another_writes)
    copied = storage.copy_study("moons", other, "moons")
    assert asked == ["written"]
    assert other.trials(copied.study_id) == []
    assert len(storage.trials(study.study_id)) == 1


def test_deleted_study_leaves_nothing_and_its_neighbour_stays(
    storage: Storage, storage_url: str, create_study: Callable[..., StudyRecord], fill: Any
) -> None:
    fill(storage, storage_url, create_study(storage, "kept"))
    expected = _rows(storage)
    fill(storage, storage_url, create_study(storage, "gone"))
    storage.delete_study("gone")
    assert _rows(storage) == expected
    with pytest.raises(UnknownStudyError):
        storage.delete_study("gone")


def test_renamed_study_is_the_same_under_another_name(storage: Storage, study: StudyRecord) -> None:
    storage.rename_study("moons", "suns")
    (renamed,) = storage.studies()
    assert (renamed.study_id, renamed.name, renamed.spec["study"]["name"]) == (study.study_id, "suns", "suns")
    assert renamed.spec["space"] == study.spec["space"]
    with pytest.raises(UnknownStudyError):
        storage.rename_study("moons", "stars")


def test_name_of_another_study_is_refused(storage: Storage, create_study: Callable[..., StudyRecord]) -> None:
    for name in ("moons", "suns"):
        create_study(storage, name)
    with pytest.raises(UsageError, match="expected a name that is free, received 'suns'"):
        storage.rename_study("moons", "suns")
    assert storage.study_names() == ["moons", "suns"]


def test_study_that_somebody_runs_is_neither_deleted_nor_renamed(
    storage: Storage, storage_url: str, study: StudyRecord
) -> None:
    with open_storage(storage_url) as coordinator, coordinator.hold("moons"):
        with pytest.raises(StudyLockedError, match="expected study 'moons' to be free"):
            storage.delete_study("moons")
        with pytest.raises(StudyLockedError, match="expected study 'moons' to be free"):
            storage.rename_study("moons", "suns")
    with (
        open_storage(storage_url) as coordinator,
        coordinator.hold("suns"),  # it is about to begin one
        pytest.raises(StudyLockedError, match="expected study 'suns' to be free"),
    ):
        storage.rename_study("moons", "suns")
    assert storage.study_names() == ["moons"]
