"""The confirmation after the search, with runs that cost nothing: what is trained, and that nothing sways it."""

import contextlib
import random
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from search.coordination import confirming, limits
from search.coordination.estimating import estimate_selection
from search.coordination.launching import Launch, run_study
from search.coordination.limits import SessionLimits
from search.coordination.progress import SilentObserver
from search.data import Dataset
from search.dispatch.tasks import TrainTask
from search.errors import StorageError
from search.execution import Done, ItemFailure, Pool
from search.preparation.preparing import prepare_data
from search.records import Curve, FailureCause, Predictions, Purpose, RunReport, RunResult, TrialState, Verdict
from search.reporting.summaries import summarize_best
from search.selection import Reference, choose_stored
from search.spec import Choices, Range, StudySpec, Validation
from search.storage import Storage, open_storage
from search.training import OwnMetric

N_ROWS, N_TRIALS, N_FINALISTS = 60, 10, 3
IN_A_THREAD = Launch(n_jobs=0)


def make_dataset(task="binary", **columns):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(N_ROWS, 2)).astype(np.float32)
    target = np.arange(N_ROWS) % 3 if task == "multiclass" else np.arange(N_ROWS) % 2
    classes = ("a", "b", "c") if task == "multiclass" else ("no", "yes")
    if task == "regression":
        target, classes = 10.0 * target + features[:, 0], ()
    return Dataset(features, target, task, classes, standardize=True, sha256="0", **columns)


def prepare(dataset=None, own_metric=None, **tables):
    """A study of ten trials, of which three and the baseline are confirmed; tables are changed key by key."""
    asked = {
        "study": {"name": "quick", "n_trials": N_TRIALS, "seed": 4, "window": 4, "sampler": "random"},
        "data": {"source": "csv"},
        "split": {"validation": Validation(method="kfold", folds=2)},
        "model": {"family": "mlp", "hidden": (4,)},
        "training": {"epochs": 3, "engine": "fit"},  # what trains here is no engine at all
        "confirm": {"finalists": N_FINALISTS},
        "objective": {},
        "space": {"dropout": Range(low=0.1, high=0.5), "l2": Range(low=1e-6, high=1e-1, log=True)},
    }
    asked = {name: {**table, **tables.get(name, {})} for name, table in asked.items()}
    return prepare_data(StudySpec(**asked), make_dataset() if dataset is None else dataset, own_metric=own_metric)


def train(plan, run, report):
    """The labels with noise that run and rows share, told with a confidence that depends on the configuration."""
    rows = plan.fold(run).validation
    truth, n_classes = plan.dataset.target[rows], len(plan.dataset.classes)
    noise = np.random.default_rng(7).normal(size=(N_ROWS, 3))[rows]
    noise = noise + 0.3 * np.random.default_rng(run.seed).normal(size=noise.shape)
    dropout = run.configuration.get("dropout", 0.0)
    if not n_classes:
        predicted = (truth + (1 - dropout) * noise[:, 0])[:, None]
    else:
        logits = (3.0 - 5 * dropout) * (np.eye(3)[truth] + noise)[:, :n_classes]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        predicted = (shares[:, 1:] if n_classes == 2 else shares).astype(np.float32)
    weight = plan.dataset.weight
    score = plan.scoring.score(truth, predicted, None if weight is None else weight[rows])
    loss = [2.0, 1.0 - dropout - 1e-3 * (run.seed % 7)]
    return RunResult(
        run, score, curve=Curve(loss, loss, loss), epochs_trained=2, best_epoch=2, predictions=Predictions(predicted)
    )


def train_without_predictions(plan, run, report):
    return replace(train(plan, run, report), predictions=None)


_TRAINED = []
"""Filled by workers that are threads of this process; all else that is sent to them is a copy."""


class Trained:
    """Trains, and keeps what it trained of the confirmation."""

    def __init__(self):
        _TRAINED.clear()

    @property
    def keys(self):
        return [(run.trial, run.fold, run.repeat) for run, _ in _TRAINED if run.purpose is Purpose.CONFIRMATION]

    def __call__(self, plan, run, report):
        fold = plan.fold(run)
        _TRAINED.append((run, tuple(part.tobytes() for part in (fold.train, fold.stop, fold.validation))))
        return train(plan, run, report)


_TOO_LATE = threading.Event()
"""Set when a session waits no longer for runs that are held; they are threads of this process too."""


class HeldAfter(Trained):
    """Trains a number of runs of the confirmation, and holds the next until it is too late for it.

    They take a minute, they say, so that each is sent alone.
    """

    def __init__(self, n_runs):
        super().__init__()
        self._n_runs = n_runs

    def __call__(self, plan, run, report):
        if len(self.keys) >= self._n_runs:
            assert _TOO_LATE.wait(60)
        return replace(super().__call__(plan, run, report), seconds=60.0)


