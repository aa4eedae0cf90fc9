"""A training step: averages, moved weights, soft targets, and the random layers of Keras itself."""

from dataclasses import replace

import numpy as np
import pytest

from search.models import weights_by_path
from search.records import Configuration
from search.techniques import Batch, Part, noise
from search.training.engines import ENGINES, Stores
from search.training.engines._initial import draw_initial_weights, first_states, initial_model
from search.training.engines._step import TrainingStep, step_names


@pytest.fixture
def make_step(keras, make_plan, make_run, make_job):
    """A function that makes the step of a job, with its model, rows and a key."""

    def make(optimizer="adam", space=("l2", "weight_noise", "swa"), **settings):
        plan = make_plan("multiclass", space=space, learning_rate=0.05)
        job = make_job(plan, make_run(**settings))
        model = initial_model(job, draw_initial_weights(job), traced=True)
        optimizer = keras.optimizers.get(optimizer)
        optimizer.build(model.trainable_variables)
        return job, model, TrainingStep(model, optimizer, job.plain, job.values)

    return make


def batch_of(x, y):
    """Rows that count alike."""
    ones = np.ones(len(y), np.float32)
    return Batch({"x": x}, y, ones, ones)


def take(job, step, number=0):
    """One step; the gradients."""
    x, y = job.arrays.train.array[:8], job.arrays.train.y[:8]
    found = step.gradients(batch_of(x, y), job.values, noise.step_key(job.seed, number))
    step.apply(found.gradients, job.values)
    return found


def values(model):
    return [variable.numpy() for variable in model.trainable_variables]


def test_averages_are_those_of_keras(keras, make_step):
    """With a learning rate that makes them differ from the weights, and one of the weights constrained by nobody."""
    job, model, step = make_step(swa=0.75)
    theirs = initial_model(job, draw_initial_weights(job))
    theirs.compile(keras.optimizers.Adam(0.001, use_ema=True, ema_momentum=0.75), **job.plain.loss.compile_arguments())
    for number in range(5):
        take(job, step, number)
        theirs.train_on_batch(job.arrays.train.array[:8], job.arrays.train.y[:8])
    before = values(model)
    with step.averaged():
        for ours, average in zip(values(model), theirs.optimizer._model_variables_moving_average, strict=True):
            np.testing.assert_allclose(ours, average.numpy(), rtol=1e-5, atol=1e-7)
        assert any((ours != weight).any() for ours, weight in zip(values(model), before, strict=True))
    for ours, weight in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, weight)


def test_gradients_are_those_at_the_moved_kernels_and_the_step_is_taken_from_where_they_were(make_step):
    job, model, step = make_step(optimizer="sgd", weight_noise=0.5)
    before = {path: weight.numpy() for path, weight in weights_by_path(model).items()}
    key = noise.step_key(job.seed, 0)
    found = take(job, step)
    for (path, weight), gradient in zip(weights_by_path(model).items(), found.gradients, strict=True):
        np.testing.assert_allclose(weight.numpy(), before[path] - 0.01 * gradient.numpy(), rtol=1e-6, atol=1e-7)
    for path, weight in weights_by_path(model).items():
        own_key = noise.layer_key(noise.layer_key(key, "weight_noise"), path)
        is_kernel = path.endswith("/kernel")
        weight.assign(before[path] + 0.5 * noise.normal(own_key, weight.shape).numpy() * is_kernel)
    plain = TrainingStep(model, step._optimizer, job.plain, ())
    there = plain.gradients(batch_of(job.arrays.train.array[:8], job.arrays.train.y[:8]), {}, key)
    for ours, theirs in zip(found.gradients, there.gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_penalty_is_of_the_weights_themselves_wherever_noise_has_moved_them(make_step):
    job, model, step = make_step(optimizer="sgd", weight_noise=0.5, l2=2.0)
    (kernel, *_), before = model.trainable_variables, values(model)[0]
    gradient = take(job, step).gradients[0].numpy()
    np.testing.assert_allclose(kernel.numpy(), before - 0.01 * (gradient + 2 * 2.0 * before), rtol=1e-5, atol=1e-6)
    assert float(step.penalty(job.values)) == pytest.approx(2.0 * (kernel.numpy() ** 2).sum(), rel=1e-6)


def test_names_of_the_step_come_in_the_order_in_which_they_act():
    names = ("swa", "l2", "weight_noise", "mixup", "training.epochs", "label_smoothing", "dense_1.dropout")
    assert step_names(names) == ("mixup", "label_smoothing", "weight_noise", "swa")


def test_random_layers_of_keras_itself_repeat_themselves_with_the_seed(keras, make_net_job, make_run, engines):
    """No technique stands in for this layer: it draws from a generator of its own, which is no weight."""
    bright = Part("layers.RandomBrightness", {"factor": 0.5, "value_range": (-9.0, 9.0), "name": "bright"})
    image = Part("layers.Reshape", {"target_shape": (6, 6, 1), "name": "image"})
    flat = Part("layers.Flatten", {"name": "flat"})
    output = Part("layers.Dense", {"units": 3, "activation": "softmax", "name": "output"})
    for name in ("graph", "fit"):
        outcomes = []
        for seed in (1, 2, 1):
            job = make_net_job("mlp", make_run(seed))
            plain = replace(job.plain, layers=(image, bright, flat, output))
            job = replace(job, plain=plain, open=plain, regularized=plain)
            outcomes.append(engines[name].train(job))
        assert outcomes[0].curve == outcomes[2].curve != outcomes[1].curve


def test_states_of_random_layers_depend_on_the_seed_and_differ_from_layer_to_layer():
    first, again, other = (first_states(seed, 3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len({*first[:, 0], *other[:, 0]}) == 6
    assert not first[:, 1].any()


@pytest.mark.parametrize("name", ENGINES)
def test_zeros_are_counted_in_the_outputs_of_hidden_layers(keras, make_plan, make_run, name, monkeypatch, make_job):
    from search.training.engines import _tensors, fit

    for module in (_tensors, fit):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 7)
    plan = make_plan("multiclass", hidden=(12, 5), space=("dense_1.activity_l1", "dropout"), epochs=8)
    run = replace(make_run(), configuration=Configuration({"dense_1.activity_l1": 0.01, "dropout": 0.3}))
    job = make_job(plan, run)
    outcome = ENGINES[name](Stores()).train(job)
    first = np.maximum(
        job.arrays.validation.array @ outcome.weights["dense_1/kernel"] + outcome.weights["dense_1/bias"], 0
    )
    second = np.maximum(first @ outcome.weights["dense_2/kernel"] + outcome.weights["dense_2/bias"], 0)
    expected = {"dense_1": (first == 0).mean(), "dense_2": (second == 0).mean()}
    assert outcome.zero_shares == pytest.approx(expected)
    assert 0 < expected["dense_1"] < 1


def test_zeros_are_counted_where_activations_are_penalized_alone(keras, make_plan, make_run, engines, make_job):
    outcome = engines["graph"].train(make_job(make_plan(space=("l2",), epochs=1), make_run()))
    assert outcome.zero_shares == {}
