"""The page with what was found: each goal beside its figure, table by table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

Found = Mapping[str, Any]

WORSE = 1.01
"""A loss is worse than another one when it is higher than this many times that."""

RULES = ("luckiest", "best confirmed", "best", "one_se", "best, mean of 3", "ensemble")
PLANTED = ("random labels", "moons, 30 rows", "wide net, 100 rows")

HEAD = """# How honest the choice is

Written by `uv run python tests/benchmarks/honesty/run.py --write` from `searches.jsonl`, one line a search.

Each search is a study as `regsearch init` drafts it (40 trials of 5 folds, the baseline among them), run through
`run_study` on one half of a table, or less; the other rows are unseen. Outer splits and all seeds are those of the
search's number. Losses are log loss, or the mean squared error, on the unseen rows, the mean over three models of each
configuration, but for "mean of 3", which is one model that predicts the mean of the three.

| rule | what it hands out |
|---|---|
| luckiest | the best score of the search, or the baseline, trained with stop rows: as KerasTuner and Optuna choose |
| best confirmed | the best finalist, whether it beats the baseline or not |
| best | the choice of `rule = "best"`, the default |
| one_se | the choice of `rule = "one_se"` |
| best, mean of 3 | that of `best` with `refit_seeds = 3` |
| ensemble | that of `export --ensemble`: the mean of the finalists that go together best |
"""


def write_page(found: Sequence[Found], path: Path) -> None:
    """Write the page.

    Args:
        found: What `searches.search` and `planted.find` returned.
        path: The page.
    """
    searches = [one for one in found if one["table"] not in PLANTED]
    planted = [one for one in found if one["table"] in PLANTED]
    parts = [HEAD]
    if searches:
        parts += [_goals(searches), _losses(searches), _intervals(searches)]
    if planted:
        parts.append(_answers(planted))
    path.write_text("\n".join(parts), encoding="utf-8")


def share(found: Iterable[Found], holds: Callable[[Found], bool]) -> float:
    """The share of searches of which something holds."""
    return fmean(float(holds(one)) for one in found)


def covers(one: Found) -> bool:
    """Whether the interval of a verdict covers the difference on unseen rows, or misses it by less than matters."""
    (low, high), margin = one["gain"]["interval"], (WORSE - 1) * one["unseen"]["baseline"]
    return bool(low - margin <= one["gain"]["unseen"] <= high + margin)


def _goals(searches: Sequence[Found]) -> str:
    tables = _by_table(searches)
    helped = [one for one in searches if one["verdict"]["answer"] == "helps"]
    told, seen = (
        fmean(_relative_gain(one, "confirmed") for one in helped),
        fmean(_relative_gain(one, "unseen") for one in helped),
    )
    rows = [
        (
            "worse than the baseline on unseen rows, by more than 1 % of its loss",
            "at most 2 %",
            ", ".join(f"{rule} {share(searches, _is_worse(rule, 'baseline')):.1%}" for rule in RULES),
        ),
        (
            "worse than a regularized default (dropout 0.3, patience 20), by more than 1 %",
            "at most 10 %",
            ", ".join(f"{rule} {share(searches, _is_worse(rule, 'default')):.1%}" for rule in RULES),
        ),
        (
            "mean unseen loss lower than that of the luckiest",
            f"on all {len(tables)} tables",
            "; ".join(f"{rule} {_on_which(tables, rule)}" for rule in RULES[1:]),
        ),
        (
            "gain on fresh divisions : gain on unseen rows, in shares of the baseline's loss, where it helps",
            "at most 1.5",
            f"{told / seen:.2f}",
        ),
        (
            "95 % interval of the difference covers that on unseen rows, to 1 % of the baseline's loss",
            "92 to 98 %",
            f"{share(searches, covers):.1%}",
        ),
    ]
    return "\n".join(
        [
            f"## Goals\n\n{len(searches)} searches of {len(tables)} tables.\n",
            "| figure | goal | found |",
            "|---|---|---|",
        ]
        + [f"| {' | '.join(row)} |" for row in rows]
        + [""]
    )


def _on_which(tables: Mapping[str, Sequence[Found]], rule: str) -> str:
    """On how many tables a rule's mean loss is lower than the luckiest's, and on which it is not."""
    missed = [name for name, of_table in tables.items() if _mean(of_table, rule) >= _mean(of_table, "luckiest")]
    return f"on {len(tables) - len(missed)}" + (f" (not {', '.join(missed)})" if missed else "")


def _losses(searches: Sequence[Found]) -> str:
    columns = ("baseline", "default", *RULES)
    lines = [
        "## Unseen loss\n\nIn shares of the baseline's, the mean over searches, and the answers.\n",
        f"| table | searches | {' | '.join(columns)} | helps, no gain, nothing to learn |",
        f"|---|---|{'---|' * len(columns)}---|",
    ]
    for name, of_table in _by_table(searches).items():
        shares = [fmean(one["unseen"][column] / one["unseen"]["baseline"] for one in of_table) for column in columns]
        lines.append(
            f"| {name} | {len(of_table)} | {' | '.join(f'{value:.3f}' for value in shares)} | {_count(of_table)} |"
        )
    return "\n".join([*lines, ""])


def _intervals(searches: Sequence[Found]) -> str:
    lines = [
        "## What the study said of itself\n\nGains of the best finalist over the baseline, in shares of the baseline's "
        "unseen loss: in the search, on fresh divisions, expected, and on unseen rows.\n",
        "| table | search | confirmed | expected | unseen | interval covers |",
        "|---|---|---|---|---|---|",
    ]
    for name, of_table in _by_table(searches).items():
        gains = [
            fmean(_relative_gain(one, kind) for one in of_table)
            for kind in ("search", "confirmed", "expected", "unseen")
        ]
        told = " | ".join(f"{gain:.3f}" for gain in gains)
        lines.append(f"| {name} | {told} | {share(of_table, covers):.0%} |")
    return "\n".join([*lines, ""])


def _answers(planted: Sequence[Found]) -> str:
    lines = [
        "## Planted\n\nStudies whose answer is known, with other seeds each. Goals of 100: at most 5 times helps with "
        "random labels, at least 95 times with the two that overfit.\n",
        "| study | studies | helps | no gain | nothing to learn |",
        "|---|---|---|---|---|",
    ]
    for name, of_kind in _by_table(planted).items():
        told = _count(of_kind).replace(", ", " | ")
        lines.append(f"| {name} | {len(of_kind)} | {told} |")
    return "\n".join([*lines, ""])


def _count(found: Sequence[Found]) -> str:
    answers = [one["verdict"]["answer"] for one in found]
    return ", ".join(str(answers.count(answer)) for answer in ("helps", "no gain", "nothing to learn"))


def _is_worse(rule: str, than: str) -> Callable[[Found], bool]:
    return lambda one: bool(one["unseen"][rule] > WORSE * one["unseen"][than])


def _relative_gain(one: Found, kind: str) -> float:
    return float(one["gain"][kind] / one["unseen"]["baseline"])


def _mean(found: Sequence[Found], rule: str) -> float:
    return fmean(one["unseen"][rule] for one in found)


def _by_table(found: Sequence[Found]) -> dict[str, list[Found]]:
    tables: dict[str, list[Found]] = {}
    for one in sorted(found, key=lambda one: one["split"]):
        tables.setdefault(one["table"], []).append(one)
    return tables
