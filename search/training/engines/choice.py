"""`engine = "auto"`: a few epochs with each candidate, and the faster one is taken.

XLA makes dense and recurrent nets faster by orders of magnitude and small convolutions slower than TensorFlow's own
kernels, on this machine and today; so it is measured, not guessed. The measuring is the coordinator's to ask for, once
a study and architecture: engines round differently, and a study whose workers chose on their own would not repeat.
"""

from __future__ import annotations

import math

from search.records import EngineChoice
from search.training.engines._base import Job
from search.training.engines.fit import FitEngine
from search.training.engines.loops import LoopEngine

COMPILED = LoopEngine("compiled", compiled=True)
GRAPH = LoopEngine("graph", compiled=False)
FIT = FitEngine()

_MARGIN = 1.3
"""How many times faster `graph` has to be: a clear answer is the same answer the next time."""

_ROUNDS = 2
"""In turns, and the shortest counts: the machine may be busy with something else for a moment."""


def choose_engine(job: Job) -> EngineChoice:
    """The engine for a job and all jobs of its architecture, and why.

    An engine that fails on the job, whatever the failure, is no candidate; `fit`, Keras' own loop, always is.
    """
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    for _ in range(_ROUNDS):
        for engine in (COMPILED, GRAPH):
            if engine.name not in failures:
                _measure(engine, job, seconds, failures)
        if len(seconds) < 2 or max(seconds.values()) > 2 * _MARGIN * min(seconds.values()):
            break
    if not seconds:
        return EngineChoice(FIT.name, "; ".join(failures.values()))
    best = COMPILED if seconds.get(COMPILED.name, math.inf) < _MARGIN * seconds.get(GRAPH.name, math.inf) else GRAPH
    (GRAPH if best is COMPILED else COMPILED).forget(job)
    measured = [f"{name} {_in_words(value)} an epoch" for name, value in seconds.items()]
    return EngineChoice(best.name, "; ".join([*measured, *failures.values()]))


def _measure(engine: LoopEngine, job: Job, seconds: dict[str, float], failures: dict[str, str]) -> None:
    try:
        seconds[engine.name] = min(seconds.get(engine.name, math.inf), engine.seconds_per_epoch(job))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # TensorFlow's compilers fail in many ways
        failures[engine.name] = f"{engine.name} failed ({_first_line(error)})"
        seconds.pop(engine.name, None)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _in_words(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} \N{MICRO SIGN}s"
