"""Model families by the name that `[model] family` gives: one file a family, one line in the map."""

from __future__ import annotations

from collections.abc import Mapping

from search.models.architecture import Architecture
from search.models.families._base import Family
from search.models.families.mlp import Mlp
from search.records import Task
from search.spec import ModelSection

FAMILIES: Mapping[str, Family] = {family.name: family for family in (Mlp(),)}
"""Every model family by its name in [model]."""


def describe_model(section: ModelSection, input_shape: tuple[int, ...], n_outputs: int, task: Task) -> Architecture:
    """The plain model of a study: no technique is in it.

    Args:
        section: [model] of the study file, validated: `family` names a family of `FAMILIES`.
        input_shape: Shape of one row of the features, without the batch.
        n_outputs: Number of classes, or of targets for a regression.
        task: What is predicted.
    """
    return FAMILIES[section.family or "mlp"].describe(section, tuple(input_shape), n_outputs, task)


__all__ = ["FAMILIES", "Family", "describe_model"]
