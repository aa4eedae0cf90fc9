"""A study goes on in wider ranges; what was tried in the narrower ones stays, and counts as history."""

import random
import time

import optuna
import pytest
import tomlkit

from search.coordination.entry import enter_study, find_same_study
from search.coordination.launching import Launch, run_study
from search.coordination.progress import SilentObserver
from search.coordination.widening import in_wider_space
from search.errors import UsageError
from search.preparation.files import prepare_study
from search.records import Curve, RunResult, TrialState
from search.spec import Choices, Range
from search.storage import open_storage

STUDY = """
[study]
name = "quick"
n_trials = 14
seed = 3
window = 4
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
validation = { method = "kfold", folds = 2 }
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 30
batch_size = 16
engine = "fit"  # what trains here is no engine at all
[confirm]
finalists = 0
"""
# Each form of an axis: "off" below or above, logarithmic or not, steps, whole numbers as such and as reals; settings.
NARROW = {
    "l2": Range(low=1e-4, high=1e-2, log=True),
    "dropout": Range(low=0.2, high=0.4),
    "gaussian_dropout": Range(low=0.2, high=0.4, step=0.05),
    "max_norm": Range(low=2.0, high=3.0),
    "patience": Range(low=10, high=20),
    "start_epoch": Range(low=1, high=5, log=True),
    "training.learning_rate": Range(low=1e-3, high=1e-2, log=True),
    "training.batch_size": Range(low=8, high=24, step=8),
    "l1": Choices(choices=(1e-5, 1e-4)),
}
WIDE = NARROW | {
    "l2": Range(low=1e-8, high=1.0, log=True),
    "dropout": Range(low=0.05, high=0.9),
    "gaussian_dropout": Range(low=0.05, high=0.72, step=0.05),
    "max_norm": Range(low=0.5, high=10.0),
    "patience": Range(low=2, high=400),
    "start_epoch": Range(low=1, high=20, log=True),
    "training.learning_rate": Range(low=1e-5, high=1.0, log=True),
    "training.batch_size": Range(low=8, high=56, step=8),
}
WIDENED = WIDE.keys() - {"l1"}
NOTES = (
    "The range of l2 is wider since trial 14: 0.0001 to 0.01 before, 1e-08 to 1 from then on.",
    "The range of dropout is wider since trial 14: 0.2 to 0.4 before, 0.05 to 0.9 from then on.",
)


@pytest.fixture
def prepare(tmp_path):
    """Prepare the study with these entries of [space], by name, and settings."""
    path = tmp_path / "quick.toml"

    def prepared(space, *overrides):
        entries = {name: entry.model_dump(exclude_none=True) for name, entry in space.items()}
        path.write_text(STUDY + tomlkit.dumps({"space": entries}))
        return prepare_study(str(path), overrides)

    return prepared


def train(plan, run, report):
    """A score that depends on configuration and seed, after a random while."""
    time.sleep(random.random() * 0.005)
    settings = run.configuration
    score = (settings.get("dropout", 0.0) - 0.3) ** 2 + settings.get("l2", 0.0) + (run.seed % 7) * 1e-3
    return RunResult(run, score, curve=Curve((1.0, 0.5), (1.0, 0.5), (1.0, score)), epochs_trained=2, best_epoch=2)


@pytest.fixture
def storage(sqlite_url, make_tables):
    make_tables(sqlite_url)
    with open_storage(sqlite_url) as opened:
        yield opened


class Told(SilentObserver):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def outcome(storage):
    trials = storage.trials(storage.study("quick").study_id)
    return [(t.number, t.state, t.score, t.configuration, t.parameters) for t in trials]


def without_choices(space):
    """CMA-ES knows no choices."""
    return {name: entry for name, entry in space.items() if isinstance(entry, Range)}


def is_in(entry, value):
    return value is None or entry.low <= value <= entry.high


