"""What a failed run died of, for programs and in words."""

from __future__ import annotations

from search.errors import RunFailedError
from search.records import FailureCause


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, NumPy's, or that which TensorFlow has of a processor."""
    import tensorflow as tf

    return isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))


def cause_of(error: Exception) -> FailureCause:
    """Why a run that raised this has no score."""
    return FailureCause.OUT_OF_MEMORY if is_out_of_memory(error) else FailureCause.RAISED


def error_in_one_line(error: Exception) -> str:
    """A sentence on an error, with its type unless it was meant for people."""
    message, name = " ".join(str(error).split()), type(error).__name__
    if isinstance(error, RunFailedError):
        return message
    return f"{name}: {message}" if message else name
