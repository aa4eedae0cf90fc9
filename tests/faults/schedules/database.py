"""The database of a world: SQLite as regsearch has it, and what it holds as plain values."""

import contextlib
import datetime as dt
import functools
import json
import sqlite3
from dataclasses import dataclass, field

import numpy as np

from search.records import Curve
from search.storage import SpoolError, engine, open_storage
from search.storage.opening import blank_database
from search.storage.spool import Spool
from tests.faults.schedules.studies import NAME

_FINAL = frozenset({"COMPLETE", "PRUNED", "FAIL"})
_TRANSIENT = frozenset({"worker died", "out of memory"})
_OURS = frozenset({"configuration", "baseline"})


@dataclass(frozen=True)
class StoredTrial:
    """A trial, without its times.

    Args:
        state: Optuna's state.
        asked: What was sampled, in the order in which it is stored, and the configuration.
        value: Its score, or the last intermediate value of a pruned one.
        attributes: All others.
        intermediate: Step to value.
    """

    state: str
    asked: tuple
    value: float | None
    attributes: tuple
    intermediate: tuple

    @property
    def is_final(self):
        return self.state in _FINAL

    @functools.cached_property
    def architecture(self):
        """What tells its program from others."""
        settings = json.loads(dict(self.asked[1])["configuration"])
        return tuple((name, str(value)) for name, value in settings.items() if name.startswith("model."))

    @property
    def source(self):
        """The trial whose outcome it has; None for one that was trained."""
        return dict(self.attributes).get("same_as_trial")

    @property
    def died(self):
        return dict(self.attributes).get("cause") in _TRANSIENT


@dataclass(frozen=True)
class StoredRun:
    """A run, without its times and its place.

    Args:
        told: Seed, score, error, cause, epochs trained, the best one, penalty and norms.
        metric: The validation metric epoch by epoch, as bytes.
        predictions: As bytes; None when they are not kept.
        log: What its error said in full.
        engine: What trained it.
    """

    told: tuple
    metric: bytes
    predictions: bytes | None
    log: str | None
    engine: str = field(compare=False)

    @property
    def died(self):
        return self.told[3] in _TRANSIENT

    def equals(self, other, forgetful=False):
        """Whether another one is the same; when forgetful, predictions may be kept of one of both alone."""
        if other is None or (self.told, self.metric, self.log) != (other.told, other.metric, other.log):
            return False
        return self.predictions == other.predictions or (forgetful and None in (self.predictions, other.predictions))


@dataclass(frozen=True)
class Stored:
    """All that is stored of a study.

    Args:
        trials: Number to trial.
        runs: Trial, fold and repeat to run; what is stored twice is refused.
        created: When it was begun; None where there is none.
        n_trials: The total that was asked for last.
    """

    trials: dict
    runs: dict
    created: dt.datetime | None
    n_trials: int | None

    @property
    def events(self):
        """What happened to trials, as number and word."""
        started = {(number, "started") for number in self.trials}
        return started | {(number, "ended") for number, trial in self.trials.items() if trial.is_final}


class SqliteDatabase:
    """A SQLite file, which serves one world after the other.

    Args:
        folder: An empty folder.
    """

    transaction = staticmethod(engine.transaction)

    def __init__(self, folder):
        self.path = folder / "world.db"
        self.path.write_bytes(blank_database())
        self._blank = sqlite3.connect(":memory:", check_same_thread=False)
        self._eye = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._eye.backup(self._blank)
        self.storage = open_storage(f"sqlite:///{self.path}")
        self._other = open_storage(f"sqlite:///{self.path}")
        self._version, self._stored = None, None

    @property
    def spool_path(self):
        return self.path.with_name(f"{self.path.name}.{NAME}.spool")

    @contextlib.contextmanager
    def entered(self):
        """Have `search.storage` work with it, for the length of a `with` block."""
        yield

    def other(self):
        """The same database as another process opened it."""
        return self._other

    def reset(self):
        """Make it blank."""
        self._blank.backup(self._eye)
        self._version = None
        for path in (self.spool_path, self.spool_path.with_name(f"{self.spool_path.name}.old")):
            path.unlink(missing_ok=True)

    def close(self):
        for each in (self.storage, self._other, self._eye, self._blank):
            each.close()

    def has_changed(self):
        """Whether anything was written since the last look."""
        return self._eye.execute("PRAGMA data_version").fetchone()[0] != self._version

    def look(self):
        """What it holds now."""
        if self.has_changed():
            self._version = self._eye.execute("PRAGMA data_version").fetchone()[0]
            with contextlib.closing(self._eye.cursor()) as cursor:
                cursor.execute("BEGIN")
                self._stored = _read(cursor)
                cursor.execute("COMMIT")
        return self._stored

    def read_spool(self):
        """What the spool keeps."""
        created = self.look().created
        return [] if created is None else read_spool(self.spool_path, created)


def read_spool(path, created):
    """What a spool keeps of trials; nothing where it cannot be read."""
    try:
        return Spool(path, NAME, created).read()
    except SpoolError:
        return []


def _read(cursor):
    parameters, attributes, intermediate = {}, {}, {}
    query = "SELECT trial_id, param_name, param_value, distribution_json FROM trial_params ORDER BY param_id"
    for trial_id, *each in cursor.execute(query):
        parameters.setdefault(trial_id, []).append(tuple(each))
    query = "SELECT trial_id, key, value_json FROM trial_user_attributes ORDER BY trial_id, key"
    for trial_id, key, value in cursor.execute(query):
        attributes.setdefault(trial_id, []).append((key, value))
    query = "SELECT trial_id, step, intermediate_value FROM trial_intermediate_values ORDER BY trial_id, step"
    for trial_id, *each in cursor.execute(query):
        intermediate.setdefault(trial_id, []).append(tuple(each))
    trials = {}
    query = "SELECT t.trial_id, number, state, value FROM trials t LEFT JOIN trial_values USING (trial_id)"
    for trial_id, number, state, value in cursor.execute(query):
        told = attributes.get(trial_id, [])
        trials[number] = StoredTrial(
            state,
            (tuple(parameters.get(trial_id, ())), tuple(each for each in told if each[0] in _OURS)),
            value,
            tuple((key, json.loads(value)) for key, value in told if key not in _OURS),
            tuple(intermediate.get(trial_id, ())),
        )
    runs = {}
    query = (
        "SELECT trial_number, fold, repeat, seed, score, error, cause, epochs_trained, best_epoch, penalty,"
        " weight_norms, engine, curve, predictions, log FROM regsearch_runs LEFT JOIN regsearch_curves USING (run_id)"
        " LEFT JOIN regsearch_predictions USING (run_id) LEFT JOIN regsearch_logs USING (run_id)"
    )
    for trial, fold, repeat, *told, norms, trained_by, curve, predictions, log in cursor.execute(query):
        if (trial, fold, repeat) in runs:
            raise AssertionError(f"run {(trial, fold, repeat)} is stored twice")
        metric = np.asarray(Curve.from_bytes(curve).validation_metric).tobytes()
        runs[trial, fold, repeat] = StoredRun((*told, json.loads(norms)), metric, predictions, log, trained_by)
    row = cursor.execute("SELECT created, n_trials FROM regsearch_studies").fetchone()
    created, n_trials = (None, None) if row is None else (dt.datetime.fromisoformat(row[0]), row[1])
    return Stored(trials, runs, created, n_trials)
