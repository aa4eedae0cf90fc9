"""A metric that is a function of the user's: what it is given, and what is said when it cannot score."""

import pickle

import numpy as np
import pytest
from sklearn import metrics as reference

from search.training import METRICS, OwnMetric, OwnMetricError

PLAIN = """
import numpy as np

def cost(y_true, y_pred):
    return {body}
"""


def own(text, function="cost", direction="minimize"):
    return OwnMetric(f"costs.py:{function}", direction, text)


def returning(body):
    return own(PLAIN.format(body=body))


def problem_of(metric, *rows):
    with pytest.raises(OwnMetricError) as caught:
        metric.score(*(rows or (np.array([0, 1]), np.array([[0.2], [0.9]], np.float32))))
    return str(caught.value)


def test_function_of_scikit_learn_scores_as_it_does():
    rng = np.random.default_rng(0)
    target, predicted = rng.integers(2, size=30), rng.uniform(size=(30, 1)).astype(np.float32)
    weight = rng.exponential(size=30).astype(np.float32)
    loss, area = (own(f"from sklearn.metrics import {name}", name) for name in ("log_loss", "roc_auc_score"))
    for given in (None, weight):
        assert loss.score(target, predicted, given) == pytest.approx(
            METRICS["log_loss"].score(target, predicted, given)
        )
        assert area.score(target, predicted, given) == pytest.approx(METRICS["roc_auc"].score(target, predicted, given))
    assert area.score(target, predicted) == pytest.approx(reference.roc_auc_score(target, predicted[:, 0]))


@pytest.mark.parametrize(
    ("target", "predicted", "shapes"),
    [
        (np.array([0, 1, 1]), np.zeros((3, 1), np.float32), ((3,), (3,), "i")),
        (np.array([0, 2, 1]), np.zeros((3, 3), np.float32), ((3,), (3, 3), "i")),
        (np.array([0.5, 2, 1]), np.zeros((3, 1), np.float32), ((3,), (3,), "f")),
        (np.zeros((3, 2)), np.zeros((3, 2), np.float32), ((3, 2), (3, 2), "f")),
        (np.zeros((3, 1)), np.zeros((3, 1), np.float32), ((3, 1), (3, 1), "f")),
    ],
)
def test_function_is_given_arrays_as_scikit_learn_would_be(target, predicted, shapes):
    text = f"""
def cost(y_true, y_pred, sample_weight):
    assert (y_true.shape, y_pred.shape, y_true.dtype.kind) == {shapes}
    assert y_pred.dtype == "float64"
    y_true[:], y_pred[:] = 9, 9
    if sample_weight is None:
        return 0
    total = sample_weight.sum()
    sample_weight[:] = 9
    return total
"""
    before = target.copy(), predicted.copy()
    assert own(text).score(target, predicted) == 0
    weight = np.array([1, 0, 2.5], np.float32)
    assert own(text).score(target, predicted, weight) == 3.5
    np.testing.assert_array_equal(weight, [1, 0, 2.5])
    np.testing.assert_array_equal(target, before[0])
    np.testing.assert_array_equal(predicted, before[1])


@pytest.mark.parametrize("returned", ["3", "np.float32(3)", "np.array(3.0)", "np.int64(3)", "3.0"])
def test_any_number_is_a_score(returned):
    score = returning(returned).score(np.array([0, 1]), np.zeros((2, 1), np.float32))
    assert (score, type(score)) == (3.0, float)


def test_function_that_fails_is_told_with_its_line():
    assert problem_of(returning("1 / 0 * len(y_true)")) == (
        "costs.py:5: expected cost to return a finite number, received ZeroDivisionError: division by zero"
    )
    assert problem_of(returning("int('x')")).startswith("costs.py:5: expected cost to return a finite number, received")
    assert problem_of(own("import nowhere_to_be_found\ndef cost(y_true, y_pred): pass")) == (
        "costs.py:1: expected cost to be a function, received ModuleNotFoundError: No module named "
        "'nowhere_to_be_found'"
    )
    assert problem_of(own("def cost(:")) == (
        "costs.py:1: expected cost to be a function, received SyntaxError: invalid syntax"
    )
    assert problem_of(own("import sys\ndef cost(y_true, y_pred):\n    sys.exit(3)")) == (
        "costs.py:3: expected cost to return a finite number, received SystemExit: 3"
    )


def test_memory_that_ran_out_stays_a_failure_of_the_machine():
    with pytest.raises(MemoryError):
        own("def cost(y_true, y_pred):\n    raise MemoryError").score(np.array([0, 1]), np.zeros((2, 1), np.float32))


def test_function_that_is_not_there_is_told_with_the_nearest_name():
    assert problem_of(own("def costs(y_true, y_pred): return 1.0")) == (
        'costs.py: expected a function "cost", received none. Did you mean "costs"?'
    )


@pytest.mark.parametrize(
    ("returned", "received", "remedy"),
    [
        ("float('nan')", "nan", "Return what such predictions deserve instead."),
        ("np.inf", "inf", "Return what such predictions deserve instead."),
        ("None", "NoneType", "It returns one number for all rows, as scikit-learn's metrics do."),
        ("True", "bool", "It returns one number for all rows, as scikit-learn's metrics do."),
        ("y_pred", "ndarray", "It returns one number for all rows, as scikit-learn's metrics do."),
        ("'0.5'", "str", "It returns one number for all rows, as scikit-learn's metrics do."),
    ],
)
def test_what_is_no_finite_number_is_refused(returned, received, remedy):
    message = f"costs.py: expected cost to return a finite number, received {received}. {remedy}"
    assert problem_of(returning(returned)) == message


def test_function_without_weights_is_refused_where_rows_have_some():
    target, predicted, weight = np.array([0, 1]), np.zeros((2, 1), np.float32), np.array([1, 2], np.float32)
    assert problem_of(returning("0.5"), target, predicted, weight) == (
        "costs.py: expected cost to take sample_weight, since rows have weights, received a function that does not. "
        "Give it a third argument of this name."
    )
    assert own("def cost(y_true, y_pred, **said): return 0.5").score(target, predicted, weight) == 0.5


def test_metric_travels_as_its_text():
    metric = own(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    b: int = 2\n"
        "def cost(y_true, y_pred): return A().b"
    )
    there = pickle.loads(pickle.dumps(metric))
    assert (there, there.sha256) == (metric, metric.sha256)
    assert there.score(np.array([0, 1]), np.zeros((2, 1))) == 2
    assert own("def cost(y_true, y_pred): return 3").sha256 != metric.sha256
    error = pickle.loads(pickle.dumps(OwnMetricError("costs.py:1", "expected this, received that", "Do so.")))
    assert (str(error), error.remedy) == ("costs.py:1: expected this, received that. Do so.", "Do so.")


def test_constant_guess_is_the_share_of_each_class_or_the_mean():
    weight = np.array([1, 3], np.float32)
    np.testing.assert_array_equal(own("").constant(np.array([0, 1]), 2), [0.5])
    np.testing.assert_array_equal(own("").constant(np.array([0, 1]), 2, weight), [0.75])
    np.testing.assert_array_equal(own("").constant(np.array([0, 2]), 3, weight), [0.25, 0, 0.75])
    assert own("").constant(np.array([0.0, 4.0]), 0, weight) == 3.0
