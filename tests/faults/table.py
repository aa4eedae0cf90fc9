"""What came of a hurt study becomes a line on the screen, JSON, and RESULTS.md."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.table import describe_place
from tests.faults.hurting import Course, Stay
from tests.faults.plan import Aim

Result = dict[str, Any]
"""One study, JSON-ready."""

GOAL = 1.25
"""What a study that is hurt may take, in times of what it takes otherwise."""

_PACKAGES = ("tensorflow", "keras", "optuna", "distributed", "sqlalchemy", "psycopg")
_MOST_VIOLATIONS = 50
_COUNTS = ("backend", "seed", "trials", "results", "kills", "absences", "sessions", "looks", "refused", "violations")
_TIMES = (
    "backend",
    "seed",
    "kills",
    "undisturbed",
    "hurt",
    "a start (late)",
    "work",
    "work, hurt",
    "times",
    "work a kill",
    "lost a kill",
)
_PAGE = """\
# Faults

Written by `uv run python tests/faults/run.py --backend sqlite|postgresql --seed N --write`; the numbers behind are in
`results.json`. Equal seeds plan equal harms; at which moment of its work a process is hit is another matter.

A study of real runs, with pruning and a confirmation, is run twice: once nothing happens, once processes are ended
with SIGKILL at random moments (half of them coordinators, each followed by a new `regsearch run`; workers; fork
servers; some in the middle of a start), and the database goes away for 0.2 to 3 seconds: PostgreSQL is ended as by a
crash, a SQLite file is locked by another program. In half of the absences a process is killed, too. All the while
another process looks at the database. A violation would be: a trial, a run or a verdict that was seen once and is gone
or another one later (so also a trial that is told twice); anything that is stored twice; more trials than were asked
for, or not exactly as many at the end, or one that is RUNNING then; a study that is not, number for number, what it is
when nothing happens; a holder whose turn it was not, a second one that is not refused, a trial that was asked or told
when nobody held the study; a worker that trained for two sessions or outlived them; a session that ended by itself, or
showed a traceback.

{counts}

"Results" are trials that ended and runs of the confirmation. "Kills" are of coordinators, workers and fork servers,
with those while the database was away in brackets. "Refused" counts attempts to take the study while a session held it.

## What it costs

{times}

"Undisturbed" and "hurt" are the seconds of all sessions, "a start" is the median time until workers stand ready (in
brackets: where more than half of the trials were there), "work" is what is left when all starts are taken out, and
"times" is the ratio of the two works. What a kill costs, "lost a kill", is what was being trained and what had ended
within the last half second, which is trained once more, and the start of a worker. That does not depend on how long a
study is, so the ratio tells how often it is killed: it is {goal} at most where "work a kill", undisturbed, is
{fourfold} times "lost a kill" or more. A kill for every other trial leaves less; with `--kills 10` the ratio is that of
a bad day.

{violations}## Where and when

