"""What each part of a choice is worth: each is taken out in turn, and what is left is scored beside the choice."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from search.coordination.advising import keep_advice
from search.coordination.comparing import Compared, Scored
from search.errors import Problem, UsageError
from search.followup.again import Question, Trainers, ask, compare
from search.preparation.study import PreparedStudy
from search.records import ABLATION_KIND, ABLATION_VERSION, BASELINE_TRIAL, Ablation, Configuration, Removal
from search.selection import LEVEL
from search.storage import Storage


def ablate(
    storage: Storage, name: str, *, repeats: int | None = None, again: bool = False, trainers: Trainers | None = None
) -> Ablation:
    """Take each part of a study's choice out in turn: each technique that is on, each setting that is not the file's.

    All are trained on the divisions of the confirmation, with its seeds: differences are paired. What comes of it is
    stored, and told again as long as choice and question stay the same.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were, where something is trained.
        repeats: Fresh divisions; None for as many as its verdict has, and 5 at least.
        again: Train though the same is stored.
        trainers: Who trains; default: one worker on this machine.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: No trial of the study has a score; or it was asked to stop, or the machine failed a run.
        UsageError: The choice is the baseline; or the data is not what it was.
        StudyLockedError: A coordinator holds the study.
    """
    question = ask(storage, name, repeats)
    if question.chosen.number == BASELINE_TRIAL:
        raise UsageError(
            Problem(
                name,
                "expected a choice with something to take out, received the baseline",
                f"Nothing that was tried is chosen before it; `regsearch best {name}` says why.",
            )
        )
    stored = None if again else stored_ablation(storage, question)
    if stored is not None:
        return stored
    prepared, compared = compare(
        storage,
        question,
        lambda prepared: [question.chosen.configuration, *_parts(prepared, question).values(), _baseline(prepared)],
        trainers or Trainers(),
        purpose="the ablation",
    )
    ablation = _ablation(prepared, question, compared)
    storage.keep_analysis(question.record.study_id, ABLATION_KIND, "", ablation.to_json())
    # It is part of what the choice's advice depends on.
    keep_advice(storage, question.record, storage.trials(question.record.study_id))
    return ablation


def stored_ablation(storage: Storage, question: Question) -> Ablation | None:
    """The ablation that answers the very question, as the storage holds it; None where there is none."""
    stored = storage.analysis(question.record.study_id, ABLATION_KIND)
    if stored is None or stored.document.get("version") != ABLATION_VERSION:
        return None
    ablation = Ablation.from_json(stored.document)
    return ablation if ablation.is_of(question.chosen) and ablation.asked_repeats == question.repeats else None


def _baseline(prepared: PreparedStudy) -> Configuration:
    return prepared.space.configuration(prepared.space.baseline())


def _parts(prepared: PreparedStudy, question: Question) -> dict[tuple[str, ...], Configuration]:
    """What is taken out to what is left: each technique that is on, each setting that is not the file's."""
    whole, baseline = question.chosen.configuration, _baseline(prepared)
    parts = [name for name in prepared.spec.space if whole.get(name) != baseline.get(name)]
    removals = {}
    for name in parts:
        left = prepared.space.without(whole, name)
        idle = [other for other in parts if other != name and other not in left]
        removals[name, *idle] = left
    return removals


def _ablation(prepared: PreparedStudy, question: Question, compared: Compared) -> Ablation:
    whole, *_ = compared.scored
    scored = {each.configuration: each for each in compared.scored}
    parts, baseline = _parts(prepared, question), _baseline(prepared)
    everything = tuple(dict.fromkeys(name for names in parts for name in names))
    return Ablation(
        trial=question.chosen.number,
        whole=_removal((), whole, whole, compared),
        parts=tuple(_removal(names, scored[left], whole, compared) for names, left in parts.items()),
        everything=None if baseline in parts.values() else _removal(everything, scored[baseline], whole, compared),
        level=LEVEL,
        repeats=compared.n_repeats,
        scores_other_rows=compared.divisions.are_fresh,
        asked_repeats=question.repeats,
    )


def _removal(names: tuple[str, ...], left: Scored, whole: Scored, compared: Compared) -> Removal:
    has_score = bool(left.repeats)
    return Removal(
        names=names,
        configuration=left.configuration,
        score=_mean(left.scores) if has_score else None,
        expected=_mean(left.expected) if has_score and compared.has_reference else None,
        difference=compared.difference(whole, left) if names else None,
        expected_difference=compared.difference(whole, left, expected=True) if names else None,
        train_loss=_mean(left.train_losses) if left.train_losses else None,
        error=left.error,
    )


def _mean(repeats: Sequence[Sequence[float]]) -> float:
    return fmean(value for repeat in repeats for value in repeat)
