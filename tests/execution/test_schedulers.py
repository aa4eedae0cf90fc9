"""Workers of a scheduler that other people run: which of them serve, how they come and go, and what is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from search.errors import UsageError
from search.execution import _worker, connecting, open_pool
from search.execution.versions import difference_in_words, own_versions
from tests.execution.listening import gather, wait_until

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("keras", "tensorflow")


class Machines:
    """A scheduler and its workers, each a process as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.address = ""

    def start(self, *words, path=(), environment=None):
        made = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*path, CHECKOUT))), **(environment or {})}
        with (self.folder / f"{len(self.processes)}.log").open("w") as log:
            process = subprocess.Popen(
                [str(Path(sys.executable).parent / "dask"), *words],
                env=made,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_scheduler(self):
        file = self.folder / "scheduler.json"
        self.start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0",
            "--scheduler-file", str(file),
        )  # fmt: skip
        wait_until(file.exists)
        with Client(scheduler_file=str(file)) as client:
            self.address = client.scheduler.address

    def start_worker(self, path=(), n_threads=1, address=None, environment=None):
        return self.start(
            "worker", address or self.address, "--nthreads", str(n_threads), "--no-nanny", "--no-dashboard",
            "--dashboard-address", "127.0.0.1:0", "--local-directory", str(self.folder), path=path,
            environment=environment,
        )  # fmt: skip

    def end(self):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    made = Machines(tmp_path_factory.mktemp("scheduler"))
    made.start_scheduler()
    yield made.address
    made.end()


@pytest.fixture
def machines(scheduler, tmp_path):
    made = Machines(tmp_path)
    made.address = scheduler
    yield made
    made.end()
    wait_for_workers(scheduler, 0)


@pytest.fixture
def other_keras(tmp_path):
    """A folder in front of a worker's path, where another version of Keras seems to be installed."""
    metadata = tmp_path / "packages" / "keras-9.9.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: keras\nVersion: 9.9\n")
    return tmp_path / "packages"


def wait_for_workers(address, count):
    with Client(address) as client:
        wait_until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == count)


def sleep(held, seconds, report):
    time.sleep(seconds)
    return os.getpid()


def test_search_is_refused_where_workers_run_with_other_versions(machines, other_keras):
    machines.start_worker()
    machines.start_worker(path=[other_keras])
    wait_for_workers(machines.address, 2)
    with (
        pytest.raises(UsageError) as caught,
        open_pool(sleep, None, n_workers=1, scheduler=machines.address, packages=PACKAGES),
    ):
        pass
    here = own_versions(PACKAGES)["keras"]
    before, _, after = str(caught.value).partition("tcp://")
    assert before == (
        "--scheduler: expected workers with the versions that are installed here, since scores of others would differ "
        "or could not be read; received 1 of 2 with others ("
    )
    assert after.partition(": ")[2] == (
        f"keras 9.9 (here {here})). Install the same there, or search from where the workers are."
    )


def test_worker_with_other_versions_that_comes_later_leaves_and_its_items_are_done_by_others(machines, other_keras):
    machines.start_worker()
    wait_for_workers(machines.address, 1)
    notes = []
    with open_pool(sleep, None, n_workers=1, scheduler=machines.address, packages=PACKAGES, note=notes.append) as pool:
        for place in range(40):
            pool.submit(0.1 + place / 10_000)
        other = machines.start_worker(path=[other_keras])
        received = gather(pool, 40)
        assert other.wait(30) == 0
        pool.wait(0)
    assert {done.failure for done in received.values()} == {None}
    assert other.pid not in {done.value for done in received.values()}
    here = own_versions(PACKAGES)["keras"]
    assert [note.partition(" is not used, ")[2] for note in notes] == [
        f"it runs with other versions: keras 9.9 (here {here})."
    ]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"Python": "3.11", "keras": "3.15.1", "tensorflow": "2.22.0"}, None),
        ({"Python": "3.11", "keras": "3.15.1", "tensorflow": "2.22.0", "regsearch": "1.0"}, None),
        ({"Python": "3.12", "keras": "3.15.1", "tensorflow": "2.22.0"}, "Python 3.12 (here 3.11)"),
        (
            {"Python": "3.11", "keras": "3.9.0", "tensorflow": None},
            "keras 3.9.0 (here 3.15.1), no tensorflow (here 2.22.0)",
        ),
    ],
)
def test_difference_names_what_differs(found, words):
    wanted = {"Python": "3.11", "keras": "3.15.1", "tensorflow": "2.22.0", "regsearch": None}
    assert difference_in_words(wanted, found) == words


def test_workers_come_and_go_and_no_item_is_lost(machines):
    notes = []
    with open_pool(sleep, None, n_workers=1, scheduler=machines.address, note=notes.append) as pool:
        for place in range(60):
            pool.submit(0.05 + place / 10_000)
        first = machines.start_worker()
        received = gather_some(pool, 10)
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        pool.count_workers()
        machines.start_worker()
        second = machines.start_worker()
        received |= gather_some(pool, 10)
        second.kill()
        received |= gather(pool, 60 - len(received))
    assert len(received) == 60
    assert {done.failure for done in received.values()} == {None}
    assert "Waiting for a worker: the scheduler has none." in notes
    assert any(note.endswith("there.") for note in notes)


def gather_some(pool, count):
    """At least so many results, or some more."""
    received = {}
    wait_until(lambda: received.update({one.item: one for one in pool.wait(0.2)}) or len(received) >= count)
    return received


