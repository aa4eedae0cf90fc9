"""Creating, upgrading, refusing: on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from search.errors import PermanentStorageError, UnknownStudyError, UsageError
from search.records import (
    Configuration,
    FailureCause,
    Predictions,
    Purpose,
    RunResult,
    StudyFacts,
    StudyRecord,
    TrialState,
)
from search.storage import Ended, Started, Storage, open_storage, optuna_tables, schema, tables
from search.storage.cascades import renew_cascades


def _set_version(connection: sa.Connection, table: str, version: str) -> None:
    connection.execute(sa.text(f"UPDATE {table} SET version_num = '{version}'"))
    connection.commit()


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("name", sorted(set(optuna_tables.METADATA.tables) - {"alembic_version"}))
def test_optunas_tables_are_declared_as_optuna_declares_them(name: str, dialect: sa.Dialect) -> None:
    ours, theirs = optuna_tables.METADATA.tables[name], BaseModel.metadata.tables[name]
    assert str(CreateTable(ours).compile(dialect=dialect)) == str(CreateTable(theirs).compile(dialect=dialect))
    enums = [
        [column.type.enums for column in table.columns if isinstance(column.type, sa.Enum)] for table in (ours, theirs)
    ]
    assert enums[0] == enums[1]
    assert {index.name for index in ours.indexes} == {index.name for index in theirs.indexes}


def test_optunas_version_is_the_installed_ones(tmp_path: Path) -> None:
    theirs = RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert theirs.get_head_version() == optuna_tables.REVISION
    assert set(theirs.get_all_versions()) == optuna_tables.OLDER_REVISIONS | {optuna_tables.REVISION}
    theirs.remove_session()
    theirs.engine.dispose()


def test_the_newest_migration_is_the_version_that_is_checked() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [schema.REVISION]
    assert [revision.revision for revision in script.walk_revisions()] == [f"r000{n}" for n in range(6, 0, -1)]


def test_migrations_make_the_tables_that_are_declared(storage_url: str, connection: sa.Connection) -> None:
    open_storage(storage_url, create=True).close()

    def is_ours(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return kind != "table" or (name in tables.METADATA.tables)

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    assert compare_metadata(context, tables.METADATA) == []
    names = set(sa.inspect(connection).get_table_names())
    assert set(tables.METADATA.tables) | {"regsearch_version", "alembic_version", "trials"} <= names


def test_opening_again_changes_nothing(storage_url: str, create_study: Callable[..., StudyRecord]) -> None:
    with open_storage(storage_url, create=True) as storage:
        study = create_study(storage)
    for create in (True, False, True):
        with open_storage(storage_url, create=create) as storage:
            assert storage.studies() == [study]


def test_creating_in_three_processes_at_once_works(
    storage_url: str, connection: sa.Connection, run_child: Callable[..., Any]
) -> None:
    connection.close()
    code = (
        "import sys; from search.storage import open_storage; sys.stdin.readline()\n"
        "with open_storage(sys.argv[1], create=True) as s: print(s.studies())"
    )
    with ExitStack() as stack:
        children = [stack.enter_context(run_child(code, storage_url)) for _ in range(3)]
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        assert [child.communicate()[0] for child in children] == ["[]\n"] * 3


def test_a_creation_that_was_cut_short_is_completed(storage_url: str, connection: sa.Connection) -> None:
    BaseModel.metadata.create_all(connection)  # what a kill leaves: tables, and no version of them
    connection.commit()
    with pytest.raises(PermanentStorageError, match=r"expected Optuna's tables of version v3\.2\.0\.a, received none"):
        open_storage(storage_url)
    with open_storage(storage_url, create=True) as storage:
        assert storage.studies() == []


def test_an_empty_database_is_refused_unless_created(storage_url: str, connection: sa.Connection) -> None:
    connection.execute(sa.text("SELECT 1"))
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(storage_url)
    is_file = storage_url.startswith("sqlite")
    shown = storage_url if is_file else f"postgresql:///{sa.make_url(storage_url).database}"
    assert str(caught.value) == (
        f"storage {shown}: expected Optuna's tables of version v3.2.0.a, received none. "
        "`regsearch run` creates them; check the URL if they should exist."
    )
    assert sa.inspect(connection).get_table_names() == []


def test_a_database_of_plain_optuna_is_read_and_left_alone(
    storage_url: str,
    connection: sa.Connection,
    plain_optuna: RDBStorage,
    create_study: Callable[..., StudyRecord],
) -> None:
    theirs = optuna.create_study(storage=plain_optuna, study_name="theirs")
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    before = [trial.params for trial in theirs.trials]
    with open_storage(storage_url) as storage:
        assert storage.studies() == []
        assert storage.foreign_studies() == ["theirs"]
        assert storage.holder("theirs") is None
    assert not [name for name in sa.inspect(connection).get_table_names() if name.startswith("regsearch")]
    connection.rollback()
    with open_storage(storage_url, create=True) as storage:
        ours = create_study(storage)
        assert storage.studies() == [ours]
        assert storage.foreign_studies() == ["theirs"]
        with pytest.raises(UnknownStudyError) as caught:
            storage.study("theirs")
        assert str(caught.value) == (
            f"storage {storage.url_shown}: expected the name of a study, received 'theirs', "
            "which another program made with Optuna. `regsearch studies` lists them."
        )
        with pytest.raises(UsageError, match="expected a name that is free, received 'theirs'"):
            create_study(storage, "theirs")
    again = optuna.load_study(storage=plain_optuna, study_name="theirs")
    assert [trial.params for trial in again.trials] == before


def test_a_study_that_optuna_deletes_leaves_nothing_behind(
    storage_url: str,
    connection: sa.Connection,
    plain_optuna: RDBStorage,
    create_study: Callable[..., StudyRecord],
    make_result: Callable[..., Any],
) -> None:
    with open_storage(storage_url, create=True) as storage:
        kept, gone = create_study(storage, "kept"), create_study(storage, "gone")
        for study in (kept, gone):
            storage.write(study.study_id, [Started(0, Configuration())])
            predictions = Predictions([[0.25], [0.75]])
            results = [make_result(0, predictions=predictions)]
            storage.write(study.study_id, [Ended(0, TrialState.COMPLETE, 0.5, results=results)])
            storage.keep_verdict(study.study_id, {"outcome": "no gain"}, 1)
            storage.begin_look(study.study_id, "evaluate", "ab" * 32, 1)
            storage.keep_analysis(study.study_id, "ablation", "", {})
        runs, logs = tables.runs.c, tables.logs.c
        told = sa.select(runs.run_id, sa.literal(study.created), sa.literal("all that it said"))
        connection.execute(sa.insert(tables.logs).from_select([logs.run_id, logs.at, logs.log], told))
        connection.commit()
        optuna.delete_study(study_name="gone", storage=plain_optuna)
        optuna.create_study(study_name="another", storage=plain_optuna)  # SQLite gives it the same key
        assert storage.studies() == [kept]
        assert storage.foreign_studies() == ["another"]
        assert len(storage.runs(kept.study_id)) == 1
    for table in tables.METADATA.tables.values():
        if table is tables.coordinators:  # it is no study's: it is told of a name
            continue
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 1


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize(
    ("table", "version", "message"),
    [
        (
            "alembic_version",
            "v3.0.0.a",
            "expected Optuna's tables of version v3.2.0.a, received version v3.0.0.a. "
            "Back the database up, then upgrade it: optuna storage upgrade --storage URL.",
        ),
        (
            "alembic_version",
            "v9.9.9.a",
            "expected Optuna's tables of version v3.2.0.a, received version v9.9.9.a. "
            "Install a regsearch that knows this version, or name another database.",
        ),
        (
            "regsearch_version",
            "r0999",
            "expected regsearch's tables of version r0006, received version r0999. "
            "They were made by a newer regsearch; install that one, or name another database.",
        ),
    ],
)
def test_tables_of_another_version_are_refused(
    table: str, version: str, message: str, create: bool, storage_url: str, connection: sa.Connection
) -> None:
    open_storage(storage_url, create=True).close()
    _set_version(connection, table, version)
    with pytest.raises(PermanentStorageError) as caught:
        open_storage(storage_url, create=create)
    assert str(caught.value).partition(": ")[2] == message
    assert connection.scalar(sa.text(f"SELECT version_num FROM {table}")) == version


def migrate(connection: sa.Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    connection.commit()


ROWS = (
    "INSERT INTO studies (study_id, study_name) VALUES (1, 'moons')",
    "INSERT INTO study_directions (direction, study_id, objective) VALUES ('MINIMIZE', 1, 0)",
    "INSERT INTO trials (trial_id, number, study_id, state) VALUES (1, 0, 1, 'FAIL')",
    """INSERT INTO trial_user_attributes (trial_id, key, value_json)
       VALUES (1, 'error', '"its worker died each time, 3 times (fold 0, seed 0)"')""",
    """INSERT INTO regsearch_studies
       (study_id, spec, metric, data_sha256, facts, created, n_trials, stop_requested, versions)
       VALUES (1, '{}', 'mse', '00', '{"task": "binary", "folder": "studies"}', '2026-01-02 03:04:05', 9, '0', '{}')""",
    """INSERT INTO regsearch_runs (run_id, study_id, trial_number, purpose, fold, repeat, seed, error, epochs_trained,
       best_epoch, weight_norms, seconds, engine, worker)
       VALUES (1, 1, 0, 'search', 0, 0, 7, 'it failed', 0, 0, '{}', 0.5, 'fit', 'host:42')""",
)


_OLDER = ["r0001", "r0002", "r0003", "r0004", "r0005"]


def test_what_a_version_lacks_is_declared(sqlite_url: str) -> None:
    RDBStorage(sqlite_url).engine.dispose()
    engine = sa.create_engine(sqlite_url, poolclass=sa.NullPool)
    for revision in (*_OLDER, schema.REVISION):
        with engine.connect() as connection:
            migrate(connection, revision)
            inspector = sa.inspect(connection)
            there = {
                name: {each["name"] for each in inspector.get_columns(name)} for name in inspector.get_table_names()
            }
        for table in tables.METADATA.tables.values():
            since = table.info.get("since", "r0001")
            declared = {column.name for column in table.columns if column.info.get("since", since) <= revision}
            assert there.get(table.name) == (declared if since <= revision else None), (revision, table.name)


def _check_rows(storage: Storage) -> None:
    """What `ROWS` come to, whether they are read as they are or have been upgraded."""
    (study,) = storage.studies()
    assert (study.name, study.n_trials, study.notes) == ("moons", 9, ())
    assert study.facts == StudyFacts("binary", folder="studies", version=1)
    assert [trial.cause for trial in storage.trials(1)] == [FailureCause.WORKER_DIED]
    (run,) = storage.runs(1)
    assert (run.error, run.cause, run.purpose, run.zero_shares) == ("it failed", None, Purpose.SEARCH, {})
    assert run.zero_weights == {}
    assert (storage.predictions(1), storage.predictions_size(1)) == ({}, {})
    assert (storage.verdict(1), storage.looks(1), storage.analysis(1, "ablation")) == (None, [], None)
    (log,) = storage.logs(1)
    assert (log.error, log.at, log.log, log.cause) == ("it failed", None, None, None)
    (observed,) = storage.observe(1)
    assert [each.error for each in observed.runs] == ["it failed"]
    assert storage.curves(1) == {}
    assert storage.kept_losses(1, [0]) == []
    assert storage.new_runs(1).workers == storage.workers(1) == {"host:42": 1}
    assert storage.study_names() == ["moons"]
    assert not storage.stop_requested(1)


def _contents(connection: sa.Connection) -> dict[str, list[Any]]:
    """Every row of every table, and what the tables are like."""
    connection.rollback()
    inspector = sa.inspect(connection)
    found: dict[str, list[Any]] = {}
    for name in sorted(inspector.get_table_names()):
        rows = connection.execute(sa.text(f"SELECT * FROM {name}"))
        found[name] = [list(rows.keys()), *(tuple(row) for row in rows)]
    connection.rollback()
    return found


@pytest.mark.parametrize("revision", _OLDER)
def test_older_tables_of_ours_are_read_as_they_are(
    revision: str, storage_url: str, connection: sa.Connection, tmp_path: Path, plain_optuna: RDBStorage
) -> None:
    migrate(connection, revision)
    for statement in ROWS:
        connection.execute(sa.text(statement))
    connection.commit()
    before = _contents(connection)
    with open_storage(storage_url) as storage, open_storage(f"sqlite:///{tmp_path / 'copy.db'}", create=True) as copies:
        _check_rows(storage)
        state = storage.state(1)
        assert storage.copy_study("moons", copies, "moons").n_trials == 9
        _check_rows(copies)
        said = (
            f"storage {storage.url_shown}: expected regsearch's tables of version r0006, received version {revision}. "
            "They can be read as they are; `regsearch run` upgrades them."
        )
        for write in (
            lambda: storage.request_stop("moons"),
            lambda: storage.delete_study("moons"),
            lambda: storage.rename_study("moons", "suns"),
            lambda: storage.keep_analysis(1, "ablation", "", {}),
            lambda: copies.copy_study("moons", storage, "suns"),
        ):
            with pytest.raises(PermanentStorageError) as caught:
                write()
            assert str(caught.value) == said
        assert _contents(connection) == before
        assert storage.state(1) == state


@pytest.mark.parametrize("revision", _OLDER)
def test_older_tables_of_ours_are_upgraded_by_creating_under_the_eyes_of_who_reads(
    revision: str, storage_url: str, connection: sa.Connection, plain_optuna: RDBStorage
) -> None:
    migrate(connection, revision)
    for statement in ROWS:
        connection.execute(sa.text(statement))
    connection.commit()
    with open_storage(storage_url) as reader, open_storage(storage_url, create=True) as storage:
        _check_rows(reader)
        _check_rows(storage)
        storage.keep_verdict(1, {"answer": "no gain"}, 1)
        assert reader.verdict(1) == storage.verdict(1) is not None
        reader.request_stop("moons")
        assert storage.stop_requested(1)
        optuna.delete_study(study_name="moons", storage=plain_optuna)
        assert storage.studies() == reader.studies() == []
    for table in tables.runs, tables.studies:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_an_upgrade_replaces_the_trigger_of_before(sqlite_url: str) -> None:
    RDBStorage(sqlite_url).engine.dispose()
    engine = sa.create_engine(sqlite_url, poolclass=sa.NullPool)
    triggers = sa.text("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name")
    with engine.connect() as connection:
        migrate(connection, "r0002")
        assert connection.scalars(triggers).all() == ["regsearch_study_deleted"]
    open_storage(sqlite_url, create=True).close()
    with engine.connect() as connection:
        assert connection.scalars(triggers).all() == [
            "regsearch_analyses_cascade_0",
            "regsearch_curves_cascade_0",
            "regsearch_logs_cascade_0",
            "regsearch_looks_cascade_0",
            "regsearch_predictions_cascade_0",
            "regsearch_runs_cascade_0",
            "regsearch_studies_cascade_0",
            "regsearch_verdicts_cascade_0",
        ]


def test_a_table_that_a_migration_adds_is_emptied_with_its_study(
    storage_url: str,
    connection: sa.Connection,
    plain_optuna: RDBStorage,
    create_study: Callable[..., StudyRecord],
    make_result: Callable[..., RunResult],
) -> None:
    with open_storage(storage_url, create=True) as storage:
        for name in ("kept", "gone"):
            study_id = create_study(storage, name).study_id
            results = [make_result(0, fold) for fold in range(2)]
            storage.write(study_id, [Started(0, Configuration())])
            storage.write(study_id, [Ended(0, TrialState.COMPLETE, 0.5, results=results)])
        connection.execute(
            sa.text(
                'CREATE TABLE "regsearch_new one" (new_id INTEGER PRIMARY KEY, "a run" INTEGER NOT NULL'
                " REFERENCES regsearch_runs (run_id) ON DELETE CASCADE)"
            )
        )
        connection.execute(
            sa.text(
                "CREATE TABLE regsearch_newer (newer_id INTEGER PRIMARY KEY, new_id INTEGER NOT NULL"
                ' REFERENCES "regsearch_new one" ON DELETE CASCADE)'
            )
        )
        connection.execute(sa.text('INSERT INTO "regsearch_new one" SELECT run_id, run_id FROM regsearch_runs'))
        connection.execute(sa.text("INSERT INTO regsearch_newer SELECT run_id, run_id FROM regsearch_runs"))
        renew_cascades(connection)
        connection.commit()
        optuna.delete_study(study_name="gone", storage=plain_optuna)
        (kept,) = storage.studies()
        runs = connection.scalars(sa.select(tables.runs.c.run_id).where(tables.runs.c.study_id == kept.study_id)).all()
    assert len(runs) == 2
    for column in ('"a run" FROM "regsearch_new one"', "new_id FROM regsearch_newer", "run_id FROM regsearch_curves"):
        assert connection.scalars(sa.text(f"SELECT {column}")).all() == runs
