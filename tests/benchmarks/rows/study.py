"""A whole study by the command line, start of the workers and database on disk included, against one run of `fit`."""

import os

from search.spec import TrainingSection
from search.training.session import start_tensorflow
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.jobs import by_fit, make_job, mlp, moons
from tests.benchmarks.studies import run_by_command, study_text

LIMITED_BY = (
    "training: two workers fill both cores, which they share with the coordinator; its start takes some "
    "seconds of TensorFlow's import and XLA's compilation."
)

FULL = {}
QUICK = {"rounds": 1, "n_trials": 200}
TINY = {"rounds": 1, "n_trials": 2, "n_epochs": 10, "n_fit_epochs": 1, "n_jobs": 1, "engine": "graph"}


def measure(
    rounds: int = 3,
    n_trials: int = 1000,
    n_epochs: int = 4000,
    n_fit_epochs: int = 60,
    n_jobs: int | None = None,
    engine: str = "auto",
) -> list[Line]:
    start_tensorflow()
    text = study_text(n_trials, n_epochs, engine=engine)
    n_jobs = n_jobs or len(os.sched_getaffinity(0))
    fit = by_fit(make_job(moons(), mlp(2, (500,), 1), {"l2": 1e-3}, TrainingSection()))
    peers = {
        "regsearch": wall_seconds(lambda: run_by_command(text, n_jobs)),
        "fit": lambda: fit(n_fit_epochs) * n_epochs,
    }
    costs = side_by_side(peers, rounds, warm=False)
    return [
        Line(
            "study",
            f"{n_trials:,} trials of {n_epochs:,} epochs, 3 parameters, {n_jobs} workers",
            f"one run of fit, {n_epochs:,} epochs",
            "s",
            costs["regsearch"],
            costs["fit"],
            1,
            f"fit: {n_fit_epochs} of {n_epochs:,} epochs counted",
        )
    ]
