"""The honesty benchmark: its page follows from what is kept, and one search of it runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmarks.honesty import searches
from tests.benchmarks.honesty.page import RULES, write_page
from tests.benchmarks.honesty.run import KEPT
from tests.benchmarks.honesty.tables import TABLES
from tests.benchmarks.measuring import kept

RESULTS = Path(__file__).parent / "RESULTS.md"


def test_page_is_what_follows_from_the_searches_that_are_kept(tmp_path):
    write_page(kept(KEPT), tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == RESULTS.read_text()


def test_figures_are_those_of_the_searches(tmp_path):
    gain = {"search": 0.3, "confirmed": 0.3, "expected": 0.2, "interval": [0.1, 0.5], "unseen": 0.2}
    losses = dict.fromkeys(("baseline", "default", *RULES), 1.0)
    found = [
        {"table": "a", "split": 0, "unseen": losses | {"best": 0.8}, "gain": gain, "verdict": {"answer": "helps"}},
        {"table": "a", "split": 1, "unseen": losses | {"best": 1.02}, "gain": gain, "verdict": {"answer": "helps"}},
        {"table": "random labels", "split": 0, "verdict": {"answer": "nothing to learn"}},
    ]
    write_page(found, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "best confirmed 0.0%, best 50.0%, one_se 0.0%" in page
    assert "| at most 1.5 | 1.50 |" in page
    assert "| 92 to 98 % | 100.0% |" in page
    assert "best confirmed on 0 (not a); best on 1; one_se on 0 (not a)" in page
    assert "| a | 2 | 1.000 | 1.000 | 1.000 | 1.000 | 0.910 | 1.000 | 1.000 | 1.000 | 2, 0, 0 |" in page
    assert "| random labels | 1 | 0 | 0 | 1 |" in page


def test_kept_searches_are_of_tables_that_there_are():
    assert KEPT.exists()
    names = {table.name for table in TABLES} | {"random labels", "moons, 30 rows", "wide net, 100 rows"}
    assert {one["table"] for one in kept(KEPT)} <= names


@pytest.mark.slow
def test_one_search_runs(monkeypatch):
    monkeypatch.setattr(searches, "N_TRIALS", 6)
    found = searches.search(replace(next(table for table in TABLES if table.name == "iris"), epochs=20), 3)
    assert json.loads(json.dumps(found)) == found
    assert found["look"]["n_rows"] == 75
    assert set(found["unseen"]) == {"baseline", "default", *RULES}
