"""Several studies on one page: what they came to, side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.figures import Gain, comparison_figure
from search.records.wording import data_in_words, describe_configuration, interval_in_words
from search.reporting.report.gathering import Table
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
        figures: Their gains, by the name of their place on the page: one figure for those that can be compared.
        warnings: Why they may not be compared, a sentence each.
    """

    names: Sequence[str]
    table: Table
    figures: Mapping[str, Figure]
    warnings: Sequence[str]


def gather_comparison(storage: Storage, names: Sequence[str]) -> Comparison:
    """What several studies came to.

    Raises:
        UnknownStudyError: There is no study of one of the names.
    """
    studies = compare_studies(storage, names)
    return Comparison(names, _table(studies), _figures(studies), warnings_on(studies))


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
                found.sealed_score(choice.baseline),
                found.sealed_score(choice.chosen),
                found.n_trials,
                None if choice.chosen is None else describe_configuration(choice.chosen.configuration, study.facts),
            ]
        )
    headers = ["study", "verdict", "metric", "baseline", "chosen", "gain of the candidate", "interval of the gain"]
    headers += ["baseline, sealed rows", "chosen, sealed rows", "trials", "choice"]
    filled = [place for place in range(len(headers)) if any(row[place] is not None for row in rows)]
    return Table.of(
        "The studies", [headers[place] for place in filled], [[row[place] for place in filled] for row in rows]
    )


def _figures(studies: Sequence[Best]) -> dict[str, Figure]:
    """The gains, a figure for each metric and data, by the name of its place on the page."""
    groups = defaultdict[tuple[str, str], list[Best]](list)
    for found in studies:
        groups[found.study.metric, found.study.data_sha256].append(found)
    figures: dict[str, Figure] = {}
    named = Counter((metric, _data_of(group[0])) for (metric, _), group in groups.items())
    for (metric, sha256), group in groups.items():
        gains = [gain for found in group if (gain := _gain(found)) is not None]
        if gains:
            data = _data_of(group[0])
            if named[metric, data] > 1:
                data = f"{data} (SHA-256 {sha256[:8]})"
            figures[f"gains-{len(figures) + 1}"] = comparison_figure(gains, metric, data)
    return figures


def _data_of(found: Best) -> str:
    return data_in_words(found.study.spec["data"])


def _gain(found: Best) -> Gain | None:
    choice, verdict = found.choice, found.choice.verdict
    if choice.baseline is None or choice.gain is None:
        return None
    if verdict is None:
        return Gain(found.study.name, "not confirmed", choice.gain, None, None)
    told = verdict.difference
    return Gain(found.study.name, verdict.answer, told.mean, told.low, told.high)
