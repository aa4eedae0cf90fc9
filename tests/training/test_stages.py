"""A path of rising coefficients: stage by stage, each stage once on a worker, and one run to the outside."""

from dataclasses import replace

import numpy as np
import pytest

from search.records import Configuration, EngineChoice
from search.training import stages as stages_module
from search.training.engines import ENGINES, keep_going
from search.training.jobs import make_job
from search.training.recent import Recent
from search.training.stages import train_stages
from search.training.worker import train_run

SPACE = ("l2", "path", "patience")


@pytest.fixture
def trained(keras, monkeypatch):
    """The coefficients of the stages that are trained from now on, on a worker that has kept none."""
    monkeypatch.setattr(stages_module, "_STAGES", Recent(100))
    coefficients = []
    train = stages_module._train

    def note(engine, job, watch):
        coefficients.append(job.values["l2"])
        return train(engine, job, watch)

    monkeypatch.setattr(stages_module, "_train", note)
    return coefficients


def test_stages_are_trained_one_after_the_other_from_where_the_last_ended(make_plan, make_run, trained):
    plan, run = make_plan(space=SPACE, epochs=5), make_run(l2=0.05, path=0.001)
    outcome = train_stages(plan, run, "graph", keep_going)
    assert trained == [0.001, 0.01, 0.05]
    weights, curves = None, []
    for coefficient in trained:
        job = make_job(plan, make_run(l2=coefficient), weights)
        (stage,) = ENGINES["graph"].train([job])
        weights = stage.weights
        curves.append(stage.curve)
    for path, values in weights.items():
        np.testing.assert_array_equal(outcome.weights[path], values)
    np.testing.assert_array_equal(outcome.curve.train_loss, np.concatenate([curve.train_loss for curve in curves]))
    assert outcome.curve.train_loss[5] < outcome.curve.train_loss[0]
    assert outcome.best_epoch == outcome.curve.n_epochs == 15
    assert outcome.score == pytest.approx(outcome.curve.validation_metric[-1], rel=1e-6)


def test_grid_along_a_path_trains_each_stage_once_and_finds_the_same(make_plan, make_run, trained, monkeypatch):
    plan = make_plan(space=SPACE)
    runs = [make_run(l2=coefficient, path=0.001) for coefficient in (0.001, 0.01, 0.1, 0.05)]
    kept = [train_stages(plan, run, "graph", keep_going) for run in runs]
    assert trained == [0.001, 0.001, 0.01, 0.1, 0.05]  # a path of one stage is a plain run, and not kept
    anew = []
    for run in runs:
        monkeypatch.setattr(stages_module, "_STAGES", Recent(100))
        anew.append(train_stages(plan, run, "graph", keep_going))
    for first, second in zip(kept, anew, strict=True):
        assert (first.curve, first.score, first.best_epoch) == (second.curve, second.score, second.best_epoch)
        assert all((second.weights[path] == values).all() for path, values in first.weights.items())


def test_other_seed_engine_or_study_has_stages_of_its_own(make_plan, make_run, trained):
    run = make_run(l2=0.01, path=0.001)
    train_stages(make_plan(space=SPACE), run, "graph", keep_going)
    train_stages(make_plan(space=SPACE), replace(run, seed=6), "graph", keep_going)
    train_stages(make_plan(space=SPACE), run, "fit", keep_going)
    train_stages(make_plan(space=SPACE, epochs=3), run, "graph", keep_going)
    assert len(trained) == 8
    train_stages(make_plan(space=SPACE), run, "graph", keep_going)
    assert len(trained) == 8


def test_patience_counts_anew_in_each_stage(make_plan, make_run, trained):
    plan = make_plan(space=SPACE, epochs=40, learning_rate=0.3, hidden=(20,))
    outcome = train_stages(plan, make_run(l2=0.01, path=0.001, patience=2), "graph", keep_going)
    first = train_stages(plan, make_run(l2=0.001, patience=2), "graph", keep_going)
    n_first = first.curve.n_epochs
    assert n_first == first.best_epoch + 2 < 40
    assert n_first < outcome.best_epoch <= outcome.curve.n_epochs
    assert outcome.curve.until(n_first) == first.curve
    later = outcome.curve.stop_loss[n_first:]
    assert outcome.best_epoch == n_first + 1 + int(np.argmin(later))


def test_divergence_in_a_later_stage_ends_the_run_there(make_plan, make_run, trained):
    """SGD diverges where the learning rate times twice the coefficient exceeds 2."""
    plan = make_plan("regression", space=SPACE, optimizer="sgd", learning_rate=0.01, epochs=60)
    run = Configuration({"l2": 1000.0, "path": 0.1})
    result = train_run(plan, replace(make_run(), configuration=run, engine=EngineChoice("graph")))
    assert trained == [0.1, 1.0, 10.0, 100.0, 1000.0][: len(trained)]
    n_before = 60 * (len(trained) - 1)
    assert len(trained) > 1
    assert n_before < result.epochs_trained <= n_before + 60
    assert result.error == f"diverged at epoch {result.epochs_trained}"
    assert result.curve.n_epochs == result.epochs_trained - 1


@pytest.mark.parametrize("withdraws", [False, True])
def test_watch_is_told_of_all_stages_as_of_one_run(make_plan, make_run, trained, monkeypatch, withdraws):
    from search.training.engines import program

    plan, run = make_plan(space=SPACE, epochs=7), make_run(l2=0.01, path=0.001)
    train_stages(
        plan, make_run(l2=0.001, path=0.0001), "graph", keep_going
    )  # the second stage of which is no part here
    whole = train_stages(plan, run, "graph", keep_going)
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(stages_module, "_STAGES", Recent(100))
    told = []

    def watch(first_epoch, metric):
        assert first_epoch == len(told) + 1
        told.extend(metric.tolist())
        return not withdraws or len(told) < 9

    outcome = train_stages(plan, run, "graph", watch)
    assert told == whole.curve.validation_metric[: len(told)].tolist()
    assert outcome.withdrawn == withdraws
    assert len(told) == (9 if withdraws else 13)  # the last epoch of a run is told by its result
    del trained[:]
    train_stages(plan, run, "graph", keep_going)
    assert trained == ([0.01] if withdraws else [])  # what was withdrawn is not kept


def test_stage_that_was_kept_tells_of_itself_with_the_next(make_plan, make_run, trained, monkeypatch):
    from search.training.engines import program

    plan = make_plan(space=SPACE, epochs=4)
    train_stages(plan, make_run(l2=0.01, path=0.001), "graph", keep_going)
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    told = []
    whole = train_stages(plan, make_run(l2=0.1, path=0.001), "graph", lambda *news: told.append(news) or True)
    assert [(first, len(metric)) for first, metric in told] == [(1, 9), (10, 1), (11, 1)]
    np.testing.assert_array_equal(np.concatenate([metric for _, metric in told]), whole.curve.validation_metric[:11])
