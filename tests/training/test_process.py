"""A process that is lent to a study: what TensorFlow and Keras are asked for by private names is still there."""

import gc
import os
import random
import threading

import pytest

from search.training import lent_process, process


def test_private_names_are_what_they_were(keras):
    from keras.src.backend.common import global_state
    from keras.src.saving import object_registration
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    assert isinstance(global_state.GLOBAL_STATE_TRACKER, threading.local)
    assert isinstance(global_state.GLOBAL_SETTINGS_TRACKER, threading.local)
    assert keras.saving.get_custom_objects() is object_registration.GLOBAL_CUSTOM_OBJECTS
    assert isinstance(object_registration.GLOBAL_CUSTOM_NAMES, dict)
    assert config.is_op_determinism_enabled() is False
    import tensorflow as tf

    tf.random.set_seed(5)
    assert context.context()._seed == 5
    assert context.context()._rng.getstate() == random.Random(5).getstate()
    assert isinstance(context.context()._optimizer_experimental_options, dict)


def test_classes_that_are_registered_inside_are_forgotten(keras):
    class Mine(keras.layers.Layer):
        pass

    before = keras.saving.get_registered_object("tests>kept")
    with lent_process():
        keras.saving.register_keras_serializable("tests", "kept")(Mine)
        assert keras.saving.get_registered_object("tests>kept") is Mine
    assert keras.saving.get_registered_object("tests>kept") is before is None
    assert keras.saving.get_registered_name(Mine) == "Mine"


def test_seeds_inside_do_not_reach_the_caller(keras):
    import tensorflow as tf

    tf.random.set_seed(3)
    expected = [float(tf.random.uniform(())) for _ in range(4)]
    tf.random.set_seed(3)
    drawn = [float(tf.random.uniform(())) for _ in range(2)]
    with lent_process():
        keras.utils.set_random_seed(99)
        tf.random.uniform(())
    assert drawn + [float(tf.random.uniform(())) for _ in range(2)] == expected


def test_what_the_caller_froze_stays_frozen(keras, monkeypatch, frozen_objects_uncounted):
    monkeypatch.setattr(process, "anything_is_frozen", frozen_objects_uncounted)
    n_frozen = gc.get_freeze_count()
    assert n_frozen > 0  # `start_tensorflow` was called by the fixture
    with lent_process():
        pass
    assert gc.get_freeze_count() == n_frozen


def test_environment_is_put_back_when_training_fails(keras, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setenv("REGSEARCH_TEST", "before")
    before = dict(os.environ)

    def fail():
        with lent_process():
            os.environ["REGSEARCH_TEST"] = os.environ["REGSEARCH_TEST_MORE"] = "inside"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert dict(os.environ) == before


def test_one_thread_needs_no_words(keras):
    with lent_process() as sentences:
        assert sentences == ()
