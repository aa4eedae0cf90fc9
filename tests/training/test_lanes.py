"""Many runs as one program: each is what it would be alone, whatever the others are."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import Fold
from search.errors import RunFailedError
from search.models import read_saved
from search.records import Configuration, Run
from search.training.engines import (
    ENGINES,
    N_LANES,
    Stores,
    _lanes_program,
    _tensors,
    choice,
    choose_engine,
    keep_going,
    program,
)

SPACE = (
    "l1",
    "l2",
    "dropout",
    "output.l2",
    "patience",
    "weight_noise",
    "batch_norm",
    "swa",
    "mixup",
    "label_smoothing",
)
MIXED = [
    {},
    {"l1": 0.003, "l2": 0.01, "mixup": 0.4},
    {"dropout": 0.4, "patience": 2, "training.learning_rate": 0.2},
    {"weight_noise": 0.1, "swa": 0.7, "training.epochs": 5, "label_smoothing": 0.1},
    {"batch_norm": 0.8, "output.l2": 0.1, "patience": 3},
]


def assert_agree(first, second, relative=1e-4):
    """Equal epochs, and equal numbers but for rounding."""
    assert (first.best_epoch, first.diverged_epoch) == (second.best_epoch, second.diverged_epoch)
    assert first.withdrawn == second.withdrawn
    assert list(first.weights) == list(second.weights)
    for path, values in first.weights.items():
        scale = max(np.abs(second.weights[path]).max(), 1e-3)
        np.testing.assert_allclose(values, second.weights[path], rtol=0, atol=relative * scale, err_msg=path)
    for name in ("train_loss", "validation_loss", "validation_metric", "stop_loss"):
        np.testing.assert_allclose(getattr(first.curve, name), getattr(second.curve, name), rtol=relative, atol=1e-6)
    assert first.score == pytest.approx(second.score, rel=relative, nan_ok=True)
    assert first.penalty == pytest.approx(second.penalty, rel=relative)
    assert first.zero_shares == pytest.approx(second.zero_shares)
    np.testing.assert_allclose(first.predicted, second.predicted, rtol=10 * relative, atol=1e-6)


def assert_same(first, second):
    """Equal to the last bit."""
    assert first.curve == second.curve
    assert (first.score, first.penalty, first.best_epoch) == (second.score, second.penalty, second.best_epoch)
    assert all((first.weights[path] == values).all() for path, values in second.weights.items())


def together(engine, jobs, watches=None):
    return engine.train_together(jobs, watches or [keep_going] * len(jobs))


def run_of(seed=5, fold=0, **settings):
    return Run(3, fold, 0, seed, Configuration(settings))


@pytest.fixture
def two_folds(make_plan):
    """A function that makes a plan of two folds, of 30 and of 31 rows that train."""

    def make(**arguments):
        plan, rows = make_plan(**{"space": SPACE, "epochs": 8} | arguments), np.arange(60)
        return replace(plan, folds=(plan.folds[0], Fold(1, rows[20:51], rows[51:], rows[:20])))

    return make


@pytest.fixture
def mixed_jobs(two_folds, make_job):
    """Jobs that differ in all that one program leaves open: values, rows, seeds, patience, rates and epochs."""
    plan = two_folds()
    return [make_job(plan, run_of(5 + place, place % 2, **settings)) for place, settings in enumerate(MIXED)]


def test_lanes_of_all_kinds_agree_with_the_other_engines(keras, engines, mixed_jobs):
    outcomes = together(engines["lanes"], mixed_jobs)
    assert {outcome.curve.n_epochs for outcome in outcomes} == {5, 8}  # some have ended before the others
    for job, outcome in zip(mixed_jobs, outcomes, strict=True):
        assert_agree(outcome, engines["compiled"].train(job))
    assert_agree(outcomes[2], engines["fit"].train(mixed_jobs[2]))


def test_run_is_the_same_to_the_last_bit_whatever_its_neighbours_are(keras, engines, mixed_jobs):
    outcomes = together(engines["lanes"], mixed_jobs)
    for order in ([4, 2, 0, 1, 3], [3, 3, 4, 4, 0, 0, 2, 1], [1, 2], [4]):
        for place, outcome in zip(order, together(engines["lanes"], [mixed_jobs[n] for n in order]), strict=True):
            assert_same(outcome, outcomes[place])


def test_second_batch_compiles_nothing(keras, engines, two_folds, mixed_jobs, make_job):
    engine = engines["lanes"]
    together(engine, mixed_jobs)
    before, outcomes = engine.n_compilations, []
    for n_jobs in (5, 8, 1):
        runs = [run_of(20 + n, n % 2, l2=0.1 / (1 + n), dropout=0.05 * n, patience=1 + n) for n in range(n_jobs)]
        outcomes += together(engine, [make_job(two_folds(epochs=3), run) for run in runs])
    assert engine.n_compilations == before
    assert len({outcome.score for outcome in outcomes}) == 8


def test_lane_that_diverges_leaves_the_others_alone(keras, engines, mixed_jobs, two_folds, make_job):
    lost = make_job(two_folds(), run_of(2, **{"training.learning_rate": 1e30}))
    alone, beside = (together(engines["lanes"], jobs) for jobs in (mixed_jobs, [lost, *mixed_jobs]))
    assert beside[0].diverged_epoch is not None
    assert (beside[0].weights, beside[0].curve.n_epochs) == ({}, beside[0].diverged_epoch - 1)
    assert np.isnan(beside[0].score)
    assert_agree(beside[0], engines["compiled"].train(lost))
    for outcome, other in zip(beside[1:], alone, strict=True):
        assert_same(outcome, other)


def test_lanes_end_each_by_its_own_patience(keras, engines, two_folds, make_job):
    settings = {"weight_noise": 0.5, "training.learning_rate": 0.3, "training.epochs": 60}
    jobs = [make_job(two_folds(), run_of(5, patience=patience, **settings)) for patience in (1, 2, 3, 4, 6)]
    outcomes = together(engines["lanes"], jobs)
    for job, outcome in zip(jobs, outcomes, strict=True):
        best = int(np.argmin(outcome.curve.stop_loss)) + 1
        assert outcome.best_epoch == best
        assert outcome.curve.n_epochs == best + job.stopping.patience < 60
        assert_agree(outcome, engines["compiled"].train(job))
    assert len({outcome.curve.n_epochs for outcome in outcomes}) > 2


def test_watch_that_has_seen_enough_ends_its_own_lane(keras, engines, two_folds, make_job, monkeypatch):
    monkeypatch.setattr(program, "_REPORT_SECONDS", 0.0)
    n_epochs = [12, 11, 10, 9, 8]
    jobs = [make_job(two_folds(), run_of(seed, **{"training.epochs": n})) for seed, n in enumerate(n_epochs)]
    told = [[] for _ in jobs]

    def watch_of(place):
        def watch(first_epoch, metric):
            assert first_epoch == len(told[place]) + 1
            told[place].extend(metric.tolist())
            return place != 1 or len(told[1]) < 3

        return watch

    outcomes = together(engines["lanes"], jobs, [watch_of(place) for place in range(5)])
    assert [outcome.withdrawn for outcome in outcomes] == [False, True, False, False, False]
    assert [outcome.curve.n_epochs for outcome in outcomes] == [12, 3, 10, 9, 8]
    for values, outcome in zip(told, outcomes, strict=True):
        assert 0 < len(values) <= outcome.curve.n_epochs
        assert values == outcome.curve.validation_metric[: len(values)].tolist()
    for place in (0, 4):
        assert_agree(outcomes[place], engines["compiled"].train(jobs[place]))


def test_pieces_and_blocks_change_nothing_but_rounding(keras, engines, mixed_jobs, monkeypatch):
    wholes = together(engines["lanes"], mixed_jobs)
    monkeypatch.setattr(_lanes_program, "epochs_in_block", lambda n_rows: 3)
    monkeypatch.setattr(_tensors, "ROWS_AT_ONCE", 7)
    for outcome, whole in zip(together(ENGINES["lanes"](Stores()), mixed_jobs), wholes, strict=True):
        assert_agree(outcome, whole, relative=1e-5)


def test_share_of_a_lane_is_measured_and_leaves_no_trace(keras, engines, mixed_jobs):
    engine = engines["lanes"]
    before, n_compilations = together(engine, mixed_jobs), engine.n_compilations
    assert 0 < engine.seconds_per_epoch(mixed_jobs[2]) < 1
    for outcome, other in zip(together(engine, mixed_jobs), before, strict=True):
        assert_same(outcome, other)
    assert engine.n_compilations == n_compilations


IMAGES = {"task": "multiclass", "shape": (4, 3)}
FAMILIES = {
    "cnn": ({"filters": (3,), "kernel_size": 2, "hidden": ()}, "spatial_dropout"),
    "lstm": ({"units": (4,)}, "recurrent_dropout"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_convolutions_and_recurrence_agree_with_compiled(keras, engines, make_plan, make_job, family):
    layers, technique = FAMILIES[family]
    plan = make_plan(**IMAGES, model={"family": family, **layers}, space=(technique,), epochs=5, batch_size=16)
    jobs = [make_job(plan, run_of(1, **{technique: 0.3})), make_job(plan, run_of(2))]
    for job, outcome in zip(jobs, together(engines["lanes"], jobs), strict=True):
        assert_agree(outcome, engines["compiled"].train(job))
        assert_same(outcome, engines["lanes"].train(job))


def test_users_model_with_random_layers_and_an_embedding_agrees_with_compiled(
    keras, engines, make_plan, make_job, tmp_path
):
    layers = keras.layers
    path = tmp_path / "own.keras"
    keras.Sequential(
        [
            keras.Input((4,)),
            layers.Embedding(5, 3, name="words"),
            layers.Flatten(),
            layers.Dense(6, "relu", kernel_regularizer="l2", name="first"),
            layers.Dropout(0.3, name="drop"),
            layers.BatchNormalization(momentum=0.7),
            layers.Dense(1, "sigmoid", name="output"),
        ]
    ).save(path)
    plan = make_plan(model={"keras": "own.keras"}, space=("l2", "drop.rate"), epochs=4)
    words = np.abs(plan.dataset.features * 2).astype(np.int32) % 5
    plan = replace(
        plan,
        saved=read_saved(path.read_bytes(), "own.keras"),
        dataset=replace(plan.dataset, features=words.astype(np.float32)),
    )
    jobs = [make_job(plan, run_of(seed, **{"drop.rate": 0.1 * seed, "l2": 0.1})) for seed in (1, 2)]
    for job, outcome in zip(jobs, together(engines["lanes"], jobs), strict=True):
        assert_agree(outcome, engines["compiled"].train(job))


def test_weighted_regression_with_steps_of_an_optimizer_of_its_own_agrees_with_compiled(
    keras, engines, make_plan, make_job
):
    """Twice, for the second jobs find the optimizer as the first ones left it."""
    nadam, schedule = {"name": "nadam", "clipnorm": 0.5}, {"name": "cosine_decay", "decay_steps": 30}
    plan = make_plan("regression", n_targets=2, optimizer=nadam, schedule=schedule, space=("weight_decay", "patience"))
    weight = np.linspace(0, 3, 60).astype(np.float32)
    dataset = replace(plan.dataset, target=plan.dataset.target * 1000, scale_target=True, weight=weight)
    plan = replace(plan, dataset=dataset)
    settings = {"weight_decay": 0.3, "patience": 1, "training.learning_rate": 0.05}
    for seeds in ((1, 2), (3, 4)):
        jobs = [make_job(plan, run_of(seeds[0])), make_job(plan, run_of(seeds[1], **settings))]
        outcomes = together(engines["lanes"], jobs)
    for job, outcome in zip(jobs, outcomes, strict=True):
        assert_agree(outcome, engines["compiled"].train(job))


def test_jobs_of_two_programs_are_refused(keras, engines, make_plan, make_job):
    jobs = [make_job(make_plan(hidden=(width,)), run_of()) for width in (3, 4)]
    expected = f"^expected 1 to {N_LANES} jobs of one program, received 2 of 2 programs$"
    with pytest.raises(ValueError, match=expected):
        together(engines["lanes"], jobs)


def test_long_sequence_is_refused_and_no_candidate_of_auto(keras, make_plan, make_job, monkeypatch):
    monkeypatch.setattr(_lanes_program, "_MOST_UNROLLED_STEPS", 5)
    monkeypatch.setattr(choice, "_may_lanes_win", lambda: True)
    plan = make_plan("multiclass", shape=(6, 6), model={"family": "lstm", "units": (3,)}, space=("l2",), epochs=1)
    job, engine = make_job(plan, run_of()), ENGINES["lanes"](Stores())
    refused = r"^this model cannot be trained in lanes: TensorFlow does not compile its training step .*; give another "
    for _ in range(2):
        with pytest.raises(RunFailedError, match=refused):
            engine.train(job)
    assert engine.n_compilations == 1
    chosen = choose_engine(job, {"lanes": engine})
    assert chosen.name == "fit"
    assert chosen.reason.startswith("lanes failed (RunFailedError: this model cannot be trained in lanes: ")


def test_optimizer_whose_steps_would_be_others_is_refused(keras, engines, make_plan, make_job):
    job = make_job(make_plan(optimizer="schedulefreeadamw"), run_of())
    with pytest.raises(RunFailedError, match=r"^the optimizer schedulefreeadamw cannot train in lanes"):
        engines["lanes"].train(job)


def test_auto_measures_lanes_where_they_may_win(keras, engines, make_plan, make_job, monkeypatch):
    seconds = {"compiled": 1e-3, "graph": 2e-3, "lanes": 0.5e-3}
    kinds = {type(engine) for name, engine in engines.items() if name in seconds}
    for kind in kinds:
        monkeypatch.setattr(kind, "seconds_per_epoch", lambda engine, job: seconds[engine.name])
    job = make_job(make_plan(), run_of())
    assert choose_engine(job, engines).name == "compiled"  # no GPU here
    monkeypatch.setattr(choice, "_may_lanes_win", lambda: True)
    reason = "compiled 1 ms an epoch; graph 2 ms an epoch; lanes 500 \N{MICRO SIGN}s an epoch"
    assert choose_engine(job, engines) == choice.EngineChoice("lanes", reason)
    seconds["lanes"] = 0.9e-3
    assert choose_engine(job, engines).name == "compiled"
