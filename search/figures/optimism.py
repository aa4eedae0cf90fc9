"""What the search promised against what came of it: finalists in the search, and on fresh divisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.figures._style import BASELINE, CHOICE, FAINT, GUESS, styled
from search.records.wording import better, describe_configuration, show_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    import plotly.graph_objects as go

    from search.records import Configuration, Finalist, StudyRecord, Verdict


def optimism_figure(study: StudyRecord, verdict: Verdict, configurations: Mapping[int, Configuration]) -> go.Figure:
    """A point a finalist, the baseline among them: to the right its score in the search, upwards the confirmed one.

    Args:
        study: The study.
        verdict: On it.
        configurations: Of the finalists, by trial.
    """
    import plotly.graph_objects as go

    baseline, chosen = verdict.finalists[0].trial, verdict.chosen
    looks = {  # the later ones lie above
        "finalists": (GUESS, "circle", 10),
        "baseline": (BASELINE, "square", 13),
        "candidate": (CHOICE, "diamond", 13),
        "chosen": (CHOICE, "star", 16),
    }
    roles = {verdict.candidate: "candidate", chosen: "chosen", baseline: "baseline"}
    scored = [(each, each.score) for each in verdict.finalists if each.score is not None]
    ends = [value for each, score in scored for value in (each.search_score, score)]
    figure = go.Figure()
    if ends:
        diagonal = [min(ends), max(ends)]
        line = {"color": FAINT, "dash": "dot"}
        figure.add_trace(
            go.Scatter(x=diagonal, y=diagonal, mode="lines", name="as the search promised", line=line, hoverinfo="skip")
        )
    for role, (colour, symbol, size) in looks.items():
        shown = [(each, score) for each, score in scored if roles.get(each.trial, "finalists") == role]
        if not shown:
            continue
        name = role if role == "finalists" else f"{role}, trial {shown[0][0].trial}"
        figure.add_trace(
            go.Scatter(
                x=[each.search_score for each, _ in shown],
                y=[score for _, score in shown],
                mode="markers",
                name=name,
                marker={"color": colour, "symbol": symbol, "size": size},
                text=[_told(each, configurations[each.trial], study) for each, _ in shown],
                hovertemplate="%{text}<br>search %{x:.4g}, confirmed %{y:.4g}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text=f"{study.metric} in the search ({better(study.direction)} is better)")
    figure.update_yaxes(title_text=f"{study.metric} on fresh divisions")
    side = "above" if study.direction == "minimize" else "below"
    role = "choice" if verdict.candidate == chosen else "candidate"
    kept = f"the {role}, trial {verdict.candidate}, kept its promise"
    if verdict.optimism > 0:
        kept = f"the {role}, trial {verdict.candidate}, fell short by {show_value(verdict.optimism)}"
    subtitle = f"{side} the line the search promised too much; {kept}"
    return styled(figure, f"{study.name}: optimism of the search", subtitle)


def _told(finalist: Finalist, configuration: Configuration, study: StudyRecord) -> str:
    return f"trial {finalist.trial}: {describe_configuration(configuration, study.facts)}"
