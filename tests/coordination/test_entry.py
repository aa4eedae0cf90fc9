"""What may differ between the study in the storage and the file that goes on with it."""

import pytest

from search.coordination import entry
from search.coordination.entry import enter_study, find_same_study, versions_note
from search.errors import UsageError
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
REGRESSION = ("data.source=sklearn.make_regression", "data.options={n_features=3, random_state=1}")


@pytest.fixture
def prepare(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(STUDY)
    return lambda *overrides: prepare_study(str(path), overrides)


def test_study_goes_on_with_another_time_limit_of_its_data(prepare, sqlite_url):
    with open_storage(sqlite_url, create=True) as storage:
        entered = enter_study(prepare(), None, storage)
        assert find_same_study(prepare("data.timeout_seconds=5"), storage)[1] == entered


def test_versions_that_a_study_was_begun_with_are_compared(prepare, sqlite_url, monkeypatch):
    with open_storage(sqlite_url, create=True) as storage:
        entered = enter_study(prepare(), None, storage)
        assert {"keras", "tensorflow", "optuna"} <= entered.versions.keys()
        assert find_same_study(prepare(), storage)[0].notes == prepare().notes
        now = {**entered.versions, "keras": "99.1", "numpy": "98.0"}
        monkeypatch.setattr(entry, "installed_versions", lambda: now)
        note = find_same_study(prepare(), storage)[0].notes[-1]
    assert note == (
        f"It was begun with keras {entered.versions['keras']} (now 99.1), numpy {entered.versions['numpy']} "
        "(now 98.0): scores of earlier and later trials may differ for that reason alone."
    )
    assert versions_note({}, now) is None  # a study of a version that kept none


def test_changed_study_is_refused_with_every_difference(prepare, sqlite_url):
    with open_storage(sqlite_url, create=True) as storage:
        enter_study(prepare(), None, storage)
        with pytest.raises(UsageError) as caught:
            find_same_study(prepare("study.seed=7", "space.l2.high=0.01", "model.hidden=[8]"), storage)
    remedy = "Give the new study a name of its own with --study-name, or go on with the one that was begun"
    assert str(caught.value).splitlines() == [
        f"quick [study.seed]: expected 1 as the study was begun with, received 7. {remedy}: --set study.seed=1.",
        f"quick [model.hidden]: expected [4] as the study was begun with, received [8]. {remedy}.",
        "quick [space.l2.high]: expected 0.1 or more, for the study searches up to there, received 0.01. Of a range, "
        f"low may become lower and high may become higher. {remedy}: --set space.l2.high=0.1.",
    ]


@pytest.mark.parametrize(
    "override",
    [
        "confirm.finalists=0",
        "confirm.repeats=20",
        "confirm.rule=one_se",
        "confirm.refit_seeds=3",
        "confirm.keep_predictions_mib=1.5",
    ],
)
def test_study_goes_on_with_another_confirmation(prepare, sqlite_url, override):
    with open_storage(sqlite_url, create=True) as storage:
        entered = enter_study(prepare(), None, storage)
        going_on, known = find_same_study(prepare(override), storage)
        assert known == entered
        assert going_on.spec == prepare(override).spec


def test_study_of_a_version_that_confirmed_nothing_goes_on(prepare, sqlite_url):
    prepared = prepare()
    spec = spec_to_json(prepared.spec) | {"confirm": {"finalists": 0, "repeats": 20}}
    with open_storage(sqlite_url, create=True) as storage:
        entered = storage.create_study(
            "quick", prepared.direction, prepared.metric, spec, prepared.data_sha256, prepared.facts, 2
        )
        assert find_same_study(prepared, storage) == (prepared, entered)


def test_study_of_a_version_that_knew_no_time_limit_goes_on(prepare, sqlite_url):
    prepared = prepare()
    spec = spec_to_json(prepared.spec)
    del spec["data"]["timeout_seconds"]
    with open_storage(sqlite_url, create=True) as storage:
        entered = storage.create_study(
            "quick", prepared.direction, prepared.metric, spec, prepared.data_sha256, prepared.facts, 2
        )
        assert find_same_study(prepared, storage)[1] == entered


@pytest.fixture
def begun_wide(prepare, sqlite_url):
    """A study of a version that always had a window of 8, and ten trials before TPE's model."""
    prepared = prepare()
    spec = spec_to_json(prepared.spec)
    spec["study"]["window"] = 8
    del spec["study"]["n_startup_trials"]
    with open_storage(sqlite_url, create=True) as storage:
        storage.create_study(
            "quick", prepared.direction, prepared.metric, spec, prepared.data_sha256, prepared.facts, 2
        )
        yield storage


@pytest.mark.parametrize("n_trials", [2, 15, 100])
def test_study_of_a_version_that_fitted_no_window_goes_on_with_the_wide_one(prepare, begun_wide, n_trials):
    prepared = prepare(f"study.n_trials={n_trials}")
    going_on, known = find_same_study(prepared, begun_wide)
    assert known is not None
    assert (going_on.window, going_on.spec.study.n_startup_trials) == (8, 10)
    random_search = [note for note in going_on.notes if "is a random search" in note]
    assert bool(random_search) == (n_trials < 18)
    assert all(note.startswith("TPE proposes at random until 10 trials have been told") for note in random_search)


def test_raised_budget_changes_neither_window_nor_startup_trials(prepare, sqlite_url):
    with open_storage(sqlite_url, create=True) as storage:
        few = prepare("study.n_trials=15")
        enter_study(few, None, storage)
        going_on, known = find_same_study(prepare("study.n_trials=200"), storage)
        assert known is not None
        assert (few.window, few.spec.study.n_startup_trials) == (3, 3)
        assert (going_on.window, going_on.spec.study.n_startup_trials, going_on.n_trials) == (3, 3, 200)
        assert going_on.notes[-1] == (
            "Where its file leaves that open, the study goes on as it was begun: study.n_startup_trials = 3, "
            "study.window = 3."
        )
        enter_study(going_on, known, storage)
        again, _ = find_same_study(prepare("study.n_trials=300"), storage)
        assert (again.window, again.spec.study.n_startup_trials) == (3, 3)
        with pytest.raises(UsageError, match=r"quick \[study.window\]: expected 3 as the study was begun with"):
            find_same_study(prepare("study.n_trials=200", "study.window=8"), storage)


@pytest.fixture
def begun_unscaled(prepare, sqlite_url):
    """A regression that a version began which did not scale targets, and the storage that it is in."""
    prepared = prepare(*REGRESSION)
    spec = spec_to_json(prepared.spec)
    del spec["data"]["scale_target"]
    with open_storage(sqlite_url, create=True) as storage:
        storage.create_study(
            "quick", prepared.direction, prepared.metric, spec, prepared.data_sha256, prepared.facts, 2
        )
        yield storage


def test_regression_of_a_version_that_scaled_no_targets_goes_on_without(prepare, begun_unscaled):
    prepared = prepare(*REGRESSION)
    assert (prepared.spec.data.scale_target, prepared.plan.dataset.scale_target) == (True, True)
    going_on, known = find_same_study(prepared, begun_unscaled)
    assert known is not None
    assert (going_on.spec.data.scale_target, going_on.plan.dataset.scale_target) == (False, False)
    assert going_on.plan.spec == going_on.spec
    assert going_on.plan.identity != prepared.plan.identity
    assert going_on.notes == (
        *prepared.notes,
        "Where its file leaves that open, the study goes on as it was begun: data.scale_target = False.",
    )


def test_regression_whose_file_says_otherwise_is_refused(prepare, begun_unscaled):
    with pytest.raises(UsageError) as caught:
        find_same_study(prepare(*REGRESSION, "data.scale_target=true"), begun_unscaled)
    assert str(caught.value) == (
        "quick [data.scale_target]: expected False as the study was begun with, received True. "
        "Give the new study a name of its own with --study-name, or go on with the one that was begun."
    )
