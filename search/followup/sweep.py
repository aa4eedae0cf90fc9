"""One name of a choice is swept over its values, the others as they were chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from search.coordination.comparing import Compared, Scored
from search.errors import Problem, UsageError
from search.followup.again import Question, Trainers, ask, compare
from search.preparation.catalogue import default_catalogue
from search.preparation.study import PreparedStudy
from search.records import (
    SWEEP_KIND,
    SWEEP_VERSION,
    Configuration,
    Mean,
    Setting,
    Sweep,
    SweepPoint,
    technique_of,
)
from search.selection import LEVEL, Scores
from search.spec import OFF, Choices, Range, StudySpec, canonical_name, spec_from_json, with_choices
from search.storage import Storage
from search.techniques import TECHNIQUES, required_names

DEFAULT_POINTS = 13
"""Values, where a range is swept: two to a decade from 1e-6 to 1."""

_PENALTIES = (1e-6, 1e-1)
"""Of coefficients whose range the study does not tell."""

_DECADES = 100.0
"""Ratio of the ends from which on values stand in even steps of their logarithm, where the study does not tell."""

_DIGITS = 6

Number = float | int


@dataclass(frozen=True)
class Values:
    """The values to sweep a name over.

    Args:
        over: As in [space]. It need not be there: a technique that suits the model is swept all the same.
        low: The lowest; None for that of [space].
        high: The highest, likewise.
        n_points: How many, 2 at least, both ends among them; None for 13, or for the choices of [space].
    """

    over: str
    low: float | None = None
    high: float | None = None
    n_points: int | None = None


def sweep(
    storage: Storage,
    name: str,
    values: Values,
    *,
    repeats: int | None = None,
    again: bool = False,
    trainers: Trainers | None = None,
) -> Sweep:
    """Sweep one name of a study's choice over values.

    All are trained on the divisions of the confirmation, with its seeds. What comes of it is stored, and told again as
    long as choice and question stay the same.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were, where something is trained.
        values: What is swept.
        repeats: Fresh divisions; None for as many as its verdict has, and 5 at least.
        again: Train though the same is stored.
        trainers: Who trains; default: one worker on this machine.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score; or it was asked to stop, or the machine failed a run.
        UsageError: There is no number to sweep; or the data is not what it was.
        StudyFileError: The name, or a value, is none that a study file may have for this model and data.
        StudyLockedError: A coordinator holds the study.
    """
    question = ask(storage, name, repeats)
    spec = spec_from_json(question.record.spec)
    values = replace(values, over=canonical_name(values.over, default_catalogue()))
    swept = _swept_values(spec, values)
    stored = None if again else stored_sweep(storage, question, values.over, swept)
    if stored is not None:
        return stored
    course = _Course(values.over, swept, spec, question)
    course.check()
    prepared, compared = compare(
        storage,
        question,
        lambda prepared: [
            question.chosen.configuration,
            course.baseline(prepared),
            *course.configurations(prepared).values(),
        ],
        trainers or Trainers(),
        purpose=f"the path over {values.over}",
        spec=course.widened(),
    )
    found = _sweep(prepared, course, compared)
    storage.keep_analysis(question.record.study_id, SWEEP_KIND, values.over, found.to_json())
    return found


def stored_sweep(storage: Storage, question: Question, over: str, swept: tuple[Number, ...]) -> Sweep | None:
    """The sweep that answers the very question, as the storage holds it; None where there is none."""
    stored = storage.analysis(question.record.study_id, SWEEP_KIND, over)
    if stored is None or stored.document.get("version") != SWEEP_VERSION:
        return None
    found, chosen = Sweep.from_json(stored.document), question.chosen
    asked = (chosen.number, chosen.configuration, question.repeats, swept)
    return found if (found.trial, found.configuration, found.asked_repeats, found.asked_values) == asked else None


def _swept_values(spec: StudySpec, values: Values) -> tuple[Number, ...]:
    """The values in ascending order.

    Raises:
        UsageError: There is no number to sweep, or its ends are not told.
    """
    entry, over = spec.space.get(values.over), values.over
    technique = TECHNIQUES.get(technique_of(over) or "")
    if entry is None and technique is None:
        _refuse_unknown(spec, over)
    listed = [value for value in entry.choices if value != OFF] if isinstance(entry, Choices) else []
    if any(not _is_number(value) for value in listed) or (technique is not None and technique.domain.names):
        raise _wrong(over, f"expected a name whose values are numbers, received {over}")
    if listed and values.low is None and values.high is None and values.n_points is None:
        return tuple(sorted(listed))
    low, high = _ends(entry, technique is not None and technique.is_penalty, values)
    if not low < high:
        raise _wrong(over, f"expected low < high, received low = {low:g}, high = {high:g}", "Give --low and --high.")
    is_log = entry.log if isinstance(entry, Range) else 0 < low * _DECADES <= high
    whole = _is_whole(entry, technique.domain.kind == "int" if technique else isinstance(_file_value(spec, over), int))
    return _spread(low, high, values.n_points or DEFAULT_POINTS, is_log=is_log and low > 0, whole=whole)


def _refuse_unknown(spec: StudySpec, over: str) -> None:
    """Refuse a name that is no technique, unless it is a setting that is a number.

    Raises:
        UsageError: It is a setting of another kind.
        StudyFileError: It is none.
    """
    value = _file_value(spec, over)
    if value is not None and not _is_number(value):
        raise _wrong(over, f"expected a name whose values are numbers, received {over}")
    with_choices(spec, over, [value if _is_number(value) else 1], default_catalogue(), f"--over {over}")


def _file_value(spec: StudySpec, over: str) -> Any:
    """What the study's file says of a setting; None where it says nothing, and for a technique."""
    return spec.setting(over) if technique_of(over) is None else None


