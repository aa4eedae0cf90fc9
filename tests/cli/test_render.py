"""Tables and lines on terminals of every width: no number and no name is cut, nothing is wider than the terminal."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest

from search.cli import _render
from search.cli._render import pick_columns, print_commands, print_lines, print_table
from search.records import Configuration, Run, RunResult, StudyFacts, TrialState
from search.records.wording import show_value
from search.storage import Ended, Started, open_storage

CHECKOUT = Path(__file__).parents[2]
HEADERS = ["trial", "state", "log_loss", "best configuration"]
ROWS = [
    [0, "complete", 0.69314718, "everything off"],
    [1, "complete", 0.31, "dropout 0.001827, l2 0.004363, label_smoothing 0.07855"],
    [2, "fail", None, "ValueError: the loss was not finite at epoch 2"],
    [3, "complete", 0.4, "l2 0.1"],
]


@pytest.fixture
def printed(monkeypatch, capsys):
    """`printed(width, ...)`: the lines of a table on a terminal of that width."""

    def on_terminal(width, headers, rows, *narrower):
        monkeypatch.setattr(_render, "terminal_width", lambda *, err=False: width)
        print_table(headers, rows, *narrower)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return on_terminal


def test_table_that_fits_is_what_a_pipe_gets(printed):
    assert printed(90, HEADERS, ROWS) == printed(None, HEADERS, ROWS)
    assert printed(None, HEADERS, ROWS)[3] == (
        "    1   complete       0.31   dropout 0.001827, l2 0.004363, label_smoothing 0.07855"
    )


def test_lists_and_sentences_are_wrapped_between_their_parts(printed):
    assert printed(60, HEADERS, ROWS) == [
        "trial   state      log_loss   best configuration",
        "─" * 60,
        "    0   complete     0.6931   everything off",
        "    1   complete       0.31   dropout 0.001827, l2 0.004363,",
        "                              label_smoothing 0.07855",
        "    2   fail              -   ValueError: the loss was not",
        "                              finite at epoch 2",
        "    3   complete        0.4   l2 0.1",
    ]


def test_rows_of_a_table_without_room_stand_one_below_another(printed):
    lines = printed(30, HEADERS, ROWS)
    assert lines[6:16] == [
        "trial               1",
        "state               complete",
        "log_loss            0.31",
        "best configuration",
        "  dropout 0.001827,",
        "  l2 0.004363,",
        "  label_smoothing 0.07855",
        "",
        "trial               2",
        "state               fail",
    ]


def test_few_rows_stand_side_by_side(printed):
    headers = ["", "trial", "log_loss", "l2", "dropout", "patience"]
    rows = [["baseline", 0, 0.5548, "off", "off", "off"], ["best", 2, 0.3011, 0.004363, 0.001827, 12]]
    assert printed(40, headers, rows) == [
        "           baseline       best",
        "──────────────────────────────",
        "trial             0          2",
        "log_loss     0.5548     0.3011",
        "l2              off   0.004363",
        "dropout         off   0.001827",
        "patience        off         12",
    ]
    assert printed(24, headers, rows)[:3] == ["baseline", "trial     0", "log_loss  0.5548"]


def test_narrower_table_says_what_it_leaves_out(printed, capsys, monkeypatch):
    headers, rows = ["study", "best", "begun (UTC)"], [[f"study_{n}", 0.25, "2026-11-27 12:05"] for n in range(4)]
    told = []
    monkeypatch.setattr(_render, "say", told.append)
    lines = printed(26, headers, rows, pick_columns(headers, rows, ["study", "best"]))
    assert lines[0] == "study     best"
    assert told == ["Left out for want of room: begun (UTC). --format json has all."]


@pytest.mark.parametrize("width", range(10, 100, 3))
def test_every_number_and_every_name_is_whole(printed, width):
    words = {word for row in ROWS for value in row for word in show_value(value).split() if word != "-"}
    assert words <= set(" ".join(printed(width, HEADERS, ROWS)).split())


def test_sentence_with_commas_is_filled_as_any_other(monkeypatch, capsys):
    monkeypatch.setattr(_render, "terminal_width", lambda *, err=False: 30)
    print_lines("Left out: metric, baseline, begun (UTC). --format json has all.")
    assert capsys.readouterr().out == "Left out: metric, baseline,\nbegun (UTC). --format json has\nall.\n"


def test_lines_are_wrapped_between_words_and_indented(monkeypatch, capsys):
    monkeypatch.setattr(_render, "terminal_width", lambda *, err=False: 24)
    print_lines("note         scores 0.3011 of 0.5548\n\nend", hanging=13)
    assert capsys.readouterr().out == "note         scores\n             0.3011 of\n             0.5548\n\nend\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two stored studies, one with a long name and many settings."""
    made = tmp_path_factory.mktemp("narrow")
    names = {"moons": ["l2", "dropout"], "churn_retention_2026": ["l2", "dropout", "label_smoothing", "patience"]}
    facts = StudyFacts("binary", constant_scores=(0.7, 0.5), training_rows=(80, 80), validation_rows=(20, 20))
    with open_storage(f"sqlite:///{made / 'regsearch.db'}", create=True) as storage:
        for name, searched in names.items():
            spec = {
                "space": {each: {"choices": [0.1]} for each in searched},
                "split": {"validation": {"method": "kfold", "folds": 2}},
            }
            study = storage.create_study(name, "minimize", "log_loss", spec, "ab" * 32, facts, 5)
            for number in range(5):
                configuration = Configuration({n: 0.001234 * (number + k) for k, n in enumerate(searched) if number})
                score = 0.612345 - 0.0123 * number
                runs = [RunResult(Run(number, fold, 0, 7, configuration), score) for fold in range(2)]
                ended = Ended(number, TrialState.COMPLETE, score, results=runs)
                storage.write(study.study_id, [Started(number, configuration, baseline=not number), ended])
    return made


