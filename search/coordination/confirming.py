"""The confirmation: after the search, the finalists are trained on fresh divisions of the rows with fresh seeds.

It goes repeat by repeat. Everyone who is still in the race is trained on the same divisions, with the same seeds, and
only then it is decided who drops out and whether there is another repeat: what is trained, and the verdict, depends on
the scores alone and not on workers or interruptions. Runs are written as they come. A session that goes on finds them,
and trains what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np

from search.coordination.estimating import Key, estimate_selection
from search.coordination.fresh_divisions import (
    MOST_UNDRAWN,
    divisions_of,
    expected_score,
    find_reference,
    is_drawn,
    repeat_of,
)
from search.coordination.gathering import gather_results
from search.coordination.limits import SessionLimits
from search.coordination.progress import Confirming, Observer
from search.dispatch import Dispatcher
from search.preparation.study import PreparedStudy
from search.records import (
    Configuration,
    Predictions,
    Purpose,
    Run,
    RunResult,
    RunSummary,
    StudyRecord,
    Trial,
    Verdict,
)
from search.selection import Race, Reference, Repeat, decide, permutation_chance, pick_finalists
from search.spec import ConfirmSection
from search.storage import Storage

LEAST_REPEATS, MOST_REPEATS = 5, 50
"""Of `repeats = "auto"`."""

_SHARE_OF_SEARCH = 0.5
"""Of the runs of the search, that those of a confirmation may be as many as."""

_LONGEST_UNWRITTEN_SECONDS = 0.5
_BYTES_OF_A_NUMBER = 4


class Confirmation:
    """Scores the finalists of a study once more.

    Args:
        prepared: The study.
        record: Its record; the verdict is kept there.
        trials: All its trials.
        storage: Where runs and verdict go.
        dispatcher: Trains runs.
        limits: What ends the session early.
        observer: Told how it goes.
    """

    def __init__(
        self,
        prepared: PreparedStudy,
        record: StudyRecord,
        trials: Sequence[Trial],
        storage: Storage,
        dispatcher: Dispatcher,
        limits: SessionLimits,
        observer: Observer,
    ) -> None:
        asked = prepared.spec.confirm
        self._prepared = prepared
        self._study_id = record.study_id
        self._n_trials = sum(trial.state.is_final for trial in trials)
        self._storage = storage
        self._dispatcher = dispatcher
        self._limits = limits
        self._observer = observer
        self._asked = asked
        self._trials = trials
        self._finalists = pick_finalists(trials, prepared.direction, asked.finalists)
        most = asked.repeats if isinstance(asked.repeats, int) else MOST_REPEATS
        self._race = Race([trial.number for trial in self._finalists], prepared.direction, divisions_of(prepared), most)
        self._known: dict[Key, RunSummary | RunResult] = {}
        self._predicted: dict[Key, Predictions] = {}
        self._searched: Mapping[Key, Predictions] = {}
        self._reference: Reference | None = None
        self._unwritten: list[RunResult] = []
        self._drawn: list[int] = []
        self._n_done = 0

    def run(self) -> Verdict | None:
        """Train the finalists, and decide.

        Returns:
            The verdict, which the storage keeps; None where a limit ended it before, or where there is nothing to
            compare.

        Raises:
            StorageError: The database went away, or the lock was lost.
        """
        if not self._finalists:
            return None
        stored = self._storage.runs(self._study_id, purpose=Purpose.CONFIRMATION)
        self._known = {(run.trial, run.fold, run.repeat): run for run in stored}
        self._predicted = self._storage.predictions(self._study_id, Purpose.CONFIRMATION)
        self._searched = self._storage.predictions(self._study_id)
        self._reference = self._find_reference()
        guesses: list[Sequence[float]] = []
        for repeat in self._repeats():
            scores = self._score(repeat)
            if scores is None:
                return None
            self._race.add(scores)
            self._drawn.append(repeat)
            guesses.append(self._prepared.constant_scores(self._prepared.plan.redrawn(repeat)))
        verdict = decide(
            self._race,
            self._finalists,
            self._asked.rule,
            train_losses=self._train_losses(),
            guesses=guesses,
            n_trials=self._n_trials,
            chance_of=self._chance,
            estimate=estimate_selection(self._prepared, self._trials, self._searched),
            asked=verdict_settings(self._asked),
        )
        if verdict is not None:
            self._storage.keep_verdict(self._study_id, verdict.to_json(), self._n_trials)
        return verdict

    def _repeats(self) -> Iterator[int]:
        """The numbers of the repeats, as many as are asked for or fit the budget."""
        n_taken, number, n_undrawn = 0, 0, 0
        budget = _SHARE_OF_SEARCH * self._storage.count_runs(self._study_id, Purpose.SEARCH)
        spent = 0
        while n_undrawn < MOST_UNDRAWN and self._race.is_open:
            cost = len(self._race.running) * self._prepared.runs_per_trial
            if isinstance(self._asked.repeats, int):
                is_enough = n_taken >= self._asked.repeats
            else:
                is_enough = n_taken >= LEAST_REPEATS and (n_taken >= MOST_REPEATS or spent + cost > budget)
            if is_enough:
                return
            if is_drawn(self._prepared, number):
                n_taken, n_undrawn, spent = n_taken + 1, 0, spent + cost
                yield number
            else:
                n_undrawn += 1
            number += 1

    def _score(self, repeat: int) -> dict[int, Repeat | None] | None:
        """The scores of all who are in the race, fold by fold; None where a limit was reached before."""
        of_trial = {
            trial.number: self._prepared.confirmation_runs(trial.number, trial.configuration, repeat)
            for trial in self._finalists
            if trial.number in self._race.running
        }
        # Fold by fold, so that a worker prepares the rows of one once.
        missing = [run for runs in zip(*of_trial.values(), strict=True) for run in runs if _key(run) not in self._known]
        total = sum(map(len, of_trial.values()))
        self._n_done = total - len(missing)
        self._tell(total)
        if missing and not self._train(missing, total):
            return None
        return {trial: self._repeat_of(runs) for trial, runs in of_trial.items()}

    def _train(self, runs: Sequence[Run], total: int) -> bool:
        """Have runs trained and written; whether all of them were."""
        if self._limits.look() or self._limits.reached is not None:
            self._observer.note(f"{self._limits.reached}: the confirmation goes on with the next `regsearch run`.")
            return False
        n_open, since = len(runs), time.monotonic()
        is_whole = True
        for results in gather_results(self._dispatcher, runs, self._limits, self._observer, "the confirmation"):
            n_open -= len(results)
            for result in results:
                is_whole = self._take(result) and is_whole
                self._tell(total)
            if time.monotonic() - since > _LONGEST_UNWRITTEN_SECONDS:
                self._write()
                since = time.monotonic()
        self._write()
        return is_whole and not n_open

    def _take(self, result: RunResult) -> bool:
        """Take a result; whether it tells of the configuration, and not of the machine and the moment."""
        self._n_done += 1
        if result.cause is not None and result.cause.is_transient:
            self._observer.note(f"A run of the confirmation failed, and is tried again by the next: {result.error}")
            return False
        if self._reference is None:
            result = replace(result, predictions=None)
        elif result.predictions is not None:
            self._predicted[_key(result.run)] = result.predictions
        self._known[_key(result.run)] = result
        self._unwritten.append(result)
        return True

    def _write(self) -> None:
        if self._unwritten:
            self._storage.write_runs(self._study_id, self._unwritten)
            self._unwritten.clear()

    def _repeat_of(self, runs: Sequence[Run]) -> Repeat | None:
        """What a finalist scores on a repeat; None where a run failed."""
        scores = []
        for run in runs:
            score = self._known[_key(run)].score
            if score is None:
                return None
            scores.append((run.fold, score, self._expected(run, score)))
        return repeat_of(scores)

    def _expected(self, run: Run, score: float) -> float:
        """What a run is expected to score; its score where there is no reference."""
        predicted = self._predicted.get(_key(run))
        if self._reference is None or predicted is None:
            return score
        return expected_score(self._prepared, self._reference, run, predicted)

    def _chance(self, trial: int) -> float | None:
        """The chance of a finalist's score where labels have nothing to do with rows; None where that is not known.

        Rows of groups, and rows in an order, cannot be dealt out anew one by one.
        """
        plan = self._prepared.plan
        if self._reference is None or plan.dataset.groups is not None or plan.dataset.order is not None:
            return None
        runs_of_repeats = [
            self._prepared.confirmation_runs(trial, Configuration(), repeat)
            for repeat in self._drawn[: len(self._race.repeats(trial))]
        ]
        passes = [
            [(plan.fold(run).validation, self._predicted.get(_key(run))) for run in runs if run.repeat == seed]
            for runs in runs_of_repeats
            for seed in range(self._prepared.spec.objective.seeds)
        ]
        told = [
            (np.concatenate([rows for rows, _ in part]), np.concatenate([each.values for _, each in part if each]))
            for part in passes
            if all(each is not None for _, each in part)
        ]
        if not told:
            return None
        return permutation_chance(
            told,
            plan.dataset.target,
            score=plan.scoring.score,
            sign=self._race.sign,
            seed=self._prepared.spec.study.seed,
            weight=plan.dataset.weight,
        )

    def _find_reference(self) -> Reference | None:
        """What the trials of the search hold likely; None where that is not known, or there is no room for the
        predictions of the confirmation.
        """
        plan = self._prepared.plan
        room = self._asked.keep_predictions_mib * 2**20
        most = len(self._finalists) * self._race.most_repeats * self._prepared.runs_per_trial
        needed = most * plan.capacity.evaluated * plan.dataset.n_outputs * _BYTES_OF_A_NUMBER
        return None if needed > room else find_reference(self._prepared, self._searched)

    def _train_losses(self) -> Mapping[int, float]:
        """The mean loss of each finalist on the rows that train, at the weights kept."""
        losses: dict[int, list[float]] = {}
        for (trial, fold, repeat), run in self._known.items():
            if run.score is None or not run.best_epoch:
                continue
            if isinstance(run, RunResult):
                curve = run.curve
            else:
                curve = self._storage.curve(self._study_id, trial, fold, repeat, Purpose.CONFIRMATION)
            losses.setdefault(trial, []).append(float(curve.train_loss[run.best_epoch - 1]))
        return {trial: fmean(of_runs) for trial, of_runs in losses.items()}

    def _tell(self, total: int) -> None:
        self._observer.confirming(
            Confirming(
                repeat=self._race.n_repeats + 1,
                finalists=tuple(trial for trial in self._race.running if trial != self._race.baseline),
                done=self._n_done,
                total=total,
            )
        )


def verdict_settings(asked: ConfirmSection) -> dict[str, Any]:
    """What of [confirm] a verdict depends on, as the verdict tells it."""
    return asked.model_dump(include={"finalists", "repeats", "rule"})


def _key(run: Run) -> Key:
    return run.trial, run.fold, run.repeat
