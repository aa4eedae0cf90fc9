"""What techniques put into a model: off it is not there, on it does what its formula says, as Keras' own does."""

from __future__ import annotations

import numpy as np
import pytest

from search.techniques import TECHNIQUES, InputTechnique, LayerTechnique, Part, Slot
from search.techniques.noise import drop, layer_key, noise_step, step_key
from search.techniques.parts import KERNEL_AXES, RECURRENT_LAYERS
from tests.techniques.conftest import PROGRAMS, chain, compile_as, make, make_open, same_bits

DENSE = Part("layers.Dense", {"units": 4, "activation": "tanh", "name": "dense_1"})
CONV = Part("layers.Conv2D", {"filters": 3, "kernel_size": 2, "name": "conv_1"})
LSTM = Part("layers.LSTM", {"units": 4, "name": "lstm_1"})
GRU = Part("layers.GRU", {"units": 4, "name": "gru_1"})
# The computation that Keras falls back to with recurrent dropout: another order of sums, so other last bits.
BY_GATES = {"implementation": 1, "use_cudnn": False}
OUTPUT = Part("layers.Dense", {"units": 2, "name": "output"})
DROPS = [Part(f"layers.{name}", {"rate": 0.0, "name": "drop_1"}) for name in ("Dropout", "AlphaDropout")]
DROPS.append(DROPS[0].with_arguments(noise_shape=(None, 1)))
SPATIAL = Part("layers.SpatialDropout1D", {"rate": 0.0, "name": "drop_1"})
KEY = (3, 5)
ROWS = np.array([1, 1, 1, 1, 1, 0, 0], np.float32)

ON_DENSE = [
    *("l1", "l2", "kernel_l1", "kernel_l2", "l1l2", "bias_l1", "bias_l2", "orthogonal", "max_norm", "unit_norm"),
    *("activity_l1", "activity_l2", "batch_norm", "layer_norm"),
    *("dropout", "gaussian_dropout", "alpha_dropout", "activation_noise"),
]
BEFORE = ["rotation", "shift", "zoom", "flip", "contrast", "input_noise", "input_dropout"]
CASES = [
    *[(name, DENSE, (6,)) for name in ON_DENSE],
    ("spatial_dropout", CONV, (5, 6, 2)),
    ("spatial_dropout", Part("layers.Conv1D", {**CONV.arguments}), (5, 6)),
    ("max_norm", CONV, (5, 6, 2)),
    ("batch_norm", CONV, (5, 6, 2)),
    ("activity_l2", CONV, (5, 6, 2)),
    *[(name, LSTM, (5, 3)) for name in ("recurrent_l1", "recurrent_l2", "recurrent_dropout")],
    ("recurrent_dropout", GRU, (5, 3)),
    *[("rate", layer, (6,)) for layer in DROPS],
    ("rate", SPATIAL, (5, 6)),
    *[(name, DENSE, (5, 6)) for name in ("rotation", "input_dropout")],
    *[(name, CONV, (5, 6, 2)) for name in BEFORE],
]
NOISY = {
    "dropout": (DENSE, (4,)),
    "gaussian_dropout": (DENSE, (4,)),
    "alpha_dropout": (DENSE, (4,)),
    "activation_noise": (DENSE, (4,)),
    "spatial_dropout": (CONV, (2, 3, 4)),
    "input_noise": (DENSE, (4,)),
    "input_dropout": (DENSE, (4,)),
}
"""Techniques whose layer draws noise, with the shape of one row that it sees."""

case = pytest.mark.parametrize(("name", "layer", "input_shape"), CASES, ids=lambda value: getattr(value, "path", None))
program = pytest.mark.parametrize("program", PROGRAMS)


def parts_of(name, value, layer, input_shape):
    """The layers of a small model with a technique, as parts."""
    technique = TECHNIQUES[name]
    if isinstance(technique, InputTechnique):
        changed = (*technique.apply(input_shape, value), layer)
    else:
        assert isinstance(technique, LayerTechnique)
        changed = technique.apply(layer, value)
    flat = [Part("layers.Flatten", {"name": "flatten"})] if len(input_shape) > 1 else []
    return [*changed, *flat, OUTPUT]


