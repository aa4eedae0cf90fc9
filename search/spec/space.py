"""The entries of [space]: what may be searched, over which values.

An entry is named after a technique (`l2`), a technique in some layers (`dense_2.l2`), or a setting of another
table (`training.learning_rate`). A technique's values lie in its domain, and "off" is always among them; a
setting's values are valid for its key, and the one that the file gives is among them, for it is the baseline's.
A technique that means nothing without another one (`minimum_delta` without `patience`) is searched beside it.

Settings may be entries of a key: an argument of a builder (`model.options.width`), of the optimizer or schedule
(`training.schedule.decay_steps`), or of layers (`dense_2.units`, which is short for `model.dense_2.units`). What a
layer or a builder has by itself shows when the study meets its model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from search.errors import StudyFileError
from search.records import technique_of
from search.spec.catalogue import Catalogue, Domain
from search.spec.entries import OFF, Entry, canonical_name, is_number, resolve
from search.spec.findings import Findings
from search.spec.ranges import check_points, check_range, domain_hint, in_range
from search.spec.sections import (
    WALKS,
    Choices,
    ModelSection,
    Range,
    StudySection,
    StudySpec,
    home_of,
    setting_in,
)
from search.spec.wording import alternatives, did_you_mean, quoted, shorten, show


def check_space(tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> None:
    """Note everything that is wrong with the entries of [space].

    Args:
        tables: The sections of the study, as `read_tables` gives them.
        catalogue: The techniques, optimizers and activations.
        findings: Where problems are noted.
    """
    space: Mapping[str, Range | Choices] = tables["space"]
    model = tables.get("model")
    searches_own = isinstance(model, ModelSection) and model.own == "search"
    if not space and not searches_own and not findings.touches(("space",)):
        remedy = "Name a technique, as in l2 = { low = 1e-6, high = 0.1, log = true }."
        findings.add(("space",), "expected at least one name to search, received none", remedy)
    if not findings.touches(("space",)):
        # An entry that could not be read may be the very one that is required.
        _check_required(space, catalogue, findings)
    for name, values in space.items():
        entry = resolve(name, tables, catalogue, findings)
        if name != (canonical := canonical_name(name, catalogue)) and canonical in space:
            findings.add(("space", name), f"expected each name once, received {show(canonical)} too")
        elif entry is not None:
            _check_entry(entry, values, tables, findings)


def check_together(tables: Mapping[str, Any], findings: Findings) -> None:
    """Note what is wrong with `[study] together`: names of [space], each in one group, for an ablation."""
    study, space = tables.get("study"), tables["space"]
    path = ("study", "together")
    if not isinstance(study, StudySection) or study.together is None or findings.touches(("study", "sampler")):
        return
    if study.sampler != "ablation":
        message = f"expected no together, since sampler = {show(study.sampler)}, received {show(study.together)}"
        findings.add(path, message, 'Only sampler = "ablation" switches names on together.')
        return
    known = list(space)
    named = [name for group in study.together for name in group]
    for name in named:
        if name not in known and not findings.touches(("space", name)):
            wanted = f"names of [space], {quoted(known)}" if known else "no names, since [space] has none"
            findings.add(path, f"expected {wanted}, received {show(name)}", did_you_mean(name, known))
        elif named.count(name) > 1:
            findings.add(path, f"expected each name once, received {show(name)} {named.count(name)} times")


def _check_required(space: Mapping[str, Range | Choices], catalogue: Catalogue, findings: Findings) -> None:
    searched = {technique_of(name) for name in space}
    for name in space:
        technique = technique_of(name)
        required = catalogue.requires.get(technique or "", ())
        if required and searched.isdisjoint(required):
            message = f"expected {quoted(required)} in [space], without which {technique} means nothing, received none"
            findings.add(("space", name), message, f"Add {alternatives(required)}, or leave {technique} out.")


def _check_entry(entry: Entry, values: Range | Choices, tables: Mapping[str, Any], findings: Findings) -> None:
    study = tables.get("study")
    if isinstance(values, Choices):
        _check_choices(entry, values, findings)
    elif entry.is_free:
        check_range(entry.path, _numbers(values), values, False, findings)
        if isinstance(study, StudySection) and study.sampler in WALKS:
            check_points(entry.path, _numbers(values), values, study.sampler, findings)
    elif entry.domain is None or entry.domain.names:
        message = f"expected a table with choices, since {entry.key} is not a number, received a range"
        listed = show(entry.domain.names) if entry.domain is not None else "[...]"
        findings.add(entry.path, message, f"Write {{ choices = {listed} }}.")
    else:
        check_range(entry.path, entry.domain, values, entry.table is None, findings)
        if isinstance(study, StudySection) and study.sampler in WALKS:
            check_points(entry.path, entry.domain, values, study.sampler, findings)
    if entry.table is not None and not findings.touches(entry.path):
        _check_baseline(entry, values, tables, findings)


def _numbers(values: Range) -> Domain:
    """Whole numbers for a range of such, else all."""
    is_whole = all(isinstance(end, int) for end in (values.low, values.high, values.step) if end is not None)
    return Domain(kind="int" if is_whole else "float", meaning="", source="", low=float("-inf"))


def normalized_space(space: Mapping[str, Range | Choices], catalogue: Catalogue) -> dict[str, Range | Choices]:
    """The entries of a valid space with every number in the type of its parameter: `10.0` epochs are `10`."""
    normalized: dict[str, Range | Choices] = {}
    for given, values in space.items():
        name = canonical_name(given, catalogue)
        entry = resolve(name, {}, catalogue, Findings("", None, ()))
        domain = None if entry is None else entry.domain
        if domain is None or domain.names:
            normalized[name] = values
        else:
            normalized[name] = _convert(values, int if domain.kind == "int" else float)
    return normalized


def normalized_study(study: StudySection, catalogue: Catalogue) -> StudySection:
    """The [study] of a valid study, with names of [space] as `normalized_space` has them."""
    if study.together is None:
        return study
    together = tuple(tuple(canonical_name(name, catalogue) for name in group) for group in study.together)
    return study.model_copy(update={"together": together})


def with_choices(
    spec: StudySpec, name: str, choices: Collection[float | int], catalogue: Catalogue, place: str
) -> StudySpec:
    """A study that searches a name over other values than its file says, or one that its file does not name at all.

    Args:
        spec: A valid study.
        name: As in [space].
        choices: The values. Of a setting the one that the file gives has to be among them.
        catalogue: Every technique and other name that there is.
        place: Where the name stands, for errors.

    Raises:
        StudyFileError: It cannot be searched over these.
    """
    values = Choices(choices=tuple(choices))
    tables = {"study": spec.study, "model": spec.model, "training": spec.training}
    findings = Findings(place, None, ())
    _check_required({**spec.space, name: values}, catalogue, findings)
    entry = resolve(name, tables, catalogue, findings)
    if entry is not None:
        _check_entry(entry, values, tables, findings)
    if problems := findings.problems():
        raise StudyFileError(problems)
    space = {**spec.space, **normalized_space({name: values}, catalogue)}
    return spec.model_copy(update={"space": space})


def _convert(values: Range | Choices, number: type[int] | type[float]) -> Range | Choices:
    if isinstance(values, Choices):
        return Choices(choices=tuple(v if v == OFF else number(v) for v in values.choices))
    step = None if values.step is None else number(values.step)
    return Range(low=number(values.low), high=number(values.high), log=values.log, step=step)


def _check_choices(entry: Entry, values: Choices, findings: Findings) -> None:
    technique = entry.table is None
    refused = [v for v in values.choices if not (technique and v == OFF) and not entry.accepts(v)]
    if refused:
        message = f"expected each choice to be {entry.describe()}, received {shorten(', '.join(map(show, refused)))}"
        findings.add(entry.path, message, _choice_hint(entry, refused[0]), key="choices")
    elif all(value == OFF for value in values.choices):
        message = f"expected a choice besides {show(OFF)}, received {show(values.choices)}"
        findings.add(entry.path, message, f'"{OFF}" is tried anyway.', key="choices")
    elif len(set(values.choices)) < len(values.choices):
        message = f"expected each choice once, received {show(values.choices)}"
        findings.add(entry.path, message, key="choices")


def _choice_hint(entry: Entry, value: Any) -> str:
    if entry.table is None and is_number(value) and value == 0:
        named = f', or name the layers: "LAYER.{entry.key}" takes 0' if entry.zero_in_layers else ""
        return f'Write "{OFF}" for a technique that is not used{named}.'
    if value == OFF:
        return f"{entry.name} is a setting, which cannot be off."
    if entry.domain is not None and not entry.domain.names and is_number(value):
        return domain_hint(entry.domain, value)
    texts = entry.domain.names if entry.domain is not None else ()
    return did_you_mean(value, entry.names or ([*texts, OFF] if entry.table is None else []))


def _check_baseline(entry: Entry, values: Range | Choices, tables: Mapping[str, Any], findings: Findings) -> None:
    """A searched setting starts from the value that the file gives: the baseline's."""
    table = tables.get(entry.table or "")
    if table is None or findings.touches((entry.table or "", home_of(entry.table or "", entry.key)[0])):
        return
    current = setting_in(table, entry.key)
    if current is None and isinstance(table, ModelSection) and entry.is_free:
        return  # the model tells
    if (problem := baseline_problem(entry.name, values, current)) is not None:
        findings.add(entry.path, *problem)


def baseline_problem(name: str, values: Range | Choices, current: Any) -> tuple[str, str] | None:
    """What is wrong with values beside that which the baseline has, and what to do; None for nothing.

    Args:
        name: The setting.
        values: What is searched.
        current: The baseline's value; None where there is none.
    """
    if isinstance(values, Choices):
        inside, wanted, received = current in values.choices, "choices", show(values.choices)
    else:
        received = f"low = {show(values.low)}, high = {show(values.high)}"
        inside, wanted = in_range(current, values), "a range"
        if values.step is not None:
            wanted, received = "a stepped range", f"{received}, step = {show(values.step)}"
    message = f"expected {wanted} with the baseline's value, {name} = {show(current)}, received {received}"
    if current is None:
        message = f"expected a value of {name} for the baseline, received nothing"
    return None if inside else (message, f"Set `{name}` to a value inside.")
