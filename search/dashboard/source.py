"""The database under the dashboard: whether it is there, and whether it is still the same one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from search.storage import Storage, open_storage
from search.storage.address import parse_address

_FRESH_SECONDS = 0.5
"""How long an answer of the database counts for its being there."""


class Source:
    """Opens a storage, and opens it anew where the file was replaced, or where our tables were missing.

    Args:
        url: The storage's address. It must exist.
        on_replaced: Called when another file stands in the place of the one that was open.
    """

    def __init__(self, url: str, on_replaced: Callable[[], None] = lambda: None) -> None:
        self._url = url
        self._on_replaced = on_replaced
        self._path = parse_address(url).path
        self._lock = threading.Lock()
        self._identity = self._look()
        self._storage = open_storage(url)
        self._checked = time.monotonic()

    def close(self) -> None:
        """Close all connections."""
        self._storage.close()

    def storage(self) -> Storage:
        """The storage, which answered within the last half second.

        Raises:
            StorageError: It does not answer, or its file is not there.
        """
        with self._lock:
            identity = self._look()
            if identity is None and self._path is not None:
                open_storage(self._url).close()  # raises, and tells why
            if identity != self._identity:
                self._reopen()
                self._identity = identity
                self._on_replaced()
            elif time.monotonic() - self._checked > _FRESH_SECONDS:
                if self._storage.has_our_tables:
                    self._storage.name_of(0)
                else:
                    self._reopen()
            self._checked = time.monotonic()
            return self._storage

    def _reopen(self) -> None:
        opened = open_storage(self._url)
        self._storage.close()
        self._storage = opened

    def _look(self) -> tuple[int, int] | None:
        """What tells the file from another one in its place; None without a file."""
        try:
            status = None if self._path is None else self._path.stat()
        except OSError:
            return None
        return None if status is None else (status.st_dev, status.st_ino)
