"""Each metric against its namesake in scikit-learn, in NumPy and inside a program."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from search.training.metrics import METRICS, default_metric, find_metric

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


def of_all(predicted):
    """Probabilities of every class."""
    return np.hstack([1 - predicted, predicted]) if predicted.shape[1] == 1 else predicted


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
            "brier": reference.brier_score_loss(target, of_all(predicted), labels=labels),
        }
        if n_classes > 2:
            expected["top_k"] = reference.top_k_accuracy_score(target, predicted, labels=labels)
    scores = {name: METRICS[name].score(target, predicted) for name in expected}
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(SEEDS, st.integers(6, 40), N_CLASSES, st.sampled_from([0.0, 1.0, 30.0]))
@settings(max_examples=60, deadline=None)
def test_metrics_of_order_are_those_of_scikit_learn(seed, n_rows, n_classes, sharpness):
    target, predicted = draw_classification(seed, n_rows, n_classes, sharpness)
    predicted = np.round(predicted, 1)  # ties
    scores = {"roc_auc": [], "average_precision": []}
    for index in [1] if n_classes == 2 else range(n_classes):
        truth, values = target == index, of_all(predicted)[:, index]
        if 0 < truth.sum() < n_rows:
            scores["roc_auc"].append(reference.roc_auc_score(truth, values))
            scores["average_precision"].append(reference.average_precision_score(truth, values))
    for name, of_classes in scores.items():
        expected = np.mean(of_classes) if of_classes else 0.5
        assert METRICS[name].score(target, predicted) == pytest.approx(expected, rel=1e-6)


def test_area_of_several_classes_is_that_of_one_against_the_rest():
    target, predicted = draw_classification(3, 40, 5, 1.0)
    expected = reference.roc_auc_score(target, predicted.astype(float), multi_class="ovr", average="macro")
    assert METRICS["roc_auc"].score(target, predicted) == pytest.approx(expected, rel=1e-6)


@given(SEEDS, st.integers(2, 40), st.sampled_from([None, 1, 3]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_regression_metrics_are_those_of_scikit_learn(seed, n_rows, n_targets, constant):
    rng = np.random.default_rng(seed)
    shape = (n_rows,) if n_targets is None else (n_rows, n_targets)
    target = np.full(shape, 2.5, np.float32) if constant else rng.normal(size=shape).astype(np.float32)
    predicted = (target.reshape(n_rows, -1) + rng.normal(size=(n_rows, n_targets or 1))).astype(np.float32)
    expected = {
        "mse": reference.mean_squared_error(target, predicted),
        "rmse": reference.root_mean_squared_error(target, predicted),
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
        "brier": ("brier", "minimize", classification),
        "accuracy": ("accuracy", "maximize", classification),
        "balanced_accuracy": ("balanced_accuracy", "maximize", classification),
        "f1_macro": ("f1_macro", "maximize", classification),
        "top_k": ("top_k", "maximize", ["multiclass"]),
        "roc_auc": ("roc_auc", "maximize", classification),
        "average_precision": ("average_precision", "maximize", classification),
        "mse": ("mse", "minimize", ["regression"]),
        "rmse": ("rmse", "minimize", ["regression"]),
        "mae": ("mae", "minimize", ["regression"]),
        "r2": ("r2", "maximize", ["regression"]),
    }


def test_default_metric_suits_the_task():
    assert {task: default_metric(task) for task in ("binary", "multiclass", "regression")} == {
        "binary": "log_loss",
        "multiclass": "log_loss",
        "regression": "mse",
    }


def draw_rows(metric, seed, n_rows, n_outputs):
    """Targets as a dataset has them and as the loss takes them, and predictions, for one of the metric's tasks."""
    if "regression" not in metric.tasks:
        target, predicted = draw_classification(seed, n_rows, n_outputs, 3.0)
        return target, target[:, None].astype(np.float32) if n_outputs == 2 else target.astype(np.int32), predicted
    rng = np.random.default_rng(seed)
    target, predicted = rng.normal(size=(2, n_rows, n_outputs)).astype(np.float32)
    return target, target, predicted


CASES = [(name, n) for name, metric in METRICS.items() for n in (2, 3) if n > 2 or metric.tasks != {"multiclass"}]


@pytest.mark.parametrize(("name", "n_outputs"), CASES)
def test_metric_inside_a_program_is_that_of_the_rows_which_count(keras, name, n_outputs):
    import tensorflow as tf

    metric = METRICS[name]
    target, as_loss_takes_it, predicted = draw_rows(metric, 7, 40, n_outputs)
    for weight in (np.ones(40, np.float32), (np.arange(40) % 3 > 0).astype(np.float32)):
        traced = float(metric.traced(as_loss_takes_it, predicted, weight))
        assert traced == pytest.approx(metric.score(target[weight > 0], predicted[weight > 0]), rel=1e-5)
        compiled = tf.function(metric.traced, jit_compile=True)
        assert float(compiled(as_loss_takes_it, predicted, weight)) == pytest.approx(traced, rel=1e-5)
    assert metric.score(target, predicted) != pytest.approx(traced)


