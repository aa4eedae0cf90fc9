"""What we write, plain Optuna reads as its own."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, distribution_to_json
from optuna.storages import RDBStorage

from search.errors import StorageError
from search.records import Configuration, Parameter, RunResult, StudyRecord, TrialState
from search.storage import Ended, Started, Storage

_RATE = FloatDistribution(1e-5, 1.0, log=True)
_KIND = CategoricalDistribution(["relu", "tanh"])


@pytest.fixture
def parameters() -> tuple[Parameter, ...]:
    return (
        Parameter("rate", 0.125, distribution_to_json(_RATE)),
        Parameter("kind", 1.0, distribution_to_json(_KIND)),
    )


@pytest.fixture
def filled(
    storage: Storage,
    study: StudyRecord,
    parameters: tuple[Parameter, ...],
    make_result: Callable[..., RunResult],
) -> StudyRecord:
    """A study of five trials, one in each state that we write and two complete."""
    key = study.study_id
    storage.write(key, [Started(0, Configuration(), parameters, baseline=True)])
    for number in range(1, 5):
        storage.write(key, [Started(number, Configuration({"rate": 0.125, "kind": "tanh"}), parameters)])
    storage.write(key, [Ended(0, TrialState.COMPLETE, 0.5, results=[make_result(0)])])
    odd = {1: 0.5, 2: math.nan, 3: math.inf, 4: -math.inf}
    storage.write(
        key, [Ended(2, TrialState.COMPLETE, 0.25, results=[make_result(2)], intermediate=odd, user_attrs={"epochs": 3})]
    )
    storage.write(key, [Ended(1, TrialState.FAIL, error="diverged at epoch 3")])
    storage.write(key, [Ended(3, TrialState.PRUNED, intermediate={9: 0.75, 5: 0.5})])
    return study


def test_optuna_loads_every_trial(plain_optuna: RDBStorage, filled: StudyRecord) -> None:
    study = optuna.load_study(study_name="moons", storage=plain_optuna)
    assert study.direction is optuna.study.StudyDirection.MINIMIZE
    assert study.user_attrs == {"regsearch:metric": "log_loss", "regsearch:data_sha256": "ab" * 32}
    trials = study.trials
    assert [trial.number for trial in trials] == list(range(5))
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "PRUNED", "RUNNING"]
    assert [trial.values for trial in trials] == [[0.5], None, [0.25], [0.75], None]
    for trial in trials:
        trial._validate()
        assert trial.params == {"rate": 0.125, "kind": "tanh"}
        assert trial.distributions == {"rate": _RATE, "kind": _KIND}
    assert trials[0].user_attrs == {"configuration": {}, "baseline": True}
    assert trials[1].user_attrs == {
        "configuration": {"kind": "tanh", "rate": 0.125},
        "error": "diverged at epoch 3",
    }
    assert trials[2].user_attrs["epochs"] == 3
    assert repr(trials[2].intermediate_values) == "{1: 0.5, 2: nan, 3: inf, 4: -inf}"
    assert study.best_trial.number == 2


@pytest.mark.parametrize(
    "intermediate",
    [{}, {1: 0.25, 7: 0.5}, {7: 0.5, 1: 0.25}, {1: 0.5, 2: math.nan}, {1: 0.5, 2: math.inf}, {1: 0.5, 2: -math.inf}],
)
def test_a_pruned_trial_has_the_value_that_optuna_gives_it(
    intermediate: dict[int, float], plain_optuna: RDBStorage, storage: Storage, study: StudyRecord
) -> None:
    storage.write(study.study_id, [Started(0, Configuration())])
    storage.write(study.study_id, [Ended(0, TrialState.PRUNED, intermediate=intermediate)])
    (ours,) = optuna.load_study(study_name="moons", storage=plain_optuna).trials

    told = optuna.create_study(storage=plain_optuna)
    trial = told.ask()
    for step, value in intermediate.items():
        trial.report(value, step)
    told.tell(trial, state=optuna.trial.TrialState.PRUNED)
    (theirs,) = told.trials
    assert ours.values == theirs.values
    assert repr(sorted(ours.intermediate_values.items())) == repr(sorted(theirs.intermediate_values.items()))


def test_times_are_those_of_optuna(plain_optuna: RDBStorage, storage: Storage, filled: StudyRecord) -> None:
    optuna.load_study(study_name="moons", storage=plain_optuna).ask()
    ours, theirs = storage.trials(filled.study_id)[4:]
    assert ours.started is not None
    assert theirs.started is not None
    assert 0 <= (theirs.started - ours.started).total_seconds() < 60


def test_a_trial_that_another_program_adds_is_read_and_stops_the_coordinator(
    plain_optuna: RDBStorage, storage: Storage, filled: StudyRecord
) -> None:
    study = optuna.load_study(study_name="moons", storage=plain_optuna)
    study.enqueue_trial({"rate": 0.5})
    added = storage.trials(filled.study_id)[5]
    assert (added.number, added.state, added.configuration) == (5, TrialState.WAITING, Configuration())
    assert storage.progress(filled.study_id).counts[TrialState.WAITING] == 1
    with pytest.raises(StorageError, match="expected 6 to be the next trial, received 5"):
        storage.write(filled.study_id, [Started(5, Configuration())])


def _optuna_command(url: str, *arguments: str) -> object:
    command = [Path(sys.executable).with_name("optuna"), *arguments, "--study-name", "moons"]
    done = subprocess.run(
        [*command, "--storage", url, "-f", "json"], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_optunas_commands_read_the_study(storage_url: str, filled: StudyRecord) -> None:
    best = _optuna_command(storage_url, "best-trial")
    assert isinstance(best, dict)
    assert (best["number"], best["value"], best["state"]) == (2, {"log_loss": 0.25}, "COMPLETE")
    trials = _optuna_command(storage_url, "trials")
    assert isinstance(trials, list)
    values = [None if trial["value"] is None else trial["value"]["log_loss"] for trial in trials]
    assert values == [0.5, None, 0.25, 0.75, None]
    assert trials[2]["params"] == {"rate": 0.125, "kind": "tanh"}