def on_terminal(folder, width, *arguments, code=0):
    """What a command prints on a terminal of that width."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k not in ("OPTUNA_STORAGE", "COLUMNS")}
        os.chdir(folder)
        os.execve(
            sys.executable,
            [sys.executable, "-W", "ignore", "-m", "search", *arguments],
            environment | {"PYTHONPATH": str(CHECKOUT), "TERM": "xterm"},
        )
    received = b""
    while True:
        try:
            received += os.read(terminal, 65536)
        except OSError:  # the command ended
            break
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == code
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", received.decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("width", [40, 60])
@pytest.mark.parametrize(
    "arguments",
    [
        ("trials", "churn_retention_2026"),
        ("best", "churn_retention_2026"),
        ("best", "moons"),
        ("studies",),
        ("status", "churn_retention_2026"),
        ("compare", "moons", "churn_retention_2026"),
        ("compare", "churn_retention_2026"),
    ],
    ids=" ".join,
)
def test_commands_cut_nothing_on_a_narrow_terminal(folder, command, width, arguments):
    lines = on_terminal(folder, width, *arguments).splitlines()
    assert max(map(len, lines)) <= width
    whole = re.split(r"\s+", command(*arguments, cwd=folder).out)
    numbers = re.compile(r"[-\d.e]*\d[-\d.e]*|[a-z]\w+_\w+")
    known = set(numbers.findall(" ".join(whole)))
    assert set(numbers.findall(" ".join(lines))) <= known


@pytest.mark.parametrize("arguments", [("best", "moon"), ("bst",), ("run", "moons", "--n-trials", "0")], ids=" ".join)
def test_errors_cut_no_word_on_a_narrow_terminal(folder, process, arguments):
    lines = on_terminal(folder, 40, *arguments, code=2).splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(lines).split() == process(*arguments, cwd=folder).err.split()


def test_commands_stand_beside_their_purpose_or_above_it(monkeypatch, capsys):
    commands = [("regsearch trials s", "every trial"), ("regsearch dashboard", "browse")]
    for width, lines in (
        (None, [f"  {command:<58}   {purpose}" for command, purpose in commands]),
        (100, [f"  {command:<58}   {purpose}" for command, purpose in commands]),
        (60, ["  regsearch trials s", "      every trial", "  regsearch dashboard", "      browse"]),
    ):
        monkeypatch.setattr(_render, "terminal_width", lambda *, err=False, width=width: width)
        print_commands(commands)
        assert capsys.readouterr().out.splitlines() == lines
