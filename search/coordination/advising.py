"""Advice on a choice is given when the choice is made, and kept: whoever reads it needs to know no technique."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from search.records import (
    ABLATION_KIND,
    ABLATION_VERSION,
    ADVICE_KIND,
    BASELINE_TRIAL,
    Ablation,
    Advice,
    Purpose,
    StudyRecord,
    Trial,
)
from search.selection import Choice, choose_stored
from search.selection.advice import Losses, Rivals, Situation, advise, find_rivals
from search.storage import Storage


def keep_advice(storage: Storage, record: StudyRecord, trials: Sequence[Trial]) -> None:
    """Give advice on the choice of a study, and keep it in the place of what was there.

    Args:
        storage: An open database.
        record: The study's record.
        trials: All its trials.
    """
    ended = [trial for trial in trials if trial.state.is_final]
    choice = choose_stored(storage, record, trials)
    if choice.chosen is None:
        return
    situation = Situation(
        record,
        choice,
        ended,
        ablation=_ablation(storage, record, choice.chosen),
        losses=_losses(storage, record, choice),
        lowest=_lowest(storage, record, choice),
        rivals=_rivals(storage, record, choice),
    )
    advice = Advice(len(ended), choice.chosen.number, advise(situation))
    storage.keep_analysis(record.study_id, ADVICE_KIND, "", advice.to_json())


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


def _losses(storage: Storage, study: StudyRecord, choice: Choice) -> Losses | None:
    """How the baseline fared in the search; where nothing was learned, other sentences tell what to do."""
    is_learned = choice.verdict is None or choice.verdict.answer != "nothing to learn"
    if not study.facts.constant_losses or not is_learned:
        return None
    train, validation = [], []
    for run in storage.runs(study.study_id, BASELINE_TRIAL):
        if run.score is not None and run.best_epoch:
            curve = storage.curve(study.study_id, run.trial, run.fold, run.repeat)
            if run.best_epoch > curve.n_epochs:
                continue  # what trained tells no curve
            train.append(float(curve.train_loss[run.best_epoch - 1]))
            validation.append(float(curve.validation_loss[run.best_epoch - 1]))
    return Losses(fmean(train), fmean(validation), fmean(study.facts.constant_losses)) if train else None


def _lowest(storage: Storage, study: StudyRecord, choice: Choice) -> tuple[int, float] | None:
    """The finalist whose loss in the search is the lowest on rows that score, and that loss; the baseline is none."""
    finalists = () if choice.verdict is None else choice.verdict.finalists
    losses = defaultdict[int, list[float]](list)
    for number, _, loss in storage.kept_losses(
        study.study_id, [each.trial for each in finalists if each.trial != BASELINE_TRIAL]
    ):
        losses[number].append(loss)
    means = {number: fmean(told) for number, told in losses.items()}
    return min(means.items(), key=lambda pair: pair[1], default=None)
