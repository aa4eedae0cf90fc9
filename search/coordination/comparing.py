"""Configurations that are no trials, scored on the divisions of the confirmation.

They meet the very rows and seeds that the finalists met, so that their differences to the choice and to the baseline
are paired; what was trained for the confirmation is not trained once more. Nothing is written: who asks keeps what
comes of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from search.coordination.estimating import Key
from search.coordination.fresh_divisions import (
    divisions_of,
    drawn_repeats,
    expected_score,
    find_reference,
    guess_scores,
    repeat_of,
)
from search.coordination.gathering import gather_results
from search.coordination.launching import Launch, launched_workers, make_dispatcher
from search.coordination.limits import SessionLimits
from search.coordination.progress import Comparing, Observer, SilentObserver
from search.dispatch import Dispatcher, Train
from search.errors import StudyFailedError, StudyFileError
from search.preparation.study import PreparedStudy
from search.records import (
    Configuration,
    Curve,
    Difference,
    Predictions,
    Purpose,
    Run,
    RunResult,
    RunSummary,
    StudyRecord,
)
from search.selection import Divisions, Repeat, Scores
from search.storage import Patience, Storage


@dataclass(frozen=True)
class Scored:
    """What a configuration came to.

    Args:
        configuration: The configuration.
        repeats: Its scores, repeat by repeat; empty where a run failed.
        train_losses: The loss, without penalties, of the rows that train, at the weights kept, likewise; empty also
            where that is not known.
        validation_losses: The same for the rows that score.
        weight_norms: Layer to the L2 norm of its kernel, the mean over all runs.
        zero_weights: Layer to the share of its kernel that is next to zero, likewise; empty where that is not known.
        error: Why a run failed; None where none did.
    """

    configuration: Configuration
    repeats: tuple[Repeat, ...] = ()
    train_losses: tuple[Scores, ...] = ()
    validation_losses: tuple[Scores, ...] = ()
    weight_norms: Mapping[str, float] | None = None
    zero_weights: Mapping[str, float] | None = None
    error: str | None = None

    @property
    def scores(self) -> list[Scores]:
        """By the labels of the rows, repeat by repeat."""
        return [repeat.scores for repeat in self.repeats]

    @property
    def expected(self) -> list[Scores]:
        """By what the reference holds likely, repeat by repeat."""
        return [repeat.expected for repeat in self.repeats]


@dataclass(frozen=True)
class Compared:
    """Configurations on the same fresh divisions.

    Args:
        scored: What each came to, in the order asked for.
        divisions: What the errors of their differences depend on.
        n_repeats: Repeats.
        has_reference: Whether expected scores are more than the scores.
        guesses: What a guess scores that is the same for every row, repeat by repeat; empty where that is not known.
        sign: 1 where a high score is good, else -1.
    """

    scored: tuple[Scored, ...]
    divisions: Divisions
    n_repeats: int
    has_reference: bool
    guesses: tuple[Scores, ...]
    sign: float

    def difference(self, first: Scored, second: Scored, *, expected: bool = False) -> Difference | None:
        """By how much the first beats the second; positive is better.

        Args:
            first: One of `scored`.
            second: Another one.
            expected: By expected scores, and not by the labels.

        Returns:
            None where one of them has no score; or no expected one, where those are asked for.
        """
        if not first.repeats or not second.repeats or (expected and not self.has_reference):
            return None
        pairs = zip(
            first.expected if expected else first.scores, second.expected if expected else second.scores, strict=True
        )
        gains = [[self.sign * (one - other) for one, other in zip(*pair, strict=True)] for pair in pairs]
        return self.divisions.difference(gains)


def compare_configurations(
    prepared: PreparedStudy,
    storage: Storage,
    record: StudyRecord,
    configurations: Sequence[Configuration],
    n_repeats: int,
    *,
    purpose: str,
    launch: Launch | None = None,
    observer: Observer | None = None,
    train: Train | None = None,
) -> Compared:
    """Score configurations on the first divisions of the confirmation.

    Args:
        prepared: The study; its [space] has every name of every configuration.
        storage: An open database.
        record: The study's record.
        configurations: What to score; one that was confirmed brings its runs.
        n_repeats: Divisions, at most: fewer where groups cannot be divided in so many ways.
        purpose: What it is for, in words: `the ablation`.
        launch: Workers; default: one on this machine.
        observer: Told how it goes.
        train: What a worker calls for each run, as in `run_study`.

    Raises:
        StudyLockedError: A coordinator holds the study.
        StudyFailedError: It was asked to stop, a run failed for a cause that lies in the machine and the moment, or the
            rows cannot be divided anew.
        StorageError: The database went away, or the lock was lost.
    """
    launch, observer = launch or Launch(), observer or SilentObserver()
    with storage.hold(record.name, Patience(launch.storage_timeout_seconds, observer.note)) as lock:
        storage.clear_stop(record.study_id)  # of an earlier session; one that comes from now on is for this one
        with launched_workers(prepared, launch, observer, train) as workers:
            limits = SessionLimits(lock, storage, record.study_id, launch.timeout_seconds)
            dispatcher = make_dispatcher(prepared, record, storage, workers, observer)
            comparison = _Comparison(prepared, storage, record, configurations, n_repeats, purpose)
            return comparison.run(dispatcher, limits, observer)


@dataclass(frozen=True)
class _Told:
    """What is kept of a run."""

    score: float
    expected: float
    losses: tuple[float, float] | None
    weight_norms: Mapping[str, float]
    zero_weights: Mapping[str, float]


class _Comparison:
    """Trains what is missing, division by division."""

    def __init__(
        self,
        prepared: PreparedStudy,
        storage: Storage,
        record: StudyRecord,
        configurations: Sequence[Configuration],
        n_repeats: int,
        purpose: str,
    ) -> None:
        self._prepared = prepared
        self._name = record.name
        self._purpose = purpose
        self._configurations = configurations
        self._repeats = list(drawn_repeats(prepared, n_repeats))
        if not self._repeats:
            raise StudyFailedError(f"{record.name}: expected rows that can be divided anew, received none of them.")
        self._runs = {
            (number, repeat): prepared.confirmation_runs(number, configuration, repeat, Purpose.PARTS)
            for number, configuration in enumerate(configurations)
            for repeat in self._repeats
        }
        self._told: dict[Key, _Told] = {}
        self._errors: dict[int, str] = {}
        self._reference = find_reference(prepared, storage.predictions(record.study_id))
        self._take_confirmed(storage, record.study_id)

    def run(self, dispatcher: Dispatcher, limits: SessionLimits, observer: Observer) -> Compared:
        """Train what is missing; errors as in `compare_configurations`."""
        n_missing = sum(len(self._missing(repeat)) for repeat in self._repeats)
        n_done, n_repeats = 0, len(self._repeats)
        for place, repeat in enumerate(self._repeats, start=1):
            missing = self._missing(repeat)
            if not missing:
                continue
            n_open = len(missing)
            observer.comparing(Comparing(self._purpose, place, n_repeats, n_done, n_missing))
            for result in gather_results(dispatcher, missing, limits, observer, self._purpose):
                if result is None:
                    continue
                self._take(result)
                n_open, n_done = n_open - 1, n_done + 1
                observer.comparing(Comparing(self._purpose, place, n_repeats, n_done, n_missing))
            if n_open or (limits.reached is not None and place < n_repeats):
                raise StudyFailedError(
                    f"{self._name}: {limits.reached}, and nothing of {self._purpose} is stored. "
                    "The same command begins it anew."
                )
        has_reference = self._reference is not None and all(
            math.isfinite(told.expected) for told in self._told.values()
        )
        return Compared(
            scored=tuple(self._scored(number) for number in range(len(self._configurations))),
            divisions=divisions_of(self._prepared),
            n_repeats=n_repeats,
            has_reference=has_reference,
            guesses=self._guesses(observer),
            sign=1.0 if self._prepared.direction == "maximize" else -1.0,
        )

    def _guesses(self, observer: Observer) -> tuple[Scores, ...]:
        try:
            return tuple(guess_scores(self._prepared, self._repeats))
        except StudyFileError as error:
            observer.note(f"What a constant guess scores cannot be told. {error}")
            return ()

    def _missing(self, repeat: int) -> list[Run]:
        """The runs of a repeat that are to be trained, fold by fold, so that a worker prepares its rows once."""
        of_each = [
            self._runs[number, repeat] for number in range(len(self._configurations)) if number not in self._errors
        ]
        return [run for runs in zip(*of_each, strict=True) for run in runs if _key(run) not in self._told]

    def _take_confirmed(self, storage: Storage, study_id: int) -> None:
        """Take what the confirmation has trained of these configurations.

        Without all of its predictions there are no expected scores: those of some alone would compare two things.
        """
        asked = {configuration: number for number, configuration in enumerate(self._configurations)}
        known = [trial for trial in storage.trials(study_id) if trial.configuration in asked]
        found: list[tuple[Run, RunSummary, Predictions | None]] = []
        for trial in known:
            number = asked[trial.configuration]
            wanted = {(run.fold, run.repeat): run for repeat in self._repeats for run in self._runs[number, repeat]}
            predictions = storage.predictions(study_id, Purpose.CONFIRMATION, trial=trial.number)
            for stored in storage.runs(study_id, trial.number, Purpose.CONFIRMATION):
                if (stored.fold, stored.repeat) in wanted:
                    run = wanted[stored.fold, stored.repeat]
                    found.append((run, stored, predictions.get((trial.number, stored.fold, stored.repeat))))
        if any(stored.score is not None and predicted is None for _, stored, predicted in found):
            self._reference = None
        for run, stored, predicted in found:
            if stored.score is None:
                self._errors.setdefault(run.trial, stored.error or "it failed")
                continue
            curve = storage.curve(study_id, stored.trial, stored.fold, stored.repeat, Purpose.CONFIRMATION)
            self._keep(run, stored, stored.score, predicted, curve)

    def _take(self, result: RunResult) -> None:
        if result.cause is not None and result.cause.is_transient:
            raise StudyFailedError(
                f"{self._name}: a run of {self._purpose} failed for a cause that lies in the machine and the moment "
                f"({result.error}), and nothing of it is stored. The same command begins it anew."
            )
        if result.score is None:
            self._errors.setdefault(result.run.trial, result.error or "it failed")
        else:
            self._keep(result.run, result, result.score, result.predictions, result.curve)

    def _keep(
        self,
        run: Run,
        found: RunResult | RunSummary,
        score: float,
        predicted: Predictions | None,
        curve: Curve,
    ) -> None:
        expected, losses, epoch = score, None, found.best_epoch
        if self._reference is not None and predicted is not None:
            expected = expected_score(self._prepared, self._reference, run, predicted)
        if epoch:
            of_epoch = float(curve.train_loss[epoch - 1]), float(curve.validation_loss[epoch - 1])
            losses = of_epoch if all(map(math.isfinite, of_epoch)) else None
        self._told[_key(run)] = _Told(score, expected, losses, found.weight_norms, found.zero_weights)

    def _scored(self, number: int) -> Scored:
        configuration = self._configurations[number]
        if number in self._errors:
            return Scored(configuration, error=self._errors[number])
        told = [[(run.fold, self._told[_key(run)]) for run in self._runs[number, each]] for each in self._repeats]
        flat = [each for repeat in told for _, each in repeat]
        return Scored(
            configuration,
            repeats=tuple(repeat_of((fold, each.score, each.expected) for fold, each in repeat) for repeat in told),
            train_losses=_losses(told, 0),
            validation_losses=_losses(told, 1),
            weight_norms=_layer_means(each.weight_norms for each in flat),
            zero_weights=_layer_means(each.zero_weights for each in flat),
        )


def _losses(told: Sequence[Sequence[tuple[int, _Told]]], place: int) -> tuple[Scores, ...]:
    """The losses of folds, repeat by repeat; empty where one of them is not known."""
    known = [[(fold, each.losses[place]) for fold, each in repeat if each.losses is not None] for repeat in told]
    if any(len(losses) < len(repeat) for losses, repeat in zip(known, told, strict=True)):
        return ()
    return tuple(repeat_of((fold, loss, loss) for fold, loss in repeat).scores for repeat in known)


def _layer_means(runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Layer to the mean of its numbers over all runs; empty where one of them has none."""
    listed = list(runs)
    layers = listed[0] if all(listed) else {}
    return {layer: fmean(run[layer] for run in listed) for layer in layers}


def _key(run: Run) -> Key:
    return run.trial, run.fold, run.repeat
