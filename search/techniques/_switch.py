"""Work that a program does only where a technique is on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from search.techniques.private import conditions_decided_by

if TYPE_CHECKING:
    import keras


def only_if(on: Any, compute: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """What `compute` returns where a technique is on, and else what `otherwise` does; only one of them runs.

    Inside `both_computed` both of them run, and what `compute` assigns holds where the technique is on.

    Args:
        on: Whether it is on: a scalar tensor, or a truth value that is known already.
        compute: The technique. Where it is off, its values and gradients must be finite too.
        otherwise: The same without it: equal shapes and dtypes.
    """
    import tensorflow as tf

    if not tf.is_tensor(on):
        return compute() if on else otherwise()
    if _TRACED.scope is None:
        return tf.cond(on, compute, otherwise)
    assigned = _TRACED.scope.state_mapping
    before = dict(assigned)
    computed = compute()
    for variable, value in assigned.items():
        if value is not before[variable]:
            assigned[variable] = tf.where(on, value, before[variable])
    return tf.nest.map_structure(lambda one, other: tf.where(on, one, other), computed, otherwise())


@contextlib.contextmanager
def both_computed(scope: keras.StatelessScope) -> Iterator[None]:
    """Let `only_if`, and Keras' own conditions, choose between values: lanes of one program differ in what is on.

    Args:
        scope: Holds the values of all variables that are assigned inside.
    """
    outer, _TRACED.scope = _TRACED.scope, scope
    try:
        with conditions_decided_by(only_if):
            yield
    finally:
        _TRACED.scope = outer


class _Traced(threading.local):
    """What a thread traces right now."""

    scope: keras.StatelessScope | None = None


_TRACED = _Traced()
