"""Which engine trains which architecture of a study: chosen once, by measuring, and kept for the study's whole life.

Engines round differently. A study in which each worker, or each session, chose for itself would not give the same
trials twice; so the first run of an architecture is preceded by a calibration on one worker, whose answer is written
down before any run and holds for all, in this session and in those to come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from search.records import Configuration, EngineChoice, Setting
from search.spec import StudySpec

ArchitectureKey = tuple[tuple[str, Setting], ...]
"""The settings of a configuration by which its program differs from that of others."""

ENGINES_KEY = "engines"
"""Where the storage keeps the choices of a study."""

# These go into a program as values.
_VALUES = frozenset({"training.learning_rate", "training.epochs"})


def architecture_key(configuration: Configuration) -> ArchitectureKey:
    """What tells the programs of a study apart."""
    return tuple(
        (name, value)
        for name, value in configuration.items()
        if name.startswith(("model.", "training.")) and name not in _VALUES
    )


class EngineChoices:
    """The engine of each architecture, as far as it is known.

    Args:
        spec: The study; an engine that it names is every architecture's.
        recorded: What was given to `keep` in an earlier session; None when there was none.
        keep: Writes all choices down, as JSON-ready values: a session that goes on after a crash takes the same ones.
    """

    def __init__(
        self, spec: StudySpec, recorded: Any = None, keep: Callable[[list[dict[str, Any]]], None] = lambda _: None
    ) -> None:
        named = spec.training.engine
        self._named = None if named == "auto" else EngineChoice(named)
        self._chosen = {
            architecture_key(Configuration(known["settings"])): EngineChoice(known["engine"], known["reason"])
            for known in recorded or ()
        }
        self._keep = keep

    def get(self, configuration: Configuration) -> EngineChoice | None:
        """The engine for a configuration; None when its architecture has to be calibrated."""
        return self._named or self._chosen.get(architecture_key(configuration))

    def learn(self, configuration: Configuration, choice: EngineChoice) -> None:
        """Take the result of a calibration, and write it down."""
        self._chosen[architecture_key(configuration)] = choice
        self._keep(
            [
                {"settings": dict(architecture), "engine": choice.name, "reason": choice.reason}
                for architecture, choice in self._chosen.items()
            ]
        )
