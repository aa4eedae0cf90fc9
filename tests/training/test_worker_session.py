import gc
import math
import os
import pickle
import random
import re
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from search.errors import DivergedError
from search.records import EngineChoice, FailureCause
from search.techniques import TECHNIQUES
from search.training import WorkerSession, bounds, stages, worker_session
from search.training.engines import ENGINES, LanesEngine, Stores
from search.training.engines._orders import epochs_in_block
from search.training.engines.fit import FitEngine
from search.training.engines.loops import LoopEngine
from search.training.engines.program import Program
from search.training.metrics import METRICS
from search.training.recent import Recent


def test_result_tells_all_of_a_run(keras, make_plan, make_run, session):
    run = make_run(l2=0.01, dropout=0.2, patience=50)
    result = session.train(make_plan(), run)
    assert result.run == run
    assert result.error is None
    assert result.score == pytest.approx(result.curve.validation_metric[result.best_epoch - 1], rel=1e-6)
    assert result.epochs_trained == len(result.curve.stop_loss) == 4
    assert result.penalty > 0
    assert sorted(result.weight_norms) == ["dense_1", "output"]
    assert all(norm > 0 for norm in result.weight_norms.values())
    assert result.seconds > 0
    measured = r"(compiled|graph): compiled [\d.e-]+ .s an epoch; graph ([\d.e-]+ .s an epoch|cannot reach that)"
    assert re.fullmatch(measured, result.engine)
    assert result.worker == f"{socket.gethostname()}:{os.getpid()}"
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.parametrize("engine", ["graph", "fit"])
def test_weights_next_to_zero_are_counted_by_the_largest_of_their_kernel(keras, make_plan, make_run, session, engine):
    plan, run = make_plan(engine=engine, epochs=150, learning_rate=0.02, space=("l1",)), make_run(l1=0.1)
    result, model = session.train(plan, run), session.train_model(plan, run)
    assert sorted(result.zero_weights) == ["dense_1", "output"]
    for layer, share in result.zero_weights.items():
        kernel = np.abs(model.get_layer(layer).kernel.numpy())
        assert share == pytest.approx((kernel <= kernel.max() / 1000).mean())
    assert result.zero_weights["dense_1"] > 0
    assert session.train(plan, make_run()).zero_weights["dense_1"] == 0


@pytest.mark.parametrize(
    ("task", "metric", "shape"),
    [
        ("binary", "balanced_accuracy", (4,)),
        ("multiclass", "f1_macro", (2, 3)),
        ("regression", "r2", (4,)),
    ],
)
def test_score_is_the_metric_of_the_validation_rows_at_the_kept_weights(
    keras, make_plan, make_run, task, metric, shape, engines, make_job, session
):
    from search.models import build_model

    plan, run = make_plan(task, metric, shape, engine="graph"), make_run(patience=2)
    result = session.train(plan, run)
    job = make_job(plan, run)
    weights = engines["fit"].train(job).weights
    model = build_model(job.regularized)
    model.set_weights(list(weights.values()))
    predicted = model.predict(job.arrays.validation.array, verbose=0)
    truth = job.arrays.validation.y
    expected = {
        "balanced_accuracy": lambda: reference.balanced_accuracy_score(truth, predicted[:, 0] > 0.5),
        "f1_macro": lambda: reference.f1_score(truth, predicted.argmax(axis=1), average="macro"),
        "r2": lambda: reference.r2_score(truth, predicted),
    }[metric]()
    assert result.score == pytest.approx(expected, abs=1e-6)


def test_stop_rows_train_when_nothing_stops(make_plan, make_run, make_job):
    assert len(make_job(make_plan(), make_run()).arrays.train.array) == 40
    job = make_job(make_plan(), make_run(patience=3))
    assert (len(job.arrays.train.array), len(job.arrays.stop.array)) == (30, 10)