def draw_weights(seed, n_rows, kind):
    """Weights of rows: whole numbers with zeros among them, fractions, or the same for all."""
    rng = np.random.default_rng(seed + 1)
    if kind == "whole":
        return rng.integers(0, 4, n_rows).astype(np.float32)
    return np.full(n_rows, 0.3, np.float32) if kind == "equal" else rng.exponential(size=n_rows).astype(np.float32)


KINDS = st.sampled_from(["whole", "fractions", "equal"])
CLASS_METRICS = [name for name, metric in METRICS.items() if "multiclass" in metric.tasks]
NUMBER_METRICS = [name for name, metric in METRICS.items() if "regression" in metric.tasks]


def reference_scores(target, predicted, weight, n_classes):
    """What scikit-learn makes of rows of which each counts, by name of the metric."""
    labels, classes = list(range(n_classes)), classes_of(predicted)
    said = {"sample_weight": weight.astype(np.float64)}
    scores = {
        "log_loss": reference.log_loss(target, predicted, labels=labels, **said),
        "accuracy": reference.accuracy_score(target, classes, **said),
        "balanced_accuracy": reference.balanced_accuracy_score(target, classes, **said),
        "f1_macro": reference.f1_score(target, classes, average="macro", **said),
        "brier": reference.brier_score_loss(target, of_all(predicted), labels=labels, **said),
    }
    if n_classes > 2:
        scores["top_k"] = reference.top_k_accuracy_score(target, predicted, labels=labels, **said)
    orders = {"roc_auc": reference.roc_auc_score, "average_precision": reference.average_precision_score}
    for name, function in orders.items():
        of_classes = [
            function(target == index, of_all(predicted)[:, index], **said)
            for index in ([1] if n_classes == 2 else range(n_classes))
            if 0 < (target == index).sum() < len(target)
        ]
        scores[name] = np.mean(of_classes) if of_classes else 0.5
    return scores


