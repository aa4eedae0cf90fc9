"""More workers: the same study with two instead of one, and sixteen and thirty-two that are to be kept busy."""

import functools
import time
from collections.abc import Collection
from dataclasses import astuple, dataclass

from search.dispatch import Train
from search.records import RunResult
from tests.benchmarks.comparison import Line, side_by_side
from tests.benchmarks.studies import TUTORIAL, run_here, study_text

LIMITED_BY = (
    "the coordinator and Dask's scheduler, which share the two cores with the workers. A coordinator is one process: "
    "about 200 trials a second, however many runs each has. 32 workers that sleep take two thirds of the two cores for "
    "their messages alone."
)


@dataclass(frozen=True)
class Sleepers:
    """Workers whose runs only sleep."""

    n_workers: int
    n_trials: int
    n_runs: int
    seconds: float


SLEEPERS = (Sleepers(16, 640, 1, 0.5), Sleepers(32, 1000, 5, 0.1))

FULL = {}
QUICK = {"rounds": 1, "n_trials": 200, "sleepers": (Sleepers(16, 320, 1, 0.5), Sleepers(32, 200, 5, 0.1))}


def measure(
    rounds: int = 3,
    n_trials: int = 400,
    n_epochs: int = 4000,
    sleepers: Collection[Sleepers] = SLEEPERS,
    train: Train | None = None,
) -> list[Line]:
    text = study_text(n_trials, n_epochs, engine="compiled")
    peers = {f"{n} workers": lambda n=n: run_here(text, n_jobs=n, train=train).seconds_a_trial() for n in (2, 1)}
    costs = side_by_side(peers, rounds, warm=False)
    return [
        Line(
            "scale",
            f"{n_trials:,} trials of {n_epochs:,} epochs, two workers",
            "one worker",
            "s a trial",
            costs["2 workers"],
            costs["1 workers"],
            1.8,
            "once the workers have compiled",
        ),
        *(busy(each, rounds) for each in sleepers),
    ]


def busy(sleepers: Sleepers, rounds: int) -> Line:
    """How much of the time they sleep."""
    n_workers, n_trials, n_runs, seconds = astuple(sleepers)
    validation = TUTORIAL if n_runs == 1 else f'{{ method = "kfold", folds = {n_runs} }}'
    text = study_text(n_trials, 1, validation, window=4 * n_workers, engine="fit")
    train = functools.partial(sleep, seconds)
    spans = side_by_side({"span": lambda: run_here(text, n_jobs=n_workers, train=train).span}, rounds, warm=False)
    return Line(
        "scale",
        f"{n_trials:,} trials of {n_runs} runs that sleep {seconds} s, {n_workers} workers",
        "never idle",
        "s",
        spans["span"],
        (n_trials * n_runs * seconds / n_workers,) * rounds,
        0.95,
        "from the moment the workers stand ready to the last trial in the database",
    )


def sleep(seconds, plan, run, report):
    time.sleep(seconds)
    return RunResult(run, run.configuration.get("l2", 0.0), epochs_trained=1, best_epoch=1)


TINY = {"rounds": 1, "n_trials": 4, "sleepers": (Sleepers(2, 4, 2, 0.1),), "train": functools.partial(sleep, 0.1)}
