"""Workers die, raise and come late: the pool says what came of every item."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import cloudpickle
import pytest
from distributed import Client, LocalCluster

from search.errors import UsageError
from search.execution import Done, ItemFailure, connecting, local, open_pool
from search.fork_server import DATABASE_SECRETS
from tests.execution.listening import gather

# Workers cannot import this file: what it defines travels by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def work(shared, item, report):
    kind, number = item
    marker = Path(shared["folder"]) / str(number)
    if kind == "dies once" and not marker.exists():
        marker.touch()
        os._exit(1)
    if kind == "always dies":
        time.sleep(0.1)  # so that it is known to have begun
        os._exit(1)
    if kind == "raises":
        raise ValueError("bad item\nmore words")
    if kind == "cannot travel":
        return threading.Lock()
    if kind == "large":
        return bytes(3_000_000)
    return number * shared["factor"]


def test_thread_that_stood_still_with_its_process_is_not_given_up():
    with local.start_local_cluster(0) as cluster:
        assert cluster.scheduler.worker_ttl is None
    with local.start_local_cluster(1) as cluster:
        assert cluster.scheduler.worker_ttl == 60


def test_worker_that_dies_while_it_is_given_its_function_costs_a_second_try(tmp_path, monkeypatch):
    register, tried = Client.register_plugin, []

    def fail_once(client, plugin, name):
        tried.append(name)
        if len(tried) == 1:
            raise OSError("Timed out trying to connect to a worker")
        return register(client, plugin, name=name)

    monkeypatch.setattr(Client, "register_plugin", fail_once)
    with open_pool(work, {"factor": 3, "folder": str(tmp_path)}, n_workers=0) as pool:
        pool.submit(("fine", 2))
        assert list(gather(pool, 1).values()) == [Done(("fine", 2), 6)]
    assert len(tried) == 2
    assert tried[0] == tried[1]


def test_parts_of_dask_log_nothing_while_a_pool_is_open(tmp_path):
    with open_pool(work, {"factor": 3, "folder": str(tmp_path)}, n_workers=0):
        for part in ("scheduler", "worker", "nanny"):
            assert not logging.getLogger(f"distributed.{part}").isEnabledFor(logging.CRITICAL)


def test_every_item_comes_back_whatever_happens_to_workers(tmp_path):
    items = [("fine", n) for n in range(6)]
    items += [
        ("dies once", 10),
        ("always dies", 11),
        ("raises", 12),
        ("dies once", 13),
        ("cannot travel", 14),
        ("large", 15),
    ]
    with open_pool(work, {"factor": 3, "folder": str(tmp_path)}, n_workers=2, modules=("distributed",)) as pool:
        assert pool.n_workers == 2
        for item in items:
            pool.submit(item)
        done = gather(pool, len(items))
    large = ("large", 15)
    assert done.pop(large) == Done(large, bytes(3_000_000))
    assert {item: one.value for item, one in done.items() if one.error is None} == {
        item: item[1] * 3 for item in items if item[0] in ("fine", "dies once")
    }
    assert done["always dies", 11].error == "its worker died each time it was tried (out of memory, or killed)"
    assert done["always dies", 11].failure is ItemFailure.WORKER_DIED
    deaths = done["always dies", 11].deaths
    assert len({each.worker for each in deaths}) == len(deaths) >= 1  # one may die before it tells
    assert {each.worker.partition(":")[0] for each in deaths} == {socket.gethostname()}
    assert all(each.seconds < 60 for each in deaths)
    assert done["raises", 12].error == "ValueError: bad item"
    assert done["cannot travel", 14].error == "TypeError: cannot pickle '_thread.lock' object"


def environment(shared, item, report):
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return [os.environ[name] for name in names]


def test_workers_use_one_thread_each_and_talk_over_tls():
    with open_pool(environment, None, n_workers=1) as pool:
        address = pool._client.scheduler.address
        pool.submit("threads")
        done = gather(pool, 1)
    assert address.startswith("tls://")
    assert done["threads"].value == ["1", "1", "1"]


def secrets(shared, item, report):
    own = [name for name in DATABASE_SECRETS if os.environ.get(name)]
    begun_with = Path(f"/proc/{os.getpid()}/environ")
    return own, begun_with.exists() and b"my-secret" in begun_with.read_bytes()


def test_workers_are_not_told_what_leads_to_the_database(monkeypatch):
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql://ann:my-secret@host/db")
    monkeypatch.setenv("PGPASSWORD", "my-secret")
    with open_pool(secrets, None, n_workers=1, modules=("search.dispatch.imported",)) as pool:
        pool.submit("secrets")
        assert gather(pool, 1)["secrets"].value == ([], False)
    assert os.environ["PGPASSWORD"] == "my-secret"


def test_two_pools_side_by_side_do_not_meet():
    with open_pool(environment, None, n_workers=1), open_pool(environment, None, n_workers=1) as other:
        other.submit("threads")
        assert gather(other, 1)["threads"].value == ["1", "1", "1"]


def test_nothing_is_served_in_clear_text():
    with open_pool(environment, None, n_workers=1) as pool:
        (server,) = pool._client.cluster.scheduler.http_server._sockets.values()
        host, port = server.getsockname()
        assert host == "127.0.0.1"
        for path in ("/", "/health", "/info/main/workers.html", "/api/v1", "/json/counts.json"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5)


def test_worker_that_joins_late_has_the_shared_value():
    with LocalCluster(n_workers=0, processes=False, protocol="inproc://", dashboard_address=":0") as cluster:
        told = []

        def note(words):
            told.append(words)
            cluster.scale(1)

        address = cluster.scheduler_address
        with open_pool(
            lambda shared, item, report: shared + item, 40, n_workers=1, scheduler=address, note=note
        ) as pool:
            pool.submit(2)
            assert gather(pool, 1)[2].value == 42
    assert told[0] == "Waiting for a worker: the scheduler has none."


@pytest.fixture
def impatient(monkeypatch):
    """A pool that waits for a scheduler's answer for a second."""
    monkeypatch.setattr(connecting, "_CONNECT_SECONDS", 1)


def test_scheduler_that_does_not_answer_is_bad_usage(impatient):
    with (
        pytest.raises(UsageError) as caught,
        open_pool(work, None, n_workers=1, scheduler="tcp://127.0.0.1:9"),
    ):
        pass
    assert str(caught.value) == (
        "--scheduler: expected the address of a Dask scheduler, received tcp://127.0.0.1:9, where none answers "
        "within 1 s. Start one with `dask scheduler`, and give its address as tcp://HOST:8786, or as tls://HOST:8786 "
        "where it has a certificate."
    )


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "http://127.0.0.1:80", "tcp://host with spaces:1"])
def test_address_that_is_none_is_bad_usage(impatient, address):
    with (
        pytest.raises(UsageError, match=r"^--scheduler: expected the address of a Dask scheduler"),
        open_pool(work, None, n_workers=1, scheduler=address),
    ):
        pass


def test_pool_imports_neither_keras_nor_optuna():
    code = (
        "import sys, search.execution.pool, search.execution.local\n"
        "print(sorted({'keras', 'tensorflow', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
