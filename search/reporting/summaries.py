"""Summaries of a study, read from the storage without Optuna, so that they come at once."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from search.records import (
    ADVICE_KIND,
    BASELINE_TRIAL,
    Advice,
    Coordinator,
    Difference,
    Look,
    StudyRecord,
    Trial,
    TrialState,
    Verdict,
    technique_of,
)
from search.selection import (
    Choice,
    ConstantGuess,
    TrainingFit,
    best_trial,
    choose,
    choose_stored,
    compare_with_constant,
    find_undecided,
    pick_finalists,
)
from search.storage import Storage

StudyState = Literal["running", "draining", "interrupted", "finished", "stopped"]


@dataclass(frozen=True)
class Status:
    """How far a study is and who works on it.

    Args:
        study: The study.
        state: `running` and `draining` have a coordinator; without one a study is `interrupted` when trials were
            cut off, `finished` when its budget is spent and its choice confirmed, and `stopped` otherwise.
        holder: The coordinator, if one runs.
        counts: Trials by Optuna state.
        interrupted: Numbers of the trials that were cut off; the next `run` trains them again.
        best: The best complete trial.
        baseline: Trial 0, once complete.
        answer: Of the verdict; None where there is none yet.
        workers: Worker to the number of runs that it finished.
        last_completed: When a trial last ended, UTC.
    """

    study: StudyRecord
    state: StudyState
    holder: Coordinator | None
    counts: dict[str, int]
    interrupted: tuple[int, ...]
    best: Trial | None
    baseline: Trial | None
    answer: str | None
    workers: dict[str, int]
    last_completed: dt.datetime | None

    @property
    def n_ended(self) -> int:
        """Trials that have their outcome."""
        return sum(count for state, count in self.counts.items() if TrialState[state].is_final)

    def to_json(self) -> dict[str, Any]:
        """The status as JSON-ready values."""
        holder = self.holder
        return {
            "study": self.study.name,
            "state": self.state,
            "coordinator": None
            if holder is None
            else {"host": holder.host, "pid": holder.pid, "since": _utc(holder.since)},
            "n_trials": self.study.n_trials,
            "ended": self.n_ended,
            "trials": self.counts,
            "interrupted": list(self.interrupted),
            "metric": self.study.metric,
            "direction": self.study.direction,
            "baseline": trial_json(self.baseline),
            "best": trial_json(self.best),
            "verdict": self.answer,
            "workers": self.workers,
            "last_completed": _utc(self.last_completed),
            "notes": list(self.study.notes),
        }


def summarize_status(storage: Storage, name: str) -> Status:
    """The status of one study.

    Raises:
        UnknownStudyError: There is no such study.
    """
    return _status(storage, storage.study(name))


def list_studies(storage: Storage) -> list[Status]:
    """The status of every study of the storage that regsearch began, oldest first."""
    return [_status(storage, study) for study in storage.studies()]


def _status(storage: Storage, study: StudyRecord) -> Status:
    # Looked at twice: a study that begins or ends in between is not one that was cut off.
    holder = storage.holder(study.name)
    trials = storage.trials(study.study_id, parameters=False)
    holder = holder or storage.holder(study.name)
    counts = Counter(trial.state.value for trial in trials)
    choice = choose_stored(storage, study, trials)
    open_trials = tuple(trial.number for trial in trials if trial.state is TrialState.RUNNING)
    ended = sum(trial.state.is_final for trial in trials)
    is_finished = ended >= study.n_trials and not _awaits_confirmation(storage, study, trials, choice)
    return Status(
        study=study,
        state=_state(holder is not None, study.stop_requested, len(open_trials), is_finished),
        holder=holder,
        counts=dict(counts),
        interrupted=open_trials if holder is None else (),
        best=choice.best,
        baseline=choice.baseline,
        answer=None if choice.verdict is None else choice.verdict.answer,
        workers=storage.workers(study.study_id),
        last_completed=max((t.completed for t in trials if t.completed is not None), default=None),
    )


def _state(held: bool, stop_requested: bool, n_open: int, finished: bool) -> StudyState:
    if held:
        return "draining" if stop_requested else "running"
    if n_open:
        return "interrupted"
    return "finished" if finished else "stopped"


@dataclass(frozen=True)
class Best:
    """The chosen configuration against the baseline.

    Args:
        study: The study.
        n_trials: Trials that have their outcome.
        choice: The best trial and the baseline.
        constant: The best trial against a constant guess; None without a best trial, and for studies that were
            stored without what such a guess scores.
        training_fit: Where nothing was learned, how far the baseline came on the rows that train, or the best trial
            where the baseline has no score; None for studies that were stored without a constant guess' loss there.
        awaits_confirmation: Whether the next `run` has finalists to confirm.
        undecided: Why the confirmation came to no verdict; None where it did, or was not held.
        looks: At the sealed rows, in order.
        advice: What to do about the choice, one text each; empty where nothing is odd, and before the choice is made.
        zero_shares: Trial number to the share of hidden activations that are exactly 0 on validation rows, the mean
            over layers and runs, for baseline and best; empty for studies that penalize no activations.
    """

    study: StudyRecord
    n_trials: int
    choice: Choice
    constant: ConstantGuess | None
    training_fit: TrainingFit | None
    awaits_confirmation: bool
    undecided: str | None
    looks: tuple[Look, ...]
    zero_shares: Mapping[int, float]
    advice: tuple[str, ...] = ()

    @property
    def seen(self) -> Look | None:
        """The latest look at the sealed rows that saw something."""
        return next((look for look in reversed(self.looks) if look.result is not None), None)

    def sealed_score(self, trial: Trial | None) -> float | None:
        """What a trial scored on sealed rows at the latest look; None where it was not among those that were scored."""
        seen = (self.seen.result or {}) if self.seen is not None else {}
        for told in (seen.get("baseline"), seen.get("chosen")):
            if told is not None and trial is not None and told["trial"] == trial.number:
                score: float | None = told["score"]
                return score
        return None

    @property
    def is_clean(self) -> bool:
        """Whether no trial has ended since the sealed rows were first looked at."""
        return all(look.n_trials == self.n_trials for look in self.looks)

    def to_json(self) -> dict[str, Any]:
        """The contract of `regsearch best --format json`."""
        document: dict[str, Any] = {
            "study": self.study.name,
            "metric": self.study.metric,
            "direction": self.study.direction,
            "n_trials": self.n_trials,
            "baseline": trial_json(self.choice.baseline),
            "best": trial_json(self.choice.best),
            "chosen": trial_json(self.choice.chosen),
        }
        if self.seen is not None:
            document["test"] = {**(self.seen.result or {}), "looks": len(self.looks), "clean": self.is_clean}
        if self.choice.verdict is not None:
            document["verdict"] = verdict_json(self.choice.verdict)
        if self.constant is not None:
            constant = self.constant
            document["constant"] = {
                "score": constant.score,
                "learned": _learned(constant, self.choice.verdict),
                "difference": constant.difference,
                "luck": constant.luck,
            }
        if self.training_fit is not None:
            fit = self.training_fit
            document["training"] = {
                "loss": fit.loss,
                "constant_loss": fit.constant,
                "undertrained": fit.is_undertrained,
            }
        if self.study.facts.own_regularization:
            document["own_regularization"] = list(self.study.facts.own_regularization)
        document["notes"] = list(self.study.notes)
        document["advice"] = list(self.advice)
        if self.zero_shares:
            shown = (("baseline", self.choice.baseline), ("best", self.choice.best))
            document["zero_activations"] = {name: self.zero_shares.get(t.number) for name, t in shown if t is not None}
        return document


def summarize_best(storage: Storage, name: str, trials: Sequence[Trial] | None = None) -> Best:
    """The best configuration of one study against its baseline.

    Args:
        storage: An open database.
        name: The study.
        trials: All its trials, where they are known.

    Raises:
        UnknownStudyError: There is no such study.
    """
    study = storage.study(name)
    if trials is None:
        trials = storage.trials(study.study_id, parameters=False)
    ended = [trial for trial in trials if trial.state.is_final]
    choice = choose_stored(storage, study, trials)
    constant = _against_constant(storage, study, choice.best, len(ended))
    # Looked up where it is told: an unpacked curve costs the import of NumPy.
    fit = _training_fit(storage, study, choice) if _learned(constant, choice.verdict) is False else None
    undecided = _undecided(storage, study, trials)
    awaits = _awaits_confirmation(storage, study, trials, choice)
    looks = tuple(storage.looks(study.study_id))
    shares = _zero_shares(storage, study, choice)
    advice = _advice(storage, study, choice, len(ended))
    return Best(study, len(ended), choice, constant, fit, awaits, undecided, looks, shares, advice)


def _awaits_confirmation(storage: Storage, study: StudyRecord, trials: Sequence[Trial], choice: Choice) -> bool:
    """Whether there are finalists that the next session confirms."""
    if choice.verdict is not None or _undecided(storage, study, trials) is not None:
        return False
    return bool(pick_finalists(trials, study.direction, study.spec.get("confirm", {}).get("finalists", 0)))


def _undecided(storage: Storage, study: StudyRecord, trials: Sequence[Trial]) -> str | None:
    """Why the confirmation came to no verdict; None where it did, or was not held."""
    asked = study.spec.get("confirm", {})
    settings = {name: asked[name] for name in ("finalists", "repeats", "rule") if name in asked}
    return find_undecided(storage, study, trials, settings)


def _advice(storage: Storage, study: StudyRecord, choice: Choice, n_trials: int) -> tuple[str, ...]:
    """What was told when this very choice was made."""
    stored = storage.analysis(study.study_id, ADVICE_KIND)
    if stored is None or choice.chosen is None:
        return ()
    advice = Advice.from_json(stored.document)
    return advice.told if (advice.n_trials, advice.chosen) == (n_trials, choice.chosen.number) else ()


def _learned(constant: ConstantGuess | None, verdict: Verdict | None) -> bool | None:
    """Whether anything was learned: as the verdict says, and without one as the search tells; None where it cannot."""
    if verdict is not None and verdict.against_constant is not None:
        return verdict.answer != "nothing to learn"
    return None if constant is None else constant.learned


def _training_fit(storage: Storage, study: StudyRecord, choice: Choice) -> TrainingFit | None:
    trial, constant = choice.baseline or choice.best, study.facts.constant_losses
    if trial is None or not constant:
        return None
    losses = []
    for run in storage.runs(study.study_id, trial.number):
        if run.score is not None and run.best_epoch:
            curve = storage.curve(study.study_id, run.trial, run.fold, run.repeat)
            losses.append(float(curve.train_loss[run.best_epoch - 1]))
    return TrainingFit(fmean(losses), fmean(constant)) if losses else None


def _zero_shares(storage: Storage, study: StudyRecord, choice: Choice) -> dict[int, float]:
    numbers = {trial.number for trial in (choice.baseline, choice.best) if trial is not None}
    shares = {
        number: [fmean(run.zero_shares.values()) for run in storage.runs(study.study_id, number) if run.zero_shares]
        for number in sorted(numbers)
    }
    return {number: fmean(of_runs) for number, of_runs in shares.items() if of_runs}


def _against_constant(storage: Storage, study: StudyRecord, best: Trial | None, n_trials: int) -> ConstantGuess | None:
    scores = study.facts.constant_scores
    if best is None or not scores:
        return None
    split = study.spec.get("split", {})
    n_train, n_validation = _fold_sizes(study, stops_on_validation=split.get("stop") == "validation")
    return compare_with_constant(
        storage.runs(study.study_id, best.number),
        scores,
        study.direction,
        n_trials,
        n_train=n_train,
        n_validation=n_validation,
        n_folds=_n_folds(split, len(scores)),
    )


def _n_folds(split: Mapping[str, Any], n_scores: int) -> int | None:
    """Folds of one division; None for a single one. Those that the user numbers are of one division."""
    if split.get("column") is not None:
        return n_scores if n_scores > 1 else None
    folds: int | None = split.get("validation", {}).get("folds")
    return folds


def _fold_sizes(study: StudyRecord, *, stops_on_validation: bool) -> tuple[int | None, int | None]:
    """Rows that train and rows that score; None where that was not stored.

    Folds of groups and of rows in order differ in size: the one with the most scoring rows for its training rows is
    taken, which makes the error too large rather than too small.
    """
    facts = study.facts
    if facts.training_rows:
        folds = zip(facts.training_rows, facts.validation_rows, strict=True)
        return max(folds, key=lambda fold: fold[1] / fold[0])
    # Version 1 tells the stop rows apart, on which a run without early stopping trains too, unless they score.
    n_train = facts.rows.train + (0 if stops_on_validation else facts.rows.stop)
    return n_train or None, facts.rows.validation or None


@dataclass(frozen=True)
class TechniqueSet:
    """The trials in which the same techniques were on, and no others.

    Args:
        techniques: Their names in [space], in its order; empty for the trials with everything off.
        n_trials: Trials that have their outcome.
        best: The best complete one; None when none is complete.
        mean_score: Mean over the complete ones; None when there are none.
        gain: By how much the best one beats the baseline; positive is better.
    """

    techniques: tuple[str, ...]
    n_trials: int
    best: Trial | None
    mean_score: float | None
    gain: float | None

    @property
    def label(self) -> str:
        """The techniques in words: `l2 + dropout`, `baseline`."""
        return " + ".join(self.techniques) or "baseline"

    def to_json(self) -> dict[str, Any]:
        """One row of `regsearch compare NAME --format json`."""
        return {
            "techniques": list(self.techniques),
            "n_trials": self.n_trials,
            "best": trial_json(self.best),
            "mean_score": self.mean_score,
            "gain": self.gain,
        }


@dataclass(frozen=True)
class Techniques:
    """What the techniques of a study did, alone and together.

    Args:
        study: The study.
        rows: One for each set of techniques that were on together, the best first, those without a score last.
    """

    study: StudyRecord
    rows: tuple[TechniqueSet, ...]

    def to_json(self) -> dict[str, Any]:
        """The contract of `regsearch compare NAME --format json`."""
        return {
            "study": self.study.name,
            "metric": self.study.metric,
            "direction": self.study.direction,
            "techniques": [row.to_json() for row in self.rows],
        }


def compare_techniques(storage: Storage, name: str) -> Techniques:
    """The trials of one study by the techniques that were on.

    Raises:
        UnknownStudyError: There is no such study.
    """
    study = storage.study(name)
    ended = [trial for trial in storage.trials(study.study_id, parameters=False) if trial.state.is_final]
    choice = choose(ended, study.direction)
    techniques = [name for name in study.spec["space"] if technique_of(name) is not None]
    sets: dict[tuple[str, ...], list[Trial]] = {}
    for trial in ended:
        sets.setdefault(tuple(name for name in techniques if name in trial.configuration), []).append(trial)
    rows = [_summarize_set(names, trials, choice) for names, trials in sets.items()]
    sign = 1.0 if study.direction == "minimize" else -1.0
    scored = [(sign * row.best.score, row) for row in rows if row.best is not None and row.best.score is not None]
    best_first = [row for _, row in sorted(scored, key=lambda pair: pair[0])]
    return Techniques(study, (*best_first, *(row for row in rows if row.best is None)))


def _summarize_set(techniques: tuple[str, ...], trials: Sequence[Trial], choice: Choice) -> TechniqueSet:
    best = best_trial(trials, choice.direction)
    scores = [trial.score for trial in trials if trial.score is not None]
    return TechniqueSet(
        techniques=techniques,
        n_trials=len(trials),
        best=best,
        mean_score=math.fsum(scores) / len(scores) if scores else None,
        gain=choice.gain_of(best),
    )


def list_trials(storage: Storage, name: str) -> tuple[StudyRecord, list[Trial]]:
    """A study and its trials by number.

    Raises:
        UnknownStudyError: There is no such study.
    """
    study = storage.study(name)
    return study, storage.trials(study.study_id, parameters=False)


def compare_studies(storage: Storage, names: Sequence[str]) -> list[Best]:
    """The best configuration of several studies, in the order asked for.

    Raises:
        UnknownStudyError: One of them does not exist.
    """
    return [summarize_best(storage, name) for name in names]


def trial_json(trial: Trial | None) -> dict[str, Any] | None:
    """A trial as JSON-ready values."""
    if trial is None:
        return None
    return {"trial": trial.number, "score": trial.score, "configuration": dict(trial.configuration)}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The contract of `verdict` in `regsearch best --format json`."""
    against = verdict.against_constant
    return {
        "answer": verdict.answer,
        "chosen": verdict.chosen,
        "candidate": verdict.candidate,
        "rule": verdict.rule,
        **_difference_json(verdict.difference),
        "expected": _difference_json(verdict.expected),
        "level": verdict.level,
        "repeats": verdict.repeats,
        "optimism": verdict.optimism,
        "scores_other_rows": verdict.scores_other_rows,
        "bootstrap": None if verdict.estimate is None else verdict.estimate.to_json(),
        "constant": verdict.constant,
        "chance": verdict.chance,
        "against_constant": None if against is None else _difference_json(against),
        "finalists": [
            {
                "trial": each.trial,
                "score": each.score,
                "expected": each.expected,
                "search_score": each.search_score,
                "repeats": each.repeats,
                "train_loss": each.train_loss,
                "end": each.end,
                **({} if each.difference is None else _difference_json(each.difference)),
            }
            for each in verdict.finalists
        ],
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    ends = None if difference.low is None else [difference.low, difference.high]
    return {"difference": difference.mean, "interval": ends, "standard_error": difference.standard_error}


def trial_row_json(trial: Trial) -> dict[str, Any]:
    """A trial with its state, as one row of `regsearch trials --format json`."""
    return {
        "trial": trial.number,
        "state": trial.state.value,
        "baseline": trial.number == BASELINE_TRIAL,
        "score": trial.score,
        "configuration": dict(trial.configuration),
        "error": trial.error,
        "started": _utc(trial.started),
        "completed": _utc(trial.completed),
    }


def _utc(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds") + "Z"
