"""A program is the mathematics of `fit`, compiled once for all that may be asked of it."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from search.data import Fold
from search.models import OPTIMIZERS
from search.training.engines import ENGINES, Stores, _tensors, choice, choose_engine, program
from search.training.engines._orders import EpochOrders
from search.training.engines.loops import LoopEngine
from search.training.metrics import METRICS


def train(engine, job, **arguments):
    return engine.train(job, **arguments)


def assert_agree(first, second, relative=1e-4):
    """Equal stop and best epoch, and weights within `relative` of one another."""
    assert first.best_epoch == second.best_epoch
    assert len(first.curve.train_loss) == len(second.curve.train_loss)
    assert list(first.weights) == list(second.weights)
    for path, values in first.weights.items():
        scale = np.abs(second.weights[path]).max()
        np.testing.assert_allclose(values, second.weights[path], rtol=0, atol=relative * scale, err_msg=path)
    assert first.penalty == pytest.approx(second.penalty, rel=relative)
    assert first.score == pytest.approx(second.score, rel=relative)
    for name in ("train_loss", "validation_loss", "validation_metric", "stop_loss"):
        np.testing.assert_allclose(getattr(first.curve, name), getattr(second.curve, name), rtol=10 * relative)


PENALTIES = {"l1": 1e-4, "l2": 1e-2, "output_l2": 1e-2, "patience": 4}


@pytest.mark.parametrize(
    ("net", "batch_size", "configuration"),
    [("mlp", 7, {}), ("mlp", 7, PENALTIES), ("mlp", 64, PENALTIES), ("cnn", 7, PENALTIES), ("lstm", 7, PENALTIES)],
)
def test_engines_agree_after_fifty_epochs_of_adam(
    keras, make_net_job, make_run, net, batch_size, configuration, engines
):
    job = make_net_job(net, make_run(**configuration), epochs=50, batch_size=batch_size, learning_rate=0.002)
    by_fit = train(engines["fit"], job)
    for name in ("compiled", "graph"):
        assert_agree(train(engines[name], job), by_fit)


@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    task=st.sampled_from(["binary", "multiclass", "regression"]),
    hidden=st.lists(st.integers(1, 20), max_size=3).map(tuple),
    batch_size=st.integers(1, 50),
    l1=st.one_of(st.none(), st.floats(1e-5, 1e-2)),
    l2=st.one_of(st.none(), st.floats(1e-5, 1e-1)),
    patience=st.one_of(st.none(), st.integers(1, 6)),
)
def test_engines_agree_on_any_architecture_and_coefficients(
    keras, make_plan, make_run, task, hidden, batch_size, l1, l2, patience, engines, make_job
):
    chosen = {name: value for name, value in (("l1", l1), ("output_l2", l2), ("patience", patience)) if value}
    plan = make_plan(task, hidden=hidden, batch_size=batch_size, epochs=12)
    job = make_job(plan, make_run(**chosen))
    by_fit = train(engines["fit"], job)
    for name in ("compiled", "graph"):
        assert_agree(train(engines[name], job), by_fit)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_of_keras_takes_its_own_steps(keras, make_plan, make_run, optimizer, engines, make_job):
    """Twice, for the second job finds the optimizer as the first one left it."""
    plan = make_plan(optimizer=optimizer, epochs=6, batch_size=16, hidden=(), space=("l2", "weight_decay"))
    by_fit = train(engines["fit"], make_job(plan, make_run(2, l2=0.01, weight_decay=0.3)))
    for seed, decay in ((1, {}), (2, {"weight_decay": 0.3})):
        ours = train(engines["graph"], make_job(plan, make_run(seed, l2=0.01, **decay)))  # its updates are compiled
    assert_agree(ours, by_fit)


def test_one_compilation_serves_fifty_trials_on_folds_of_different_sizes(keras, make_plan, make_run, make_job):
    plan = make_plan(epochs=3)
    rows = np.arange(60)
    folds = (plan.folds[0], Fold(1, rows[20:51], rows[51:], rows[:20]))
    plan = type(plan)(plan.dataset, folds, plan.spec, plan.metric)
    engine = ENGINES["compiled"](Stores())
    scores = set()
    for number in range(50):
        coefficients = {"l2": 10.0**-number, "dropout": 0.01 * number, "patience": 1 + number}
        on = {name: value for name, value in coefficients.items() if (number + len(name)) % 3}
        run = make_run(seed=number % 7, **on)
        run = type(run)(number, number % 2, 0, run.seed, run.configuration)
        rate = {"training.learning_rate": 0.001 * (1 + number), "training.epochs": 1 + number % 3}
        run = type(run)(number, number % 2, 0, run.seed, type(run.configuration)({**run.configuration, **rate}))
        scores.add(train(engine, make_job(plan, run)).score)
    assert engine.n_compilations == 1
    assert len(scores) > 40


def test_slots_that_are_off_change_nothing(keras, make_plan, make_run, engines, make_job):
    """The program of a wide space, with everything off, is the program of a model that never had a slot."""
    plan = make_plan(epochs=20)
    job = make_job(plan, make_run())
    with_slots = train(engines["compiled"], job)
    without = train(engines["compiled"], type(job)(**{**vars(job), "open": job.plain}))
    assert job.open != job.plain
    assert_agree(with_slots, without, relative=1e-6)


@pytest.mark.parametrize("name", ["compiled", "graph"])
def test_pieces_change_nothing_and_tell_every_epoch_once(
    keras, make_plan, make_run, monkeypatch, name, engines, make_job
):
    job = make_job(make_plan(epochs=30), make_run(dropout=0.3, patience=12))
    whole = train(engines[name], job)
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    told = []

    def watch(first_epoch, metric):
        assert first_epoch == len(told) + 1
        told.extend(metric.tolist())
        return True

    pieces = train(engines[name], job, watch=watch)
    assert pieces.curve == whole.curve
    assert all((pieces.weights[path] == values).all() for path, values in whole.weights.items())
    assert 0 < len(told) < len(whole.curve.train_loss) + 1
    assert told == pieces.curve.validation_metric[: len(told)].tolist()


@pytest.mark.parametrize("name", ENGINES)
def test_watch_that_has_seen_enough_ends_the_run(keras, make_plan, make_run, monkeypatch, name, engines, make_job):
    from search.training.engines import fit

    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    monkeypatch.setattr(fit, "_REPORT_SECONDS", 0.0)
    told = []

    def watch(first_epoch, metric):
        told.extend(metric)
        return len(told) < 3

    outcome = train(engines[name], make_job(make_plan(epochs=40), make_run()), watch=watch)
    assert outcome.withdrawn
    assert len(outcome.curve.train_loss) == len(told) == 3


def test_long_runs_pass_from_one_block_of_orders_to_the_next(
    keras, make_plan, make_run, monkeypatch, engines, make_job
):
    from search.training.engines import fit

    job = make_job(make_plan(epochs=11), make_run(l2=0.01))
    whole = train(engines["fit"], job)
    for module in (program, fit):
        monkeypatch.setattr(module, "epochs_in_block", lambda n_rows: 4)
    for engine in (ENGINES["graph"](Stores()), engines["fit"]):
        assert_agree(train(engine, job), whole)


def test_large_evaluations_go_piece_by_piece(keras, make_plan, make_run, monkeypatch, make_job):
    job = make_job(make_plan(epochs=5), make_run(patience=2))
    whole = train(ENGINES["graph"](Stores()), job)
    monkeypatch.setattr(_tensors, "ROWS_AT_ONCE", 7)
    assert_agree(train(ENGINES["graph"](Stores()), job), whole, relative=1e-6)


def test_stop_rows_that_score_are_evaluated_once(keras, make_plan, make_run, engines, make_job):
    plan = make_plan(epochs=30, learning_rate=0.1)
    fold = plan.folds[0]
    plan = type(plan)(plan.dataset, (Fold(0, fold.train, fold.validation, fold.validation),), plan.spec, plan.metric)
    job = make_job(plan, make_run(patience=3))
    assert job.capacity.evaluated == len(fold.validation)
    outcome = train(engines["graph"], job)
    assert outcome.curve.stop_loss == pytest.approx(outcome.curve.validation_loss)
    assert_agree(outcome, train(engines["fit"], job))


# Those of two classes: of several, and of numbers, `test_weights` has them all, and here are two of each.
@pytest.mark.parametrize(
    ("task", "metric"),
    [
        *(("binary", name) for name, metric in METRICS.items() if "binary" in metric.tasks),
        *(("multiclass", name) for name in ("log_loss", "f1_macro")),
        *(("regression", name) for name in ("mse", "r2")),
    ],
)
def test_metric_in_the_curve_is_the_metric_of_the_score(keras, make_plan, make_run, task, metric, engines, make_job):
    n_targets = 2 if task == "regression" else None
    job = make_job(make_plan(task, metric, n_targets=n_targets, hidden=(), space=("l2",)), make_run(l2=0.01))
    outcome = train(engines["graph"], job)
    assert outcome.curve.validation_metric[-1] == pytest.approx(outcome.score, rel=1e-4, abs=1e-5)
    if metric in ("f1_macro", "r2"):  # that of `fit` is NumPy's at every epoch
        by_fit = train(engines["fit"], job)
        assert outcome.score == pytest.approx(by_fit.score, rel=1e-5)
        assert outcome.curve.validation_metric == pytest.approx(by_fit.curve.validation_metric, rel=1e-4, abs=1e-5)


def test_dropout_of_a_program_scores_as_dropout_of_keras(keras, make_plan, make_run, engines, stores, make_job):
    """Other random numbers, the same distribution: the means of 45 seeds are within two standard errors."""
    plan = make_plan(epochs=30, hidden=(12,), batch_size=32, learning_rate=0.03)
    jobs = [make_job(plan, make_run(seed, dropout=0.5)) for seed in range(45)]
    ours = np.array([train(engines["compiled"], job).score for job in jobs])
    theirs = np.array(list(keras_scores(jobs, stores)))
    standard_error = math.sqrt(ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs))
    assert abs(ours.mean() - theirs.mean()) < 2 * standard_error
    undropped = np.array([train(engines["compiled"], make_job(plan, make_run(s))).score for s in range(45)])
    assert abs(undropped.mean() - theirs.mean()) > 4 * standard_error


def keras_scores(jobs, stores):
    """Scores of Keras' own Dropout under Keras' own training step, one model for all seeds."""
    from search.models import build_model, make_optimizer, weights_by_path

    model = build_model(jobs[0].regularized)
    optimizer = make_optimizer(jobs[0].training)
    model.compile(optimizer, **jobs[0].plain.loss.compile_arguments())
    optimizer.build(model.trainable_variables)
    start = [variable.numpy() for variable in optimizer.variables]
    for job in jobs:
        for path, variable in weights_by_path(model).items():
            variable.assign(stores.initial_weights(job)[path])
        for variable, value in zip(optimizer.variables, start, strict=True):
            variable.assign(value)
        rows, n_rows = job.arrays.train, len(job.arrays.train)
        for order in EpochOrders(job.seed, n_rows, job.training.epochs).block(0):
            for first in range(0, n_rows, job.training.batch_size):
                batch = order[first : first + job.training.batch_size]
                model.train_on_batch(rows.array[batch], rows.y[batch][:, None])
        yield job.metric.score(job.arrays.validation.y, model.predict_on_batch(job.arrays.validation.array))


def test_every_epoch_takes_every_row_once_in_an_order_of_its_own():
    orders = EpochOrders(5, 40, n_epochs=6)
    epochs = np.concatenate([orders.block(0), orders.block(1)])
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(40), (12, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == 12


def test_orders_depend_on_seed_and_rows_alone():
    whole = EpochOrders(5, 40, n_epochs=12).block(0)
    pieces = EpochOrders(5, 40, n_epochs=4)
    np.testing.assert_array_equal(whole, np.concatenate([pieces.block(index) for index in range(3)]))
    np.testing.assert_array_equal(pieces.block(1), whole[4:8])
    assert (EpochOrders(6, 40, n_epochs=12).block(0) != whole).any()


def test_blocks_that_were_dropped_are_drawn_again():
    orders = EpochOrders(5, 40, n_epochs=2, most_bytes=2 * 40 * 4)
    first = [orders.block(index).copy() for index in range(4)]
    assert orders.n_bytes <= 2 * 40 * 4
    for index in (0, 3, 1):
        np.testing.assert_array_equal(orders.block(index), first[index])


def test_auto_takes_the_faster_candidate_and_says_why(keras, make_plan, make_run, monkeypatch, engines, make_job):
    seconds = {"compiled": 0.0006, "graph": 0.00131}
    monkeypatch.setattr(LoopEngine, "seconds_per_epoch", lambda engine, job: seconds[engine.name])
    job = make_job(make_plan(), make_run())
    reason = "compiled 600 \N{MICRO SIGN}s an epoch; graph 1.31 ms an epoch"
    assert choose_engine(job, engines) == choice.EngineChoice("compiled", reason)
    seconds["graph"] = 1e-6
    assert choose_engine(job, engines).name == "graph"


def test_auto_falls_back_with_the_reason(keras, make_plan, make_run, monkeypatch, engines, make_job):
    def fail(engine, job):
        if engine.name in broken:
            raise ValueError("no such operation\nand more")
        return 0.5

    monkeypatch.setattr(LoopEngine, "seconds_per_epoch", fail)
    job = make_job(make_plan(), make_run())
    broken = {"compiled"}
    reason = "graph 500 ms an epoch; compiled failed (ValueError: no such operation)"
    assert choose_engine(job, engines) == choice.EngineChoice("graph", reason)
    broken = {"compiled", "graph"}
    reason = "compiled failed (ValueError: no such operation); graph failed (ValueError: no such operation)"
    assert choose_engine(job, engines) == choice.EngineChoice("fit", reason)


def test_calibration_measures_and_leaves_no_trace(keras, make_plan, make_run, make_job):
    job = make_job(make_plan(epochs=10), make_run(l2=0.01, patience=5))
    engine = ENGINES["graph"](Stores())
    before = train(engine, job)
    assert 0 < engine.seconds_per_epoch(job) < 1
    assert train(engine, job).curve == before.curve
    assert engine.n_compilations == 1


@pytest.mark.parametrize("name", ENGINES)
def test_mixed_precision_trains_close_to_float32(keras, make_plan, make_run, name, engines, make_job):
    import tensorflow as tf

    plans = [make_plan(epochs=20, hidden=(30,), precision=precision) for precision in ("float32", "mixed_bfloat16")]
    jobs = [make_job(plan, make_run(l2=0.01)) for plan in plans]
    exact, mixed = train(engines["fit"], jobs[0]), train(engines[name], jobs[1])
    assert np.abs(exact.curve.train_loss - mixed.curve.train_loss).max() > 1e-4  # no two engines are that far apart
    assert mixed.score == pytest.approx(exact.score, rel=0.1)
    assert all(values.dtype == tf.float32.as_numpy_dtype for values in mixed.weights.values())


@pytest.mark.parametrize("name", ["compiled", "graph"])
def test_patience_that_ends_with_a_piece_ends_the_run(keras, make_plan, make_run, monkeypatch, name, engines, make_job):
    plan = make_plan(epochs=60, learning_rate=0.3, hidden=(20,))
    job = make_job(plan, make_run(patience=2))
    whole = train(engines[name], job)
    assert len(whole.curve.train_loss) < 60
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    pieces = train(engines[name], job)
    assert pieces.curve == whole.curve
    assert (pieces.best_epoch, pieces.score, pieces.withdrawn) == (whole.best_epoch, whole.score, False)


def test_rows_of_a_fold_are_kept_once_for_all_programs(keras, make_plan, make_run, engines, make_job, stores):
    before = len(stores._folds.values())
    for width in (3, 4):
        for patience in ({}, {"patience": 2}):
            train(engines["graph"], make_job(make_plan(epochs=1, hidden=(width,)), make_run(**patience)))
    assert len(stores._folds.values()) <= before + 2


def test_close_race_goes_to_xla(keras, make_plan, make_run, monkeypatch, engines, make_job):
    seconds = {"compiled": 1.2e-3, "graph": 1e-3}
    asked = []
    monkeypatch.setattr(
        LoopEngine, "seconds_per_epoch", lambda engine, job: asked.append(engine.name) or seconds[engine.name]
    )
    job = make_job(make_plan(), make_run())
    assert choose_engine(job, engines).name == "compiled"
    assert asked == ["compiled", "graph"] * 2
    seconds["compiled"] = 1.5e-3
    assert choose_engine(job, engines).name == "graph"
    del asked[:]
    seconds["compiled"] = 0.7e-3
    seconds["graph"] = 2e-3
    assert choose_engine(job, engines).name == "compiled"
    assert asked == ["compiled", "graph"]  # a clear answer needs no second round


def test_graph_is_not_tried_where_it_cannot_win(keras, make_plan, make_run, monkeypatch, engines, make_job):
    asked = []
    monkeypatch.setattr(LoopEngine, "seconds_per_epoch", lambda engine, job: asked.append(engine.name) or 32e-6)
    job = make_job(make_plan(), make_run())
    reason = "compiled 32 \N{MICRO SIGN}s an epoch; graph cannot reach that"
    assert choose_engine(job, engines) == choice.EngineChoice("compiled", reason)
    assert asked == ["compiled"]


@pytest.mark.parametrize("batch_size", [4, 30])
def test_no_step_of_graph_is_as_short_as_is_taken_for_granted(
    keras, make_plan, batch_size, make_run, engines, make_job
):
    job = make_job(make_plan(hidden=(2,), batch_size=batch_size, epochs=200), make_run())
    n_steps = -(-30 // batch_size)
    assert engines["graph"].seconds_per_epoch(job) > choice._GRAPH_STEP_SECONDS * n_steps


def test_programs_do_not_ask_for_numbers_in_the_way_that_takes_long_to_compile(
    keras, make_plan, make_run, stores, make_job, monkeypatch
):
    """See `search.models.is_off`."""
    import tensorflow as tf

    for name in ("is_nan", "is_finite", "is_inf"):
        monkeypatch.setattr(tf.math, name, None)
    job = make_job(make_plan(), make_run(dropout=0.2))
    traced = program.Program(job, stores, compiled=False)
    assert traced.train(job, lambda *_: True).score > 0
    assert traced.n_compilations == 1
