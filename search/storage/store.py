"""`Storage`: what the rest of the house knows of an open database."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import sqlalchemy as sa

from search.errors import Problem, StorageError, StudyLockedError, UnknownStudyError, UsageError
from search.records import (
    Coordinator,
    Curve,
    Direction,
    Look,
    Predictions,
    Purpose,
    RunLog,
    RunResult,
    RunSummary,
    StoredAnalysis,
    StoredVerdict,
    StudyFacts,
    StudyRecord,
    Trial,
)
from search.storage import display, logs, observing, reading, studies, transfer, verdicts
from search.storage.address import Address
from search.storage.engine import quick_to_fail, reading_values, storage_error, transaction, writing
from search.storage.entries import Entry
from search.storage.holding import Hold
from search.storage.locks import make_lock
from search.storage.older_tables import OlderTables
from search.storage.patience import Patience, patiently
from search.storage.reading import RunTally
from search.storage.schema import older_error
from search.storage.spool import Spool, make_spool
from search.storage.studies import Budget
from search.storage.writing import (
    TrialRefusedError,
    delete_predictions,
    missing,
    missing_runs,
    write_entries,
    write_runs,
)

_Value = TypeVar("_Value")


@patiently(
    at_once=frozenset({"close", "at_once", "hold", "spool"}),
    unsure=frozenset({"create_study", "write", "write_runs", "begin_look", "end_look"}),
)
class Storage:
    """A database of studies. Every method is one transaction; when the database fails it raises a
    `TransientStorageError` where the same call may succeed later, else a `PermanentStorageError`. Whoever holds a study
    with patience has the former waited out.

    Trials and studies that other programs made with Optuna in the same database are left alone.
    """

    def __init__(
        self, address: Address, engine: sa.Engine, *, has_our_tables: bool, older: OlderTables | None = None
    ) -> None:
        self._address = address
        self._engine = engine
        self._has_our_tables = has_our_tables
        self._older = older
        self._hold: Hold | None = None
        self._patience: Patience | None = None

    def __enter__(self) -> Storage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Storage({self.url_shown!r})"

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @property
    def url_shown(self) -> str:
        """The URL with its password masked."""
        return self._address.shown

    @property
    def path(self) -> Path | None:
        """The SQLite file, absolute; None for a server."""
        return self._address.path

    @property
    def has_our_tables(self) -> bool:
        """Whether studies of ours can be there; when it was opened, other programs may have made all its tables."""
        return self._has_our_tables

    @property
    def is_shown_whole(self) -> bool:
        """Whether what is shown opens the same database; otherwise it lacks a user, a password or options."""
        return self._address.is_shown_whole

    @property
    def url(self) -> str:
        """The URL that opens it again from any working directory; it may hold a password, and is never shown."""
        return self._address.lasting_url

    # Studies

    def name_of(self, study_id: int) -> str | None:
        """The name of one of our studies by its key; None where there is none, or another program made it."""
        if not self._has_our_tables:
            return None
        with self._reading() as connection:
            return studies.read_name(connection, study_id)

    def studies(self) -> list[StudyRecord]:
        """Our studies, in order of creation."""
        if not self._has_our_tables:
            return []
        with self._reading() as connection:
            try:
                return studies.read_studies(connection)
            except studies.UnreadableStudyError as error:
                remedy = "It was made by a newer regsearch; install that one, or name another database."
                raise storage_error(self._address, str(error), remedy) from error

    def study_names(self) -> list[str]:
        """The names of our studies, in order of creation, without reading the studies."""
        if not self._has_our_tables:
            return []
        with self._reading() as connection:
            return studies.read_our_names(connection)

    def study(self, name: str) -> StudyRecord:
        """The study of that name.

        Raises:
            UnknownStudyError: There is none; the message names the nearest.
        """
        known = {study.name: study for study in self.studies()}
        if name in known:
            return known[name]
        received = f"received {name!r}"
        if name in self.foreign_studies():
            received += ", which another program made with Optuna"
        nearest = difflib.get_close_matches(name, known, n=3)
        if nearest:
            remedy = f"Did you mean {' or '.join(nearest)}?"
        else:
            remedy = "`regsearch studies` lists them." if known else "It holds none yet: try `regsearch run moons`."
        raise UnknownStudyError(
            Problem(f"storage {self.url_shown}", f"expected the name of a study, {received}", remedy)
        )

    def foreign_studies(self) -> list[str]:
        """Names of the studies that other programs made with Optuna in this database."""
        ours = {study.name for study in self.studies()}
        with self._reading() as connection:
            return [name for name in studies.read_names(connection) if name not in ours]

    def create_study(
        self,
        name: str,
        direction: Direction,
        metric: str,
        spec: Mapping[str, Any],
        data_sha256: str,
        facts: StudyFacts,
        n_trials: int,
        notes: Sequence[str] = (),
    ) -> StudyRecord:
        """Write a new study, Optuna's part and ours; the arguments are those of `StudyRecord`.

        Raises:
            UsageError: A study of that name exists.
        """
        with self._writing() as connection:
            self._refuse_taken(connection, name, "Choose another with --study-name.")
            studies.insert_study(
                connection,
                name=name,
                direction=direction,
                metric=metric,
                spec=spec,
                data_sha256=data_sha256,
                facts=facts,
                n_trials=n_trials,
                notes=notes,
            )
        return self.study(name)

    def copy_study(self, name: str, other: Storage, new_name: str) -> StudyRecord:
        """Copy a study as it is at one moment into another database, where it goes on as it would here.

        Raises:
            UnknownStudyError: There is no such study.
            UsageError: A study of the new name exists in the other database.
            StudyLockedError: A coordinator holds that name there.
        """
        with other.hold(new_name), self._snapshot() as source, other._writing() as target:
            study_id = self._find(source, name)
            other._refuse_taken(target, new_name, "Choose another with --name.")
            transfer.copy_study(source, study_id, target, new_name)
        return other.study(new_name)

    def delete_study(self, name: str) -> None:
        """Delete a study with all that is kept of it.

        Raises:
            UnknownStudyError: There is no such study.
            StudyLockedError: A coordinator holds it.
        """
        self.study(name)
        with self.hold(name), self._writing() as connection:
            transfer.delete_study(connection, self._find(connection, name))

    def rename_study(self, name: str, new_name: str) -> None:
        """Give a study another name.

        Raises:
            UnknownStudyError: There is no such study.
            UsageError: A study of the new name exists.
            StudyLockedError: A coordinator holds either name.
        """
        self.study(name)
        with self.hold(name), self.hold(new_name), self._writing() as connection:
            study_id = self._find(connection, name)
            self._refuse_taken(connection, new_name)
            transfer.rename_study(connection, study_id, new_name)

    def set_n_trials(self, study_id: int, n_trials: int) -> None:
        """Write down a new total."""
        self._update_study(study_id, n_trials=n_trials)

    def set_spec(self, study_id: int, spec: Mapping[str, Any], remembered: Mapping[str, Any] | None = None) -> None:
        """Write down the resolved study file, in the place of the one before, with what to `remember` of that."""
        with self._writing() as connection:
            found = studies.update_study(connection, study_id, spec=json.dumps(spec))
            for key, value in (remembered or {}).items() if found else ():
                studies.write_attribute(connection, study_id, key, value)
        if not found:
            raise self._deleted(study_id)

    def set_notes(self, study_id: int, notes: Sequence[str]) -> None:
        """Write down what the user should know, in the place of what was noted before."""
        self._update_study(study_id, notes=json.dumps(list(notes)))

    def request_stop(self, name: str) -> None:
        """Ask the study's coordinator to drain."""
        self._update_study(self.study(name).study_id, stop_requested=True)

    def clear_stop(self, study_id: int) -> None:
        """Take the request to stop back."""
        self._update_study(study_id, stop_requested=False)

    def stop_requested(self, study_id: int) -> bool:
        """Whether the coordinator is asked to drain; one cheap query."""
        with self._reading() as connection:
            requested = studies.read_stop_requested(connection, study_id)
        if requested is None:
            raise self._deleted(study_id)
        return requested

    def budget(self, study_id: int) -> Budget:
        """How many trials the study was asked for last, and whether to drain; one cheap query.

        Raises:
            PermanentStorageError: The study was deleted.
        """
        with self._reading() as connection:
            budget = studies.read_budget(connection, study_id)
        if budget is None:
            raise self._deleted(study_id)
        return budget

    def remember(self, study_id: int, key: str, value: Any) -> None:
        """Keep a JSON-ready value with a study, in place of the one before; Optuna shows it as `regsearch:KEY`."""
        with self._writing() as connection:
            studies.write_attribute(connection, study_id, key, value)

    def recall(self, study_id: int, key: str) -> Any:
        """The value that `remember` kept; None when there is none."""
        with self._reading() as connection:
            return studies.read_attribute(connection, study_id, key)

    # What other programs show

    def show_metric(self, study_id: int, metric: str) -> None:
        """Have Optuna call the objective by its name; studies of earlier versions have none."""
        with self._writing() as connection:
            display.name_metric(connection, study_id, metric)

    def show_note(self, study_id: int, text: str) -> None:
        """Keep a note on a study for optuna-dashboard, in the place of our last one; one of somebody else stays.

        Args:
            study_id: The study.
            text: Markdown.
        """
        with self._writing() as connection:
            display.write_note(connection, study_id, text)

    def system_attributes(self, study_id: int) -> dict[str, Any]:
        """What programs keep with a study: names of metrics, notes, figures of users."""
        with self._reading() as connection:
            return display.read_system_attributes(connection, study_id)

    def state(self, study_id: int) -> str:
        """A text that is another one when anything has changed that is stored of a study."""
        with self._reading() as connection:
            return observing.read_state(connection, study_id)

    def observe(self, study_id: int, since: int = 0, most_values: int = 50) -> list[observing.ObservedTrial]:
        """The trials from a number on with all that a page shows of them; arguments as in `observing.observe`."""
        with self._reading() as connection:
            return observing.observe(connection, study_id, since, most_values)

    # Trials

    def trials(self, study_id: int, *, parameters: bool = True, first: int = 0) -> list[Trial]:
        """The trials of a study, by number.

        Args:
            study_id: The study.
            parameters: Whether to read what was sampled, too; whoever goes on with a study needs that.
            first: The number of the first one; those before it are left out.
        """
        with self._reading() as connection:
            return reading.read_trials(connection, study_id, parameters=parameters, first=first)

    def progress(self, study_id: int) -> reading.Progress:
        """Counts per state, best trial and times, without reading the trials."""
        with self._reading() as connection:
            return reading.read_progress(connection, study_id)

    def intermediate_values(self, study_id: int) -> dict[int, dict[int, float]]:
        """Trial number to step to value; trials without intermediate values are absent."""
        with self._reading() as connection:
            return reading.read_intermediate_values(connection, study_id)

    def write(self, study_id: int, entries: Sequence[Entry], *, repeated: bool = False) -> None:
        """Write what happened to trials, in the order in which it happened: all of it in one transaction, or nothing.

        Args:
            study_id: Whose trials.
            entries: What happened.
            repeated: Whether they may be there already, by an attempt whose end nobody knows; such are left out.

        Raises:
            PermanentStorageError: A trial that starts is not the next one, because another program wrote trials; or one
                that progresses or ends is not RUNNING, so that telling twice does no harm.
        """
        if entries:
            with self._writing() as connection, self._refusals(study_id):
                write_entries(connection, study_id, missing(connection, study_id, entries) if repeated else entries)

    def write_runs(self, study_id: int, results: Sequence[RunResult], *, repeated: bool = False) -> None:
        """Write runs that are no part of the search: all of them in one transaction, or none.

        Args:
            study_id: Whose runs.
            results: Of another purpose than `SEARCH`, and none that is there already.
            repeated: Whether some may be there already, by an attempt whose end nobody knows; such are left out.
        Raises:
            PermanentStorageError: One of them is there already, or the study was deleted.
            ValueError: One is a run of the search, which belongs to the end of its trial.
        """
        if results:
            with self._writing() as connection, self._refusals(study_id):
                write_runs(connection, study_id, missing_runs(connection, study_id, results) if repeated else results)

    def runs(self, study_id: int, trial: int | None = None, purpose: Purpose = Purpose.SEARCH) -> list[RunSummary]:
        """The runs of one purpose, of one trial or of all, by trial, fold and repeat."""
        with self._reading() as connection:
            return reading.read_runs(connection, study_id, trial, purpose)

    def count_runs(self, study_id: int, purpose: Purpose) -> int:
        """How many runs of one purpose a study has, failed ones among them."""
        with self._reading() as connection:
            return reading.count_runs(connection, study_id, purpose)

    def logs(self, study_id: int, trial: int | None = None) -> list[RunLog]:
        """The runs that failed, of one trial or of all, of whatever purpose, by trial and then as written."""
        with self._reading() as connection:
            return logs.read_logs(connection, study_id, trial)

    def workers(self, study_id: int) -> dict[str, int]:
        """Worker (`host:pid`) to the number of runs that it finished, of whatever purpose."""
        with self._reading() as connection:
            return reading.read_workers(connection, study_id)

    def new_runs(self, study_id: int, after: int = 0) -> RunTally:
        """What was trained since an earlier look, counted: its cost is that of what is new.

        Args:
            study_id: Whose runs.
            after: `last` of the tally before; 0 counts all.
        """
        with self._reading() as connection:
            return reading.count_new_runs(connection, study_id, after)

    def curve(self, study_id: int, trial: int, fold: int, repeat: int, purpose: Purpose = Purpose.SEARCH) -> Curve:
        """The curve of one run, in the precision of float32.

        Raises:
            PermanentStorageError: There is no such run.
        """
        with self._reading() as connection:
            curve = reading.read_curve(connection, study_id, trial, fold, repeat, purpose)
        if curve is None:
            run = f"trial {trial}, fold {fold}, repeat {repeat} of study {study_id}"
            what = "a run" if purpose is Purpose.SEARCH else f"a {purpose.value} run"
            raise storage_error(self._address, f"expected {what} of {run}, received none")
        return curve

    def kept_losses(self, study_id: int, trials: Sequence[int]) -> list[tuple[int, float, float]]:
        """Of each run of the search of some trials: its trial, and its losses, without penalties, of the rows that
        train and of those that score, where its weights were kept.
        """
        with self._reading() as connection:
            return list(reading.read_kept_losses(connection, study_id, trials))

    def curves(
        self, study_id: int, purpose: Purpose = Purpose.SEARCH, *, trial: int | None = None
    ) -> dict[tuple[int, int, int], Curve]:
        """Trial, fold and repeat to the curve of that run, of one purpose, of one trial or of all, in this order."""
        with self._reading() as connection:
            return reading.read_curves(connection, study_id, trial, purpose)

    def predictions(
        self, study_id: int, purpose: Purpose = Purpose.SEARCH, *, trial: int | None = None
    ) -> dict[tuple[int, int, int], Predictions]:
        """Trial, fold and repeat to what that run predicted, of one purpose, of one trial or of all, in this order.

        Runs without are absent: failed ones, those of an earlier version, and those whose predictions were forgotten.
        """
        with self._reading() as connection:
            return reading.read_predictions(connection, study_id, trial, purpose)

    def predictions_size(self, study_id: int) -> dict[int, int]:
        """Trial number to the bytes that the predictions of its runs of the search take; trials without are absent."""
        with self._reading() as connection:
            return reading.read_prediction_sizes(connection, study_id, Purpose.SEARCH)

    def forget_predictions(self, study_id: int, trials: Sequence[int]) -> None:
        """Delete what the runs of these trials predicted in the search; the runs stay, with their scores and curves."""
        if trials:
            with self._writing() as connection:
                delete_predictions(connection, study_id, Purpose.SEARCH, trials)

    def spool(self, record: StudyRecord) -> Spool:
        """Where what cannot be written for now is kept."""
        return make_spool(self._address, record)

    # What follows the search

    def keep_verdict(self, study_id: int, verdict: Mapping[str, Any], n_trials: int) -> None:
        """Write what a study came to, in the place of what it came to before; it is decided now.

        Args:
            study_id: Which study.
            verdict: JSON-ready, every number finite.
            n_trials: Trials that had ended.
        Raises:
            PermanentStorageError: The study was deleted.
            ValueError: A number is not finite.
        """
        with self._writing() as connection, self._refusals(study_id):
            verdicts.write_verdict(connection, study_id, verdict, n_trials)

    def verdict(self, study_id: int) -> StoredVerdict | None:
        """What a study came to when that was last decided; None when it never was."""
        with self._reading() as connection:
            return verdicts.read_verdict(connection, study_id)

    def keep_analysis(self, study_id: int, kind: str, key: str, document: Mapping[str, Any]) -> None:
        """Write what was found out about the choice of a study, in the place of what was there before; it is of now.

        Args:
            study_id: Which study.
            kind: What was found out, such as `ablation`.
            key: What tells those of one kind apart; empty where there is one.
            document: JSON-ready, every number finite.
        Raises:
            PermanentStorageError: The study was deleted.
            ValueError: A number is not finite.
        """
        with self._writing() as connection, self._refusals(study_id):
            verdicts.write_analysis(connection, study_id, kind, key, document)

    def analysis(self, study_id: int, kind: str, key: str = "") -> StoredAnalysis | None:
        """What was found out about the choice of a study when that was last looked into; None where it never was."""
        with self._reading() as connection:
            return verdicts.read_analysis(connection, study_id, kind, key)

    def begin_look(self, study_id: int, command: str, rows_sha256: str, n_trials: int) -> int:
        """Write down that sealed rows are looked at now. When this returns it is on record, whatever comes after.

        Args:
            study_id: Whose rows.
            command: What the user asked for.
            rows_sha256: Fingerprint of the rows, in hexadecimal.
            n_trials: Trials that have ended.
        Returns:
            The look's key, for `end_look`.
        Raises:
            PermanentStorageError: The study was deleted.
        """
        with self._writing() as connection, self._refusals(study_id):
            return verdicts.insert_look(connection, study_id, command, rows_sha256, n_trials)

    def end_look(self, look_id: int, result: Mapping[str, Any]) -> None:
        """Write down what a look saw, once: JSON-ready, every number finite.

        Raises:
            PermanentStorageError: There is no such look, or it has ended.
            ValueError: A number is not finite.
        """
        with self._writing() as connection:
            is_told = verdicts.end_look(connection, look_id, result)
        if not is_told:
            message = f"expected look {look_id} to have begun and not to have ended, received another one"
            raise storage_error(self._address, message)

    def looks(self, study_id: int) -> list[Look]:
        """The looks at the sealed rows of a study, in the order in which they began."""
        with self._reading() as connection:
            return verdicts.read_looks(connection, study_id)

    # The lock

    @contextmanager
    def hold(self, name: str, patience: Patience | None = None) -> Iterator[Hold]:
        """Hold the lock of a study, which need not exist yet, for the length of a `with` block.

        What is written meanwhile is written under this lock. The block gets it: `check()` raises when it was lost.

        Args:
            name: The study.
            patience: How long the database is waited for when it goes away in the block; None has the first failure
                raised. SQLite's file is then waited for 2 s at a time instead of 60 s.

        Raises:
            StudyLockedError: Another coordinator holds it; the message says which.
        """
        self._refuse_older()
        before = self._engine, self._hold, self._patience
        if patience is not None:
            self._engine = quick_to_fail(self._engine)
        lock = make_lock(self._address, self._engine, name)
        hold = Hold(self._address, lock, name)
        try:
            if not _waited(patience, lock.acquire):
                raise self._locked(name)
            _waited(patience, hold.sign)
            self._hold, self._patience = hold, patience
            try:
                yield hold
            finally:
                # Who holds a study is told by the lock; a name that stays behind misleads nobody.
                if patience is None or not patience.is_tried:
                    with suppress(StorageError), self._writing() as connection:
                        studies.delete_coordinator(connection, name)
        finally:
            self._engine, self._hold, self._patience = before
            hold.release()

    @property
    def patience(self) -> Patience | None:
        """How long the database is waited for; None outside of a `hold` that has some."""
        return self._patience

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Wait for nothing in a `with` block: what fails is raised."""
        before, self._patience = self._patience, None
        try:
            yield
        finally:
            self._patience = before

    def holder(self, name: str, believed: Coordinator | None = None) -> Coordinator | None:
        """Who coordinates the study now; None when nobody does, whatever a dead coordinator left behind.

        Args:
            name: The study.
            believed: Whose name is enough where it still stands, as for who asks often: on a file the look at the lock
                takes a fifth of a second while the study runs.
        """
        if not self._has_our_tables:
            return None
        with self._reading() as connection:
            coordinator = studies.read_coordinator(connection, name)
        if coordinator is None or coordinator == believed:
            return coordinator
        return coordinator if make_lock(self._address, self._engine, name).held() else None

    # Inside

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with reading_values(self._address), transaction(self._address, self._engine) as connection:
            yield connection

    def _writing(self) -> AbstractContextManager[sa.Connection]:
        if self._hold is not None:
            return self._hold.transaction()
        self._refuse_older()
        return transaction(self._address, writing(self._engine))

    def _refuse_older(self) -> None:
        """Refuse to write to tables of an earlier version, which lack what would be written."""
        if self._older is None:
            return
        with self._reading():  # which looks at the version again
            pass
        if not self._older.is_upgraded:
            raise older_error(self._address, self._older.revision)

    def _snapshot(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that sees one moment: of SQLite each does."""
        on_server = self._address.path is None
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ") if on_server else self._engine
        return transaction(self._address, engine)

    def _find(self, connection: sa.Connection, name: str) -> int:
        """The key of a study of ours."""
        study_id = studies.read_study_id(connection, name)
        if study_id is None:
            self.study(name)  # which says what there is instead
            raise self._deleted(name)
        return study_id

    def _refuse_taken(self, connection: sa.Connection, name: str, remedy: str = "Choose another.") -> None:
        if name in studies.read_names(connection):
            message = f"expected a name that is free, received {name!r}"
            raise UsageError(Problem(f"storage {self.url_shown}", message, remedy))

    def _update_study(self, study_id: int, **values: int | bool | str) -> None:
        with self._writing() as connection:
            found = studies.update_study(connection, study_id, **values)
        if not found:
            raise self._deleted(study_id)

    @contextmanager
    def _refusals(self, study_id: int) -> Iterator[None]:
        try:
            yield
        except TrialRefusedError as error:
            remedy = "Another program wrote to this study; only its coordinator may."
            raise storage_error(self._address, f"study {study_id}: {error}", remedy) from error

    def _deleted(self, study_id: int | str) -> StorageError:
        message = f"expected study {study_id} to exist, received that it was deleted"
        return storage_error(self._address, message)

    def _locked(self, name: str) -> StudyLockedError:
        with self._reading() as connection:
            who = studies.read_coordinator(connection, name)
        holder = f"process {who.pid} on {who.host} since {who.since:%Y-%m-%d %H:%M:%S} UTC" if who else "a process"
        message = f"expected study {name!r} to be free, received that {holder} coordinates it"
        remedy = f"Wait for its end, or ask it to stop: regsearch stop {name}."
        return StudyLockedError(str(Problem(f"storage {self.url_shown}", message, remedy)))


def _waited(patience: Patience | None, call: Callable[[], _Value]) -> _Value:
    return call() if patience is None else patience.wait_out(call)
