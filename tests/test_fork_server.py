"""Local workers are forked from one process that has imported what they need."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver

import psutil
import pytest
from distributed import Nanny, Status

from search.execution import open_pool
from search.fork_server import begin_fork_server_anew, fork_server
from tests.execution.listening import listen

MODULES = ("distributed", "tests.execution.imported_marker")
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux alone")


def servers():
    return [child for child in psutil.Process().children() if is_server(child)]


def the_server():
    """The only one, which may have been started just now: until it runs Python it looks like this process."""
    deadline = time.monotonic() + 10
    while not (found := servers()) and time.monotonic() < deadline:
        time.sleep(0.001)
    (server,) = found
    return server


def is_server(process):
    with contextlib.suppress(psutil.Error):  # it has ended meanwhile
        return process.status() != psutil.STATUS_ZOMBIE and "forkserver" in " ".join(process.cmdline())
    return False


def where(held, item, report):
    """What a worker finds: its parent, the process that imported the marker, its threads' settings."""
    marker = sys.modules.get("tests.execution.imported_marker")
    if item == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    imported_by = None if marker is None else marker.IMPORTED_BY
    return os.getpid(), os.getppid(), imported_by, os.environ.get("OMP_NUM_THREADS"), signal.SIGINT in blocked()


def blocked():
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def ask(pool, *items):
    """What comes back of some items."""
    for item in items:
        pool.submit(item)
    done = []
    while len(done) < len(items):
        done += pool.wait(60)
    assert [each.error for each in done] == [None] * len(items)
    return done


@linux
def test_workers_find_imported_what_one_process_imported():
    with open_pool(where, None, n_workers=2, modules=MODULES) as pool:
        server = the_server()
        told = [done.value for done in ask(pool, 1, 2, 3)]
        for pid, parent, imported_by, threads, is_blocked in told:
            assert parent == imported_by == server.pid != pid
            assert threads == "1"
            assert is_blocked, "Ctrl-C is the coordinator's"
    assert not server.is_running()
    assert servers() == []


@linux
def test_worker_that_dies_is_forked_anew():
    with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
        (first,) = ask(pool, 1)
        os.kill(first.value[0], signal.SIGKILL)
        (second,) = ask(pool, 2)
        assert second.value[0] != first.value[0]
        assert second.value[1:] == first.value[1:]


@linux
def test_server_that_dies_is_begun_anew_as_it_was_and_ends_with_the_pool(monkeypatch):
    monkeypatch.setenv("OPTUNA_STORAGE", "postgresql://me:secret@here/studies")
    with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
        (first,) = ask(pool, 1)
        before = the_server()
        before.kill()
        psutil.wait_procs([psutil.Process(first.value[0])], timeout=60)
        (second,) = ask(pool, 2)
        after = the_server()
        assert second.value[1] == second.value[2] == after.pid != before.pid
        assert second.value[3:] == first.value[3:]
        assert "OPTUNA_STORAGE" not in after.environ()
        assert after.environ()["OMP_NUM_THREADS"] == "1"
    assert not after.is_running()
    assert servers() == []


@linux
def test_server_that_dies_again_while_it_is_begun_anew_leaves_no_pool_without_workers():
    with open_pool(where, None, n_workers=2, modules=(*MODULES, "tests.execution.slow_marker")) as pool:
        ask(pool, 1)
        before = the_server()
        workers = before.children()
        before.kill()
        while not (found := [server for server in servers() if server != before]):
            time.sleep(0.001)
        time.sleep(0.5)
        (again,) = found
        again.kill()  # it still imports, and workers wait to be forked
        psutil.wait_procs(workers, timeout=60)
        pool.submit(2)
        done, deadline = [], time.monotonic() + 60
        while not done and time.monotonic() < deadline:
            done = pool.wait(1)
        (second,) = done
        after = the_server()
        assert second.value[1] == after.pid not in (before.pid, again.pid)


@linux
def test_server_that_dies_twice_while_a_session_starts_has_not_died_four_times(monkeypatch):
    """As it dies it takes a worker along, and refuses the next one."""
    instantiate, harms = Nanny.instantiate, iter(["worker taken along", "worker refused"] * 2)

    async def hurt(nanny):
        harm = next(harms, None)
        if harm == "worker taken along":
            return Status.stopped
        if harm == "worker refused":
            server = the_server()
            server.kill()
            raise ConnectionRefusedError
        return await instantiate(nanny)

    monkeypatch.setattr(Nanny, "instantiate", hurt)
    with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
        (done,) = ask(pool, 1)
        server = the_server()
        assert done.value[1] == server.pid


