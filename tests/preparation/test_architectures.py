"""Architectures that are searched: arguments of layers, options of a builder, arguments of what trains."""

import shutil
import textwrap

import numpy as np
import pytest

from search.dispatch.engines import architecture_key
from search.errors import StudyFileError
from search.preparation.files import prepare_study
from search.records import Configuration

NET = """
    import keras

    def build(input_shape, n_outputs, width=8, depth=1):
        rows = keras.Input(input_shape)
        passed = keras.layers.Dense(width, "relu", name="wide")(rows)
        for number in range(depth):
            passed = keras.layers.Dense(width, "tanh", name=f"deep_{number}")(passed)
        return keras.Model(rows, keras.layers.Dense(n_outputs, "softmax", name="out")(passed))
"""


BUILDER = 'builder = "net.py:build"'


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The file of the builder's model."""
    from search.training.session import start_tensorflow

    start_tensorflow()
    module = {}
    exec(textwrap.dedent(NET), module)
    path = tmp_path_factory.mktemp("models") / "net.keras"
    module["build"]((4,), 3).save(path)
    return path


@pytest.fixture
def prepare(tmp_path, built):
    """`prepare(space, model)`: the study of the built model, or of another [model], on rows of three classes."""
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", x=generator.normal(size=(60, 4)).astype(np.float32), y=np.arange(60) % 3)
    (tmp_path / "net.py").write_text(textwrap.dedent(NET))
    shutil.copy(built, tmp_path / "net.keras")

    def prepare_it(space, model='keras = "net.keras"', training=""):
        (tmp_path / "s.toml").write_text(
            f'[study]\nname = "s"\nn_trials = 4\n[data]\nsource = "npz"\npath = "d.npz"\n[model]\n{model}\n'
            f"[training]\nepochs = 3\n{training}\n[space]\n{space}\n"
        )
        return prepare_study(str(tmp_path / "s.toml"))

    return prepare_it


def widths(prepared, configuration):
    """Units of the hidden layers that a run of a configuration trains."""
    from search.training.engines import Stores
    from search.training.jobs import make_job

    job = make_job(prepared.plan, prepared.runs(0, Configuration(configuration))[0], Stores())
    return [layer.arguments["units"] for layer in job.plain.layers if layer.path == "layers.Dense"][:-1]


def test_argument_of_a_layer_is_searched_from_the_models_own_value(prepare):
    prepared = prepare('"wide.units" = { choices = [4, 8, 16] }\nl2 = { choices = [0.1] }')
    assert prepared.space.configuration(prepared.space.baseline()) == {"model.wide.units": 8}
    assert prepared.spec.model.layers == {"wide.units": 8}
    assert widths(prepared, {"model.wide.units": 16}) == [16, 8]
    assert widths(prepared, {"model.wide.units": 8, "l2": 0.1}) == [8, 8]


def test_argument_may_be_written_as_a_key_of_the_model(prepare):
    short, long = (prepare(f'"{name}" = {{ low = 4, high = 64, log = true }}') for name in _BOTH)
    assert short.spec == long.spec
    assert short.space.distributions == long.space.distributions


_BOTH = ("deep_*.units", "model.deep_*.units")


def test_layers_that_differ_stay_as_given_in_the_baseline(prepare):
    model = 'family = "mlp"\nhidden = [8, 4]'
    prepared = prepare('"dense_*.units" = { choices = [4, 16] }', model)
    assert prepared.space.configuration(prepared.space.baseline()) == {}
    assert widths(prepared, {}) == [8, 4]
    assert widths(prepared, {"model.dense_*.units": 16}) == [16, 16]
    assert prepared.space.configuration({"model.dense_*.units": "as given"}) == {}


def test_block_is_repeated_and_left_out(prepare):
    prepared = prepare('"deep_0.repeat" = { choices = [0, 1, 3] }\n"deep_*.l2" = { choices = [0.1] }')
    assert widths(prepared, {"model.deep_0.repeat": 0}) == [8]
    assert widths(prepared, {"model.deep_0.repeat": 3}) == [8, 8, 8, 8]


def test_options_of_a_builder_are_searched_from_its_defaults(prepare):
    space = '"model.options.width" = { choices = [4, 8] }\n"model.options.depth" = { low = 0, high = 3 }'
    prepared = prepare(space, BUILDER)
    baseline = prepared.space.configuration(prepared.space.baseline())
    assert baseline == {"model.options.depth": 1, "model.options.width": 8}
    assert prepared.spec.model.options == {"width": 8, "depth": 1}
    assert len(prepared.plan.saved.variants) == 8
    assert widths(prepared, {"model.options.width": 4, "model.options.depth": 3}) == [4, 4, 4, 4]


def test_techniques_reach_layers_that_only_some_options_have(prepare):
    prepared = prepare('"model.options.depth" = { choices = [1, 3] }\n"deep_2.l2" = { choices = [0.1] }', BUILDER)
    assert set(prepared.spec.space) == {"model.options.depth", "deep_2.l2"}


def test_larger_models_compute_more(prepare):
    prepared = prepare('"wide.units" = { choices = [8, 512] }')
    small, large = (prepared.products(Configuration({"model.wide.units": units})) for units in (8, 512))
    assert large > 10 * small


