"""The caller's process is left as it was: what `tune` changes in it while it runs is put back, whatever happens."""

from __future__ import annotations

import contextlib
import random
import threading
import warnings
from collections.abc import Iterator

import numpy as np

from search.training import lent_process

# Of two threads each would put back what the other has set up. The same thread may begin again inside.
_ONE_AT_A_TIME = threading.RLock()
_TOLD: list[tuple[str, ...]] = []


@contextlib.contextmanager
def process_kept() -> Iterator[tuple[str, ...]]:
    """Train in this process and leave nothing changed.

    Here: the generators of Python and NumPy, which runs seed, and the filters of warnings, which several threads change
    at a time. Keras, TensorFlow and the environment: `lent_process`. Dask's configuration and log, and Optuna's, are
    put back by those who change them, `search.execution` and `search.tuning`. A second thread waits for the first.

    Yields:
        What could not be set up or cannot be put back, one sentence each.
    """
    with _ONE_AT_A_TIME:
        if _TOLD:
            yield _TOLD[-1]
            return
        python, numpy = random.getstate(), np.random.get_state()
        try:
            with warnings.catch_warnings(), lent_process() as sentences:
                _TOLD.append(sentences)
                yield sentences
        finally:
            _TOLD.clear()
            random.setstate(python)
            np.random.set_state(numpy)
