"""What a study found out of rows when its choice was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import Problem, UsageError
from search.records import DIAGNOSIS_KIND, Diagnosis

if TYPE_CHECKING:
    from search.reporting.plots.gathering import Plotted


def read_diagnosis(plotted: Plotted) -> Diagnosis:
    """What the baseline and this very choice say of rows.

    Raises:
        UsageError: It is not known.
    """
    name = plotted.study.name
    stored = plotted.storage.analysis(plotted.study.study_id, DIAGNOSIS_KIND)
    try:
        diagnosis = None if stored is None else Diagnosis.from_json(stored.document)
    except ValueError:  # of another version
        diagnosis = None
    n_trials = sum(trial.state.is_final for trial in plotted.trials)
    chosen = plotted.choice.chosen
    if diagnosis is None or chosen is None or not diagnosis.is_of(n_trials, chosen.number):
        remedy = f"`regsearch run` finds it out when {name} ends."
        raise UsageError(
            Problem(name, "expected a study that knows what its choice says of rows, received none", remedy)
        )
    return diagnosis


def nothing_to_draw(plotted: Plotted, expected: str, received: str, remedy: str = "") -> UsageError:
    """The error of a study that has no such figure.

    Args:
        plotted: The study.
        expected: What it would have to have.
        received: What it has.
        remedy: What to do about it; empty where nothing helps.
    """
    return UsageError(Problem(plotted.study.name, f"expected {expected}, received {received}", remedy))