@given(SEEDS, st.integers(2, 40), N_CLASSES, st.sampled_from([0.0, 1.0, 30.0]), KINDS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_weighted_classification_metrics_are_those_of_scikit_learn(seed, n_rows, n_classes, sharpness, kind, ties):
    target, predicted = draw_classification(seed, n_rows, n_classes, sharpness)
    if ties:
        predicted = np.round(predicted, 1)
    weight = draw_weights(seed, n_rows, kind)
    counting = weight > 0
    names = [name for name in CLASS_METRICS if "binary" in METRICS[name].tasks or n_classes > 2]
    scores = {name: METRICS[name].score(target, predicted, weight) for name in names}
    if not counting.any():
        assert np.isnan(list(scores.values())).all()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that are predicted and never true, and of rounded sums
        # Of rows that do not count scikit-learn's F1 alone would know the classes.
        expected = reference_scores(target[counting], predicted[counting], weight[counting], n_classes)
    assert scores == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(SEEDS, st.integers(2, 40), st.sampled_from([None, 1, 3]), KINDS)
@settings(max_examples=100, deadline=None)
def test_weighted_regression_metrics_are_those_of_scikit_learn(seed, n_rows, n_targets, kind):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(n_rows,) if n_targets is None else (n_rows, n_targets)).astype(np.float32)
    predicted = (target.reshape(n_rows, -1) + rng.normal(size=(n_rows, n_targets or 1))).astype(np.float32)
    weight = draw_weights(seed, n_rows, kind)
    scores = {name: METRICS[name].score(target, predicted, weight) for name in NUMBER_METRICS}
    if not weight.any():
        assert np.isnan(list(scores.values())).all()
        return
    said = {"sample_weight": weight.astype(np.float64)}
    expected = {
        "mse": reference.mean_squared_error(target, predicted, **said),
        "rmse": reference.root_mean_squared_error(target, predicted, **said),
        "mae": reference.mean_absolute_error(target, predicted, **said),
    }
    if (weight > 0).sum() > 1:
        expected["r2"] = reference.r2_score(target, predicted, **said)
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(SEEDS, st.integers(1, 30), st.sampled_from([2, 3]))
@settings(max_examples=60, deadline=None)
def test_whole_weights_are_rows_that_come_again(seed, n_rows, n_outputs):
    weight = draw_weights(seed, n_rows, "whole")
    again = np.repeat(np.arange(n_rows), weight.astype(int))
    if not len(again):
        return
    for name, metric in METRICS.items():
        if name == "top_k" and n_outputs == 2:
            continue
        target, _, predicted = draw_rows(metric, seed, n_rows, n_outputs)
        n_classes = 0 if "regression" in metric.tasks else n_outputs
        whole = metric.score(target[again], predicted[again])
        assert metric.score(target, predicted, weight) == pytest.approx(whole, rel=1e-6, abs=1e-9), name
        guess = metric.constant(target, n_classes, weight)
        np.testing.assert_allclose(guess, metric.constant(target[again], n_classes), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("k", [1, 3, 4])
def test_likeliest_classes_may_be_more_or_fewer_than_two(keras, k):
    target, predicted = draw_classification(5, 60, 5, 1.0)
    metric, weight = find_metric("top_k", {"k": k}), draw_weights(5, 60, "fractions")
    for each in (None, weight):
        expected = reference.top_k_accuracy_score(target, predicted, k=k, sample_weight=each)
        assert metric.score(target, predicted, each) == pytest.approx(expected, rel=1e-6)
        counts = np.ones(60, np.float32) if each is None else each
        assert float(metric.traced(target, predicted, counts)) == pytest.approx(expected, rel=1e-5)
    assert (metric.name, metric.label) == ("top_k", f"top_k (k = {k})")
    assert metric.score(target, predicted) != METRICS["top_k"].score(target, predicted)


def test_metric_is_found_by_its_name_and_arguments():
    assert find_metric("top_k") is METRICS["top_k"]
    assert find_metric("top_k", {"k": 2}) == METRICS["top_k"]
    assert find_metric("top_k", {"k": 3}) != METRICS["top_k"]
    assert {name for name, metric in METRICS.items() if metric.arguments or metric.label != name} == {"top_k"}


def test_area_of_several_weighted_classes_is_that_of_one_against_the_rest():
    target, predicted = draw_classification(3, 40, 5, 1.0)
    weight = draw_weights(3, 40, "fractions")
    of_rest = {"multi_class": "ovr", "average": "macro", "sample_weight": weight}
    expected = reference.roc_auc_score(target, predicted.astype(float), **of_rest)
    assert METRICS["roc_auc"].score(target, predicted, weight) == pytest.approx(expected, rel=1e-6)


def test_r2_of_a_target_that_does_not_vary_where_rows_count():
    target, weight = np.array([0.1, 0.1, 0.1, 7.0], np.float32), np.array([0.1, 0.2, 0.7, 0.0], np.float32)
    assert METRICS["r2"].score(target, target[:, None], weight) == 1
    assert METRICS["r2"].score(target, target[:, None] + 1, weight) == 0


def test_no_small_weight_is_lost_in_the_order_of_large_ones():
    target, predicted = np.array([1, 0, 1, 0]), np.array([[0.9], [0.8], [0.2], [0.1]], np.float32)
    weight = np.array([1e-12, 1e-12, 1e6, 1e6], np.float32)
    said = {"sample_weight": weight.astype(np.float64)}
    for name, function in (
        ("roc_auc", reference.roc_auc_score),
        ("average_precision", reference.average_precision_score),
    ):
        expected = function(target, predicted[:, 0], **said)
        assert METRICS[name].score(target, predicted, weight) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("name", "n_outputs"), CASES)
@pytest.mark.parametrize("kind", ["whole", "fractions"])
def test_weighted_metric_inside_a_program_is_that_of_the_score(keras, name, n_outputs, kind):
    import tensorflow as tf

    metric = METRICS[name]
    target, as_loss_takes_it, predicted = draw_rows(metric, 7, 40, n_outputs)
    if "regression" not in metric.tasks:
        predicted = np.round(predicted, 2)  # ties
    weight = draw_weights(8, 40, kind)
    weight[30:] = 0  # fills a program up
    score = metric.score(target, predicted, weight)
    assert float(metric.traced(as_loss_takes_it, predicted, weight)) == pytest.approx(score, rel=1e-5)
    compiled = tf.function(metric.traced, jit_compile=True)
    assert float(compiled(as_loss_takes_it, predicted, weight)) == pytest.approx(score, rel=1e-5)
    assert metric.score(target[:30], predicted[:30]) != pytest.approx(score, rel=1e-4)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_order_of_rows_that_count_alike_is_that_of_weights_of_one(keras, name):
    _, as_loss_takes_it, predicted = draw_rows(METRICS[name], 7, 40, 3)
    counts = (np.arange(40) % 3 > 0).astype(np.float32)
    quick = float(METRICS[name].traced(as_loss_takes_it, predicted, counts, weighted=False))
    assert float(METRICS[name].traced(as_loss_takes_it, predicted, counts)) == pytest.approx(quick, rel=1e-6)


