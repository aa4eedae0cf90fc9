"""One coefficient over its values: losses with their errors above, norms of kernels below.

The model is `plot.cv.glmnet` (Friedman, Hastie and Tibshirani 2010), for nets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from search.figures._style import BASELINE, CHOICE, GUESS, LAYERS, TRAIN, styled
from search.records.wording import divisions_in_words, show_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    import plotly.graph_objects as go

    from search.records import Mean, StudyRecord, Sweep, SweepPoint

_LINE = 17
"""Height of a line of words, in pixels."""

_DECADES = 20.0
"""Ratio of the ends from which on the axis is logarithmic."""


def path_figure(study: StudyRecord, sweep: Sweep, *, weak: str = "low") -> go.Figure:
    """The path over one name.

    Above, the loss without penalties of the rows that score, with corrected errors, and of those that train; baseline
    and constant guess as lines; verticals where the loss is lowest, where the rows that train are fitted worst among
    those within one error of it (the simplest), and at what was chosen. Below, the norm of each layer's kernel. On top,
    the share of all kernels' weights that are not next to zero.

    Args:
        study: The study.
        sweep: The path; values without a score are left out.
        weak: The end of the axis at which the name does least, where "off" stands: `low` or `high`.
    """
    from plotly.subplots import make_subplots

    points = [point for point in sweep.points if point.score is not None]
    axis = _Axis(points, weak)
    figure = make_subplots(2, 1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06)
    _add_losses(figure, axis, points, sweep)
    _add_norms(figure, axis, points)
    _add_verticals(figure, axis, points)
    figure.update_xaxes(**axis.layout)
    figure.update_xaxes(title_text=sweep.over, row=2, col=1)
    figure.update_yaxes(title_text="loss without penalties", row=1, col=1)
    figure.update_yaxes(title_text="norm of kernel", rangemode="tozero", row=2, col=1)
    _add_shares(figure, axis, points)
    fresh = divisions_in_words(sweep.repeats, scores_other_rows=sweep.scores_other_rows)
    styled(
        figure,
        f"{study.name}: the path over {sweep.over}",
        f"the others as in trial {sweep.trial}; {fresh}",
        height=680,
    )
    return figure.update_layout(margin={"t": 130})


class _Axis:
    """Where values stand: by their logarithm where they span decades; "off" a step and a half beyond the weak end."""

    def __init__(self, points: Sequence[SweepPoint], weak: str) -> None:
        self._values = sorted(point.value for point in points if point.value is not None)
        positive = [value for value in self._values if value > 0]
        self._is_log = len(positive) == len(self._values) > 1 and positive[-1] / positive[0] > _DECADES
        self._weak = weak

    def place(self, value: float | None) -> float:
        """Where a value stands, "off" included; in the unit of the axis."""
        if value is not None:
            return value
        low, high, n_steps = self._values[0], self._values[-1], max(len(self._values) - 1, 1)
        if self._is_log:
            ratio = math.pow(high / low, 1.5 / n_steps)
            return low / ratio if self._weak == "low" else high * ratio
        step = 1.5 * (high - low) / n_steps
        return low - step if self._weak == "low" else high + step

    def is_in_right_half(self, value: float | None) -> bool:
        """Whether a value stands right of the middle of all."""
        places = [self.shown(self.place(each)) for each in (*self._values, None)]
        return self.shown(self.place(value)) > (min(places) + max(places)) / 2

    @property
    def layout(self) -> dict[str, Any]:
        if not self._values:
            return {}
        if not self._is_log:
            return {}
        return {"type": "log", "exponentformat": "power", "dtick": 1}

    def shown(self, value: float) -> float:
        """A place as layouts take it: of a logarithmic axis its logarithm."""
        return math.log10(value) if self._is_log else value


def _add_losses(figure: go.Figure, axis: _Axis, points: Sequence[SweepPoint], sweep: Sweep) -> None:
    import plotly.graph_objects as go

    told = (("rows that score", CHOICE, "validation_loss"), ("rows that train", TRAIN, "train_loss"))
    for name, colour, attribute in told:
        for is_off in (False, True):
            there = [
                point for point in points if getattr(point, attribute) is not None and (point.value is None) is is_off
            ]
            means: list[Mean] = [getattr(point, attribute) for point in there]
            if not there:
                continue
            figure.add_trace(
                go.Scatter(
                    x=[axis.place(point.value) for point in there],
                    y=[mean.value for mean in means],
                    error_y={"type": "data", "array": [mean.standard_error or 0 for mean in means], "thickness": 1},
                    mode="markers" if is_off else "lines+markers",
                    marker={"symbol": "diamond" if is_off else "circle", "size": 7, "color": colour},
                    line={"color": colour},
                    name=name,
                    legendgroup=name,
                    showlegend=not is_off,
                    hovertemplate=("off" if is_off else "%{x:.3g}") + ": %{y:.4g}<extra>" + name + "</extra>",
                ),
                row=1,
                col=1,
            )
    if sweep.baseline.validation_loss is not None:
        _add_level(figure, sweep.baseline.validation_loss.value, "baseline", BASELINE)
    same = sweep.baseline.score is not None and sweep.baseline.validation_loss is not None
    if sweep.constant is not None and same and _is_close(sweep.baseline.score, sweep.baseline.validation_loss):
        _add_level(figure, sweep.constant, "constant guess", GUESS)


def _is_close(score: Mean | None, loss: Mean | None) -> bool:
    """Whether the score is the loss, so that what a guess scores stands on the same axis."""
    return score is not None and loss is not None and math.isclose(score.value, loss.value, rel_tol=1e-2)


def _add_level(figure: go.Figure, level: float, name: str, colour: str) -> None:
    figure.add_hline(
        y=level,
        row=1,
        col=1,
        line={"dash": "dash", "color": colour, "width": 1.5},
        annotation_text=f"{name} {show_value(level)}",
        annotation_font_color=colour,
        annotation_position="top left",
    )


def _add_norms(figure: go.Figure, axis: _Axis, points: Sequence[SweepPoint]) -> None:
    import plotly.graph_objects as go

    valued = [point for point in points if point.value is not None]
    layers = list(dict.fromkeys(layer for point in valued for layer in point.weight_norms))
    for number, layer in enumerate(layers):
        colour = LAYERS[number % len(LAYERS)]
        figure.add_trace(
            go.Scatter(
                x=[axis.place(point.value) for point in valued],
                y=[point.weight_norms.get(layer) for point in valued],
                mode="lines+markers",
                marker={"size": 5, "symbol": "square"},
                line={"color": colour, "dash": "dot"},
                name=f"norm of {layer}",
            ),
            row=2,
            col=1,
        )


def _add_shares(figure: go.Figure, axis: _Axis, points: Sequence[SweepPoint]) -> None:
    """The axis on top; where it is known."""
    valued = [point for point in points if point.value is not None and point.nonzero_weights]
    if not valued:
        return
    shares = [sum(point.nonzero_weights.values()) / len(point.nonzero_weights) for point in valued]
    figure.update_layout(
        xaxis3={
            "overlaying": "x",
            "side": "top",
            "matches": "x",
            "anchor": "y",
            "tickvals": [axis.place(point.value) for point in valued],
            "ticktext": [f"{share:.0%}" for share in shares],
            "title": {"text": "weights that are not next to zero", "standoff": 4},
            "showgrid": False,
            **({"type": "log"} if axis.layout else {}),
        }
    )
    import plotly.graph_objects as go

    # An axis without a trace is not drawn.
    none = [None] * len(valued)
    figure.add_trace(
        go.Scatter(
            x=[axis.place(p.value) for p in valued], y=none, xaxis="x3", yaxis="y", showlegend=False, hoverinfo="skip"
        )
    )


def _add_verticals(figure: go.Figure, axis: _Axis, points: Sequence[SweepPoint]) -> None:
    marked: dict[float | None, list[str]] = {}
    for name, point in (*_extremes(points), *(("chosen", point) for point in points if point.is_chosen)):
        marked.setdefault(point.value, []).append(name)
    for number, (value, names) in enumerate(marked.items()):
        figure.add_vline(x=axis.place(value), line={"dash": "dot", "color": "#555555", "width": 1.5}, row="all", col=1)
        _add_words(figure, axis, value, ", ".join(names), line=number)
    if any(point.value is None for point in points):
        _add_words(figure, axis, None, "off", y=0.0)


def _add_words(
    figure: go.Figure, axis: _Axis, value: float | None, text: str, *, y: float = 1.0, line: int = 0
) -> None:
    """Words beside a place, on its inner side; `add_vline` would put its own where the axis is not logarithmic."""
    figure.add_annotation(
        x=axis.shown(axis.place(value)),
        y=y,
        xref="x",
        yref="y domain",
        text=text,
        showarrow=False,
        xanchor="right" if axis.is_in_right_half(value) else "left",
        yshift=-_LINE * line,
        yanchor="top" if y else "bottom",
        bgcolor="rgba(255,255,255,0.7)",
    )


def _extremes(points: Sequence[SweepPoint]) -> list[tuple[str, SweepPoint]]:
    """Where the loss of the rows that score is lowest, and the simplest within one error of it."""
    known = [point for point in points if point.validation_loss is not None]
    if not known:
        return []

    def loss(point: SweepPoint) -> float:
        return math.inf if point.validation_loss is None else point.validation_loss.value

    best = min(known, key=loss)
    error = 0.0 if best.validation_loss is None else best.validation_loss.standard_error or 0.0
    close = [point for point in known if loss(point) <= loss(best) + error and point.train_loss is not None]
    simplest = max(close, key=lambda point: 0.0 if point.train_loss is None else point.train_loss.value, default=best)
    return [("lowest", best), ("simplest within one error", simplest)]
