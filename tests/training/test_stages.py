"""A path of rising coefficients: stage by stage, each stage once on a worker, and one run to the outside."""

from dataclasses import replace

import numpy as np
import pytest

from search.records import Configuration, EngineChoice
from search.training import stages
from search.training.engines import Stores, keep_going

SPACE = ("l2", "path", "patience")


class Recorded:
    """An engine that notes the coefficient of what it trains."""

    def __init__(self, engine, coefficients):
        self.name, self._engine, self._coefficients = engine.name, engine, coefficients

    def train(self, job, watch):
        self._coefficients.append(job.values["l2"])
        return self._engine.train(job, watch)


@pytest.fixture
def trained():
    """The coefficients of the stages that `train_stages` trains."""
    return []


@pytest.fixture
def make_train_stages(engines, trained):
    """A function that makes a `train_stages` of a worker that has kept no stage."""

    def make():
        stores = Stores()

        def train(plan, run, engine, watch):
            recorded = Recorded(engines[engine], trained)
            return stages.train_stages(plan, run, stages.stage_jobs(plan, run, stores), recorded, stores, watch)

        return train

    return make


@pytest.fixture
def train_stages(make_train_stages):
    return make_train_stages()


def test_stages_are_trained_one_after_the_other_from_where_the_last_ended(
    make_plan, make_run, trained, engines, make_job, train_stages
):
    plan, run = make_plan(space=SPACE, epochs=5), make_run(l2=0.05, path=0.001)
    outcome = train_stages(plan, run, "graph", keep_going)
    assert trained == [0.001, 0.01, 0.05]
    weights, curves = None, []
    for coefficient in trained:
        stage = engines["graph"].train(replace(make_job(plan, make_run(l2=coefficient)), start=weights))
        weights = stage.weights
        curves.append(stage.curve)
    for path, values in weights.items():
        np.testing.assert_array_equal(outcome.weights[path], values)
    np.testing.assert_array_equal(outcome.curve.train_loss, np.concatenate([curve.train_loss for curve in curves]))
    assert outcome.curve.train_loss[5] < outcome.curve.train_loss[0]
    assert outcome.best_epoch == outcome.curve.n_epochs == 15
    assert outcome.score == pytest.approx(outcome.curve.validation_metric[-1], rel=1e-6)


def test_grid_along_a_path_trains_each_stage_once_and_finds_the_same(
    make_plan, make_run, trained, train_stages, make_train_stages
):
    plan = make_plan(space=SPACE)
    runs = [make_run(l2=coefficient, path=0.001) for coefficient in (0.001, 0.01, 0.1, 0.05)]
    kept = [train_stages(plan, run, "graph", keep_going) for run in runs]
    assert trained == [0.001, 0.001, 0.01, 0.1, 0.05]  # a path of one stage is a plain run, and not kept
    anew = []
    for run in runs:
        anew.append(make_train_stages()(plan, run, "graph", keep_going))
    for first, second in zip(kept, anew, strict=True):
        assert (first.curve, first.score, first.best_epoch) == (second.curve, second.score, second.best_epoch)
        assert all((second.weights[path] == values).all() for path, values in first.weights.items())


def test_other_seed_engine_or_study_has_stages_of_its_own(make_plan, make_run, trained, train_stages):
    run = make_run(l2=0.01, path=0.001)
    train_stages(make_plan(space=SPACE), run, "graph", keep_going)
    train_stages(make_plan(space=SPACE), replace(run, seed=6), "graph", keep_going)
    train_stages(make_plan(space=SPACE), run, "fit", keep_going)
    train_stages(make_plan(space=SPACE, epochs=3), run, "graph", keep_going)
    assert len(trained) == 8
    train_stages(make_plan(space=SPACE), run, "graph", keep_going)
    assert len(trained) == 8


def test_patience_counts_anew_in_each_stage(make_plan, make_run, trained, train_stages):
    plan = make_plan(space=SPACE, epochs=40, learning_rate=0.3, hidden=(20,))
    outcome = train_stages(plan, make_run(l2=0.01, path=0.001, patience=2), "graph", keep_going)
    first = train_stages(plan, make_run(l2=0.001, patience=2), "graph", keep_going)
    n_first = first.curve.n_epochs
    assert n_first == first.best_epoch + 2 < 40
    assert n_first < outcome.best_epoch <= outcome.curve.n_epochs
    assert outcome.curve.until(n_first) == first.curve
    later = outcome.curve.stop_loss[n_first:]
    assert outcome.best_epoch == n_first + 1 + int(np.argmin(later))


def test_divergence_in_a_later_stage_ends_the_run_there(make_plan, make_run, session):
    """SGD diverges where the learning rate times twice the coefficient exceeds 2."""
    plan = make_plan("regression", space=SPACE, optimizer="sgd", learning_rate=0.01, epochs=60)
    run = Configuration({"l2": 1000.0, "path": 0.1})
    result = session.train(plan, replace(make_run(), configuration=run, engine=EngineChoice("graph")))
    assert 60 < result.epochs_trained <= 5 * 60
    assert result.error == f"diverged at epoch {result.epochs_trained}"
    assert result.curve.n_epochs == result.epochs_trained - 1


@pytest.mark.parametrize("withdraws", [False, True])
def test_watch_is_told_of_all_stages_as_of_one_run(
    make_plan, make_run, trained, make_train_stages, monkeypatch, withdraws
):
    from search.training.engines import program

    plan, run = make_plan(space=SPACE, epochs=7), make_run(l2=0.01, path=0.001)
    train_stages = make_train_stages()
    # The second stage of this is no part of the other.
    train_stages(plan, make_run(l2=0.001, path=0.0001), "graph", keep_going)
    whole = train_stages(plan, run, "graph", keep_going)
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    train_stages = make_train_stages()
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


def test_stage_that_was_kept_tells_of_itself_with_the_next(make_plan, make_run, trained, monkeypatch, train_stages):
    from search.training.engines import program

    plan = make_plan(space=SPACE, epochs=4)
    train_stages(plan, make_run(l2=0.01, path=0.001), "graph", keep_going)
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    told = []
    whole = train_stages(plan, make_run(l2=0.1, path=0.001), "graph", lambda *news: told.append(news) or True)
    assert [(first, len(metric)) for first, metric in told] == [(1, 9), (10, 1), (11, 1)]
    np.testing.assert_array_equal(np.concatenate([metric for _, metric in told]), whole.curve.validation_metric[:11])
