"""A database that goes away at any moment changes no study: what ends meanwhile waits, also where a crash comes."""

import contextlib
import random
from dataclasses import replace

import pytest

from search.coordination.launching import Launch, run_study
from search.coordination.progress import SilentObserver
from search.errors import TransientStorageError
from search.storage import Storage, open_storage, patience, store
from tests.coordination.test_confirming import keys, outcome, prepare, train

IN_A_THREAD = Launch(n_jobs=0, storage_timeout_seconds=600.0)


class Told(SilentObserver):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


class Outages:
    """Transactions that fail: each begins an outage with some chance, which lasts for some transactions.

    Args:
        seed: Of the chances.
        chance: That an outage begins.
        longest: Transactions that fail in one, at most.
        crash: The chance that a failing transaction is the process's last.
    """

    def __init__(self, seed, chance=0.2, longest=6, crash=0.0):
        self.random = random.Random(seed)
        self.chance, self.longest, self.crash = chance, longest, crash
        self.n_left = self.n_failed = 0

    def __call__(self, transaction):
        def failing(*arguments):
            if not self.n_left and self.random.random() < self.chance:
                self.n_left = self.random.randint(1, self.longest)
            if self.n_left:
                self.n_left -= 1
                self.n_failed += 1
                if self.random.random() < self.crash:
                    raise PowerCutError
                raise TransientStorageError("storage: away")
            return transaction(*arguments)

        return failing


class PowerCutError(BaseException):
    pass


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with open_storage(f"sqlite:///{tmp_path_factory.mktemp('undisturbed')}/u.db", create=True) as storage:
        run_study(prepare(), storage, IN_A_THREAD, train=train)
        return found(storage)


@pytest.fixture
def storage(tmp_path, make_tables):
    url = f"sqlite:///{tmp_path}/o.db"
    make_tables(url)
    with open_storage(url) as opened:
        yield opened


def found(storage):
    """All that a study comes to."""
    study = storage.study("quick")
    trials = [(trial.number, trial.state, trial.score, trial.configuration) for trial in storage.trials(study.study_id)]
    return trials, outcome(storage), sorted(keys(storage)), sorted(storage.predictions_size(study.study_id))


def begin(storage, monkeypatch, outages):
    """Have transactions fail from when the study is held; before, there is nothing to lose."""
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(patience, "_SHORTEST_PAUSE", 0.0)
    real_hold = Storage.hold

    @contextlib.contextmanager
    def hold(self, name, waiting=None):
        with real_hold(self, name, waiting) as held, pytest.MonkeyPatch.context() as patched:
            patched.setattr(store, "transaction", outages(store.transaction))
            patched.setattr(type(held), "transaction", outages(type(held).transaction))
            yield held

    monkeypatch.setattr(Storage, "hold", hold)


@pytest.mark.parametrize("seed", range(3))
def test_outages_change_nothing(seed, storage, undisturbed, monkeypatch):
    outages, told = Outages(seed), Told()
    begin(storage, monkeypatch, outages)
    run_study(prepare(), storage, IN_A_THREAD, told, train=train)
    assert outages.n_failed > 20
    assert found(storage) == undisturbed
    assert sum("does not answer" in note for note in told.notes) >= 1
    assert not list_spools(storage)


@pytest.mark.parametrize("seed", [1, 2])
def test_crashes_in_outages_lose_nothing_that_ended(seed, storage, undisturbed, monkeypatch):
    outages = Outages(seed, crash=0.1)
    begin(storage, monkeypatch, outages)
    n_crashes = 0
    while True:
        try:
            run_study(prepare(), storage, IN_A_THREAD, train=train)
            break
        except PowerCutError:
            n_crashes += 1
            outages.n_left = 0
            assert n_crashes < 200
    assert n_crashes > 2
    assert found(storage) == undisturbed
    assert not list_spools(storage)


