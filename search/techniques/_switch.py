"""Work that a program does only where a technique is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def only_if(on: Any, compute: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """What `compute` returns where a technique is on, and else what `otherwise` does; only one of them runs.

    Args:
        on: Whether it is on: a scalar tensor, or a truth value that is known already.
        compute: The technique.
        otherwise: The same without it: equal shapes and dtypes.
    """
    import tensorflow as tf

    if tf.is_tensor(on):
        return tf.cond(on, compute, otherwise)
    return compute() if on else otherwise()
