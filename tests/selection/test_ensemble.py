"""Which trials are averaged, with which weights, and what that is worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from search.selection import _ensembles, bootstrap_selection, choose_ensemble
from search.training.metrics import METRICS

SEEDS = st.integers(0, 2**32 - 1)


def choose(name, predictions, target, finalists, *, by_row=True, **settings):
    """The ensemble by one of the metrics; by row where it is a mean over rows, unless that is not wanted."""
    metric = METRICS[name]
    row_scores = metric.row_scores if by_row else lambda target, predicted: None
    arguments = {"score": metric.score, "row_scores": row_scores, "direction": metric.direction, "seed": 1}
    return choose_ensemble(predictions, target, finalists, **arguments | {"n_draws": 20} | settings)


def draw(seed, n_rows=40, n_trials=6, n_passes=1):
    """Classes of rows and probabilities of trials that know something of them, shape (trials, passes, rows, 1)."""
    rng = np.random.default_rng(seed)
    target = np.append([0, 1], rng.integers(2, size=n_rows - 2))
    logits = (2 * target - 1)[:, None] * rng.uniform(0, 2) + rng.normal(size=(n_trials, n_passes, n_rows, 1)) * 2
    return target, 1 / (1 + np.exp(-logits))


def greedily(losses_of, n_trials):
    """Caruana's selection as the paper tells it, without anything that is kept: how often each trial is drawn."""
    counts, best = np.zeros(n_trials), np.inf
    while counts.sum() < 25:
        tried = [losses_of((counts + one) / (counts.sum() + 1)) for one in np.eye(n_trials)]
        if np.isfinite(best) and min(tried) >= best - 1e-12 * abs(best):
            break
        best = min(tried)
        counts[int(np.argmin(tried))] += 1
    return counts, best


