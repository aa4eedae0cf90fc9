"""Models with layers of the user's own: read with the file that defines them, and never run without being trusted."""

import textwrap

import numpy as np
import pytest

from search.data import SourceModule
from search.errors import StudyFileError
from search.models import (
    build_model,
    check_custom_code,
    check_patterns,
    custom_objects,
    describe_model,
    own_module_names,
    read_model,
    read_saved,
    regularize,
    weights_by_path,
)
from search.spec import ModelSection
from search.user_code import code_trusted

NET = """
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Gate(keras.layers.Layer):
        def __init__(self, units, kernel_regularizer=None, **more):
            super().__init__(**more)
            self.units = units
            self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        def build(self, shape):
            self.kernel = self.add_weight(
                shape=(shape[-1], self.units), regularizer=self.kernel_regularizer, name="kernel"
            )

        def call(self, rows):
            passed = rows @ self.kernel
            return passed * keras.ops.sigmoid(passed)

        def get_config(self):
            regularizer = keras.regularizers.serialize(self.kernel_regularizer)
            return {**super().get_config(), "units": self.units, "kernel_regularizer": regularizer}

    class Plain(keras.layers.Layer):
        def call(self, rows):
            return 2 * rows

    @keras.saving.register_keras_serializable(package="mine")
    def bent(x):
        return keras.ops.abs(x) + 0.1 * x

    def build(n_outputs, width=6):
        return keras.Sequential([
            keras.Input((4,)),
            Gate(width, name="gate"),
            Plain(name="plain"),
            keras.layers.Dense(5, activation=bent, name="bent"),
            keras.layers.Dense(n_outputs, "softmax", name="out"),
        ], name="gated")
"""


FACTS = {"input_shape": (4,), "n_outputs": 3, "task": "multiclass", "timeout_seconds": 600}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "net.py").write_text(textwrap.dedent(NET))
    return tmp_path


@pytest.fixture
def read(folder):
    return lambda **section: read_model(ModelSection(**section), folder, "s.toml:4 [model]", **FACTS)


def trusted(folder, code, **section):
    (folder / "net.py").write_text(textwrap.dedent(code))
    with code_trusted():
        return read_model(ModelSection(builder="net.py:build", custom="net.py", **section), folder, "[model]", **FACTS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory, keras):
    return trusted(tmp_path_factory.mktemp("nets"), NET)


def test_model_with_layers_of_ones_own_is_made(saved, keras):
    model = build_model(describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", saved))
    assert [type(layer).__name__ for layer in model.layers] == ["Gate", "Plain", "Dense", "Dense"]
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    gate, bent, out = (weight.numpy() for weight in (model.weights[0], model.weights[1], model.weights[3]))
    passed = rows @ gate
    hidden = 2 * passed / (1 + np.exp(-passed)) @ bent
    scores = (np.abs(hidden) + 0.1 * hidden) @ out
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(rows), shares, rtol=1e-4)


def test_techniques_and_other_arguments_reach_layers_of_ones_own(saved, keras):
    section = ModelSection(builder="net.py:build", layers={"gate.units": 9})
    plain = describe_model(section, (4,), 3, "multiclass", saved)
    model = build_model(regularize(plain, {"gate.l2": 0.5, "bent.dropout": 0.3}, ["gate.l2", "bent.dropout"]))
    assert weights_by_path(model)["gate/kernel"].shape == (4, 9)
    assert model.get_layer("gate").kernel_regularizer.l2 == 0.5
    assert model.layers[3].rate == 0.3


def test_model_is_refused_without_the_file_that_defines_its_layers(read):
    with pytest.raises(StudyFileError) as caught:
        read(builder="net.py:build")
    assert str(caught.value) == (
        's.toml:4 [model]: expected layers of Keras itself, received the class Gate (layer "gate"), the class Plain '
        '(layer "plain"), the function "bent". What works: Sequential and Functional models of Keras\' own layers; '
        'with model.custom = "FILE.py" and --trust of those that the file defines too, and subclassed ones that '
        "model.builder returns."
    )


def test_file_is_not_run_by_those_who_do_not_trust_it(read, folder):
    (folder / "net.py").write_text("raise SystemExit('this was run')")
    (folder / "net.keras").write_bytes(b"")
    with pytest.raises(StudyFileError) as caught:
        read(keras="net.keras", custom="net.py")
    assert str(caught.value) == (
        's.toml:4 [model]: expected --trust beside custom = "net.py", received none. The file is run by this process '
        "and by workers: read it first."
    )


def test_file_outside_of_the_folder_of_the_study_is_refused(read, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere") / "net.py"
    other.write_text("")
    with code_trusted(), pytest.raises(StudyFileError) as caught:
        read(keras="net.keras", custom=str(other))
    assert str(caught.value) == (
        f's.toml:4 [model]: expected a file in the folder of the study, or below, received "{other}". Copy it there.'
    )


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import keras", "net.py: expected what gated is made of, received TypeError: Could not locate class 'Gate'."),
        ("import nothing_like_it", "net.py:1: expected gated to return its classes, received ModuleNotFoundError"),
    ],
)
def test_file_that_does_not_define_the_layers_is_refused_before_any_run(saved, folder, code, problem):
    other = read_saved(saved.archive, "[model]", custom=SourceModule("net.py", code))
    with pytest.raises(StudyFileError) as caught:
        check_custom_code(other, "[model] custom", folder=str(folder), timeout_seconds=600)
    assert str(caught.value).startswith(problem)


