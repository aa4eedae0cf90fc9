"""A finished and confirmed study, trained by a fake."""

import functools
import shutil
from types import SimpleNamespace

import pytest

from search.coordination.launching import Launch, run_study
from search.followup.again import Trainers
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


@pytest.fixture(scope="session")
def finished_database(tmp_path_factory):
    """A function: the database in which a study is finished. It is run once, and tests take copies."""

    @functools.cache
    def run(study, overrides, kind):
        folder, fake = tmp_path_factory.mktemp("quick"), kind()
        (folder / "quick.toml").write_text(study)
        prepared = prepare_study(str(folder / "quick.toml"), overrides)
        with open_storage(f"sqlite:///{folder / 'quick.db'}", create=True) as storage:
            run_study(prepared, storage, Launch(0), train=fake)
        assert fake.new
        return folder / "quick.db"

    return run


@pytest.fixture
def finished(finished_database, tmp_path):
    """A function: a study that a fake has finished, its storage, its record, and who trains for it from now on."""
    opened = []

    def finish(*overrides, study=STUDY, fake=None):
        path = tmp_path / "quick.toml"
        path.write_text(study)
        fake = fake or Fake()
        copy = shutil.copy(finished_database(study, overrides, type(fake)), tmp_path / f"quick{len(opened)}.db")
        storage = open_storage(f"sqlite:///{copy}")
        opened.append(storage)
        return SimpleNamespace(
            storage=storage,
            record=storage.study("quick"),
            fake=fake,
            trainers=Trainers(Launch(0), train=fake),
            path=path,
        )

    yield finish
    for storage in opened:
        storage.close()
