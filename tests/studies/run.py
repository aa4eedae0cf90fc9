"""Runs shipped studies and notes what they found in results.json: `uv run python tests/studies/run.py NAME...`.

Without a name every study is run. `--set data.path=mnist.npz` overrides a key of each; with `--storage` what a database
holds already is not run again.
"""

import argparse
import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from search import Launch, open_storage, prepare_study, run_study
from search.errors import UsageError
from search.figures import figure_svg
from search.preparation.shipped import shipped_studies
from search.records import Direction, RunSummary, StudyFacts, Trial, TrialState, Verdict
from search.records.wording import verdict_lines
from search.reporting.plots import draw_kind, gather_plotted
from search.selection import choose, choose_stored

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
FIGURES = HERE.parents[1] / "studies" / "figures"

_MOST_ROWS = 16
_MOST_NORMS = 3


def draw_figure(name: str, url: str) -> str:
    """The figure that tells most of what a study found, as SVG."""
    with open_storage(url) as storage:
        plotted = gather_plotted(storage, storage.study(name))
        for kind in _kinds(plotted.study.spec["study"].get("sampler", "tpe")):
            with contextlib.suppress(UsageError):  # it is not of such data
                return figure_svg(draw_kind(plotted, kind), width=720, is_file=True) + "\n"
    raise LookupError(f"{name}: expected a figure to draw, received none")


def _kinds(sampler: str) -> Sequence[str]:
    return ("finalists", "curves") if sampler in ("grid", "ablation") else ("boundary", "curves")


def run_one(name: str, overrides: Sequence[str], workers: int, url: str) -> dict[str, Any]:
    """What one study found, as results.json holds it."""
    prepared = prepare_study(name, overrides)
    with open_storage(url, create=True) as storage:
        study = run_study(prepared, storage, Launch(workers))
        ended = storage.trials(study.study_id)
        trials = [trial for trial in ended if trial.state is TrialState.COMPLETE]
        runs = {trial.number: storage.runs(study.study_id, trial.number) for trial in trials}
        verdict = choose_stored(storage, study, ended).verdict
    configurations = {trial.number: trial.configuration for trial in ended}
    constants = prepared.facts.constant_scores
    return {
        "metric": prepared.metric,
        "direction": prepared.direction,
        "trials": len(ended),
        "runs": prepared.runs_per_trial,
        "seconds": (max(trial.completed for trial in ended) - min(trial.started for trial in ended)).total_seconds(),
        "workers": workers,
        **_shown(trials, runs, prepared.direction, prepared.facts, verdict),
        "answer": None if verdict is None else verdict.answer,
        "verdict": [] if verdict is None else verdict_lines(verdict, study, len(ended), configurations),
        "remarks": [f"A constant guess scores {fmean(constants):.4g}."],
    }


def _shown(
    trials: list[Trial],
    runs: dict[int, list[RunSummary]],
    direction: Direction,
    facts: StudyFacts,
    verdict: Verdict | None,
) -> dict[str, Any]:
    """Columns and rows: every configuration where they are few, otherwise the baseline, the best and the chosen one."""
    choice = choose(trials, direction)
    by_number = {trial.number: trial for trial in trials}
    chosen = choice.best if verdict is None else by_number[verdict.chosen]
    trained = [trial for trial in trials if runs[trial.number]]  # the others are copies
    told = trained if len(trained) <= _MOST_ROWS else [choice.baseline, choice.best, chosen]
    shown = [trial for trial in dict.fromkeys(told) if trial is not None]
    names = list(dict.fromkeys(name for trial in shown for name in trial.configuration))
    extra = {
        "deviation of runs": lambda of: stdev(run.score for run in of) if len(of) > 1 else None,
        **_norms([run for trial in shown for run in runs[trial.number]]),
        "activations that are 0": lambda of: (
            fmean(fmean(run.zero_shares.values()) for run in of) if of and of[0].zero_shares else None
        ),
        "epochs": lambda of: fmean(run.epochs_trained for run in of),
    }
    rows = []
    for trial in shown:
        said = (("baseline", choice.baseline), ("best of the search", choice.best), ("chosen", chosen))
        label = ", ".join(word for word, which in said if trial is which)
        values = [trial.configuration.get(name, facts.absent_in_words(name)) for name in names]
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


def _norms(runs: list[RunSummary]) -> dict[str, Callable[[list[RunSummary]], float]]:
    """The norm of each layer's kernel, or of all together where there are many."""
    layers = list(dict.fromkeys(layer for run in runs for layer in run.weight_norms))
    if len(layers) > _MOST_NORMS:
        return {"norm of kernels": lambda of: fmean(sum(v * v for v in run.weight_norms.values()) ** 0.5 for run in of)}
    return {
        f"norm of {layer}": lambda of, layer=layer: fmean(run.weight_norms.get(layer, 0.0) for run in of)
        for layer in layers
    }


def main() -> None:
    """Run the studies that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--remark", action="append", default=[], dest="remarks", help="said below the results")
    parser.add_argument("--storage", metavar="URL", help="default: a database that is thrown away")
    parser.add_argument("--figures", action="store_true", help="draw figures alone, and leave results.json as it is")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_each(asked.names or shipped_studies(), asked, asked.storage or f"sqlite:///{folder}/studies.db")


def run_each(names: Iterable[str], asked: argparse.Namespace, url: str) -> None:
    """Run studies one after the other; what each found is written at once."""
    for name in names:
        found = run_one(name, asked.overrides, asked.workers, url)
        FIGURES.mkdir(exist_ok=True)
        (FIGURES / f"{name}.svg").write_text(draw_figure(name, url), encoding="utf-8")
        if asked.figures:
            continue
        results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        results[name] = found
        results[name]["remarks"] += asked.remarks
        RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(name, f"{results[name]['seconds']:.0f} s", *results[name]["rows"], sep="\n  ")


if __name__ == "__main__":
    main()
