"""What the display of a run says."""

import math
import sys

import pytest

from search.cli import _progress
from search.cli._progress import report_words, watch
from search.coordination.progress import Confirming
from search.preparation.files import prepare_study
from search.records import Configuration, Run, RunReport


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