def _ends(entry: Range | Choices | None, is_penalty: bool, values: Values) -> tuple[float, float]:
    if isinstance(entry, Range):
        known: tuple[float, float] | None = (entry.low, entry.high)
    elif entry is not None:
        numbers = [value for value in entry.choices if value != OFF]
        known = (min(numbers), max(numbers))
    else:
        known = _PENALTIES if is_penalty else None
    low, high = values.low, values.high
    if known is not None:
        low, high = known[0] if low is None else low, known[1] if high is None else high
    if not all(math.isfinite(end) for end in (low, high) if end is not None):
        raise _wrong(values.over, f"expected finite ends, received {low} and {high}")
    if low is None or high is None:
        raise _wrong(
            values.over,
            f"expected --low and --high, since [space] has no {values.over}, received "
            f"{'neither' if low is None and high is None else 'one of them'}",
        )
    return low, high


def _is_whole(entry: Range | Choices | None, of_technique: bool) -> bool:
    """Whether the values are whole numbers."""
    if isinstance(entry, Range):
        return isinstance(entry.low, int)
    if isinstance(entry, Choices):
        return all(isinstance(value, int) for value in entry.choices if value != OFF)
    return of_technique


def _spread(low: float, high: float, n_points: int, *, is_log: bool, whole: bool) -> tuple[Number, ...]:
    """Values from low to high, both included, in even steps, or in even steps of their logarithm."""
    shares = [place / (n_points - 1) for place in range(1, n_points - 1)]
    between = [low * (high / low) ** share if is_log else low + (high - low) * share for share in shares]
    if whole:
        return tuple(sorted({round(value) for value in (low, *between, high)}))
    return tuple(dict.fromkeys((float(low), *(float(f"{value:.{_DIGITS}g}") for value in between), float(high))))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _wrong(over: str, message: str, remedy: str = "") -> UsageError:
    return UsageError(Problem(f"--over {over}", message, remedy))


