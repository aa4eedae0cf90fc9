"""Whether predictions tell anything of the labels: against labels that are dealt out anew."""

import numpy as np
import pytest

from search.selection import permutation, permutation_chance
from search.training.metrics import METRICS


def chance(passes, target, metric="log_loss", **given):
    found = METRICS[metric]
    sign = 1.0 if found.direction == "maximize" else -1.0
    return permutation_chance(passes, target, score=found.score, sign=sign, seed=1, **given)


def told(rng, target, signal):
    """Probabilities of class 1 that know that much of the labels."""
    logits = signal * (2 * target - 1) + rng.normal(size=len(target))
    return (1 / (1 + np.exp(-logits)))[:, None].astype(np.float32)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy", "roc_auc"])
def test_predictions_that_know_the_labels_are_no_chance(metric):
    rng = np.random.default_rng(1)
    target = rng.integers(2, size=80)
    assert chance([(np.arange(80), told(rng, target, 2.0))], target, metric) == 1 / 200


def test_share_of_permutations_that_score_as_well_is_counted():
    rng = np.random.default_rng(1)
    target, rows = rng.integers(2, size=20), np.arange(5, 20)
    said, weight = told(rng, target[rows], 0.3), rng.uniform(0, 2, 20)
    score = METRICS["log_loss"].score
    found = chance([(rows, said), (rows[::-1], said[::-1])], target, weight=weight)
    draws = np.random.default_rng(1)
    dealt = [target[draws.permutation(20)] for _ in range(199)]
    as_good = sum(score(each[rows], said, weight[rows]) <= score(target[rows], said, weight[rows]) for each in dealt)
    assert 1 < as_good < 199
    assert found == pytest.approx((1 + as_good) / 200, abs=0.011)  # of two passes a mean rounds otherwise


def test_chance_is_rarely_taken_for_knowledge():
    """At 1 %, of 200 data sets whose labels have nothing to do with what is said."""
    rng = np.random.default_rng(2)
    found = [chance([(np.arange(30), told(rng, y := rng.integers(2, size=30), 0.0))], y) for _ in range(200)]
    assert sum(each < 0.01 for each in found) <= 7
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_numbers_are_dealt_out_as_well():
    rng = np.random.default_rng(3)
    target = rng.normal(size=(40, 2))
    assert chance([(np.arange(40), target + rng.normal(size=(40, 2)))], target, "mse") == 1 / 200
    assert chance([(np.arange(40), rng.normal(size=(40, 2)))], target, "mse") > 0.01


def test_what_cannot_be_scored_is_no_evidence():
    target = np.arange(20) % 2
    assert permutation_chance(
        [(np.arange(20), target[:, None])], target, sign=1.0, seed=1,
        score=lambda truth, said, weight: 1.0 if np.array_equal(truth, target) else float("nan"),
    ) == 1.0  # fmt: skip


def test_first_passes_stand_for_more_than_there_is_time_for(monkeypatch):
    rng = np.random.default_rng(4)
    target, rows = rng.integers(2, size=20), np.arange(20)
    passes = [(rows, told(rng, target, 0.4)) for _ in range(5)]
    for most, n_used in ((99, 4), (60, 3), (10, 1)):
        monkeypatch.setattr(permutation, "_MOST_ROWS", most)
        assert chance(passes, target) == chance(passes[:n_used], target)
    monkeypatch.setattr(permutation, "_MOST_ROWS", 100)
    assert chance(passes, target) != chance(passes[:1], target)
