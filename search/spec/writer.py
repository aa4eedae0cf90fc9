"""A `StudySpec` as a study file, and as the JSON that the database keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.errors import StudyFileError
from search.spec.findings import Findings
from search.spec.sections import MODELLING, MOST_STARTUP_TRIALS, TASK_LOSS, WIDEST_WINDOW, StudySpec
from search.spec.tables import read_tables, section_of
from search.spec.wording import as_toml

_STORED = "the stored study"


def spec_to_toml(spec: StudySpec, comments: Mapping[str, str] | None = None) -> str:
    """The resolved study as a study file, defaults written out; `parse_study` gives an equal spec back.

    Args:
        spec: A valid study.
        comments: Dotted key (`training.epochs`) to a comment behind its value, or table name (`training`) to
            a comment above its header; `describe_keys()` gives the description of every key.
    """
    import tomlkit

    notes = comments or {}
    document = tomlkit.document()
    for name, section in spec_to_json(spec).items():
        table = tomlkit.table()
        for key, value in section.items():
            if value is None or value == {}:
                continue
            item = as_toml(_without_nulls(value))
            if note := notes.get(f"{name}.{key}"):
                item.comment(" ".join(note.split()))
            table.add(tomlkit.key(key), item)
        for line in notes.get(name, "").splitlines():
            document.add(tomlkit.comment(line))
        document.add(name, table)
    return tomlkit.dumps(document)


def describe_keys() -> dict[str, str]:
    """Dotted key to its description, for every key of every table but [space]."""
    return {
        f"{table}.{key}": field.description or ""
        for table in StudySpec.model_fields
        if table != "space"
        for key, field in section_of(table).model_fields.items()
    }


def spec_to_json(spec: StudySpec) -> dict[str, Any]:
    """The study as values that `json` can write; `spec_from_json` gives an equal spec back."""
    return spec.model_dump(mode="json")


def spec_from_json(data: Mapping[str, Any]) -> StudySpec:
    """The study that `spec_to_json` wrote; names are not looked up again.

    Raises:
        StudyFileError: The values are no study, for example those of another version.
    """
    document = {table: _without_nulls(section) for table, section in _as_it_was_meant(data).items()}
    findings = Findings(_STORED, None, ())
    tables = read_tables(document, findings)
    if problems := findings.problems():
        raise StudyFileError(problems)
    return StudySpec(**tables)


def _as_it_was_meant(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A study that was stored before there was a key is what such studies were then."""
    data, training, model = document.get("data"), document.get("training"), document.get("model")
    if isinstance(study := document.get("study"), Mapping):
        known: dict[str, Any] = {"window": WIDEST_WINDOW, "pruner": "none"}
        if study.get("sampler", "tpe") in MODELLING:
            known["n_startup_trials"] = MOST_STARTUP_TRIALS
        document = {**document, "study": {**known, **study}}
    if isinstance(data, Mapping) and data.get("task") == "regression":
        document = {**document, "data": {"scale_target": False, **data}}
    if isinstance(model, Mapping) and model.get("family") is None:
        document = {**document, "model": {"own": "keep", **model}}
    if isinstance(training, Mapping):
        document = {**document, "training": {"loss": TASK_LOSS, **training}}
    return document


def _without_nulls(value: Any) -> Any:
    """TOML has no null: a key without a value is left out."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value
