"""Many machines: 32 workers of a Dask scheduler, each a process as `dask worker` starts it, and PostgreSQL."""

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distributed import Client

from search import Launch, open_storage, run_study
from search.records import TrialState
from tests.benchmarks.comparison import Line, side_by_side
from tests.benchmarks.rows.control import score
from tests.benchmarks.rows.scale import sleep
from tests.benchmarks.studies import TUTORIAL, Stopwatch, prepared, study_text
from tests.conftest import PostgresServer

CHECKOUT = Path(__file__).parents[3]

LIMITED_BY = (
    "the coordinator, one process that asks, tells and writes: about 160 trials a second here, where the scheduler and "
    "all workers share two cores with it. Runs of a second so keep some 150 workers busy, runs of ten seconds 1,500. "
    "Beyond that: more folds or seeds a trial, which cost it next to nothing, a sampler that asks in less time (random "
    "or qmc), or several studies on one scheduler and one database, each with a coordinator of its own."
)

FULL = {}
QUICK = {"rounds": 1, "n_trials": 500}
TINY = {"rounds": 1, "n_trials": 6, "n_workers": 2, "seconds": 0.1}


def measure(rounds: int = 1, n_trials: int = 5000, n_workers: int = 32, seconds: float = 1.0) -> list[Line]:
    with ExitStack() as stack:
        server = stack.enter_context(postgresql())
        address = stack.enter_context(machines(n_workers))
        text = study_text(n_trials, 1, TUTORIAL, window=4 * n_workers, engine="fit")
        everywhere = Launch(scheduler=address)

        def span(launch, train):
            return lambda: run_on(server.url(server.new_database()), text, launch, train)

        peers = {
            "sleeping": span(everywhere, functools.partial(sleep, seconds)),
            "free": span(everywhere, score),
            "one": span(Launch(n_jobs=1), score),
        }
        spans = side_by_side(peers, rounds, warm=False)
    work = f"{n_trials:,} trials of a run, {n_workers} workers of a scheduler, PostgreSQL"
    rate = n_trials / spans["free"][0]
    ideal = (n_trials * seconds / n_workers,) * rounds
    return [
        Line("machines", f"{work}, a run sleeps {seconds:g} s", "never idle", "s", spans["sleeping"], ideal, 0.95),
        Line(
            "machines",
            f"{work}, a run costs nothing",
            "one local worker",
            "s",
            spans["free"],
            spans["one"],
            note=f"the most that a coordinator does: {rate:.0f} trials a second; none failed, none was told twice",
        ),
    ]


def run_on(url, text, launch, train) -> float:
    """Seconds from the moment the workers stand ready to the last trial; every trial is there once, and none failed."""
    study = prepared(text)
    with open_storage(url, create=True) as storage:
        watch = Stopwatch()
        record = run_study(study, storage, launch, watch, train)
        trials = storage.trials(record.study_id)
        states = Counter(trial.state for trial in trials)
        runs = Counter((run.trial, run.fold, run.repeat) for run in storage.runs(record.study_id))
    if states != {TrialState.COMPLETE: study.n_trials} or set(runs.values()) != {1} or len(runs) != study.n_trials:
        raise RuntimeError(f"expected {study.n_trials} trials of a run each, received {states} and {len(runs)} runs")
    return watch.span


@contextmanager
def postgresql() -> Iterator[PostgresServer]:
    """A server whose commits reach the disk, as those of users do."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            server.execute(f"ALTER SYSTEM RESET {setting}")
        server.execute("SELECT pg_reload_conf()")
        yield server
        server.stop()


@contextmanager
def machines(n_workers: int) -> Iterator[str]:
    """The address of a scheduler that has so many workers."""
    dask = str(Path(sys.executable).parent / "dask")
    plain = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder, "scheduler.json")

        def start(*words: str) -> None:
            process = subprocess.Popen(
                [dask, *words, *plain],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)

        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        while not file.exists():
            time.sleep(0.05)
        for _ in range(n_workers):
            start("worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-nanny")
        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(n_workers, timeout=300)
            yield client.scheduler.address
