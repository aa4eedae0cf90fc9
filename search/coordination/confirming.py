"""The confirmation: after the search, the finalists are trained on fresh divisions of the rows with fresh seeds.

It goes repeat by repeat. Everyone who is still in the race is trained on the same divisions, with the same seeds, and
only then it is decided who drops out and whether there is another repeat: what is trained, and the verdict, depends on
the scores alone and not on workers or interruptions. Runs are written as they come. A session that goes on finds them,
and trains what is missing.
"""

from __future__ import annotations

import contextlib
import math
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
    guess_scores,
)
from search.coordination.gathering import gather_results
from search.coordination.limits import SessionLimits
from search.coordination.phases import keep_phase
from search.coordination.progress import Confirming, Observer
from search.coordination.write_behind import WriteBehind
from search.dispatch import Dispatcher
from search.errors import StorageError, StudyFileError
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
from search.selection import Race, Reference, Repeat, decide, keep_undecided, permutation_chance, pick_finalists
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
        self._writer = WriteBehind(storage, record)
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
        for repeat in self._repeats():
            scores = self._score(repeat)
            if scores is None:
                return None
            self._race.add(scores)
            self._drawn.append(repeat)
        verdict = decide(
            self._race,
            self._finalists,
            self._asked.rule,
            train_losses=self._train_losses(),
            guesses=self._guesses(),
            n_trials=self._n_trials,
            chance_of=self._chance,
            estimate=estimate_selection(self._prepared, self._trials, self._searched),
            asked=verdict_settings(self._asked),
        )
        if verdict is None:
            reason = self._words_on_nothing()
            keep_undecided(self._storage, self._study_id, self._n_trials, verdict_settings(self._asked), reason)
            self._observer.note(f"Nothing is confirmed: {reason}.")
        else:
            self._storage.keep_verdict(self._study_id, verdict.to_json(), self._n_trials)
        return verdict

    def _words_on_nothing(self) -> str:
        """Why there is no verdict."""
        if not self._race.n_repeats and not self._race.failed:
            return f"{MOST_UNDRAWN} draws in a row left a part of the rows without a class, or without one that counts"
        if self._race.baseline in self._race.failed:
            return "the baseline could not be trained on another division of the rows"
        return "none of the finalists could be trained on another division of the rows"

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
            if self._prepared.is_drawn(number):
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
        if missing and not self._train(missing, total):
            return None
        expected = self._expected([run for runs in of_trial.values() for run in runs])
        return {trial: self._repeat_of(runs, expected) for trial, runs in of_trial.items()}

    def _train(self, runs: Sequence[Run], total: int) -> bool:
        """Have runs trained and written; whether all of them were."""
        if self._limits.look() or self._limits.reached is not None:
            self._observer.note(f"{self._limits.reached}: the confirmation goes on with the next `regsearch run`.")
            return False
        self._tell(total)
        keep_phase(self._storage, self._study_id, self._progress(total))
        try:
            is_whole = self._take_all(runs, total)
        except StorageError:
            raise  # what is not written cannot be written, or must not be any more
        except BaseException:
            with contextlib.suppress(StorageError):
                self._write()
            raise
        self._writer.write_all((), self._unwritten)
        self._unwritten.clear()
        return is_whole

    def _take_all(self, runs: Sequence[Run], total: int) -> bool:
        """Take the results of runs as they come, and write them now and then; whether all have come."""
        n_open, since, is_whole = len(runs), time.monotonic(), True
        for result in gather_results(self._dispatcher, runs, self._limits, self._observer, "the confirmation"):
            if result is not None:
                n_open -= 1
                is_whole = self._take(result) and is_whole
                self._tell(total)
            elif time.monotonic() - since > _LONGEST_UNWRITTEN_SECONDS:
                self._write()
                since = time.monotonic()
        if n_open:
            self._observer.note("Time is up: the confirmation goes on with the next `regsearch run`.")
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
        if self._unwritten and self._writer.write((), self._unwritten):
            self._unwritten.clear()

    def _repeat_of(self, runs: Sequence[Run], expected: Mapping[Key, float]) -> Repeat | None:
        """What a finalist scores on a repeat; None where a run failed."""
        by_label: dict[int, list[float]] = {}
        by_reference: dict[int, list[float]] = {}
        for run in runs:
            score = self._known[_key(run)].score
            if score is None:
                return None
            by_label.setdefault(run.fold, []).append(score)
            by_reference.setdefault(run.fold, []).append(expected.get(_key(run), score))
        return Repeat(_means(by_label), _means(by_reference))

    def _expected(self, runs: Sequence[Run]) -> Mapping[Key, float]:
        """What the runs of a repeat are expected to score; none at all where that is not known of each.

        Those that an earlier session trained without a reference have no predictions: a difference between what one
        was expected to score and what another did score would be none between the two.
        """
        found: dict[Key, float] = {}
        for run in runs:
            if self._known[_key(run)].score is None:
                continue
            expected = self._expected_of(run)
            if expected is None or not math.isfinite(expected):
                return {}
            found[_key(run)] = expected
        return found

    def _expected_of(self, run: Run) -> float | None:
        predicted = self._predicted.get(_key(run))
        if self._reference is None or predicted is None:
            return None
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
            plan.scoring.target_of(plan.dataset),
            score=plan.scoring.score,
            sign=self._race.sign,
            seed=self._prepared.spec.study.seed,
            weight=plan.dataset.weight,
        )

    def _find_reference(self) -> Reference | None:
        """What the trials of the search hold likely; None where that is not to be used, or where there is no room for
        the predictions of the confirmation.
        """
        plan = self._prepared.plan
        room = self._asked.keep_predictions_mib * 2**20
        most = len(self._finalists) * self._race.most_repeats * self._prepared.runs_per_trial
        needed = most * plan.capacity.evaluated * plan.dataset.n_outputs * _BYTES_OF_A_NUMBER
        return None if needed > room else find_reference(self._prepared, self._searched)

    def _train_losses(self) -> Mapping[int, float]:
        """The mean loss of each finalist on the rows that train, at the weights kept, in the repeats that count."""
        losses: dict[int, float] = {}
        for trial in self._finalists:
            counting = self._drawn[: len(self._race.repeats(trial.number))]
            runs = (self._prepared.confirmation_runs(trial.number, trial.configuration, each) for each in counting)
            of_runs = [loss for of_repeat in runs for run in of_repeat if math.isfinite(loss := self._train_loss(run))]
            if of_runs:
                losses[trial.number] = fmean(of_runs)
        return losses

    def _train_loss(self, run: Run) -> float:
        """The loss of a run that has a score; not a number where its curve does not tell."""
        known = self._known[_key(run)]
        if not known.best_epoch:
            return math.nan
        if isinstance(known, RunResult):
            curve = known.curve
        else:
            curve = self._storage.curve(self._study_id, run.trial, run.fold, run.repeat, Purpose.CONFIRMATION)
        return float(curve.train_loss[known.best_epoch - 1])

    def _guesses(self) -> list[Sequence[float]]:
        """What a constant guess scores, repeat by repeat, fold by fold; empty where that cannot be told."""
        try:
            return guess_scores(self._prepared, self._drawn)
        except StudyFileError as error:
            self._observer.note(f"What a constant guess scores cannot be told. {error}")
            return []

    def _tell(self, total: int) -> None:
        self._observer.confirming(self._progress(total))

    def _progress(self, total: int) -> Confirming:
        return Confirming(
            repeat=self._race.n_repeats + 1,
            finalists=tuple(trial for trial in self._race.running if trial != self._race.baseline),
            done=self._n_done,
            total=total,
        )


def _means(of_folds: Mapping[int, Sequence[float]]) -> list[float]:
    return [fmean(values) for values in of_folds.values()]


def verdict_settings(asked: ConfirmSection) -> dict[str, Any]:
    """What of [confirm] a verdict depends on, as the verdict tells it."""
    return asked.model_dump(include={"finalists", "repeats", "rule"})


def _key(run: Run) -> Key:
    return run.trial, run.fold, run.repeat
