"""More workers: the same study with two instead of one, and sixteen that are to be kept busy."""

import time

from search.dispatch import Train
from search.records import RunResult
from tests.benchmarks.comparison import Line, side_by_side
from tests.benchmarks.studies import run_here, study_text

LIMITED_BY = "the coordinator and Dask's scheduler, which share the two cores with the two workers."

FULL = {}
QUICK = {"rounds": 1, "n_trials": 200, "n_sleeps": 320}
SLEEP_SECONDS = 0.5


def measure(
    rounds: int = 3,
    n_trials: int = 400,
    n_epochs: int = 4000,
    n_sleepers: int = 16,
    n_sleeps: int = 640,
    train: Train | None = None,
) -> list[Line]:
    text = study_text(n_trials, n_epochs, engine="compiled")
    peers = {f"{n} workers": lambda n=n: run_here(text, n_jobs=n, train=train).seconds_a_trial() for n in (2, 1)}
    costs = side_by_side(peers, rounds, warm=False)
    sleeping = study_text(n_sleeps, 1, window=4 * n_sleepers, engine="fit")
    spans = side_by_side({"span": lambda: run_here(sleeping, n_jobs=n_sleepers, train=sleep).span}, rounds, warm=False)
    ideal = n_sleeps * SLEEP_SECONDS / n_sleepers
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
        Line(
            "scale",
            f"{n_sleeps} runs that sleep {SLEEP_SECONDS} s, {n_sleepers} workers",
            "never idle",
            "s",
            spans["span"],
            (ideal,) * rounds,
            0.95,
            "from the moment the workers stand ready to the last trial in the database",
        ),
    ]


def sleep(plan, run, report):
    time.sleep(SLEEP_SECONDS)
    return RunResult(run, run.configuration.get("l2", 0.0), epochs_trained=1, best_epoch=1)


TINY = {"rounds": 1, "n_trials": 4, "n_sleepers": 2, "n_sleeps": 8, "train": sleep}
