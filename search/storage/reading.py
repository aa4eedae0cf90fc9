"""Statements that read trials, each on a connection that the caller opened. None asks once per trial."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from search.records import (
    Configuration,
    Curve,
    FailureCause,
    Parameter,
    Predictions,
    Purpose,
    RunSummary,
    Trial,
    TrialState,
)
from search.storage import optuna_tables, tables
from search.storage.entries import CAUSE, CONFIGURATION, ERROR

_MOST_NAMED = 500
"""Numbers that one statement names."""
_WORKER_DIED = "its worker died each time"
NOT_FINITE = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}
"""What Optuna's word for a number that is not finite stands for."""


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Args:
        counts: Number of trials in each state; states without trials are absent.
        best_trial: Number of the best complete trial, the first among equals; None when none is complete.
        best_score: Its score.
        started: When the first trial started, UTC, naive.
        completed: When the latest finished trial ended, UTC, naive.
    """

    counts: Mapping[TrialState, int] = field(default_factory=dict)
    best_trial: int | None = None
    best_score: float | None = None
    started: dt.datetime | None = None
    completed: dt.datetime | None = None

    @property
    def n_trials(self) -> int:
        """Number of trials in whatever state."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class RunTally:
    """Runs, counted.

    Args:
        workers: Worker (`host:pid`) to the number of its runs.
        purposes: What they were trained for, to their number.
        last: A mark behind the last of them, for the next look; it means nothing else.
    """

    workers: Mapping[str, int]
    purposes: Mapping[Purpose, int]
    last: int


def read_trials(connection: sa.Connection, study_id: int, *, parameters: bool = True, first: int = 0) -> list[Trial]:
    """The trials of a study by number, from `first` on, in two queries; in one without what was sampled."""
    trials, values = optuna_tables.trials, optuna_tables.trial_values
    configuration = optuna_tables.trial_user_attributes.alias("configuration")
    error = optuna_tables.trial_user_attributes.alias("error")
    cause = optuna_tables.trial_user_attributes.alias("cause")
    query = (
        sa.select(
            trials.c.trial_id,
            trials.c.number,
            trials.c.state,
            trials.c.datetime_start,
            trials.c.datetime_complete,
            values.c.value,
            configuration.c.value_json,
            error.c.value_json,
            cause.c.value_json,
        )
        .outerjoin(values, (values.c.trial_id == trials.c.trial_id) & (values.c.objective == 0))
        .outerjoin(configuration, _attribute(configuration, CONFIGURATION))
        .outerjoin(error, _attribute(error, ERROR))
        .outerjoin(cause, _attribute(cause, CAUSE))
        .where(trials.c.study_id == study_id, *([trials.c.number >= first] if first else []))
        .order_by(trials.c.number)
    )
    found = connection.execute(query).all()
    # Only now: on a server a statement sees what was committed since the one before it, and a trial comes with all that
    # was sampled.
    sampled = _read_parameters(connection, study_id, first) if parameters else {}
    return [
        Trial(
            number=number,
            state=TrialState[state],
            configuration=Configuration() if settings is None else Configuration.from_json(settings),
            score=None if score is None or state != TrialState.COMPLETE.name else float(score),
            error=None if reason is None else str(json.loads(reason)),
            parameters=tuple(sampled.get(trial_id, ())),
            started=started,
            completed=completed,
            cause=_tell_cause_of_trial(stored, reason),
        )
        for trial_id, number, state, started, completed, score, settings, reason, stored in found
    ]


def read_intermediate_values(connection: sa.Connection, study_id: int) -> dict[int, dict[int, float]]:
    """Trial number to step to value, both in ascending order, in one query; trials without values are absent."""
    trials, values = optuna_tables.trials, optuna_tables.trial_intermediate_values
    query = (
        sa.select(trials.c.number, values.c.step, values.c.intermediate_value, values.c.intermediate_value_type)
        .join(trials, trials.c.trial_id == values.c.trial_id)
        .where(trials.c.study_id == study_id)
        .order_by(trials.c.number, values.c.step)
    )
    found: dict[int, dict[int, float]] = defaultdict(dict)
    for number, step, value, kind in connection.execute(query):
        found[number][step] = NOT_FINITE.get(kind, value)
    return dict(found)


