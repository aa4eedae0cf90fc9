"""One search: a study is run as a user runs it, and every rule's model is scored on rows that nobody has seen."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from search.coordination.estimating import estimate_ensemble
from search.coordination.launching import Launch, run_study
from search.coordination.taught import final_runs
from search.data import read_data
from search.dispatch.tasks import process_session
from search.preparation.preparing import prepare_spec
from search.preparation.study import PreparedStudy
from search.records import Configuration, Purpose, Run, StudyRecord, Trial, Verdict
from search.selection import choose
from search.spec import DataSection, StudySpec
from search.storage import Storage, open_storage
from search.training import final_plan
from tests.benchmarks.honesty.tables import Table

N_TRIALS = 40
N_REFITS = 3
"""Models of each configuration whose losses are averaged, so that the luck of one initialization is not measured."""

DEFAULT = Configuration({"dropout": 0.3, "patience": 20})
"""What one would set without searching, with rows that stop a run."""

SPACE = {
    "l2": {"low": 1e-5, "high": 1e-1, "log": True},
    "dropout": {"low": 0.05, "high": 0.7},
    "patience": {"low": 10, "high": 50, "log": True},
}


def study_of(table: Table, split: int, folder: Path) -> StudySpec:
    """The study of a table on one outer split: what a drafted study looks like, its sealed rows the unseen ones."""
    data = table.write(folder)
    n_rows = _count(folder, data)
    space: dict[str, Any] = dict(SPACE)
    if table.name not in ("diabetes", "tips", "gapminder"):
        space["label_smoothing"] = {"low": 0.01, "high": 0.2}
    return StudySpec.model_validate(
        {
            "study": {"name": table.name, "n_trials": N_TRIALS, "seed": split + 1},
            "data": data,
            "split": {"test": n_rows - table.n_development, "validation": {"method": "kfold", "folds": 5}},
            "model": {"family": "mlp", "hidden": table.hidden, "activation": "relu"},
            "training": {"epochs": table.epochs, "engine": "compiled"},
            "space": space,
        }
    )


def search(table: Table, split: int) -> dict[str, Any]:
    """Run a search, and score what each rule hands out.

    Returns:
        JSON-ready: unseen losses by rule, and what the study said of itself.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepared = prepare_spec(study_of(table, split, folder), folder)
        with open_storage(f"sqlite:///{folder / 'study.db'}", create=True) as storage:
            record = run_study(prepared, storage, Launch(0))
            verdict = _verdict(storage, record)
            run_study(_with_confirm(prepared, rule="one_se"), storage, Launch(0))
            simplest = _verdict(storage, record)
            trials = storage.trials(record.study_id)
            seen = storage.looks(record.study_id)[0].result
            n_runs = {purpose.value: storage.count_runs(record.study_id, purpose) for purpose in _COUNTED}
            finalists = {each.trial for each in verdict.finalists if each.end != "failed"}
            ensemble = estimate_ensemble(prepared, trials, storage.predictions(record.study_id), finalists)
            assert ensemble is not None
            seeds = _with_confirm(prepared, refit_seeds=N_REFITS)
            refits = {
                number: final_runs(seeds, storage, record.study_id, trials[number])
                for number in {0, verdict.candidate, verdict.chosen, simplest.chosen, *ensemble.weights}
            }
    luckiest = choose(trials, prepared.direction)
    assert luckiest.chosen is not None
    assert luckiest.best is not None
    unseen = Unseen(prepared)
    losses = {number: fmean(unseen.losses(runs)) for number, runs in refits.items()}
    return {
        "table": table.name,
        "split": split,
        "seconds": round(time.monotonic() - began, 1),
        "n_runs": n_runs,
        "unseen": {
            "baseline": losses[0],
            "default": fmean(unseen.losses(unseen.as_searched(DEFAULT))),
            "luckiest": fmean(unseen.losses(unseen.as_searched(luckiest.chosen.configuration))),
            "best confirmed": losses[verdict.candidate],
            "best": losses[verdict.chosen],
            "one_se": losses[simplest.chosen],
            f"best, mean of {N_REFITS}": unseen.loss_of_mean(refits[verdict.chosen]),
            "ensemble": fmean(unseen.losses_of_ensemble(refits, ensemble.weights)),
        },
        "gain": {
            "search": _gain(prepared, trials[0], luckiest.best),
            "confirmed": verdict.difference.mean,
            "interval": [verdict.difference.low, verdict.difference.high],
            "expected": verdict.expected.mean,
            "expected_error": verdict.expected.standard_error,
            "unseen": losses[0] - losses[verdict.candidate],
        },
        "bootstrap": None if verdict.estimate is None else verdict.estimate.to_json(),
        "verdict": {"answer": verdict.answer, "chosen": verdict.chosen, "candidate": verdict.candidate},
        "look": seen,
    }


class Unseen:
    """The sealed rows of a study, by which models are scored that had no part of them."""

    def __init__(self, prepared: PreparedStudy) -> None:
        self._prepared = prepared
        self._rows = prepared.sealed.open(lambda sha256: None)
        self._known: dict[tuple[Run, ...], list[Any]] = {}

    def as_searched(self, configuration: Configuration) -> list[Run]:
        """Runs that train as an export did before: early stopping watches a share of the rows."""
        return [self._prepared.run(0, 0, repeat, configuration, Purpose.REFIT) for repeat in range(N_REFITS)]

    def losses(self, runs: Sequence[Run]) -> list[float]:
        """The score of the model of each run."""
        return [self._score(predicted) for predicted in self._predict(runs)]

    def loss_of_mean(self, runs: Sequence[Run]) -> float:
        """The score of the mean of what the models of all runs predict."""
        return self._score(np.mean(self._predict(runs), axis=0))

    def losses_of_ensemble(self, runs: Mapping[int, Sequence[Run]], weights: Mapping[int, float]) -> list[float]:
        """The score of the weighted mean of what some trials' models predict, seed by seed."""
        predicted = {trial: self._predict(runs[trial]) for trial in weights}
        means = [sum(weights[trial] * predicted[trial][seed] for trial in weights) for seed in range(N_REFITS)]
        return [self._score(mean) for mean in means]

    def _predict(self, runs: Sequence[Run]) -> list[Any]:
        key = tuple(runs)
        if key not in self._known:
            plan = final_plan(self._prepared.plan, runs[0].configuration)
            self._known[key] = [process_session().predict(plan, [run], self._rows) for run in runs]
        return self._known[key]

    def _score(self, predicted: Any) -> float:
        return self._prepared.plan.scoring.score(self._rows.target, predicted, None)


_COUNTED = (Purpose.SEARCH, Purpose.CONFIRMATION)


def _verdict(storage: Storage, record: StudyRecord) -> Verdict:
    stored = storage.verdict(record.study_id)
    assert stored is not None
    return Verdict.from_json(stored.verdict)


def _with_confirm(prepared: PreparedStudy, **asked: Any) -> PreparedStudy:
    spec = prepared.spec.model_copy(update={"confirm": prepared.spec.confirm.model_copy(update=asked)})
    return dataclasses.replace(prepared, spec=spec, plan=dataclasses.replace(prepared.plan, spec=spec))


def _gain(prepared: PreparedStudy, baseline: Trial, best: Trial) -> float:
    assert baseline.score is not None
    assert best.score is not None
    return (baseline.score - best.score) * (1 if prepared.direction == "minimize" else -1)


def _count(folder: Path, data: dict[str, Any]) -> int:
    return len(read_data(DataSection.model_validate(data), folder))
