"""A database in memory, in the place of SQLite: what `search.storage` asks in SQL is answered from plain values.

The statements alone are replaced. `Storage` itself, its transactions and what is refused in them, the hold, the lock's
file, the patience and the spool are the real ones. That the answers are SQLite's is told by schedules that are played
in both: the same seed must come to the same steps.
"""

import contextlib
import datetime as dt
import json
import os
import socket
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from search.records import Coordinator, Purpose, RunSummary, StudyRecord, Trial, TrialState
from search.storage import Storage, display, reading, store, studies, verdicts, writing
from search.storage.address import parse_address
from search.storage.writing import TrialRefusedError
from tests.faults.schedules.database import Stored, StoredRun, StoredTrial, read_spool
from tests.faults.schedules.studies import NAME


@dataclass(frozen=True)
class _Row:
    """A trial: its start, its last values on the way, its end; and how that is looked at."""

    started: object
    intermediate: dict
    ended: object
    shown: StoredTrial
    trial: Trial


@dataclass
class _Tables:
    """All that is stored; a transaction works on a copy."""

    study: StudyRecord | None = None
    attributes: dict = field(default_factory=dict)
    system_attributes: dict = field(default_factory=dict)
    holders: dict = field(default_factory=dict)
    trials: dict = field(default_factory=dict)
    runs: dict = field(default_factory=dict)
    shown_runs: dict = field(default_factory=dict)
    is_changed: bool = False

    def copy(self):
        return _Tables(
            self.study,
            self.attributes.copy(),
            self.system_attributes.copy(),
            self.holders.copy(),
            self.trials.copy(),
            self.runs.copy(),
            self.shown_runs.copy(),
        )


class _NoEngine:
    """What `Storage` passes on to its transactions."""

    def execution_options(self, **options):
        return self

    def dispose(self):
        """There is nothing to be closed."""


class MemoryDatabase:
    """Has what `SqliteDatabase` has.

    Args:
        folder: An empty folder, for lock and spool.
    """

    def __init__(self, folder):
        self.path = folder / "world.db"
        self.path.touch()
        address = parse_address(f"sqlite:///{self.path}")
        self.storage = Storage(address, _NoEngine(), has_our_tables=True)
        self._other = Storage(address, _NoEngine(), has_our_tables=True)
        self.spool_path = self.path.with_name(f"{self.path.name}.{NAME}.spool")
        self._tables, self._is_seen = _Tables(), False

    @contextlib.contextmanager
    def transaction(self, address, source):
        tables = self._tables.copy()
        yield tables
        if tables.is_changed:
            tables.is_changed = False
            self._tables, self._is_seen = tables, False

    @contextlib.contextmanager
    def entered(self):
        """Have the statements of `search.storage` answered from memory, for the length of a `with` block."""
        with pytest.MonkeyPatch.context() as patched:
            for module, functions in _STATEMENTS.items():
                for function in functions:
                    patched.setattr(module, function.__name__, function)
            yield

    def other(self):
        """The same database as another process opened it."""
        return self._other

    def reset(self):
        """Make it blank."""
        self._tables, self._is_seen = _Tables(), False
        for path in (self.spool_path, self.spool_path.with_name(f"{self.spool_path.name}.old")):
            path.unlink(missing_ok=True)

    def close(self):
        """There is nothing to be closed."""

    def has_changed(self):
        """Whether anything was written since the last look."""
        return not self._is_seen

    def look(self):
        """What it holds now."""
        if not self._is_seen:
            tables, self._is_seen = self._tables, True
            study, trials = tables.study, {number: row.shown for number, row in tables.trials.items()}
            created, n_trials = (None, None) if study is None else (study.created, study.n_trials)
            self._stored = Stored(trials, tables.shown_runs, created, n_trials)
        return self._stored

    def read_spool(self):
        """What the spool keeps."""
        created = self.look().created
        return [] if created is None or not self.spool_path.exists() else read_spool(self.spool_path, created)


# Studies


def read_studies(tables):
    return [] if tables.study is None else [tables.study]


def read_names(tables):
    return [study.name for study in read_studies(tables)]


def read_our_names(tables):
    return read_names(tables)


def insert_study(tables, *, spec, facts, notes, **values):
    spec = json.loads(json.dumps(spec))
    tables.study = StudyRecord(
        study_id=1, spec=spec, facts=facts, notes=tuple(notes), created=_now(), versions=_VERSIONS, **values
    )
    tables.is_changed = True


def update_study(tables, study_id, **values):
    parsed = {key: json.loads(value) if key in ("spec", "notes") else value for key, value in values.items()}
    if "notes" in parsed:
        parsed["notes"] = tuple(parsed["notes"])
    tables.study = replace(tables.study, **parsed)
    return _changed(tables)


def read_stop_requested(tables, study_id):
    return tables.study.stop_requested


def write_attribute(tables, study_id, key, value):
    tables.attributes[key] = json.dumps(value)
    tables.is_changed = True


def read_attribute(tables, study_id, key):
    return json.loads(tables.attributes.get(key, "null"))


def read_coordinator(tables, name):
    return tables.holders.get(name)


def write_coordinator(tables, name):
    tables.holders[name] = Coordinator(_HOST, os.getpid(), _now())
    tables.is_changed = True
    return tables.holders[name]


def delete_coordinator(tables, name):
    tables.holders.pop(name, None)
    tables.is_changed = True


