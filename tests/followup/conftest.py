"""A finished and confirmed study, trained by a fake."""

from types import SimpleNamespace

import pytest

from search.coordination.launching import Launch, run_study
from search.followup.again import Trainers
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


@pytest.fixture
def finished(tmp_path):
    """A function that runs a study with a fake; its storage, its record, and who trains for it from now on."""
    opened = []

    def finish(*overrides, study=STUDY, fake=None):
        path = tmp_path / "quick.toml"
        path.write_text(study)
        storage = open_storage(f"sqlite:///{tmp_path / f'quick{len(opened)}.db'}", create=True)
        opened.append(storage)
        fake = fake or Fake()
        record = run_study(prepare_study(str(path), overrides), storage, Launch(0), train=fake)
        assert fake.new
        return SimpleNamespace(
            storage=storage, record=record, fake=fake, trainers=Trainers(Launch(0), train=fake), path=path
        )

    yield finish
    for storage in opened:
        storage.close()
