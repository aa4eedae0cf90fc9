"""What may differ between the study in the storage and the file that goes on with it."""

import pytest

from search.coordination.entry import enter_study, find_same_study
from search.preparation.files import prepare_study
from search.spec import spec_to_json
from search.storage import open_storage

STUDY = """
[study]
name = "quick"
n_trials = 2
[data]
source = "sklearn.make_moons"
[model]
family = "mlp"
hidden = [4]
[space]
l2 = { low = 1e-6, high = 1e-1, log = true }
"""


@pytest.fixture
def prepare(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(STUDY)
    return lambda *overrides: prepare_study(str(path), overrides)


def test_study_goes_on_with_another_time_limit_of_its_data(prepare, sqlite_url):
    with open_storage(sqlite_url, create=True) as storage:
        entered = enter_study(prepare(), None, storage)
        assert find_same_study(prepare("data.timeout_seconds=5"), storage) == entered


def test_study_of_a_version_that_knew_no_time_limit_goes_on(prepare, sqlite_url):
    prepared = prepare()
    spec = spec_to_json(prepared.spec)
    del spec["data"]["timeout_seconds"]
    with open_storage(sqlite_url, create=True) as storage:
        entered = storage.create_study(
            "quick", prepared.direction, prepared.metric, spec, prepared.data_sha256, prepared.facts, 2
        )
        assert find_same_study(prepared, storage) == entered
