"""Pages read what is new, and tell whether anything is: on SQLite and on PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable

from search.records import Configuration, Parameter, RunResult, StudyRecord, TrialState
from search.storage import Ended, Progressed, RunOutline, Started, Storage


def test_trials_are_observed_from_a_number_on(
    storage: Storage, study: StudyRecord, parameters: tuple[Parameter, ...], make_result: Callable[..., RunResult]
) -> None:
    key, tried = study.study_id, Configuration({"l2": 0.125})
    storage.write(key, [Started(number, tried, parameters) for number in range(4)])
    failed = make_result(1, 1, score=None, error="diverged")
    storage.write(
        key,
        [
            Ended(0, TrialState.COMPLETE, 0.5, results=[make_result(0)]),
            Ended(1, TrialState.FAIL, error="diverged", results=[make_result(1), failed], user_attrs={"mine": [1]}),
            Ended(2, TrialState.PRUNED, intermediate={1: 0.5, 3: math.inf}),
            Progressed(3, {1: math.nan}),
        ],
    )
    complete, *later = storage.observe(key)
    assert (complete.trial, complete.value) == (storage.trials(key)[0], 0.5)
    assert complete.runs == [RunOutline(0, 7, 0.25, None, 3, 2)]
    assert [each.trial.number for each in storage.observe(key, 2)] == [2, 3]
    assert repr(storage.observe(key, 1)) == repr(later)
    bad, pruned, running = later
    assert (bad.value, bad.attributes) == (None, {"mine": [1]})
    assert [run.error for run in bad.runs] == [None, "diverged"]
    assert (pruned.value, pruned.intermediate) == (math.inf, [(1, 0.5), (3, math.inf)])
    assert repr(running.intermediate) == "[(1, nan)]"


def test_few_intermediate_values_are_the_telling_ones(storage: Storage, study: StudyRecord) -> None:
    key = study.study_id
    values = {step: abs(step - 31.0) for step in range(1, 51)} | {7: -5.0}
    storage.write(key, [Started(0, Configuration()), Ended(0, TrialState.COMPLETE, 0.5, intermediate=values)])
    (few,) = (dict(each.intermediate) for each in storage.observe(key, 0, 6))
    assert {1, 7, 50} < set(few)
    assert len(few) < 10
    assert few.items() < values.items()


def test_losses_are_those_where_weights_were_kept(
    storage: Storage, study: StudyRecord, make_result: Callable[..., RunResult]
) -> None:
    key = study.study_id
    results = [make_result(0), make_result(0, 1, best_epoch=0), make_result(0, 2, score=None, error="diverged")]
    storage.write(key, [Started(0, Configuration()), Ended(0, TrialState.COMPLETE, 0.5, results=results)])
    storage.write(key, [Started(1, Configuration()), Ended(1, TrialState.COMPLETE, 0.5, results=[make_result(1)])])
    assert storage.kept_losses(key, [0]) == [(0, 0.5, 0.75)]
    assert storage.kept_losses(key, [0, 1]) == [(0, 0.5, 0.75), (1, 0.5, 0.75)]
    assert storage.kept_losses(key, []) == []


def test_state_changes_with_a_trial_s_progress_alone(storage: Storage, study: StudyRecord) -> None:
    key, seen = study.study_id, []
    for entry in (Started(0, Configuration()), Progressed(0, {1: 0.5}), Progressed(0, {2: 0.5})):
        seen.append(storage.state(key))
        storage.write(key, [entry])
    assert len({*seen, storage.state(key)}) == 4
    assert storage.state(key) == storage.state(key)


def test_names_are_those_of_our_studies(storage: Storage, study: StudyRecord) -> None:
    assert storage.name_of(study.study_id) == "moons"
    assert storage.name_of(study.study_id + 1) is None
