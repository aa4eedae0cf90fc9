"""Ways to run the epochs of a run: one file an engine, one line in the map.

| module | what lives there |
|---|---|
| `_base` | `Engine`, and what goes into one (`Job`) and comes out (`Outcome`) |
| `_initial` | the model at its initial weights, the same for every configuration |
| `_evaluation` | stop and validation rows after each epoch |
| `fit` | `keras.Model.fit` |
"""

from __future__ import annotations

from collections.abc import Mapping

from search.training.engines._base import Engine, Job, Outcome
from search.training.engines.fit import FitEngine

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (FitEngine(),)}
"""Every engine by its name in [training]."""


def choose_engine(name: str) -> tuple[Engine, str]:
    """The engine for `[training] engine`, and why it was chosen.

    Args:
        name: `auto`, or the name of an engine.
    """
    if name == "auto":
        return ENGINES["fit"], "the only engine so far"
    return ENGINES[name], "as asked"


__all__ = ["ENGINES", "Engine", "Job", "Outcome", "choose_engine"]
