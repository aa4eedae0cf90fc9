"""Ways to run the epochs of a run: one file an engine, one line in the map.

| module | what lives there |
|---|---|
| `_base` | `Engine`, and what goes into one (`Job`) and comes out (`Outcome`) |
| `choice` | `auto`: which engine is best for a job, measured |
| `loops` | `compiled` and `graph`: one program an architecture |
| `lanes` | `lanes`: many runs as one program |
| `program` | `Program`: a whole run as one TensorFlow function |
| `_lanes_program` | `LanesProgram`: several runs as one TensorFlow function |
| `_lane` | how each of them goes |
| `fit` | `keras.Model.fit` |
| `_traced` | `TracedRun`: what programs compute, of one run and of many |
| `_step` | a training step with the techniques that act on it |
| `_tensors` | the rows of a fold as programs take them |
| `_stores` | `Stores`: what a worker keeps from run to run |
| `_optimizer_start` | the state that an optimizer begins with |
| `_initial` | the model at its initial weights, the same for every configuration |
| `_orders` | the order of the rows in each epoch, the same for every engine and configuration |
| `_own_draws` | code of the user's that draws at random draws what seed and step say |
| `_zeros` | shares of activations that are zero |
| `_calibration` | how fast an engine is |
| `_one_kernel` | whether XLA makes one kernel of a loop of epochs |
| `_evaluation` | for `fit`: stop and validation rows after each epoch |
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from search.training.engines._base import Engine, Job, Outcome, Watch, Whole, keep_going
from search.training.engines._lanes_program import N_LANES
from search.training.engines._step import predictions
from search.training.engines._stores import Stores
from search.training.engines.choice import choose_engine
from search.training.engines.fit import FitEngine
from search.training.engines.lanes import LanesEngine
from search.training.engines.loops import LoopEngine
from search.training.engines.program import program_key

ENGINES: Mapping[str, Callable[[Stores], Engine]] = {
    "compiled": functools.partial(LoopEngine, "compiled", compiled=True),
    "graph": functools.partial(LoopEngine, "graph", compiled=False),
    "lanes": LanesEngine,
    "fit": FitEngine,
}
"""How each engine is made, by its name in [training]."""


def make_engines(stores: Stores) -> Mapping[str, Engine]:
    """Every engine by its name, for one worker."""
    return {name: make(stores) for name, make in ENGINES.items()}


__all__ = [
    "ENGINES",
    "N_LANES",
    "Engine",
    "Job",
    "LanesEngine",
    "Outcome",
    "Stores",
    "Watch",
    "Whole",
    "choose_engine",
    "keep_going",
    "make_engines",
    "predictions",
    "program_key",
]