def value_of(name):
    domain = TECHNIQUES[name].domain
    return domain.names[-1] if domain.kind == "choice" else 0.3


def rows_like(input_shape, n_rows=7):
    return np.random.default_rng(1).normal(size=(n_rows, *input_shape)).astype(np.float32)


def trained_step(model, *, weights, rows=ROWS):
    """A function of features: predictions, sum of penalties, and gradients of `weights`, while training."""
    import tensorflow as tf

    def step(x):
        with noise_step(step_key(*KEY), None if rows is None else tf.constant(rows)), tf.GradientTape() as tape:
            predicted = model(x, training=True)
            penalty = tf.add_n([tf.zeros(()), *model.losses])
            total = tf.reduce_sum(tf.sin(predicted)) + penalty
        return [predicted, penalty, *tape.gradient(total, [weight.value for weight in weights])]

    return step


def fill_randomly(model):
    """Weights at random, biases too, so that nothing is zero by chance; moving variances stay positive."""
    random = np.random.default_rng(2)
    model.set_weights([np.abs(random.normal(size=weight.shape)) + 0.1 for weight in model.weights])
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape))


def copy_weights(source, target):
    """Give a model the weights of those layers of another that have the same names."""
    for layer in target.layers:
        if layer.weights:
            layer.set_weights(source.get_layer(layer.name).get_weights())


def made_once(make):
    """A function that makes the same of equal arguments only once: it takes half a second to compile a program."""
    made = {}

    def get(*arguments):
        key = repr(arguments)
        if key not in made:
            made[key] = make(*arguments)
        return made[key]

    return get


@made_once
def plain_step(program, layer, input_shape):
    """A model without techniques, and its training step as a program of rows."""
    flat = [Part("layers.Flatten", {"name": "flatten"})] if len(input_shape) > 1 else []
    plain = chain(input_shape, *map(make, [layer, *flat, OUTPUT]))
    return plain, compile_as(program, trained_step(plain, weights=plain.trainable_weights))


@made_once
def open_step(program, name, layer, input_shape):
    """A model with a slot for a technique, and its training step as a program of rows and of what fills the slot."""
    opened = make_open(input_shape, *parts_of(name, Slot(name, TECHNIQUES[name].off), layer, input_shape))

    def step(x, value):
        with opened.filled({name: value}) as model:
            return trained_step(model, weights=model.trainable_weights)(x)

    return opened.made, compile_as(program, step)


# In TensorFlow's own kernels one of each kind: these compute each operation alone, as XLA does not.
ONE_OF_A_KIND = {"l1l2", "max_norm", "activity_l1", "batch_norm", "layer_norm", "dropout", "alpha_dropout", "rotation"}
ONE_OF_A_KIND |= {"spatial_dropout", "recurrent_l1", "recurrent_dropout", "input_noise"}


