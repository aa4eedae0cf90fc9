"""The baseline, the best trial and the chosen one of a study."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.errors import Problem, UsageError
from search.records import BASELINE_TRIAL, Direction, StudyRecord, Trial, TrialState, UnknownVerdictError, Verdict
from search.storage import Storage


@dataclass(frozen=True)
class Choice:
    """What a study found.

    Args:
        baseline: Trial 0, everything off; None while it has no score.
        best: The complete trial with the best score; None while there is none.
        direction: Whether a low or a high score is good.
        verdict: What the confirmation found; None where there was none, or where trials have ended since.
        confirmed: The trial that it chose.
        candidate: The finalist that it weighed against the baseline.
    """

    baseline: Trial | None
    best: Trial | None
    direction: Direction
    verdict: Verdict | None = None
    confirmed: Trial | None = None
    candidate: Trial | None = None

    @property
    def chosen(self) -> Trial | None:
        """The trial that the study ends with, which is exported and trained once more; None while none has a score.

        The one that the verdict chose. Without a verdict the best one, or the baseline where nothing beats it. Whoever
        gives a configuration away asks here.
        """
        if self.confirmed is not None:
            return self.confirmed
        return self.baseline if self.gain is not None and self.gain <= 0 else self.best

    @property
    def roles(self) -> list[tuple[Trial, tuple[str, ...]]]:
        """The trials that matter, each once, with all that it is: baseline, best, candidate, chosen.

        The candidate is named where it is not chosen, and the chosen one where there is a verdict.
        """
        named = [("baseline", self.baseline), ("best", self.best)]
        if self.confirmed is not None:
            rejected = self.candidate if self.candidate != self.confirmed else None
            named += [("candidate", rejected), ("chosen", self.confirmed)]
        trials = {trial.number: trial for _, trial in named if trial is not None}
        return [
            (trial, tuple(role for role, each in named if each is not None and each.number == number))
            for number, trial in trials.items()
        ]

    @property
    def gain(self) -> float | None:
        """By how much the best trial beats the baseline; positive is better, None without both scores."""
        return self.gain_of(self.best)

    def gain_of(self, trial: Trial | None) -> float | None:
        """By how much `trial` beats the baseline; positive is better, None without both scores."""
        if trial is None or self.baseline is None:
            return None
        if trial.score is None or self.baseline.score is None:
            return None
        if self.direction == "maximize":
            return trial.score - self.baseline.score
        return self.baseline.score - trial.score


def choose(trials: Iterable[Trial], direction: Direction, verdict: Verdict | None = None) -> Choice:
    """The baseline, the best and the chosen one of `trials`.

    Args:
        trials: Those of a study.
        direction: Whether a low or a high score is good.
        verdict: What the confirmation found about these very trials.
    """
    listed = list(trials)
    complete = [trial for trial in listed if trial.state is TrialState.COMPLETE]
    baseline = next((trial for trial in complete if trial.number == BASELINE_TRIAL), None)
    best = best_trial(complete, direction)
    if verdict is None:
        return Choice(baseline, best, direction)
    by_number = {trial.number: trial for trial in complete}
    confirmed, candidate = by_number[verdict.chosen], by_number.get(verdict.candidate)
    return Choice(baseline, best, direction, verdict, confirmed, candidate)


def choose_stored(storage: Storage, study: StudyRecord, trials: Sequence[Trial]) -> Choice:
    """The choice of a study as the storage holds it; a verdict on fewer trials than have ended is none, and neither is
    one of another version of this program: the next run decides anew.

    Args:
        storage: An open database.
        study: The study's record.
        trials: All its trials.
    """
    stored, verdict = storage.verdict(study.study_id), None
    n_ended = sum(trial.state.is_final for trial in trials)
    if stored is not None and stored.n_trials == n_ended:
        with contextlib.suppress(UnknownVerdictError):
            verdict = Verdict.from_json(stored.verdict)
    return choose(trials, study.direction, verdict)


def best_trial(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The complete trial with the best score; of equal ones the earliest, so that a tie shows no gain."""
    sign = 1.0 if direction == "minimize" else -1.0
    scored = [(sign * t.score, t.number, t) for t in trials if t.score is not None and t.state is TrialState.COMPLETE]
    return min(scored, default=(0.0, 0, None), key=lambda entry: entry[:2])[2]


def no_score_remedy(name: str, n_ended: int) -> str:
    """What to do about a study no trial of which has a score.

    Args:
        name: The study.
        n_ended: Trials that have their outcome.
    """
    if n_ended:
        return f"{n_ended} ended without one: `regsearch trials {name}` tells why."
    return f"None has ended: `regsearch status {name}` tells how far it is."


def find_trial(study: StudyRecord, trials: Iterable[Trial], number: int) -> Trial:
    """A trial of a study that has a score.

    Raises:
        UsageError: There is none of that number, or it has no score.
    """
    found = next((trial for trial in trials if trial.number == number), None)
    if found is None or found.score is None:
        received = f"trial {number}, which " + ("does not exist" if found is None else "has none")
        remedy = f"`regsearch trials {study.name}` lists them."
        raise UsageError(Problem(study.name, f"expected a trial with a score, received {received}", remedy))
    return found


_UNDECIDED_KEY = "undecided"


def keep_undecided(storage: Storage, study_id: int, n_trials: int, asked: Mapping[str, Any], reason: str) -> None:
    """Write down why a confirmation came to no verdict: it would come to none again.

    Args:
        storage: An open database.
        study_id: The study.
        n_trials: Trials that had ended.
        asked: What [confirm] asked for, as far as a verdict depends on it.
        reason: In words.
    """
    storage.remember(study_id, _UNDECIDED_KEY, {"n_trials": n_trials, "asked": dict(asked), "reason": reason})


def find_undecided(
    storage: Storage, study: StudyRecord, trials: Sequence[Trial], asked: Mapping[str, Any]
) -> str | None:
    """Why a confirmation of these very trials came to no verdict; None where there was none.

    Args:
        storage: An open database.
        study: The study's record.
        trials: All its trials.
        asked: What [confirm] asks for, as far as a verdict depends on it.
    """
    told = storage.recall(study.study_id, _UNDECIDED_KEY) or {}
    n_ended = sum(trial.state.is_final for trial in trials)
    is_of_these = (told.get("n_trials"), told.get("asked")) == (n_ended, dict(asked))
    return str(told["reason"]) if is_of_these else None
