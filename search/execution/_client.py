"""The connection to a scheduler that may not answer."""

from __future__ import annotations

import warnings
from typing import Any

from distributed import Client
from distributed.versions import VersionMismatchWarning


class ClosedOnFailureClient(Client):
    """A client that closes itself when it cannot connect.

    Dask leaves that to the garbage collector, which may come while the next client starts, in the middle of a
    section that closing has to enter as well: both then wait for ever.
    """

    def start(self, **options: Any) -> None:
        """Connect, as `Client` does."""
        try:
            # Which versions matter, and where, is told in our own words.
            with warnings.catch_warnings(action="ignore", category=VersionMismatchWarning):
                super().start(**options)
        except Exception:
            self.close()
            raise
