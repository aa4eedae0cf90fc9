"""How the model that a study leads to is trained: once more, on all rows that are not sealed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from search.data import Fold, draw_stop_rows
from search.records import Configuration, Purpose
from search.techniques import TECHNIQUES, LoopTechnique, staging_techniques, watches_stop_rows
from search.training.metrics import default_metric
from search.training.plan import TrainingPlan

_ROWS_FOR_THE_CURVE = 256


def final_configuration(configuration: Configuration, taught_epochs: int | None) -> Configuration:
    """The configuration with which all rows train.

    Early stopping costs rows: those that it watches do not train. Once the runs of the study have taught for how many
    epochs training pays, nothing needs to be watched any more.

    Args:
        configuration: The one that was chosen.
        taught_epochs: The epoch whose weights its runs kept, in the median; None where that is not known.

    Returns:
        The same without early stopping, which is then `training.epochs`. Unchanged where it has none, and where it is
        trained in stages, each of which stops by itself.
    """
    if taught_epochs is None or not watches_stop_rows(configuration) or staging_techniques(configuration):
        return configuration
    kept = {name: value for name, value in configuration.items() if not isinstance(TECHNIQUES.get(name), LoopTechnique)}
    return Configuration({**kept, "training.epochs": max(1, taught_epochs)})


def final_plan(plan: TrainingPlan, configuration: Configuration) -> TrainingPlan:
    """A plan whose one fold trains on everything.

    With early stopping a share of the rows stops the run, as in the search. Nothing scores, for there is nothing left
    to choose; some rows are evaluated, for an engine evaluates some.

    Args:
        plan: The study's.
        configuration: A `final_configuration`.
    """
    if watches_stop_rows(configuration):
        train, stop = draw_stop_rows(plan.dataset, plan.spec.split, plan.spec.study.seed)
        fold = Fold(0, train, stop, stop, Purpose.REFIT)
    else:
        rows = np.arange(len(plan.dataset), dtype=np.int64)
        fold = Fold(0, rows, rows[:0], rows[:_ROWS_FOR_THE_CURVE], Purpose.REFIT)
    whole = replace(plan, folds=(fold,))
    if plan.own_metric is None:
        return whole
    # Nothing is to be scored, and a function of the user's may not take whatever rows are evaluated here.
    return replace(whole, metric=default_metric(plan.dataset.task), own_metric=None)
