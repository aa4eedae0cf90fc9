"""The racing benchmark: its page follows from what is kept, and a race of each kind runs."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.honesty.tables import TABLES
from tests.benchmarks.measuring import kept, measure_missing
from tests.benchmarks.racing import races, surrogate
from tests.benchmarks.racing.page import saved_until_as_good, write_page
from tests.benchmarks.racing.run import KEPT

RESULTS = Path(__file__).parent / "RESULTS.md"


def way(epochs, *steps):
    return {"epochs": epochs, "steps": [list(step) for step in steps]}


FASTER = {"task": "a", "seed": 0, "ways": {"none": way(900, (100, 2.0), (600, 1.0)), "racing": way(300, (200, 1.005))}}
WORSE = {"task": "lcbench b", "seed": 0, "ways": {"none": way(900, (100, 1.0)), "racing": way(300, (200, 1.02))}}


def test_page_is_what_follows_from_the_races_that_are_kept(tmp_path):
    write_page(kept(KEPT), tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == RESULTS.read_text()


def test_figures_are_those_of_the_races(tmp_path):
    assert saved_until_as_good(FASTER) == 3
    assert saved_until_as_good(WORSE) == 0
    write_page([FASTER, WORSE], tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "| **all tables** (goal: 3 or more, none worse) | 1 | 3.0 | 3.0 | 0 | 0 |" in page
    assert "| **all LCBench** (goal: 3 or more, none worse) | 1 | 0.0 | 3.0 | 1 | 0 |" in page


def test_what_is_kept_is_not_measured_again(tmp_path, capsys):
    file = tmp_path / "kept.jsonl"
    measure_missing(file, [(np.float64(2.0), 3)], _power, 1, str)
    assert kept(file) == [{"power": 8.0}]
    assert capsys.readouterr().err == "[1/1] {'power': 8.0}\n"


def _power(base, exponent):
    return {"power": float(base**exponent)}


@pytest.mark.slow
def test_one_race_runs(monkeypatch):
    monkeypatch.setattr(races, "N_TRIALS", 12)
    monkeypatch.setattr(races, "N_REPEATS", 1)
    found = races.race(replace(next(table for table in TABLES if table.name == "iris"), epochs=20), 3)
    assert json.loads(json.dumps(found))["task"] == "iris"
    assert found["ways"]["none"]["epochs"] == 12 * 5 * 20
    assert found["ways"]["racing"]["epochs"] < 12 * 5 * 20
    scores = [score for _, score in found["ways"]["none"]["steps"]]
    assert all(0 < score < 2 for score in scores)


def test_race_on_curves_spends_the_same_epochs(monkeypatch):
    """With curves of a formula in the place of the surrogate's."""

    class Curves:
        space = surrogate.space_of({name: RANGES.get(name, RANGES[""]) | {"name": name} for name in surrogate.INPUTS})

        def of(self, task, sampled):
            level = abs(np.log10(sampled["learning_rate"]) + 2)
            return (level + np.exp(-np.arange(1, surrogate.N_EPOCHS + 1) / 9)).astype(np.float32)

    monkeypatch.setattr(surrogate.Curves, "read", lambda folder: Curves())
    found = surrogate.race_on_curves("", "a", 1)
    assert all(0 <= way["epochs"] - 5200 <= surrogate.N_EPOCHS for way in found["ways"].values())
    assert all(way["steps"][-1][1] < 0.1 for way in found["ways"].values())


RANGES = {
    "": {"type": "uniform_float", "log": False, "lower": 0.0, "upper": 1.0, "default": 0.5},
    "learning_rate": {"type": "uniform_float", "log": True, "lower": 1e-4, "upper": 1e-1, "default": 3e-3},
    "num_layers": {"type": "uniform_int", "log": False, "lower": 1, "upper": 5, "default": 3},
}
