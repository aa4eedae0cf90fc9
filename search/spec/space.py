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
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, get_args

import annotated_types
from pydantic.fields import FieldInfo

from search.errors import StudyFileError
from search.records import technique_of
from search.spec.catalogue import Catalogue, Domain
from search.spec.findings import Findings
from search.spec.ranges import check_points, check_range, domain_hint, in_range
from search.spec.sections import (
    WALKS,
    Choices,
    ModelSection,
    Range,
    Section,
    StudySection,
    StudySpec,
    TrainingSection,
    Unfreeze,
    home_of,
    setting_in,
)
from search.spec.tables import accepts
from search.spec.wording import alternatives, did_you_mean, expected, quoted, shorten, show

OFF = "off"
_SETTING_TABLES: dict[str, type[Section]] = {"training": TrainingSection, "model": ModelSection}
_NEVER_SEARCHED = frozenset(
    {
        *("engine", "loss", "schedule", "unfreeze", "callbacks"),
        *("family", "builder", "keras", "weights", "own", "custom", "options", "layers"),
    }
)


@dataclass(frozen=True)
class _Entry:
    """One name of [space] as far as it could be resolved.

    Args:
        name: As in the file.
        domain: The values that it may take; None for a setting that is no number.
        table: The table of a setting; None for a technique.
        key: The key of a setting, or the technique.
        names: The texts that a setting may take, when the catalogue lists them.
        zero_in_layers: Whether it is a technique that takes 0 in layers that are named.
        is_free: Whether it is a setting whose values only the model knows.
    """

    name: str
    domain: Domain | None
    table: str | None
    key: str
    names: Collection[str] | None = None
    zero_in_layers: bool = False
    is_free: bool = False

    @property
    def path(self) -> tuple[str, str]:
        return "space", self.name

    def accepts(self, value: Any) -> bool:
        """Whether `value` may be one of the choices, "off" aside."""
        if self.is_free:
            return isinstance(value, str | int | float) or (isinstance(value, tuple) and all(map(is_number, value)))
        if self.domain is not None:
            return (is_number(value) or isinstance(value, str)) and self.domain.contains(value)
        table = _SETTING_TABLES[self.table or ""]
        return accepts(table, self.key, value) and value is not None and self._is_known(value)

    def _is_known(self, value: Any) -> bool:
        return self.names is None or (isinstance(value, str) and value in self.names)

    def describe(self) -> str:
        """What each value is to be."""
        if self.is_free:
            return "a number, a text, true, false or a list of numbers"
        if self.domain is not None and self.domain.names:
            return quoted([*self.domain.names, OFF])
        if self.domain is not None:
            return self.domain.describe() + ("" if self.table else f' or "{OFF}"')
        if self.names is not None:
            return quoted(sorted(self.names))
        return expected(_SETTING_TABLES[self.table or ""].model_fields[self.key])


def is_number(value: Any) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        entry = _resolve(name, tables, catalogue, findings)
        if name != (canonical := canonical_name(name, catalogue)) and canonical in space:
            findings.add(("space", name), f"expected each name once, received {show(canonical)} too")
        elif entry is not None:
            _check_entry(entry, values, tables, findings)


def check_together(tables: Mapping[str, Any], findings: Findings) -> None:
    """Note what is wrong with `[study] together`: techniques of [space], each in one group, for an ablation."""
    study, space = tables.get("study"), tables["space"]
    path = ("study", "together")
    if not isinstance(study, StudySection) or study.together is None or findings.touches(("study", "sampler")):
        return
    if study.sampler != "ablation":
        message = f"expected no together, since sampler = {show(study.sampler)}, received {show(study.together)}"
        findings.add(path, message, 'Only sampler = "ablation" switches names on together.')
        return
    known = [name for name in space if technique_of(name) is not None]
    named = [name for group in study.together for name in group]
    for name in named:
        if name not in known and not findings.touches(("space", name)):
            wanted = f"techniques of [space], {quoted(known)}" if known else "no names, since [space] has no technique"
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


def _check_entry(entry: _Entry, values: Range | Choices, tables: Mapping[str, Any], findings: Findings) -> None:
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


def canonical_name(name: str, catalogue: Catalogue) -> str:
    """A name of [space] as the study keeps it: an argument of layers is a setting of [model]."""
    table, dot, _ = name.partition(".")
    argument = name.rpartition(".")[2]
    is_technique = argument in catalogue.layered or not dot or table in _SETTING_TABLES
    return f"model.{name}" if not is_technique and argument in catalogue.layer_arguments else name


