"""The note that Optuna's own dashboard shows: at the beginning of a session, at its end, and never a user's."""

from __future__ import annotations

import contextlib

import optuna
import optuna_dashboard
import pytest

from search.coordination.launching import run_study
from search.coordination.noting import noted_session
from search.errors import LockLostError
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake

QUESTION = "**Does regularization help on sklearn.make_moons, against no regularization at all?**"
LAST = "`regsearch best quick` tells more; `regsearch dashboard` draws it, and has a note on each trial."


@pytest.fixture
def study_file(tmp_path):
    file = tmp_path / "quick.toml"
    file.write_text(STUDY)
    return str(file)


@pytest.fixture
def storage(storage_url, make_tables):
    make_tables(storage_url)
    with open_storage(storage_url) as opened:
        yield opened


@contextlib.contextmanager
def loaded(url):
    """The study as Optuna loads it."""
    theirs = optuna.storages.RDBStorage(url)
    yield optuna.load_study(study_name="quick", storage=theirs)
    theirs.remove_session()
    theirs.engine.dispose()


def note(url):
    with loaded(url) as study:
        return optuna_dashboard.get_note(study).split("\n\n")


def test_finished_study_has_its_verdict(study_file, storage, storage_url, launch):
    run_study(prepare_study(study_file), storage, launch, train=Fake())
    first, answer, *_, last = note(storage_url)
    assert (first, last) == (QUESTION, LAST)
    assert answer.startswith("The choice helps: log_loss 0.2073 lower than no regularization at all")


def test_session_that_is_cut_off_says_how_far_it_came(study_file, storage, storage_url, launch, crash_after):
    with pytest.raises(KeyboardInterrupt):
        run_study(prepare_study(study_file), storage, launch, crash_after(12), train=Fake())
    n_ended = sum(trial.state.is_final for trial in storage.trials(1))
    stopped = f"It stopped when {n_ended} of 30 trials had ended. `regsearch run` goes on with quick."
    assert note(storage_url) == [QUESTION, stopped, LAST]


def test_session_says_that_it_runs_and_writes_nothing_without_its_lock(study_file, storage, storage_url, launch):
    small = prepare_study(study_file, ["study.n_trials=2", "confirm.finalists=0"])
    record = run_study(small, storage, launch, train=Fake())
    assert note(storage_url)[1] == "2 of 2 trials had ended; nothing is confirmed."
    running = [QUESTION, "A session runs; 2 of 2 trials had ended when it began.", LAST]
    session = noted_session(storage, record, storage.trials(1))
    session.__enter__()
    assert note(storage_url) == running
    lost = LockLostError("gone")
    assert session.__exit__(LockLostError, lost, None) is False
    assert note(storage_url) == running


def test_a_user_s_note_stays(study_file, storage, storage_url, launch):
    small = prepare_study(study_file, ["study.n_trials=2"])
    run_study(small, storage, launch, train=Fake())
    with loaded(storage_url) as study:
        optuna_dashboard.save_note(study, "mine")
    run_study(prepare_study(study_file), storage, launch, train=Fake())
    assert note(storage_url) == ["mine"]


def test_old_study_gets_names_and_note_when_it_is_run_again(study_file, storage, storage_url, launch):
    run_study(prepare_study(study_file), storage, launch, train=Fake())
    with loaded(storage_url) as study, study._storage._backend.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM study_system_attributes")
    run_study(prepare_study(study_file), storage, launch, train=Fake())
    with loaded(storage_url) as study:
        assert study.metric_names == ["log_loss"]
    assert note(storage_url)[0] == QUESTION
