"""Ways to run the epochs of a run: one file an engine, one line in the map.

| module | what lives there |
|---|---|
| `_base` | `Engine`, and what goes into one (`Job`) and comes out (`Outcome`) |
| `choice` | `auto`: which engine is best for a job, measured |
| `loops` | `compiled` and `graph`: one program an architecture |
| `program` | `Program`: a whole run as one TensorFlow function |
| `fit` | `keras.Model.fit` |
| `_step` | a training step with the techniques that act on it |
| `_tensors` | what goes into programs: rows, their orders, initial weights |
| `_optimizer_start` | the state that an optimizer begins with |
| `_initial` | the model at its initial weights, the same for every configuration |
| `_orders` | the order of the rows in each epoch, the same for every engine and configuration |
| `_zeros` | shares of activations that are zero |
| `_evaluation` | for `fit`: stop and validation rows after each epoch |
"""

from __future__ import annotations

from collections.abc import Mapping

from search.training.engines._base import Engine, Job, Outcome, Watch, keep_going
from search.training.engines.choice import COMPILED, FIT, GRAPH, choose_engine
from search.training.engines.program import program_key

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (COMPILED, GRAPH, FIT)}
"""Every engine by its name in [training]."""

__all__ = ["ENGINES", "Engine", "Job", "Outcome", "Watch", "choose_engine", "keep_going", "program_key"]
