"""`Plotted`: what any figure of a study is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import StudyFailedError
from search.selection import Choice, choose_stored, no_score_remedy

if TYPE_CHECKING:
    from search.records import StudyRecord, Trial
    from search.storage import Storage


@dataclass(frozen=True)
class Plotted:
    """What a figure is drawn from.

    Args:
        storage: An open database.
        study: The study.
        trials: All its trials, by number.
        choice: What is chosen of them; something is.
    """

    storage: Storage
    study: StudyRecord
    trials: Sequence[Trial]
    choice: Choice


def gather_plotted(storage: Storage, study: StudyRecord, trials: Sequence[Trial] | None = None) -> Plotted:
    """What the figures of a study are drawn from.

    Args:
        storage: An open database.
        study: The study.
        trials: All its trials, where they are known.

    Raises:
        StudyFailedError: No trial of the study has a score.
    """
    if trials is None:
        trials = storage.trials(study.study_id, parameters=False)
    choice = choose_stored(storage, study, trials)
    if choice.chosen is None:
        remedy = no_score_remedy(study.name, sum(trial.state.is_final for trial in trials))
        raise StudyFailedError(f"{study.name}: expected a trial with a score to draw, received none so far. {remedy}")
    return Plotted(storage, study, trials, choice)
