"""TensorFlow is set up once a process, before it is first used."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from search.techniques.private import graph_options, registered_gradients
from search.training.program_cache import cache_flags, forget_memory, is_kept_in_memory, kept_programs


def start_tensorflow() -> None:
    """Import TensorFlow, quiet, repeatable and on one thread. Does next to nothing when it was called before.

    One thread each for what is inside an operation and for operations side by side: a worker is one process
    per core, and sums that are split over threads would make results depend on their number. With one thread
    a CPU repeats itself. TensorFlow's deterministic operations are for GPUs only: on a CPU they make nothing
    more repeatable, but some of them (the softmax loss) round otherwise than those of a plain program.

    The process stays like that; `lent_process` puts back what belongs to the caller.
    """
    with _STARTING:
        _import()
        _configure()
        _quiet()


def import_tensorflow() -> None:
    """The first part of `start_tensorflow`: import it, and leave it as it is."""
    with _STARTING:
        _import()


_STARTING = threading.Lock()


def _import() -> None:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # XLA reads its flags when it is first used, which may be after this call and the next.
    os.environ["XLA_FLAGS"] = _xla_flags(os.environ.get("XLA_FLAGS", ""), processor_features())
    if "tensorflow" not in sys.modules:
        os.environ["TF_XLA_FLAGS"] = cache_flags(os.environ.get("TF_XLA_FLAGS", ""))
        if is_kept_in_memory(os.environ["TF_XLA_FLAGS"]):
            _KEEPS_PROGRAMS.set()
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        return
    with silent_stderr(), _collector_paused():
        import keras  # noqa: F401  # for its own sake, while nothing of it is shown
        import tensorflow as tf  # noqa: F401  # likewise


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """No look for garbage among objects that all stay: it took a quarter of the import."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@functools.cache
def _configure() -> None:
    import keras
    import tensorflow as tf

    with silent_stderr():
        gpus = tf.config.list_physical_devices("GPU")
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f'expected the Keras backend "tensorflow", received "{keras.backend.backend()}"; '
            "unset KERAS_BACKEND for regsearch's workers"
        )
    with contextlib.suppress(RuntimeError):  # someone in this process used TensorFlow before us
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    with contextlib.suppress(RuntimeError):
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
            tf.config.experimental.enable_op_determinism()
    if not gc.get_freeze_count():
        gc.freeze()  # the garbage collector need not look through 400,000 objects of TensorFlow after every run


def _quiet() -> None:
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # each run traces a model of its own, and TensorFlow advises against it


_SMALL_LOOP_BYTES = 2**20
"""What a loop touches in an iteration, at most, that XLA makes one kernel of; see `engines._one_kernel`."""


_SMALL_LOOPS = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={}"
_XLAS_OWN_BYTES = 1024


def keep_small_loops_apart() -> None:
    """Let XLA compile loops as it does by itself, in a process in which it has compiled nothing yet.

    A recurrent layer is a loop inside the loop of a run's steps. As one kernel its products are plain loops: an LSTM of
    64 units took three times as long.
    """
    flags = _xla_flags(os.environ.get("XLA_FLAGS", ""), processor_features())
    os.environ["XLA_FLAGS"] = flags.replace(
        _SMALL_LOOPS.format(_SMALL_LOOP_BYTES), _SMALL_LOOPS.format(_XLAS_OWN_BYTES)
    )


def _xla_flags(given: str, features: frozenset[str]) -> str:
    """Flags for XLA's compiler: the user's, small loops as one kernel, and wide vectors where they are no slower.

    XLA takes 256 bits, because the first processors with 512 lowered their clock for them. Those with bfloat16
    instructions came later and do not: measured on one, moons took 10 to 15 % less time an epoch, and Adam half.
    """
    flags = [given]
    if "avx512_bf16" in features and "xla_cpu_prefer_vector_width" not in given:
        flags.append("--xla_cpu_prefer_vector_width=512")
    if "xla_backend_extra_options" not in given:
        flags.append(_SMALL_LOOPS.format(_SMALL_LOOP_BYTES))
    return " ".join(flags).strip()


_KEEPS_PROGRAMS = threading.Event()
"""Whether XLA keeps programs in this process, for TensorFlow was imported with the flags for it."""


def programs_found_again(key: str) -> AbstractContextManager[None]:
    """Let XLA find what any process has compiled under a key, and keep what it compiles inside; see `program_cache`."""
    if not _KEEPS_PROGRAMS.is_set():
        return contextlib.nullcontext()
    return kept_programs(key, os.environ.get("XLA_FLAGS", ""), processor_features())


def other_programs_forgotten() -> None:
    """Let go of what XLA has kept beside: the steps of Keras' own `fit`, which no other process would find."""
    if _KEEPS_PROGRAMS.is_set():
        forget_memory()


@functools.cache
def processor_features() -> frozenset[str]:
    """What Linux says that the processor can; nothing on other systems."""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
    return frozenset()


@contextlib.contextmanager
def traced_gradients_forgotten() -> Iterator[None]:
    """Let go of what TensorFlow keeps of the functions that are traced inside.

    Each gradient that is written by hand (of a sigmoid's loss, of many activations) is registered under a new name
    each time it is traced, and stays for ever; with it stay all graphs of its model. Measured without this: 4 to 5
    MB a model, whatever `clear_session` and the garbage collector do; with it: none over 40 models.
    """
    registered = registered_gradients()
    before = set(registered)
    try:
        yield
    finally:
        for name in registered.keys() - before:
            if name.startswith("CustomGradient-"):
                del registered[name]


@contextlib.contextmanager
def sums_left_alone() -> Iterator[None]:
    """Keep TensorFlow 2.21 from rewriting sums in the graphs that are run inside.

    Its graph optimizer makes one operation of long sums, whose temporary variable exists twice when the sum stands in a
    loop within a loop: `AlreadyExistsError: .../ArithmeticOptimizer/AddOpsRewrite_add/tmp_var`, seen with a net of five
    hidden layers. XLA does not come that way.
    """
    import tensorflow as tf

    option, said = "arithmetic_optimization", graph_options()
    before = said.get(option)
    tf.config.optimizer.set_experimental_options({option: False})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})
        if before is None:
            del said[option]


@contextlib.contextmanager
def silent_stderr() -> Iterator[None]:
    """Send what is written to file descriptor 2 nowhere.

    TensorFlow 2.21 writes about ten lines on its libraries and on missing GPUs before any of its log levels is
    in force, and workers share the user's terminal. Errors of the import are exceptions and still come through.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
