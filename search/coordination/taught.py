"""What the runs of a study have taught about training on all rows: for how many epochs, and by which engine."""

from __future__ import annotations

from statistics import median_low

from search.dispatch import EngineChoices
from search.dispatch.engines import ENGINES_KEY
from search.preparation.study import PreparedStudy
from search.records import Purpose, Run, Trial
from search.storage import Storage
from search.training import final_configuration


def final_runs(prepared: PreparedStudy, storage: Storage, study_id: int, trial: Trial) -> list[Run]:
    """The runs by which the model of a trial is trained on all rows that are not sealed, one for each of its seeds.

    Args:
        prepared: The study.
        storage: Where its runs are.
        study_id: The study.
        trial: One of its trials.
    """
    # Of two phases nobody knows how many epochs of each pay.
    has_phases = prepared.spec.training.unfreeze is not None
    taught = None if has_phases else _taught_epochs(storage, study_id, trial.number)
    configuration = final_configuration(trial.configuration, taught)
    engine = EngineChoices(prepared.spec, storage.recall(study_id, ENGINES_KEY)).get(configuration)
    return [
        prepared.run(trial.number, 0, repeat, configuration, Purpose.REFIT, engine)
        for repeat in range(prepared.spec.confirm.refit_seeds)
    ]


def _taught_epochs(storage: Storage, study_id: int, trial: int) -> int | None:
    """The epoch whose weights were kept, in the median over the runs of the confirmation, or else of the search."""
    for purpose in (Purpose.CONFIRMATION, Purpose.SEARCH):
        epochs = [run.best_epoch for run in storage.runs(study_id, trial, purpose) if run.score is not None]
        if epochs:
            return median_low(epochs)
    return None