@pytest.mark.parametrize(
    ("program", "name", "layer", "input_shape"),
    [("xla", *each) for each in CASES] + [("graph", *each) for each in CASES if each[0] in ONE_OF_A_KIND],
    ids=lambda value: getattr(value, "path", None),
)
def test_off_leaves_predictions_penalty_and_gradients_as_they_are(keras, program, name, layer, input_shape):
    opened, step_with = open_step(program, name, layer, input_shape)
    fill_randomly(opened)
    by_gates = BY_GATES if name == "recurrent_dropout" else {}
    plain, step_without = plain_step(program, layer.with_arguments(**by_gates), input_shape)
    copy_weights(opened, plain)
    x = rows_like(input_shape)
    absent = step_without(x)
    predicted, penalty, *gradients = step_with(x, keras.ops.convert_to_tensor(TECHNIQUES[name].off))
    of_weight = {id(weight): each for weight, each in zip(opened.trainable_weights, gradients, strict=True)}
    shared = [opened.get_layer(own.name) for own in plain.layers]
    off = [predicted, penalty, *(of_weight[id(weight)] for own in shared for weight in own.trainable_weights)]
    if program == "graph":
        assert same_bits(off[:2], absent[:2])
        # Masks of ones are a factor in the gradients of each gate, whose sums are then taken in another order.
        assert name == "recurrent_dropout" or same_bits(off, absent)
    for one, other in zip(off, absent, strict=True):  # XLA fuses two programs differently, and so rounds differently
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@program
@pytest.mark.parametrize("name", [*NOISY, *BEFORE, "activity_l1", "activity_l2", "batch_norm", "layer_norm"])
def test_layer_that_is_off_hands_on_every_bit(keras, tf, program, name):
    technique, shape = TECHNIQUES[name], (5, 6, 2)
    slot = Slot(name, technique.off)
    of_input = isinstance(technique, InputTechnique)
    opened = make_open(shape, *(technique.apply(shape, slot) if of_input else technique.apply(CONV, slot)[1:]))
    x = tf.constant(rows_like(shape))

    def off(x, value):
        with opened.filled({name: value}) as model, noise_step(step_key(*KEY), tf.constant(ROWS)):
            return model(x, training=True)

    assert compile_as(program, off)(x, tf.constant(technique.off)).numpy().tobytes() == x.numpy().tobytes()


