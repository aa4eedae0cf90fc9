"""This process trains, and is left as it was; what cannot be is told as a warning."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

from search.errors import RepeatabilityWarning
from search.followup.process_state import process_kept


@contextlib.contextmanager
def training_process() -> Iterator[None]:
    """Train in this process, for the length of a `with` block."""
    with process_kept() as cautions:
        for caution in cautions:
            warnings.warn(f"search: {caution}", RepeatabilityWarning, stacklevel=4)
        yield
