"""Each metric against its namesake in scikit-learn."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from search.training.scoring import METRICS, default_metric

N_CLASSES = st.sampled_from([2, 3, 5])
SEEDS = st.integers(0, 2**32 - 1)
N_ROWS = st.integers(1, 40)


def draw_classification(seed, n_rows, n_classes, sharpness):
    """Targets and predictions like a network's: float32, saturated when `sharpness` is high."""
    rng = np.random.default_rng(seed)
    target = rng.integers(n_classes, size=n_rows)
    logits = (sharpness * rng.normal(size=(n_rows, n_classes))).astype(np.float32)
    if n_classes == 2:
        return target, (1 / (1 + np.exp(-np.clip(logits[:, :1], -80, 80)))).astype(np.float32)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return target, shifted / shifted.sum(axis=1, keepdims=True)


def classes_of(predicted):
    return (predicted[:, 0] > 0.5).astype(int) if predicted.shape[1] == 1 else predicted.argmax(axis=1)


@given(SEEDS, N_ROWS, N_CLASSES, st.sampled_from([0.0, 1.0, 30.0]))
@example(0, 1, 2, 30.0)
@settings(max_examples=60, deadline=None)
def test_classification_metrics_are_those_of_scikit_learn(seed, n_rows, n_classes, sharpness):
    target, predicted = draw_classification(seed, n_rows, n_classes, sharpness)
    labels, classes = list(range(n_classes)), classes_of(predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted and never true, and of rounded sums
        expected = {
            "log_loss": reference.log_loss(target, predicted, labels=labels),
            "accuracy": reference.accuracy_score(target, classes),
            "balanced_accuracy": reference.balanced_accuracy_score(target, classes),
            "f1_macro": reference.f1_score(target, classes, average="macro"),
        }
    scores = {name: METRICS[name].score(target, predicted) for name in expected}
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(SEEDS, st.integers(2, 40), st.sampled_from([None, 1, 3]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_regression_metrics_are_those_of_scikit_learn(seed, n_rows, n_targets, constant):
    rng = np.random.default_rng(seed)
    shape = (n_rows,) if n_targets is None else (n_rows, n_targets)
    target = np.full(shape, 2.5, np.float32) if constant else rng.normal(size=shape).astype(np.float32)
    predicted = (target.reshape(n_rows, -1) + rng.normal(size=(n_rows, n_targets or 1))).astype(np.float32)
    expected = {
        "mse": reference.mean_squared_error(target, predicted),
        "mae": reference.mean_absolute_error(target, predicted),
        "r2": reference.r2_score(target, predicted),
    }
    scores = {name: METRICS[name].score(target, predicted) for name in expected}
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("predicted", "expected"), [([2.0, 2.0], 1.0), ([2.0, 2.5], 0.0)])
def test_r2_of_a_target_that_does_not_vary(predicted, expected):
    target, column = np.array([2.0, 2.0], np.float32), np.array(predicted, np.float32)[:, None]
    assert METRICS["r2"].score(target, column) == reference.r2_score(target, column) == expected


def test_log_loss_of_a_sure_mistake_is_finite():
    target, predicted = np.array([1, 0]), np.array([[0.0], [1.0]], np.float32)
    expected = reference.log_loss(target, predicted, labels=[0, 1])
    assert METRICS["log_loss"].score(target, predicted) == pytest.approx(expected, rel=1e-6)
    assert expected == pytest.approx(15.9424, abs=1e-3)


def test_tie_of_two_classes_counts_as_class_zero():
    target, predicted = np.array([0, 1]), np.array([[0.5], [0.5]], np.float32)
    assert METRICS["accuracy"].score(target, predicted) == 0.5


def test_every_metric_knows_its_direction_and_its_tasks():
    told = {name: (metric.name, metric.direction, sorted(metric.tasks)) for name, metric in METRICS.items()}
    classification = ["binary", "multiclass"]
    assert told == {
        "log_loss": ("log_loss", "minimize", classification),
        "accuracy": ("accuracy", "maximize", classification),
        "balanced_accuracy": ("balanced_accuracy", "maximize", classification),
        "f1_macro": ("f1_macro", "maximize", classification),
        "mse": ("mse", "minimize", ["regression"]),
        "mae": ("mae", "minimize", ["regression"]),
        "r2": ("r2", "maximize", ["regression"]),
    }


def test_default_metric_suits_the_task():
    assert {task: default_metric(task) for task in ("binary", "multiclass", "regression")} == {
        "binary": "log_loss",
        "multiclass": "log_loss",
        "regression": "mse",
    }
