"""Values in words, for everybody who shows them: tables, lines and a `repr`."""

from __future__ import annotations

from collections.abc import Mapping

from search.records.facts import StudyFacts


def show_value(value: object) -> str:
    """A value as people read it: four significant digits, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(show_value(each) for each in value) + "]"
    return str(value)


def describe_configuration(configuration: Mapping[str, object], facts: StudyFacts) -> str:
    """A configuration in one line: `dropout 0.31, l2 0.00012`; with everything off the model may bring some of its own.

    Args:
        configuration: Names to values; what is off is absent.
        facts: Of the study.
    """
    nothing = "the model as given" if facts.own_regularization else "everything off"
    return ", ".join(f"{name} {show_value(value)}" for name, value in configuration.items()) or nothing


def describe_seconds(seconds: float) -> str:
    """A time span: `1:05`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
