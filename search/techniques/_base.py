"""What every technique tells, and what a technique does to a layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from search.spec.catalogue import Domain
from search.techniques.parts import Part, Slot


class Technique(ABC):
    """One way to regularize, with one parameter. Off means absent: there is no value for it.

    Attributes:
        name: Its name in [space] and in a configuration.
        domain: The values of its parameter, their meaning and the source.
    """

    name: ClassVar[str]
    domain: ClassVar[Domain]


class LayerTechnique(Technique):
    """A technique that changes layers of a model; it can be given per layer, as `LAYER_PATTERN.technique`.

    Attributes:
        on_output: Whether it can be used on the output layer.
        off: The value with which it does nothing at all, so that a compiled program can hold it and be used for
            configurations without it. A value outside of `domain`: nobody chooses it.
    """

    on_output: ClassVar[bool]
    off: ClassVar[float]

    @abstractmethod
    def apply(self, layer: Part, value: float | Slot) -> tuple[Part, ...]:
        """What takes the layer's place in the model.

        Args:
            layer: The layer, perhaps changed by other techniques before.
            value: The parameter, inside `domain`; or a slot for it.

        Returns:
            The layer itself, perhaps with other arguments, and the layers that follow it.
        """
