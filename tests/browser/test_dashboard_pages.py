"""The dashboard in a browser: a real server behind its guard, on a study that was trained for real.

What optuna-dashboard's own pages are like is not ours to decide: axe looks at what we add alone, the notes and the page
that stands in while no database answers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.storage import open_storage

SERVE = """
import os
from search.dashboard import serve_dashboard
serve_dashboard(os.environ["STORAGE"], "127.0.0.1", 0, "WRITABLE" in os.environ, lambda text: print(text, flush=True))
"""
NOTE = ".MuiCardContent-root:has(h3)"
SETTINGS = ["study.n_trials=8", "training.epochs=300", "confirm.repeats=2", "confirm.finalists=2", "study.window=1"]


@pytest.fixture(scope="session")
def moons(tmp_path_factory):
    """The file of a database with the study `moons`, of a few trials."""
    path = tmp_path_factory.mktemp("moons") / "studies.db"
    with open_storage(f"sqlite:///{path}", create=True) as storage:
        run_study(prepare_study("moons", SETTINGS), storage, Launch(0))
    return path


@contextmanager
def serving(path, **variables):
    """The address of a dashboard; what it says on the terminal is nothing but that it is ready."""
    environment = {**os.environ, "STORAGE": f"sqlite:///{path}", **variables}
    command = [sys.executable, "-c", SERVE]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **streams) as process:
        try:
            yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        finally:
            process.terminate()
            said = process.stderr.read()
    assert said == ""


@pytest.fixture(scope="module")
def address(moons):
    with serving(moons) as found:
        yield f"{found}/dashboard/studies/1"


def test_first_page_draws_history_importance_and_our_figures(seen, address):
    page = seen.page
    page.goto(address)
    page.wait_for_selector("#plot-history .points path.point", state="attached")
    page.wait_for_selector("#graph-hyperparameter-importances .bars path", state="attached")
    for kind in ("curves", "finalists", "gap", "norms", "optimism"):
        drawn = page.locator(f'[id="user-defined-plot:regsearch-{kind}"]')
        drawn.locator(".main-svg").first.wait_for(state="attached")
        assert drawn.locator(".scatterlayer .trace").count() >= 1, kind
        assert drawn.bounding_box()["height"] == 450
    told = page.inner_text("body")
    assert "Objective 0" not in told
    assert re.search(r"Params = \[.*l2: (off|\d)", told)
    assert re.search(r"metric\s+log_loss, low is good", told)
    assert seen.complaints == []


def test_note_tells_question_answer_numbers_and_what_to_type(seen, address):
    page = seen.page
    page.goto(f"{address}/note")
    page.wait_for_selector(f"{NOTE} table")
    told = page.inner_text(NOTE)
    assert told.startswith("Does regularization help on sklearn.make_moons, against no regularization at all?")
    for words in ("8 of 8 trials ended.", "log_loss confirmed", "early stopping off", "regsearch best moons"):
        assert words in told
    assert "\\" not in told
    assert seen.violations({"include": [[NOTE]], "exclude": [["button"]]}) == []  # the pencil is optuna-dashboard's
    assert seen.complaints == []


def test_trial_tells_its_configuration_and_its_runs(seen, address):
    page = seen.page
    page.goto(f"{address}/trials?numbers=0")
    page.wait_for_selector("table")
    told = page.inner_text("body")
    assert "The baseline: l2 off, dropout off, early stopping off" in told
    assert "the mean of 6 runs" in told
    assert page.locator("table tbody tr").count() == 6
    assert re.search(r"patience off", told)
    assert seen.complaints == []


def test_table_and_parallel_coordinates_show_what_is_off(seen, address):
    page = seen.page
    page.goto(f"{address}/smartSelection")
    page.wait_for_selector("#plot-parallel-coordinate .parcoords", state="attached")
    first = page.locator("table tbody tr").first
    first.wait_for()
    assert page.locator("table tbody tr").count() == 8
    assert first.inner_text().split("\t")[3:6] == ["off", "off", "off"]
    assert seen.complaints == []


def test_graphs_over_parameters_draw(seen, address):
    page = seen.page
    page.goto(f"{address}/analytics")
    for graph in ("plot-slice", "graph-contour", "graph-rank"):
        page.locator(f"#{graph} .main-svg").first.wait_for(state="attached")
    assert seen.complaints == []


def test_database_that_goes_away_is_told_and_comes_back(seen, moons, tmp_path):
    page, away = seen.page, tmp_path / "away.db"
    with serving(moons) as found:
        moons.replace(away)
        try:
            page.goto(f"{found}/dashboard")
            assert "expected the file" in page.inner_text("main")
            assert seen.violations() == []
            assert seen.complaints == [
                "Failed to load resource: the server responded with a status of 503 (Service Unavailable)"
            ]
        finally:
            away.replace(moons)
        page.wait_for_selector("text=moons", timeout=20_000)  # by itself
