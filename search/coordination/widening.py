"""Wider ranges: a study goes on in a larger [space], and what was tried in the narrower one counts as history.

With the study is kept how far its ranges went before, and for how many trials. What a trial of then sampled is read as
it was meant then; what it was, its configuration, is the same in any range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.preparation.catalogue import default_catalogue
from search.preparation.study import PreparedStudy
from search.records import StudyRecord
from search.spec import Range, StudySpec, refused_changes, spec_from_json, spec_to_json, wider_ranges
from search.storage import Storage
from search.tuning.space import SearchSpace, search_space

EARLIER_RANGES_KEY = "earlier_ranges"
"""Of what is kept with a study: the ranges that became wider."""

_COMPARES_NO_EPOCHS = frozenset({"none", "wilcoxon"})
_EPOCHS = "training.epochs"


@dataclass(frozen=True)
class EarlierRanges:
    """Ranges of a study that became wider.

    Args:
        n_trials: Trials that had been asked by then.
        ranges: Name in [space] to the range of these trials.
    """

    n_trials: int
    ranges: Mapping[str, Range]


def refused_ranges(begun: StudySpec, prepared: PreparedStudy) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every change of [space] that a study cannot go on with: its path in [space], and `expected ..., received ...`.

    Args:
        begun: As the study searches.
        prepared: As it is to go on.
    """
    refused = list(refused_changes(begun.space, prepared.spec.space))
    yield from refused
    names, study = wider_ranges(begun.space, prepared.spec.space), begun.study
    if refused or not names:
        return
    as_before = "expected the range that the study was begun with"
    if study.sampler == "ablation":
        reason = 'sampler = "ablation" compares techniques at one value each'
        yield from (((name,), f"{as_before}, since {reason}, received a wider one") for name in names)
    elif _EPOCHS in names and study.pruner not in _COMPARES_NO_EPOCHS:
        reason = f'pruner = "{study.pruner}" compares trials at shares of the most epochs'
        yield (_EPOCHS,), f"{as_before}, since {reason}, received a wider one"
    for name in _space(begun, begun.space).unlike(prepared.space):
        reason = "Optuna samples whole numbers of a wider one as reals, and keeps the kind of a parameter"
        yield (name,), f"{as_before}, since {reason}, received a wider one"


def read_earlier_ranges(storage: Storage, study_id: int) -> list[EarlierRanges]:
    """The ranges of a study that became wider, in the order in which they did."""
    return [
        EarlierRanges(int(each["n_trials"]), {name: Range(**entry) for name, entry in each["ranges"].items()})
        for each in storage.recall(study_id, EARLIER_RANGES_KEY) or ()
    ]


def in_wider_space(prepared: PreparedStudy, known: StudyRecord, storage: Storage) -> PreparedStudy:
    """The study with a space that can read trials which were asked in narrower ones."""
    begun = spec_from_json(known.spec)
    narrower = [each.ranges for each in read_earlier_ranges(storage, known.study_id)]
    narrower.append(wider_ranges(begun.space, prepared.spec.space))
    earlier = tuple(dimension for ranges in narrower for dimension in _space(begun, ranges).dimensions)
    return replace(prepared, space=replace(prepared.space, earlier=earlier))


def with_notes_on_ranges(prepared: PreparedStudy, known: StudyRecord, storage: Storage, n_trials: int) -> PreparedStudy:
    """The study with what to know of its ranges, which became wider or become so now.

    Args:
        prepared: The study as it is to go on.
        known: The study that was begun.
        storage: Where it is.
        n_trials: Trials that were asked.
    """
    earlier, wider = read_earlier_ranges(storage, known.study_id), wider_ranges(_searched(known), prepared.spec.space)
    if wider and not _is_taken(prepared, n_trials):
        named = ", ".join(wider)
        notes = [f"No trial is left to be asked in the wider range of {named}: raise n_trials above {n_trials}."]
    else:
        notes = list(_in_words(_with(earlier, n_trials, wider), prepared.spec.space))
    return replace(prepared, notes=(*prepared.notes, *(note for note in notes if note not in prepared.notes)))


def take_ranges(prepared: PreparedStudy, known: StudyRecord, storage: Storage, n_trials: int) -> tuple[Any, Any]:
    """[space] of a study that goes on, and the ranges that became wider, both as the storage keeps them; None for
    ranges that are kept already. Arguments as in `with_notes_on_ranges`.
    """
    wider = wider_ranges(_searched(known), prepared.spec.space)
    if not wider or not _is_taken(prepared, n_trials):
        return known.spec["space"], None
    earlier = _with(read_earlier_ranges(storage, known.study_id), n_trials, wider)
    kept = [
        {"n_trials": each.n_trials, "ranges": {name: entry.model_dump() for name, entry in each.ranges.items()}}
        for each in earlier
    ]
    return spec_to_json(prepared.spec)["space"], kept


def _searched(known: StudyRecord) -> Any:
    return spec_from_json(known.spec).space


def _is_taken(prepared: PreparedStudy, n_trials: int) -> bool:
    """Whether there will be trials in the wider ranges."""
    return prepared.n_trials > n_trials


def _with(earlier: Sequence[EarlierRanges], n_trials: int, wider: Mapping[str, Range]) -> list[EarlierRanges]:
    """The ranges that became wider, with those that do now; one in which no trial was asked is as if it never was."""
    if not wider:
        return list(earlier)
    before = [each for each in earlier if each.n_trials < n_trials]
    at_once = {name: entry for each in earlier if each.n_trials >= n_trials for name, entry in each.ranges.items()}
    return [*before, EarlierRanges(n_trials, {**wider, **at_once})]


def _in_words(earlier: Sequence[EarlierRanges], now: Mapping[str, Any]) -> Iterator[str]:
    for place, each in enumerate(earlier):
        for name, entry in each.ranges.items():
            then = next((later.ranges[name] for later in earlier[place + 1 :] if name in later.ranges), now[name])
            yield (
                f"The range of {name} is wider since trial {each.n_trials}: {entry.low:g} to {entry.high:g} before, "
                f"{then.low:g} to {then.high:g} from then on."
            )


def _space(begun: StudySpec, entries: Mapping[str, Any]) -> SearchSpace:
    return search_space(begun.model_copy(update={"space": dict(entries)}), default_catalogue())