def test_rows_that_score_have_no_say_in_training(keras, make_plan, make_run, session):
    """Not even in when it ends: other validation rows leave weights and epochs as they are."""
    plan, other = make_plan(epochs=15, learning_rate=0.2), make_plan(epochs=15, learning_rate=0.2)
    other.dataset.features[40:] = 0
    first, second = (session.train(p, make_run(patience=2)) for p in (plan, rebuilt(other)))
    assert first.score != second.score
    assert first.weight_norms == second.weight_norms
    np.testing.assert_array_equal(first.curve.stop_loss, second.curve.stop_loss)


def rebuilt(plan):
    """The same plan with the fingerprint of what its data are now."""
    return type(plan)(plan.dataset, plan.folds, plan.spec, plan.metric)


def test_searched_settings_of_model_and_training_are_used(make_plan, make_run, make_job):
    run = make_run()
    settings = {"model.hidden": (3, 2), "training.learning_rate": 0.5, "training.batch_size": 5}
    run = type(run)(0, 0, 0, 1, type(run.configuration)(settings))
    job = make_job(make_plan(), run)
    assert [layer.arguments["units"] for layer in job.plain.layers] == [3, 2, 1]
    assert (job.training.learning_rate, job.training.batch_size) == (0.5, 5)


@pytest.mark.parametrize("settings", [{}, {"patience": 3, "l2": 0.1}])
def test_diverged_run_is_a_result_with_its_epoch(keras, make_plan, make_run, settings, session):
    plan = make_plan("regression", optimizer="sgd", learning_rate=1e6, epochs=50)
    result = session.train(plan, make_run(**settings))
    assert result.score is None
    assert result.error == f"diverged at epoch {result.epochs_trained}"
    assert result.cause is FailureCause.DIVERGED
    assert result.epochs_trained == len(result.curve.train_loss) + 1


def test_infinite_targets_diverge_at_once(keras, make_plan, make_run, session):
    plan = make_plan("regression")
    plan.dataset.target[:] = math.inf
    assert session.train(rebuilt(plan), make_run()).error == "diverged at epoch 1"


@pytest.fixture
def failing(monkeypatch):
    """A function that lets every engine fail from now on."""

    def fail(error):
        def explode(self, job, watch=None):
            raise error

        for engine in (LoopEngine, FitEngine):
            monkeypatch.setattr(engine, "train", explode)
        monkeypatch.setattr(LoopEngine, "seconds_per_epoch", explode)

    return fail


def exhausted():
    import tensorflow as tf

    return tf.errors.ResourceExhaustedError(None, None, "out of memory\nwhen allocating")


@pytest.mark.parametrize(
    ("make", "message", "cause"),
    [
        (lambda: ValueError("expected\n   peace"), "ValueError: expected peace", FailureCause.RAISED),
        (lambda: ImportError("no module of mine"), "ImportError: no module of mine", FailureCause.RAISED),
        (lambda: MemoryError(), "out of memory", FailureCause.OUT_OF_MEMORY),
        (exhausted, "out of memory", FailureCause.OUT_OF_MEMORY),
    ],
)
def test_whatever_a_run_dies_of_is_its_own_told_in_one_line(
    session, make_plan, make_run, failing, make, message, cause
):
    failing(make())
    result = session.train(make_plan(engine="graph"), make_run())
    assert (result.score, result.error, result.cause) == (None, message, cause)
    assert result.worker == f"{socket.gethostname()}:{os.getpid()}"


def test_memory_that_runs_out_while_a_run_chooses_its_engine_is_told_as_such(make_plan, make_run, failing):
    failing(MemoryError("no room"))
    result = WorkerSession().train(make_plan(), make_run())
    assert (result.error, result.cause) == ("out of memory", FailureCause.OUT_OF_MEMORY)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_not_a_result(session, make_plan, make_run, failing, error):
    failing(error)
    with pytest.raises(error):
        session.train(make_plan(engine="graph"), make_run())


@pytest.mark.parametrize("make", [lambda: MemoryError("no room"), exhausted])
def test_calibration_that_runs_out_of_memory_says_so(make_plan, make_run, failing, make):
    failing(make())
    with pytest.raises(MemoryError):
        WorkerSession().calibrate(make_plan(), make_run())


