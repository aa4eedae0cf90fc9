"""The page with what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

Found = Mapping[str, Any]

NEAR = 1.01
"""A loss is as good as another one when it is at most this many times that."""

HEAD = """# What a race saves

Written by `uv run --group bench python tests/benchmarks/racing/run.py --write` from `races.jsonl`, one line a race.

Each race is one study, run with `pruner = "none"` and with `pruner = "racing"`, all else equal: TPE, 60 trials of 5
folds on the tables of the honesty benchmark (`tests/benchmarks/honesty`). On LCBench, with one run of 52 epochs a
trial, trials are asked until as many epochs were trained as 100 trials have. Whenever a trial becomes the best of a
search, it is scored anew, on 4 other divisions of the rows with other seeds (on LCBench, a surrogate without noise,
by its last epoch). "Saved until as good": the epochs of training that the search without a pruner took until its best
trial's new score was within 1 % of what that search ends with, in those that the race took until its own was. "Saved
in all" is the same for whole searches. A final choice is worse where its new score is worse by more than 1 %.
"""


def write_page(found: Sequence[Found], path: Path) -> None:
    """Write the page.

    Args:
        found: What `races.race` and `surrogate.race_on_curves` returned.
        path: The page.
    """
    kinds = {
        "tables": [one for one in found if not one["task"].startswith("lcbench")],
        "LCBench": [one for one in found if one["task"].startswith("lcbench")],
    }
    lines = [HEAD, "| | races | saved until as good, median | saved in all, median | final choice worse | better |"]
    lines.append("|---|---|---|---|---|---|")
    lines += [_row(f"**all {kind}** (goal: 3 or more, none worse)", races) for kind, races in kinds.items() if races]
    for task in dict.fromkeys(one["task"] for one in kinds["tables"]):
        lines.append(_row(task, [one for one in found if one["task"] == task]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, races: Sequence[Found]) -> str:
    until = [saved_until_as_good(one) for one in races]
    in_all = [one["ways"]["none"]["epochs"] / _raced(one)["epochs"] for one in races]
    worse = sum(_final(_raced(one)) > NEAR * _final(one["ways"]["none"]) for one in races)
    better = sum(NEAR * _final(_raced(one)) < _final(one["ways"]["none"]) for one in races)
    return f"| {name} | {len(races)} | {median(until):.1f} | {median(in_all):.1f} | {worse} | {better} |"


def saved_until_as_good(one: Found) -> float:
    """How many times fewer epochs the race took until its best trial was as good as that of the other in the end."""
    goal = NEAR * _final(one["ways"]["none"])
    plain, raced = (_epochs_until(way, goal) for way in (one["ways"]["none"], _raced(one)))
    assert plain is not None
    return 0.0 if raced is None else plain / raced


def _epochs_until(way: Found, goal: float) -> int | None:
    return next((epochs for epochs, score in way["steps"] if score <= goal), None)


def _final(way: Found) -> float:
    return float(way["steps"][-1][1])


def _raced(one: Found) -> Found:
    return next(way for name, way in one["ways"].items() if name != "none")  # type: ignore[no-any-return]
