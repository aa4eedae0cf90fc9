"""What a session has found, on its way to a storage that may be away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from search.coordination.progress import Observer
from search.errors import StorageError, TransientStorageError
from search.records import RunResult, StudyRecord
from search.storage import Ended, Entry, Progressed, SpoolError, Started, Storage

_MOST_PAUSE_SECONDS = 0.5


class Attempts:
    """Asks a storage that may be away for a while, and never waits for it: results come in meanwhile.

    Args:
        storage: An open database whose study is held; without patience a failure is raised.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._try_at = 0.0

    def attempt(self, call: Callable[[], object]) -> bool:
        """Make a call, if it is time to try again.

        Args:
            call: Asks the database in one transaction, which does no harm where an earlier one succeeded.

        Returns:
            Whether the storage took it. Otherwise it is to be attempted again.

        Raises:
            StorageError: The database failed for good, or was away for longer than there is patience.
        """
        if time.monotonic() < self._try_at:
            return False
        patience = self._storage.patience
        try:
            with self._storage.at_once():
                call()
        except TransientStorageError as error:
            if patience is None:
                raise
            self._try_at = time.monotonic() + patience.fail(error)
            return False
        if patience is not None:
            patience.succeed()
        return True


class WriteBehind:
    """Writes to a storage, and keeps in a spool what it does not take for now.

    Args:
        storage: An open database whose study is held; without patience a failure is raised.
        record: The study.
    """

    def __init__(self, storage: Storage, record: StudyRecord) -> None:
        self._storage = storage
        self._study_id = record.study_id
        self._spool = storage.spool(record)
        self._n_spooled = 0
        self._try_at = 0.0
        self._is_repeated = False

    def write(self, entries: Sequence[Entry], results: Sequence[RunResult] = ()) -> bool:
        """Try to write what is not written yet.

        Args:
            entries: What happened to trials.
            results: Runs that are no part of the search.

        Returns:
            Whether everything is in the storage. Otherwise it is on the disk, and is to be given again, with what came
            meanwhile behind it.

        Raises:
            StorageError: The database failed for good, or was away for longer than there is patience.
        """
        if not entries and not results:
            return True
        if time.monotonic() < self._try_at:
            self._keep([*entries, *results])
            return False
        try:
            with self._storage.at_once():
                if entries:
                    self._storage.write(self._study_id, entries, repeated=self._is_repeated)
                if results:
                    self._storage.write_runs(self._study_id, results, repeated=self._is_repeated)
        except TransientStorageError as error:
            patience = self._storage.patience
            if patience is None:
                raise
            self._is_repeated = self._is_repeated or error.may_be_done or bool(entries and results)
            self._keep([*entries, *results])
            self._try_at = time.monotonic() + patience.fail(error)
            return False
        if self._storage.patience is not None:
            self._storage.patience.succeed()
        if self._n_spooled:
            self._spool.remove()
        self._n_spooled, self._try_at, self._is_repeated = 0, 0.0, False
        return True

    def write_all(self, entries: Sequence[Entry], results: Sequence[RunResult] = ()) -> None:
        """Write, however long the storage is away; errors as in `write`."""
        while not self.write(entries, results):
            time.sleep(min(_MOST_PAUSE_SECONDS, max(0.0, self._try_at - time.monotonic())))

    def _keep(self, unwritten: Sequence[Entry | RunResult]) -> None:
        """Add to the spool what is not in it yet; a disk that is full, too, leaves it in memory."""
        lasting = [each for each in unwritten if not isinstance(each, Progressed)]
        if new := lasting[self._n_spooled :]:
            try:
                self._spool.append(new)
            except OSError:
                return
            self._n_spooled = len(lasting)


def recover_spool(storage: Storage, record: StudyRecord, observer: Observer) -> None:
    """Write what an earlier session could not, because it ended while the database was away.

    Args:
        storage: An open database whose study is held.
        record: The study.
        observer: Told of it.

    Raises:
        StorageError: The database failed.
    """
    spool = storage.spool(record)
    try:
        kept = spool.read()
        if not kept:
            spool.remove()  # a crash may have left half a line, behind which nothing would be read
            return
        entries: list[Entry] = [each for each in kept if isinstance(each, (Started, Ended))]
        storage.write(record.study_id, entries, repeated=True)
        storage.write_runs(record.study_id, [each for each in kept if isinstance(each, RunResult)], repeated=True)
    except TransientStorageError:
        raise
    except (SpoolError, StorageError, OSError) as error:
        observer.note(f"What {spool.path.name} keeps is not used: {error}. It is {spool.set_aside().name} now.")
        return
    spool.remove()
    n_trials = sum(isinstance(each, Ended) for each in kept)
    n_runs = sum(isinstance(each, RunResult) for each in kept)
    told = [f"{n_trials} trials" if n_trials else "", f"{n_runs} runs of the confirmation" if n_runs else ""]
    if any(told):
        what = " and ".join(filter(None, told))
        observer.note(f"{what} that ended while the database was away were taken from {spool.path.name}.")
