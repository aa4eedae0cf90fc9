"""Eight runs in the lanes of one program, against eight runs of `compiled`, one after the other."""

from collections.abc import Collection
from dataclasses import replace

from search.spec import TrainingSection
from search.training.engines import Stores, keep_going, make_engines
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.jobs import digits, make_job, mlp, moons

LIMITED_BY = (
    "a core, which one run fills: eight side by side are the same arithmetic. Lanes are for a GPU, whose gain this row "
    "shows where there is one; `auto` does not try them elsewhere."
)

NETS = {
    "2-500-1, moons, 4,000 epochs": (moons, (2, (500,), 1), 4000),
    "2-32-1, moons, 4,000 epochs": (moons, (2, (32,), 1), 4000),
    "64-256-256-10, digits, 10 epochs": (digits, (64, (256, 256), 10), 10),
}
"""Rows, sizes of layers and epochs of each net."""

N_RUNS = 8
FULL = {}
QUICK = {"rounds": 2, "part": 0.25}
TINY = {"rounds": 1, "part": 0.001, "nets": list(NETS)[1:2]}


def measure(rounds: int = 5, part: float = 1.0, nets: Collection[str] = tuple(NETS)) -> list[Line]:
    start_tensorflow()
    engines, lines = make_engines(Stores()), []
    for work in nets:
        rows, sizes, n_epochs = NETS[work]
        counted = max(1, round(part * n_epochs))
        job = make_job(rows(), mlp(*sizes), {"l2": 1e-3, "dropout": 0.1}, TrainingSection(epochs=counted))
        jobs = [replace(job, seed=n, values={"l2": 10.0**-n, "dropout": 0.05 * n}) for n in range(N_RUNS)]
        peers = {
            "lanes": lambda jobs=jobs: engines["lanes"].train_together(jobs, [keep_going] * N_RUNS),
            "compiled": lambda jobs=jobs: [engines["compiled"].train(one) for one in jobs],
        }
        scale = n_epochs / counted
        costs = side_by_side({name: wall_seconds(train, scale) for name, train in peers.items()}, rounds)
        note = "" if part == 1 else f"{counted} of {n_epochs:,} epochs counted"
        lines.append(
            Line("lanes", work, "compiled", f"s for {N_RUNS} runs", costs["lanes"], costs["compiled"], None, note)
        )
    return lines
