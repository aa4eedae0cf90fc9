"""Figures over trials: gap, norms and optimism show the very numbers that they are given."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from search.figures import TrialGap, TrialNorms, gap_figure, norms_figure, optimism_figure
from search.figures.svg.words import width_of
from search.records import (
    Configuration,
    Difference,
    Finalist,
    StudyFacts,
    StudyRecord,
    Trial,
    TrialState,
    Verdict,
)


def study(direction="minimize"):
    facts = StudyFacts("binary", classes=("a", "b"))
    return StudyRecord("quick", 1, direction, "log_loss", {"space": {}}, "0", facts, dt.datetime(2026, 1, 1), 3)


def gap(number, train, validation, score):
    settings = Configuration({"l2": 0.1} if number else {})
    return TrialGap(Trial(number, TrialState.COMPLETE, settings, score), train, validation)


def points(figure):
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def test_gap_is_the_difference_of_losses_and_baseline_and_choice_are_marked():
    gaps = [gap(0, 0.25, 1.0, 0.5), gap(1, 0.5, 0.75, 0.25), gap(2, 0.5, 0.25, 0.125)]
    figure = gap_figure(study(), gaps, 0, 2)
    assert points(figure) == {
        "trials": ([0.25], [0.25]),
        "baseline, trial 0": ([0.75], [0.5]),
        "chosen, trial 2": ([-0.25], [0.125]),
    }
    assert len({trace.marker.symbol for trace in figure.data}) == 3  # not by colour alone
    assert "l2 0.1" in figure.data[0].text[0]
    assert figure.layout.yaxis.title.text == "log_loss (lower is better)"


@pytest.mark.parametrize(
    ("baseline", "names"),
    [(None, ["trials", "chosen, trial 0"]), (0, ["trials", "baseline, trial 0", "chosen, trial 0"])],
)
def test_gap_of_a_choice_that_is_the_baseline_or_of_none(baseline, names):
    figure = gap_figure(study(), [gap(0, 0.5, 1.0, 0.5)], baseline, 0)
    assert [trace.name for trace in figure.data] == names


def test_norms_are_means_over_runs_within_their_span():
    trials = [
        TrialNorms(3, "chosen", [{"dense": 2.0, "output": 1.0}]),
        TrialNorms(0, "baseline", [{"dense": 4.0, "output": 1.0}, {"dense": 8.0, "output": 2.0}]),
        TrialNorms(5, "", [{"dense": 3.0}]),
        TrialNorms(6, "", [{"dense": 5.0}]),
    ]
    figure = norms_figure("quick", trials)
    told = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.showlegend}
    assert told == {
        "baseline, trial 0": (["dense", "output"], [6.0, 1.5]),
        "chosen, trial 3": (["dense", "output"], [2.0, 1.0]),
        "other finalists": (["dense"], [3.0]),
    }
    (baseline,) = (trace for trace in figure.data if trace.name.startswith("baseline"))
    assert (list(baseline.error_y.array), list(baseline.error_y.arrayminus)) == ([2.0, 0.5], [2.0, 0.5])
    assert [trace.name for trace in figure.data if not trace.showlegend] == ["other finalists"]


def test_norms_of_a_choice_that_is_the_baseline_are_one_line():
    figure = norms_figure("quick", [TrialNorms(0, "baseline and chosen", [{"dense": 1.0}])])
    assert [trace.name for trace in figure.data] == ["baseline and chosen, trial 0"]


def verdict(chosen, scores):
    finalists = tuple(
        Finalist(number, score, None, searched, None, 5) for number, (searched, score) in enumerate(scores)
    )
    none = Difference(0.0)
    told = (None, None, None, True, 9, None, {})
    return Verdict("helps", chosen, 1, "best", none, none, 0.95, 5, 0.125, finalists, *told)


def test_optimism_sets_the_search_against_the_confirmation():
    found = verdict(1, [(0.5, 0.5), (0.25, 0.375), (0.375, 0.5), (0.25, None)])
    figure = optimism_figure(study(), found, {number: Configuration() for number in range(4)})
    assert points(figure) == {
        "as the search promised": ([0.25, 0.5], [0.25, 0.5]),
        "baseline, trial 0": ([0.5], [0.5]),
        "chosen, trial 1": ([0.25], [0.375]),
        "finalists": ([0.375], [0.5]),
    }
    subtitle = figure.layout.title.subtitle.text
    assert subtitle == "above the line the search promised too much; the choice, trial 1, fell short by 0.125"
    figure = optimism_figure(study("maximize"), found, {number: Configuration() for number in range(4)})
    assert figure.layout.title.subtitle.text.startswith("below the line")


def test_optimism_marks_the_candidate_that_was_not_chosen():
    figure = optimism_figure(study(), verdict(0, [(0.5, 0.5), (0.25, 0.375)]), {0: Configuration(), 1: Configuration()})
    assert points(figure)["candidate, trial 1"] == ([0.25], [0.375])
    assert figure.layout.title.subtitle.text.endswith("; the candidate, trial 1, fell short by 0.125")


def test_titles_of_vertical_axes_are_no_longer_than_the_axis():
    named = replace(study(), metric="balanced_accuracy")
    figure = optimism_figure(named, verdict(0, [(0.5, 0.5), (0.25, 0.375)]), {0: Configuration(), 1: Configuration()})
    axis, margin = figure.layout.yaxis, figure.layout.margin
    assert width_of(axis.title.text, axis.title.font.size) < figure.layout.height - margin.t - margin.b


def test_optimism_without_gain_marks_the_baseline_alone():
    figure = optimism_figure(study(), verdict(0, [(0.5, 0.5)]), {0: Configuration()})
    assert [trace.name for trace in figure.data] == ["as the search promised", "baseline, trial 0"]