def test_calibration_that_fails_otherwise_leaves_fit(make_plan, make_run, monkeypatch):
    def explode(job):
        raise ImportError("no module of mine")

    monkeypatch.setattr(worker_session, "program_key", explode)
    choice = WorkerSession().calibrate(make_plan(), make_run())
    assert choice == EngineChoice("fit", "calibration failed (ImportError: no module of mine)")


def test_job_is_built_once_a_stage(session, make_plan, make_run, monkeypatch):
    built, make = [], stages.make_job

    def counted(plan, run, stores):
        built.append(run.configuration)
        return make(plan, run, stores)

    monkeypatch.setattr(stages, "make_job", counted)
    monkeypatch.setattr(worker_session, "make_job", counted)
    plan = make_plan(space=("l2", "path"), epochs=1, engine="graph")
    for run, n_stages in ((make_run(l2=0.1), 1), (make_run(l2=0.1, path=0.01), 2)):
        for train in (session.train, session.train_model):
            del built[:]
            train(plan, run)
            assert len(built) == n_stages
    del built[:]
    session.train(make_plan(space=("l2", "path"), epochs=1), make_run(l2=0.1))
    assert len(built) == 1


def test_studies_of_one_architecture_share_one_program(make_plan, make_run, monkeypatch):
    made, init = [], Program.__init__

    def noted(program, *arguments, **named):
        made.append(program)
        init(program, *arguments, **named)

    monkeypatch.setattr(Program, "__init__", noted)
    session, plan = WorkerSession(), make_plan(engine="graph")
    other = make_plan(engine="graph", epochs=7, learning_rate=0.5)
    other.dataset.features[:] = 1
    first, second = session.train(plan, make_run(l2=0.1)), session.train(rebuilt(other), make_run(dropout=0.2))
    assert (first.error, second.error) == (None, None)
    assert first.score != second.score
    assert [program.n_compilations for program in made] == [1]


def test_with_the_session_goes_all_that_it_kept(make_plan, make_run, monkeypatch, kinds_of_new_objects):
    kept, init = [], Program.__init__

    def noted(program, *arguments, **named):
        kept.append(weakref.ref(program))
        init(program, *arguments, **named)

    monkeypatch.setattr(Program, "__init__", noted)
    session = WorkerSession()
    plan = make_plan(space=("zca", "l2", "path", "patience"))
    for engine in ENGINES:
        run = replace(make_run(zca=0.5, l2=0.1, path=0.01, patience=3), engine=EngineChoice(engine))
        assert session.train(plan, run).error is None
    session.calibrate(plan, make_run())
    kept += [weakref.ref(value.arrays.train.array) for value in session._stores.rows.values()]
    kept += [weakref.ref(orders) for orders in session._stores._orders.values()]
    assert len(kept) == 2 + 3 + 2
    assert all(reference() is not None for reference in kept)
    del session
    kinds_of_new_objects()
    assert all(reference() is None for reference in kept)
    assert TECHNIQUES["zca"]._last is None


@pytest.fixture
def kinds_of_new_objects():
    """A function that looks for garbage, and tells the names of the classes of what else there is since the test began.

    It need not look through the million objects that were there before.
    """

    def kinds():
        gc.collect()
        return [type(kept).__name__ for kept in gc.get_objects()]

    gc.collect()
    gc.freeze()
    return kinds


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_of_a_run_stays_in_memory(keras, make_plan, make_run, engine, session, kinds_of_new_objects):
    plan = make_plan(epochs=1, engine=engine)
    model = plan.spec.model.model_copy(update={"activation": "swish"})  # whose gradient is registered by hand
    plan = type(plan)(plan.dataset, plan.folds, plan.spec.model_copy(update={"model": model}), plan.metric)
    counts = []
    for seed in range(3):
        assert session.train(plan, make_run(seed, l2=0.1, dropout=0.2)).error is None
        kinds = kinds_of_new_objects()
        counts.append([kinds.count(kind) for kind in ("FuncGraph", "AtomicFunction", "Sequential")])
    assert counts[1] == counts[2]


