"""What a confirmation found: the finalists on fresh divisions of the rows, the choice, and whether it helps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from search.records.damage import damage_told
from search.records.estimate import SelectionEstimate

Answer = Literal["helps", "no gain", "nothing to learn"]
Rule = Literal["best", "one_se"]

CERTAIN_ERRORS = 1.645
"""Standard errors that a normal variable exceeds with a probability of 5 %. Corrected errors are on the safe side."""

VERDICT_VERSION = 1
"""The version of the documents that are written now."""


class UnknownVerdictError(ValueError):
    """A document is no verdict of a version that we know."""


@dataclass(frozen=True)
class Difference:
    """By how much one configuration beats another, or a guess, on the same fresh divisions; positive is better.

    Args:
        mean: In the unit of the score.
        low: Lower end of the interval; None where nothing tells it, as for a single run.
        high: Its upper end.
        standard_error: Of the mean, corrected for rows that divisions share.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.low is not None and self.low > 0

    def exceeds(self, n_errors: float) -> bool:
        """Whether the mean is above so many of its standard errors."""
        return self.standard_error is not None and self.mean > n_errors * self.standard_error

    @property
    def is_certain(self) -> bool:
        """Whether the mean is above its own uncertainty: more than chance makes of no difference in 19 of 20 cases."""
        return self.exceeds(CERTAIN_ERRORS)


@dataclass(frozen=True)
class Finalist:
    """A configuration that was scored once more.

    Args:
        trial: Its trial.
        score: Mean over its repeats; None where a run failed.
        expected: Mean of what it is expected to score where labels are drawn from the reference, likewise.
        search_score: What it scored in the search.
        difference: By how much it beats the baseline, in the repeats that it has; None of the baseline, and without a
            score.
        repeats: Repeats that it has.
        train_loss: Mean loss, without penalties, of the rows that train, at the weights kept; None without a score.
        end: Why it has fewer repeats than others; None where it has not.
    """

    trial: int
    score: float | None
    expected: float | None
    search_score: float
    difference: Difference | None
    repeats: int
    train_loss: float | None = None
    end: Literal["beaten", "failed"] | None = None


@dataclass(frozen=True, repr=False)
class Verdict:
    """What a study ends with.

    Args:
        answer: `helps`: the choice beats the baseline by more than its uncertainty; `no gain`: nothing does, and the
            choice is the baseline; `nothing to learn`: not even a guess that is the same for every row is beaten.
        chosen: The trial that the study ends with.
        candidate: The finalist that the rule picks; the choice where it helps, or else what was weighed and found too
            light.
        rule: How it was picked.
        difference: By how much the candidate beats the baseline, by the labels of the rows.
        expected: The same for expected scores, which decide.
        level: Of all intervals, in (0, 1).
        repeats: Fresh divisions that the candidate was scored on.
        optimism: By how much better the candidate scored in the search than on fresh divisions.
        finalists: The baseline, then the others in the order of the search.
        constant: What the guess scores; None where that is not known.
        against_constant: By how much the chosen configuration beats the guess.
        chance: The chance of such a score where labels have nothing to do with rows; None where that is not known.
        scores_other_rows: Whether the repeats score other rows than the search, run by run; else seeds alone are fresh.
        n_trials: Trials that had ended.
        estimate: What the best of all trials scores on rows that it was not chosen on, which nothing was trained for;
            None where that cannot be told.
        asked: What [confirm] asked for, as far as the verdict depends on it.
        version: The version of the document that this was read from.
    """

    answer: Answer
    chosen: int
    candidate: int
    rule: Rule
    difference: Difference
    expected: Difference
    level: float
    repeats: int
    optimism: float
    finalists: tuple[Finalist, ...]
    constant: float | None
    against_constant: Difference | None
    chance: float | None
    scores_other_rows: bool
    n_trials: int
    estimate: SelectionEstimate | None
    asked: Mapping[str, Any]
    version: int = VERDICT_VERSION

    @property
    def has_reference(self) -> bool:
        """Whether expected scores are others than those by the labels."""
        return self.expected != self.difference

    def __repr__(self) -> str:
        """In a line: what it holds of every finalist would fill a screen."""
        told, ends = self.difference, ""
        if told.low is not None and told.high is not None:
            ends = f", {self.level:.0%} interval {told.low:.4g} to {told.high:.4g}"
        gain = f"trial {self.candidate} gains {told.mean:.4g} over the baseline{ends}"
        return f"<Verdict: {self.answer}; {gain}; chosen trial {self.chosen}>"

    def finalist(self, trial: int) -> Finalist | None:
        """The finalist of a trial."""
        return next((each for each in self.finalists if each.trial == trial), None)

    def to_json(self) -> dict[str, Any]:
        """The verdict as JSON-ready values; `from_json` gives the same verdict back."""
        estimate = None if self.estimate is None else self.estimate.to_json()
        finalists = [dataclasses.asdict(each) for each in self.finalists]
        return dataclasses.asdict(self) | {"finalists": finalists, "estimate": estimate}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote.

        Raises:
            UnknownVerdictError: The document is of a version that we do not know.
        """
        if document.get("version") != VERDICT_VERSION:
            received = document.get("version")
            raise UnknownVerdictError(f"expected a verdict of version {VERDICT_VERSION}, received {received!r}")
        with damage_told("a verdict"):
            finalists = tuple(
                Finalist(**{**each, "difference": _difference(each["difference"])}) for each in document["finalists"]
            )
            differences = {name: _difference(document[name]) for name in ("difference", "expected", "against_constant")}
            told = document["estimate"]
            estimate = None if told is None else SelectionEstimate.from_json(told)
            return cls(**{**document, **differences, "finalists": finalists, "estimate": estimate})


def _difference(document: Mapping[str, Any] | None) -> Difference | None:
    return None if document is None else Difference(**document)