@case
def test_on_changes_training_and_a_compiled_program_gives_what_python_does(keras, name, layer, input_shape):
    opened, step_with = open_step("xla", name, layer, input_shape)
    fill_randomly(opened)
    fixed = chain(
        input_shape, *[make(part, traced=True) for part in parts_of(name, value_of(name), layer, input_shape)]
    )
    x, number = rows_like(input_shape), TECHNIQUES[name].domain.number(value_of(name))

    start = opened.get_weights()
    on = step_with(x, keras.ops.convert_to_tensor(number))
    opened.set_weights(start)
    off = step_with(x, keras.ops.convert_to_tensor(TECHNIQUES[name].off))
    fixed.set_weights(start)
    eager = trained_step(fixed, weights=fixed.trainable_weights)(x)
    for one, other in zip(on, eager, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    constrains = "norm" in name and "kernel_constraint" in getattr(TECHNIQUES[name], "writes", ())
    assert same_bits(on, off) == constrains  # a constraint acts after the step


@case
def test_model_without_training_is_that_of_keras(keras, name, layer, input_shape):
    traced, own = (
        chain(input_shape, *[make(part, traced=traced) for part in parts_of(name, value_of(name), layer, input_shape)])
        for traced in (True, False)
    )
    fill_randomly(own)
    traced.set_weights(own.get_weights())
    x = rows_like(input_shape)
    np.testing.assert_allclose(traced(x, training=False), own(x, training=False), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(sum(traced.losses), sum(own.losses), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # Keras 3.15, NumPy 2.4
@case
def test_model_is_saved_and_loaded_as_plain_keras(keras, tmp_path, name, layer, input_shape):
    model = chain(input_shape, *map(make, parts_of(name, value_of(name), layer, input_shape)))
    fill_randomly(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = rows_like(input_shape)
    np.testing.assert_array_equal(loaded(x, training=False), model(x, training=False))
    np.testing.assert_array_equal(sum(loaded.losses), sum(model.losses))
    assert loaded.to_json() == model.to_json()


@case
def test_gradient_is_the_slope(keras, tf, name, layer, input_shape):
    model = chain(
        input_shape, *[make(part, traced=True) for part in parts_of(name, value_of(name), layer, input_shape)]
    )
    fill_randomly(model)
    x, weights = tf.constant(rows_like(input_shape)), model.trainable_weights
    step = trained_step(model, weights=weights)
    start, random = model.get_weights(), np.random.default_rng(4)
    directions = [random.normal(size=weight.shape).astype(np.float32) for weight in weights]
    _, _, *gradients = step(x)
    slope = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, directions, strict=True))

    def total(length):
        model.set_weights(start)
        for weight, direction in zip(weights, directions, strict=True):
            weight.assign_add(length * direction)
        predicted, penalty, *_ = step(x)
        return float(np.sum(np.sin(predicted.numpy().astype(np.float64)))) + float(penalty)

    h = 1e-3
    assert (total(h) - total(-h)) / (2 * h) == pytest.approx(slope, rel=2e-2, abs=2e-2)


WEIGHTS = np.random.default_rng(3).normal(size=(6, 4)).astype(np.float32)


def mean_cosine(rows):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return np.abs((rows @ rows.T)[np.triu_indices(len(rows), 1)]).mean()


@pytest.mark.parametrize(
    ("name", "layer", "weight", "formula"),
    [
        ("l1", DENSE, "kernel", lambda w: np.abs(w).sum()),
        ("l2", DENSE, "kernel", lambda w: (w**2).sum()),
        ("kernel_l1", LSTM, "kernel", lambda w: np.abs(w).sum()),
        ("kernel_l2", CONV, "kernel", lambda w: (w**2).sum()),
        ("l1l2", DENSE, "kernel", lambda w: np.abs(w).sum() + (w**2).sum()),
        ("bias_l1", DENSE, "bias", lambda w: np.abs(w).sum()),
        ("bias_l2", GRU, "bias", lambda w: (w**2).sum()),
        ("recurrent_l1", LSTM, "recurrent_kernel", lambda w: np.abs(w).sum()),
        ("recurrent_l2", GRU, "recurrent_kernel", lambda w: (w**2).sum()),
        ("orthogonal", DENSE, "kernel", mean_cosine),
        ("orthogonal", LSTM, "kernel", mean_cosine),
    ],
)
@pytest.mark.parametrize("traced", [True, False], ids=["stand-in", "keras"])
def test_penalty_is_its_coefficient_times_its_formula(keras, traced, name, layer, weight, formula):
    (part,) = TECHNIQUES[name].apply(layer, 0.3)
    model = chain((5, 6, 2) if layer is CONV else (6,) if layer is DENSE else (5, 3), make(part, traced=traced))
    fill_randomly(model)
    values = next(value.numpy() for value in model.weights if value.name == weight)
    assert float(sum(model.losses)) == pytest.approx(0.3 * formula(values), rel=1e-5)


@program
def test_orthogonality_of_a_zero_row_and_of_a_single_row_has_a_finite_gradient(keras, tf, program):
    (part,) = TECHNIQUES["orthogonal"].apply(DENSE, 0.3)
    regularizer = make(part.arguments["kernel_regularizer"], traced=True)

    def gradient_at(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            penalty = regularizer(weights)
        return tape.gradient(penalty, weights)

    with_zero = WEIGHTS.copy()
    with_zero[2] = 0
    for weights in (with_zero, np.zeros((3, 4), np.float32), WEIGHTS[:1]):
        assert np.isfinite(compile_as(program, gradient_at)(tf.constant(weights))).all()
    assert float(regularizer(tf.constant(WEIGHTS[:1]))) == 0


@pytest.mark.parametrize(("layer", "shape"), [(DENSE, (6, 4)), (CONV, (2, 2, 3, 4)), (LSTM, (3, 16))])
@program
def test_constraints_limit_the_weights_into_a_unit_and_off_leave_every_bit(keras, tf, program, layer, shape):
    weights = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    weights[..., 0] *= 0.1
    lengths = np.linalg.norm(weights.reshape(-1, shape[-1]), axis=0)
    limit = float(np.median(lengths))
    expected = {"max_norm": weights * np.minimum(1, limit / lengths), "unit_norm": weights / lengths}
    for name, on in {"max_norm": limit, "unit_norm": 1.0}.items():
        (part,) = TECHNIQUES[name].apply(layer, Slot(name, TECHNIQUES[name].off))
        attribute = {"max_norm": "max_value", "unit_norm": "on"}[name]
        constraint = make(part.arguments["kernel_constraint"], traced=True)

        def constrained(weights, value, constraint=constraint, attribute=attribute):
            before = getattr(constraint, attribute)
            setattr(constraint, attribute, value)
            result = constraint(weights)
            setattr(constraint, attribute, before)
            return result

        compiled = compile_as(program, constrained)
        np.testing.assert_allclose(compiled(weights, tf.constant(on)), expected[name], rtol=1e-5)
        assert compiled(weights, tf.constant(TECHNIQUES[name].off)).numpy().tobytes() == weights.tobytes()


@pytest.mark.parametrize("path", KERNEL_AXES)
def test_axes_of_a_kernel_are_all_but_that_of_its_units(keras, path):
    sizes = {"filters": 5, "kernel_size": 2} if "Conv" in path else {"units": 5}
    layer = make(Part(path, sizes))
    rank = 3 if path in RECURRENT_LAYERS else 2 if path == "layers.Dense" else layer.rank + 2
    layer.build((None, *[4] * (rank - 2), 3))
    kernel = next(weight for weight in layer.weights if weight.name == "kernel")
    per_unit = np.zeros(kernel.shape).sum(axis=KERNEL_AXES[path])
    assert per_unit.shape in {(5,), (4 * 5,), (3 * 5,)}
    assert {"kernel_regularizer", "bias_regularizer", "kernel_constraint"} <= layer.get_config().keys()


@pytest.mark.parametrize(
    ("name", "formula"), [("activity_l1", lambda a: np.abs(a).sum()), ("activity_l2", lambda a: (a**2).sum())]
)
def test_activity_penalty_is_the_mean_over_rows_that_count(keras, tf, name, formula):
    x = rows_like((5, 2))
    for traced, rows, n_rows in ((True, ROWS, 5), (True, None, 7), (False, None, 7)):
        _, part = TECHNIQUES[name].apply(DENSE, 0.3)
        model = chain((5, 2), make(part, traced=traced))
        with noise_step(step_key(*KEY), rows):
            model(x, training=True)
        assert float(sum(model.losses)) == pytest.approx(0.3 * formula(x[:n_rows]) / n_rows, rel=1e-5)


@pytest.mark.parametrize("shape", [(6,), (1,), (5, 6)])
def test_batch_normalization_of_a_filled_up_batch_is_that_of_keras_without_the_filling(keras, tf, shape):
    _, part = TECHNIQUES["batch_norm"].apply(DENSE, 0.9)
    traced, own = (chain(shape, make(part, traced=traced)) for traced in (True, False))
    fill_randomly(own)
    traced.set_weights(own.get_weights())
    x, n_rows = tf.constant(rows_like(shape)), int(ROWS.sum())

    def outputs_and_gradients(model, x, rows):
        with noise_step(step_key(*KEY), rows), tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
            total = tf.reduce_sum(tf.sin(y[:n_rows]))
        return [y[:n_rows], tape.gradient(total, x)[:n_rows], *map(tf.convert_to_tensor, model.get_weights())]

    filled = outputs_and_gradients(traced, x, tf.constant(ROWS))
    for one, other in zip(filled, outputs_and_gradients(own, x[:n_rows], None), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_batch_normalization_keeps_its_averages_while_it_is_off(keras, tf):
    opened = make_open((6,), *TECHNIQUES["batch_norm"].apply(DENSE, Slot("batch_norm", -1.0)))
    fill_randomly(opened.made)
    before = opened.made.get_weights()
    with opened.filled({"batch_norm": tf.constant(-1.0)}) as model, noise_step(step_key(*KEY)):
        model(rows_like((6,)), training=True)
    assert same_bits(opened.made.get_weights(), before)


def test_layer_normalization_is_that_of_its_formula(keras, tf):
    _, part = TECHNIQUES["layer_norm"].apply(DENSE, "on")
    x = rows_like((6,))
    expected = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-3)
    for traced in (True, False):
        np.testing.assert_allclose(chain((6,), make(part, traced=traced))(x, training=True), expected, atol=1e-5)


def noise_layer(name, layer, input_shape):
    """The part that makes a technique's noise."""
    technique = TECHNIQUES[name]
    if isinstance(technique, InputTechnique):
        return technique.apply(input_shape, 0.3)[-1]
    return technique.apply(layer, 0.3)[-1]


def moments(y):
    """Mean and variance over rows, and the mean product of neighbours: of each element of a row."""
    flat = np.asarray(y).reshape(len(y), -1)
    return np.stack([flat.mean(0), flat.var(0), (flat * np.roll(flat, 1, axis=1)).mean(0)])


@pytest.mark.parametrize("name", NOISY)
def test_noise_is_distributed_as_that_of_keras(keras, tf, name):
    layer, shape = NOISY[name]
    part = noise_layer(name, layer, shape)
    x = np.broadcast_to(rows_like(shape, 1), (50_000, *shape))
    own = make(part.with_arguments(seed=1))(x, training=True)
    with noise_step(step_key(*KEY)):
        ours = make(part, traced=True)(x, training=True)
    np.testing.assert_allclose(moments(ours), moments(own), atol=0.06, rtol=0.03)
    assert not same_bits([ours], [x])


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_recurrent_noise_is_distributed_as_that_of_keras(keras, tf, layer):
    part = layer.with_arguments(recurrent_dropout=0.4, dropout=0.2)
    own, ours = (chain((5, 3), make(part.with_arguments(seed=1), traced=traced)) for traced in (False, True))
    ours.set_weights(own.get_weights())
    x = np.broadcast_to(3 * rows_like((5, 3), 1), (20_000, 5, 3))
    with noise_step(step_key(*KEY)):
        drawn = ours(x, training=True)
    np.testing.assert_allclose(moments(drawn), moments(own(x, training=True)), atol=0.01)


@pytest.mark.parametrize(("layer", "n_gates"), [(LSTM, 4), (GRU, 3)])
def test_recurrent_dropout_has_one_mask_a_gate_for_all_steps_of_a_row(keras, tf, layer, n_gates):
    part = layer.with_arguments(recurrent_dropout=0.4)
    own, ours = (chain((5, 3), make(part, traced=traced)) for traced in (False, True))
    ours.set_weights(own.get_weights())
    key = layer_key(step_key(*KEY), layer.name)
    masks = [drop(tf.ones((7, 4)), 0.4, layer_key(key, f"state {gate}")) for gate in range(n_gates)]
    own.layers[-1].cell.get_recurrent_dropout_mask = lambda _: masks
    with noise_step(step_key(*KEY)):
        drawn = ours(rows_like((5, 3)), training=True)
    np.testing.assert_allclose(drawn, own(rows_like((5, 3)), training=True), atol=1e-6)
    assert len({mask.numpy().tobytes() for mask in masks}) == n_gates


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_input_dropout_of_a_recurrent_layer_is_the_same_in_open_and_fixed_models(keras, tf, layer):
    part = layer.with_arguments(dropout=0.4)
    opened = make_open((5, 3), *TECHNIQUES["recurrent_dropout"].apply(part, Slot("recurrent_dropout", 0.0)))
    fixed = chain((5, 3), make(part, traced=True))
    fixed.set_weights(opened.made.get_weights())
    x = rows_like((5, 3))
    with noise_step(step_key(*KEY)), opened.filled({"recurrent_dropout": tf.constant(0.0)}) as model:
        by_open = model(x, training=True)
    with noise_step(step_key(*KEY)):
        np.testing.assert_allclose(by_open, fixed(x, training=True), atol=1e-6)


def test_noise_of_a_short_batch_is_that_of_the_first_rows_of_a_full_one(keras, tf):
    for name, (layer, shape) in NOISY.items():
        made, x = make(noise_layer(name, layer, shape), traced=True), rows_like(shape)
        with noise_step(step_key(*KEY)):
            short = made(x[:3], training=True)
        with noise_step(step_key(*KEY)):
            # Sums over other shapes may round otherwise; another noise would differ by far more.
            np.testing.assert_allclose(short, made(x, training=True)[:3], rtol=1e-5, atol=1e-6)


USED_TWICE = {name: noise_layer(name, layer, shape) for name, (layer, shape) in NOISY.items()} | {
    "recurrent_dropout": LSTM.with_arguments(recurrent_dropout=0.4),
    "dropout of inputs": GRU.with_arguments(dropout=0.4),
    **{name: noise_layer(name, CONV, (5, 6, 2)) for name in BEFORE[:5]},
}


@pytest.mark.parametrize("name", USED_TWICE)
def test_each_use_of_a_layer_in_a_step_has_noise_of_its_own(keras, tf, name):
    part = USED_TWICE[name]
    made, namesake = make(part, traced=True), make(part, traced=True)
    x = rows_like((5, 3) if part.path in RECURRENT_LAYERS else (5, 6, 2), 20)
    drawn = []
    for uses in ((made, made, made), (made, namesake)):
        with noise_step(step_key(*KEY)):
            drawn.append([layer(x, training=True).numpy() for layer in uses])
    first, second, third = drawn[0]
    assert (first != second).any()
    assert (second != third).any()
    np.testing.assert_array_equal(drawn[1][0], first)
    assert (drawn[1][1] != first).any()
    if part.path not in RECURRENT_LAYERS:  # whose weights differ
        np.testing.assert_array_equal(drawn[1][1], second)


@pytest.mark.parametrize("name", ["activation_noise", "gaussian_dropout", "contrast"])
def test_noise_does_not_depend_on_whether_a_namesake_is_on(keras, tf, name):
    on = USED_TWICE.get(name)
    argument = "stddev" if name == "activation_noise" else "rate" if name == "gaussian_dropout" else "factor"
    made, off, x = make(on, traced=True), make(on, traced=True), tf.constant(rows_like((5, 6, 2)))
    drawn = []
    for value in (tf.constant(0.0), tf.constant(0.2), 0.0):
        setattr(off, argument, value)
        with noise_step(step_key(*KEY)):
            off(x, training=True)
            drawn.append(made(x, training=True).numpy())
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])


def test_constant_noise_shape_of_a_users_dropout_is_kept(keras, tf):
    made = make(Part("layers.Dropout", {"rate": 0.5, "noise_shape": (None, 1), "name": "theirs"}), traced=True)
    with noise_step(step_key(*KEY)):
        y = made(np.ones((50, 4), np.float32), training=True).numpy()
    assert (y == y[:, :1]).all()
    assert set(y[:, 0]) == {0.0, 2.0}


def test_decay_that_optimizers_have_by_themselves_is_left_out(keras):
    from search.models import OPTIMIZERS

    for known in OPTIMIZERS.values():
        config = make(TECHNIQUES["weight_decay"].leave_out(Part(known.path))).get_config()
        assert not any(value for argument, value in config.items() if argument.endswith("weight_decay"))


def test_decay_takes_its_share_of_the_weights_times_the_learning_rate(keras, tf):
    part = TECHNIQUES["weight_decay"].apply(Part("optimizers.SGD", {"learning_rate": 0.1}), 0.3)
    optimizer, weight = make(part), keras.Variable(WEIGHTS)
    optimizer.apply([tf.ones(WEIGHTS.shape)], [weight])
    np.testing.assert_allclose(weight.numpy(), WEIGHTS * (1 - 0.1 * 0.3) - 0.1, rtol=1e-5)


@program
def test_weight_noise_is_normal_with_its_deviation_and_off_leaves_every_bit(keras, tf, program):
    noise = TECHNIQUES["weight_noise"]
    noisy = compile_as(program, lambda kernel, value: noise.apply(kernel, value, step_key(*KEY)))
    kernel = tf.constant(np.random.default_rng(1).normal(size=(300, 400)).astype(np.float32))
    added = (noisy(kernel, tf.constant(0.3)) - kernel).numpy()
    assert abs(added.mean()) < 3 * 0.3 / np.sqrt(added.size)
    assert added.std() == pytest.approx(0.3, rel=0.01)
    assert noisy(kernel, tf.constant(0.0)).numpy().tobytes() == kernel.numpy().tobytes()


def test_every_technique_that_changes_a_model_is_tested_here():
    changing = {n for n, known in TECHNIQUES.items() if isinstance(known, LayerTechnique | InputTechnique)}
    assert {name for name, *_ in CASES} == changing