class Watching(SilentObserver):
    """Keeps what it is told."""

    def __init__(self):
        self.notes, self.told = [], []

    def note(self, message):
        self.notes.append(message)

    def confirming(self, progress):
        self.told.append(progress)


@pytest.fixture
def storage(sqlite_url, make_tables):
    make_tables(sqlite_url)
    with open_storage(sqlite_url) as opened:
        yield opened


def confirm(prepared, storage, launch=IN_A_THREAD, observer=None, train=train):
    """Run a study to its end; its verdict."""
    run_study(prepared, storage, launch, observer, train)
    return verdict_of(storage)


def verdict_of(storage):
    stored = storage.verdict(storage.study("quick").study_id)
    return None if stored is None else Verdict.from_json(stored.verdict)


def choice_of(storage):
    study = storage.study("quick")
    return choose_stored(storage, study, storage.trials(study.study_id))


def confirmed_runs(storage):
    return storage.runs(storage.study("quick").study_id, purpose=Purpose.CONFIRMATION)


def keys(storage):
    return [(run.trial, run.fold, run.repeat) for run in confirmed_runs(storage)]


def outcome(storage):
    """All that may not depend on workers and interruptions."""
    runs = [(run.trial, run.fold, run.repeat, run.seed, run.score) for run in confirmed_runs(storage)]
    return verdict_of(storage), runs, storage.predictions(storage.study("quick").study_id, Purpose.CONFIRMATION)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """What the study finds when nothing happens."""
    with open_storage(f"sqlite:///{tmp_path_factory.mktemp('unbroken')}/u.db", create=True) as storage:
        verdict = confirm(prepare(), storage)
        assert verdict is not None
        assert len(verdict.finalists) == 1 + N_FINALISTS
        return outcome(storage)


# How many repeats


