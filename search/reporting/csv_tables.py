"""Tables of a study as CSV, for programs and for spreadsheets."""

from __future__ import annotations

import json
from collections.abc import Sequence

from search.records import RunSummary, StudyRecord, Trial
from search.records.csv_text import csv_text


def trials_csv(study: StudyRecord, trials: Sequence[Trial]) -> str:
    """One row a trial as CSV text, with a column for each name of [space], empty where it is off.

    Text in it cannot become a formula, as `search.records.csv_text` tells.
    """
    searched = list(study.spec["space"])
    rows = [
        [t.number, t.state.value.lower(), t.score, *(t.configuration.get(key) for key in searched), t.error]
        for t in trials
    ]
    cells = [[json.dumps(value) if isinstance(value, tuple) else value for value in row] for row in rows]
    return csv_text(["trial", "state", study.metric, *searched, "error"], cells)


def runs_csv(runs: Sequence[RunSummary]) -> str:
    """One row a run of the search as CSV text: what was trained, on which fold, with which seed, and what it scored."""
    header = ("trial", "fold", "repeat", "seed", "score", "epochs", "best_epoch", "seconds", "engine", "error")
    rows = [
        (r.trial, r.fold, r.repeat, r.seed, r.score, r.epochs_trained, r.best_epoch, r.seconds, r.engine, r.error)
        for r in runs
    ]
    return csv_text(header, rows)