def test_arguments_of_what_trains_are_searched(prepare):
    space = (
        '"training.schedule.decay_steps" = { choices = [10, 100] }\n'
        '"training.optimizer.beta_1" = { low = 0.5, high = 0.95 }'
    )
    training = 'optimizer = { name = "adam", beta_1 = 0.9 }\nschedule = { name = "cosine_decay", decay_steps = 100 }'
    prepared = prepare(space, training=training)
    baseline = prepared.space.configuration(prepared.space.baseline())
    assert baseline == {"training.optimizer.beta_1": 0.9, "training.schedule.decay_steps": 100}
    training = prepared.spec.configured(
        {"training.optimizer.beta_1": 0.6, "training.schedule.decay_steps": 10}
    ).training
    assert (training.optimizer_arguments, training.schedule.arguments) == ({"beta_1": 0.6}, {"decay_steps": 10})


@pytest.mark.parametrize(
    ("space", "problem"),
    [
        (
            '"wide.units" = { choices = [16, 32] }',
            "expected choices with the baseline's value, wide.units = 8, received [16, 32]. Add 8, which is the "
            "model's own.",
        ),
        (
            '"wide.units" = { choices = [8, 0] }',
            "expected a whole number of at least 1 for wide.units, received 0.",
        ),
        (
            '"wide.filters" = { choices = [8, 4] }',
            "expected a technique or an argument of wide (activation, bias_initializer, kernel_initializer, repeat, "
            "trainable, units, use_bias), received filters.",
        ),
        (
            '"wid.units" = { choices = [8, 4] }',
            'expected a pattern that matches one of wide, deep_0, received "wid". Did you mean "wide.units"?',
        ),
        (
            '"model.options.width" = { choices = [16, 32] }',
            "expected choices with the baseline's value, model.options.width = 8, received [16, 32]. Set "
            "`model.options.width` to a value inside.",
        ),
        (
            '"model.options.width" = { low = 0.5, high = 9.5 }',
            "expected choices, or whole numbers from low to high, for model.options.width, received a range of reals. "
            "The builder is called for each before the search.",
        ),
        (
            '"model.options.width" = { low = 1, high = 1000 }',
            "expected at most 256 models of the builder, received 1,000 choices of options. Shorten the lists, or give "
            "a range a step.",
        ),
        (
            '"training.schedule.alpha" = { choices = [0.1] }',
            "expected a schedule in [training], received none. Add training.schedule.",
        ),
        (
            '"training.optimizer.beta" = { choices = [0.1] }',
            "expected an argument of adam, ",
        ),
    ],
)
def test_name_that_cannot_be_searched_is_refused_with_its_place(prepare, space, problem):
    with pytest.raises(StudyFileError) as caught:
        prepare(space, BUILDER if "options" in space else 'keras = "net.keras"')
    assert problem in str(caught.value)
    assert "s.toml:" in str(caught.value)


def test_options_without_a_builder_are_refused(prepare):
    with pytest.raises(StudyFileError) as caught:
        prepare('"model.options.width" = { choices = [16] }', 'family = "mlp"\nhidden = [3]')
    assert "expected a builder for model.options.width, received a model that is not built by a function" in str(
        caught.value
    )


def test_second_phase_needs_frozen_layers(prepare):
    with pytest.raises(StudyFileError) as caught:
        prepare("l2 = { choices = [0.1] }", training='unfreeze = { layers = ["wide"] }')
    assert 'expected a pattern that matches one of none: the model has no frozen layer, received "wide"' in str(
        caught.value
    )


def test_rate_of_the_second_phase_is_searched_from_its_own(prepare, built, tmp_path):
    space = '"training.unfreeze.learning_rate" = { low = 1e-6, high = 1e-3, log = true }'
    with pytest.raises(StudyFileError) as caught:
        prepare(space)
    assert "expected unfreeze in [training], received none" in str(caught.value)
    layers = 'keras = "net.keras"\nlayers = { "wide.trainable" = false }'
    prepared = prepare(space, layers, 'unfreeze = { layers = ["wide"], learning_rate = 1e-4 }')
    assert architecture_key(Configuration({"training.unfreeze.learning_rate": 1e-5})) == ()
    assert prepared.space.configuration(prepared.space.baseline()) == {"training.unfreeze.learning_rate": 1e-4}
    phase = prepared.spec.configured({"training.unfreeze.learning_rate": 1e-5}).training.unfreeze
    assert (phase.layers, phase.learning_rate, phase.epochs) == (("wide",), 1e-5, 10)


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ('"wide.units" = "many"', 'expected a whole number of at least 1 for wide.units, received "many"'),
        ('"wide.unit" = 3', "expected a technique or an argument of wide "),
        ('"wid.units" = 3', 'expected a pattern that matches one of wide, deep_0, received "wid"'),
    ],
)
def test_fixed_argument_that_does_not_fit_is_refused_with_its_place(prepare, layers, problem):
    with pytest.raises(StudyFileError) as caught:
        prepare("l2 = { choices = [0.1] }", f'keras = "net.keras"\nlayers = {{ {layers} }}')
    assert problem in str(caught.value)
    assert "s.toml:9 [model.layers]" in str(caught.value)