@pytest.mark.parametrize(
    ("n_trials", "finalists", "least", "most"),
    [
        (10, 3, 5, 5),  # 20 runs of the search have room for one repeat, and there are five at least
        (60, 1, 6, 15),  # 120 runs have room for 15 of the baseline and one finalist on two folds
        (250, 1, 50, 50),
    ],
)
def test_auto_spends_half_of_what_the_search_spent(n_trials, finalists, least, most, storage):
    prepared = prepare(study={"n_trials": n_trials}, confirm={"finalists": finalists})
    verdict = confirm(prepared, storage)
    cost = (1 + finalists) * 2
    room = len(storage.runs(storage.study("quick").study_id)) / 2  # equal configurations were trained once
    assert verdict.repeats == max(5, min(50, room // cost))
    assert least <= verdict.repeats <= most
    assert len(keys(storage)) == verdict.repeats * cost


def test_given_number_of_repeats_is_trained_whatever_the_search_spent(storage):
    assert confirm(prepare(confirm={"repeats": 7}), storage).repeats == 7


def train_apart(plan, run, report):
    """Finalists that anyone can tell apart, by the labels alone."""
    score = 1.0 - run.configuration.get("dropout", 0.0) + 1e-6 * (run.seed % 5)
    return RunResult(run, score, curve=Curve([1.0], [1.0], [1.0]), epochs_trained=1, best_epoch=1)


def test_whoever_is_clearly_beaten_leaves_its_repeats_to_the_others(storage):
    """Four are trained three times, and then two: the budget lasts longer than it does for four."""
    observer = Watching()
    prepared = prepare(study={"n_trials": 60})
    verdict = confirm(prepared, storage, observer=observer, train=train_apart)
    assert [each.end for each in verdict.finalists] == [None, None, "beaten", "beaten"]
    assert [each.repeats for each in verdict.finalists[2:]] == [3, 3]
    room = len(storage.runs(storage.study("quick").study_id)) / 2
    assert verdict.repeats == 3 + (room - 3 * 4 * 2) // (2 * 2)
    assert verdict.repeats > room // (4 * 2)
    assert verdict.chosen == verdict.candidate == verdict.finalists[1].trial
    assert {len(told.finalists) for told in observer.told if told.repeat <= 3} == {3}
    assert {told.finalists for told in observer.told if told.repeat > 3} == {(verdict.chosen,)}


def test_progress_counts_the_runs_of_each_repeat(storage):
    observer = Watching()
    confirm(prepare(), storage, observer=observer)
    assert [(told.repeat, told.done, told.total) for told in observer.told] == [
        (repeat, done, 8) for repeat in range(1, 6) for done in range(9)
    ]
    assert observer.told[3].in_words() == "confirming 3 finalists and the baseline, repeat 1: 3 of 8 runs"


# What is trained


def test_divisions_and_seeds_are_fresh_and_the_same_for_all_finalists(storage):
    prepared = prepare(objective={"seeds": 2})
    verdict = confirm(prepared, storage)
    runs = {trial: [r for r in confirmed_runs(storage) if r.trial == trial.trial] for trial in verdict.finalists}
    told = [[(run.fold, run.repeat, run.seed) for run in of_trial] for of_trial in runs.values()]
    assert len(told) == 4
    assert all(each == told[0][: len(each)] for each in told)
    assert min(map(len, told)) >= 3 * 2 * 2  # who drops out has three repeats at least
    assert [key[:2] for key in told[0]] == [(fold, seed) for fold in range(10) for seed in range(2)]
    seeds = {seed for _, _, seed in told[0]}
    searched = {run.seed for run in storage.runs(storage.study("quick").study_id)}
    assert len(seeds) == 20
    assert not seeds & searched


def test_configurations_meet_the_same_rows_seeds_and_noise_so_that_every_difference_is_paired(storage):
    verdict, met = confirm(prepare(), storage, train=Trained()), {}
    for run, rows in _TRAINED:
        met.setdefault((run.purpose, run.fold, run.repeat), {})[run.trial] = (run.seed, rows)
    finalists = {each.trial for each in verdict.finalists}
    assert {len(trials) for (purpose, *_), trials in met.items() if purpose is Purpose.SEARCH} == {N_TRIALS}
    assert all(set(met[Purpose.CONFIRMATION, fold, 0]) == finalists for fold in range(3 * 2))
    assert all(len(set(trials.values())) == 1 for trials in met.values())
    divisions = [next(iter(trials.values())) for trials in met.values()]
    assert len(divisions) == len(set(divisions)) == 2 + 10
    assert len({rows for _, rows in divisions}) == len(divisions)
    scores = {(run.trial, run.fold): run.score for run in confirmed_runs(storage)}
    for each in verdict.finalists[1:]:
        gains = [scores[0, fold] - scores[each.trial, fold] for fold in range(2 * each.repeats)]
        assert each.difference.mean == pytest.approx(np.mean(gains))
        error = np.sqrt((1 / len(gains) + 30 / 30) * np.var(gains, ddof=1))
        assert each.difference.standard_error == pytest.approx(error)


def column(values):
    return np.array(values)


WEIGHTS = np.where(np.arange(N_ROWS) % 5 == 0, 0.0, 1.0 + np.arange(N_ROWS) % 4).astype(np.float32)
GROUPS = np.arange(N_ROWS) // 4
ORDER = np.arange(N_ROWS)[::-1].copy()
SCENARIOS = {
    "holdout": ({"split": {"validation": Validation(method="holdout", fraction=0.25)}}, {}, True),
    "repeated k-fold": ({"split": {"validation": Validation(method="kfold", folds=3, repeats=2)}}, {}, True),
    "groups": ({}, {"groups": GROUPS}, True),
    "weights": ({}, {"weight": WEIGHTS}, True),
    "stop rows that score": ({"split": {"stop": "validation"}}, {}, True),
    "two seeds": ({"objective": {"seeds": 2}}, {}, True),
    "one_se": ({"confirm": {"rule": "one_se"}}, {}, True),
    "accuracy": ({"objective": {"metric": "accuracy"}}, {}, True),
    "roc_auc": ({"objective": {"metric": "roc_auc"}}, {"weight": WEIGHTS}, True),
    "multiclass": ({}, {"task": "multiclass"}, True),
    "regression": ({}, {"task": "regression"}, True),
    "r2": ({"objective": {"metric": "r2"}}, {"task": "regression", "weight": WEIGHTS}, True),
    "head": ({"split": {"validation": Validation(method="head", train=40)}}, {}, False),
    "order": ({}, {"order": ORDER}, False),
    "order, holdout": ({"split": {"validation": Validation(method="holdout", fraction=0.3)}}, {"order": ORDER}, False),
    "own column": ({}, {"part": column((["train"] * 6 + ["stop"] * 2 + ["validation"] * 2) * 6)}, False),
    "own folds": ({}, {"part": column(["0", "1", "2", "2", "1", "0"] * 10)}, False),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_way_to_divide_and_to_score_is_confirmed(name, storage):
    tables, columns, scores_other_rows = SCENARIOS[name]
    prepared = prepare(make_dataset(**columns), **tables)
    verdict = confirm(prepared, storage)
    assert (verdict.repeats, verdict.scores_other_rows) == (5, scores_other_rows)
    assert verdict.constant is not None
    assert choice_of(storage).chosen.number == verdict.chosen
    plan, n_folds = prepared.plan, len(prepared.plan.folds)
    searched = {fold.validation.tobytes() for fold in plan.folds}
    for repeat in range(5):
        folds = plan.redrawn(repeat)
        assert [fold.number for fold in folds] == list(range(repeat * n_folds, (repeat + 1) * n_folds))
        assert ({fold.validation.tobytes() for fold in folds} == searched) is not scores_other_rows
        for fold in folds:
            assert not np.intersect1d(fold.train, fold.validation).size
            assert not np.intersect1d(fold.train, fold.stop).size
            if tables.get("split", {}).get("stop") != "validation":
                assert not np.intersect1d(fold.stop, fold.validation).size
            if "groups" in columns:
                used = np.union1d(fold.train, fold.stop)
                assert not np.intersect1d(GROUPS[used], GROUPS[fold.validation]).size
    by_fold = {}
    for run in confirmed_runs(storage):
        by_fold.setdefault((run.trial, run.fold), []).append(run.score)
    for each in verdict.finalists:
        scores = [np.mean(by_fold[each.trial, fold]) for fold in range(each.repeats * n_folds)]
        assert each.score == pytest.approx(np.mean(scores))
    assert (verdict.chance is None) is (prepared.plan.dataset.groups is not None or "order" in name)


def test_draws_that_leave_a_part_without_a_class_are_passed_over(storage):
    """Four groups are of class yes, of 2 to 7 rows: a part may get none of them."""
    sizes = [3, 4, 7, 5, 3, 7, 5, 2, 2, 5, 5, 5, 2, 2, 3]
    groups = np.repeat(np.arange(len(sizes)), sizes)
    prepared = prepare(replace(make_dataset(groups=groups), target=np.isin(groups, [1, 2, 4, 12]).astype(np.int64)))
    drawn = [repeat for repeat in range(20) if prepared.is_drawn(repeat)]
    assert drawn[4] > 4, "expected a draw that cannot be made"
    assert confirm(prepared, storage).repeats == 5
    assert sorted({fold // 2 for _, fold, _ in keys(storage)}) == drawn[:5]


def test_draws_of_which_no_row_counts_are_passed_over(storage):
    weight = np.zeros(N_ROWS, np.float32)
    weight[[0, 1, 2, 3, 4, 5]] = 1.0
    prepared = prepare(make_dataset(weight=weight), split={"validation": Validation(method="kfold", folds=3)})
    drawn = [repeat for repeat in range(60) if prepared.is_drawn(repeat)]
    assert drawn[4] > 4, "expected a draw of which no row counts"
    assert confirm(prepared, storage).repeats == 5
    assert sorted({fold // 3 for _, fold, _ in keys(storage)}) == drawn[:5]


def test_rows_that_cannot_be_divided_anew_are_told_and_give_no_verdict(storage, monkeypatch):
    prepared, observer = prepare(), Watching()
    monkeypatch.setattr(type(prepared), "is_drawn", lambda self, repeat: False)
    assert confirm(prepared, storage, observer=observer) is None
    assert observer.notes[-1] == (
        "Nothing is confirmed: 20 draws in a row left a part of the rows without a class, or without one that counts."
    )
    assert keys(storage) == []


# What nothing may depend on


def test_number_of_workers_and_order_of_results_change_nothing(unbroken, tmp_path, launch):
    def slowly(plan, run, report):
        time.sleep(random.random() * 0.01)
        return train(plan, run, report)

    for attempt in range(2):
        random.seed(attempt)
        with open_storage(f"sqlite:///{tmp_path}/{attempt}.db", create=True) as storage:
            confirm(prepare(), storage, launch, train=slowly)
            assert outcome(storage) == unbroken


@pytest.mark.parametrize("n_results", [21, 25, 39, 60])
def test_killed_confirmation_goes_on_and_trains_nothing_twice(n_results, storage, unbroken, crash_after):
    """Of 60 runs the search has 20."""
    with pytest.raises(KeyboardInterrupt):
        run_study(prepare(), storage, IN_A_THREAD, crash_after(n_results), train)
    assert verdict_of(storage) is None
    before = keys(storage)
    assert len(before) == n_results - 21
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert not set(trained.keys) & set(before)
    assert len(trained.keys) == 40 - len(before)
    assert outcome(storage) == unbroken


class _PowerCutError(BaseException):
    pass


@pytest.mark.parametrize("is_written", [True, False])
def test_coordinator_that_dies_at_each_write_ends_with_the_same_verdict(is_written, storage, unbroken, monkeypatch):
    monkeypatch.setattr(confirming, "_LONGEST_UNWRITTEN_SECONDS", -1.0)
    left = [0]

    def dying(write):
        def writing(self, *arguments, **options):
            if left[0] == 0 and not is_written:
                raise _PowerCutError
            write(self, *arguments, **options)
            left[0] -= 1
            if left[0] < 0 and is_written:
                raise _PowerCutError

        return writing

    for name in ("write_runs", "keep_verdict"):
        monkeypatch.setattr(Storage, name, dying(getattr(Storage, name)))
    n_sessions, trained = 0, Trained()
    while verdict_of_any(storage) is None:
        left[0] = n_sessions % 3 + (not is_written)
        before = set(keys(storage)) if storage.studies() else set()
        n_sessions += 1
        assert n_sessions < 100
        first = len(trained.keys)
        with contextlib.suppress(_PowerCutError):
            run_study(prepare(), storage, IN_A_THREAD, train=trained)
        assert not before & set(trained.keys[first:])
    assert n_sessions > 5
    assert outcome(storage) == unbroken


def verdict_of_any(storage):
    return verdict_of(storage) if storage.studies() else None


def test_confirmed_study_trains_nothing_and_opens_no_workers(storage, unbroken, monkeypatch):
    confirm(prepare(), storage)
    decided = storage.verdict(storage.study("quick").study_id)
    monkeypatch.setattr("search.coordination.launching.open_workers", None)
    confirm(prepare(), storage)
    assert outcome(storage) == unbroken
    assert storage.verdict(storage.study("quick").study_id) == decided


# Going on


def test_more_trials_put_the_verdict_out_of_date_until_the_next_confirmation_which_reuses_runs(storage, crash_after):
    first = confirm(prepare(), storage)
    before = set(keys(storage))
    more = prepare(study={"n_trials": 2 * N_TRIALS})
    with pytest.raises(KeyboardInterrupt):
        run_study(more, storage, IN_A_THREAD, crash_after(2 * N_TRIALS + 1), train)
    found = summarize_best(storage, "quick")
    assert verdict_of(storage) == first
    assert (found.choice.verdict, found.awaits_confirmation) == (None, True)
    assert found.choice.chosen == found.choice.best
    trained = Trained()
    second = confirm(more, storage, train=trained)
    assert (first.n_trials, second.n_trials) == (N_TRIALS, 2 * N_TRIALS)
    kept = {each.trial for each in first.finalists} & {each.trial for each in second.finalists}
    assert kept
    assert not before & set(trained.keys)
    assert choice_of(storage).verdict == second
    assert not summarize_best(storage, "quick").awaits_confirmation


def test_study_that_grew_decides_as_one_that_was_that_large_from_the_beginning(storage, tmp_path):
    more = prepare(study={"n_trials": 2 * N_TRIALS})
    confirm(prepare(confirm={"repeats": 9, "finalists": 5}), storage)
    grown = confirm(more, storage)
    with open_storage(f"sqlite:///{tmp_path}/whole.db", create=True) as whole:
        assert grown == confirm(more, whole)


@pytest.mark.parametrize(
    ("changed", "trains"),
    [
        ({"repeats": 6}, True),
        ({"repeats": 4}, False),
        ({"finalists": 4}, True),
        ({"finalists": 2}, False),
        ({"rule": "one_se"}, False),
    ],
)
def test_changed_confirmation_is_decided_anew_with_the_runs_that_are_there(changed, trains, storage, tmp_path):
    confirm(prepare(), storage)
    before, trained = set(keys(storage)), Trained()
    verdict = confirm(prepare(confirm=changed), storage, train=trained)
    assert bool(trained.keys) is trains
    assert storage.study("quick").spec["confirm"].items() >= changed.items()
    with open_storage(f"sqlite:///{tmp_path}/fresh.db", create=True) as fresh:
        assert verdict == confirm(prepare(confirm=changed), fresh)
        assert set(trained.keys) == set(keys(fresh)) - before


def test_change_that_decides_nothing_leaves_the_verdict(storage):
    confirm(prepare(), storage)
    trained = Trained()
    confirm(prepare(confirm={"refit_seeds": 4}), storage, train=trained)
    assert trained.keys == []


def test_verdict_of_another_version_is_none_and_the_next_run_decides_anew(storage, unbroken):
    confirm(prepare(), storage)
    study = storage.study("quick")
    stored = storage.verdict(study.study_id)
    storage.keep_verdict(study.study_id, {**stored.verdict, "version": 99}, stored.n_trials)
    assert choice_of(storage).verdict is None
    assert summarize_best(storage, "quick").awaits_confirmation
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert trained.keys == []
    assert outcome(storage) == unbroken


# Failures


def failing_on(trial, fold, error="diverged at epoch 2", cause=FailureCause.DIVERGED):
    def failing(plan, run, report):
        if (run.purpose, run.trial, run.fold) == (Purpose.CONFIRMATION, trial, fold):
            return RunResult(run, None, error=error, cause=cause)
        return train(plan, run, report)

    return failing


def test_finalist_that_cannot_be_trained_on_other_rows_is_not_chosen(storage, unbroken):
    best = unbroken[0].candidate
    verdict = confirm(prepare(), storage, train=failing_on(best, 3))
    failed = verdict.finalist(best)
    assert (failed.end, failed.repeats) == ("failed", 1)
    assert (failed.score, failed.expected, failed.difference) == (None, None, None)
    assert best not in (verdict.candidate, verdict.chosen)
    assert verdict.repeats == 5
    assert max(fold for trial, fold, _ in keys(storage) if trial == best) == 3
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert trained.keys == []


def test_baseline_that_cannot_be_trained_on_other_rows_gives_no_verdict(storage):
    observer = Watching()
    assert confirm(prepare(), storage, observer=observer, train=failing_on(0, 2)) is None
    assert observer.notes[-1] == (
        "Nothing is confirmed: the baseline could not be trained on another division of the rows."
    )
    assert choice_of(storage).chosen == choice_of(storage).best
    assert {fold for _, fold, _ in keys(storage)} == set(range(4))
    trained, again = Trained(), Watching()
    assert confirm(prepare(), storage, observer=again, train=trained) is None
    assert (trained.keys, again.notes) == ([], []), "it would come to no verdict again, and no worker is started for it"
    found = summarize_best(storage, "quick")
    assert (found.awaits_confirmation, found.undecided) == (
        False,
        observer.notes[-1][len("Nothing is confirmed: ") : -1],
    )
    more = Watching()
    confirm(prepare(study={"n_trials": 2 * N_TRIALS}), storage, observer=more, train=failing_on(0, 2))
    assert more.notes[-1] == observer.notes[-1], "with another trial it is tried again"


def test_finalists_that_all_fail_give_no_verdict(storage):
    def failing(plan, run, report):
        if run.purpose is Purpose.CONFIRMATION and run.trial:
            return RunResult(run, None, error="diverged at epoch 2", cause=FailureCause.DIVERGED)
        return train(plan, run, report)

    observer = Watching()
    assert confirm(prepare(), storage, observer=observer, train=failing) is None
    assert observer.notes[-1].endswith("none of the finalists could be trained on another division of the rows.")


def test_failure_of_the_machine_is_not_stored_and_the_next_session_goes_on(storage, unbroken, monkeypatch):
    wait = Pool.wait

    def losing(pool, timeout_seconds):
        return [lose(one) if isinstance(one, Done) else one for one in wait(pool, timeout_seconds)]

    def lose(done):
        is_victim = isinstance(done.item, TrainTask) and any(
            run.purpose is Purpose.CONFIRMATION and run.fold == 4 and run.trial for run in done.item.runs
        )
        return Done(done.item, error="its worker died", failure=ItemFailure.WORKER_DIED) if is_victim else done

    observer = Watching()
    with monkeypatch.context() as patched:
        patched.setattr(Pool, "wait", losing)
        assert confirm(prepare(), storage, observer=observer) is None
    assert observer.notes[-1] == ("A run of the confirmation failed, and is tried again by the next: its worker died")
    assert sorted({fold for _, fold, _ in keys(storage)}) == [0, 1, 2, 3, 4, 5]
    assert [trial for trial, fold, _ in keys(storage) if fold == 4] == [0]
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert len(trained.keys) == 3 + 16
    assert outcome(storage) == unbroken


def test_lack_of_memory_is_not_stored_either(storage, unbroken):
    greedy = failing_on(0, 1, "MemoryError", FailureCause.OUT_OF_MEMORY)
    assert confirm(prepare(), storage, train=greedy) is None
    assert (0, 1, 0) not in keys(storage)
    confirm(prepare(), storage)
    assert outcome(storage) == unbroken


def test_lost_database_ends_the_confirmation_and_the_next_session_goes_on(storage, unbroken, monkeypatch):
    def lost(self, study_id, results, **options):
        raise StorageError("the database went away")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "write_runs", lost)
        with pytest.raises(StorageError, match="went away"):
            confirm(prepare(), storage)
    assert keys(storage) == []
    confirm(prepare(), storage)
    assert outcome(storage) == unbroken


# Limits


def test_request_to_stop_finishes_the_repeat_and_the_next_run_goes_on(storage, unbroken, monkeypatch):
    class Stopping(Watching):
        def confirming(self, progress):
            super().confirming(progress)
            if (progress.repeat, progress.done) == (2, 3):
                storage.request_stop("quick")

    monkeypatch.setattr(limits, "POLL_SECONDS", 0.0)
    observer = Stopping()
    assert confirm(prepare(), storage, observer=observer) is None
    # The first of the two is told where runs are still on their way when it is asked for.
    assert observer.notes[-1] == "Asked to stop: the confirmation goes on with the next `regsearch run`."
    assert observer.notes[-2] in (
        "Asked to stop: what was begun of the confirmation is finished.",
        *observer.notes[:-2],
    )
    assert len(keys(storage)) == 16
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert len(trained.keys) == 24
    assert outcome(storage) == unbroken


def test_timeout_has_a_grace_and_the_next_run_goes_on(storage, unbroken, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(SessionLimits, "seconds", property(lambda self: now[0]))
    _TOO_LATE.clear()

    class LateAt(Watching):
        def confirming(self, progress):
            super().confirming(progress)
            if (progress.repeat, progress.done) == (2, 3):
                now[0] = 10.5

        def note(self, message):
            super().note(message)
            if "have 1 s to end" in message:
                now[0] = 12.0
            elif message.startswith("Time is up"):
                _TOO_LATE.set()

    observer = LateAt()
    held = HeldAfter(8 + 3)
    assert confirm(prepare(), storage, Launch(n_jobs=0, timeout_seconds=10), observer, held) is None
    assert observer.notes[-2:] == [
        "The timeout of 10 s is spent: runs of the confirmation that are on their way have 1 s to end.",
        "Time is up: the confirmation goes on with the next `regsearch run`.",
    ]
    before = keys(storage)
    assert len(before) == 8 + 3
    now[0] = 0.0
    trained = Trained()
    run_study(prepare(), storage, IN_A_THREAD, train=trained)
    assert len(trained.keys) == 40 - len(before)
    assert outcome(storage) == unbroken


def test_timeout_between_two_repeats_trains_no_more(storage, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(SessionLimits, "seconds", property(lambda self: now[0]))

    class LateAfter(Watching):
        def confirming(self, progress):
            super().confirming(progress)
            if (progress.repeat, progress.done) == (2, 8):
                now[0] = 10.5

    observer = LateAfter()
    assert confirm(prepare(), storage, Launch(n_jobs=0, timeout_seconds=10), observer) is None
    assert observer.notes[-1] == (
        "The timeout of 10 s is spent: the confirmation goes on with the next `regsearch run`."
    )
    assert len(keys(storage)) == 16


# What there is no confirmation of


@pytest.mark.parametrize(("n_trials", "finalists"), [(N_TRIALS, 0), (1, N_FINALISTS)])
def test_nothing_to_compare_is_not_confirmed(n_trials, finalists, storage):
    trained, prepared = Trained(), prepare(study={"n_trials": n_trials}, confirm={"finalists": finalists})
    assert confirm(prepared, storage, train=trained) is None
    assert trained.keys == []
    assert not summarize_best(storage, "quick").awaits_confirmation


def test_trials_that_were_pruned_or_failed_are_no_finalists(storage):
    def reporting(plan, run, report):
        for epoch in range(1, 4):
            if not report(RunReport(run, epoch, (run.configuration.get("dropout", 1.0) + 0.1 * (run.trial % 3),))):
                return RunResult(run, None, error="withdrawn", cause=FailureCause.WITHDRAWN)
        if run.trial == 2:
            return RunResult(run, None, error="diverged at epoch 1", cause=FailureCause.DIVERGED)
        return train(plan, run, report)

    prepared = prepare(study={"pruner": "wilcoxon", "n_trials": 30})
    verdict = confirm(prepared, storage, train=reporting)
    trials = storage.trials(storage.study("quick").study_id)
    assert any(trial.state is TrialState.FAIL for trial in trials)
    assert all(trials[each.trial].state is TrialState.COMPLETE for each in verdict.finalists)
    assert len(verdict.finalists) == 4


def test_configurations_that_come_again_are_confirmed_once(storage):
    prepared = prepare(
        space={"dropout": Choices(choices=(0.2,)), "l2": Choices(choices=(0.1,))}, confirm={"finalists": 9}
    )
    verdict = confirm(prepared, storage)
    trials = storage.trials(storage.study("quick").study_id)
    configurations = [trials[each.trial].configuration for each in verdict.finalists]
    assert len(configurations) == len(set(configurations)) < N_TRIALS


# The reference


def test_study_whose_search_kept_no_predictions_is_decided_by_labels(storage):
    """As a database of an earlier version has it."""
    verdict = confirm(prepare(), storage, train=train_without_predictions)
    assert verdict.expected == verdict.difference
    assert all(each.expected == each.score for each in verdict.finalists)
    assert verdict.estimate is None


def test_no_room_for_predictions_leaves_the_decision_to_labels(storage):
    verdict = confirm(prepare(confirm={"keep_predictions_mib": 0}), storage)
    assert verdict.expected == verdict.difference
    assert storage.predictions(storage.study("quick").study_id, Purpose.CONFIRMATION) == {}


def test_expected_scores_are_those_of_the_reference(storage, unbroken):
    confirm(prepare(), storage)
    verdict, prepared, study_id = verdict_of(storage), prepare(), storage.study("quick").study_id
    assert verdict.expected != verdict.difference
    sums, counts = np.zeros(N_ROWS), np.zeros(N_ROWS)
    for (_, fold, _), values in storage.predictions(study_id).items():
        rows = prepared.plan.folds[fold].validation
        sums[rows] += values.values[:, 0]
        counts[rows] += 1
    assert set(counts) == {N_TRIALS}
    odds = np.log(sums / counts) - np.log1p(-sums / counts)
    target = prepared.plan.dataset.target
    factors = np.exp(np.linspace(-4, 2, 60_001))
    losses = [np.mean(np.log1p(np.exp(np.where(target == 1, -1, 1) * factor * odds))) for factor in factors]
    yes = 1 / (1 + np.exp(-factors[np.argmin(losses)] * odds))
    found = []
    for (trial, fold, _), values in storage.predictions(study_id, Purpose.CONFIRMATION).items():
        if trial == verdict.candidate:
            rows, said = prepared.plan.redrawn(fold // 2)[fold % 2].validation, values.values[:, 0].astype(float)
            found.append(-np.mean(yes[rows] * np.log(said) + (1 - yes[rows]) * np.log(1 - said)))
    assert verdict.finalist(verdict.candidate).expected == pytest.approx(np.mean(found), abs=1e-5)


def test_runs_that_an_earlier_session_trained_without_a_reference_are_not_compared_with_expected_scores(storage):
    """The first confirmation has no room for predictions; the second has, and knows none of the first repeats."""
    confirm(prepare(confirm={"keep_predictions_mib": 0, "finalists": 2}), storage)
    more = prepare(study={"n_trials": N_TRIALS + 1}, confirm={"finalists": 3, "repeats": 6})
    verdict = confirm(more, storage)
    predicted = storage.predictions(storage.study("quick").study_id, Purpose.CONFIRMATION)
    by_label = {}
    for run in confirmed_runs(storage):
        by_label.setdefault((run.trial, run.fold // 2), []).append(run.score)
    assert {fold // 2 for trial, fold, _ in predicted if trial == 0} == {5}
    for each in verdict.finalists:
        first_five = [np.mean(by_label[each.trial, repeat]) for repeat in range(5)]
        # By labels, whoever has predictions there; the sixth is by the reference.
        assert 6 * each.expected - sum(first_five) == pytest.approx(expected_on_repeat(5, each.trial, storage, more))


def expected_on_repeat(repeat, trial, storage, prepared):
    plan, study_id = prepared.plan, storage.study("quick").study_id
    folds = {fold.number: fold.validation for fold in plan.folds}
    searched = ((folds[fold], values.values) for (_, fold, _), values in storage.predictions(study_id).items())
    reference = Reference.of(searched, plan.dataset.target, 2)
    again = storage.predictions(study_id, Purpose.CONFIRMATION, trial=trial)
    return np.mean(
        [
            reference.expected(plan.scoring.score, fold.validation, again[trial, fold.number, 0].values)
            for fold in plan.redrawn(repeat)
        ]
    )


def test_expected_score_that_is_no_number_leaves_the_repeat_to_labels(storage, monkeypatch):
    monkeypatch.setattr("search.selection.Reference.expected", lambda *arguments: float("nan"))
    verdict = confirm(prepare(), storage)
    assert verdict.expected == verdict.difference


def test_finalist_whose_curve_tells_nothing_is_confirmed_all_the_same(storage):
    def without_curve(plan, run, report):
        return replace(train(plan, run, report), curve=Curve([np.nan] * 2, [1.0] * 2, [1.0] * 2))

    verdict = confirm(prepare(confirm={"rule": "one_se"}), storage, train=without_curve)
    assert {each.train_loss for each in verdict.finalists} == {None}


# A metric of the user's

OWN = "import numpy as np\ndef cost(y_true, y_pred):\n    return float(np.abs(y_true - y_pred).mean())\n"
FICKLE = (
    "import numpy as np\n"
    "def cost(y_true, y_pred):\n"
    "    if np.ptp(y_pred) == 0 and y_true[0]:\n"
    "        raise ValueError('a constant')\n"
    "    return float(np.abs(y_true - y_pred).mean())\n"
)


def own(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return OwnMetric("costs.py:cost", "minimize", text)


def test_metric_of_the_users_is_confirmed_by_labels_and_not_called_in_the_coordinator(storage, tmp_path, monkeypatch):
    metric = own(OWN, tmp_path, monkeypatch)
    prepared = prepare(own_metric=metric, objective={"metric": "costs.py:cost", "direction": "minimize"})
    verdict = confirm(prepared, storage)
    assert verdict.expected == verdict.difference
    folds = [fold for repeat in range(5) for fold in prepared.plan.redrawn(repeat)]
    assert verdict.constant == pytest.approx(np.mean(prepared.constant_scores(folds)))
    searched = storage.predictions(storage.study("quick").study_id)
    monkeypatch.setattr(OwnMetric, "score", None)
    trials = storage.trials(storage.study("quick").study_id)
    assert estimate_selection(prepared, trials, searched) is verdict.estimate is None


def test_guess_that_a_metric_of_the_users_refuses_costs_no_verdict(storage, tmp_path, monkeypatch):
    metric = own(OWN, tmp_path, monkeypatch)
    prepared = prepare(own_metric=metric, objective={"metric": "costs.py:cost", "direction": "minimize"})
    fickle = replace(prepared, plan=replace(prepared.plan, own_metric=own(FICKLE, tmp_path, monkeypatch)))
    observer = Watching()
    verdict = confirm(fickle, storage, observer=observer)
    assert (verdict.constant, verdict.against_constant) == (None, None)
    assert observer.notes[-1].startswith("What a constant guess scores cannot be told. costs.py:4: expected cost")
