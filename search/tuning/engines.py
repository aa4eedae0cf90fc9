"""Which engine trains which architecture of a study: chosen once, by measuring, and kept for the study's whole life.

Engines round differently. A study in which each worker, or each session, chose for itself would not give the same
trials twice; so the first run of an architecture is preceded by a calibration on one worker, whose answer holds for
all, and a study that goes on takes the engines that its recorded runs were trained with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from search.records import Configuration, EngineChoice, RunSummary, Setting
from search.spec import StudySpec

Architecture = tuple[tuple[str, Setting], ...]
"""The settings of a configuration by which its program differs from that of others."""

# These go into a program as values.
_VALUES = frozenset({"training.learning_rate", "training.epochs"})


def architecture_of(configuration: Configuration) -> Architecture:
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
        recorded: Architecture to the engine that the storage has of it.
    """

    def __init__(self, spec: StudySpec, recorded: Mapping[Architecture, EngineChoice]) -> None:
        named = spec.training.engine
        self._named = None if named == "auto" else EngineChoice(named)
        self._chosen = dict(recorded)

    def get(self, configuration: Configuration) -> EngineChoice | None:
        """The engine for a configuration; None when its architecture has to be calibrated."""
        return self._named or self._chosen.get(architecture_of(configuration))

    def learn(self, configuration: Configuration, choice: EngineChoice) -> None:
        """Note the result of a calibration."""
        self._chosen[architecture_of(configuration)] = choice


def recorded_engines(
    runs: Iterable[RunSummary], configuration: Callable[[int], Configuration]
) -> dict[Architecture, EngineChoice]:
    """The engines that finished runs were trained with, by architecture.

    Args:
        runs: Runs as the storage has them.
        configuration: From a trial's number to its configuration.
    """
    found: dict[Architecture, EngineChoice] = {}
    for run in runs:
        name, separator, reason = run.engine.partition(": ")
        if separator:
            found.setdefault(architecture_of(configuration(run.trial)), EngineChoice(name, reason))
    return found
