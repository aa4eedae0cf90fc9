"""`regsearch watch` from a second shell."""

import importlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from search.coordination.phases import keep_phase
from search.coordination.progress import Confirming
from search.errors import TransientStorageError
from search.records import Configuration, Purpose, Run, RunResult, StudyFacts, TrialState
from search.reporting.watching import Watch
from search.storage import Ended, Started, open_storage

CHECKOUT = Path(__file__).parents[2]
WATCH = importlib.import_module("search.cli.watch")  # `search.cli.watch` is the command
SPEC = {"space": {"l2": {"choices": [0.1]}}, "confirm": {"finalists": 0}}


@pytest.fixture
def study(tmp_path):
    """An open storage and a study of three trials, the first of which has ended."""
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True) as storage:
        made = storage.create_study("s", "minimize", "mse", SPEC, "ab" * 32, StudyFacts("regression"), 3)
        add(storage, made, 0, 0.5)
        yield storage, made


def add(storage, study, number, score):
    configuration = Configuration({"l2": 0.1} if number else {})
    ended = Ended(number, TrialState.FAIL, error="diverged at epoch 3")
    if score is not None:
        runs = [RunResult(Run(number, 0, 0, 7, configuration), score, worker="here:1")]
        ended = Ended(number, TrialState.COMPLETE, score, results=runs)
    storage.write(study.study_id, [Started(number, configuration, baseline=not number), ended])


def clock(monkeypatch, sleep, monotonic=time.monotonic):
    """What the command takes for the time, and nobody else."""
    monkeypatch.setattr(WATCH, "time", SimpleNamespace(sleep=sleep, monotonic=monotonic))


def test_study_that_nobody_runs_says_so_and_ends_with_0(study, command, tmp_path):
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "s: stopped, 1 of 3 trials ended",
        "best mse 0.5, trial 0: the baseline, which nothing beats so far",
        "     everything off",
        "Nobody runs it now; `regsearch run` with the same study file goes on.",
    ]


def test_study_that_is_not_there_is_an_error_with_the_nearest_names(study, command, tmp_path):
    done = command.in_this_process("watch", "ss", "--wait", 0, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "expected the name of a study, received 'ss'. Did you mean s?" in done.err


def test_study_that_is_not_there_yet_is_waited_for(command, tmp_path, monkeypatch):
    """First there is no database, then none with this study, then it is there."""
    url = f"sqlite:///{tmp_path / 'regsearch.db'}"

    def begin(*names):
        with open_storage(url, create=True) as storage:
            for name in names:
                storage.create_study(name, "minimize", "mse", SPEC, "ab" * 32, StudyFacts("regression"), 3)

    steps = iter([lambda: None, begin, lambda: begin("other"), lambda: begin("s")])
    clock(monkeypatch, lambda seconds: next(steps)())
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert (done.code, done.err) == (0, "Waiting for s to begin, 30 s at most.\n")
    assert done.out.splitlines()[0] == "s: stopped, 0 of 3 trials ended"


def test_study_that_does_not_begin_in_time_ends_it_with_2(study, command, tmp_path, monkeypatch):
    now = [0.0]
    clock(monkeypatch, lambda seconds: now.__setitem__(0, now[0] + seconds), lambda: now[0])
    done = command.in_this_process("watch", "ss", "--wait", 2, cwd=tmp_path)
    waiting, error = done.err.splitlines()
    assert (done.code, done.out, now, waiting) == (2, "", [2.0], "Waiting for ss to begin, 2 s at most.")
    assert "expected the name of a study, received 'ss'" in error


def test_what_follows_the_search_is_named_with_its_total(study, command, tmp_path, monkeypatch):
    storage, record = study
    for number in (1, 2):
        add(storage, record, number, 0.4)
    key, now = record.study_id, [0.0]
    confirming = Confirming(repeat=2, finalists=(1, 2), done=0, total=3)

    def confirm(repeat):
        run = Run(0, 0, repeat, 7, Configuration({}), purpose=Purpose.CONFIRMATION)
        storage.write_runs(key, [RunResult(run, 0.4)])

    steps = iter(
        [
            lambda: keep_phase(storage, key, confirming),
            lambda: confirm(1),
            lambda: confirm(2),
            lambda: keep_phase(storage, key, "looking at the 25 sealed rows"),
        ]
    )
    confirm(0)
    keep_phase(storage, key, "of a session before")
    holding = storage.hold("s")
    holding.__enter__()

    def go_on(seconds):
        now[0] += 11
        next(steps, lambda: holding.__exit__(None, None, None))()

    clock(monkeypatch, go_on, lambda: now[0])
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    lines = done.out.splitlines()
    assert list(dict.fromkeys(lines[2:-4])) == [
        "confirming 2 finalists and the baseline, repeat 2: 0 of 3 runs",
        "confirming 2 finalists and the baseline, repeat 2: 1 of 3 runs",
        "confirming 2 finalists and the baseline, repeat 2: 2 of 3 runs",
        "looking at the 25 sealed rows",
    ]


def test_study_that_ended_is_told_with_its_verdict(commands):
    done = commands("watch", "quick")
    assert done.out.splitlines()[-1] == "Next: regsearch best quick"
    verdict = done.out.splitlines()[-2]
    assert verdict in commands("best", "quick").out.splitlines()


def test_each_change_is_a_line_where_there_is_no_terminal(study, command, tmp_path, monkeypatch):
    """The study goes on between two looks."""
    storage, record = study
    steps = iter([lambda: add(storage, record, 1, 0.4), lambda: add(storage, record, 2, None)])
    holding = storage.hold("s")
    holding.__enter__()

    def go_on(seconds):
        step = next(steps, None)
        if step is None:
            holding.__exit__(None, None, None)
        else:
            step()

    clock(monkeypatch, go_on)
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "s: running, 1 of 3 trials ended",
        "best mse 0.5, trial 0: the baseline, which nothing beats so far",
        "[2/3] trial 1: 0.4, l2 0.1",
        "best mse 0.4, trial 1: 0.1 lower than the baseline (0.5)",
        "[3/3] trial 2: diverged at epoch 3, l2 0.1",
        "s: finished, 3 of 3 trials ended",
        "best mse 0.4, trial 1: 0.1 lower than the baseline (0.5)",
        "     l2 0.1",
        "Next: regsearch best s",
    ]