def test_worker_of_many_threads_works_on_one_item_at_a_time(machines):
    machines.start_worker(n_threads=3)
    wait_for_workers(machines.address, 1)
    notes = []
    with open_pool(
        alone, None, n_workers=1, scheduler=machines.address, is_one_at_a_time=True, note=notes.append
    ) as pool:
        for item in range(6):
            pool.submit(item)
        assert {done.value for done in gather(pool, 6).values()} == {1}
    (note,) = notes
    assert note.endswith(
        "has 3 threads and trains one run at a time: `dask worker --nworkers 3 --nthreads 1` uses as many cores."
    )


_INSIDE = threading.Semaphore(100)


def alone(held, item, report):
    """How many are here at once, in this process."""
    with _INSIDE:
        time.sleep(0.1)
        return 100 - _INSIDE._value


def test_what_a_killed_coordinator_gave_to_workers_is_taken_from_them(machines):
    machines.start_worker(path=[write_impatience(machines.folder)])
    wait_for_workers(machines.address, 1)
    code = (
        "import os, signal\nfrom search.execution import open_pool\nfrom tests.execution.test_schedulers import sleep\n"
        f"with open_pool(sleep, b'x' * 1000, n_workers=1, scheduler={machines.address!r}) as pool:\n"
        "    pool.submit(0.01)\n    pool.wait(30)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL
    with Client(machines.address) as client:
        wait_until(lambda: not client.run_on_scheduler(names_of_plugins))
        wait_until(lambda: not any(client.run(names_held).values()))


def write_impatience(folder):
    """A folder whose `sitecustomize` has workers look every fifth of a second who is still there."""
    (folder / "impatient").mkdir()
    (folder / "impatient" / "sitecustomize.py").write_text(
        "import search.execution._worker as worker\nworker._CLIENT_LOOK_SECONDS = 0.2\n"
    )
    return folder / "impatient"


def names_of_plugins(dask_scheduler):
    return [name for name in dask_scheduler.worker_plugins if name.startswith("regsearch-")]


def names_held(dask_worker):
    return [name for name in dask_worker.plugins if name.startswith("regsearch-")]


def test_pool_that_lives_keeps_what_workers_hold(monkeypatch):
    monkeypatch.setattr(_worker, "_CLIENT_LOOK_SECONDS", 0.05)
    with (
        LocalCluster(n_workers=1, processes=False, protocol="inproc://", dashboard_address=":0") as cluster,
        open_pool(lambda held, item, report: held + item, 40, n_workers=1, scheduler=cluster) as pool,
    ):
        time.sleep(0.5)
        pool.submit(2)
        assert gather(pool, 1)[2].value == 42
        assert names_of_plugins(cluster.scheduler)
    assert not names_of_plugins(cluster.scheduler)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A scheduler that takes only holders of its certificate, and the certificate."""
    folder = tmp_path_factory.mktemp("guarded")
    made = Machines(folder)
    for name in ("own", "other"):
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x -keyout {0}.pem -out {0}.pem"
        subprocess.run(command.format(name).split(), cwd=folder, check=True, capture_output=True)
    own = folder / "own.pem"
    made.start(
        "scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--dashboard-address",
        "127.0.0.1:0", "--tls-ca-file", str(own), "--tls-cert", str(own), "--tls-key", str(own), "--scheduler-file",
        str(folder / "scheduler.json"),
    )  # fmt: skip
    wait_until((folder / "scheduler.json").exists)
    yield made
    made.end()


def configured(monkeypatch, certificate):
    import dask

    keys = ("ca-file", "client.cert", "client.key", "worker.cert", "worker.key")
    return dask.config.set({f"distributed.comm.tls.{key}": certificate for key in keys})


def address_of(machines):
    import json

    return json.loads((machines.folder / "scheduler.json").read_text())["address"]


def test_guarded_scheduler_serves_who_has_its_certificate(guarded, monkeypatch):
    own = str(guarded.folder / "own.pem")
    variables = ("CA_FILE", "WORKER__CERT", "WORKER__KEY")
    address = address_of(guarded)
    assert address.startswith("tls://")
    guarded.start_worker(
        address=address, environment={f"DASK_DISTRIBUTED__COMM__TLS__{name}": own for name in variables}
    )
    with (
        configured(monkeypatch, own),
        open_pool(sleep, None, n_workers=1, scheduler=address, packages=PACKAGES) as pool,
    ):
        pool.submit(0.01)
        assert gather(pool, 1)[0.01].failure is None


@pytest.mark.parametrize(
    ("certificate", "received"),
    [
        (None, "none"),
        ("other.pem", "one that the scheduler and this machine do not both know"),
        ("missing.pem", "a file that is not there"),
    ],
)
def test_guarded_scheduler_refuses_in_words_who_has_not(guarded, monkeypatch, certificate, received):
    monkeypatch.setattr(connecting, "_CONNECT_SECONDS", 3)
    named = None if certificate is None else str(guarded.folder / certificate)
    with (
        configured(monkeypatch, named),
        pytest.raises(UsageError) as caught,
        open_pool(sleep, None, n_workers=1, scheduler=address_of(guarded)),
    ):
        pass
    assert str(caught.value) == (
        f"--scheduler: expected the certificate of {address_of(guarded)}, received {received}. Name it as Dask does: "
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..._TLS__CLIENT__CERT and ..._TLS__CLIENT__KEY."
    )
