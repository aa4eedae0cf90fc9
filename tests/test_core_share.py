"""A run of all tests fails whose core is too large a part of it; a run of some of them does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
from tests.core_share import CoreShare

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(CoreShare(config))
"""
TESTS = """
import time, pytest

@pytest.mark.slow
def test_slow():
    time.sleep({slow})

def test_quick():
    time.sleep(0.02)
"""


@pytest.mark.parametrize(
    ("slow", "arguments", "code"),
    [
        (0.05, [], 1),
        (0.05, ["-n", "1", "--dist", "loadfile"], 1),
        (0.05, ["-m", "not slow"], 0),
        (0.05, ["parts"], 0),
        (2, [], 0),
    ],
)
def test_core_that_grew_fails_a_whole_run(tmp_path, slow, arguments, code):
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = parts\nmarkers = slow\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "test_parts.py").write_text(TESTS.format(slow=slow))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert ("ERROR expected a core ('not slow') of at most 7% of the tests' time" in done.stdout) is bool(code)
    assert ("Longest: parts/test_parts.py 0 s" in done.stdout) is bool(code)
