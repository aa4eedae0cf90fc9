"""The one catalogue of what a study file may name, assembled from those who know."""

from __future__ import annotations

from search.data import SOURCES, SPLITTERS
from search.models import ACTIVATIONS, FAMILIES, LAYER_ARGUMENTS, LOSSES, OPTIMIZERS, REFUSED_ARGUMENTS, SCHEDULES
from search.spec import Arguments, Catalogue
from search.techniques import TECHNIQUES, LayerTechnique, required_names
from search.training import METRICS
from search.tuning.samplers import missing_packages


def default_catalogue() -> Catalogue:
    """All that exists in the maps of the house.

    It is assembled anew each time: what a program has just added to one of the maps is in it.
    """
    return Catalogue(
        techniques={name: technique.domain for name, technique in TECHNIQUES.items()},
        layered=frozenset(n for n, technique in TECHNIQUES.items() if isinstance(technique, LayerTechnique)),
        zero_in_layers=frozenset(n for n, t in TECHNIQUES.items() if isinstance(t, LayerTechnique) and t.can_be_zero),
        families={name: family.keys for name, family in FAMILIES.items()},
        required_keys={name: family.required for name, family in FAMILIES.items()},
        optimizers={n: Arguments(known.arguments, refused=REFUSED_ARGUMENTS) for n, known in OPTIMIZERS.items()},
        schedules={name: Arguments(known.arguments, known.required) for name, known in SCHEDULES.items()},
        losses={name: Arguments({**form.arguments, "weight": 1.0}) for name, form in LOSSES.items()},
        activations=frozenset(ACTIVATIONS),
        layer_arguments=LAYER_ARGUMENTS,
        sources=tuple(source.form for source in SOURCES.values()),
        metrics=tuple(METRICS),
        metric_arguments={name: Arguments(known.arguments) for name, known in METRICS.items() if known.arguments},
        splitters={method: splitter.section for method, splitter in SPLITTERS.items()},
        requires={n: names for n, technique in TECHNIQUES.items() if (names := required_names(technique))},
        missing=missing_packages(),
    )
