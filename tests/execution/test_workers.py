"""A worker's life: its start, its renewal when it has grown, the GPU that it sees."""

import gc
import os
import sys
import time
from pathlib import Path

import cloudpickle
import dask
import pytest
from distributed import LocalCluster

from search.execution import Done, ItemFailure, open_pool
from search.execution.gpus import assign_gpu, list_gpus
from search.execution.local import start_local_cluster
from tests.execution.listening import Held, gather, listen, wait_until

# Workers cannot import this file: what it defines travels by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

_MEBIBYTE = 2**20
_LEAKED = []


def start(shared):
    """Leaves a file for each process, slowly."""
    time.sleep(0.3)
    (Path(shared["folder"]) / f"started-{os.getpid()}").touch(exist_ok=False)
    return shared | {"process": os.getpid()}


def see_start(held, item, report):
    folder = Path(held["folder"])
    if item == "dies" and not (folder / "died").exists():
        (folder / "died").touch()
        os._exit(1)
    return held["process"] == os.getpid()


def test_each_process_starts_once_before_its_first_item_and_holds_what_it_made(tmp_path):
    items = ["a", "dies", "b", "c"]
    with open_pool(see_start, {"folder": str(tmp_path)}, n_workers=1, start=start) as pool:
        for item in items:
            pool.submit(item)
        done = gather(pool, len(items))
    assert done == {item: Done(item, True) for item in items}
    assert len(list(tmp_path.glob("started-*"))) == 2


def see_threads(held, item, report):
    return os.environ["OMP_NUM_THREADS"], os.environ["KERAS_BACKEND"]


@pytest.mark.parametrize("modules", [(), ("json",)], ids=["spawned", "forked"])
def test_workers_have_an_environment_of_their_own_and_the_caller_keeps_his(monkeypatch, modules):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for name in ("KERAS_BACKEND", "PYTHONHASHSEED"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with open_pool(see_threads, None, n_workers=2, modules=modules) as pool:
        pool.submit("a")
        assert gather(pool, 1) == {"a": Done("a", ("1", "tensorflow"))}
        if modules:
            assert dict(os.environ) == before
    assert dict(os.environ) == before


def start_at_the_third_try(folder):
    tries = Path(folder) / "tries"
    with tries.open("a") as file:
        file.write(".")
    if len(tries.read_text()) < 3:
        raise ImportError("no such package\nmore words")
    return "started"


def test_item_of_a_worker_that_cannot_start_says_so_and_the_next_one_tries_again(tmp_path):
    with open_pool(lambda held, item, report: held, str(tmp_path), n_workers=1, start=start_at_the_third_try) as pool:
        for item in ("a", "b"):
            pool.submit(item)
        done = gather(pool, 2)
    failed, (other,) = done["a"], [done["b"]]
    if failed.error is None:
        failed, other = other, failed
    assert failed == Done(failed.item, error="ImportError: no such package", failure=ItemFailure.NOT_STARTED)
    assert other == Done(other.item, "started")


def test_worker_in_this_process_lets_go_of_what_it_held():
    with open_pool(lambda held, item, report: type(held).__name__, None, n_workers=0, start=Held) as pool:
        pool.submit("item")
        assert gather(pool, 1)["item"].value == "Held"
    gc.collect()
    assert (Held.n_made, len(Held.alive)) == (1, 0)


def leak(shared, item, report):
    n_bytes = shared["leak"]
    _LEAKED.append(b"x" * n_bytes)
    with (Path(shared["folder"]) / f"item-{item}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return bytes(shared["value"])


@pytest.mark.parametrize(("n_workers", "value_bytes"), [(2, 10), (1, 3_000_000)])
def test_worker_that_grows_is_renewed_and_every_item_runs_once(tmp_path, n_workers, value_bytes):
    shared = {"folder": str(tmp_path), "leak": 20 * _MEBIBYTE, "value": value_bytes}
    n_items = 9 * n_workers
    with open_pool(
        leak,
        shared,
        n_workers=n_workers,
        most_growth_bytes=50 * _MEBIBYTE,
        start=start,
        modules=("distributed",),
    ) as pool:
        for item in range(n_items):
            pool.submit(item)
        done = gather(pool, n_items)
        wait_until(lambda: pool.n_workers == n_workers)
    assert done == {item: Done(item, bytes(value_bytes)) for item in range(n_items)}
    ran = [path.read_text().split() for path in tmp_path.glob("item-*")]
    assert [len(one) for one in ran] == [1] * n_items
    n_processes = len({process for one in ran for process in one})
    assert n_processes > n_workers
    assert len(list(tmp_path.glob("started-*"))) >= n_processes


def test_worker_that_nobody_would_start_again_is_left_alone(tmp_path):
    shared = {"folder": str(tmp_path), "leak": 20 * _MEBIBYTE, "value": 1}
    with (
        LocalCluster(n_workers=1, processes=False, protocol="inproc://", dashboard_address=":0") as cluster,
        open_pool(leak, shared, n_workers=1, scheduler=cluster.scheduler_address, most_growth_bytes=1) as pool,
    ):
        for item in range(5):
            pool.submit(item)
        assert len(listen(pool, 5)) == 5


def gpu(shared, item, report):
    time.sleep(0.05)  # so that no worker takes them all
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def test_what_dask_left_of_a_killed_coordinator_goes_with_the_next_start(tmp_path):
    (tmp_path / "regsearch-workers-abc" / "dask-scratch-space").mkdir(parents=True)
    with dask.config.set({"temporary-directory": str(tmp_path)}), start_local_cluster(0):
        (folder,) = tmp_path.iterdir()
        assert folder.name != "regsearch-workers-abc"
        assert (folder / "dask-scratch-space").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_local_workers_see_one_gpu_each(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,GPU-5ebe9f43")
    with open_pool(gpu, None, n_workers=2) as pool:
        for item in range(20):
            pool.submit(item)
        assert {one.value for one in gather(pool, 20).values()} == {"0", "GPU-5ebe9f43"}


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (None, ["0", "1", "2"]),
        ("0,1", ["0", "1"]),
        (" 3 , GPU-5ebe9f43", ["3", "GPU-5ebe9f43"]),
        ("1,-1,2", ["1"]),
        ("-1", []),
        ("", []),
    ],
)
def test_gpus_are_those_that_the_environment_allows(monkeypatch, tmp_path, allowed, expected):
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    if allowed is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert list_gpus(devices=tmp_path) == expected


@pytest.mark.parametrize(("allowed", "expected"), [("4,7", ["4", "7", "4", "7", "4"]), ("-1", [None] * 5)])
def test_gpus_go_round(monkeypatch, allowed, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allowed)
    assert [assign_gpu(index).get("CUDA_VISIBLE_DEVICES") for index in range(5)] == expected