@given(SEEDS, st.sampled_from(["log_loss", "mse"]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_weights_and_score_are_those_of_the_greedy_selection(seed, name, weighted):
    target, predictions = draw(seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2, len(target)) if weighted else None
    scores = {
        "log_loss": lambda mean: log_loss(target, mean, sample_weight=weight, labels=[0, 1]),
        "mse": lambda mean: mean_squared_error(target, mean, sample_weight=weight),
    }
    numbers = target.astype(float) if name == "mse" else target
    counts, loss = greedily(lambda shares: scores[name](shares @ predictions[:, 0, :, 0]), len(predictions))
    found = choose(name, predictions, numbers, range(len(predictions)), weight=weight)
    assert found.score == pytest.approx(loss, rel=1e-9)
    assert dict(found.weights) == pytest.approx(
        {place: count / counts.sum() for place, count in enumerate(counts) if count}
    )
    assert sum(found.weights.values()) == pytest.approx(1)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_score_that_sorts_is_that_of_the_mean_and_no_worse_than_the_best_one(seed):
    """Of the area under the curve many steps are ties, and which of equal ones is taken is a matter of rounding."""
    target, predictions = draw(seed)
    found = choose("roc_auc", predictions, target, range(len(predictions)))
    mean = sum(weight * predictions[place, 0, :, 0] for place, weight in found.weights.items())
    assert found.score == pytest.approx(roc_auc_score(target, mean), abs=1e-9)
    assert found.score >= max(roc_auc_score(target, each[0, :, 0]) for each in predictions) - 1e-12


def test_ensemble_is_of_finalists_alone_and_no_worse_than_the_best_of_them():
    target, predictions = draw(3)
    alone = [METRICS["log_loss"].score(target, each[0]) for each in predictions]
    found = choose("log_loss", predictions, target, [2, 4, 5])
    assert set(found.weights) <= {2, 4, 5}
    assert found.score <= min(alone[place] for place in (2, 4, 5))


def test_trial_that_knows_all_is_left_alone():
    target, predictions = draw(4)
    predictions[3] = np.where(target, 0.999, 0.001)[:, None]
    found = choose("log_loss", predictions, target, range(6))
    assert dict(found.weights) == {3: 1.0}
    assert found.estimate.score == pytest.approx(-np.log(0.999))


def test_errors_that_cancel_are_averaged_away():
    """The mean of two is exact, and the greedy selection finds it; no single trial beats the other."""
    rng = np.random.default_rng(1)
    target, error = rng.normal(size=30), rng.normal(size=30)
    predictions = np.stack([target + error, target - error, target + 3])[:, None, :, None]
    found = choose("mse", predictions, target, [0, 1, 2])
    assert dict(found.weights) == {0: 0.5, 1: 0.5}
    assert found.score == pytest.approx(0, abs=1e-12)
    assert found.estimate.score == pytest.approx(0, abs=1e-12)
    assert found.estimate.difference > 0.5


@given(SEEDS, st.booleans())
@settings(max_examples=10, deadline=None)
def test_estimate_of_one_finalist_is_that_of_the_best_trial(seed, by_row):
    """Nothing is left to average, and what is estimated is the choice alone."""
    target, predictions = draw(seed)
    predictions[0] = 0.5  # the baseline, which is no finalist here
    metric = METRICS["log_loss"]
    row_scores = metric.row_scores if by_row else lambda target, predicted: None
    arguments = {"score": metric.score, "row_scores": row_scores, "direction": "minimize", "seed": 1, "n_draws": 30}
    best = 1 + int(np.argmin([metric.score(target, each[0]) for each in predictions[1:]]))
    found = choose("log_loss", predictions, target, [best], by_row=by_row, n_draws=30).estimate
    without = predictions.copy()
    without[0] = np.where(target, 1e-6, 1 - 1e-6)[:, None]  # never the best
    expected = bootstrap_selection(without, target, **arguments)
    assert (found.score, found.apparent) == pytest.approx((expected.score, expected.apparent))


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_scores_by_row_and_whole_scores_agree(seed):
    target, predictions = draw(seed, n_passes=2)
    groups = np.arange(len(target)) // 2
    by_row, whole = (
        choose("brier", predictions, target, [0, 1, 2, 3], by_row=by_row, groups=groups, n_draws=5)
        for by_row in (True, False)
    )
    assert dict(by_row.weights) == dict(whole.weights)
    assert by_row.estimate.score == pytest.approx(whole.estimate.score)
    assert by_row.estimate.interval == pytest.approx(whole.estimate.interval)


def test_estimate_tells_what_choosing_flatters():
    """Of many trials that are luck alone, on many data sets: the score is that of fresh rows, and the best is not."""
    estimates = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        predictions = rng.normal(scale=0.5, size=(20, 1, 60, 1))
        target = rng.normal(size=60)
        losses = [np.mean((target - each[0, :, 0]) ** 2) for each in predictions]
        finalists = [0, *(1 + np.argsort(losses[1:])[:5]).tolist()]
        estimates.append(choose("mse", predictions, target, finalists).estimate)
    # The mean of k independent trials loses 1 + 0.25 / k on fresh rows.
    assert np.mean([each.apparent for each in estimates]) < 0.95
    assert 1.0 < np.mean([each.score for each in estimates]) < 1.25
    assert np.mean([each.optimism for each in estimates]) > 0.1
    assert np.mean([each.interval[0] <= 1.07 <= each.interval[1] for each in estimates]) > 0.9


def test_no_more_than_25_are_drawn():
    calls = []
    found = _ensembles.draw_members([0, 1], lambda drawn: calls.append(drawn) or 1 / len(drawn) - 1e-9 * sum(drawn))
    assert found == (1,) * 25
    assert calls[:4] == [(0,), (1,), (0, 1), (1, 1)]


def test_tie_draws_the_first_and_is_no_improvement():
    assert _ensembles.draw_members([0, 1, 2], lambda drawn: 1.0) == (0,)


def test_four_rows_have_an_ensemble_but_no_estimate():
    target, predictions = draw(5, n_rows=4)
    found = choose("log_loss", predictions, target, [0, 1])
    assert found.estimate is None
    assert sum(found.weights.values()) == pytest.approx(1)


def test_estimate_is_left_out_where_it_is_not_wanted():
    target, predictions = draw(6)
    found = choose("log_loss", predictions, target, range(6), n_draws=0)
    assert found.estimate is None
    assert found.weights == choose("log_loss", predictions, target, range(6)).weights


def test_nothing_to_average_is_refused():
    target, predictions = draw(6)
    with pytest.raises(ValueError, match="expected a finalist or more, received none"):
        choose("log_loss", predictions, target, [])
