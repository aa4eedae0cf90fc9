"""`PLOTS`: every kind of figure of a study, drawn from what the storage holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.errors import Problem, StudyFailedError, UsageError
from search.figures import CurveSet, curves_figure, finalists_figure, path_figure
from search.records import SWEEP_KIND, SWEEP_VERSION, Sweep, Trial, technique_of
from search.selection import Choice, choose_stored
from search.techniques import TECHNIQUES

if TYPE_CHECKING:
    from search.figures import Figure
    from search.records import StudyRecord
    from search.storage import Storage


@dataclass(frozen=True)
class Plotted:
    """What a figure is drawn from.

    Args:
        storage: An open database.
        study: The study.
        trials: All its trials.
        choice: What is chosen of them.
        over: The name of a path; None where none was named.
    """

    storage: Storage
    study: StudyRecord
    trials: list[Trial]
    choice: Choice
    over: str | None


def draw(storage: Storage, name: str, kind: str, over: str | None = None) -> Figure:
    """A figure of a study.

    Args:
        storage: An open database.
        name: The study.
        kind: One of `PLOTS`.
        over: Of a path, the name that is swept.

    Raises:
        UnknownStudyError: There is no such study.
        UsageError: What is to be drawn is not known yet; it says which command finds it out.
        StudyFailedError: No trial of the study has a score.
    """
    study = storage.study(name)
    trials = storage.trials(study.study_id, parameters=False)
    choice = choose_stored(storage, study, trials)
    if choice.chosen is None:
        raise StudyFailedError(f"{name}: expected a trial with a score to draw, received none")
    return PLOTS[kind](Plotted(storage, study, trials, choice, over))


def _curves(plotted: Plotted) -> Figure:
    choice = plotted.choice
    shown = {trial.number: trial for trial in (choice.baseline, choice.chosen) if trial is not None}
    return curves_figure(plotted.study.name, [_curve_set(plotted, trial) for trial in shown.values()])


def _curve_set(plotted: Plotted, trial: Trial) -> CurveSet:
    storage, study_id, choice = plotted.storage, plotted.study.study_id, plotted.choice
    runs = [run for run in storage.runs(study_id, trial.number) if run.error is None]
    roles = [word for word, of in (("baseline", choice.baseline), ("chosen", choice.chosen)) if of is trial]
    return CurveSet(
        f"trial {trial.number}, {' and '.join(roles)}",
        [storage.curve(study_id, trial.number, run.fold, run.repeat) for run in runs],
        [run.best_epoch for run in runs],
    )


def _finalists(plotted: Plotted) -> Figure:
    verdict, name = plotted.choice.verdict, plotted.study.name
    if verdict is None:
        remedy = f"`regsearch run` goes on with {name}; with confirm.finalists = 0 it never has any."
        raise UsageError(Problem(name, "expected a study whose finalists are confirmed, received none", remedy))
    return finalists_figure(plotted.study, verdict, {trial.number: trial.configuration for trial in plotted.trials})


def _path(plotted: Plotted) -> Figure:
    study, over = plotted.study, plotted.over
    if over is None:
        raise UsageError(Problem("--over", "expected the name of a path, received none", "Give one, as --over l2."))
    stored = plotted.storage.analysis(study.study_id, SWEEP_KIND, over)
    if stored is None or stored.document.get("version") != SWEEP_VERSION:
        remedy = f"`regsearch path {study.name} --over {over}` trains it."
        raise UsageError(Problem(study.name, f"expected a path over {over}, received a study without", remedy))
    technique = TECHNIQUES.get(technique_of(over) or "")
    weak = "high" if technique is not None and technique.domain.weak == "high" else "low"
    return path_figure(study, Sweep.from_json(stored.document), weak=weak)


PLOTS: Mapping[str, Callable[[Plotted], Figure]] = {"curves": _curves, "finalists": _finalists, "path": _path}
"""What draws a figure, by the name of its kind."""
