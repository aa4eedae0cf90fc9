"""What is said of a run that failed is a sentence, whatever TensorFlow and Keras add to theirs."""

import numpy as np
import pytest

from search.errors import DivergedError, RunFailedError
from search.training import error_in_one_line
from search.training.failures import log_of, without_secrets


@pytest.fixture(scope="module")
def tf():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import tensorflow

    return tensorflow


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Out of memory allocating 4294967296 bytes.", "out of memory: 4.00 GiB more were asked for"),
        (
            "OOM when allocating tensor with shape[1024,1048576] and type float on /job:localhost by allocator cpu",
            "out of memory: 4.00 GiB more were asked for",
        ),
        (
            "Allocator (GPU_0_bfc) ran out of memory trying to allocate 2.50GiB",
            "out of memory: 2.50 GiB more were asked for",
        ),
        ("no more", "out of memory"),
    ],
)
def test_how_much_memory_was_asked_for_is_told(tf, said, told):
    assert error_in_one_line(tf.errors.ResourceExhaustedError(None, None, said)) == told


def test_memory_that_numpy_did_not_get_is_told(tf):
    with pytest.raises(MemoryError) as caught:
        np.zeros(2**50, np.uint8)
    assert error_in_one_line(caught.value) == "out of memory: 1,048,576.00 GiB more were asked for"


def test_nodes_and_stacks_of_tensorflow_are_left_out(tf):
    said = (
        "{{function_node __wrapped__MatMul_device_/job:localhost/replica:0/task:0/device:CPU:0}} "
        "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]\n\t [[{{node model/dense/MatMul}}]] [Op:MatMul] name: "
    )
    error = tf.errors.InvalidArgumentError(None, None, said)
    assert error_in_one_line(error) == "InvalidArgumentError: Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]"
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.linalg.matmul(tf.ones((2, 3)), tf.ones((2, 3)))
    told = error_in_one_line(caught.value)
    assert told.startswith("InvalidArgumentError: ")
    assert not any(words in told for words in ("{{", "[Op:", "[["))


def test_arguments_of_a_call_are_left_out_and_long_messages_cut(tf):
    error = ValueError(
        "Input 0 is incompatible.\n\nArguments received by Sequential.call():\n  • inputs=tf.Tensor(...)"
    )
    assert error_in_one_line(error) == "ValueError: Input 0 is incompatible."
    told = error_in_one_line(ValueError("word " * 200))
    assert len(told) < 230
    assert told.endswith("word ...")


def test_what_was_meant_for_people_stays_as_it_is(tf):
    words = "diverged at epoch 3, " + "and more " * 50
    assert error_in_one_line(RunFailedError(words)) == " ".join(words.split())
    assert error_in_one_line(KeyError()) == "KeyError"


def _raised():
    try:
        try:
            raise KeyError("what it came of")
        except KeyError as error:
            raise ValueError("at postgresql://bob:hunter2@host/db, token=abc") from error
    except ValueError as error:
        return error


def test_log_has_all_that_was_said_and_where_without_secrets():
    log = log_of(_raised())
    assert log.count("Traceback (most recent call last):") == 2
    assert log.index("KeyError: 'what it came of'") < log.index("ValueError: at postgresql://***@host/db, token=***")
    assert "in _raised" in log
    assert "hunter2" not in log
    assert error_in_one_line(_raised()) == "ValueError: at postgresql://***@host/db, token=***"


def test_log_has_the_cause_that_keras_hides():
    error = _raised()
    error.__cause__ = None  # as by `raise ... from None`
    assert "what it came of" in log_of(error)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("mysql://root@h", "mysql://***@h"),
        ("see https://keras.io/api, or mail me@example.org", "see https://keras.io/api, or mail me@example.org"),
        ("password: 'x y', n_epochs=3", "password: *** y', n_epochs=3"),
        ('{"AWS_SECRET_KEY": "abc", "a": 1}', '{"AWS_SECRET_KEY": ***, "a": 1}'),
        ("1,024 tokens were read by tokenizer=Tokenizer", "1,024 tokens were read by tokenizer=Tokenizer"),
    ],
)
def test_secrets_are_left_out_and_nothing_else(said, told):
    assert without_secrets(said) == told


def test_log_is_bounded_and_has_its_beginning_and_its_end():
    log = log_of(ValueError(f"begun {'x' * 1_000_000} ended"))
    assert len(log) < 16_100
    assert "characters left out" in log
    assert (log.startswith("ValueError: begun"), log.endswith(" ended")) == (True, True)


def test_divergence_needs_no_log():
    assert log_of(DivergedError(3)) is None
