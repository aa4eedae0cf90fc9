"""Which studies are raced where their files leave it open, and what becomes of those that were begun otherwise."""

import pytest

from search.coordination.entry import find_same_study
from search.coordination.launching import Launch, run_study
from search.errors import StudyFileError
from search.preparation.files import prepare_study
from search.preparation.shipped import shipped_studies
from search.records import TrialState
from search.spec import spec_from_json, spec_to_json
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake

LARGE = (
    "study.pruner=auto",
    "model.hidden=[512, 512]",
    "study.n_trials=200",
    "data.options={ n_samples = 2000, random_state = 1 }",
)
NOTE = (
    'Trials are raced (pruner = "racing"): one that is clearly worse after some epochs, or after some of its runs, is '
    'given up. To train them all, set study.pruner = "none".'
)


@pytest.fixture
def prepare(tmp_path):
    (tmp_path / "quick.toml").write_text(STUDY)
    return lambda *overrides: prepare_study(str(tmp_path / "quick.toml"), overrides)


def test_search_of_seconds_trains_every_trial(prepare):
    for overrides in ((), ("study.pruner=auto",)):
        prepared = prepare(*overrides)
        assert prepared.spec.study.pruner == "none"
        assert NOTE not in prepared.notes


def test_search_of_minutes_is_raced_and_says_so(prepare):
    prepared = prepare(*LARGE)
    assert prepared.spec.study.pruner == "racing"
    assert NOTE in prepared.notes
    assert prepare(*LARGE[1:]).spec.study.pruner == "none"


@pytest.mark.parametrize(
    "override",
    [
        "study.pruner=none",
        "study.n_trials=10",
        'study.sampler="grid"',
        'study.sampler="ablation"',
        "space={ l2 = { choices = [1e-3] }, path = { choices = [1e-6] } }",
    ],
)
def test_search_of_minutes_is_not_raced_where_every_trial_is_asked_for(prepare, override):
    points = ["space={ l2 = { choices = [1e-4, 1e-3] } }"] if "sampler" in override else []
    assert prepare(*LARGE, *points, override).spec.study.pruner == "none"


def test_auto_races_no_shipped_study():
    """None of them is expensive."""
    studies = [path for name, path in shipped_studies().items() if name != "mnist_ablation"]
    raced = [path for path in studies if prepare_study(str(path), ["study.pruner=auto"]).spec.study.pruner != "none"]
    assert raced == []


def test_study_that_was_begun_without_a_pruner_goes_on_without_one(prepare, tmp_path):
    with open_storage(f"sqlite:///{tmp_path}/a.db", create=True) as storage:
        begun = prepare(*LARGE, "study.pruner=none", "confirm.finalists=0", "study.n_trials=20")
        run_study(begun, storage, Launch(0), train=Fake())
        prepared, _ = find_same_study(prepare(*LARGE, "confirm.finalists=0"), storage)
        assert prepared.spec.study.pruner == "none"
        assert NOTE not in prepared.notes
        assert "study.pruner = none" in prepared.notes[-1]


def test_study_that_was_stored_before_there_was_a_race_has_no_pruner(prepare):
    stored = spec_to_json(prepare(*LARGE).spec)
    del stored["study"]["pruner"]
    assert spec_from_json(stored).study.pruner == "none"


def test_raced_study_ends_with_whole_trials_and_a_choice(prepare, tmp_path):
    with open_storage(f"sqlite:///{tmp_path}/a.db", create=True) as storage:
        record = run_study(prepare("study.pruner=racing"), storage, Launch(0), train=Fake())
        trials = storage.trials(record.study_id)
        states = [trial.state for trial in trials]
        assert states.count(TrialState.PRUNED) >= 3
        assert states.count(TrialState.COMPLETE) >= 6
        assert states[0] is TrialState.COMPLETE
        assert storage.verdict(record.study_id) is not None


def test_race_along_a_path_is_refused(prepare):
    with pytest.raises(StudyFileError, match='expected pruner = "none" with path in '):
        prepare("study.pruner=racing", "space={ l2 = { choices = [1e-3] }, path = { choices = [1e-6] } }")
