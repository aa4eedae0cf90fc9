"""Figures show the very numbers of the records that they are drawn from."""

import datetime as dt
import json
import math

import numpy as np
import plotly.io
import pytest

from search.figures import CurveSet, curves_figure, figure_html, figure_json, path_figure
from search.records import Configuration, Curve, Mean, RowCounts, StudyFacts, StudyRecord, Sweep, SweepPoint

STUDY = StudyRecord(
    study_id=1,
    name="quick & <small>",
    direction="minimize",
    metric="log_loss",
    n_trials=3,
    spec={},
    data_sha256="0",
    facts=StudyFacts("binary", classes=("a", "b"), input_shape=(2,), rows=RowCounts(1, 1, 1, 1)),
    created=dt.datetime(2026, 1, 1),
    stop_requested=False,
)


def curve(losses, scale=1.0):
    return Curve(np.array(losses) * scale, losses, losses)


def traces(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_lines_are_means_of_the_runs_that_are_still_there_within_their_span():
    runs = [curve([4.0, 3.0, 2.0, 1.0], 0.5), curve([2.0, 1.0], 0.5), curve([6.0, 5.0, 4.0], 0.5)]
    figure = curves_figure("quick", [CurveSet("trial 0, baseline", runs, [4, 1, 0])])
    (scored,), (trained,) = traces(figure, "rows that score"), traces(figure, "rows that train")
    assert list(scored.x) == [1, 2, 3]  # one run of three is left after that
    assert list(scored.y) == [4.0, 3.0, 3.0]
    assert list(trained.y) == [2.0, 1.5, 1.5]
    highest, lowest = figure.data[3], figure.data[4]
    assert (list(highest.y), list(lowest.y)) == ([6.0, 5.0, 4.0], [2.0, 1.0, 2.0])
    (mark,) = figure.layout.shapes
    assert mark.x0 == 2.5


def test_sets_stand_side_by_side_and_long_ones_are_thinned():
    long = curve(np.linspace(1, 0, 4000))
    figure = curves_figure("quick", [CurveSet("a", [long], [4000]), CurveSet("b", [curve([1.0, math.nan])], [0])])
    first, second = traces(figure, "rows that score")
    assert len(first.x) == 400
    assert (first.xaxis, second.xaxis) == ("x", "x2")
    assert list(second.x) == [1]  # what is not finite is left out
    assert not figure.layout.shapes  # weights of the last epoch are nothing to point at
    assert [each.text for each in figure.layout.annotations] == ["a", "b"]


def test_curves_of_no_epoch_are_an_empty_figure():
    figure = curves_figure("quick", [CurveSet("a", [curve([])], [0])])
    assert all(not trace.x for trace in figure.data)


def point(value, loss, train, *, chosen=False, **more):
    norms = {} if value is None else {"dense": 1 / value, "output": 2.0}
    shares = {} if value is None else {"dense": 0.5, "output": 1.0}
    means = {"score": Mean(loss, 0.05), "train_loss": Mean(train), "validation_loss": Mean(loss, 0.05)}
    return SweepPoint(value, chosen, **(means | {"weight_norms": norms, "nonzero_weights": shares} | more))


def sweep_of(*points, constant=0.69):
    baseline = point(None, 0.6, 0.01)
    return Sweep(
        over="l2",
        trial=2,
        configuration=Configuration({"l2": 0.01}),
        points=points,
        baseline=baseline,
        constant=constant,
        level=0.95,
        repeats=5,
        scores_other_rows=True,
        asked_values=(1e-4, 1e-3, 1e-2, 1e-1),
        asked_repeats=5,
    )


POINTS = (
    point(None, 0.55, 0.02),
    point(1e-4, 0.5, 0.05),
    point(1e-3, 0.3, 0.1),
    point(1e-2, 0.32, 0.2, chosen=True),
    point(1e-1, 0.6, 0.5),
)


def test_path_has_losses_with_errors_levels_and_verticals_on_a_logarithmic_axis():
    figure = path_figure(STUDY, sweep_of(*POINTS))
    assert figure.layout.xaxis.type == "log"
    scored, off = traces(figure, "rows that score")
    assert list(scored.x) == [1e-4, 1e-3, 1e-2, 1e-1]
    assert list(scored.y) == [0.5, 0.3, 0.32, 0.6]
    assert list(scored.error_y.array) == [0.05] * 4
    assert list(off.y) == [0.55]
    assert off.x[0] < 1e-4 / 10
    assert list(traces(figure, "rows that train")[0].y) == [0.05, 0.1, 0.2, 0.5]
    texts = [each.text for each in figure.layout.annotations]
    # 0.32 is within one error of 0.3, and its fit to the rows that train is poorer.
    assert texts == ["baseline 0.6", "constant guess 0.69", "lowest", "simplest within one error, chosen", "off"]
    at = {each.text: each.x for each in figure.layout.annotations}
    assert (at["lowest"], at["off"]) == (-3, pytest.approx(math.log10(off.x[0])))  # as layouts take logarithmic axes
    levels = {shape.y0 for shape in figure.layout.shapes if shape.y0 == shape.y1}
    assert levels == {0.6, 0.69}
    places = {shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1}
    assert places == {1e-3, 1e-2}


def test_norms_stand_below_and_shares_of_weights_on_top():
    figure = path_figure(STUDY, sweep_of(*POINTS))
    (norms,) = traces(figure, "norm of dense")
    assert (list(norms.y), norms.yaxis) == ([1e4, 1e3, 1e2, 1e1], "y2")
    assert list(figure.layout.xaxis3.ticktext) == ["75%"] * 4
    assert list(figure.layout.xaxis3.tickvals) == [1e-4, 1e-3, 1e-2, 1e-1]


def test_guess_is_no_line_where_the_score_is_no_loss():
    baseline = point(None, 0.6, 0.01, score=Mean(0.9))
    figure = path_figure(STUDY, sweep_of(*POINTS).__class__(**{**vars(sweep_of(*POINTS)), "baseline": baseline}))
    assert not any(each.text.startswith("constant") for each in figure.layout.annotations if each.text)


@pytest.mark.parametrize(("weak", "is_left"), [("low", True), ("high", False)])
def test_off_stands_beyond_the_weak_end_of_an_even_axis_too(weak, is_left):
    points = (point(None, 0.5, 0.1), point(10, 0.4, 0.2), point(20, 0.45, 0.2), point(30, 0.5, 0.2))
    figure = path_figure(STUDY, sweep_of(*points), weak=weak)
    _, off = traces(figure, "rows that score")
    assert off.x[0] == (-5 if is_left else 45)
    assert figure.layout.xaxis.type is None


def test_failed_values_are_left_out():
    failed = SweepPoint(1e-5, False, None, error="RunFailedError: diverged")
    figure = path_figure(STUDY, sweep_of(failed, *POINTS))
    assert 1e-5 not in traces(figure, "rows that score")[0].x


def test_page_has_plotly_inside_and_names_are_text():
    page = figure_html(path_figure(STUDY, sweep_of(*POINTS)))
    assert "<title>quick &amp; &lt;small&gt;: the path over l2</title>" in page
    assert 'src="http' not in page
    assert len(page) < 2.5e6
    assert '<h1 id="title">quick &amp; &lt;small&gt;: the path over l2</h1>' in page


def test_json_is_plotly_s():
    figure = path_figure(STUDY, sweep_of(*POINTS))
    assert plotly.io.from_json(figure_json(figure)) == figure
    assert json.loads(figure_json(figure))["layout"]["height"] == 680