@dataclass(frozen=True)
class _Course:
    """The configurations of a sweep.

    Args:
        over: The name that is swept.
        swept: Its values.
        spec: The study as it is stored.
        question: What is asked about it.
    """

    over: str
    swept: tuple[Number, ...]
    spec: StudySpec
    question: Question

    @property
    def chosen_value(self) -> Setting | None:
        """The value of the choice; None of a technique that is off."""
        chosen = self.question.chosen.configuration
        if self.over in chosen or self._is_technique:
            return chosen.get(self.over)
        value: Setting | None = _file_value(self.spec, self.over)
        return value

    def check(self) -> None:
        """Refuse a technique that means nothing beside the choice.

        Raises:
            UsageError: What it requires is off.
        """
        technique = TECHNIQUES.get(technique_of(self.over) or "")
        required = () if technique is None else required_names(technique)
        on = {technique_of(name) for name in self.question.chosen.configuration}
        if required and on.isdisjoint(required):
            wanted = f"expected {' or '.join(required)} in the choice, without which {self.over} means nothing"
            raise _wrong(self.over, f"{wanted}, received none")

    def widened(self) -> StudySpec:
        """The study with all of the values in its [space].

        Raises:
            StudyFileError: They may not be there.
        """
        numbers = [*self.swept, *([self.chosen_value] if _is_number(self.chosen_value) else [])]
        numbers.append(_file_value(self.spec, self.over))
        known: list[Number] = [value for value in numbers if isinstance(value, int | float)]
        catalogue = default_catalogue()
        return with_choices(self.spec, self.over, list(dict.fromkeys(known)), catalogue, f"--over {self.over}")

    def baseline(self, prepared: PreparedStudy) -> Configuration:
        """The study's own baseline, which knows nothing of a setting that is swept without being searched."""
        baseline = prepared.space.configuration(prepared.space.baseline())
        return Configuration({name: value for name, value in baseline.items() if name in self.spec.space})

    def configurations(self, prepared: PreparedStudy) -> dict[Number | None, Configuration]:
        """Each value to its configuration; None is off, which a setting cannot be."""
        chosen, chosen_value = self.question.chosen.configuration, self.chosen_value
        values = {value for value in (*self.swept, chosen_value) if isinstance(value, int | float)}
        found: dict[Number | None, Configuration] = {}
        if self._is_technique:
            found[None] = prepared.space.without(chosen, self.over)
        for value in sorted(values):
            found[value] = chosen if value == chosen_value else Configuration({**chosen, self.over: value})
        return found

    @property
    def _is_technique(self) -> bool:
        return technique_of(self.over) is not None


def _sweep(prepared: PreparedStudy, course: _Course, compared: Compared) -> Sweep:
    whole, *_ = compared.scored
    question, scored = course.question, {each.configuration: each for each in compared.scored}
    points = [_point(value, scored[each], whole, compared) for value, each in course.configurations(prepared).items()]
    baseline = scored[course.baseline(prepared)]
    return Sweep(
        over=course.over,
        trial=question.chosen.number,
        configuration=question.chosen.configuration,
        points=tuple(points),
        baseline=_point(None, baseline, whole, compared),
        constant=_mean(compared.guesses) if compared.guesses else None,
        level=LEVEL,
        repeats=compared.n_repeats,
        scores_other_rows=compared.divisions.are_fresh,
        asked_values=course.swept,
        asked_repeats=question.repeats,
    )


def _point(value: Number | None, scored: Scored, whole: Scored, compared: Compared) -> SweepPoint:
    def measured(repeats: Sequence[Scores]) -> Mean | None:
        if not repeats:
            return None
        # The mean of scores has the same error as one of differences: theirs to nothing.
        found = compared.divisions.difference(repeats)
        return Mean(found.mean, found.standard_error)

    is_chosen = scored.configuration == whole.configuration
    return SweepPoint(
        value=value,
        is_chosen=is_chosen,
        score=measured(scored.scores),
        expected=measured(scored.expected) if compared.has_reference else None,
        train_loss=measured(scored.train_losses),
        validation_loss=measured(scored.validation_losses),
        difference=None if is_chosen else compared.difference(scored, whole),
        weight_norms=scored.weight_norms or {},
        nonzero_weights={layer: 1 - share for layer, share in (scored.zero_weights or {}).items()},
        error=scored.error,
    )


def _mean(repeats: Sequence[Scores]) -> float:
    return fmean(value for repeat in repeats for value in repeat)