def test_what_ended_in_an_outage_is_not_trained_again(storage, undisturbed, monkeypatch):
    """The database goes away for good after the second trial; the next session finds the rest in the spool."""
    outages, trained = Outages(0, chance=0.0), []
    begin(storage, monkeypatch, outages)

    class Leaving(Told):
        def trial_ended(self, trial, progress):
            if progress.done == 2:
                outages.n_left = 10**9
            if progress.done == 8:
                raise PowerCutError

    with pytest.raises(PowerCutError):
        run_study(prepare(), storage, IN_A_THREAD, Leaving(), train=train)
    outages.n_left = 0
    monkeypatch.undo()
    assert len(list_spools(storage)) == 1
    before = [trial.number for trial in storage.trials(1) if trial.state.is_final]
    told = Told()
    run_study(prepare(), storage, replace(IN_A_THREAD, n_jobs=0), told, train=_keeping(trained))
    assert len(before) <= 2
    assert len({run.trial for run in trained if run.purpose.value == "search"}) <= 10 - 7
    assert any(
        f"trials that ended while the database was away were taken from {name}" in note
        for note in told.notes
        for name in ("o.db.quick.spool",)
    )
    assert found(storage) == undisturbed


def test_session_ends_when_the_database_stays_away_and_says_what_is_kept(storage, monkeypatch):
    outages, told = Outages(0, chance=0.0), Told()
    begin(storage, monkeypatch, outages)

    class Leaving(Told):
        def trial_ended(self, trial, progress):
            outages.n_left = 10**9

    observer = Leaving()
    with pytest.raises(TransientStorageError):
        run_study(prepare(), storage, Launch(n_jobs=0, storage_timeout_seconds=0.2), observer, train=train)
    assert [note for note in observer.notes if "database" in note] == [
        "The database does not answer (it cannot be reached). Training goes on, and results wait until it is back, "
        "for 0.2 s at most."
    ]
    assert len(list_spools(storage)) == 1
    assert told.notes == []


def test_spool_of_another_study_is_set_aside(storage, undisturbed):
    run_study(prepare(), storage, IN_A_THREAD, train=train)
    (path,) = [storage.spool(storage.study("quick")).path]
    path.write_bytes(b"words")
    told = Told()
    run_study(prepare(), storage, IN_A_THREAD, told, train=train)
    assert told.notes[-1] == (
        "What o.db.quick.spool keeps is not used: o.db.quick.spool is not of this study quick. It is "
        "o.db.quick.spool.old now."
    )
    assert found(storage) == undisturbed


@pytest.mark.parametrize("n_lines", [0, 1])
def test_spool_of_which_a_crash_left_half_a_line_is_gone(n_lines, storage, undisturbed):
    """Behind half a line nothing would be read that is kept there later."""
    run_study(prepare(), storage, IN_A_THREAD, train=train)
    spool = storage.spool(storage.study("quick"))
    spool.append([])
    header = spool.path.read_bytes()
    spool.path.write_bytes(header + b'00000000 {"sta' if n_lines else header[:20])
    told = Told()
    run_study(prepare(), storage, IN_A_THREAD, told, train=train)
    assert not any(spool.path.name in note for note in told.notes)
    assert not spool.path.exists()
    assert found(storage) == undisturbed


def test_predictions_beyond_the_bound_are_forgotten_of_a_study_that_has_ended(storage):
    """As a crash leaves them that comes when the last trial was written, and a bound that was lowered does."""
    small = {"study": {"n_trials": 3}, "confirm": {"finalists": 0}}
    run_study(prepare(**small), storage, IN_A_THREAD, train=train)
    assert sorted(storage.predictions_size(1)) == [0, 1, 2]
    small["confirm"]["keep_predictions_mib"] = 0.0
    run_study(prepare(**small), storage, IN_A_THREAD, train=train)
    assert sorted(storage.predictions_size(1)) == [0]


def list_spools(storage):
    path = storage.spool(storage.study("quick")).path
    return [each for each in path.parent.iterdir() if each.name == path.name]


_TRAINED = []


def _keeping(trained):
    _TRAINED.clear()
    trained_in_a_thread.keep = trained
    return trained_in_a_thread


def trained_in_a_thread(plan, run, report):
    trained_in_a_thread.keep.append(run)
    return train(plan, run, report)
