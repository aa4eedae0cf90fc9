"""What a session does when its search is over is told to whoever watches, here and from another process."""

import datetime as dt

import pytest

from search.coordination.launching import Launch, run_study
from search.coordination.phases import find_phase
from search.coordination.progress import SilentObserver
from search.preparation.files import prepare_study
from search.records import Coordinator, Purpose
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


class Noting(SilentObserver):
    """Notes what is told, and what another process would see then."""

    def __init__(self, url, name):
        self._url, self._name = url, name
        self.seen = []

    def began(self, what):
        self.seen.append((what, self._phase()))

    def confirming(self, progress):
        if progress.done == progress.total:
            self.seen.append((progress.in_words(), self._phase()))

    def _phase(self):
        with open_storage(self._url) as storage:
            key = storage.study(self._name).study_id
            return find_phase(storage, key, storage.holder(self._name), storage.count_runs(key, Purpose.CONFIRMATION))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phases")
    (folder / "quick.toml").write_text(STUDY.replace("test = 0", "test = 0.2"))
    url = f"sqlite:///{folder / 'quick.db'}"
    observer = Noting(url, "quick")
    with open_storage(url, create=True) as storage:
        run_study(prepare_study(str(folder / "quick.toml")), storage, Launch(0), observer, train=Fake())
        key = storage.study("quick").study_id
        later = Coordinator("here", 1, dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=1))
        assert find_phase(storage, key, later, 0) == ""
    return observer.seen


def test_every_repeat_of_the_confirmation_is_seen_with_its_total(seen):
    told = [(here, there) for here, there in seen if here.startswith("confirming")]
    assert [here.split(":")[0] for here, _ in told] == [there.split(":")[0] for _, there in told]
    assert len(told) >= 4
    assert all(there.split(" of ")[1] == here.split(" of ")[1] for here, there in told)


def test_look_at_sealed_rows_is_a_phase_of_its_own(seen):
    words = [here for here, _ in seen if not here.startswith("confirming")]
    assert words == ["looking at the 12 sealed rows", "finding out what the baseline and the choice say of single rows"]
    assert seen[-1][1] == "looking at the 12 sealed rows"  # the next is kept when it is told
