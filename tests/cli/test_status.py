"""`status` tells who trained what."""

from search.records import Configuration, Run, RunResult, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage


def test_runs_of_each_worker_are_counted(command, tmp_path):
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True) as storage:
        study = storage.create_study("s", "minimize", "mse", {"space": {}}, "ab" * 32, StudyFacts("regression"), 1)
        runs = [
            RunResult(Run(0, fold, 0, 7, Configuration({})), 0.5, worker=worker)
            for fold, worker in enumerate(["here:1", "here:2", "here:1"])
        ]
        ended = Ended(0, TrialState.COMPLETE, 0.5, results=runs)
        storage.write(study.study_id, [Started(0, Configuration({}), baseline=True), ended])
    done = command.in_this_process("status", "s", cwd=tmp_path)
    assert "workers      here:1 (2 runs), here:2 (1 run)\n" in done.out
