"""A loss of the user's own is tried before any run trains with it, and how a model ends before it."""

import textwrap

import numpy as np
import pytest

from search.data import SourceFunction
from search.errors import StudyFileError
from search.models import Loss, check_own_loss, find_end, study_loss
from search.spec import TrainingSection

PLACE = "s.toml:9 [training.loss]"
SHAPES = "targets of shape (8, 1) and predictions of shape (8, 1)"


@pytest.fixture
def check(tmp_path):
    """A function that tries a loss on the targets of two classes."""

    def try_it(code, name="mine", targets=None, n_outputs=1, **more):
        function = SourceFunction("losses.py", name, textwrap.dedent(code))
        targets = np.arange(20, dtype=np.float32).reshape(20, 1) % 2 if targets is None else targets
        loss = Loss(f"losses.py:{name}", function=function, **more)
        check_own_loss(function, loss, targets, n_outputs, PLACE, folder=str(tmp_path), timeout_seconds=100)

    return try_it


def test_loss_of_keras_operations_or_of_tensorflow_is_taken(check):
    check("""
        import tensorflow as tf
        from keras import ops

        def mine(y_true, y_pred):
            assert y_true.shape == y_pred.shape == (8, 3)
            return ops.mean(ops.square(y_true - y_pred), axis=-1) + tf.reduce_sum(tf.abs(y_pred), axis=-1)
    """, targets=np.eye(3, dtype=np.float32)[np.arange(20) % 3], n_outputs=3, form="one_hot")  # fmt: skip


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (
            "def mine(y, p):\n    from keras import ops\n    return ops.mean(ops.square(y - p))\n",
            "losses.py:1: expected mine to return one loss a row, shape (8,), received shape () for " + SHAPES + ". "
            "Take the mean over the last axis alone: keras.ops.mean(..., axis=-1).",
        ),
        (
            "from keras import ops\ndef mine(y, p):\n    return ops.mean(ops.log(p - 2.0), axis=-1)\n",
            "losses.py:2: expected mine to return finite losses, received nan for the target [0.0] and the prediction "
            "[0.5314].",
        ),
        (
            "def mine(y, p):\n    raise KeyError('alpha')\n",
            f"losses.py:2: expected mine to return one loss a row for {SHAPES}, received KeyError: 'alpha'.",
        ),
        (
            "def mine(y, p):\n    return y[:, 0]\n",
            "losses.py:1: expected mine to depend on what is predicted, received losses without a gradient. Compute it "
            "with keras.ops or TensorFlow, not with NumPy.",
        ),
        (
            "def mine(y, p):\n    return 'loss'\n",
            "losses.py:1: expected mine to return a tensor of one loss a row, received str. Compute it with keras.ops "
            "or TensorFlow.",
        ),
        (
            "def mien(y, p):\n    return p[:, 0]\n",
            'losses.py: expected a function "mine", received none. Did you mean "mien"?',
        ),
        (
            "import beside\n",
            "losses.py:1: expected mine to return one loss a row, received ModuleNotFoundError: No module named "
            "'beside'. The file travels to workers by itself: what it imports has to be installed.",
        ),
    ],
    ids=["one number for all rows", "not finite", "raises", "constant", "no tensor", "no function", "import"],
)
def test_loss_that_nothing_can_train_with_is_refused(check, tmp_path, code, problem):
    (tmp_path / "beside.py").write_text("")
    with pytest.raises(StudyFileError) as caught:
        check(code)
    assert str(caught.value) == problem


OWN = Loss("losses.py:mine")


@pytest.mark.parametrize(
    ("task", "n_outputs", "paired", "units", "form", "links"),
    [
        ("binary", 2, True, 1, "column", {"sigmoid": None, "linear": "sigmoid"}),
        ("binary", 2, False, 2, "one_hot", {"softmax": None, "linear": "softmax"}),
        ("multiclass", 3, True, 3, "one_hot", {"softmax": None, "linear": "softmax"}),
        ("regression", 2, True, 2, "column", {"linear": None}),
    ],
)
def test_model_ends_in_probabilities_or_in_logits_before_a_function(task, n_outputs, paired, units, form, links):
    end = find_end(task, n_outputs, OWN, paired=paired)
    assert (end.units, end.activations, end.loss.form) == (units, tuple(links), form)
    assert {activation: end.loss_behind(activation).link for activation in links} == links


def test_study_names_a_function_and_gives_its_text():
    training = TrainingSection(loss="losses.py:mine")
    function = SourceFunction("losses.py", "mine", "def mine(y, p):\n    return p[:, 0]\n")
    assert study_loss(training) == OWN
    assert study_loss(training, function) == Loss("losses.py:mine", function=function)
    with pytest.raises(ValueError, match=r"^expected the text of losses.py:mine, received none$"):
        OWN.make()
