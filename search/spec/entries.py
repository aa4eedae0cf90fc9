"""What a name of [space] means: a technique, a setting, or one entry of a setting."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, get_args

import annotated_types
from pydantic.fields import FieldInfo

from search.spec.catalogue import Catalogue, Domain
from search.spec.findings import Findings
from search.spec.sections import (
    ModelSection,
    Section,
    TrainingSection,
    Unfreeze,
    home_of,
)
from search.spec.tables import accepts
from search.spec.wording import alternatives, did_you_mean, expected, quoted, show

OFF = "off"
_SETTING_TABLES: dict[str, type[Section]] = {"training": TrainingSection, "model": ModelSection}
_NEVER_SEARCHED = frozenset(
    {
        *("engine", "loss", "loss_weights", "schedule", "unfreeze", "callbacks", "run_timeout_seconds"),
        *("family", "builder", "keras", "weights", "own", "custom", "options", "layers"),
    }
)


@dataclass(frozen=True)
class Entry:
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
        """Where it stands in the file."""
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


def canonical_name(name: str, catalogue: Catalogue) -> str:
    """A name of [space] as the study keeps it: an argument of layers is a setting of [model]."""
    table, dot, _ = name.partition(".")
    argument = name.rpartition(".")[2]
    is_technique = argument in catalogue.layered or not dot or table in _SETTING_TABLES
    return f"model.{name}" if not is_technique and argument in catalogue.layer_arguments else name


def resolve(name: str, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> Entry | None:
    """What a name of [space] means; None after a problem was noted.

    Args:
        name: As in the file.
        tables: The sections of the study, as far as they are known.
        catalogue: The techniques, optimizers and activations.
        findings: Where problems are noted.
    """
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
        return Entry(name, domain, None, technique, zero_in_layers=technique in catalogue.zero_in_layers)
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

    def free(self) -> Entry:
        """A setting whose values only the model, or Keras, knows."""
        return Entry(self.name, None, self.table, self.key, is_free=True)


def _resolve_inner(inner: _Inner, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> Entry | None:
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


def _resolve_layers(inner: _Inner, catalogue: Catalogue, findings: Findings) -> Entry | None:
    """An argument of layers."""
    last = inner.argument.rpartition(".")[2]
    if last in catalogue.layer_arguments:
        return inner.free()
    near = did_you_mean(inner.name, [f"{inner.name.removesuffix(last)}{known}" for known in catalogue.layer_arguments])
    findings.add(inner.path, f"expected an argument of layers, received {show(inner.name)}", near)
    return None


def _resolve_unfreeze(inner: _Inner, section: Any, findings: Findings) -> Entry | None:
    """The rate or the epochs of the second phase."""
    if isinstance(section, TrainingSection) and section.unfreeze is None:
        findings.add(inner.path, "expected unfreeze in [training], received none", "Add training.unfreeze.")
        return None
    if inner.argument not in ("learning_rate", "epochs"):
        wanted = "training.unfreeze.learning_rate or training.unfreeze.epochs"
        findings.add(inner.path, f"expected {wanted}, received {show(inner.name)}")
        return None
    return Entry(inner.name, _domain_of(Unfreeze.model_fields[inner.argument]), inner.table, inner.key)


def _resolve_called(inner: _Inner, tables: Mapping[str, Any], catalogue: Catalogue, findings: Findings) -> Entry | None:
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
) -> Entry | None:
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
    return Entry(name, _domain_of(fields[key]), table, key, listed)


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