def normalized_space(space: Mapping[str, Range | Choices], catalogue: Catalogue) -> dict[str, Range | Choices]:
    """The entries of a valid space with every number in the type of its parameter: `10.0` epochs are `10`."""
    normalized: dict[str, Range | Choices] = {}
    for given, values in space.items():
        name = canonical_name(given, catalogue)
        entry = _resolve(name, {}, catalogue, Findings("", None, ()))
        domain = None if entry is None else entry.domain
        if domain is None or domain.names:
            normalized[name] = values
        else:
            normalized[name] = _convert(values, int if domain.kind == "int" else float)
    return normalized


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
    entry = _resolve(name, tables, catalogue, findings)
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


def _resolve(name: str, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> _Entry | None:
    table, dot, key = canonical_name(name, catalogue).partition(".")
    if dot and table in _SETTING_TABLES:
        field, argument = home_of(table, key)
        if argument is not None and field in ("options", "layers", "optimizer", "schedule", "unfreeze"):
            return _resolve_inner(_Inner(name, table, key, field, argument), tables, catalogue, findings)
        return _resolve_setting(name, table, key, tables, catalogue, findings)
    pattern, dot, technique = name.rpartition(".")
    known = catalogue.layered if dot else catalogue.techniques.keys()
    if technique in known and (pattern or not dot):
        domain = catalogue.techniques[technique]
        if dot and technique in catalogue.zero_in_layers:
            domain = replace(domain, low_open=False)
        return _Entry(name, domain, None, technique, zero_in_layers=technique in catalogue.zero_in_layers)
    _refuse_technique(name, technique, dot, catalogue, findings)
    return None


@dataclass(frozen=True)
class _Inner:
    """A name of [space] that means one entry of a key.

    Args:
        name: As in the file.
        table: The table of the key.
        key: The entry, as a setting: `options.width`.
        field: The key.
        argument: The entry in it.
    """

    name: str
    table: str
    key: str
    field: str
    argument: str

    @property
    def path(self) -> tuple[str, str]:
        return "space", self.name

    def free(self) -> _Entry:
        """A setting whose values only the model, or Keras, knows."""
        return _Entry(self.name, None, self.table, self.key, is_free=True)


def _resolve_inner(inner: _Inner, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> _Entry | None:
    """An entry of a key: an argument of a builder, of layers, of the optimizer, the schedule or the second phase."""
    section = tables.get(inner.table)
    if inner.field == "options":
        if isinstance(section, ModelSection) and section.builder is None and not findings.touches(("model", "builder")):
            message = f"expected a builder for {inner.name}, received a model that is not built by a function"
            findings.add(inner.path, message)
            return None
        return inner.free()
    if inner.field == "layers":
        return _resolve_layers(inner, catalogue, findings)
    if inner.field == "unfreeze":
        return _resolve_unfreeze(inner, section, findings)
    return _resolve_called(inner, tables, catalogue, findings)


def _resolve_layers(inner: _Inner, catalogue: Catalogue, findings: Findings) -> _Entry | None:
    """An argument of layers."""
    last = inner.argument.rpartition(".")[2]
    if last in catalogue.layer_arguments:
        return inner.free()
    near = did_you_mean(inner.name, [f"{inner.name.removesuffix(last)}{known}" for known in catalogue.layer_arguments])
    findings.add(inner.path, f"expected an argument of layers, received {show(inner.name)}", near)
    return None


def _resolve_unfreeze(inner: _Inner, section: Any, findings: Findings) -> _Entry | None:
    """The rate or the epochs of the second phase."""
    if isinstance(section, TrainingSection) and section.unfreeze is None:
        findings.add(inner.path, "expected unfreeze in [training], received none", "Add training.unfreeze.")
        return None
    if inner.argument not in ("learning_rate", "epochs"):
        wanted = "training.unfreeze.learning_rate or training.unfreeze.epochs"
        findings.add(inner.path, f"expected {wanted}, received {show(inner.name)}")
        return None
    return _Entry(inner.name, _domain_of(Unfreeze.model_fields[inner.argument]), inner.table, inner.key)


def _resolve_called(
    inner: _Inner, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings
) -> _Entry | None:
    """An argument of the optimizer or of the schedule that [training] names."""
    section, field = tables.get(inner.table), inner.field
    if not isinstance(section, TrainingSection):
        return inner.free()
    named = getattr(section, field)
    if named is None:
        findings.add(inner.path, f"expected a {field} in [training], received none", f"Add training.{field}.")
        return None
    if f"training.{field}" in tables["space"]:
        message = f"expected one of training.{field} and {inner.name} in [space], received both"
        findings.add(inner.path, message, "Other names have other arguments.")
        return None
    called = named if isinstance(named, str) else named.name
    known = getattr(catalogue, f"{field}s").get(called)
    if known is not None and inner.argument not in known.defaults:
        remedy = known.refused.get(inner.argument) or did_you_mean(inner.argument, known.defaults)
        message = f"expected an argument of {called}, {alternatives(known.defaults)}, received {inner.argument}"
        findings.add(inner.path, message, remedy)
        return None
    return inner.free()


def _resolve_setting(
    name: str, table: str, key: str, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings
) -> _Entry | None:
    fields = _SETTING_TABLES[table].model_fields
    keys = [k for k in fields if k not in _NEVER_SEARCHED]
    model = tables.get("model")
    if table == "model" and isinstance(model, ModelSection) and not findings.touches(("model", "family")):
        taken = catalogue.families.get(model.family or "", frozenset())
        keys = [k for k in keys if k in taken]
    if key not in keys:
        wanted = quoted([f"{table}.{k}" for k in keys]) if keys else f"no key of [{table}]"
        message = f"expected {wanted}, received {show(name)}"
        remedy = did_you_mean(name, [f"{table}.{k}" for k in keys])
        findings.add(("space", name), message, f"{name} cannot be searched." if key in fields else remedy)
        return None
    listed = {"optimizer": catalogue.optimizers, "activation": catalogue.activations}.get(key)
    return _Entry(name, _domain_of(fields[key]), table, key, listed)


def _refuse_technique(name: str, technique: str, dot: str, catalogue: Catalogue, findings: Findings) -> None:
    path = ("space", name)
    known = sorted(catalogue.layered if dot else catalogue.techniques)
    message = f"expected a technique{' for layers' if dot else ''}, received {show(name)}"
    settings = [f"{t}.{k}" for t in _SETTING_TABLES for k in _SETTING_TABLES[t].model_fields]
    if dot and technique in catalogue.layered:
        findings.add(path, message, f'Name the layers before the dot, as in "dense_2.{technique}".')
    elif dot and technique in catalogue.techniques:
        findings.add(path, message, f"{technique} is for the whole model: write {technique} = ...")
    elif f"training.{name}" in settings or f"model.{name}" in settings:
        homes = [f'"{setting}"' for setting in settings if setting.endswith(f".{name}")]
        findings.add(path, message, f"Did you mean {alternatives(homes)}?")
    else:
        nearest = did_you_mean(technique, known)
        remedy = nearest.replace('"', f'"{name.removesuffix(technique)}', 1) if dot else nearest
        findings.add(path, message, remedy or did_you_mean(name, settings) or f"Known are {', '.join(known)}.")


def _domain_of(field: FieldInfo) -> Domain | None:
    """The numbers that a key takes, from the bounds of its field; None when it takes no number."""
    kinds = {kind for kind in get_args(field.annotation) if kind is not NoneType} or {field.annotation}
    if kinds not in ({int}, {float}):
        return None
    low, low_open = float("-inf"), False
    for constraint in field.metadata:
        if isinstance(constraint, annotated_types.Gt):
            low, low_open = float(str(constraint.gt)), True
        elif isinstance(constraint, annotated_types.Ge):
            low = float(str(constraint.ge))
    return Domain(
        kind="int" if kinds == {int} else "float",
        meaning=field.description or "",
        source="",
        low=low,
        low_open=low_open,
    )


def _check_choices(entry: _Entry, values: Choices, findings: Findings) -> None:
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


def _choice_hint(entry: _Entry, value: Any) -> str:
    if entry.table is None and is_number(value) and value == 0:
        named = f', or name the layers: "LAYER.{entry.key}" takes 0' if entry.zero_in_layers else ""
        return f'Write "{OFF}" for a technique that is not used{named}.'
    if value == OFF:
        return f"{entry.name} is a setting, which cannot be off."
    if entry.domain is not None and not entry.domain.names and is_number(value):
        return domain_hint(entry.domain, value)
    texts = entry.domain.names if entry.domain is not None else ()
    return did_you_mean(value, entry.names or ([*texts, OFF] if entry.table is None else []))


def _check_baseline(entry: _Entry, values: Range | Choices, tables: Mapping[str, Any], findings: Findings) -> None:
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