@linux
def test_server_that_is_begun_by_a_worker_s_start_in_the_place_of_a_dead_one_is_ours_too():
    with fork_server(MODULES):
        kill_server()
        forkserver.ensure_running()
        kill_server()
        begin_fork_server_anew()
        last = the_server()
        kill_server()
        forkserver.ensure_running()
        server = the_server()
        assert server != last
    assert not server.is_running()


def kill_server():
    server = the_server()
    server.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        while server.status() != psutil.STATUS_ZOMBIE:  # it lets go of its command line long before it counts as dead
            time.sleep(0.001)


@linux
def test_workers_do_not_outlive_the_process_that_they_were_forked_from():
    """One that did would keep its name, under which no other is let in."""
    with fork_server(MODULES):
        worker = multiprocessing.get_context("forkserver").Process(target=time.sleep, args=(60,))
        worker.start()
        forked = psutil.Process(worker.pid)
        kill_server()
        assert psutil.wait_procs([forked], timeout=10)[1] == []


@linux
def test_worker_that_dies_just_when_it_stands_ready_is_replaced(monkeypatch):
    """Nobody is told of it who would start another one: its nanny does not count as started yet."""
    instantiate, killed = Nanny.instantiate, []

    async def hurt(nanny):
        status = await instantiate(nanny)
        if not killed:
            killed.append(nanny.pid)
            nanny.kill_worker()
            while nanny.process.status == Status.running:
                await asyncio.sleep(0.01)
        return status

    monkeypatch.setattr(Nanny, "instantiate", hurt)
    with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
        pool.submit(1)
        (done,) = listen(pool, 1, 30)
        assert done.value[0] not in killed


def kill_first_worker():
    """Kill a worker as soon as there is one: it has not told yet that it stands ready."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.Error):
            for worker in (worker for server in servers() for worker in server.children()):
                worker.kill()
                return
        time.sleep(0.001)


@linux
def test_worker_that_is_killed_while_it_starts_is_replaced():
    with ThreadPoolExecutor(1) as killer:
        killed = killer.submit(kill_first_worker)
        with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
            killed.result()
            (done,) = ask(pool, 1)
            server = the_server()
            assert done.value[1] == server.pid


@linux
def test_who_begins_early_shares_the_process():
    with fork_server(MODULES) as method:
        server = the_server()
        assert method == "forkserver"
        with open_pool(where, None, n_workers=1, modules=MODULES) as pool:
            (done,) = ask(pool, 1)
            assert done.value[1] == server.pid
        assert server.is_running()
    assert not server.is_running()


@linux
def test_server_that_still_imports_is_not_waited_for():
    with fork_server(("tests.execution.endless_marker",)):
        server = the_server()
    assert not server.is_running()


def test_without_modules_workers_import_for_themselves():
    with fork_server(()) as method:
        assert method == "spawn"
        assert servers() == []
    with open_pool(where, None, n_workers=1) as pool:
        (done,) = ask(pool, 1)
        assert done.value[2] is None


@linux
def test_server_does_not_outlive_who_began_it():
    code = (
        "import os, signal, psutil\n"
        "from search.fork_server import fork_server\n"
        "with fork_server(('distributed',)):\n"
        "    children = [c.pid for c in psutil.Process().children() if 'forkserver' in ' '.join(c.cmdline())]\n"
        "    print(*children, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    (pid,) = map(int, ended.stdout.split())
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=20)
    assert not alive


@linux
def test_nothing_of_tensorflow_runs_in_the_process_that_is_forked():
    """A thread is not forked, and a lock that one holds stays locked."""
    code = (
        "import os\n"
        "os.environ |= {'OMP_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1'}\n"
        "import search.dispatch.imported, sys\n"
        "assert 'tensorflow' in sys.modules\n"
        "tasks = os.listdir('/proc/self/task')\n"
        "print(*sorted(open(f'/proc/self/task/{task}/comm').read().strip() for task in tasks))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # That of pyarrow's allocator, where pandas finds it, is made for forks.
    assert len([name for name in ended.stdout.split() if name != "jemalloc_bg_thd"]) == 1


def test_caller_s_script_is_left_out_of_processes_of_a_name_alone(tmp_path):
    (tmp_path / "script.py").write_text(
        "from multiprocessing import spawn\n"
        "from search.fork_server import main_left_out\n"
        "def told(name):\n"
        "    return 'init_main_from_path' in spawn.get_preparation_data(name)\n"
        "before = spawn.get_preparation_data\n"
        "with main_left_out('Worker'):\n"
        "    with main_left_out('Worker'):\n"
        "        pass\n"
        "    print(told('Worker 1'), told('Process-1'))\n"
        "print(told('Worker 1'), spawn.get_preparation_data is before)\n"
    )
    ended = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.stdout == "False True\nTrue True\n"
