"""Loops of small nets are one kernel, those of nets whose matrix products want a library are none."""

import pytest

from search.training.engines._one_kernel import fits_one_kernel


def is_fit(keras, layers, n_inputs=2, optimizer="adam", techniques=()):
    model = keras.Sequential([keras.Input((n_inputs,)), *layers])
    return fits_one_kernel(model, keras.optimizers.get(optimizer), techniques)


def dense(keras, *units):
    return [keras.layers.Dense(each) for each in units]


@pytest.mark.parametrize(
    ("n_inputs", "units", "expected"),
    [
        (2, (500, 1), True),
        (2, (513, 1), False),
        (32, (64, 1), True),
        (33, (16, 1), False),
        (8, (16, 16, 4), True),
        (2, (17, 16, 1), False),
        (2, (256, 4), True),
        (2, (300, 4), False),
        (2, (64, 10), False),
        (20, (3,), True),
    ],
)
def test_border_is_where_it_was_measured(keras, n_inputs, units, expected):
    assert is_fit(keras, dense(keras, *units), n_inputs) is expected


def test_layers_without_weights_do_not_count_and_other_layers_with_weights_do(keras):
    small = dense(keras, 8)
    assert is_fit(keras, [*small, keras.layers.Dropout(0.5), *dense(keras, 1)])
    assert not is_fit(keras, [*small, keras.layers.BatchNormalization(), *dense(keras, 1)])
    assert not is_fit(keras, [keras.layers.Reshape((2, 1)), keras.layers.LSTM(3), *dense(keras, 1)])
    nested = keras.Sequential([keras.Input((8,)), *dense(keras, 64)])
    assert not is_fit(keras, [*small, nested, *dense(keras, 1)])
    assert not is_fit(keras, [keras.layers.Dropout(0.5)])
    frozen = keras.layers.Dense(64, trainable=False)
    assert not is_fit(keras, [*small, frozen, *dense(keras, 1)])


def test_products_of_kernels_want_a_library(keras):
    assert not is_fit(keras, dense(keras, 8, 1), optimizer="muon")
    assert not is_fit(keras, dense(keras, 8, 1), techniques=("l2", "orthogonal"))
    assert not is_fit(keras, dense(keras, 8, 1), techniques=("dense_1.orthogonal",))
    assert is_fit(keras, dense(keras, 8, 1), techniques=("l2", "dropout"))


@pytest.mark.parametrize(("hidden", "expected"), [((6,), True), ((24, 24), False)])
@pytest.mark.parametrize("batch_size", [8, 64])
def test_xla_makes_one_kernel_of_the_loops_of_small_nets_alone(
    keras, make_plan, make_run, make_job, engines, monkeypatch, hidden, expected, batch_size
):
    job = make_job(make_plan(hidden=hidden, batch_size=batch_size, epochs=2), make_run())
    engine = engines["compiled"]
    program, codes = engine._program(job), []
    traced = program._run

    class Listened:
        def __call__(self, *arguments):
            codes.append(traced.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo"))
            return traced(*arguments)

        def experimental_get_tracing_count(self):
            return traced.experimental_get_tracing_count()

    monkeypatch.setattr(program, "_run", Listened())
    engine.train(job)
    assert ("xla_cpu_small_call" in codes[0]) is expected
