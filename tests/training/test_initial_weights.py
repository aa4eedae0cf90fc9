"""What a run begins with depends on its seed alone, and drawing it leaves compiled programs as they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from search.models import build_model, weights_by_path
from search.training.engines import keep_going
from search.training.engines._initial import _seeded, draw_initial_weights


@pytest.fixture
def forgotten(keras, monkeypatch):
    """How often TensorFlow has forgotten its kernels meanwhile, those of compiled programs among them."""
    from tensorflow.python import pywrap_tfe

    counted, forget = [], pywrap_tfe.TFE_ContextClearCaches

    def forget_and_count(handle):
        counted.append(None)
        forget(handle)

    monkeypatch.setattr(pywrap_tfe, "TFE_ContextClearCaches", forget_and_count)
    return counted


def test_weights_are_those_that_keras_draws_from_the_seed(keras, make_plan, make_run, make_job):
    job = make_job(make_plan(), make_run(seed=11))
    keras.utils.set_random_seed(11)
    expected = weights_by_path(build_model(job.plain, heads=True))
    drawn = draw_initial_weights(job)
    assert list(drawn) == list(expected)
    for path, value in drawn.items():
        np.testing.assert_array_equal(value, expected[path].numpy(), err_msg=path)


@pytest.mark.parametrize("engine", ["compiled", "graph", "lanes"])
def test_program_is_not_made_anew_for_another_seed(make_plan, make_run, train_stages, forgotten, engine):
    outcomes = [train_stages(make_plan(), make_run(seed=seed), engine, keep_going) for seed in (12, 13, 12)]
    assert not forgotten
    assert outcomes[0].score == outcomes[2].score != outcomes[1].score


@pytest.mark.parametrize("has_own_code", [True, False])
def test_code_that_draws_by_itself_draws_what_the_seed_says(keras, forgotten, has_own_code):
    """Else the kernel of a stateful operation, kept from the time before, would go on where it was."""
    import tensorflow as tf

    made_of = SimpleNamespace(has_own_code=has_own_code)

    def draw(seed):
        return _seeded(seed, made_of, lambda: tf.random.normal((3,)).numpy().tolist())

    first = draw(5)
    assert draw(6) != first
    assert draw(5) == first
    tf.random.set_seed(5)
    assert tf.random.normal((3,)).numpy().tolist() == first
    assert len(forgotten) == 4


def test_seed_that_own_code_names_itself_is_begun_anew(keras):
    import tensorflow as tf

    made_of = SimpleNamespace(has_own_code=True)
    one, other = (_seeded(5, made_of, lambda: float(tf.random.normal((), seed=3))) for _ in range(2))
    assert one == other
