"""A figure in a layout for narrow screens, and colours that are seen on white paper and on dark."""

import plotly.graph_objects as go
import pytest
from plotly.subplots import make_subplots

from search.figures import _style as style
from search.figures import figure_svg, narrowed
from search.figures.svg.colours import parse_colour


def panels(n_rows, n_columns):
    titles = [f"panel {column}" for column in range(n_columns)]
    figure = make_subplots(n_rows, n_columns, shared_xaxes=True, shared_yaxes="rows", subplot_titles=titles)
    for row in range(n_rows):
        for column in range(n_columns):
            figure.add_trace(go.Scatter(x=[0, 1], y=[0, row]), row=row + 1, col=column + 1)
        figure.update_yaxes(title_text=f"row {row}", row=row + 1, col=1)
    figure.update_xaxes(title_text="across", row=n_rows)
    return style.styled(figure, "s: panels")


@pytest.mark.parametrize("n_rows", [1, 2])
def test_panels_side_by_side_stand_one_below_another_with_titles_and_ticks_of_their_own(n_rows):
    figure = panels(n_rows, 2)
    narrow = narrowed(figure)
    # Column by column: the figure's third axis is the first of its second row.
    order = [1, 2] if n_rows == 1 else [1, 3, 2, 4]
    axes = [(narrow.layout[f"xaxis{n if n > 1 else ''}"], narrow.layout[f"yaxis{n if n > 1 else ''}"]) for n in order]
    assert all(x.domain == (0.0, 1.0) for x, _ in axes)
    ends = [end for _, y in axes for end in reversed(y.domain)]
    assert ends == sorted(ends, reverse=True)
    assert (ends[0], round(ends[-1], 6)) == (1.0, 0.0)
    assert [x.title.text for x, _ in axes] == ["across"] * len(axes)
    assert [y.title.text for _, y in axes] == [f"row {row}" for row in range(n_rows)] * 2
    assert all(each.showticklabels for pair in axes for each in pair)
    first, second = narrow.layout.annotations
    assert (first.x, first.y, second.x) == (0.5, 1.0, 0.5)
    assert second.y == axes[n_rows][1].domain[1]
    assert narrow.layout.height > figure.layout.height
    assert figure.layout.xaxis.domain != (0.0, 1.0)  # the one that was given is as it was


def test_panels_that_stand_one_below_another_stay_there():
    figure = make_subplots(2, 1, row_heights=[0.7, 0.3])
    for row in (1, 2):
        figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1]), row=row, col=1)
    narrow = narrowed(style.styled(figure, "s: rows", height=680))
    assert narrow.layout.yaxis.domain == figure.layout.yaxis.domain
    assert narrow.layout.height == 680


def test_long_titles_have_several_lines_and_labels_one():
    figure = go.Figure(
        go.Scatter(x=[0.1, 0.2], y=["<b>trial 1</b><br>l2 0.1, dropout 0.2", "<b>trial 2</b><br>l2 0.3"])
    )
    figure.update_xaxes(title_text="gap: loss of rows that score less that of rows that train")
    narrow = narrowed(style.styled(figure, "s: gaps"))
    assert narrow.layout.xaxis.title.text == "gap: loss of rows that score less<br>that of rows that train"
    assert narrow.layout.yaxis.ticktext == ("<b>trial 1</b>", "<b>trial 2</b>")
    drawn = figure_svg(narrow, width=360)
    assert ">trial 1</text>" in drawn
    assert "dropout" not in drawn


def test_legend_begins_further_left_where_a_name_needs_the_room():
    figure = go.Figure([go.Scatter(x=[0, 1], y=["a long label of a category", "b"], name=name * 35) for name in "pq"])
    drawn = figure_svg(style.styled(figure, "s: names"), width=360)
    (begin,) = {float(each.split('"')[1]) for each in drawn.split("<text ")[1:] if ">ppp" in each or ">qqq" in each}
    assert begin + 35 * 0.56 * 12 <= 360


def luminance(colour):
    parts = [part / 255 for part in parse_colour(colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("day", sorted({style.CHOICE, style.BASELINE, style.GUESS, style.TRAIN, *style.LAYERS,
                                        style.RULE, style.FAINT}))  # fmt: skip
def test_lines_are_seen_on_white_paper_and_on_dark(day):
    assert contrast(day, "#ffffff") >= 3
    assert contrast(style.NIGHT.get(day, day), "#0d1117") >= 4.5
