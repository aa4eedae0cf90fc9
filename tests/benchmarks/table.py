"""Lines become a table on the screen, JSON, and RESULTS.md."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.comparison import Line

Measured = dict[str, Any]
"""One row of the benchmark, JSON-ready: `date`, `machine`, `versions`, `lines` and `limited_by`."""

HEADINGS = ("row", "work", "against", "regsearch", "peer", "times (spread)", "goal", "note")

_PACKAGES = ("tensorflow", "keras", "optuna", "numpy", "scikit-learn", "distributed", "keras-tuner")
_TITLE = """\
# Benchmark results

Written by `uv run --group bench python tests/benchmarks/run.py --write`; the numbers behind are in `results.json`.

Each line is the same work by regsearch and by a peer, in rounds that alternate in one process, on one thread each.
Costs are medians over the rounds. "Times" is the peer's cost over regsearch's: the median of the rounds' ratios, with
the smallest and the largest. Where only a part of the peer's work was done, the note says which, and its cost is
scaled to the whole.
"""


def describe(lines: Sequence[Line], limited_by: str) -> Measured:
    """What was measured, with where and when."""
    return {
        **describe_place(_PACKAGES),
        "limited_by": limited_by,
        "lines": [asdict(line) | {"ratios": line.ratios, "ratio": line.ratio} for line in lines],
    }


def describe_place(packages: Sequence[str]) -> dict[str, Any]:
    """Where and when something is measured: day, machine, and versions of packages."""
    return {
        "date": dt.date.today().isoformat(),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
    }


def print_table(measured: Mapping[str, Measured]) -> None:
    """Show rows on the screen."""
    table = Table(*HEADINGS)
    for line in _lines(measured):
        table.add_row(*_cells(line))
    Console(width=max(Console().width, 170)).print(table)


def write_results(measured: Mapping[str, Measured], folder: Path) -> None:
    """Renew `results.json` and `RESULTS.md`; rows that were not measured now stay as they were."""
    path = folder / "results.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    rows = {**before, **measured}
    path.write_text(json.dumps(rows, indent=1) + "\n")
    (folder / "RESULTS.md").write_text(to_markdown(rows))


def to_markdown(measured: Mapping[str, Measured]) -> str:
    """The page of results."""
    table = [HEADINGS, ("---",) * len(HEADINGS), *(_cells(line) for line in _lines(measured))]
    limits = [f"- **{name}**: {row['limited_by']}" for name, row in measured.items() if row["limited_by"]]
    parts = [
        _TITLE,
        "\n".join("| " + " | ".join(cells) + " |" for cells in table),
        "## What limits each row\n\n" + "\n".join(limits) if limits else "",
        "## Where and when\n\n" + "\n".join(_places(measured)),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _lines(measured: Mapping[str, Measured]) -> list[Mapping[str, Any]]:
    return [line for row in measured.values() for line in row["lines"]]


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    ratios = line["ratios"]
    spread = f"{_short(line['ratio'])} ({_short(min(ratios))} ... {_short(max(ratios))})"
    costs = (f"{_short(statistics.median(line[whose]))} {line['unit']}" for whose in ("ours", "theirs"))
    goal = (
        ""
        if line["goal"] is None
        else f"{_short(line['goal'])}, {'met' if line['ratio'] >= line['goal'] else 'missed'}"
    )
    return (line["row"], line["work"], line["peer"], *costs, spread, goal, line["note"])


def _short(number: float) -> str:
    """Three digits that count, and never fewer than the whole part has."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _places(measured: Mapping[str, Measured]) -> list[str]:
    """One line for the rows that were measured on one day with one machine and versions."""
    places: dict[str, list[str]] = {}
    for name, row in measured.items():
        versions = ", ".join(f"{package} {version}" for package, version in row["versions"].items() if version)
        places.setdefault(f"{row['date']}, {row['machine']}; {versions}", []).append(name)
    return [f"- {', '.join(names)}: {place}" for place, names in places.items()]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
