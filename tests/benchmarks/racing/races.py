"""One race: a study is run with and without, and every best trial on the way is scored anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from search.coordination.launching import Launch, run_study
from search.dispatch.tasks import process_session
from search.preparation.preparing import prepare_spec
from search.preparation.study import PreparedStudy
from search.records import Configuration, EngineChoice, Run, Trial, TrialState
from search.storage import open_storage
from tests.benchmarks.honesty.searches import study_of
from tests.benchmarks.honesty.tables import Table

N_TRIALS = 60
N_REPEATS = 4
"""Divisions of the rows, with seeds of their own, on which a configuration is scored anew."""

Found = dict[str, Any]


def race(table: Table, seed: int, pruner: str = "racing") -> Found:
    """Run a study of a table without a pruner and with one.

    Returns:
        JSON-ready: for each its epochs, and what its best trial so far scores anew, by the epochs spent until then.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        ways = {each: _search(table, seed, each, Path(name)) for each in ("none", pruner)}
    scores = _Anew(ways["none"][0])
    return {
        "task": table.name,
        "seed": seed,
        "ways": {
            each: {"epochs": sum(epochs.values()), "steps": steps_of(trials, epochs, scores)}
            for each, (_, trials, epochs) in ways.items()
        },
        "seconds": round(time.monotonic() - began, 1),
    }


def steps_of(
    trials: Sequence[Trial], epochs: Mapping[int, int], anew: Callable[[Configuration], float]
) -> list[tuple[int, float]]:
    """Whenever another trial is the best: the epochs spent until its end, and what it scores anew; low is good."""
    steps, spent, best = list[tuple[int, float]](), 0, float("inf")
    for trial in trials:
        spent += epochs.get(trial.number, 0)
        if trial.state is TrialState.COMPLETE and trial.score is not None and trial.score < best:
            best = trial.score
            steps.append((spent, anew(trial.configuration)))
    return steps


def _search(
    table: Table, seed: int, pruner: str, folder: Path
) -> tuple[PreparedStudy, Sequence[Trial], Mapping[int, int]]:
    spec = study_of(table, seed, folder)
    spec = spec.model_copy(
        update={
            "study": spec.study.model_copy(update={"n_trials": N_TRIALS, "pruner": pruner}),
            "confirm": spec.confirm.model_copy(update={"finalists": 0}),
        }
    )
    prepared = prepare_spec(spec, folder)
    with open_storage(f"sqlite:///{folder / f'{pruner}.db'}", create=True) as storage:
        record = run_study(prepared, storage, Launch(0))
        epochs: dict[int, int] = {}
        for run in storage.runs(record.study_id):
            epochs[run.trial] = epochs.get(run.trial, 0) + run.epochs_trained
        return prepared, storage.trials(record.study_id), epochs


class _Anew:
    """Scores configurations on divisions and with seeds that no search had."""

    def __init__(self, prepared: PreparedStudy) -> None:
        self._prepared = prepared
        self._known: dict[Configuration, float] = {}

    def __call__(self, configuration: Configuration) -> float:
        if configuration not in self._known:
            runs = [
                run for repeat in range(N_REPEATS) for run in self._prepared.confirmation_runs(0, configuration, repeat)
            ]
            self._known[configuration] = fmean(self._score(run) for run in runs)
        return self._known[configuration]

    def _score(self, run: Run) -> float:
        engine = EngineChoice(self._prepared.spec.training.engine)
        score = process_session().train(self._prepared.plan, replace(run, engine=engine)).score
        assert score is not None
        return score
