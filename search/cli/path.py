"""`regsearch path`: one name of the choice over its values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from search.cli._options import format_option, name_argument, opened, quiet_option, storage_option, trust_option
from search.cli._render import print_json, print_lines, print_table
from search.cli._training import again_option, n_jobs_option, repeats_option, scheduler_option, trainers
from search.records.wording import describe_configuration, divisions_in_words, show_value

if TYPE_CHECKING:
    from search.records import Mean, StudyRecord, Sweep, SweepPoint

_SAME = 1e-3
"""Relative difference below which the score is the loss of the rows that score, and is shown once."""


@click.command(epilog="Example: regsearch path moons --over l2 --points 9")
@name_argument
@click.option("--over", required=True, metavar="NAME", help="A name of [space], or a technique: l2, dense_1.dropout.")
@click.option("--low", type=float, metavar="VALUE", help="The lowest value; default: that of [space].")
@click.option("--high", type=float, metavar="VALUE", help="The highest value; default: that of [space].")
@click.option("--points", type=click.IntRange(2), metavar="N", help="How many values; default: 13.")
@storage_option
@repeats_option
@again_option
@n_jobs_option
@scheduler_option
@format_option()
@trust_option
@quiet_option
def path(
    name: str,
    over: str,
    low: float | None,
    high: float | None,
    points: int | None,
    url: str | None,
    repeats: int | None,
    again: bool,
    n_jobs: int | None,
    scheduler: str | None,
    format_: str,
) -> None:
    """Sweep one name of the choice over its values, the others as chosen.

    Each value is trained on the rows and with the seeds that confirmed the choice. The result is stored, and shown
    again until the choice changes.
    """
    from search.followup.sweep import Values, sweep

    values = Values(over, low, high, points)
    with opened(url) as storage:
        found = sweep(storage, name, values, repeats=repeats, again=again, trainers=trainers(n_jobs, scheduler))
        study = storage.study(name)
    if format_ == "json":
        print_json({"study": study.name, "metric": study.metric, "direction": study.direction, **found.to_json()})
        return
    print_sweep(found, study)


def print_sweep(found: Sweep, study: StudyRecord) -> None:
    """A row for each value, between the baseline and what a constant guess scores."""
    whole = describe_configuration(found.configuration, study.facts)
    fresh = divisions_in_words(found.repeats, scores_other_rows=found.scores_other_rows)
    print_lines(f"{study.name}: trial {found.trial} is chosen ({whole}); on {fresh}:\n")
    layers = list(dict.fromkeys(layer for point in found.points for layer in point.weight_norms))
    headers = [
        found.over,
        *("train loss", "error", "validation loss", "error", study.metric, "error", "expected"),
        *(f"norm {layer}" for layer in layers),
        *(f"non-zero {layer}" for layer in layers),
        "",
    ]
    rows = [_row(_value(point, found, study), point, layers, found) for point in found.points]
    rows.append(_row("baseline", found.baseline, layers, found))
    if found.constant is not None:
        rows.append(["constant guess", *[None] * 4, found.constant, *[None] * (len(headers) - 7), ""])
    kept = [place for place in range(len(headers)) if not _is_left_out(place, found, rows)]
    headers, rows = [headers[place] for place in kept], [[row[place] for place in kept] for row in rows]
    narrow = [place for place in range(len(headers)) if not headers[place].startswith(("norm ", "non-zero "))]
    few = [0, *(place for name in (study.metric, "expected") for place in _places(headers, name)), len(headers) - 1]
    print_table(headers, rows, *(_picked(headers, rows, places) for places in (narrow, few)))


def _places(headers: Sequence[str], name: str) -> list[int]:
    """Where a column is, and where that of its error."""
    if name not in headers:
        return []
    place = headers.index(name)
    return [place, place + 1] if headers[place + 1] == "error" else [place]


def _picked(
    headers: Sequence[str], rows: Sequence[Sequence[object]], places: Sequence[int]
) -> tuple[Sequence[str], list[Sequence[object]]]:
    return [headers[place] for place in places], [[row[place] for place in places] for row in rows]


def _value(point: SweepPoint, found: Sweep, study: StudyRecord) -> str:
    return study.facts.absent_in_words(found.over) if point.value is None else show_value(point.value)


def _row(label: str, point: SweepPoint, layers: Sequence[str], found: Sweep) -> list[object]:
    return [
        label,
        *_pair(point.train_loss),
        *_pair(point.validation_loss),
        *([point.error, None] if point.error else _pair(point.score)),
        None if point.expected is None else point.expected.value,
        *(point.weight_norms.get(layer) for layer in layers),
        *(_percent(point.nonzero_weights.get(layer)) for layer in layers),
        "chosen" if point.is_chosen and label != "baseline" else "",
    ]


def _pair(mean: Mean | None) -> list[float | None]:
    return [None, None] if mean is None else [mean.value, mean.standard_error]


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.1%}"


def _is_left_out(place: int, found: Sweep, rows: Sequence[Sequence[object]]) -> bool:
    """Whether a column tells nothing: it is empty, or the loss of the rows that score is the score."""
    if place in (3, 4) and all(_is_same(point) for point in found.points):
        return True
    return all(row[place] in (None, "") for row in rows)


def _is_same(point: SweepPoint) -> bool:
    loss, score = point.validation_loss, point.score
    return loss is None or score is None or math.isclose(loss.value, score.value, rel_tol=_SAME)
