"""A study whose runs cost nothing, as the dashboard and Optuna see it."""

from __future__ import annotations

import json
import shutil

import pytest

from search.coordination.launching import Launch, run_study
from search.dashboard.page import FollowedStudy
from search.preparation.files import prepare_study
from search.records import Configuration, FailureCause, TrialState
from search.storage import Ended, Progressed, Started, open_storage
from tests.followup.fakes import STUDY, Fake


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """The file of a database with the confirmed study `quick` of 30 trials."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "quick.toml").write_text(STUDY)
    with open_storage(f"sqlite:///{folder / 'studies.db'}", create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), train=Fake())
    return folder / "studies.db"


@pytest.fixture
def database(quick, tmp_path):
    """A copy of that file, to be written to."""
    return shutil.copy(quick, tmp_path / "studies.db")


@pytest.fixture
def storage(database):
    with open_storage(f"sqlite:///{database}") as opened:
        yield opened


@pytest.fixture
def add_odd_trials():
    """A function that adds to a study: a failed trial, a pruned one, one whose worker died, and one that runs."""

    def add(storage, study_id):
        parameters = storage.trials(study_id)[1].parameters
        tried = Configuration({"dropout": 0.25, "training.learning_rate": 1e-3})
        storage.write(study_id, [Started(number, tried, parameters) for number in range(30, 34)])
        storage.write(
            study_id,
            [
                Ended(30, TrialState.FAIL, error="diverged at epoch 3 <b>|</b>", cause=FailureCause.DIVERGED),
                Ended(31, TrialState.PRUNED, intermediate={1: 0.75, 5: 0.5}),
                Ended(32, TrialState.FAIL, error="its worker died each time", user_attrs={"mine": {"a": [1]}}),
                Progressed(33, {1: 0.5, 2: float("nan"), 3: float("inf")}),
            ],
        )

    return add


@pytest.fixture
def document():
    """A function that makes the page of a study, as a document."""

    def make(storage, name="quick", after=0):
        key = storage.study(name).study_id
        return json.loads(FollowedStudy(storage, name).make_page(storage.state(key), storage.holder(name)).after(after))

    return make
