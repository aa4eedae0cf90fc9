"""What advice depends on is looked up in the storage."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from search.records import ABLATION_KIND, ABLATION_VERSION, BASELINE_TRIAL, Ablation, Purpose, StudyRecord, Trial
from search.selection import Choice, Losses, Rivals, Situation, advise, find_rivals
from search.storage import Storage


def find_advice(
    storage: Storage, study: StudyRecord, choice: Choice, ended: Sequence[Trial], *, learned: bool | None
) -> tuple[str, ...]:
    """What to do about the choice of a study; nothing while its search goes on.

    Args:
        storage: An open database.
        study: The study's record.
        choice: What it ends with.
        ended: Its trials that have ended.
        learned: Whether anything was learned; where nothing was, other sentences tell what to do about the training.
    """
    if len(ended) < study.n_trials or choice.chosen is None:
        return ()
    return advise(
        Situation(
            study,
            choice,
            ended,
            ablation=_ablation(storage, study, choice.chosen),
            losses=None if learned is False else _losses(storage, study),
            rivals=_rivals(storage, study, choice),
        )
    )


def _ablation(storage: Storage, study: StudyRecord, chosen: Trial) -> Ablation | None:
    """The ablation of this very choice."""
    stored = storage.analysis(study.study_id, ABLATION_KIND)
    if stored is None or stored.document.get("version") != ABLATION_VERSION:
        return None
    ablation = Ablation.from_json(stored.document)
    return ablation if ablation.is_of(chosen) else None


def _rivals(storage: Storage, study: StudyRecord, choice: Choice) -> Rivals | None:
    if choice.verdict is None or choice.verdict.answer == "nothing to learn":
        return None
    return find_rivals(choice.verdict, storage.runs(study.study_id, purpose=Purpose.CONFIRMATION), study)


def _losses(storage: Storage, study: StudyRecord) -> Losses | None:
    """How the baseline fared in the search."""
    if not study.facts.constant_losses:
        return None
    train, validation = [], []
    for run in storage.runs(study.study_id, BASELINE_TRIAL):
        if run.score is not None and run.best_epoch:
            curve = storage.curve(study.study_id, run.trial, run.fold, run.repeat)
            train.append(float(curve.train_loss[run.best_epoch - 1]))
            validation.append(float(curve.validation_loss[run.best_epoch - 1]))
    return Losses(fmean(train), fmean(validation), fmean(study.facts.constant_losses)) if train else None
