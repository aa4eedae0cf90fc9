"""A worker's memory after many trials, in a process of its own."""

import subprocess
import sys

WORKER = """
import sys
import numpy as np, psutil
from search.data import Dataset, Fold
from search.records import Configuration, EngineChoice, Run
from search.spec import Range, StudySpec
from search.training import TrainingPlan, WorkerSession

rng = np.random.default_rng(0)
x = rng.normal(size=(60, 4)).astype(np.float32)
rows = np.arange(60)
spec = StudySpec(
    study={"name": "long"}, data={"source": "csv"}, model={"family": "mlp", "hidden": (50,)},
    training={"epochs": 30, "batch_size": 16},
    space={name: Range(low=0.1, high=0.5) for name in ("l2", "dropout", "patience")},
)
dataset = Dataset(x, (x[:, 0] > 0).astype(np.int64), "binary", ("0", "1"), standardize=False, sha256="0")
plan = TrainingPlan(dataset, (Fold(0, rows[:30], rows[30:40], rows[40:]),), spec, "log_loss")
session = WorkerSession()
for engine in ("compiled", "graph"):
    taken = []
    for number in range(int(sys.argv[1])):
        values = {"l2": 10.0 ** -(1 + number % 6), "dropout": 0.1 * (1 + number % 8), "patience": 1 + number % 20}
        on = {name: value for place, (name, value) in enumerate(values.items()) if number >> place & 1}
        result = session.train(plan, Run(number, 0, 0, number % 5, Configuration(on), EngineChoice(engine)))
        assert result.error is None, result.error
        taken.append(psutil.Process().memory_info().rss)
    print(engine, taken[50], max(taken[-50:]))
"""


def test_three_hundred_trials_of_one_architecture_leave_memory_as_it_was():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WORKER, "300"], check=True, capture_output=True, text=True, timeout=300
    )
    for line in done.stdout.splitlines():
        engine, early, late = line.split()
        assert int(late) / int(early) < 1.03, engine
