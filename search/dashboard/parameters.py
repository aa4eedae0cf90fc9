"""What was sampled, as the configuration that it means.

The sampler's axis of a technique goes on beyond the range that the user gave; what is sampled there means "off"
(`search.tuning.space` says why). Shown as it was sampled it reads as a value: `patience 699`. Here a parameter has the
value of the configuration, and its range is the user's. One that is off says so wherever its value is written; it has
no number, so that graphs over it leave the trial out, as they do with a parameter that a trial never had. Choices have
"off" among them, which graphs draw as they draw any other choice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.records import Configuration, Parameter, StudyRecord, technique_of
from search.techniques import TECHNIQUES


@dataclass(frozen=True)
class Axis:
    """How a name of [space] is shown.

    Args:
        name: The name.
        distribution: In the JSON of optuna-dashboard.
        absent: What it means where a configuration is without it.
        choices: What may be chosen, as text; None for a range.
    """

    name: str
    distribution: Mapping[str, Any]
    absent: str
    choices: Sequence[str] | None

    def show(self, configuration: Configuration, sampled: Parameter | None, *, brief: bool = False) -> dict[str, Any]:
        """The parameter of a trial, in the JSON of optuna-dashboard.

        Args:
            configuration: Of the trial.
            sampled: The parameter.
            brief: Whether numbers have six digits, and types are left out: a page of many trials is read sooner, and
                looks up distributions in the study's search space.
        """
        value = configuration.get(self.name)
        if brief and isinstance(value, float):
            value = rounded(value)
        number: float | int | None
        if value is None:
            text, kind = self.absent, "<class 'str'>"
            number = None if self.choices is None or text not in self.choices else self.choices.index(text)
        else:
            text, kind = _text(value), str(str if isinstance(value, tuple) else type(value))
            number = value if isinstance(value, float | int) else None
            if self.choices is not None:
                number = None if sampled is None else int(sampled.internal)
        shown = {"name": self.name, "param_internal_value": number, "param_external_value": text}
        return shown if brief else {**shown, "param_external_pytyp": kind, "distribution": self.distribution}


def rounded(value: float) -> float:
    """A number with six significant digits."""
    return float(f"{value:.6g}")


def make_axes(study: StudyRecord, sampled: Iterable[Parameter]) -> list[Axis]:
    """How the names that a study searches are shown, in the order of their names.

    Args:
        study: The study.
        sampled: Parameters of one of its trials.
    """
    stored = {parameter.name: json.loads(parameter.distribution) for parameter in sampled}
    return [_axis(name, study, stored[name]) for name in sorted(study.spec["space"]) if name in stored]


def _axis(name: str, study: StudyRecord, stored: Mapping[str, Any]) -> Axis:
    absent, attributes = study.facts.absent_in_words(name), stored["attributes"]
    if stored["name"] == "CategoricalDistribution":
        given = attributes["choices"]
        choices = [absent if choice == "off" and technique_of(name) else _text(choice) for choice in given]
        told = [{"pytype": str(type(value)), "value": choice} for value, choice in zip(given, choices, strict=True)]
        return Axis(name, {"type": "CategoricalDistribution", "choices": told}, absent, choices)
    kind, technique = stored["name"], TECHNIQUES.get(technique_of(name) or "")
    entry = study.spec["space"][name]
    if technique is not None and technique.domain.kind == "int":
        kind = "IntDistribution"
    step = entry.get("step") or (1 if kind == "IntDistribution" else None)
    shown = {"type": kind, "low": entry["low"], "high": entry["high"], "step": step, "log": bool(entry.get("log"))}
    return Axis(name, shown, absent, None)


def _text(value: object) -> str:
    return json.dumps(list(value)) if isinstance(value, tuple | list) else str(value)