def test_programs_of_architectures_gone_by_are_let_go(keras, make_plan, make_run, monkeypatch, kinds_of_new_objects):
    monkeypatch.setattr("search.training.engines.loops.PROGRAMS", 2)
    session, counts = WorkerSession(), []
    for width in range(2, 6):
        assert session.train(make_plan(epochs=1, hidden=(width,), engine="graph"), make_run()).error is None
        counts.append(kinds_of_new_objects().count("Program"))
    assert counts == [1, 2, 2, 2]


def test_plan_pickles_with_its_identity(make_plan):
    plan = make_plan()
    copy = pickle.loads(pickle.dumps(plan))
    assert copy.identity == plan.identity
    assert copy.spec == plan.spec
    assert make_plan("regression").identity != plan.identity


def test_prepared_rows_are_kept_for_the_runs_to_come(make_plan, make_run, make_job):
    plan = make_plan()
    kept = make_job(plan, make_run(patience=3)).arrays
    assert make_job(pickle.loads(pickle.dumps(plan)), make_run(patience=5, l2=0.1)).arrays is kept
    assert make_job(plan, make_run()).arrays is not kept


def test_what_was_used_last_is_kept_up_to_the_bound():
    made = []

    def make(key):
        return lambda: made.append(key) or key

    kept = Recent(5, size=len)
    for key in ("aa", "bb", "aa", "cc", "aa", "bb"):
        assert kept.get(key, make(key)) == key
    assert made == ["aa", "bb", "cc", "bb"]
    assert kept.get("larger than all", make("larger than all")) == "larger than all"
    assert kept.values() == ["larger than all"]


def test_sizes_are_measured_once_and_those_that_grow_when_they_are_used():
    measured = []

    def size(value):
        measured.append(list(value))
        return len(value)

    kept = Recent(4, size=size)
    for _ in range(100):
        kept.get("a", lambda: [1])
        kept.get("b", lambda: [2, 2])
    assert measured == [[1], [2, 2]]
    kept.drop("b")
    kept.get("c", lambda: [3, 3, 3])
    assert kept.values() == [[1], [3, 3, 3]]

    growing = Recent(4, size=len, grows=True)
    first = growing.get("a", lambda: [1])
    growing.get("b", lambda: [2])
    first += [1, 1, 1]
    assert growing.values() == [[1, 1, 1, 1], [2]]
    assert growing.get("a", list) is first
    assert growing.values() == [first]


def test_values_that_grow_once_they_are_in_hand_count_before_the_next_one():
    growing = Recent(4, size=len, grows=True)
    for value in "abc":
        growing.get(value, list).extend([value, value])
    assert growing.get("d", list) == []
    assert growing.values() == [["b", "b"], ["c", "c"], []]


def test_orders_of_many_seeds_stay_within_their_bound():
    """A confirmation meets new seeds alone: each asks for its orders once."""
    stores, n_rows = Stores(), 1_000
    for seed in range(24):
        stores.epoch_orders(seed, n_rows, epochs_in_block(n_rows)).block(0)
    stores.epoch_orders(0, n_rows, epochs_in_block(n_rows))
    kept = sum(orders.n_bytes for orders in stores._orders.values())
    assert bounds.ORDERS_BYTES / 2 < kept <= bounds.ORDERS_BYTES


def test_study_names_the_engine_or_the_run_does(keras, make_plan, make_run, session):
    plan = make_plan(epochs=1, engine="graph")
    assert session.train(plan, make_run()).engine == "graph: as asked"
    run = replace(make_run(), engine=EngineChoice("fit", "as the study chose"))
    assert session.train(plan, run).engine == "fit: as the study chose"
    assert session.calibrate(make_plan(), make_run()).name in ("compiled", "graph")


