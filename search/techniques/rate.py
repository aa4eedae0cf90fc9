"""The rate of a layer that the user's model leaves out units with by itself: its own Dropout, and its kin."""

from __future__ import annotations

from search.techniques._base import LayerTechnique, Value
from search.techniques._domains import rate
from search.techniques.parts import Part, over

_LAYERS = frozenset(
    {
        "layers.Dropout",
        "layers.SpatialDropout1D",
        "layers.SpatialDropout2D",
        "layers.SpatialDropout3D",
        "layers.AlphaDropout",
        "layers.GaussianDropout",
    }
)


class Rate(LayerTechnique):
    """Takes the place of the rate that a Dropout layer of the model has, or a spatial, alpha or Gaussian one.

    Off leaves the rate that the model brings. The techniques `dropout`, `spatial_dropout` ... add layers instead.

    Source: Srivastava et al. 2014, Dropout: a simple way to prevent neural networks from overfitting.
    """

    name = "rate"
    on_output = True  # such a layer predicts nothing, wherever it stands
    off = 0.0  # of a layer that has no rate: any other keeps its own
    writes = frozenset({"rate"})
    replaces = frozenset({"rate"})
    domain = rate(
        "rate of a dropout layer that the model has itself, in the place of its own", "Srivastava et al. 2014"
    )

    def fits(self, layer: Part) -> bool:
        """Whether it is a layer that leaves out units, or multiplies them by noise of a rate."""
        return layer.path in _LAYERS

    def apply(self, layer: Part, value: Value) -> tuple[Part, ...]:
        """The layer with that rate."""
        return (layer.with_arguments(rate=over(value, layer.arguments.get("rate"))),)
