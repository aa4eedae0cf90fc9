"""The look at the sealed rows: once, when everything is decided, and on record before anything is seen.

The baseline and the choice are trained on all rows that are not sealed, as an export trains them, and the sealed rows
are predicted by both. A look that was begun and not ended, since its process died, is ended by the next session: it is
the same one. Another look is taken where the user asks for it, and counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from search.coordination.limits import SessionLimits
from search.coordination.phases import keep_phase
from search.coordination.progress import Observer
from search.coordination.taught import final_runs
from search.data import Dataset
from search.dispatch import Dispatcher, PredictionFailure
from search.preparation.study import PreparedStudy
from search.records import Difference, Look, StudyRecord, Trial
from search.selection import LEVEL, Choice, compare_by_draws, compare_by_rows
from search.storage import Storage


def is_look_due(prepared: PreparedStudy, looks: Sequence[Look], choice: Choice, *, again: bool) -> bool:
    """Whether the sealed rows are to be looked at in this session.

    Args:
        prepared: The study.
        looks: Those that were begun before.
        choice: What the study came to; without a verdict nothing is decided, and nothing is looked at.
        again: Whether the user asks for a look besides those.
    """
    if choice.verdict is None or not len(prepared.sealed):
        return False
    return again or not looks or looks[-1].result is None


def look_at_sealed_rows(
    prepared: PreparedStudy,
    record: StudyRecord,
    storage: Storage,
    dispatcher: Dispatcher,
    limits: SessionLimits,
    observer: Observer,
    choice: Choice,
    trials: Sequence[Trial],
    command: str,
) -> None:
    """Score the baseline and the choice on the sealed rows.

    Args:
        prepared: The study.
        record: Its record.
        storage: Where the look is written down.
        dispatcher: Trains; nothing else may be on its way.
        limits: Asked now and then whether the lock still holds.
        observer: Told what happens.
        choice: What the study came to, with a verdict.
        trials: All its trials.
        command: What the user asked for.

    Raises:
        StorageError: The database went away, or the lock was lost.
    """
    begun: list[int] = []

    def write_down(sha256: str) -> None:
        looks = storage.looks(record.study_id)
        n_ended = sum(trial.state.is_final for trial in trials)
        if looks and looks[-1].result is None and looks[-1].rows_sha256 == sha256:
            begun.append(looks[-1].look_id)
        else:
            begun.append(storage.begin_look(record.study_id, command, sha256, n_ended))

    rows = prepared.sealed.open(write_down)
    shown = [trial for trial in (choice.baseline, choice.chosen) if trial is not None]
    unique = list({trial.number: trial for trial in shown}.values())
    observer.note(f"Looking at the {len(rows):,} sealed rows: the baseline and the choice are trained on all others.")
    what = f"looking at the {len(rows):,} sealed rows"
    observer.began(what)
    keep_phase(storage, record.study_id, what)
    runs = [final_runs(prepared, storage, record.study_id, trial) for trial in unique]
    told = dispatcher.predict(runs, rows, limits.look)
    failed = next((value for value in told if isinstance(value, PredictionFailure)), None)
    if failed is not None:
        observer.note(f"The sealed rows could not be scored: {failed.error}.")
        result: dict[str, Any] = {"error": failed.error}
    else:
        values = [value for value in told if not isinstance(value, PredictionFailure)]
        result = _result(prepared, rows, dict(zip((trial.number for trial in unique), values, strict=True)), choice)
    storage.end_look(begun[0], result)


def _result(
    prepared: PreparedStudy, rows: Dataset, predicted: dict[int, npt.NDArray[Any]], choice: Choice
) -> dict[str, Any]:
    """What was seen, JSON-ready."""
    metric, weight = prepared.plan.scoring, rows.weight
    target = metric.target_of(rows)
    scores = {number: metric.score(target, values, weight) for number, values in predicted.items()}
    result: dict[str, Any] = {"n_rows": len(rows), "metric": prepared.metric}
    for name, trial in (("baseline", choice.baseline), ("chosen", choice.chosen)):
        if trial is not None:
            score = scores[trial.number]
            result[name] = {"trial": trial.number, "score": score if math.isfinite(score) else None}
    if choice.baseline is not None and choice.chosen is not None:
        difference = _compare(prepared, rows, predicted[choice.chosen.number], predicted[choice.baseline.number])
        ends = None if difference.low is None else [difference.low, difference.high]
        result |= {"difference": difference.mean, "interval": ends, "level": LEVEL}
        result["standard_error"] = difference.standard_error
    return result


def _compare(
    prepared: PreparedStudy, rows: Dataset, chosen: npt.NDArray[Any], baseline: npt.NDArray[Any]
) -> Difference:
    metric = prepared.plan.scoring
    sign = 1.0 if prepared.direction == "maximize" else -1.0
    target = metric.target_of(rows)
    of_chosen, of_baseline = metric.row_scores(target, chosen), metric.row_scores(target, baseline)
    if of_chosen is not None and of_baseline is not None:
        return compare_by_rows(sign * (np.asarray(of_chosen) - of_baseline), rows.weight, LEVEL)
    return compare_by_draws(
        metric.score, target, chosen, baseline, rows.weight, sign=sign, seed=prepared.spec.study.seed, level=LEVEL
    )
