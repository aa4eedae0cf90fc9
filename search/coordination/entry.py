"""Entering a study: create it in the storage, or make sure that the one there is the same."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search.coordination.widening import EARLIER_RANGES_KEY, in_wider_space, refused_ranges, take_ranges
from search.errors import Problem, UsageError
from search.preparation.notes import search_notes
from search.preparation.study import PreparedStudy
from search.records import StudyRecord, TrialState
from search.spec import ConfirmSection, StudySpec, spec_from_json, spec_to_json
from search.spec.wording import dotted
from search.storage import Storage, installed_versions

_MAY_CHANGE = frozenset(
    {
        "study.n_trials",
        "study.name",
        "data.path",
        "data.timeout_seconds",
        "training.run_timeout_seconds",
        *(f"confirm.{key}" for key in ConfirmSection.model_fields),
    }
)
"""Keys that may differ when a study goes on: the data is held fast by its fingerprint, not by its path, and what
[confirm] says follows the trials. What may become of [space] is told by `search.coordination.widening`."""


def find_same_study(
    prepared: PreparedStudy, storage: Storage, renaming: str = "--study-name"
) -> tuple[PreparedStudy, StudyRecord | None]:
    """The study of that name in the storage, None if there is none yet.

    Args:
        prepared: The study.
        storage: An open database.
        renaming: What gives a study another name, as the user knows it.

    Returns:
        The study as it is to go on, with what its file leaves open as it was begun; and its record.

    Raises:
        UsageError: It was begun with another file or other data.
    """
    known = next((study for study in storage.studies() if study.name == prepared.spec.study.name), None)
    if known is not None:
        prepared = _as_begun(prepared, spec_from_json(known.spec))
        _refuse_other_study(known, prepared, renaming)
        _refuse_foreign_trials(known, storage, renaming)
        prepared = in_wider_space(prepared, known, storage)
        if note := versions_note(known.versions, installed_versions()):
            prepared = replace(prepared, notes=(*prepared.notes, note))
    return prepared, known


def versions_note(begun: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """What to know of a study that goes on with other versions of packages; None where they are the same.

    Args:
        begun: Package to version when it was begun; of an earlier regsearch without some.
        now: The same now.
    """
    changed = [
        f"{name} {before} (now {now[name]})" for name, before in begun.items() if now.get(name, before) != before
    ]
    if not changed:
        return None
    return (
        f"It was begun with {', '.join(changed)}: scores of earlier and later trials may differ for that reason alone."
    )


def _as_begun(prepared: PreparedStudy, begun: StudySpec) -> PreparedStudy:
    """The study with what its file leaves open as it was when it was begun, perhaps by an earlier version."""
    spec, kept = prepared.spec, list[str]()
    for key in sorted(prepared.left_open):
        table, _, name = key.partition(".")
        section, value = getattr(spec, table), getattr(getattr(begun, table), name)
        if getattr(section, name) != value:
            spec = spec.model_copy(update={table: section.model_copy(update={name: value})})
            kept.append(f"{key} = {_shown(value)}")
    if not kept:
        return prepared
    # What is true of sampler and pruner as they would be begun today need not be of those that go on.
    before, after = search_notes(prepared.spec, prepared.n_trials), search_notes(spec, prepared.n_trials)
    notes = (*(told for told in prepared.notes if told not in before), *after)
    note = f"Where its file leaves that open, the study goes on as it was begun: {', '.join(kept)}."
    dataset = replace(prepared.plan.dataset, scale_target=bool(spec.data.scale_target))
    plan = replace(prepared.plan, dataset=dataset, spec=spec)
    return replace(prepared, spec=spec, plan=plan, notes=(*notes, note))


def enter_study(prepared: PreparedStudy, known: StudyRecord | None, storage: Storage, n_trials: int = 0) -> StudyRecord:
    """Create the study, or go on with the one that `find_same_study` found, of which so many trials were asked."""
    if known is None:
        return storage.create_study(
            prepared.spec.study.name,
            prepared.direction,
            prepared.metric,
            spec_to_json(prepared.spec),
            prepared.data_sha256,
            prepared.facts,
            prepared.n_trials,
            prepared.notes,
        )
    if known.n_trials != prepared.n_trials:
        storage.set_n_trials(known.study_id, prepared.n_trials)
    if known.notes != prepared.notes:
        storage.set_notes(known.study_id, prepared.notes)
    space, ranges = take_ranges(prepared, known, storage, n_trials)
    spec = {**known.spec, "confirm": spec_to_json(prepared.spec)["confirm"], "space": space}
    if spec != known.spec:
        storage.set_spec(known.study_id, spec, {} if ranges is None else {EARLIER_RANGES_KEY: ranges})
    return replace(known, spec=spec, n_trials=prepared.n_trials, notes=prepared.notes)


def fingerprint_problems(known: StudyRecord, prepared: PreparedStudy, remedy: str) -> list[Problem]:
    """What is no longer that of a study: its data, its model, its loss or its metric, each by its fingerprint.

    Args:
        known: The study that was begun.
        prepared: The same study, read again.
        remedy: What to do about it.
    """
    held = (
        ("data", "data", known.data_sha256, prepared.data_sha256),
        ("model", "model", known.facts.model_sha256, prepared.facts.model_sha256),
        ("loss", "loss", known.facts.loss_sha256, prepared.facts.loss_sha256),
        ("training.callbacks", "callbacks", known.facts.callbacks_sha256, prepared.facts.callbacks_sha256),
        ("objective.metric", "metric", known.facts.metric_sha256, prepared.facts.metric_sha256),
    )
    return [
        problem
        for place, thing, before, now in held
        if (problem := fingerprint_problem(f"{known.name} [{place}]", thing, before, now, remedy))
    ]


def fingerprint_problem(place: str, thing: str, before: str | None, now: str | None, remedy: str) -> Problem | None:
    """What is wrong with the data or the model of a study that goes on; None where it is what it was.

    Args:
        place: The study and its table.
        thing: `data` or `model`.
        before: The fingerprint that the study was begun with, in hexadecimal; None where it has none.
        now: The fingerprint now.
        remedy: What to do about it.
    """
    if before is None or now is None or before == now:
        return None
    message = (
        f"expected the {thing} that the study was begun with (SHA-256 {before[:12]}...), received another "
        f"({now[:12]}...)"
    )
    return Problem(place, message, remedy)


def _refuse_other_study(known: StudyRecord, prepared: PreparedStudy, renaming: str) -> None:
    begun, is_command = spec_from_json(known.spec), renaming.startswith("--")
    before, after = spec_to_json(begun), spec_to_json(prepared.spec)
    remedy = f"Give the new study a name of its own with {renaming}, or go on with the one that was begun."
    problems = [
        Problem(
            f"{known.name} [{key}]",
            f"expected {_shown(was)} as the study was begun with, received {_shown(now)}",
            f"{remedy.removesuffix('.')}: --set {key}={was}." if _is_plain(was) and is_command else remedy,
        )
        for key, was, now in _differences(_without_space(before), _without_space(after))
        if key not in _MAY_CHANGE
    ]
    for path, message in refused_ranges(begun, prepared):
        key, was = dotted(("space", *path)), _at(before["space"], path)
        way = f": --set {shlex.quote(f'{key}={was}')}." if _is_plain(was) and is_command else "."
        problems.append(Problem(f"{known.name} [{key}]", message, f"{_WIDER} {remedy.removesuffix('.')}{way}"))
    problems += fingerprint_problems(known, prepared, remedy)
    if problems:
        raise UsageError(problems)


_WIDER = "Of a range, low may become lower and high may become higher."


def _at(table: Any, path: Sequence[str]) -> Any:
    """The value that keys lead to; None where there is none."""
    for key in path:
        table = table.get(key) if isinstance(table, Mapping) else None
    return table


def _without_space(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {table: section for table, section in spec.items() if table != "space"}


def _refuse_foreign_trials(known: StudyRecord, storage: Storage, renaming: str) -> None:
    """Another program may have enqueued trials in the study; they have no place in its order."""
    waiting = [trial.number for trial in storage.trials(known.study_id) if trial.state is TrialState.WAITING]
    if waiting:
        raise UsageError(
            Problem(
                known.name,
                f"expected trials that regsearch asked, received trial {waiting[0]}, which another program enqueued",
                f"Delete it there, or begin a study of another name with {renaming}.",
            )
        )


def _is_plain(value: Any) -> bool:
    """Whether a value can be typed behind `--set` as it is."""
    return type(value) in (int, float) or (isinstance(value, str) and value.isidentifier())


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _differences(before: Any, after: Any, place: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            difference
            for key in dict.fromkeys((*before, *after))
            for difference in _differences(before.get(key), after.get(key), f"{place}.{key}" if place else key)
        ]
    return [] if before == after else [(place, before, after)]