def score_constant(metric, target, constant, weight=None):
    return metric.score(target, np.broadcast_to(constant, (len(target), *np.shape(constant))), weight)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if name in ("mse", "rmse", "mae", "r2")])
@pytest.mark.parametrize("n_targets", [None, 2])
def test_no_constant_scores_better_on_weighted_rows(name, n_targets):
    metric, rng = METRICS[name], np.random.default_rng(4)
    target = rng.normal(size=(9,) if n_targets is None else (9, n_targets)).astype(np.float32)
    weight = np.array([0, 3, 1, 0.5, 0, 2, 9, 0.25, 1], np.float32)
    best = metric.constant(target, 0, weight)
    assert best.shape == target.shape[1:]
    assert not np.allclose(best, metric.constant(target, 0))
    sign = 1 if metric.direction == "minimize" else -1
    for other in [best + shift for shift in (-1.0, -1e-3, 1e-3, 1.0)] + list(target[weight > 0] + 1e-3):
        assert sign * score_constant(metric, target, best, weight) < sign * score_constant(
            metric, target, other, weight
        )


@pytest.mark.parametrize(
    "target",
    [
        [1.0, 2.0, 30.0],
        [0.0, 0.0, 0.0, 1.0, 100.0],
        [3.0, 1.0, 1.0, 2.0, 9.0, 27.0, 81.0],
        [[1.0, 5.0], [2.0, 0.0], [30.0, -70.0]],
    ],
)
@pytest.mark.parametrize("name", ["mse", "rmse", "mae", "r2"])
def test_no_constant_scores_better_than_the_one_of_the_metric(name, target):
    metric, target = METRICS[name], np.array(target, np.float32)
    best = metric.constant(target, 0)
    assert best.shape == target.shape[1:]
    others = [best + shift for shift in (-1.0, -1e-3, 1e-3, 1.0)]
    others += [target.mean(axis=0) + shift for shift in (-1e-3, 1e-3)] + list(target + 1e-3)
    sign = 1 if metric.direction == "minimize" else -1
    for other in others:
        assert sign * score_constant(metric, target, best) < sign * score_constant(metric, target, other)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=30))
def test_constant_of_the_absolute_error_is_as_good_as_any_row(values):
    target = np.array(values, np.float32)
    best = score_constant(METRICS["mae"], target, METRICS["mae"].constant(target, 0))
    assert all(best <= score_constant(METRICS["mae"], target, value) + 1e-9 for value in (*target, target.mean()))


@pytest.mark.parametrize(("n_classes", "expected"), [(2, [0.25]), (3, [0.75, 0.25, 0.0])])
@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if "binary" in metric.tasks])
def test_constant_of_a_classification_is_the_share_of_each_class(name, n_classes, expected):
    target = np.array([0, 0, 1, 0])
    constant = METRICS[name].constant(target, n_classes)
    np.testing.assert_array_equal(constant, expected)
    assert np.isfinite(score_constant(METRICS[name], target, constant))


MEANS = {"log_loss", "brier", "accuracy", "top_k", "mse", "mae"}


@given(SEEDS, st.integers(1, 40), st.sampled_from([2, 3, 5]), st.none() | KINDS)
@settings(max_examples=100, deadline=None)
def test_score_is_the_weighted_mean_of_the_scores_of_rows(seed, n_rows, n_outputs, kind):
    weight = None if kind is None else draw_weights(seed, n_rows, kind)
    if weight is not None and not weight.any():
        return
    for name, metric in METRICS.items():
        if name == "top_k" and n_outputs == 2:
            continue
        target, _, predicted = draw_rows(metric, seed, n_rows, n_outputs)
        values = metric.row_scores(target, predicted)
        assert (values is not None) == (name in MEANS), name
        if values is not None:
            assert (values.shape, values.dtype.kind) == ((n_rows,), "f"), name
            mean = np.average(values.astype(np.float64), weights=weight)
            assert metric.score(target, predicted, weight) == pytest.approx(mean, rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_scores_of_rows_take_targets_of_one_dimension(name):
    target, predicted = np.array([1.0, 2.0, 4.0]), np.array([[2.0], [2.0], [1.0]], np.float32)
    np.testing.assert_array_equal(METRICS[name].row_scores(target, predicted), [1, 0, 9 if name == "mse" else 3])


def test_scores_of_rows_know_k():
    target, predicted = np.array([0, 1, 2]), np.array([[0.1, 0.2, 0.7]] * 3, np.float32)
    rows = {k: find_metric("top_k", {"k": k}).row_scores(target, predicted).tolist() for k in (1, 2, 3)}
    assert rows == {1: [0, 0, 1], 2: [0, 1, 1], 3: [1, 1, 1]}
