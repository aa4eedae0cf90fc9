"""A study whose runs are trained in lanes: from the file to the scores it is the study of any other engine."""

import numpy as np
import pytest
from distributed import LocalCluster

from search import Launch, open_storage, run_study
from search.data import Dataset
from search.preparation.preparing import prepare_data
from search.records import TrialState
from search.spec import Range, StudySpec
from search.training.engines import LanesEngine

N_TRIALS = 6
IN_A_THREAD = Launch(n_jobs=0)


def make_spec(engine, **study):
    return StudySpec(
        study={"name": engine, "n_trials": N_TRIALS, "sampler": "random", "window": 4, "pruner": "none"} | study,
        data={"source": "csv"},
        split={"test": 0.2, "validation": {"method": "kfold", "folds": 2}},
        model={"family": "mlp", "hidden": (6,)},
        training={"epochs": 8, "learning_rate": 0.02, "engine": engine},
        confirm={"finalists": 0},
        space={
            "l2": Range(low=1e-4, high=1e-1, log=True),
            "dropout": Range(low=0.1, high=0.5),
            "patience": Range(low=1, high=4),
        },
    )


def scores(engine, url, launch=IN_A_THREAD):
    rng = np.random.default_rng(2)
    features = rng.normal(size=(90, 3)).astype(np.float32)
    target = (features @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=90) > 0.3).astype(np.int64)
    dataset = Dataset(features, target, "binary", ("no", "yes"), standardize=True, sha256="0")
    with open_storage(url, create=True) as storage:
        record = run_study(prepare_data(make_spec(engine), dataset), storage, launch)
        trials = storage.trials(record.study_id)
        runs = storage.runs(record.study_id)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * N_TRIALS
    assert {run.engine for run in runs} == {f"{engine}: as asked"}
    return [dict(trial.configuration) for trial in trials], [trial.score for trial in trials]


def test_scores_are_those_of_compiled_and_the_same_with_any_number_of_workers(tmp_path, monkeypatch):
    sizes, train_together = [], LanesEngine.train_together

    def noted(engine, jobs, watches):
        sizes.append(len(jobs))
        return train_together(engine, jobs, watches)

    monkeypatch.setattr(LanesEngine, "train_together", noted)
    configurations, compiled = scores("compiled", f"sqlite:///{tmp_path}/compiled.db")
    same, in_lanes = scores("lanes", f"sqlite:///{tmp_path}/lanes.db")
    assert same == configurations
    assert in_lanes == pytest.approx(compiled, rel=1e-4)
    assert max(sizes) > 2
    assert sum(sizes) == 2 * N_TRIALS
    with LocalCluster(
        2, threads_per_worker=1, processes=False, dashboard_address=":0", protocol="inproc://"
    ) as workers:
        several = Launch(scheduler=workers.scheduler_address)
        assert scores("lanes", f"sqlite:///{tmp_path}/workers.db", several) == (configurations, in_lanes)
