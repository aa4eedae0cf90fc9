"""The finalists of a study as one model: those that make a good mean are trained once more, and averaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from search.coordination.estimating import Passes, estimate_ensemble
from search.coordination.taught import final_runs
from search.errors import Problem, UsageError
from search.followup.again import prepare_again
from search.followup.refit import Refitted, join_members, train_members
from search.preparation.study import PreparedStudy
from search.selection import Ensemble, choose_stored, find_trial
from search.storage import Storage
from search.training import DecisionMetric, WorkerSession, best_threshold


def refit_ensemble(storage: Storage, name: str) -> tuple[Refitted, Ensemble]:
    """Train the finalists of a study that make the best mean on all rows that are not sealed, and average them.

    Args:
        storage: An open database.
        name: The study. Its data, and its model's file, are read anew from where they were.

    Returns:
        The model, whose card tells the ensemble; and the ensemble, with weights by the number of a trial.

    Raises:
        UnknownStudyError: There is no such study.
        StudyFailedError: A training failed.
        UsageError: The study has no verdict on all its trials, predictions of its finalists are not kept, or the data
            is not what it was.
    """
    record = storage.study(name)
    trials = storage.trials(record.study_id)
    verdict = choose_stored(storage, record, trials).verdict
    if verdict is None:
        remedy = f"`regsearch run` goes on with {name}; with confirm.finalists = 0 it never has any."
        message = "expected a study whose finalists are confirmed, to average them, received one without a verdict"
        raise UsageError(Problem(name, message, remedy))
    prepared = prepare_again(record)
    predicted = storage.predictions(record.study_id)
    finalists = {each.trial for each in verdict.finalists if each.end != "failed"}
    ensemble = estimate_ensemble(prepared, trials, predicted, finalists)
    if ensemble is None:
        message = "expected predictions of the baseline and the finalists to make an ensemble by, received none"
        remedy = "Begin a study of another name, with a larger confirm.keep_predictions_mib if that is small."
        raise UsageError(Problem(name, message, remedy))
    session, members = WorkerSession(), []
    for number, weight in ensemble.weights.items():
        runs = final_runs(prepared, storage, record.study_id, find_trial(record, trials, number))
        members += train_members(prepared, runs, session, weight)
    threshold = _threshold(prepared, Passes(prepared, predicted), ensemble.weights)
    refitted = join_members(prepared, members, threshold)
    return replace(refitted, card=replace(refitted.card, ensemble=_told(ensemble))), ensemble


def _threshold(prepared: PreparedStudy, passes: Passes, weights: Mapping[int, float]) -> float:
    """The probability above which the second of two classes is predicted.

    Where the study is judged by the classes that are chosen, it is the one at which that score is best for the mean of
    what the runs of the search predicted; 0.5 for all others.
    """
    plan = prepared.plan
    if plan.dataset.task != "binary" or not isinstance(plan.scoring, DecisionMetric):
        return 0.5
    mean = sum(weight * passes.of(trial) for trial, weight in weights.items())
    second = np.asarray(mean)[:, :, -1]
    weight = None if plan.dataset.weight is None else np.tile(plan.dataset.weight[passes.rows], len(second))
    return best_threshold(plan.scoring, np.tile(passes.target, len(second)), second.ravel(), weight)


def _told(ensemble: Ensemble) -> dict[str, object]:
    """An ensemble as its model's card tells it."""
    members = [{"trial": trial, "weight": weight} for trial, weight in ensemble.weights.items()]
    estimate = None if ensemble.estimate is None else ensemble.estimate.to_json()
    return {"members": members, "score": ensemble.score, "estimate": estimate}