@pytest.mark.parametrize(
    ("settings", "of"),
    [
        (("study.n_startup_trials=5",), dict),
        (("study.sampler=random",), dict),
        (("study.sampler=qmc",), dict),
        (("study.sampler=cmaes",), without_choices),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)
def test_study_goes_on_in_wider_ranges_as_the_same_one_with_any_workers_and_crashes(
    prepare, tmp_path, launch, crash_after, settings, of
):
    found = []
    for workers, crashes in ((Launch(n_jobs=0), ()), (launch, (1, 14))):
        with open_storage(f"sqlite:///{tmp_path}/{len(found)}.db", create=True) as storage:
            run_study(prepare(of(NARROW), *settings), storage, workers, train=train)
            before = storage.trials(storage.study("quick").study_id)
            going_on = prepare(of(WIDE), *settings, "study.n_trials=30")
            for n_results in crashes:
                with pytest.raises(KeyboardInterrupt):
                    run_study(going_on, storage, workers, crash_after(n_results), train=train)
            record = run_study(going_on, storage, workers, train=train)
            assert storage.trials(record.study_id)[:14] == before
            assert [note for note in record.notes if "wider" in note][:2] == list(NOTES)
            found.append(outcome(storage))
            run_study(prepare(of(WIDE), *settings, "study.n_trials=32"), storage, workers, train=train)
            assert outcome(storage)[:30] == found[-1]
    assert found[0] == found[1]
    assert [state for _, state, *_ in found[0]] == [TrialState.COMPLETE] * 30
    new = [configuration for *_, configuration, _ in found[0][14:]]
    assert all(
        WIDE[name].low <= value <= WIDE[name].high for each in new for name, value in each.items() if name != "l1"
    )
    beyond = {name for name in WIDENED for each in new if not is_in(NARROW[name], each.get(name))}
    assert len(beyond) >= 3 if settings == ("study.sampler=cmaes",) else beyond == WIDENED


def test_optuna_reads_a_widened_study_and_goes_on_with_it(prepare, sqlite_url, launch):
    with open_storage(sqlite_url, create=True) as storage:
        run_study(prepare(NARROW), storage, launch, train=train)
        run_study(prepare(WIDE, "study.n_trials=20"), storage, launch, train=train)
    study = optuna.load_study(study_name="quick", storage=sqlite_url)
    assert len(study.trials) == 20
    early, late = study.trials[13].distributions, study.trials[14].distributions
    for name in NARROW:
        optuna.distributions.check_distribution_compatibility(early[name], late[name])
        assert (early[name] == late[name]) == (name == "l1")
    assert set(study.ask(late).params) == set(NARROW)


@pytest.fixture
def grids(prepare):
    """A study that walks a grid, with a technique that means nothing without another one, and the wider grid."""
    narrow = {
        "dropout": Range(low=0.2, high=0.3, step=0.1),
        "minimum_delta": Choices(choices=(1e-3,)),
        "patience": Range(low=3, high=4),
    }
    wide = narrow | {"dropout": Range(low=0.1, high=0.4, step=0.1), "patience": Range(low=2, high=4)}
    begun = prepare(narrow, "study.sampler=grid", "study.n_trials=11")
    return begun, prepare(wide, "study.sampler=grid", "study.n_trials=1000")


@pytest.mark.parametrize("n_results", [1, 9])
def test_grid_walks_on_over_the_points_that_wider_ranges_add(grids, tmp_path, launch, crash_after, n_results):
    begun, going_on = grids
    found = []
    for crashes in ((), (n_results,)):
        with open_storage(f"sqlite:///{tmp_path}/{len(found)}.db", create=True) as storage:
            run_study(begun, storage, launch, train=train)
            before = outcome(storage)
            for crash in crashes:
                with pytest.raises(KeyboardInterrupt):
                    run_study(going_on, storage, launch, crash_after(crash), train=train)
            record = run_study(going_on, storage, launch, train=train)
            space = in_wider_space(going_on, record, storage).space
            trials = storage.trials(record.study_id)
            found.append(outcome(storage))
    assert found[0] == found[1]
    assert found[0][:11] == before
    assert len(trials) == (4 + 1) * (1 + 1) * (3 + 1)
    assert {tuple(space.sampled(trial).values()) for trial in trials} == {tuple(each.values()) for each in space.grid()}


def test_ranges_may_become_wider_again_and_each_time_is_told(prepare, storage, launch):
    spans = ((1e-3, 1e-2), (1e-4, 1e-2), (1e-4, 1.0), (1e-5, 1.0))
    for n_trials, (low, high) in zip((3, 5, 5, 7), spans, strict=True):
        spaces = {"l2": Range(low=low, high=high, log=True), "dropout": Range(low=0.1, high=0.5)}
        told = Told()
        record = run_study(prepare(spaces, f"study.n_trials={n_trials}"), storage, launch, told, train=train)
        if (n_trials, high) == (5, 1.0):
            nothing = "No trial is left to be asked in the wider range of l2: raise n_trials above 5."
            assert told.notes == [f"note: {nothing}"]
            assert record.spec["space"]["l2"]["high"] == 1e-2
    notes = (
        "The range of l2 is wider since trial 3: 0.001 to 0.01 before, 0.0001 to 0.01 from then on.",
        "The range of l2 is wider since trial 5: 0.0001 to 0.01 before, 1e-05 to 1 from then on.",
    )
    assert record.notes[-2:] == notes
    assert told.notes[:2] == [f"note: {note}" for note in notes]
    assert record.spec["space"]["l2"]["low"] == 1e-5
    assert storage.study("quick") == record


def test_crash_before_the_first_trial_of_a_wider_range_leaves_no_trace_of_it(prepare, storage, launch):
    """Another range is then taken, as if the first had never been asked for."""
    spaces = [{"l2": Range(low=1e-3, high=high, log=True)} for high in (1e-2, 1e-1, 1.0)]
    run_study(prepare(spaces[0], "study.n_trials=3"), storage, launch, train=train)
    known = storage.study("quick")
    enter_study(prepare(spaces[1], "study.n_trials=5"), known, storage, 3)
    record = run_study(prepare(spaces[2], "study.n_trials=5"), storage, launch, train=train)
    assert record.notes[-1] == "The range of l2 is wider since trial 3: 0.001 to 0.01 before, 0.001 to 1 from then on."


REMEDY = (
    "Of a range, low may become lower and high may become higher. Give the new study a name of its own with "
    "--study-name, or go on with the one that was begun"
)
RANGE = Range(low=0.2, high=0.4, step=0.05)
BEGUN = "as the study was begun with"
IN_WORDS = "{low = 0.2, high = 0.4, step = 0.05}"
TOO_LOW = "dropout.high]: expected 0.4 or more, for the study searches up to there, received 0.3"


@pytest.mark.parametrize(
    ("name", "entry", "sentences"),
    [
        (
            "dropout",
            Range(low=0.3, high=0.4, step=0.05),
            ["dropout.low]: expected 0.2 or less, for the study searches down to there, received 0.3"],
        ),
        ("dropout", Range(low=0.1, high=0.3, step=0.05), [TOO_LOW]),
        (
            "dropout",
            Range(low=0.17, high=0.4, step=0.05),
            ["dropout.low]: expected 0.2 less a whole number of steps of 0.05, received 0.17"],
        ),
        (
            "dropout",
            Range(low=0.2, high=0.6, step=0.1),
            [f"dropout.step]: expected 0.05 {BEGUN}, received 0.1"],
        ),
        (
            "dropout",
            Range(low=0.1, high=0.3, log=True),
            [
                f"dropout.log]: expected false {BEGUN}, received true",
                f"dropout.step]: expected 0.05 {BEGUN}, received nothing",
                TOO_LOW,
            ],
        ),
        ("dropout", None, [f"dropout]: expected {IN_WORDS} {BEGUN}, received nothing"]),
        (
            "dropout",
            Choices(choices=(0.2, 0.3)),
            [f"dropout]: expected {IN_WORDS} {BEGUN}, received {{choices = [0.2, 0.3]}}"],
        ),
        ("l2", Choices(choices=(1e-3,)), [f"l2]: expected nothing {BEGUN}, received {{choices = [0.001]}}"]),
        (
            "l1",
            Choices(choices=(1e-5, 1e-4, 1e-3)),
            [f"l1.choices]: expected [1e-5, 0.0001] {BEGUN}, received [1e-5, 0.0001, 0.001]"],
        ),
        (
            "start_epoch",
            Range(low=1, high=40, log=True),
            [
                "start_epoch]: expected the range that the study was begun with, since Optuna samples whole numbers of "
                "a wider one as reals, and keeps the kind of a parameter, received a wider one"
            ],
        ),
    ],
)
def test_any_other_change_is_refused_with_what_may_change(prepare, storage, name, entry, sentences):
    space = {
        "dropout": RANGE,
        "l1": Choices(choices=(1e-5, 1e-4)),
        "patience": Range(low=3, high=9),
        "start_epoch": Range(low=10, high=20, log=True),
    }
    enter_study(prepare(space), None, storage)
    changed = {key: value for key, value in (space | {name: entry}).items() if value is not None}
    with pytest.raises(UsageError) as caught:
        find_same_study(prepare(changed), storage)
    ways = [way and f": --set space.{way}" for way in (_way_back(sentence) for sentence in sentences)]
    assert str(caught.value).splitlines() == [
        f"quick [space.{sentence}. {REMEDY}{way}." for sentence, way in zip(sentences, ways, strict=True)
    ]


def _way_back(sentence):
    """What a sentence offers to be typed: the number that was there, if there was one."""
    key = sentence.partition("]")[0]
    known = {"dropout.low": 0.2, "dropout.high": 0.4, "dropout.step": 0.05}
    return f"{key}={known[key]}" if key in known else ""


@pytest.mark.parametrize(
    ("settings", "name", "reason"),
    [
        ("study.sampler=ablation", "dropout", 'sampler = "ablation" compares techniques at one value each'),
        ("study.pruner=median", "training.epochs", 'pruner = "median" compares trials at shares of the most epochs'),
    ],
)
def test_wider_range_is_refused_where_earlier_trials_could_not_be_compared(prepare, storage, settings, name, reason):
    ends = {"dropout": (RANGE, Range(low=0.2, high=0.5, step=0.05))}
    ends["training.epochs"] = (Range(low=10, high=30), Range(low=10, high=60))
    begun, wider = ends[name]
    enter_study(prepare({name: begun}, settings), None, storage)
    with pytest.raises(UsageError) as caught:
        find_same_study(prepare({name: wider}, settings), storage)
    key = f'"{name}"' if "." in name else name
    assert str(caught.value) == (
        f"quick [space.{key}]: expected the range that the study was begun with, since {reason}, received a wider "
        f"one. {REMEDY}."
    )


def test_a_widened_study_does_not_become_narrow_again(prepare, storage, launch):
    narrow, wide = {"l2": Range(low=1e-3, high=1e-2)}, {"l2": Range(low=1e-4, high=1e-2)}
    run_study(prepare(narrow, "study.n_trials=3"), storage, launch, train=train)
    run_study(prepare(wide, "study.n_trials=5"), storage, launch, train=train)
    with pytest.raises(UsageError) as caught:
        run_study(prepare(narrow, "study.n_trials=7"), storage, launch, train=train)
    assert str(caught.value) == (
        "quick [space.l2.low]: expected 0.0001 or less, for the study searches down to there, received 0.001. "
        f"{REMEDY}: --set space.l2.low=0.0001."
    )
