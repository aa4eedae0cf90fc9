"""A figure as SVG stands where Plotly's own axes would have it."""

import math
import xml.etree.ElementTree as ET

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from search.figures import figure_svg
from search.figures.svg.axes import Axis, find_range
from search.figures.svg.colours import between, is_dark, painted, parse_colour

SVG = "{http://www.w3.org/2000/svg}"


def drawn(figure, **options):
    return ET.fromstring(figure_svg(figure, **options))


def texts(svg):
    return ["".join(each.itertext()) for each in svg.iter(f"{SVG}text")]


def circles(svg):
    return [(float(each.get("cx")), float(each.get("cy"))) for each in svg.iter(f"{SVG}circle")]


def test_points_stand_in_proportion_and_upwards():
    svg = drawn(go.Figure(go.Scatter(x=[0, 1, 4], y=[0, 10, 5], mode="markers")))
    (x0, y0), (x1, y1), (x2, y2) = circles(svg)
    assert (x1 - x0) * 4 == pytest.approx(x2 - x0, abs=0.5)
    assert y1 < y2 < y0
    assert y0 - y2 == pytest.approx((y0 - y1) / 2, abs=0.2)


def test_logarithmic_axes_have_equal_steps_a_decade_and_leave_out_what_has_no_logarithm():
    figure = go.Figure(go.Scatter(x=[1e-3, 1e-2, 1e-1, 0.0, -1.0], y=[1, 1, 1, 1, 1], mode="markers"))
    figure.update_xaxes(type="log")
    svg = drawn(figure)
    (x0, _), (x1, _), (x2, _) = circles(svg)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert {"10⁻³", "10⁻²", "10⁻¹"} <= set(texts(svg))


def test_error_bars_reach_as_far_as_they_say():
    axis = Axis(0, 100, 0, 10)
    figure = go.Figure(go.Scatter(x=[5.0], y=[2.0], mode="markers", error_x={"array": [2.0], "arrayminus": [5.0]}))
    svg = drawn(figure, width=500)
    bar = next(
        each.get("d") for each in svg.iter(f"{SVG}path") if "H" in each.get("d") and each.get("stroke-width") == "1.5"
    )
    start, end = float(bar[1:].split()[0]), float(bar.split("H")[1])
    ((x, _),) = circles(svg)
    assert (x - start) / (end - x) == pytest.approx(2.5, abs=0.02)
    assert axis.place(5) == 50


def test_equal_cells_become_one_piece_and_missing_ones_none():
    figure = go.Figure(
        go.Heatmap(
            z=[[0, 0, 1], [None, 1, 1]],
            x=[0, 1, 2],
            y=[0, 1],
            zmin=0,
            zmax=1,
            colorscale=[[0, "#000000"], [1, "#ffffff"]],
        )
    )
    svg = drawn(figure)
    pieces = {each.get("fill"): each.get("d").count("M") for each in svg.iter(f"{SVG}path")}
    assert pieces == {"#000000": 1, "#ffffff": 2}
    widths = [
        part.split("h")[1].split("v")[0] for each in svg.iter(f"{SVG}path") for part in each.get("d").split("M")[1:]
    ]
    assert sorted(map(float, widths))[-1] == pytest.approx(2 * sorted(map(float, widths))[0], abs=0.3)


def test_points_that_cover_one_another_are_drawn_once():
    figure = go.Figure(go.Scatter(x=[1.0] * 500 + [2.0], y=[1.0] * 500 + [3.0], mode="markers"))
    assert len(circles(drawn(figure))) == 2


def test_lines_keep_every_point_that_is_seen_and_no_other():
    x = list(range(101))
    peak = [5.0 if place == 50 else 0.0 for place in x]
    svg = drawn(go.Figure(go.Scatter(x=x, y=peak, mode="lines")))
    (line,) = [each.get("d") for each in svg.iter(f"{SVG}path") if each.get("stroke-width") == "2"]
    assert line.count("L") == 4  # from end to end by the peak and its feet
    svg = drawn(go.Figure(go.Scatter(x=[0, 1, None, 2, 3], y=[0, 1, None, 1, 0], mode="lines")))
    (line,) = [each.get("d") for each in svg.iter(f"{SVG}path") if each.get("stroke-width") == "2"]
    assert line.count("M") == 2


def test_panels_stand_side_by_side_with_their_titles():
    figure = make_subplots(1, 2, subplot_titles=["left", "right"])
    for column in (1, 2):
        figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], mode="markers", name=f"n{column}"), row=1, col=column)
    svg = drawn(figure)
    (_, _), (x1, _), (x2, _), (_, _) = circles(svg)[:4]
    assert x1 < x2
    assert {"left", "right", "n1", "n2"} <= set(texts(svg))


def test_what_a_study_holds_is_text_and_not_markup():
    evil = "</svg><script>alert(1)</script>"
    figure = go.Figure([go.Scatter(x=[1], y=[1], name=evil), go.Scatter(x=[1], y=[2], name="&<b>bold</b>")])
    figure.update_xaxes(title_text=evil)
    svg = drawn(figure, label=evil)
    assert [each.tag for each in svg.iter() if "script" in each.tag] == []
    assert svg.get("aria-label") == evil
    assert texts(svg).count(evil) == 2
    assert "&bold" in texts(svg)


def test_trace_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="expected a scatter, bar or heatmap trace, received pie"):
        figure_svg(go.Figure(go.Pie(values=[1])))


@pytest.mark.parametrize("numbers", [[], [0.0], [5.0, 5.0], [-3.0, 1e9], [None, 2.0]])
def test_ranges_hold_their_numbers_with_a_margin(numbers):
    low, high = find_range(numbers)
    assert low < high
    assert all(low < number < high for number in numbers if number is not None)
    assert all(math.isfinite(place) for place, _ in Axis(0, 100, low, high).ticks)


def test_ticks_are_round_numbers_with_the_digits_that_tell_them_apart():
    assert [text for _, text in Axis(0, 100, 0.0, 0.5).ticks] == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]
    assert [text for _, text in Axis(0, 100, -1.0, 1.0, tick_format=".0%").ticks] == [
        "−100%",
        "−50%",
        "0%",
        "50%",
        "100%",
    ]
    assert [text for _, text in Axis(0, 100, 0, 4000).ticks] == ["0", "1,000", "2,000", "3,000", "4,000"]


def test_colours_are_read_mixed_and_told_dark_from_light():
    assert parse_colour("rgba(0, 114, 178, 0.15)") == (0, 114, 178, 0.15)
    assert between([(0, "#000000"), (1, "rgb(200,100,0)")], 0.5) == (100, 50, 0, 1)
    assert painted("fill", (0, 114, 178, 0.5)) == 'fill="#0072b2" fill-opacity="0.5"'
    assert is_dark(parse_colour("#0072B2"))
    assert not is_dark((0, 114, 178, 0.1))
    with pytest.raises(ValueError, match="expected a colour"):
        parse_colour("tomato")
