"""The one catalogue of what a study file may name, assembled from those who know."""

from __future__ import annotations

from search.models import ACTIVATIONS, FAMILIES, OPTIMIZERS
from search.spec import Catalogue
from search.techniques import TECHNIQUES, LayerTechnique, required_names
from search.training import METRICS

_LATER = frozenset({"confirm.finalists", "confirm.repeats"})


def default_catalogue() -> Catalogue:
    """Techniques, families, optimizers, activations and metrics that exist, and what is planned for later.

    Made anew each time: the maps may have grown since the last one.
    """
    return Catalogue(
        techniques={name: technique.domain for name, technique in TECHNIQUES.items()},
        layered=frozenset(n for n, technique in TECHNIQUES.items() if isinstance(technique, LayerTechnique)),
        families={name: family.keys for name, family in FAMILIES.items()},
        optimizers=frozenset(OPTIMIZERS),
        activations=frozenset(ACTIVATIONS),
        metrics=tuple(METRICS),
        requires={n: names for n, technique in TECHNIQUES.items() if (names := required_names(technique))},
        later=_LATER,
    )
