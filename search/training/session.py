"""TensorFlow is set up once a process, before it is first used."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator


@functools.cache
def start_tensorflow() -> None:
    """Import TensorFlow, quiet, deterministic and on one thread.

    One thread each for what is inside an operation and for operations side by side: a worker is one process
    per core, and sums that are split over threads would make results depend on their number. A GPU's memory
    is taken as it is needed. Does nothing when it was called before.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr():
        import keras
        import tensorflow as tf
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f'expected the Keras backend "tensorflow", received "{keras.backend.backend()}"; '
            "unset KERAS_BACKEND for regsearch's workers"
        )
    with contextlib.suppress(RuntimeError):  # someone in this process used TensorFlow before us
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # each run traces a model of its own, and TensorFlow advises against it


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
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
