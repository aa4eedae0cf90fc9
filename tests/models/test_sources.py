"""Where the user's model comes from: a file, or a function that builds it in a process of its own."""

import sys
import textwrap

import pytest

from search.errors import DataError, StudyFileError
from search.models import read_model
from search.spec import ModelSection

PLACE = "x.toml:4 [model]"
BUILDS = """
    import keras

    def build({parameters}):
        return keras.Sequential(
            [keras.Input({shape}), keras.layers.Dense({units}, activation="softmax", name="out")], name="built"
        )
"""


@pytest.fixture
def read(tmp_path):
    """A function that reads the model of a [model] table in the test's folder."""

    def read_it(timeout_seconds=600, variants=(), **section):
        facts = {"input_shape": (4,), "n_outputs": 3, "task": "multiclass"} | {"timeout_seconds": timeout_seconds}
        return read_model(ModelSection(**section), tmp_path, PLACE, variants=variants, **facts)

    return read_it


@pytest.fixture
def refusal(read):
    """A function that returns how a [model] table is refused."""

    def refuse(**section):
        with pytest.raises((StudyFileError, DataError)) as caught:
            read(**section)
        return str(caught.value)

    return refuse


@pytest.fixture
def module(tmp_path):
    """A function that writes a Python file."""
    return lambda code: (tmp_path / "net.py").write_text(textwrap.dedent(code))


def test_family_has_no_file(read):
    assert read(family="mlp") is None


def test_file_is_read(read, own_model, archive_of):
    archive = archive_of(own_model("sequential"))
    saved = read(keras="own.keras")
    assert saved.archive == archive
    assert not saved.keeps_weights
    assert read(keras="own.keras", weights="saved").keeps_weights


def test_missing_file_is_refused(refusal, own_model, archive_of):
    archive_of(own_model("sequential"))
    assert refusal(keras="won.keras") == (
        f'{PLACE}: expected keras to name a file, received "won.keras": no such file. Did you mean "own.keras"?'
    )


@pytest.mark.parametrize(
    ("parameters", "shape", "units"),
    [
        ("", "(4,)", "3"),
        ("input_shape, n_outputs", "input_shape", "n_outputs"),
        ("**facts", "(4,)", "facts['n_outputs']"),
    ],
)
def test_builder_is_given_what_it_takes(read, module, parameters, shape, units):
    module(BUILDS.format(parameters=parameters, shape=shape, units=units))
    saved = read(builder="net.py:build")
    assert (saved.name, saved.input_shape, saved.units) == ("built", (4,), 3)


def test_model_that_is_built_again_has_the_same_weights(read, module):
    module(BUILDS.format(parameters="", shape="(4,)", units="3"))
    once, again = (read(builder="net.py:build", weights="saved") for _ in range(2))
    assert once.sha256 == again.sha256


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (
            "def build():\n    return 3",
            "net.py:1: expected build to return a Keras model, received int.",
        ),
        (
            "def build():\n    raise KeyError('units')",
            "net.py:2: expected build to return a Keras model, received KeyError: 'units'.",
        ),
        (
            "def biuld():\n    return 3",
            'net.py: expected a function "build", received none. Did you mean "biuld"?',
        ),
        (
            "import os\ndef build():\n    os._exit(3)",
            f"{PLACE}: expected a model from a child process, received exit code 3.",
        ),
    ],
)
def test_builder_that_fails_is_refused_with_its_line(refusal, module, code, problem):
    module(code)
    assert refusal(builder="net.py:build") == problem


def test_builder_that_is_no_function_of_a_file_is_refused(refusal):
    assert refusal(builder="net.py") == f'{PLACE}: expected builder to be "FILE.py:function", received "net.py".'
    assert refusal(builder="none.py:build") == (
        f'{PLACE}: expected builder to name a file, received "none.py": no such file. '
        "A path is relative to the study file's folder."
    )


def test_builder_that_hangs_is_stopped(refusal, module):
    module("import time\ndef build():\n    time.sleep(1e6)")
    assert refusal(builder="net.py:build", timeout_seconds=1) == (
        f"{PLACE}: expected an answer of net.py:build within 1 s, received none. "
        "Raise data.timeout_seconds if it needs more time."
    )


def test_subclassed_model_that_a_builder_returns_is_refused(refusal, module):
    module("""
        import keras

        class Mine(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = keras.layers.Dense(3)

            def call(self, x):
                return self.dense(x)

        def build():
            model = Mine()
            model(keras.ops.zeros((1, 4)))
            return model
    """)
    assert refusal(builder="net.py:build") == (
        f"{PLACE}: expected a Sequential or Functional model, received the subclassed model Mine. What works: "
        'Sequential and Functional models of Keras\' own layers; with model.custom = "FILE.py" and --trust of those '
        "that the file defines too, and subclassed ones that model.builder returns."
    )
    assert "net" not in sys.modules


WITH_OPTIONS = """
    import keras

    def build(n_outputs, width=8, depth=1, activation="relu"):
        hidden = [keras.layers.Dense(width, activation) for _ in range(depth)]
        return keras.Sequential([keras.Input((4,)), *hidden, keras.layers.Dense(n_outputs, "softmax")])
"""


def test_builder_is_called_with_the_options_of_the_study(read, module):
    module(WITH_OPTIONS)
    saved = read(builder="net.py:build", options={"width": 5, "depth": 2})
    assert [layer.arguments["units"] for layer in saved.layers] == [5, 5, 3]


def test_builder_is_called_for_every_option_that_may_be_chosen(read, module):
    module(WITH_OPTIONS)
    variants = [{"width": width, "depth": depth} for width in (8, 16) for depth in (0, 1)]
    saved = read(builder="net.py:build", options={"activation": "tanh"}, variants=variants)
    assert dict(saved.defaults) == {"width": 8, "depth": 1, "activation": "relu"}
    found = saved.variant({"activation": "tanh", "width": 16, "depth": 1})
    assert [(layer.name, layer.arguments["units"]) for layer in found.layers] == [("dense", 16), ("dense_1", 3)]
    assert found.layers[0].arguments["activation"] == "tanh"
    assert len(saved.variant({"activation": "tanh", "width": 8, "depth": 0}).layers) == 1
    assert saved.sha256 != read(builder="net.py:build", options={"activation": "tanh"}).sha256


@pytest.mark.parametrize(
    ("code", "options", "problem"),
    [
        (
            WITH_OPTIONS,
            {"widht": 8},
            "net.py:4: expected build to take the option widht, received a function that does not. "
            'Did you mean "width"?',
        ),
        (
            WITH_OPTIONS,
            {"width": -8},
            "net.py:5: expected build to return a Keras model for width = -8, received ValueError: Received an invalid "
            "value for `units`, expected a positive integer. Received: units=-8.",
        ),
    ],
)
def test_option_that_a_builder_cannot_take_is_refused(refusal, module, code, options, problem):
    module(code)
    assert refusal(builder="net.py:build", options=options) == problem
