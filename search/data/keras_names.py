"""Names that Keras gives to layers which have none.

This stands here, and not beside the other names of Keras that are not public (`search.techniques.private`), because the
child process that calls builders needs it too.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def names_counted_anew() -> Iterator[None]:
    """Let layers without a name get the numbers that they have in a new process.

    `object_name_uids` of `keras.src.backend.common.global_state` of Keras 3.15, which `clear_session` resets with much
    else.
    """
    from keras.src.backend.common import global_state

    before = global_state.get_global_attribute("object_name_uids")
    global_state.set_global_attribute("object_name_uids", collections.defaultdict(int))
    try:
        yield
    finally:
        global_state.set_global_attribute("object_name_uids", before)