def test_file_that_defines_the_layers_passes(saved, folder):
    check_custom_code(saved, "[model] custom", folder=str(folder), timeout_seconds=600)


def test_modules_of_a_model_are_told(saved):
    assert own_module_names(saved.archive) == ("net",)


def test_another_file_makes_another_model(saved):
    other = SourceModule("net.py", saved.custom.text + "\n# changed\n")
    assert read_saved(saved.archive, "[model]", custom=other).sha256 != saved.sha256


def test_layers_are_those_of_the_models_own_file_whatever_another_has_registered_since(saved, keras):
    """As in a notebook, where a file is changed from one study to the next."""
    SourceModule(
        "net.py", saved.custom.text.replace("def call(self, rows):", "def call(self, rows, other=None):")
    ).run()
    theirs = keras.saving.get_registered_object("mine>Gate")
    model = build_model(describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", saved))
    assert type(model.get_layer("gate")) is saved.custom.load()["Gate"] is not theirs
    assert keras.saving.get_registered_object("mine>Gate") is theirs


def test_classes_of_the_file_win_over_others_of_their_names(saved, keras):
    changed = SourceModule("net.py", saved.custom.text.replace("return 2 * rows", "return 3 * rows"))
    with custom_objects(changed):
        plain = keras.saving.get_registered_object("Plain")
    assert plain().call(1.0) == 3.0


SUBCLASSED = """
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Net(keras.Model):
        def __init__(self, n_outputs, width=6, **more):
            super().__init__(**more)
            self.n_outputs, self.width = n_outputs, width
            self.first = keras.layers.Dense(width, "tanh")
            self.second = keras.layers.Dense(width, "tanh")
            self.drop = keras.layers.Dropout(0.2)
            self.last = keras.layers.Dense(n_outputs, "softmax", name="last")

        def call(self, rows, training=False):
            passed = self.first(rows)
            return self.last(self.drop(passed + self.second(passed), training=training))

        def get_config(self):
            return {**super().get_config(), "n_outputs": self.n_outputs, "width": self.width}

    def build(n_outputs, width=6):
        keras.layers.Dense(2)  # which takes the first number
        return Net(n_outputs, width, name="net")
"""


@pytest.fixture(scope="module")
def subclassed(tmp_path_factory, keras):
    return trusted(tmp_path_factory.mktemp("nets"), SUBCLASSED, weights="saved")


def test_subclassed_model_of_a_builder_is_made_again(subclassed, keras):
    assert [layer.name for layer in subclassed.layers] == ["dense", "dense_1", "dropout", "last"]
    assert (subclassed.outputs, subclassed.units, subclassed.activation) == (("last",), 3, "softmax")
    keras.layers.Dense(2)  # whatever was made before, its layers have the same names
    model = build_model(describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", subclassed))
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    first, b, second, c, last, d = (weight.numpy() for weight in model.weights)
    passed = np.tanh(rows @ first + b)
    scores = (passed + np.tanh(passed @ second + c)) @ last + d
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(rows), shares, rtol=1e-4)
    again = build_model(describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", subclassed))
    np.testing.assert_array_equal(again.weights[0], first)  # those that the builder gave it


def test_penalties_are_set_on_layers_of_a_subclassed_model(subclassed):
    plain = describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", subclassed)
    names = ["l2", "last.l1", "max_norm", "input_noise"]
    model = build_model(regularize(plain, {"l2": 0.5, "last.l1": 0.1, "max_norm": 2.0, "input_noise": 0.3}, names))
    assert sorted(weights_by_path(model)) == sorted(
        f"{layer}/{weight}" for layer in ("dense", "dense_1", "last") for weight in ("kernel", "bias")
    )
    kernels = [weights_by_path(model)[f"{layer}/kernel"] for layer in ("dense", "dense_1", "last")]
    expected = 0.5 * sum(float((kernel.numpy() ** 2).sum()) for kernel in kernels[:2])
    expected += 0.1 * float(np.abs(kernels[2].numpy()).sum())
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)
    assert kernels[0].constraint.max_value == 2.0


@pytest.mark.parametrize("name", ["dropout", "dense.batch_norm", "activity_l1", "dropout.rate"])
def test_technique_that_puts_something_between_layers_is_refused_by_name(subclassed, name):
    plain = describe_model(ModelSection(builder="net.py:build"), (4,), 3, "multiclass", subclassed)
    ((told, message, _),) = check_patterns([plain], [name], "multiclass")
    assert told == name
    assert message == (
        f"expected a technique that puts nothing between the layers of a subclassed model, received {name}"
    )


def test_model_that_cannot_be_made_again_is_refused_with_what_to_change(read, folder):
    code = textwrap.dedent(SUBCLASSED).replace("width=6, **more", "width=6").replace("(**more)", "()")
    (folder / "net.py").write_text(code.replace('width, name="net"', "width"))
    with code_trusted(), pytest.raises(StudyFileError) as caught:
        read(builder="net.py:build", custom="net.py")
    assert str(caught.value) == (
        "net.py:21: expected build to return a model that can be made again, received TypeError: Net.__init__() got an "
        "unexpected keyword argument 'name'. Let __init__ take **kwargs and hand them to super().__init__, as Keras "
        "wants it."
    )
