"""The best threshold of a probability, against all thresholds tried one by one."""

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import TunedThresholdClassifierCV

from search.training import METRICS, best_threshold

NAMES = ["accuracy", "balanced_accuracy", "f1_macro"]


def score_at(name, threshold, target, probability, weight=None):
    """The metric of the classes that a threshold chooses."""
    chosen = (probability > threshold).astype(np.float64)
    return METRICS[name].score(target, chosen[:, None], weight)


def try_all(name, target, probability, weight=None):
    """The best threshold in the middle of a gap, each one tried, and its score."""
    counting = np.ones(len(target), bool) if weight is None else weight > 0
    edges = sorted({0.0, 1.0, *probability[counting].astype(float)})
    middles = [low + (high - low) / 2 for low, high in itertools.pairwise(edges)]
    scores = [score_at(name, middle, target, probability, weight) for middle in middles]
    equals = [middle for middle, score in zip(middles, scores, strict=True) if score >= max(scores) - 1e-12]
    return min(equals, key=lambda middle: (abs(middle - 0.5), middle)), max(scores)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.booleans(), st.booleans(), st.sampled_from(NAMES))
@example(0, 1, True, False, "f1_macro")
@example(18, 18, False, False, "balanced_accuracy")
@settings(max_examples=200, deadline=None)
def test_threshold_is_the_best_of_all(seed, n_rows, ties, weighted, name):
    rng = np.random.default_rng(seed)
    target, probability = rng.integers(2, size=n_rows), rng.uniform(size=n_rows).astype(np.float32)
    if ties:
        probability = np.round(probability, 1)
    weight = rng.integers(0, 4, n_rows).astype(np.float32) if weighted else None
    found = best_threshold(METRICS[name], target, probability, weight)
    assert 0 < found < 1
    if weight is not None and not weight.any():
        assert found == 0.5
        return
    expected, best = try_all(name, target, probability, weight)
    assert found == expected
    assert score_at(name, found, target, probability, weight) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_threshold_recognizes_as_much_as_that_of_scikit_learn(name):
    class Given(ClassifierMixin, BaseEstimator):
        """A classifier whose probability is its only input."""

        def fit(self, x, y):
            self.classes_ = np.array([0, 1])
            return self

        def predict_proba(self, x):
            return np.hstack([1 - x, x])

    rng = np.random.default_rng(3)
    target = (rng.uniform(size=200) < 0.15).astype(int)
    probability = np.clip(rng.beta(2, 8, 200) + 0.15 * target, 0.001, 0.999)
    scorers = {"f1_macro": "f1_macro", "accuracy": "accuracy", "balanced_accuracy": "balanced_accuracy"}
    tuned = TunedThresholdClassifierCV(
        Given().fit(None, None), scoring=scorers[name], cv="prefit", refit=False, thresholds=np.linspace(0, 1, 5001)
    ).fit(probability[:, None], target)
    found = best_threshold(METRICS[name], target, probability)
    ours = score_at(name, found, target, probability)
    assert ours >= tuned.best_score_ - 1e-12
    assert ours == pytest.approx(tuned.best_score_, abs=0.01)
    assert ours > score_at(name, 0.5, target, probability) or name == "accuracy"


def test_rare_class_is_found_below_one_half():
    target, probability = np.array([0, 0, 0, 0, 1, 1]), np.array([0.05, 0.1, 0.1, 0.2, 0.3, 0.4])
    assert best_threshold(METRICS["balanced_accuracy"], target, probability[:, None]) == pytest.approx(0.25)
    assert reference.balanced_accuracy_score(target, probability > 0.25) == 1


def test_of_thresholds_that_score_alike_the_one_nearest_to_one_half_is_taken():
    target = np.array([0, 1, 0, 1])
    assert best_threshold(METRICS["accuracy"], target, np.array([0.1, 0.2, 0.6, 0.7])) == pytest.approx(0.65)
    assert best_threshold(METRICS["accuracy"], target, np.array([0.25, 0.5, 0.5, 0.75])) == pytest.approx(0.375)


def test_neighbouring_numbers_are_parted():
    low = np.float64(0.3)
    high = np.nextafter(low, 1)
    found = best_threshold(METRICS["accuracy"], np.array([0, 1]), np.array([low, high]))
    assert not low > found
    assert high > found


def test_metric_without_choices_is_refused():
    with pytest.raises(ValueError, match=r"^expected a metric of the classes that are chosen, received roc_auc$"):
        best_threshold(METRICS["roc_auc"], np.array([0, 1]), np.array([0.1, 0.9]))


@pytest.mark.parametrize(
    ("target", "probability"), [([0, 2], [0.1, 0.9]), ([0, 1], [0.1, 1.5]), ([0, 1], [0.1]), ([0, 1], [0.1, np.nan])]
)
def test_rows_of_another_kind_are_refused(target, probability):
    message = "^expected a probability from 0 to 1 and a class of 0 or 1 for each row, received others$"
    with pytest.raises(ValueError, match=message):
        best_threshold(METRICS["accuracy"], np.array(target), np.array(probability))
