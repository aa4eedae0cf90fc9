"""`search.run` from a script, a notebook's loop and with arguments that cannot be used."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import search
from search.errors import UsageError

from .conftest import STUDY

SCRIPT = """
print("begins")
import search

study = search.run("small.toml", n_trials=2, n_jobs=1, storage="sqlite:///small.db", timeout=300)
print(len(study.trials), study.state, study.runs["worker"].nunique())
import sys
print("tensorflow" in sys.modules)
"""


def test_script_without_a_guard_has_workers_that_do_not_run_it(tmp_path):
    (tmp_path / "small.toml").write_text(STUDY)
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "begins\n2 finished 1\nFalse\n"
    assert "small: 2 trials, log_loss" in done.stderr


def test_finished_study_goes_on_inside_a_running_loop(study, tmp_path):
    """As a kernel of IPython runs a cell."""
    file = tmp_path / "small.toml"
    file.write_text(STUDY)
    url = f"sqlite:///{tmp_path / 'small.db'}"

    async def cell():
        first = search.run(file, n_trials=1, n_jobs=0, storage=url, verbose=False)
        assert len(first.trials) == 1
        return search.run(file, n_trials=5, n_jobs=0, storage=url, verbose=False)

    again = asyncio.run(cell())
    assert again.trials["score"].tolist() == study.trials["score"].tolist()
    assert again != study


def test_storage_is_that_of_the_command_line(tmp_path, monkeypatch):
    (tmp_path / "small.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTUNA_STORAGE", "sqlite:///named.db")
    search.run("small.toml", ["confirm.finalists=0"], n_trials=1, n_jobs=0, seed=3, study_name="1", verbose=False)
    study = search.load("1")
    assert study.storage.endswith("named.db")
    assert study.record.spec["study"]["seed"] == 3
    assert not (tmp_path / "regsearch.db").exists()


def test_progress_is_told_on_standard_error(study, tmp_path, capsys):
    (tmp_path / "small.toml").write_text(STUDY)
    url = f"sqlite:///{tmp_path / 'small.db'}"
    search.run(tmp_path / "small.toml", ["confirm.finalists=0"], n_trials=1, n_jobs=0, storage=url)
    told = capsys.readouterr()
    assert told.out == ""
    assert "small: 1 trials, log_loss\n" in told.err
    assert "[1/1] baseline" in told.err


def test_an_interrupt_says_what_is_left(tmp_path, monkeypatch, capsys):
    (tmp_path / "small.toml").write_text(STUDY)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("search.coordination.launching.run_study", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search.run(tmp_path / "small.toml", n_jobs=0, storage=f"sqlite:///{tmp_path / 'small.db'}")
    assert capsys.readouterr().err.endswith("Interrupted. What ended is stored; the same call goes on from there.\n")


def test_what_cannot_be_used_is_told_at_once():
    with pytest.raises(UsageError) as caught:
        search.run(7, "training.epochs=3", n_jobs=-1, n_trials=0, seed=1.5, timeout=float("nan"))
    assert str(caught.value).splitlines() == [
        "study: expected a path or the name of a shipped study, received int.",
        'settings: expected a list of settings, received "training.epochs=3". As in ["training.epochs=50"].',
        "n_jobs: expected a whole number of at least 0, received -1.",
        "n_trials: expected a whole number of at least 1, received 0.",
        "seed: expected a whole number of at least 0, received 1.5.",
        "timeout: expected a number of seconds above 0, received nan.",
    ]


def test_a_look_needs_sealed_rows(tmp_path):
    (tmp_path / "small.toml").write_text(STUDY)
    with pytest.raises(UsageError) as caught:
        search.run(tmp_path / "small.toml", ["split.test=0"], n_jobs=0, look_again=True, verbose=False)
    assert str(caught.value) == (
        "look_again: expected sealed rows to look at, received a study without. "
        "Set split.test, for a study of another name."
    )
