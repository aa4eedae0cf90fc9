"""The bar of a notebook, with a stand-in for IPython that keeps what it is given."""

from __future__ import annotations

import sys
import types

import pytest

import search
from search.coordination.progress import Confirming, Progress
from search.followup.notebook import NotebookObserver, is_notebook
from search.followup.telling import TellingObserver, told
from search.records import Configuration, Trial, TrialState


@pytest.fixture
def shown(monkeypatch):
    """What a cell shows, the newest last."""
    kept: list[dict[str, str]] = []

    def keep(drawing):
        kept.append(drawing._repr_mimebundle_())

    def display(drawing, display_id):
        assert display_id is True
        keep(drawing)
        return types.SimpleNamespace(update=keep)

    ipython, displaying = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    displaying.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displaying)
    return kept


@pytest.fixture(scope="module")
def prepared():
    return search.prepare_study("moons", ["study.n_trials=4"])


def trial(number, score):
    return Trial(number, TrialState.COMPLETE, Configuration({"l2": 0.01} if number else {}), score)


def progress(done, best, seconds=2.0):
    return Progress(done, 4, 1, 0, 0, done, seconds, best, trial(0, 0.5))


def test_a_bar_counts_trials_and_names_the_best(shown, prepared):
    assert is_notebook()
    with told(prepared, prepared.notes) as observer:
        assert isinstance(observer, NotebookObserver)
        assert shown[-1]["text/plain"] == "moons: starting"
        observer.started(progress(0, None), 2)
        observer.note("<b>note</b>")
        observer.trial_ended(trial(1, 0.25), progress(4, trial(1, 0.25)))
    last = shown[-1]
    assert last["text/plain"] == "moons: 4 of 4 trials; baseline 0.5, best 0.25 (trial 1)"
    assert '<progress aria-label="Trials of moons" max="4" value="4">' in last["text/html"]
    assert "best: l2 0.01" in last["text/html"]
    assert "&lt;b&gt;note&lt;/b&gt;" in last["text/html"]


def test_a_confirmation_fills_the_bar_anew_and_the_end_tells_of_trials(shown, prepared):
    observer = NotebookObserver(prepared)
    observer.trial_ended(trial(1, 0.25), progress(4, trial(1, 0.25)))
    observer.confirming(Confirming(1, (1,), 6, 6))
    assert shown[-1]["text/plain"] == "moons: confirming 1 finalist and the baseline, repeat 1: 6 of 6 runs"
    assert 'max="6" value="6"' in shown[-1]["text/html"]
    observer.close()
    assert 'max="4" value="4"' in shown[-1]["text/html"]


def test_an_interrupt_before_the_first_trial_leaves_words(shown, prepared):
    with pytest.raises(KeyboardInterrupt), told(prepared):
        raise KeyboardInterrupt
    assert shown[-1]["text/plain"] == "moons: ended before the first trial did"


def test_without_a_kernel_lines_are_told(monkeypatch, prepared, capsys):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    with told(prepared, prepared.notes) as observer:
        assert isinstance(observer, TellingObserver)
        observer.started(progress(0, None), 2)
    assert capsys.readouterr().err == "moons: 4 trials, log_loss\n"
