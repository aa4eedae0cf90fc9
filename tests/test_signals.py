"""A signal ends a process with its code, at once or after a way out, whatever the process is doing."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

PRELUDE = """
import os, signal, sys, time, weakref
from search import signals
from search.signals import Terminated, end_on_signals, raise_on_signals
raise_on_signals()
def ready():
    print("ready", flush=True)
"""


def start(body, **options):
    """A process that runs a script to the line `ready()`."""
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process, timeout_seconds=30):
    """The exit code, and what was printed."""
    told, errors = process.communicate(timeout=timeout_seconds)
    return process.returncode, told, errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_signal_closes_what_is_open_and_ends_with_its_code(number, code):
    process = start(
        """
        try:
            ready()
            time.sleep(60)
        except (KeyboardInterrupt, Terminated) as error:
            print("closed")
            sys.exit(130 if isinstance(error, KeyboardInterrupt) else error.exit_code)
        """
    )
    process.send_signal(number)
    assert end(process) == (code, "closed\n", "")


def test_signal_that_comes_where_no_exception_gets_out_is_raised_again():
    process = start(
        """
        class Thing: pass
        def removed(_):
            ready()
            time.sleep(1)  # where an exception is only printed
        thing = Thing()
        kept = weakref.ref(thing, removed)
        try:
            del thing
            time.sleep(60)
        except Terminated as error:
            sys.exit(error.exit_code)
        """
    )
    process.send_signal(signal.SIGTERM)
    assert end(process, 10) == (143, "", "")


def test_second_signal_ends_at_once_with_the_code_of_the_first_and_takes_children_along():
    process = start(
        """
        import psutil, subprocess
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        try:
            ready()
            print(child.pid, flush=True)
            time.sleep(60)
        except Terminated:
            print("closing", flush=True)
            time.sleep(60)
        """
    )
    child = psutil.Process(int(process.stdout.readline()))
    child.suspend()
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "closing\n"
    process.send_signal(signal.SIGTERM)  # the same wish: a launcher may pass one on
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert end(process, 10)[::2] == (143, "")
    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_way_out_that_takes_too_long_is_cut():
    process = start(
        """
        signals.WAY_OUT_SECONDS = 0.5
        try:
            ready()
            time.sleep(60)
        except Terminated:
            while True:
                pass
        """
    )
    process.send_signal(signal.SIGTERM)
    assert end(process, 10) == (143, "", "")


def test_main_thread_that_hears_nothing_is_ended_all_the_same(tmp_path):
    process = start(
        f"""
        import sqlite3
        signals.WAY_OUT_SECONDS = 0.5
        held, waiting = (sqlite3.connect({str(tmp_path / "a.db")!r}, timeout=60, isolation_level=None) for _ in "12")
        held.execute("BEGIN EXCLUSIVE")
        ready()
        try:
            waiting.execute("BEGIN EXCLUSIVE")
        except Terminated:  # it came before the wait began
            time.sleep(60)
        """
    )
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert end(process, 10) == (143, "", "")


def test_signal_after_the_work_ends_at_once_and_prints_nothing():
    process = start(
        """
        import atexit
        atexit.register(lambda: (ready(), time.sleep(60)))
        end_on_signals()
        """
    )
    process.send_signal(signal.SIGTERM)
    assert end(process, 10) == (143, "", "")


def test_ignored_signal_stays_ignored():
    process = start(
        "ready(); time.sleep(0.5)",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),  # as nohup does
    )
    process.send_signal(signal.SIGHUP)
    assert end(process) == (0, "", "")


def test_command_has_its_code_while_it_is_being_imported(tmp_path):
    environment = os.environ | {"PYTHONPROFILEIMPORTTIME": "1"}  # which tells how far it is
    process = subprocess.Popen(
        [sys.executable, "-m", "search", "doctor"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.endswith("| search.signals\n"):
            break
    time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 143