def test_run_reports_as_it_goes_and_ends_when_it_is_withdrawn(keras, make_plan, make_run, monkeypatch, session):
    monkeypatch.setattr("search.training.engines.program._REPORT_SECONDS", 0.0)
    told = []

    def report(message):
        told.append(message)
        return len(told) < 3

    run = make_run()
    result = session.train(make_plan(epochs=40, engine="graph"), run, report)
    assert (result.score, result.error) == (None, "withdrawn at epoch 3")
    assert result.cause is FailureCause.WITHDRAWN
    assert [(message.run, message.first_epoch, message.epoch) for message in told] == [(run, n, n) for n in (1, 2, 3)]
    metric = [value for message in told for value in message.validation_metric]
    np.testing.assert_array_equal(np.float32(metric), result.curve.validation_metric)


def test_other_threads_that_draw_random_numbers_change_nothing(keras, make_plan, make_run, session):
    """As the event loop of a Dask worker does, beside the thread that trains."""
    plan = make_plan(epochs=1)
    run = make_run(dropout=0.3)
    expected = session.train(plan, run).score
    done = threading.Event()

    def draw():
        while not done.is_set():
            random.random()
            time.sleep(1e-4)

    drawing = threading.Thread(target=draw)
    drawing.start()
    try:
        scores = [session.train(plan, run).score for _ in range(5)]
    finally:
        done.set()
        drawing.join()
    assert scores == [expected] * 5


USES = """
import sys
import keras, numpy as np
for model, rows in zip(sys.argv[1::2], sys.argv[2::2]):
    model = keras.models.load_model(model)
    x, y = np.load(rows).values()
    loss, penalty = model.evaluate(x, y, verbose=0), float(sum(model.losses))
    print(loss, penalty, type(model.optimizer).__name__, "search" in sys.modules)
"""


