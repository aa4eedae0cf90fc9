"""What the confirmation found, finalist by finalist."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from search.figures._style import BASELINE, CHOICE, RULE, TRAIN, styled
from search.records.wording import candidate_in_words, describe_configuration, verdict_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    import plotly.graph_objects as go

    from search.records import Configuration, StudyRecord, Verdict

_LETTERS_A_LINE, _MOST_LINES = 32, 3
"""Of a label: what is longer would take the figure's place."""


def finalists_figure(study: StudyRecord, verdict: Verdict, configurations: Mapping[int, Configuration]) -> go.Figure:
    """By how much each finalist beats the baseline: in the search, and on fresh divisions with its interval.

    Args:
        study: The study.
        verdict: On it.
        configurations: Of the finalists, by trial.
    """
    import plotly.graph_objects as go

    baseline = verdict.finalists[0]
    others = [each for each in verdict.finalists[1:] if each.difference is not None]
    sign = 1 if study.direction == "maximize" else -1
    labels = [_label(each.trial, verdict, configurations[each.trial], study) for each in others]
    gains = [each.difference for each in others if each.difference is not None]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[sign * (each.search_score - baseline.search_score) for each in others],
            y=labels,
            mode="markers",
            name="in the search",
            marker={"symbol": "circle-open", "size": 11, "color": BASELINE},
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[gain.mean for gain in gains],
            y=labels,
            mode="markers",
            name=f"on fresh divisions, with {verdict.level:.0%} interval",
            marker={"size": 10, "color": CHOICE},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0 if gain.high is None else gain.high - gain.mean for gain in gains],
                "arrayminus": [0 if gain.low is None else gain.mean - gain.low for gain in gains],
            },
        )
    )
    expected = [(each, label) for each, label in zip(others, labels, strict=True) if each.expected is not None]
    if baseline.expected is not None and verdict.has_reference:
        figure.add_trace(
            go.Scatter(
                x=[sign * (each.expected - baseline.expected) for each, _ in expected if each.expected is not None],
                y=[label for _, label in expected],
                mode="markers",
                name="expected there: whether the baseline is beaten",
                marker={"symbol": "diamond", "size": 10, "color": TRAIN},
            )
        )
    words = study.facts.baseline_in_words
    figure.add_vline(x=0, line={"color": RULE}, annotation_text=words, annotation_position="top")
    figure.update_xaxes(title_text=f"gain in {study.metric} over the baseline (right is better)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    answer = verdict_lines(verdict, study, verdict.n_trials, configurations)[0]
    subtitle = answer if verdict.answer == "no gain" else f"{answer} {candidate_in_words(verdict)}."
    return styled(figure, f"{study.name}: finalists", subtitle, height=240 + 60 * len(others))


def _label(trial: int, verdict: Verdict, configuration: Configuration, study: StudyRecord) -> str:
    chosen = ", chosen" if trial == verdict.chosen else ", candidate" if trial == verdict.candidate else ""
    lines = textwrap.wrap(describe_configuration(configuration, study.facts), _LETTERS_A_LINE)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = [f"{lines[_MOST_LINES - 1].rstrip(',')} ..."]
    return "<br>".join([f"<b>trial {trial}{chosen}</b>", *lines])
