"""The caller's process, lent to a study: TensorFlow and Keras are set up for training, and put back."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import sys
from collections.abc import Iterator

from search.fork_server import available_cores
from search.techniques.private import determinism_kept, keras_state_kept, tensorflow_seed_kept
from search.training.session import import_tensorflow, silent_stderr, start_tensorflow


@contextlib.contextmanager
def lent_process() -> Iterator[tuple[str, ...]]:
    """Set this process up as `start_tensorflow` does, and put back afterwards what it and training change.

    Put back: environment variables, Keras' global state (dtype policy, names, seeds, registered classes), TensorFlow's
    seed and the level of its logger, determinism of operations, and what the garbage collector passes over. Inside,
    Keras begins with a state of its own, so that the caller's does not reach the runs either.

    Yields:
        What could not be set up or cannot be put back, one sentence each; none to whoever had not imported TensorFlow.
    """
    environment = dict(os.environ)
    is_any_frozen = anything_is_frozen()
    ours = "tensorflow" not in sys.modules
    with contextlib.ExitStack() as stack:
        stack.callback(_put_back_environment, environment)
        import_tensorflow()
        for kept in (keras_state_kept, tensorflow_seed_kept, _logger_kept, determinism_kept):
            stack.enter_context(kept())
        threads = _threads()
        start_tensorflow()
        if not is_any_frozen:
            stack.callback(gc.unfreeze)
            gc.freeze()
        if not ours:
            _use_up_first_lines()
        yield () if ours else _sentences(threads, _threads())


def anything_is_frozen() -> bool:
    """Whether the garbage collector passes over objects by the caller's will. Python counts them all: a second for ten
    million.
    """
    return gc.get_freeze_count() > 0


def _put_back_environment(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    for name, value in environment.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


@contextlib.contextmanager
def _logger_kept() -> Iterator[None]:
    import tensorflow as tf

    logger = tf.get_logger()
    before = logger.level
    try:
        yield
    finally:
        logger.setLevel(before)


@functools.cache
def _use_up_first_lines() -> None:
    """Have TensorFlow write what it writes once a process, where nobody reads it.

    Its C++ parts log when XLA is set up, when it first compiles anything, when it first compiles a function like tanh,
    and when a data set is first made from a generator. The level of that log is read when TensorFlow is imported, which
    the caller has done.
    """
    import tensorflow as tf

    signature = tf.TensorSpec((), tf.float32)
    with silent_stderr():
        tf.function(tf.tanh, jit_compile=True, autograph=False)(tf.ones(8))
        for _ in tf.data.Dataset.from_generator(lambda: [1.0], output_signature=signature):
            pass


def _threads() -> tuple[int, int]:
    """Threads that TensorFlow uses inside an operation, and for operations side by side."""
    import tensorflow as tf

    most = available_cores()
    counts = (
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.config.threading.get_inter_op_parallelism_threads(),
    )
    return counts[0] or most, counts[1] or most  # 0 is TensorFlow's word for one a core


def _sentences(before: tuple[int, int], now: tuple[int, int]) -> tuple[str, ...]:
    calls = " and ".join(f"tf.config.threading.set_{kind}_op_parallelism_threads(1)" for kind in ("intra", "inter"))
    if max(now) > 1:
        return (
            f"expected TensorFlow on one thread, received a process that has used it on {max(now)}: what is trained "
            "in this process may not repeat, as parallel sums round in any order; it is no less right. Call "
            f"{calls} before the first model is made.",
        )
    if before != now:
        return ("TensorFlow had not been used in this process: from now on it uses one thread here.",)
    return ()
