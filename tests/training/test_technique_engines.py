"""Every technique in every engine: they agree with one another, and what is off adds nothing."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from search.models import read_saved
from search.records import Configuration, Run
from search.techniques import TECHNIQUES
from search.training.engines import keep_going

IMAGES = {"task": "multiclass", "shape": (6, 6)}
NETS = {
    "mlp": {**IMAGES, "model": {"family": "mlp", "hidden": (9,)}},
    "binary": {"task": "binary", "shape": (5,), "model": {"family": "mlp", "hidden": (9,), "activation": "tanh"}},
    "regression": {"task": "regression", "shape": (5,), "model": {"family": "mlp", "hidden": (9,)}},
    "cnn": {**IMAGES, "model": {"family": "cnn", "filters": (4,), "kernel_size": 3, "hidden": (5,)}},
    "lstm": {**IMAGES, "model": {"family": "lstm", "units": (5,)}},
    "multitask": {**IMAGES, "model": {"family": "multitask", "hidden": (9,)}},
    "own": {**IMAGES, "model": {"keras": "own.keras"}},
    "pretrained": {**IMAGES, "model": {"keras": "own.keras", "weights": "saved"}},
}
TRAINING = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02}

# Net, and a configuration with the technique in it. Programs of a net hold all techniques that its configurations name.
CONFIGURATIONS = {
    "l1": ("mlp", {"l1": 0.003}),
    "l2": ("mlp", {"l2": 0.01}),
    "bias_l1": ("mlp", {"bias_l1": 0.01}),
    "bias_l2": ("mlp", {"bias_l2": 0.1}),
    "max_norm": ("mlp", {"max_norm": 0.7}),
    "activity_l1": ("mlp", {"activity_l1": 0.01}),
    "activity_l2": ("mlp", {"activity_l2": 0.01, "activity_l1": 0.001}),
    "batch_norm": ("mlp", {"batch_norm": 0.8}),
    "layer_norm": ("mlp", {"layer_norm": "on"}),
    "dropout": ("mlp", {"dropout": 0.3}),
    "gaussian_dropout": ("mlp", {"gaussian_dropout": 0.2}),
    "alpha_dropout": ("mlp", {"alpha_dropout": 0.2}),
    "activation_noise": ("mlp", {"activation_noise": 0.2}),
    "zca": ("mlp", {"zca": 0.1, "patience": 3}),
    "rotation": ("mlp", {"rotation": 0.1}),
    "shift": ("mlp", {"shift": 0.2}),
    "zoom": ("mlp", {"zoom": 0.2}),
    "flip": ("mlp", {"flip": "both"}),
    "contrast": ("mlp", {"contrast": 0.3}),
    "input_noise": ("mlp", {"input_noise": 0.3}),
    "input_dropout": ("mlp", {"input_dropout": 0.2}),
    "mixup": ("mlp", {"mixup": 0.4}),
    "cutmix": ("mlp", {"cutmix": 0.5}),
    "label_noise": ("mlp", {"label_noise": 0.2}),
    "label_smoothing": ("mlp", {"label_smoothing": 0.1}),
    "weight_noise": ("mlp", {"weight_noise": 0.1, "l2": 0.01}),
    "weight_decay": ("mlp", {"weight_decay": 0.5}),
    "swa": ("mlp", {"swa": 0.9, "patience": 2}),
    "patience": ("mlp", {"patience": 2}),
    "minimum_delta": ("mlp", {"patience": 1, "minimum_delta": 0.5}),
    "start_epoch": ("mlp", {"patience": 1, "minimum_delta": 0.5, "start_epoch": 3}),
    "path": ("mlp", {"l2": 0.01, "path": 1e-4}),
    "orthogonal": ("regression", {"orthogonal": 0.1}),
    "unit_norm": ("regression", {"unit_norm": "on"}),
    "l1l2": ("binary", {"l1l2": 0.01}),
    "kernel_l1": ("lstm", {"kernel_l1": 0.003}),
    "kernel_l2": ("lstm", {"kernel_l2": 0.01}),
    "spatial_dropout": ("cnn", {"spatial_dropout": 0.3}),
    "recurrent_l1": ("lstm", {"recurrent_l1": 0.003}),
    "recurrent_l2": ("lstm", {"recurrent_l2": 0.01}),
    "recurrent_dropout": ("lstm", {"recurrent_dropout": 0.3}),
    "auxiliary_weight": ("multitask", {"auxiliary_weight": 0.5}),
    "rate": ("own", {"rate": 0.2}),
    "l2_sp": ("pretrained", {"l2_sp": 0.05}),
}
FURTHER = {
    "binary labels": ("binary", {"mixup": 0.4, "label_smoothing": 0.2, "label_noise": 0.2}),
    "targets of a regression": ("regression", {"mixup": 0.4, "weight_noise": 0.05}),
    "batch norm of a cnn": ("cnn", {"batch_norm": 0.7, "max_norm": 1.0, "mixup": 0.3}),
    "a second task": ("multitask", {"auxiliary_weight": 2.0, "weight_noise": 0.1, "mixup": 0.4, "swa": 0.5}),
    "a model's own, switched off": ("own", {"drop.rate": 0.0, "first.l2": 0.0, "second.l1l2": 0.0}),
    "a model's own, changed": ("own", {"drop.rate": 0.1, "rate": 0.6, "first.l2": 0.1, "second.l1l2": 0.001}),
    "averages on a path": ("mlp", {"l1": 0.001, "path": 1e-4, "swa": 0.5, "batch_norm": 0.5, "patience": 3}),
    "a cocktail": (
        "mlp",
        {"l2": 0.01, "max_norm": 1.0, "batch_norm": 0.9, "dropout": 0.2, "input_noise": 0.1, "rotation": 0.05}
        | {"mixup": 0.2, "label_smoothing": 0.1, "weight_noise": 0.05, "weight_decay": 0.01, "swa": 0.9, "patience": 4},
    ),
}  # fmt: skip
# Building a model of its own for `fit` takes seconds, so that techniques share one. What one of them does wrong shows
# there as it would alone; alone each of them is held against the other program.
COCKTAILS = {
    "penalties": (
        "mlp",
        {"l1": 0.003, "bias_l1": 0.01, "bias_l2": 0.1, "activity_l1": 0.01, "max_norm": 0.7, "layer_norm": "on"},
    ),
    "noise": (
        "mlp",
        {"activity_l2": 0.01, "gaussian_dropout": 0.2, "activation_noise": 0.2, "input_noise": 0.3, "label_noise": 0.2}
        | {"patience": 1, "minimum_delta": 0.5, "start_epoch": 3},
    ),
    "images": (
        "mlp",
        {"rotation": 0.1, "shift": 0.2, "zoom": 0.2, "flip": "both", "contrast": 0.3, "cutmix": 0.5, "dropout": 0.3},
    ),
    "whitening": ("mlp", {"zca": 0.1, "alpha_dropout": 0.2, "input_dropout": 0.2, "swa": 0.9, "patience": 2}),
    "steps": ("mlp", {"l2": 0.01, "batch_norm": 0.8, "mixup": 0.4, "weight_noise": 0.1, "weight_decay": 0.5}),
    "smoothing on a path": ("mlp", {"l2": 0.01, "path": 1e-4, "label_smoothing": 0.1}),
    "a regression": ("regression", {"orthogonal": 0.1, "unit_norm": "on", "mixup": 0.4, "weight_noise": 0.05}),
    "two classes": ("binary", {"l1l2": 0.01, "mixup": 0.4, "label_smoothing": 0.2, "label_noise": 0.2}),
    "convolutions": ("cnn", {"spatial_dropout": 0.3, "batch_norm": 0.7, "max_norm": 1.0, "mixup": 0.3}),
    "a model's own": ("own", {"rate": 0.2}),
    "the weights of a file": ("pretrained", {"l2_sp": 0.05}),
    "recurrence": (
        "lstm",
        {"kernel_l1": 0.003, "kernel_l2": 0.01, "recurrent_l1": 0.003, "recurrent_l2": 0.01, "recurrent_dropout": 0.3},
    ),
} | {name: FURTHER[name] for name in ("a second task", "averages on a path", "a cocktail")}
CASES = CONFIGURATIONS | FURTHER
SPACES = {
    net: tuple(dict.fromkeys(name for place, chosen in CASES.values() if place == net for name in chosen))
    for net in NETS
}


@pytest.fixture(scope="module")
def plan_of(keras, make_plan, tmp_path_factory):
    """A function that makes the plan of a net."""
    layers, penalties = keras.layers, keras.regularizers
    own = [
        keras.Input((6, 6)),
        layers.SpatialDropout1D(0.2, name="rows"),
        layers.Flatten(),
        layers.Dense(9, "relu", kernel_regularizer=penalties.L2(0.01), name="first"),
        layers.Dropout(0.3, name="drop"),
        layers.Dense(7, "tanh", kernel_regularizer=penalties.L1L2(0.01, 0.02), name="second"),
        layers.GaussianDropout(0.3, name="noisy"),
        layers.AlphaDropout(0.2, name="alpha"),
        layers.Dense(3, "softmax", name="output"),
    ]
    path = tmp_path_factory.mktemp("models") / "own.keras"
    keras.Sequential(own).save(path)

    def make(net, **changes):
        plan, model = make_plan(**NETS[net], **TRAINING | changes), NETS[net]["model"]
        if "keras" not in model:
            return plan
        saved = read_saved(path.read_bytes(), "own.keras", keeps_weights=model.get("weights") == "saved")
        return replace(plan, saved=saved)

    return make


@pytest.fixture(scope="module")
def outcome_of(plan_of, train_stages):
    """A function that trains settings on a net. Its programs hold every technique of the space, on or off."""

    @functools.cache
    def train(net, settings, engine, space):
        plan = plan_of(net, space=space)
        run = Run(0, 0, 0, seed=3, configuration=Configuration(dict(settings)))
        return train_stages(plan, run, engine, keep_going)

    return lambda net, settings, engine, space: train(net, tuple(settings.items()), engine, space)


def assert_agree(first, second, relative):
    """Equal epochs, and equal numbers but for rounding."""
    assert (first.best_epoch, first.diverged_epoch) == (second.best_epoch, None)
    assert list(first.weights) == list(second.weights)
    for path, values in first.weights.items():
        scale = max(np.abs(second.weights[path]).max(), 1e-3)
        np.testing.assert_allclose(values, second.weights[path], rtol=0, atol=relative * scale, err_msg=path)
    for name in ("train_loss", "validation_loss", "validation_metric", "stop_loss"):
        np.testing.assert_allclose(getattr(first.curve, name), getattr(second.curve, name), rtol=10 * relative)
    assert first.score == pytest.approx(second.score, rel=10 * relative)
    assert first.penalty == pytest.approx(second.penalty, rel=relative)
    assert first.zero_shares == pytest.approx(second.zero_shares)


def test_every_technique_has_a_configuration():
    assert set(CONFIGURATIONS) == set(TECHNIQUES)
    assert all(name in chosen for name, (_, chosen) in CONFIGURATIONS.items())
    assert {name for _, chosen in COCKTAILS.values() for name in chosen} == set(TECHNIQUES)


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_programs_agree(outcome_of, case):
    net, settings = CASES[case]
    compiled, graph = (outcome_of(net, settings, engine, SPACES[net]) for engine in ("compiled", "graph"))
    assert_agree(compiled, graph, relative=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_technique_that_is_on_changes_the_run(outcome_of, case):
    net, settings = CASES[case]
    without = {name: value for name, value in settings.items() if name != case} if case in TECHNIQUES else {}
    on, off = (outcome_of(net, chosen, "compiled", SPACES[net]) for chosen in (settings, without))
    assert on.curve != off.curve


class Listened:
    """A compiled function that notes the code which XLA is given at each call."""

    def __init__(self, function):
        self.function, self.codes = function, []

    def __call__(self, *arguments):
        self.codes.append(self.function.experimental_get_compiler_ir(*arguments)(stage="hlo"))
        return self.function(*arguments)

    def experimental_get_tracing_count(self):
        return self.function.experimental_get_tracing_count()


@pytest.mark.parametrize("net", NETS)
def test_one_compilation_serves_all_values_and_seeds(plan_of, monkeypatch, net, engines, make_job):
    """XLA silently compiles anew, with other code, for each value of an argument that a place or a size hangs on."""
    plan = plan_of(net, space=SPACES[net], epochs=1)
    settings = {name: value for place, chosen in CASES.values() if place == net for name, value in chosen.items()}
    on = {name: value for name, value in settings.items() if name not in ("path", "patience")}
    jobs = [make_job(plan, Run(0, 0, 0, seed, Configuration(chosen))) for seed, chosen in ((1, {}), (2, on))]
    program = engines["compiled"]._program(jobs[0])
    listened = Listened(program._run)
    monkeypatch.setattr(program, "_run", listened)
    assert all(engines["compiled"].train(job).diverged_epoch is None for job in jobs)
    assert listened.codes[0] == listened.codes[1]


@pytest.mark.parametrize("net", NETS)
def test_techniques_that_are_off_add_nothing_to_a_program(outcome_of, net):
    with_slots = outcome_of(net, {}, "compiled", SPACES[net])
    without = outcome_of(net, {}, "fit", ("training.learning_rate",))
    assert_agree(replace(with_slots, zero_shares={}), without, relative=3e-5)


@pytest.mark.parametrize("case", COCKTAILS)
def test_fit_agrees_with_programs(outcome_of, case):
    net, settings = COCKTAILS[case]
    compiled, by_fit = (outcome_of(net, settings, engine, SPACES[net]) for engine in ("compiled", "fit"))
    assert_agree(compiled, by_fit, relative=1e-4)