def test_trained_model_is_plain_keras_at_the_weights_kept(keras, make_plan, make_run, tmp_path, make_job, session):
    """It is saved, and used by a process that has never heard of us; one program serves for all kinds of them."""
    space = ("l2", "batch_norm", "dropout", "max_norm", "swa", "path", "patience", "mixup", "weight_decay")
    run = make_run(l2=0.01, path=0.001, batch_norm=0.5, dropout=0.2, swa=0.9, patience=3, mixup=0.2, weight_decay=0.1)
    results, files = [], []
    for engine in ("graph", "fit"):
        plan = make_plan("multiclass", space=space, epochs=5, engine=engine, optimizer="sgd")
        results.append(session.train(plan, run))
        files += [str(tmp_path / f"{engine}.keras"), str(tmp_path / f"{engine}.npz")]
        session.train_model(plan, run).save(files[-2])
        validation = make_job(plan, run).arrays.validation
        np.savez(files[-1], x=validation.array, y=validation.y)
    command = [sys.executable, "-W", "ignore", "-c", USES, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    for result, line in zip(results, done.stdout.splitlines(), strict=True):
        loss, penalty, optimizer, knows = line.split()
        assert result.penalty > 0
        assert float(loss) - float(penalty) == pytest.approx(result.score, rel=1e-4)
        assert float(penalty) == pytest.approx(result.penalty, rel=1e-4)
        assert (optimizer, knows) == ("SGD", "False")


def test_model_that_diverges_is_an_error(keras, make_plan, make_run, session):
    plan = make_plan("regression", optimizer="sgd", learning_rate=1e6, epochs=50)
    with pytest.raises(DivergedError, match=r"^diverged at epoch \d+$"):
        session.train_model(plan, make_run())


def test_trained_model_has_no_head_of_a_second_task(keras, make_plan, make_run, make_job, session):
    plan = make_plan(model={"family": "multitask", "hidden": (5,)}, space=("auxiliary_weight",), engine="graph")
    run = make_run(auxiliary_weight=0.5)
    model = session.train_model(plan, run)
    assert [layer.name for layer in model.layers] == ["dense_1", "output"]
    scored = METRICS[plan.metric].score
    arrays = make_job(plan, run).arrays
    assert scored(arrays.validation.y, model.predict(arrays.validation.array, verbose=0)) == pytest.approx(
        session.train(plan, run).score, rel=1e-5
    )


@pytest.fixture
def group_sizes(monkeypatch):
    """How many runs were trained together each time."""
    sizes, train_together = [], LanesEngine.train_together

    def noted(engine, jobs, watches):
        sizes.append(len(jobs))
        return train_together(engine, jobs, watches)

    monkeypatch.setattr(LanesEngine, "train_together", noted)
    return sizes


def test_runs_that_one_program_serves_share_its_lanes(keras, make_plan, make_run, session, group_sizes):
    plan = make_plan(epochs=3, space=("l2", "path", "model.hidden"), engine="lanes")
    runs = [
        make_run(1, l2=0.01),
        make_run(2, l2=0.01, path=0.001),  # in stages, each with the weights of the one before
        replace(make_run(3), engine=EngineChoice("graph", "as the study chose")),
        make_run(4, l2=0.3),
    ]
    results = session.train_together(plan, runs)
    assert group_sizes[0] == 2
    assert set(group_sizes[1:]) == {1}
    assert [result.run for result in results] == runs
    assert [result.engine for result in results] == ["lanes: as asked"] * 2 + ["graph: as the study chose"] + [
        "lanes: as asked"
    ]
    assert results[0].seconds == results[3].seconds > 0
    for run, result in zip(runs, results, strict=True):
        alone = session.train(make_plan(epochs=3, space=("l2", "path", "model.hidden"), engine="compiled"), run)
        assert result.score == pytest.approx(alone.score, rel=1e-4)
        assert result.weight_norms == pytest.approx(alone.weight_norms, rel=1e-4)
        assert result.penalty == pytest.approx(alone.penalty, rel=1e-4)


def test_more_runs_than_lanes_are_trained_in_groups(keras, make_plan, make_run, session, group_sizes, monkeypatch):
    monkeypatch.setattr("search.training.worker_session.N_LANES", 2)
    plan = make_plan(epochs=3, space=("l2", "path", "model.hidden"), engine="lanes")
    results = session.train_together(plan, [make_run(seed) for seed in range(5)])
    assert [result.run.seed for result in results] == list(range(5))
    assert group_sizes == [2, 2, 1]


def test_run_that_cannot_be_trained_fails_alone(keras, make_plan, make_run, session, monkeypatch):
    train_together = LanesEngine.train_together

    def fail(engine, jobs, watches):
        if any(job.seed == 13 for job in jobs):
            raise ValueError("expected luck")
        return train_together(engine, jobs, watches)

    monkeypatch.setattr(LanesEngine, "train_together", fail)
    plan = make_plan(epochs=3, space=("l2", "path", "model.hidden"), engine="lanes")
    beyond = replace(make_run(2), fold=7)
    results = session.train_together(plan, [make_run(1), make_run(13), beyond, make_run(3)])
    assert [result.error for result in results[:2]] == [None, "ValueError: expected luck"]
    assert results[2].error == session.train(plan, beyond).error
    assert [result.cause for result in results] == [None, FailureCause.RAISED, FailureCause.RAISED, None]
    assert all(result.score is not None for result in (results[0], results[3]))


def test_report_that_has_seen_enough_of_a_run_ends_it_alone(keras, make_plan, make_run, session, monkeypatch):
    monkeypatch.setattr("search.training.engines.program._REPORT_SECONDS", 0.0)
    plan = make_plan(epochs=6, space=("l2", "path", "model.hidden"), engine="lanes")
    runs = [make_run(1), make_run(2)]
    results = session.train_together(plan, runs, lambda told: told.run is runs[0] or told.epoch < 3)
    assert [(result.error, result.epochs_trained) for result in results] == [(None, 6), ("withdrawn at epoch 3", 3)]
    assert results[1].cause is FailureCause.WITHDRAWN
