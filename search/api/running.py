"""`run` and `load`: a study from Python, as `regsearch run` launches it and as the read commands open it."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import Problem, UsageError
from search.fork_server import available_cores, workers_begun

if TYPE_CHECKING:
    from search.api.study import Study
    from search.execution import Cluster


def run(
    study: str | Path,
    settings: Sequence[str] = (),
    *,
    storage: str | None = None,
    study_name: str | None = None,
    n_trials: int | None = None,
    n_jobs: int | None = None,
    seed: int | None = None,
    timeout: float | None = None,
    scheduler: str | Cluster | None = None,
    look_again: bool = False,
    trust: bool = False,
    verbose: bool | int = True,
) -> Study:
    """Launch a study, or go on with it, as `regsearch run` does.

        >>> import search
        >>> study = search.run("moons", ["training.epochs=200"], n_trials=20)  # doctest: +SKIP
        >>> study.chosen.score, study.verdict.answer  # doctest: +SKIP
        (0.3105, 'helps')

    Workers are processes of their own, which do not run the calling script: no `if __name__ == "__main__":` is needed.
    Ctrl-C, or a kernel that is interrupted, ends the call; what ended is stored, and the same call goes on from there.

    Args:
        study: A path to a study file, or the name of a shipped study.
        settings: `table.key=value`, each as given to `--set`.
        storage: Database, a URL of SQLite or PostgreSQL; default: $OPTUNA_STORAGE, then sqlite:///regsearch.db.
        study_name: Name in the storage; default: the study file's.
        n_trials: Trials in all, earlier ones included; default: the study file's.
        n_jobs: Worker processes, one a core at most; default: the number of cores. 0 trains in this process, which is
            left as it was, as `search.tune` leaves it.
        seed: Seed of splits, weights and sampler; default: the study file's.
        timeout: Ask no more trials after this many seconds.
        scheduler: Address of a Dask scheduler whose workers train instead, or a Dask cluster, of dask-jobqueue say.
        look_again: Score the sealed rows once more, after trials were added; it counts, and shows.
        trust: Run the code that a model comes with, model.custom of the study.
        verbose: Whether progress is told: by a bar in a notebook, else on standard error.

    Returns:
        The study, ended, or as far as it came.

    Raises:
        StudyFileError: The study file or a setting is wrong, on its own or for its data.
        DataError: The data cannot be read or split.
        UsageError: An argument cannot be used, or the storage holds another study of that name.
        StudyLockedError: Another process runs the study.
        StorageError: The database cannot be reached.
        StudyFailedError: Every trial failed.
    """
    _check(study, settings, n_jobs=n_jobs, n_trials=n_trials, seed=seed, timeout=timeout)
    # Quoted, for a name that looks like a number is a name; JSON's text is TOML's, too.
    named = {"study.name": study_name and json.dumps(study_name), "study.n_trials": n_trials, "study.seed": seed}
    given = [f"{key}={value}" for key, value in named.items() if value is not None]
    cores = available_cores()
    n_workers = cores if n_jobs is None else min(n_jobs, cores)
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers_begun(n_workers, scheduler))  # before this process imports what it needs itself
        from search.api._process import training_process
        from search.api.study import Study
        from search.coordination.launching import Launch, run_study
        from search.followup.telling import told
        from search.preparation.files import prepare_study
        from search.storage import default_url, open_storage
        from search.user_code import code_trusted

        if trust:
            stack.enter_context(code_trusted())
        if not n_workers and scheduler is None:
            stack.enter_context(training_process())
        launch = Launch(n_workers, scheduler, timeout, look_again=look_again, command="search.run")
        prepared = prepare_study(str(study), (*settings, *given))
        if look_again and not len(prepared.sealed):
            message = "expected sealed rows to look at, received a study without"
            raise UsageError(Problem("look_again", message, "Set split.test, for a study of another name."))
        opened = stack.enter_context(open_storage(storage or default_url(), create=True))
        observer = stack.enter_context(told(prepared)) if verbose else None
        try:
            record = run_study(prepared, opened, launch, observer)
        except KeyboardInterrupt:
            if observer is not None:
                observer.note("Interrupted. What ended is stored; the same call goes on from there.")
            raise
        return Study(opened.url, record.name)


def load(name: str, storage: str | None = None) -> Study:
    """Open a study that is stored, to read it.

        >>> search.load("moons").trials  # doctest: +SKIP

    Args:
        name: The study.
        storage: Database, a URL of SQLite or PostgreSQL; default: $OPTUNA_STORAGE, then sqlite:///regsearch.db.

    Raises:
        UnknownStudyError: The storage holds none of that name; the message names the nearest.
        StorageError: There is no such database, or it cannot be reached.
    """
    from search.api.study import Study
    from search.storage import default_url, open_storage

    with open_storage(storage or default_url()) as opened:
        return Study(opened.url, opened.study(name).name)


def _check(
    study: Any,
    settings: Any,
    *,
    n_jobs: Any,
    n_trials: Any,
    seed: Any,
    timeout: Any,
) -> None:
    """Refuse arguments of another kind, as the command line does."""
    problems = []
    if not isinstance(study, str | Path):
        remedy = "For a model in memory there is search.tune." if hasattr(study, "get_config") else ""
        message = f"expected a path or the name of a shipped study, received {type(study).__name__}"
        problems.append(Problem("study", message, remedy))
    if isinstance(settings, str) or not isinstance(settings, Sequence):
        received = f'"{settings}"' if isinstance(settings, str) else type(settings).__name__
        problems.append(
            Problem("settings", f"expected a list of settings, received {received}", 'As in ["training.epochs=50"].')
        )
    for place, value, least in (("n_jobs", n_jobs, 0), ("n_trials", n_trials, 1), ("seed", seed, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            problems.append(Problem(place, f"expected a whole number of at least {least}, received {value!r}"))
    if timeout is not None and (not isinstance(timeout, int | float) or not math.isfinite(timeout) or timeout <= 0):
        problems.append(Problem("timeout", f"expected a number of seconds above 0, received {timeout!r}"))
    if problems:
        raise UsageError(problems)