def name_metric(tables, study_id, metric):
    tables.system_attributes["metric"] = metric
    tables.is_changed = True


def write_note(tables, study_id, text):
    tables.system_attributes["note"] = text
    tables.is_changed = True


# Trials and runs


def read_trials(tables, study_id, *, parameters=True, first=0):
    return [row.trial for number, row in sorted(tables.trials.items()) if number >= first]


def read_intermediate_values(tables, study_id):
    return {number: dict(row.shown.intermediate) for number, row in tables.trials.items() if row.shown.intermediate}


def read_prediction_sizes(tables, study_id, purpose):
    sizes = {}
    for (trial, _, _), result in sorted(tables.runs.items()):
        if result.predictions is not None:
            sizes[trial] = sizes.get(trial, 0) + result.predictions.n_bytes
    return sizes


def read_runs(tables, study_id, trial, purpose):
    if purpose is not Purpose.SEARCH:
        return []
    return [_summary(result) for (number, *_), result in sorted(tables.runs.items()) if trial in (None, number)]


def read_verdict(tables, study_id):
    return None


def read_looks(tables, study_id):
    return []


def _states(tables, study_id, numbers):
    return {number: tables.trials[number].trial.state for number in numbers if number in tables.trials}


def write_entries(tables, study_id, entries):
    changes = writing._group(entries)
    for number, change in changes.items():
        row = tables.trials.get(number)
        if change.started is None:
            if row is None or row.ended is not None:
                raise TrialRefusedError(f"expected trial {number} to be RUNNING, received {row}")
            started, intermediate = row.started, {}
        else:
            if number != len(tables.trials):
                raise TrialRefusedError(f"expected {len(tables.trials)} to be the next trial, received {number}")
            started, intermediate = change.started, {}
        last = change.ended or change.progressed
        intermediate = intermediate if last is None else dict(last.intermediate)
        tables.trials[number] = _row(started, intermediate, change.ended)
        for result in () if change.ended is None else change.ended.results:
            _insert_run(tables, result)
    tables.is_changed = True


def delete_predictions(tables, study_id, purpose, trials):
    for key, result in tables.runs.items():
        if key[0] in trials and result.predictions is not None:
            tables.runs[key] = replace(result, predictions=None)
            tables.shown_runs[key] = replace(tables.shown_runs[key], predictions=None)
    tables.is_changed = True


def write_runs(tables, study_id, results):
    assert not results


def missing_runs(tables, study_id, results):
    return results


def _insert_run(tables, result):
    run = result.run
    key = run.trial, run.fold, run.repeat
    if key in tables.runs:
        raise TrialRefusedError(f"expected a run that is not stored, received {key}")
    tables.runs[key] = result
    told = (
        run.seed,
        result.score,
        result.error,
        None if result.cause is None else result.cause.value,
        result.epochs_trained,
        result.best_epoch,
        result.penalty,
        dict(result.weight_norms),
    )
    tables.shown_runs[key] = StoredRun(
        told,
        np.asarray(result.curve.validation_metric).tobytes(),
        None if result.predictions is None else result.predictions.to_bytes(),
        result.log,
        result.engine,
    )


def _row(started, intermediate, ended):
    state = TrialState.RUNNING if ended is None else ended.state
    told = {}
    if ended is not None:
        told = dict(ended.user_attrs)
        if ended.error is not None:
            told["error"] = ended.error
        if ended.cause is not None:
            told["cause"] = ended.cause.value
    value = None if ended is None else ended.score
    if state is TrialState.PRUNED and intermediate:
        value = intermediate[max(intermediate)]
    ours = (("configuration", started.configuration.to_json()),)
    shown = StoredTrial(
        state.name,
        (
            tuple((each.name, each.internal, each.distribution) for each in started.parameters),
            (("baseline", "true"), *ours) if started.baseline else ours,
        ),
        value,
        tuple(sorted(told.items())),
        tuple(sorted(intermediate.items())),
    )
    trial = Trial(
        started.number,
        state,
        started.configuration,
        None if ended is None else ended.score,
        None if ended is None else ended.error,
        tuple(started.parameters),
        started.at,
        None if ended is None else ended.at,
        None if ended is None else ended.cause,
    )
    return _Row(started, intermediate, ended, shown, trial)


def _summary(result):
    run = result.run
    told = {name: getattr(result, name) for name in _SUMMARIZED}
    return RunSummary(run.trial, run.fold, run.repeat, run.seed, **told)


def _changed(tables):
    tables.is_changed = True
    return True


def _now():
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


_HOST = socket.gethostname()
_VERSIONS = studies.installed_versions()
_SUMMARIZED = (
    "score",
    "error",
    "penalty",
    "epochs_trained",
    "best_epoch",
    "weight_norms",
    "zero_shares",
    "seconds",
    "engine",
    "worker",
    "cause",
)
_STATEMENTS = {
    studies: (
        read_studies,
        read_names,
        read_our_names,
        insert_study,
        update_study,
        read_stop_requested,
        write_attribute,
        read_attribute,
        read_coordinator,
        write_coordinator,
        delete_coordinator,
    ),
    display: (name_metric, write_note),
    reading: (read_trials, read_intermediate_values, read_prediction_sizes, read_runs),
    writing: (_states,),
    store: (write_entries, delete_predictions, write_runs, missing_runs),
    verdicts: (read_verdict, read_looks),
}
