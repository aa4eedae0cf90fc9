"""A study's lock while it is held, and transactions that only its holder may commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from search.records import Coordinator
from search.storage import studies
from search.storage.address import Address
from search.storage.locks import StudyLock, lock_lost


class Hold:
    """The lock of one study in the hands of this process.

    A server that restarts frees the lock of everybody. It is taken again then, unless another process was quicker: who
    held the study last stands in the database.

    Args:
        address: The database.
        lock: The lock, taken.
        name: The study.
    """

    def __init__(self, address: Address, lock: StudyLock, name: str) -> None:
        self._address = address
        self._lock = lock
        self._name = name
        self._who: Coordinator | None = None
        self._is_released = False

    def sign(self) -> None:
        """Write down that this process holds the study."""
        with self.transaction() as connection:
            self._who = studies.write_coordinator(connection, self._name)

    def check(self) -> None:
        """Make sure that the lock is held, and take it again where the database lost it.

        Raises:
            LockLostError: Another process holds the study, or has held it meanwhile: nothing more may be written.
            TransientStorageError: The database does not answer.
        """
        if not self._lock.is_intact():
            self._take_again()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction that writes; without the lock it cannot be committed. Errors as in `check`."""
        if self._lock.is_lost:
            self._take_again()
        with self._lock.transaction() as connection:
            yield connection

    def release(self) -> None:
        """Free the lock for good."""
        self._is_released = True
        self._lock.release()

    def _take_again(self) -> None:
        if self._is_released:
            raise lock_lost(self._address, "no lock")
        if not self._lock.acquire():
            raise lock_lost(self._address, "that another process has it")
        with self._lock.transaction() as connection:
            who = studies.read_coordinator(connection, self._name)
        if self._who is not None and who != self._who:
            self._lock.release()
            raise lock_lost(self._address, "that another process had it meanwhile")
