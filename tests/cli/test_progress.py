"""What the display of a run says."""

import math
import sys

import numpy as np
import pytest

from search.cli import _progress
from search.cli._progress import report_words, watch
from search.coordination.progress import Confirming, Progress
from search.preparation.files import prepare_study
from search.records import Configuration, Curve, Run, RunReport, RunResult, Trial, TrialState


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ((0.9, 0.5), "trial 3, fold 1: epoch 2 of 4000, log_loss 0.5"),
        ((math.nan, math.nan), "trial 3, fold 1: epoch 2 of 4000"),  # a function of the user's, inside a program
    ],
)
def test_long_run_tells_how_far_it_is(metric, words):
    report = RunReport(Run(3, 1, 0, 5, Configuration()), 1, metric)
    assert report_words(report, prepare_study("moons")) == words


def confirming(done, repeat=2, finalists=(3, 5)):
    return Confirming(repeat, finalists, done, 6)


def test_confirmation_has_a_line_a_repeat_and_one_now_and_then(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    with watch(prepare_study("moons"), quiet=False) as display:
        capsys.readouterr()
        for done in range(7):
            display.confirming(confirming(done))
        now[0] += 11
        display.confirming(confirming(1, repeat=3, finalists=(3,)))
    assert capsys.readouterr().err.splitlines() == [
        "confirming 2 finalists and the baseline, repeat 2: 6 of 6 runs",
        "confirming 1 finalist and the baseline, repeat 3: 1 of 6 runs",
    ]


def test_quiet_run_says_nothing_of_the_confirmation(capsys):
    with watch(prepare_study("moons"), quiet=True) as display:
        display.confirming(confirming(6))
    assert capsys.readouterr() == ("", "")


def test_bar_of_a_terminal_counts_the_runs_of_a_repeat(monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with watch(prepare_study("moons"), quiet=False) as display:
        display.confirming(confirming(4))
        console = Console(width=100, file=None)
        with console.capture() as shown:
            console.print(display._render())
    assert "4/6" in shown.get()
    assert "confirming 2 finalists and the baseline, repeat 2: 4 of 6 runs" in shown.get()


def test_what_follows_is_named_on_a_terminal(live):
    display, lines = live
    display.confirming(confirming(6))
    display.began("looking at the 25 sealed rows")
    assert any("looking at the 25 sealed rows" in line for line in lines())
    assert not any("confirming" in line for line in lines())


def test_what_a_worker_says_does_nothing_to_a_terminal(live, capsys):
    display, _ = live
    display.note("engine fit: \x1b[31mred")
    assert "engine fit: \\x1b[31mred" in capsys.readouterr().err


@pytest.fixture
def live(monkeypatch):
    """`live()`: the lines of what a terminal of 100 columns shows of a run of moons, and the display itself."""
    from rich.console import Console

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with watch(prepare_study("moons"), quiet=False) as display:

        def lines():
            console = Console(width=100, file=None)
            with console.capture() as shown:
                console.print(display._render())
            return [line.rstrip() for line in shown.get().splitlines()]

        yield display, lines


def progress(done, best=None, baseline=None, pruned=0):
    return Progress(done, 60, 4, 0, pruned, done, 2.0 * done, best, baseline)


def ended(number, score):
    configuration = Configuration({"l2": 0.1} if number else {})
    return Trial(number, TrialState.COMPLETE if score else TrialState.PRUNED, configuration, score)


def test_terminal_shows_the_best_against_the_baseline_and_the_way_there(live):
    display, lines = live
    assert lines()[1:] == ["  starting workers"]
    display.started(progress(0), 2)
    assert lines()[1:] == ["  first runs (Keras is being loaded)"]
    baseline, best = ended(0, 0.5), ended(1, 0.25)
    display.trial_ended(baseline, progress(1, baseline, baseline))
    display.trial_ended(best, progress(2, best, baseline))
    display.trial_ended(ended(2, None), progress(3, best, baseline, pruned=1))
    assert lines()[1:] == [
        "  best       log_loss 0.25, trial 1: 0.25 lower than the baseline (0.5)",
        "             l2 0.1",
        "  so far     0.5 █▁ 0.25",
        "  1 pruned",
    ]
    assert "3/60" in lines()[0]
    assert lines()[0].endswith("2.0 s/trial, 1:54 left")


def test_terminal_shows_the_curve_of_a_long_run_until_it_ends(live):
    display, lines = live
    display.started(progress(0), 2)
    run = Run(3, 1, 0, 5, Configuration())
    for epoch, metric in enumerate((0.9, 0.4, math.nan, 0.5), start=1):
        display.run_reported(RunReport(run, epoch, (metric,)))
    assert lines()[2] == "  running    trial 3, fold 1: epoch 4 of 4000, log_loss 0.5 █▁▂"
    curve = Curve(*[np.array([0.5])] * 3)
    display.run_ended(RunResult(run, 0.5, epochs_trained=1, best_epoch=1, curve=curve))
    assert "running" not in " ".join(lines())


def test_going_on_begins_with_the_best_so_far(live):
    display, lines = live
    best = ended(1, 0.25)
    display.started(progress(20, best, ended(0, 0.5)), 2)
    display.trial_ended(ended(21, 0.2), progress(21, ended(21, 0.2), ended(0, 0.5)))
    assert "  so far     0.25 █▁ 0.2" in lines()