def test_confirmation_has_a_line_now_and_then(study, command, tmp_path, monkeypatch):
    storage, record = study
    now, repeats = [0.0], iter(range(8))
    holding = storage.hold("s")
    holding.__enter__()

    def go_on(seconds):
        now[0] += 4
        repeat = next(repeats, None)
        if repeat is None:
            holding.__exit__(None, None, None)
        else:
            run = Run(0, 0, repeat, 7, Configuration({}), purpose=Purpose.CONFIRMATION)
            storage.write_runs(record.study_id, [RunResult(run, 0.4)])

    clock(monkeypatch, go_on, lambda: now[0])
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert [line for line in done.out.splitlines() if line.startswith("confirming")] == [
        "confirming: 3 runs ended",
        "confirming: 6 runs ended",
    ]


def test_database_that_comes_back_is_watched_on(study, command, tmp_path, monkeypatch):
    looks = iter([TransientStorageError("gone"), TransientStorageError("gone"), None])
    look = Watch.look

    def fail_twice(watched):
        if (error := next(looks, None)) is not None:
            raise error
        return look(watched)

    monkeypatch.setattr(Watch, "look", fail_twice)
    clock(monkeypatch, lambda seconds: None)
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert (done.code, done.out.splitlines()[0]) == (0, "s: stopped, 1 of 3 trials ended")


def test_database_that_stays_away_for_a_minute_ends_it_with_3(study, command, tmp_path, monkeypatch):
    now = [0.0]

    def fail(watched):
        raise TransientStorageError("storage: gone")

    monkeypatch.setattr(Watch, "look", fail)
    clock(monkeypatch, lambda seconds: now.__setitem__(0, now[0] + 20), lambda: now[0])
    done = command.in_this_process("watch", "s", cwd=tmp_path)
    assert (done.code, done.out, done.err, now) == (3, "", "storage: gone\n", [80.0])


def test_interrupt_ends_it_with_130_and_leaves_the_run_alone(study, tmp_path):
    storage, record = study
    with storage.hold("s") as lock:
        watching = subprocess.Popen(
            [sys.executable, "-m", "search", "watch", "s", "--interval", "0.1"],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"} | {"PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watching.stdout.readline() == "s: running, 1 of 3 trials ended\n"
        add(storage, record, 1, 0.4)
        lines = [watching.stdout.readline() for _ in range(2)]
        assert lines[1] == "[2/3] trial 1: 0.4, l2 0.1\n"
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=60)
        assert (watching.returncode, err.strip()) == (130, "")
        lock.check()
        add(storage, record, 2, 0.3)
    assert storage.progress(record.study_id).n_trials == 3


@pytest.mark.parametrize("width", [40, 100])
def test_picture_on_a_terminal_fits_and_goes_away_at_the_end(study, tmp_path, width):
    """What is left on the screen is how it ended; the picture before had the way to the best score."""
    storage, record = study
    add(storage, record, 1, 0.25)
    master, slave = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("OPTUNA_STORAGE", "NO_COLOR")}
    with storage.hold("s"):
        watching = subprocess.Popen(
            [sys.executable, "-m", "search", "watch", "s", "--interval", "0.1"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(CHECKOUT), "COLUMNS": str(width), "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        shown = bytearray()
        reading = threading.Thread(target=_read_all, args=(master, shown))
        reading.start()
        deadline = time.monotonic() + 60
        while "█▁".encode() not in shown and time.monotonic() < deadline:
            time.sleep(0.05)
    assert watching.wait(60) == 0
    reading.join(60)
    os.close(master)
    text = shown.decode()
    assert "█▁" in text
    assert "\x1b[2K" in text  # drawn over
    ending = text.rpartition("\x1b[2K")[2].splitlines()
    assert ending[0] == "s: stopped, 2 of 3 trials ended"
    assert max(map(len, ending)) <= width


def _read_all(terminal, shown):
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:  # Linux' way to say that the other end is closed
            return
        if not read:
            return
        shown += read