{places}
"""


def describe(asked: argparse.Namespace, undisturbed: Course, hurt: Course) -> Result:
    """What was done and what came of it, with where and when."""
    n_kills = hurt.kills.total()
    lost_seconds = hurt.work_seconds - undisturbed.work_seconds
    late = [stay for stay in hurt.stays if stay.n_points > asked.trials / 2]
    return {
        **describe_place(_PACKAGES),
        "backend": asked.backend,
        "seed": asked.seed,
        "trials": asked.trials,
        "jobs": asked.jobs,
        "epochs": asked.epochs,
        "asked": {"kills": asked.kills, "restarts": asked.restarts},
        "results": 0 if hurt.end is None else hurt.end.n_acknowledged,
        "kills": {aim.value: hurt.kills[aim] for aim in Aim},
        "kills_while_away": hurt.kills_while_away,
        "absences": len(hurt.absences_seconds),
        "absence_seconds": sum(hurt.absences_seconds),
        "sessions": len(hurt.stays),
        "spools_recovered": hurt.n_recovered,
        "looks": hurt.history.n_looks,
        "refused": hurt.n_attempts,
        "seconds": {"undisturbed": undisturbed.seconds, "hurt": hurt.seconds},
        "start_seconds": {
            "undisturbed": _median_start(undisturbed.stays),
            "hurt": _median_start(hurt.stays),
            "hurt, second half": _median_start(late),
        },
        "work_seconds": {"undisturbed": undisturbed.work_seconds, "hurt": hurt.work_seconds},
        "times": hurt.work_seconds / undisturbed.work_seconds if undisturbed.work_seconds else None,
        "lost_seconds_a_kill": lost_seconds / n_kills if n_kills else None,
        "n_violations": len(hurt.history.violations),
        "violations": hurt.history.violations[:_MOST_VIOLATIONS],
    }


def _median_start(stays: Sequence[Stay]) -> float | None:
    told = [stay.start_seconds for stay in stays if stay.start_seconds is not None]
    return statistics.median(told) if told else None


def print_result(result: Result) -> None:
    """Show a result on the screen."""
    for headings, cells in ((_COUNTS, _count_cells(result)), (_TIMES, _time_cells(result))):
        print(", ".join(f"{name} {cell}" for name, cell in zip(headings, cells, strict=True)))
    for violation in result["violations"]:
        print(violation)


def write_result(result: Result, folder: Path) -> None:
    """Add a result to `results.json`, and draw RESULTS.md anew; an earlier one of the same kind gives way."""
    path = folder / "results.json"
    before = json.loads(path.read_text()) if path.exists() else []
    results = [*(each for each in before if _kind(each) != _kind(result)), result]
    path.write_text(json.dumps(results, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(to_markdown(results))


def to_markdown(results: Sequence[Result]) -> str:
    """The page of results."""
    broken = [f"- {each['backend']}, seed {each['seed']}: {told}" for each in results for told in each["violations"]]
    broken += [f"- {each['backend']}, seed {each['seed']}: {each['since']}" for each in results if "since" in each]
    return _PAGE.format(
        counts=_table(_COUNTS, map(_count_cells, results)),
        times=_table(_TIMES, map(_time_cells, results)),
        goal=GOAL,
        fourfold=f"{1 / (GOAL - 1):.0f}",
        violations="## Violations\n\n" + "\n".join(broken) + "\n\n" if broken else "",
        places="\n".join(dict.fromkeys(map(_place, results))),
    )


def _kind(result: Result) -> tuple[Any, ...]:
    return tuple(result[name] for name in ("backend", "seed", "trials", "jobs", "epochs")) + tuple(
        result["asked"].values()
    )


def _table(headings: Sequence[str], rows: Any) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in lines)


def _count_cells(result: Result) -> tuple[str, ...]:
    kills = " + ".join(str(count) for count in result["kills"].values())
    return (
        result["backend"],
        str(result["seed"]),
        f"{result['trials']:,}",
        f"{result['results']:,}",
        f"{sum(result['kills'].values())} = {kills} ({result['kills_while_away']})",
        str(result["absences"]),
        str(result["sessions"]),
        f"{result['looks']:,}",
        str(result["refused"]),
        str(result["n_violations"]),
    )


def _time_cells(result: Result) -> tuple[str, ...]:
    seconds, work, starts = result["seconds"], result["work_seconds"], result["start_seconds"]
    n_kills = sum(result["kills"].values())
    return (
        result["backend"],
        str(result["seed"]),
        str(n_kills),
        f"{seconds['undisturbed']:,.0f} s",
        f"{seconds['hurt']:,.0f} s",
        f"{_in_seconds(starts['hurt'])} ({_in_seconds(starts['hurt, second half'])})",
        f"{work['undisturbed']:,.0f} s",
        f"{work['hurt']:,.0f} s",
        "" if result["times"] is None else f"{result['times']:.3g}",
        _in_seconds(work["undisturbed"] / n_kills if n_kills else None),
        _in_seconds(result["lost_seconds_a_kill"]),
    )


def _in_seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2g} s"


def _place(result: Result) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in result["versions"].items() if version)
    return f"- {result['date']}, {result['machine']}; {versions}"
