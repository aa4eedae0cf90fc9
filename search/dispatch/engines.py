"""Which engine trains which architecture of a study: chosen once, by measuring, and kept for the study's whole life.

Engines round differently. A study in which each worker, or each session, chose for itself would not give the same
trials twice; so the first run of an architecture is preceded by a calibration on one worker, whose answer is written
down before any run and holds for all, in this session and in those to come. Where sizes of layers are searched, what
was measured for one architecture holds for those that are about as large and alike in everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from search.records import Configuration, EngineChoice, Setting
from search.spec import StudySpec

ArchitectureKey = tuple[tuple[str, Setting], ...]
"""The settings of a configuration by which its program differs from that of others."""

ENGINES_KEY = "engines"
"""Where the storage keeps the choices of a study."""

# These go into a program as values.
_VALUES = frozenset(
    {"training.learning_rate", "training.epochs", "training.unfreeze.learning_rate", "training.unfreeze.epochs"}
)


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
        keep: Writes all choices down, as JSON-ready values, and says whether it could: a session that goes on after a
            crash takes the same ones. What could not be written for now is tried again by `are_kept`.
        size_of: How much the model of a configuration computes, in whatever unit; None where each architecture is
            calibrated.
    """

    def __init__(
        self,
        spec: StudySpec,
        recorded: Any = None,
        keep: Callable[[list[dict[str, Any]]], bool] = lambda _: True,
        size_of: Callable[[Configuration], int] | None = None,
    ) -> None:
        named = spec.training.engine
        self._named = None if named == "auto" else EngineChoice(named)
        if spec.training.callbacks:
            self._named = EngineChoice("fit", "callbacks are called by Keras' own loop")
        self._chosen = {
            architecture_key(Configuration(known["settings"])): EngineChoice(known["engine"], known["reason"])
            for known in recorded or ()
        }
        self._keep = keep
        self._are_kept = True
        self._size_of = size_of
        self._kinds: dict[ArchitectureKey, Hashable] = {}

    def get(self, configuration: Configuration) -> EngineChoice | None:
        """The engine for a configuration; None when its kind of architecture has to be calibrated."""
        key = architecture_key(configuration)
        if self._named is None and key not in self._chosen and (measured := self._measured_alike(configuration)):
            alike, choice = measured
            # Written down as its own: whoever trains it later knows no kinds.
            self._note(key, EngineChoice(choice.name, f"as measured with {_in_words(alike)}: {choice.reason}"))
        return self._named or self._chosen.get(key)

    def are_kept(self) -> bool:
        """Whether all choices are written down; what is not is tried again. Before that no run may be trained."""
        if not self._are_kept:
            self._are_kept = self._keep(
                [
                    {"settings": dict(architecture), "engine": choice.name, "reason": choice.reason}
                    for architecture, choice in self._chosen.items()
                ]
            )
        return self._are_kept

    def kind(self, configuration: Configuration) -> Hashable:
        """What architectures have in common for which one calibration is enough."""
        key = architecture_key(configuration)
        if self._size_of is None:
            return key
        if key not in self._kinds:
            alike = tuple((name, _kind_of(name, value)) for name, value in key)
            self._kinds[key] = alike, self._size_of(configuration).bit_length()  # within a factor of two
        return self._kinds[key]

    def learn(self, configuration: Configuration, choice: EngineChoice) -> None:
        """Take the result of a calibration, which `are_kept` writes down."""
        self._note(architecture_key(configuration), choice)

    def _measured_alike(self, configuration: Configuration) -> tuple[ArchitectureKey, EngineChoice] | None:
        """One of that kind whose engine is known; `fit` was taken where others failed, and tells nothing."""
        kind = self.kind(configuration)
        for key, choice in self._chosen.items():
            if choice.name != "fit" and self.kind(Configuration(dict(key))) == kind:
                return key, choice
        return None

    def _note(self, key: ArchitectureKey, choice: EngineChoice) -> None:
        self._chosen[key] = choice
        self._are_kept = False


def _kind_of(name: str, value: Setting) -> Hashable:
    """What values have in common that differ in a size alone: of a list of widths, or of an argument of something."""
    if isinstance(value, tuple):
        return len(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "a number" if is_number and name.count(".") > 1 else value


def _in_words(key: ArchitectureKey) -> str:
    return ", ".join(f"{name} = {list(value) if isinstance(value, tuple) else value}" for name, value in key)
