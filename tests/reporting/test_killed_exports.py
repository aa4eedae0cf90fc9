"""An export that is killed leaves the old file or the new one, and the next one removes what it left."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["toml", "json", "yaml", "python", "keras", "all"])
def test_export_killed_at_any_moment_leaves_the_old_or_the_new_one(name, quick, tmp_path):
    script = Path(__file__).with_name("killed_exports.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, quick / "regsearch.db", tmp_path, name],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    *killed, last = map(json.loads, done.stdout.splitlines())
    assert (last["status"], last["state"], last["others"]) == (0, "new", [])
    states = [each["state"] for each in killed]
    assert set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True)  # the old one to a moment, the new one from there
    assert len(killed) > (40 if name == "all" else 6)
    shown = re.escape({"all": "everything", "keras": "best.keras"}.get(name, f"best.{name}"))
    assert any(each["others"] for each in killed)
    for each in killed:
        # At most what the last one left: each removes what the one before did.
        assert len(each["others"]) <= 1
        assert all(re.fullmatch(rf"\.{shown}\.\w+\.part", other) for other in each["others"])
