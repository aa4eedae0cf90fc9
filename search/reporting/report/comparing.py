"""Several studies on one page: what they came to, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.figures import Gain, comparison_figure
from search.records.wording import describe_configuration, interval_in_words
from search.reporting.report.gathering import Table, sealed_score
from search.reporting.sentences import warnings_on
from search.reporting.summaries import Best, compare_studies

if TYPE_CHECKING:
    from search.figures import Figure
    from search.storage import Storage


@dataclass(frozen=True)
class Comparison:
    """What is told of several studies together.

    Args:
        names: Of the studies, in their order.
        table: A line a study.
        figure: Their gains; None where none is known.
        warnings: Why they may not be compared, a sentence each.
    """

    names: Sequence[str]
    table: Table
    figure: Figure | None
    warnings: Sequence[str]


def gather_comparison(storage: Storage, names: Sequence[str]) -> Comparison:
    """What several studies came to.

    Raises:
        UnknownStudyError: There is no study of one of the names.
    """
    studies = compare_studies(storage, names)
    return Comparison(names, _table(studies), _figure(studies), warnings_on(studies))


def _table(studies: Sequence[Best]) -> Table:
    rows: list[list[object]] = []
    for found in studies:
        study, choice, verdict = found.study, found.choice, found.choice.verdict
        confirmed = {} if verdict is None else {each.trial: each.score for each in verdict.finalists}
        difference = None if verdict is None else verdict.difference
        rows.append(
            [
                study.name,
                "not confirmed" if verdict is None else verdict.answer,
                study.metric,
                None if choice.baseline is None else confirmed.get(choice.baseline.number, choice.baseline.score),
                None if choice.chosen is None else confirmed.get(choice.chosen.number, choice.chosen.score),
                choice.gain if difference is None else difference.mean,
                None if difference is None else interval_in_words(difference),
                sealed_score(found, "baseline"),
                sealed_score(found, "chosen"),
                found.n_trials,
                None if choice.chosen is None else describe_configuration(choice.chosen.configuration, study.facts),
            ]
        )
    headers = ["study", "verdict", "metric", "baseline", "chosen", "gain of the best finalist", "interval of the gain"]
    headers += ["baseline, sealed rows", "chosen, sealed rows", "trials", "choice"]
    filled = [place for place in range(len(headers)) if any(row[place] is not None for row in rows)]
    return Table.of(
        "The studies", [headers[place] for place in filled], [[row[place] for place in filled] for row in rows]
    )


def _figure(studies: Sequence[Best]) -> Figure | None:
    metrics = {found.study.metric for found in studies}
    is_share = len(metrics) > 1 or len({found.study.data_sha256 for found in studies}) > 1
    gains = [gain for found in studies if (gain := _gain(found, is_share=is_share)) is not None]
    unit = "score, as a share of the baseline's" if is_share else next(iter(metrics))
    return comparison_figure(gains, unit, is_share=is_share) if gains else None


def _gain(found: Best, *, is_share: bool) -> Gain | None:
    choice, verdict = found.choice, found.choice.verdict
    if choice.baseline is None or choice.gain is None:
        return None
    if verdict is None:
        answer, unit = "not confirmed", choice.baseline.score
        values: tuple[float, float | None, float | None] = (choice.gain, None, None)
    else:
        told = verdict.difference
        unit = next(each.score for each in verdict.finalists if each.trial == choice.baseline.number)
        answer, values = verdict.answer, (told.mean, told.low, told.high)
    if not is_share:
        return Gain(found.study.name, answer, *values)
    if not unit:
        return None
    gain, low, high = (None if value is None else value / abs(unit) for value in values)
    return None if gain is None else Gain(found.study.name, answer, gain, low, high)
