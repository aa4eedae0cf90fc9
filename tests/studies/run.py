"""Runs shipped studies and notes what they found in results.json: `uv run python tests/studies/run.py NAME...`.

Without a name every study is run. A name may be followed by overrides for all, as in `--set data.path=mnist.npz`.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from search import Launch, open_storage, prepare_study, run_study
from search.records import Direction, RunSummary, Trial, TrialState
from search.selection import choose
from search.tuning.library import shipped_studies

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"

_MOST_ROWS = 16


def run_one(name: str, overrides: Sequence[str], workers: int) -> dict[str, Any]:
    """What one study found, as results.json holds it."""
    prepared = prepare_study(name, overrides)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open_storage(f"sqlite:///{folder}/study.db", create=True) as storage:
        study = run_study(prepared, storage, Launch(workers))
        seconds = time.monotonic() - started
        trials = [trial for trial in storage.trials(study.study_id) if trial.state is TrialState.COMPLETE]
        n_trials = len(storage.trials(study.study_id))
        runs = {trial.number: storage.runs(study.study_id, trial.number) for trial in trials}
    constants = prepared.facts["constant_scores"]
    return {
        "metric": prepared.metric,
        "direction": prepared.direction,
        "trials": n_trials,
        "runs": prepared.runs_per_trial,
        "seconds": seconds,
        "workers": workers,
        **_shown(trials, runs, prepared.direction),
        "remarks": [f"A constant guess scores {fmean(constants):.4g}."],
    }


def _shown(trials: list[Trial], runs: dict[int, list[RunSummary]], direction: Direction) -> dict[str, Any]:
    """Columns and rows: every configuration where they are few, otherwise the baseline and the best."""
    choice = choose(trials, direction)
    trained = [trial for trial in trials if runs[trial.number]]  # the others are copies
    chosen = trained if len(trained) <= _MOST_ROWS else [choice.baseline, choice.best]
    shown = [trial for trial in dict.fromkeys(chosen) if trial is not None]
    names = list(dict.fromkeys(name for trial in shown for name in trial.configuration))
    extra = {
        "deviation of runs": lambda of: stdev(run.score for run in of) if len(of) > 1 else None,
        "norm of kernels": lambda of: fmean(sum(v * v for v in run.weight_norms.values()) ** 0.5 for run in of),
        "activations that are 0": lambda of: (
            fmean(fmean(run.zero_shares.values()) for run in of) if of and of[0].zero_shares else None
        ),
        "epochs": lambda of: fmean(run.epochs_trained for run in of),
    }
    rows = []
    for trial in shown:
        label = "baseline" if trial is choice.baseline else "best" if trial is choice.best else ""
        values = [trial.configuration.get(name, "off") for name in names]
        found = runs[trial.number]
        rows.append(
            [
                trial.number,
                label,
                *values,
                trial.score,
                *(measure(found) if found else None for measure in extra.values()),
            ]
        )
    columns = ["trial", "", *names, "score", *extra]
    kept = [index for index in range(len(columns)) if any(row[index] is not None for row in rows)]
    return {"columns": [columns[i] for i in kept], "rows": [[row[i] for i in kept] for row in rows]}


def main() -> None:
    """Run the studies that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    for name in asked.names or shipped_studies():
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results[name] = run_one(name, asked.overrides, asked.workers)
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(name, f"{results[name]['seconds']:.0f} s", *results[name]["rows"], sep="\n  ")


if __name__ == "__main__":
    main()
