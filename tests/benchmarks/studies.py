"""Studies of the tutorial's net on two moons, launched as users launch them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from search import Launch, PreparedStudy, Trial, open_storage, prepare_study, run_study
from search.coordination.progress import Progress, SilentObserver

_STUDY = """
[study]
name = "bench"
n_trials = {n_trials}
window = {window}
sampler = "{sampler}"
pruner = "{pruner}"
[data]
source = "sklearn.make_moons"
options = {{ n_samples = 100, noise = 0.2, random_state = 1 }}
[split]
validation = {validation}
[model]
family = "mlp"
hidden = [500]
[training]
epochs = {n_epochs}
engine = "{engine}"
[confirm]
finalists = 0
[space]
l2 = {{ low = 1e-6, high = 1e-1, log = true }}
dropout = {{ low = 0.05, high = 0.6 }}
# Never off: a trial that repeats another one's choice is not trained again, and every trial is to count.
"training.learning_rate" = {{ low = 5e-4, high = 2e-3, log = true }}
"""

TUTORIAL = '{ method = "head", train = 30 }'
FIVE_FOLDS = '{ method = "kfold", folds = 5 }'


def study_text(n_trials: int, n_epochs: int, validation: str = TUTORIAL, **settings: object) -> str:
    """A study file; `settings` are the window, the sampler, the pruner and the engine, where they are other ones."""
    asked = {"window": 8, "sampler": "tpe", "pruner": "none", "engine": "auto"} | settings
    return _STUDY.format(n_trials=n_trials, n_epochs=n_epochs, validation=validation, **asked)


def run_by_command(text: str, n_jobs: int) -> None:
    """Launch a study by the command line, on a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder, "bench.toml")
        study.write_text(text)
        storage = f"sqlite:///{folder}/bench.db"
        command = [sys.executable, "-m", "search", "run", str(study), "--storage", storage, "--n-jobs", str(n_jobs)]
        done = subprocess.run([*command, "--quiet"], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"expected the study to end well, received {done.stderr}")


class Stopwatch(SilentObserver):
    """Notes when the workers stood ready, and when each trial was in the database."""

    def __init__(self) -> None:
        self._began = self._ready = time.perf_counter()
        self._ended: list[float] = []

    def started(self, progress: Progress, workers: int) -> None:
        self._ready = time.perf_counter()

    def trial_ended(self, trial: Trial, progress: Progress) -> None:
        self._ended.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """Wall time to the last trial, start of the workers included."""
        return self._ended[-1] - self._began

    @property
    def span(self) -> float:
        """Wall time from the moment the workers stood ready to the last trial."""
        return self._ended[-1] - self._ready

    def seconds_a_trial(self) -> float:
        """Wall time a trial once it runs: the first quarter, in which workers start and compile, is left out."""
        first = len(self._ended) // 4
        return (self._ended[-1] - self._ended[first]) / (len(self._ended) - 1 - first)


def run_here(text: str, n_jobs: int, **options: Callable[..., object]) -> Stopwatch:
    """Launch a study from this process, on a database of its own; `options` are those of `run_study`."""
    with tempfile.TemporaryDirectory() as folder, open_storage(f"sqlite:///{folder}/bench.db", create=True) as storage:
        watch = Stopwatch()
        run_study(prepared(text), storage, Launch(n_jobs=n_jobs), watch, **options)
        return watch


def prepared(text: str) -> PreparedStudy:
    """A study file, read."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder, "bench.toml")
        study.write_text(text)
        return prepare_study(str(study))
