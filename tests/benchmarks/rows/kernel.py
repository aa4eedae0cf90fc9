"""Small nets, of whose loops XLA makes one kernel, and neighbours beyond the border, against XLA's own default."""

import multiprocessing
import os
import time
from collections.abc import Collection
from concurrent.futures import ProcessPoolExecutor
from unittest import mock

import numpy as np

from search.data import Arrays
from search.spec import TrainingSection
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line
from tests.benchmarks.jobs import by_regsearch, make_job, mlp, split

LIMITED_BY = (
    "below the border the arithmetic itself: nothing is left but one kernel. Beyond it (matrix products of inner "
    "dimension 24 and more, back-propagated, or more than 32 inputs) XLA's plain loops are slower than the library's "
    "products, and the loop is kept in pieces at the cost of one small sort a step."
)

OFF = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1024"
"""XLA's own default, or next to it."""

NETS = {
    "2-500-1": (2, (500,), 1, 1.25),
    "2-128-1": (2, (128,), 1, 1.25),
    "2-32-1": (2, (32,), 1, 1.25),
    "8-16-16-4": (8, (16, 16), 4, 1.25),
    "30-64-1": (30, (64,), 1, 1.25),
    "2-24-24-1": (2, (24, 24), 1, 0.95),
    "2-64-64-1": (2, (64, 64), 1, 0.95),
    "60-16-1": (60, (16,), 1, 0.95),
}
"""Inputs, hidden units and outputs of each net, and the goal."""

FULL = {}
QUICK = {"rounds": 2, "n_epochs": 200}
TINY = {"rounds": 1, "n_epochs": 2, "nets": list(NETS)[-1:], "n_repeats": 1}


def measure(
    rounds: int = 5, n_epochs: int = 1000, nets: Collection[str] = tuple(NETS), n_repeats: int = 5
) -> list[Line]:
    costs: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(rounds):
        for whose, flags in (("ours", ""), ("theirs", OFF)):
            costs[whose].append(seconds_apart(flags, n_epochs, nets, n_repeats))
    return [
        Line(
            "kernel",
            f"{name}, 100 rows, batches of 32, {n_epochs:,} epochs",
            "XLA's default",
            "s a run",
            tuple(one[name] for one in costs["ours"]),
            tuple(one[name] for one in costs["theirs"]),
            NETS[name][3],
        )
        for name in nets
    ]


def seconds_apart(flags: str, n_epochs: int, nets: Collection[str], n_repeats: int) -> dict[str, float]:
    """What each net takes in a process of its own, for XLA reads its flags once; the shortest of some runs."""
    with (
        mock.patch.dict(os.environ, {"XLA_FLAGS": flags, "TF_XLA_FLAGS": ""}),
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        return process.submit(seconds_of, n_epochs, nets, n_repeats).result()


def seconds_of(n_epochs: int, nets: Collection[str], n_repeats: int) -> dict[str, float]:
    start_tensorflow()
    found = {}
    for name in nets:
        n_inputs, hidden, n_outputs, _ = NETS[name]
        net, training = mlp(n_inputs, hidden, n_outputs), TrainingSection(epochs=n_epochs)
        train, _ = by_regsearch(make_job(rows_of(n_inputs, n_outputs), net, {"l2": 1e-3}, training))
        train()
        seconds = []
        for _ in range(n_repeats):
            began = time.perf_counter()
            train()
            seconds.append(time.perf_counter() - began)
        found[name] = min(seconds)
    return found


def rows_of(n_inputs: int, n_outputs: int) -> Arrays:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(140, n_inputs)).astype(np.float32)
    y = (x[:, :2].sum(axis=1) > 0) if n_outputs == 1 else np.abs(x[:, :n_outputs]).argmax(axis=1)
    return split(x, y.astype(np.int64), 100)
