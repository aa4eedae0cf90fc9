"""`engine = "auto"`: a few epochs with each candidate, and the faster one is taken.

XLA makes dense and recurrent nets faster by orders of magnitude and small convolutions slower than TensorFlow's own
kernels, on this machine and today; so it is measured, not guessed. The measuring is the coordinator's to ask for, once
a study and architecture: engines round differently, and a study whose workers chose on their own would not repeat.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from search.records import EngineChoice
from search.training.engines._base import Engine, Job
from search.training.engines.lanes import LanesEngine
from search.training.engines.loops import LoopEngine
from search.training.failures import is_out_of_memory, without_secrets

_MARGIN = 1.3
"""How many times faster `graph` has to be: a clear answer is the same answer the next time."""

_GRAPH_STEP_SECONDS = 1e-4
"""No step of `graph` is shorter: TensorFlow hands out a hundred operations. The smallest nets took 0.2 to 0.7 ms."""

_ROUNDS = 2
"""In turns, and the shortest counts: the machine may be busy with something else for a moment."""


def choose_engine(job: Job, engines: Mapping[str, Engine]) -> EngineChoice:
    """The engine for a job and all jobs of its architecture, and why.

    An engine that fails on the job is no candidate, whatever the failure; `fit`, Keras' own loop, always is.

    Args:
        job: One of these jobs.
        engines: Engine by name. The programs of those that lose are let go. `lanes` is a candidate where it may win;
            its time is that of a run among as many as go together.

    Raises:
        MemoryError: There was not enough memory, which at another time there may be.
    """
    measured_kinds = (LoopEngine, LanesEngine) if _may_lanes_win() else LoopEngine
    candidates = {name: engine for name, engine in engines.items() if isinstance(engine, measured_kinds)}
    seconds: dict[str, float] = {}
    failures: dict[str, str] = {}
    for _ in range(_ROUNDS):
        for engine in candidates.values():
            if engine.name not in failures and not (engine.name == "graph" and _is_beyond_graph(job, seconds)):
                _measure(engine, job, seconds, failures)
        if len(seconds) < 2 or max(seconds.values()) > 2 * _MARGIN * min(seconds.values()):
            break
    if not seconds:
        return EngineChoice("fit", "; ".join(failures.values()))
    is_compiled_best = seconds.get("compiled", math.inf) < _MARGIN * seconds.get("graph", math.inf)
    best = "compiled" if is_compiled_best else "graph"
    if _MARGIN * seconds.get("lanes", math.inf) < seconds.get(best, math.inf):
        best = "lanes"
    for name, engine in candidates.items():
        if name != best:
            engine.forget(job)
    measured = [f"{name} {_in_words(value)} an epoch" for name, value in seconds.items()]
    if "graph" not in {*seconds, *failures}:
        measured.append("graph cannot reach that")
    return EngineChoice(best, "; ".join([*measured, *failures.values()]))


def _may_lanes_win() -> bool:
    """Whether lanes are worth measuring: where TensorFlow sees a GPU, which one run does not fill.

    On a CPU one run fills a core. Measured on one, eight lanes against eight runs of `compiled`: 2-500-1 on 30 rows
    that train and 70 that score 0.97 times as fast, 2-32-1 on the same rows 1.17 times, 64-256-256-10 on 1,437 and 360
    rows 0.71 times; and a program of lanes took 2 to 6 times as long to compile.
    """
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _is_beyond_graph(job: Job, seconds: Mapping[str, float]) -> bool:
    """Whether `compiled` is faster than `graph` can be, so that a second program need not be made."""
    size = min(job.training.batch_size, job.capacity.train)
    return seconds.get("compiled", math.inf) < _GRAPH_STEP_SECONDS * math.ceil(job.capacity.train / size)


def _measure(engine: LoopEngine | LanesEngine, job: Job, seconds: dict[str, float], failures: dict[str, str]) -> None:
    try:
        seconds[engine.name] = min(seconds.get(engine.name, math.inf), engine.seconds_per_epoch(job))
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(_first_line(error)) from error
        # TensorFlow's compilers fail in many ways.
        failures[engine.name] = f"{engine.name} failed ({_first_line(error)})"
        seconds.pop(engine.name, None)


def _first_line(error: Exception) -> str:
    lines = without_secrets(str(error)).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


def _in_words(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} \N{MICRO SIGN}s"