def read_progress(connection: sa.Connection, study_id: int) -> Progress:
    """Counts, best trial and times, in three queries whatever the number of trials."""
    trials, values = optuna_tables.trials, optuna_tables.trial_values
    groups = connection.execute(
        sa.select(
            trials.c.state,
            sa.func.count(),
            sa.func.min(trials.c.datetime_start),
            sa.func.max(trials.c.datetime_complete),
        )
        .where(trials.c.study_id == study_id)
        .group_by(trials.c.state)
    ).all()
    directions = optuna_tables.study_directions
    direction = connection.scalar(
        sa.select(directions.c.direction).where(directions.c.study_id == study_id, directions.c.objective == 0)
    )
    better_first = values.c.value.desc() if direction == "MAXIMIZE" else values.c.value.asc()
    best = connection.execute(
        sa.select(trials.c.number, values.c.value)
        .join(values, values.c.trial_id == trials.c.trial_id)
        .where(
            trials.c.study_id == study_id,
            trials.c.state == TrialState.COMPLETE.name,
            values.c.objective == 0,
            values.c.value_type == "FINITE",
        )
        .order_by(better_first, trials.c.number)
        .limit(1)
    ).one_or_none()
    return Progress(
        counts={TrialState[state]: count for state, count, _, _ in groups},
        best_trial=None if best is None else best.number,
        best_score=None if best is None else best.value,
        started=min((started for _, _, started, _ in groups if started is not None), default=None),
        completed=max((done for _, _, _, done in groups if done is not None), default=None),
    )


def read_workers(connection: sa.Connection, study_id: int) -> dict[str, int]:
    """Worker to the number of its runs, of whatever purpose; runs whose worker is not known are left out."""
    worker = tables.runs.c.worker
    query = (
        sa.select(worker, sa.func.count().label("n_runs"))
        .where(tables.runs.c.study_id == study_id, worker != "")
        .group_by(worker)
        .order_by(worker)
    )
    return {str(row.worker): row.n_runs for row in connection.execute(query)}


def count_new_runs(connection: sa.Connection, study_id: int, after: int) -> RunTally:
    """The runs whose key is above `after`; keys rise in the order in which the coordinator writes."""
    runs = tables.runs
    query = (
        sa.select(runs.c.worker, runs.c.purpose, sa.func.count(), sa.func.max(runs.c.run_id))
        .where(runs.c.study_id == study_id, runs.c.run_id > after)
        .group_by(runs.c.worker, runs.c.purpose)
        .order_by(runs.c.worker)
    )
    workers, purposes, last = Counter[str](), Counter[Purpose](), after
    for worker, purpose, count, newest in connection.execute(query):
        workers[worker] += count
        purposes[Purpose(purpose)] += count
        last = max(last, newest)
    return RunTally(dict(workers), dict(purposes), last)


def count_runs(connection: sa.Connection, study_id: int, purpose: Purpose) -> int:
    """How many runs of one purpose a study has."""
    runs = tables.runs
    query = sa.select(sa.func.count()).where(runs.c.study_id == study_id, runs.c.purpose == purpose.value)
    return connection.scalar(query) or 0


def read_runs(connection: sa.Connection, study_id: int, trial: int | None, purpose: Purpose) -> list[RunSummary]:
    """The runs of one purpose, of one trial or of all, by trial, fold and repeat."""
    runs = tables.runs
    query = sa.select(runs).where(runs.c.study_id == study_id, runs.c.purpose == purpose.value)
    if trial is not None:
        query = query.where(runs.c.trial_number == trial)
    rows = connection.execute(query.order_by(runs.c.trial_number, runs.c.fold, runs.c.repeat))
    return [
        RunSummary(
            trial=row.trial_number,
            fold=row.fold,
            repeat=row.repeat,
            seed=row.seed,
            score=None if row.score is None else float(row.score),
            error=row.error,
            penalty=math.nan if row.penalty is None else row.penalty,
            epochs_trained=row.epochs_trained,
            best_epoch=row.best_epoch,
            weight_norms=json.loads(row.weight_norms),
            zero_shares=json.loads(row.zero_shares),
            zero_weights={} if row.zero_weights is None else json.loads(row.zero_weights),
            seconds=row.seconds,
            engine=row.engine,
            worker=row.worker,
            purpose=purpose,
            cause=_tell_cause(row.cause),
        )
        for row in rows
    ]


def read_curve(
    connection: sa.Connection, study_id: int, trial: int, fold: int, repeat: int, purpose: Purpose
) -> Curve | None:
    """The curve of one run; None when there is no such run."""
    runs, curves = tables.runs, tables.curves
    packed = connection.scalar(
        sa.select(curves.c.curve)
        .join(runs, runs.c.run_id == curves.c.run_id)
        .where(
            runs.c.study_id == study_id,
            runs.c.trial_number == trial,
            runs.c.purpose == purpose.value,
            runs.c.fold == fold,
            runs.c.repeat == repeat,
        )
    )
    return None if packed is None else Curve.from_bytes(bytes(packed))


