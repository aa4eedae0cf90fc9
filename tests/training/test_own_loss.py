"""A function of the user's as the loss: every engine trains with it as with the loss of Keras that it computes."""

from dataclasses import replace

import numpy as np
import pytest

from search.data import SourceFunction
from search.training.engines import ENGINES, keep_going
from search.training.engines.program import program_key

TEXT = """
import keras


def squares(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def logistic(y_true, y_pred):
    return keras.losses.binary_crossentropy(y_true, y_pred)


class Squares(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return squares(y_true, y_pred)


def whole(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred))
"""
CASES = {
    "two classes": ("binary", "logistic", "binary_crossentropy", {}),
    "several classes": ("multiclass", "squares", "mean_squared_error", {}),
    "numbers": ("regression", "squares", "mean_squared_error", {}),
    "a class": ("regression", "Squares", "mean_squared_error", {}),
    "mixed labels": ("multiclass", "squares", "mean_squared_error", {"mixup": 0.3, "label_smoothing": 0.2}),
}


@pytest.fixture
def plan_of(make_plan):
    """A function that makes a plan with a function of TEXT as its loss."""

    def make(task, name, text=TEXT, **more):
        plan = make_plan(task, loss=f"mine.py:{name}", **more)
        return replace(plan, loss=SourceFunction("mine.py", name, text))

    return make


@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "lanes"])  # which computes as `compiled`
@pytest.mark.parametrize("case", CASES)
def test_function_trains_as_the_loss_of_keras_that_it_computes(
    make_plan, plan_of, make_run, train_stages, case, engine
):
    task, name, keras_loss, settings = CASES[case]
    space = ("l2", *settings)
    own, known = (
        train_stages(plan, make_run(**settings), engine, keep_going)
        for plan in (plan_of(task, name, space=space), make_plan(task, loss=keras_loss, space=space))
    )
    assert own.diverged_epoch is None
    np.testing.assert_allclose(own.curve.train_loss, known.curve.train_loss, rtol=1e-5)
    np.testing.assert_allclose(own.curve.validation_loss, known.curve.validation_loss, rtol=1e-5)
    assert own.score == pytest.approx(known.score, rel=1e-5)


def test_another_text_is_another_program(plan_of, make_run, make_job):
    one, same, other = (
        program_key(make_job(plan_of("binary", "squares", text), make_run())) for text in (TEXT, TEXT, TEXT + "\n")
    )
    assert one == same != other


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_function_that_gives_one_number_for_all_rows_fails_with_its_shape(plan_of, make_run, session, engine):
    result = session.train(plan_of("binary", "whole", engine=engine), make_run())
    assert result.score is None
    assert "expected mine.py:whole to return one number a row, received shape ()" in result.error


def test_trained_model_is_compiled_without_a_loss_and_loaded_by_plain_keras(
    keras, plan_of, make_run, session, tmp_path
):
    plan = plan_of("binary", "squares", engine="graph")
    session.train_model(plan, make_run()).save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    assert loaded.loss is None
    assert loaded.optimizer is not None
    assert loaded.predict(plan.dataset.features, verbose=0).shape == (60, 1)
