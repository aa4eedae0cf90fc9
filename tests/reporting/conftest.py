"""A confirmed study of runs that cost nothing."""

import pytest

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


def run_fake(folder, file, overrides=()):
    """Run a study file whose runs are made up, in the database of a folder."""
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}", create=True) as storage:
        run_study(prepare_study(str(file), overrides), storage, Launch(0), train=Fake())


@pytest.fixture(scope="session")
def quick(tmp_path_factory):
    """The folder of the study `quick`, with its study file and database."""
    folder = tmp_path_factory.mktemp("quick")
    (folder / "quick.toml").write_text(STUDY)
    run_fake(folder, folder / "quick.toml")
    return folder


@pytest.fixture
def storage(quick):
    """The storage that holds `quick`."""
    with open_storage(f"sqlite:///{quick / 'regsearch.db'}") as opened:
        yield opened
