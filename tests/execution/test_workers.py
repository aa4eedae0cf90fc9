"""A worker's life: the warm-up at its start, its renewal when it has grown, the GPU that it sees."""

import os
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from distributed import LocalCluster

from search.execution import Done, open_pool
from search.execution.gpus import assign_gpu, list_gpus
from tests.execution.listening import gather, listen, wait_until

# Workers cannot import this file: what it defines travels by value.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

_MEBIBYTE = 2**20
_LEAKED = []


class WarmUp:
    """Leaves a file for each process, slowly, and fails in the end."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self):
        time.sleep(0.3)
        (Path(self.folder) / f"warm-{os.getpid()}").touch(exist_ok=False)
        raise ImportError("no such package")


def see_warm_up(folder, item, report):
    if item == "dies" and not (Path(folder) / "died").exists():
        (Path(folder) / "died").touch()
        os._exit(1)
    return (Path(folder) / f"warm-{os.getpid()}").exists()


def test_each_process_warms_up_once_before_its_first_item(tmp_path):
    items = ["a", "dies", "b", "c"]
    with open_pool(see_warm_up, str(tmp_path), n_workers=1, warm_up=WarmUp(tmp_path)) as pool:
        for item in items:
            pool.submit(item)
        done = gather(pool, len(items))
    assert done == {item: Done(item, True) for item in items}
    assert len(list(tmp_path.glob("warm-*"))) == 2


def leak(shared, item, report):
    n_bytes = shared["leak"]
    _LEAKED.append(b"x" * n_bytes)
    with (Path(shared["folder"]) / f"item-{item}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return bytes(shared["value"])


@pytest.mark.parametrize(("n_workers", "value_bytes"), [(1, 10), (2, 10), (1, 3_000_000), (2, 3_000_000)])
def test_worker_that_grows_is_renewed_and_every_item_runs_once(tmp_path, n_workers, value_bytes):
    shared = {"folder": str(tmp_path), "leak": 20 * _MEBIBYTE, "value": value_bytes}
    n_items = 9 * n_workers
    with open_pool(
        leak,
        shared,
        n_workers=n_workers,
        most_growth_bytes=50 * _MEBIBYTE,
        warm_up=WarmUp(tmp_path),
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
    assert len(list(tmp_path.glob("warm-*"))) >= n_processes


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
