"""The picture of a running study: it fits every terminal, and costs the same however long the study is."""

import io
import math
import re
import threading

import pytest
from rich.cells import cell_len
from rich.console import Console

from search.cli import _view
from search.cli._steady_live import SteadyLive
from search.cli._view import BestSoFar, Sight, View, can_redraw, draw_line
from search.records import Configuration, StudyFacts, Trial, TrialState

BASELINE = Trial(0, TrialState.COMPLETE, Configuration({}), 0.5)
BEST = Trial(7, TrialState.COMPLETE, Configuration({"l2": 0.00012345, "dropout": 0.31, "patience": 33}), 0.3)


@pytest.fixture
def view():
    seen = View(
        "log_loss",
        "minimize",
        StudyFacts("binary"),
        Sight(
            12, 60, "3.2 trials/s, 0:15 left", "", BEST, BASELINE, [("trial 11", "0.41, l2 0.1"), (None, "2 pruned")]
        ),
    )
    for score in (0.5, None, 0.45, math.inf, 0.6, 0.3):
        seen.way.add(score)
    return seen


def lines(view, width, **console):
    made = Console(width=width, file=None, **console)
    with made.capture() as shown:
        made.print(view)
    return [line.rstrip() for line in shown.get().splitlines()]


def test_best_configuration_stands_against_the_baseline(view):
    assert lines(view, 100)[1:] == [
        "  best       log_loss 0.3, trial 7: 0.2 lower than the baseline (0.5)",
        "             dropout 0.31, l2 0.0001234, patience 33",
        "  so far     0.5 █▆▆▁ 0.3",
        "  trial 11   0.41, l2 0.1",
        "  2 pruned",
    ]
    head = lines(view, 100)[0]
    assert (head[1:9], head.endswith(" 3.2 trials/s, 0:15 left")) == (" 12/60 ━", True)


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 200])
def test_picture_fits_and_no_word_is_cut(view, width):
    shown = lines(view, width)
    assert max(map(cell_len, shown)) <= width
    words = " ".join(shown).split()
    assert {"0.0001234,", "baseline", "trials/s,", "pruned", "█▆▁" if width == 20 else "█▆▆▁"} <= set(words)


def test_narrow_terminal_has_labels_within_the_lines(view):
    assert lines(view, 40)[1:] == [
        "  3.2 trials/s, 0:15 left",
        "  best log_loss 0.3, trial 7: 0.2 lower",
        "    than the baseline (0.5)",
        "  dropout 0.31, l2 0.0001234,",
        "    patience 33",
        "  so far 0.5 █▆▆▁ 0.3",
        "  trial 11 0.41, l2 0.1",
        "  2 pruned",
    ]


def test_locale_without_unicode_gets_letters_that_it_has(view, monkeypatch):
    monkeypatch.setattr(Console, "encoding", property(lambda console: "ascii"))
    shown = lines(view, 100)
    assert all(line.isascii() for line in shown)
    assert shown[3] == "  so far     0.5 #++_ 0.3"


def test_no_color_has_none(view, monkeypatch):
    def colors(**variables):
        made = Console(width=80, force_terminal=True, color_system="256", _environ={"TERM": "xterm", **variables})
        with made.capture() as shown:
            made.print(view)
        return re.search(r"\x1b\[(\d+;)*[39]\d", shown.get()) is not None

    assert colors()
    assert not colors(NO_COLOR="1")


def test_way_to_the_best_falls_or_rises_and_is_as_long_as_there_is_room():
    falling = BestSoFar("minimize", [3.0, 5.0, 2.0, None, math.nan, 1.0])
    assert falling.drawn(40, ascii_only=False) == "3 ██▅▁ 1"
    rising = BestSoFar("maximize", [0.1, 0.05, 0.3])
    assert rising.drawn(40, ascii_only=False) == "0.1 ▁▁█ 0.3"
    long = BestSoFar("minimize", (1 / n for n in range(1, 10_001)))
    assert cell_len(long.drawn(30, ascii_only=False)) == 30
    assert len(long.drawn(200, ascii_only=True)) == _view._MOST_POINTS + len("1 ") + len(" 0.0001")
    assert BestSoFar("minimize", [3.0]).drawn(40, ascii_only=False) == ""
    assert BestSoFar("minimize", [3.0, 2.0]).drawn(4, ascii_only=False) == ""


def test_first_and_last_value_are_always_drawn():
    assert draw_line([1.0, *[0.5] * 1000, 0.0], 5, ascii_only=False) == "█▅▅▅▁"
    assert draw_line([2.0, 2.0], 5, ascii_only=False) == "▁▁"
    assert draw_line([2.0], 5, ascii_only=False) == "▁"
    assert draw_line([], 5, ascii_only=False) == ""


@pytest.mark.parametrize(("terminal", "redraws"), [("xterm-256color", True), ("dumb", False), ("unknown", False)])
def test_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch, terminal, redraws):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", terminal)
    assert can_redraw(err=True) is redraws
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert not can_redraw(err=True)


def test_line_and_picture_take_turns(monkeypatch):
    """Rich wipes as many lines as there were when a line began to be printed: nobody may draw before it is there."""
    monkeypatch.setenv("TERM", "xterm")
    taken = []

    class Picture:
        def __rich_console__(self, console, options):
            drawing = threading.Thread(target=lambda: taken.append(shown._lock.acquire(blocking=False)))
            drawing.start()
            drawing.join()
            yield "picture"

    shown = SteadyLive(
        Picture(), console=Console(file=io.StringIO(), force_terminal=True, highlight=False), auto_refresh=False
    )
    with shown:
        taken.clear()
        shown.say("[a line]")
        assert (taken, "[a line]" in shown.console.file.getvalue()) == ([False], True)
