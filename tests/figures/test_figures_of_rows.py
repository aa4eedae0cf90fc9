"""Figures of what models say of rows show the very numbers that were found out."""

from dataclasses import replace

import pytest

from search.figures import (
    boundary_figure,
    confusion_figure,
    figure_svg,
    figure_table,
    importance_figure,
    residuals_figure,
)
from search.records import Boundary, Diagnosis
from tests.figures.test_figures import STUDY

CONFUSIONS = {0: ((8.0, 2.0), (1.5, 3.5)), 2: ((9.0, 1.0), (0.0, 5.0))}
FOUND = Diagnosis(9, 0, 2, True, 2.0, CONFUSIONS, {})


def test_cells_have_the_colour_of_their_share_and_the_number_of_their_rows():
    figure = confusion_figure(STUDY, FOUND)
    first, second = figure.data
    assert [list(line) for line in first.z] == [[0.8, 0.2], [0.3, 0.7]]
    assert [list(line) for line in second.customdata] == [[9.0, 1.0], [0.0, 5.0]]
    assert [list(line) for line in first.text] == [["8", "2"], ["1.5", "3.5"]]
    assert [each.text for each in figure.layout.annotations] == ["trial 0, baseline", "trial 2, chosen"]
    headers, rows = figure_table(figure)
    assert headers == ["panel", "true class \\ predicted class", "a", "b"]
    assert rows[1] == ["trial 0, baseline", "b", 1.5, 3.5]


def test_choice_that_is_the_baseline_has_one_panel():
    figure = confusion_figure(STUDY, Diagnosis(9, 0, 0, False, 1.0, {0: CONFUSIONS[0]}, {}))
    assert [each.text for each in figure.layout.annotations] == ["trial 0, baseline and chosen"]
    assert figure.layout.title.subtitle.text == "rows of the rows that score"


def test_pairs_of_each_target_stand_in_panels_of_their_own():
    pairs = {0: (((1.0, 2.0), (3.0, 4.0)), ((5.0, 5.0),)), 2: (((1.0, 1.0), (3.0, 3.0)), ((5.0, 6.0),))}
    figure = residuals_figure(STUDY, replace(FOUND, confusions={}, pairs=pairs))
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(list(t.x), list(t.y)) for t in points] == [
        ([1.0, 3.0], [2.0, 4.0]), ([1.0, 3.0], [1.0, 3.0]), ([5.0], [5.0]), ([5.0], [6.0]),
    ]  # fmt: skip
    assert [trace.yaxis for trace in points] == ["y", "y2", "y3", "y4"]


def test_plane_has_a_class_where_it_is_the_most_likely_and_rows_on_it():
    boundary = Boundary(
        ("width", "height"), (0.0, 1.0), (0.0, 2.0), {0: ((0, 1), (1, 1)), 2: ((0, 0), (1, 1))},
        {0: ((0.6, 0.9), (0.7, 0.8)), 2: ((0.6, 0.9), (0.7, 0.8))}, ((0.5, 1.5, 1), (0.1, 0.2, 0)),
    )  # fmt: skip
    figure = boundary_figure(STUDY, FOUND, boundary)
    planes = [[list(line) for line in trace.z] for trace in figure.data if trace.type == "heatmap"]
    assert planes[:2] == [[[0.6, None], [None, None]], [[None, 0.9], [0.7, 0.8]]]
    rows = {trace.name: list(zip(trace.x, trace.y, strict=True)) for trace in figure.data if trace.type == "scatter"}
    assert rows == {"class a": [(0.1, 0.2)], "class b": [(0.5, 1.5)]}
    assert figure.layout.xaxis.title.text == "width"
    assert figure_svg(figure).count("<polygon") == 2 + 1  # class b is drawn as squares, and so in the legend


def test_bars_are_shares_in_their_order():
    figure = importance_figure("quick", {"l2": 0.75, "dropout": 0.25}, 12)
    (bars,) = figure.data
    assert dict(zip(bars.y, bars.x, strict=True)) == {"l2": 0.75, "dropout": 0.25}
    assert figure_table(figure)[1] == [["importance", 0.75, "l2"], ["importance", 0.25, "dropout"]]
    assert "75%" in figure_svg(figure)


@pytest.mark.parametrize("n_names", [1, 30])
def test_more_than_twenty_names_are_left_out(n_names):
    shares = {f"n{number}": 1 / n_names for number in range(n_names)}
    assert len(importance_figure("quick", shares, 12).data[0].y) == min(n_names, 20)
