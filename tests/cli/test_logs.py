"""`regsearch logs`: what errors of runs said in full."""

import json

import pytest

from search.records import Configuration, Run, RunResult, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage

SPEC = {"space": {"l2": {"choices": [0.1]}}}


@pytest.fixture
def logs(tmp_path, command):
    """The command on a study of three trials, of which the last two failed alike."""
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True) as storage:
        study = storage.create_study("s", "minimize", "mse", SPEC, "ab" * 32, StudyFacts("regression"), 3)
        storage.write(study.study_id, [Started(0, Configuration(), baseline=True), Ended(0, TrialState.COMPLETE, 0.5)])
        for number in (1, 2):
            run = Run(number, 0, 0, 7, Configuration())
            told = {"log": "Traceback\n\n  ValueError: \x1b[31mno", "seconds": 0.5, "worker": "here:1"}
            result = RunResult(run, None, "ValueError: \x1b[31mno", **told)
            ended = Ended(number, TrialState.FAIL, error=result.error, results=[result])
            storage.write(study.study_id, [Started(number, Configuration()), ended])
    return lambda *arguments: command.in_this_process("logs", "s", *arguments, cwd=tmp_path)


def test_each_failure_is_printed_and_what_was_said_twice_once(logs):
    done = logs()
    assert (done.code, done.err) == (0, "")
    first, second = done.out.split("\n\ntrial 2")
    lines = first.splitlines()
    assert lines[0] == r"trial 1, fold 0, repeat 0: ValueError: \x1b[31mno"
    assert lines[1].startswith("  seed 7, 0.5 s on here:1, 20")
    assert lines[2:] == ["  Traceback", "", r"    ValueError: \x1b[31mno"]
    assert second.splitlines()[2:] == ["  It said what trial 1, fold 0, repeat 0 said."]


def test_one_trial_is_asked_for(logs):
    done = logs("--trial", 2)
    assert "trial 1" not in done.out
    assert "    ValueError" in done.out
    done = logs("--trial", 0)
    assert (done.code, done.out, done.err) == (0, "", "s: no run of trial 0 failed.\n")
    done = logs("--trial", 3)
    assert (done.code, done.out) == (2, "")
    assert done.err == "--trial: expected a trial of s, which has 3, received 3. `regsearch trials s` lists them.\n"


def test_json_has_what_is_known_of_each_run(logs):
    done = logs("--format", "json")
    first, second = json.loads(done.out)
    assert (first["trial"], second["trial"]) == (1, 2)
    assert first.pop("at").endswith("Z")
    assert first == {
        "trial": 1,
        "purpose": "search",
        "fold": 0,
        "repeat": 0,
        "seed": 7,
        "error": "ValueError: \x1b[31mno",
        "cause": "raised",
        "seconds": 0.5,
        "engine": "",
        "worker": "here:1",
        "log": "Traceback\n\n  ValueError: \x1b[31mno",
    }