def read_kept_losses(
    connection: sa.Connection, study_id: int, trials: Sequence[int]
) -> Iterator[tuple[int, float, float]]:
    """Of each run of the search of some trials: its trial, and its losses on rows that train and on rows that score,
    without penalties, where its weights were kept; runs without such losses are left out.
    """
    runs, curves = tables.runs, tables.curves
    query = (
        sa.select(runs.c.trial_number, runs.c.best_epoch, curves.c.curve)
        .join(curves, curves.c.run_id == runs.c.run_id)
        .where(runs.c.study_id == study_id, runs.c.purpose == Purpose.SEARCH.value, runs.c.error.is_(None))
        .order_by(runs.c.trial_number, runs.c.fold, runs.c.repeat)
    )
    for start in range(0, len(trials), _MOST_NAMED):
        for number, epoch, packed in connection.execute(
            query.where(runs.c.trial_number.in_(trials[start : start + _MOST_NAMED]))
        ):
            curve = Curve.from_bytes(bytes(packed))
            if 0 < epoch <= curve.n_epochs:
                losses = float(curve.train_loss[epoch - 1]), float(curve.validation_loss[epoch - 1])
                if all(map(math.isfinite, losses)):
                    yield number, *losses


def read_curves(
    connection: sa.Connection, study_id: int, trial: int | None, purpose: Purpose
) -> dict[tuple[int, int, int], Curve]:
    """Trial, fold and repeat to the curve of that run, of one trial or of all."""
    runs, curves = tables.runs, tables.curves
    query = (
        sa.select(runs.c.trial_number, runs.c.fold, runs.c.repeat, curves.c.curve)
        .join(runs, runs.c.run_id == curves.c.run_id)
        .where(runs.c.study_id == study_id, runs.c.purpose == purpose.value)
        .order_by(runs.c.trial_number, runs.c.fold, runs.c.repeat)
    )
    if trial is not None:
        query = query.where(runs.c.trial_number == trial)
    return {
        (number, fold, repeat): Curve.from_bytes(bytes(packed))
        for number, fold, repeat, packed in connection.execute(query)
    }


def read_predictions(
    connection: sa.Connection, study_id: int, trial: int | None, purpose: Purpose
) -> dict[tuple[int, int, int], Predictions]:
    """Trial, fold and repeat to what that run predicted; runs whose predictions are not kept are absent."""
    runs, predictions = tables.runs, tables.predictions
    query = (
        sa.select(runs.c.trial_number, runs.c.fold, runs.c.repeat, predictions.c.predictions)
        .join(runs, runs.c.run_id == predictions.c.run_id)
        .where(runs.c.study_id == study_id, runs.c.purpose == purpose.value)
        .order_by(runs.c.trial_number, runs.c.fold, runs.c.repeat)
    )
    if trial is not None:
        query = query.where(runs.c.trial_number == trial)
    return {
        (number, fold, repeat): Predictions.from_bytes(bytes(packed))
        for number, fold, repeat, packed in connection.execute(query)
    }


def read_prediction_sizes(connection: sa.Connection, study_id: int, purpose: Purpose) -> dict[int, int]:
    """Trial number to the bytes that the predictions of its runs take; trials without any are absent."""
    runs, predictions = tables.runs, tables.predictions
    query = (
        sa.select(runs.c.trial_number, sa.func.sum(predictions.c.n_bytes).label("n_bytes"))
        .join(runs, runs.c.run_id == predictions.c.run_id)
        .where(runs.c.study_id == study_id, runs.c.purpose == purpose.value)
        .group_by(runs.c.trial_number)
        .order_by(runs.c.trial_number)
    )
    return {row.trial_number: int(row.n_bytes) for row in connection.execute(query)}


def _tell_cause(stored: object) -> FailureCause | None:
    """The cause that was stored; None where none was, or one that we do not know."""
    return next((cause for cause in FailureCause if cause.value == stored), None)


def _tell_cause_of_trial(stored: str | None, reason: str | None) -> FailureCause | None:
    """The cause by its attribute, JSON; versions that stored none told one of them by the beginning of the error."""
    if stored is not None:
        return _tell_cause(json.loads(stored))
    if reason is not None and str(json.loads(reason)).startswith(_WORKER_DIED):
        return FailureCause.WORKER_DIED
    return None


def _read_parameters(connection: sa.Connection, study_id: int, first: int) -> dict[int, list[Parameter]]:
    trials, params = optuna_tables.trials, optuna_tables.trial_params
    query = (
        sa.select(params.c.trial_id, params.c.param_name, params.c.param_value, params.c.distribution_json)
        .join(trials, trials.c.trial_id == params.c.trial_id)
        .where(trials.c.study_id == study_id, *([trials.c.number >= first] if first else []))
        .order_by(params.c.param_id)
    )
    found = defaultdict(list)
    for trial_id, name, value, distribution in connection.execute(query).all():
        found[trial_id].append(Parameter(name, value, distribution))
    return found


def _attribute(alias: sa.FromClause, key: str) -> sa.ColumnElement[bool]:
    return (alias.c.trial_id == optuna_tables.trials.c.trial_id) & (alias.c.key == key)
