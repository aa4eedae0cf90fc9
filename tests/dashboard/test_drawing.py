"""What becomes of a figure in the place that a page keeps for it."""

from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from search.dashboard.drawing import _fitted
from search.figures._style import styled


@pytest.mark.parametrize(("n_labels", "n_lines"), [(2, 4), (5, 3), (6, 2), (12, 1)])
def test_labels_of_many_rows_are_cut_to_lines_that_are_not_written_over_each_other(n_labels, n_lines):
    labels = [f"<b>trial {number}</b><br>one,<br>two,<br>three" for number in range(n_labels)]
    traces = [go.Scatter(x=list(range(n_labels)), y=labels), go.Scatter(x=[1], y=labels[:1])]
    first, second = json.loads(_fitted(styled(go.Figure(traces), "title", "subtitle").to_json()))["data"]
    assert [label.split("<br>")[0].removesuffix(" ...") for label in first["y"]] == [
        f"<b>trial {number}</b>" for number in range(n_labels)
    ]
    assert {len(label.split("<br>")) for label in first["y"]} == {n_lines}
    assert first["y"][0].endswith(" ...") == (1 < n_lines < 4)
    assert second["y"] == first["y"][:1]


def test_numbers_stay_numbers():
    packed = np.array([0.25, 0.5])
    figure = styled(go.Figure([go.Scatter(y=[0.5, None]), go.Scatter(y=packed)]), "title", "subtitle")
    before = json.loads(figure.to_json())["data"]
    assert isinstance(before[1]["y"], dict)  # in Base64, as plotly writes arrays
    assert json.loads(_fitted(figure.to_json()))["data"] == before
