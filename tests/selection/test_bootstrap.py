"""What the best trial scores on rows that it was not chosen on."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

from search.selection import _drawing, _drawn_trials, bootstrap_selection
from search.training.metrics import METRICS

SEEDS = st.integers(0, 2**32 - 1)


def estimate_of(losses, **settings):
    """The estimate where each row of each trial has a loss, shape (trials, rows)."""
    losses = np.asarray(losses, float)
    arguments = {"score": None, "row_scores": lambda _, predicted: predicted[:, 0], "direction": "minimize", "seed": 1}
    return bootstrap_selection(losses[:, None, :, None], np.zeros(losses.shape[1]), **arguments | settings)


def estimate_with(name, predictions, target, *, by_row=True, **settings):
    """The estimate by one of the metrics; by row where it is a mean over rows, unless that is not wanted."""
    metric = METRICS[name]
    row_scores = metric.row_scores if by_row else lambda target, predicted: None
    arguments = {"score": metric.score, "row_scores": row_scores, "direction": metric.direction, "seed": 1}
    return bootstrap_selection(predictions, target, **arguments | settings)


def numbers_of(estimate):
    """All of them in a row."""
    return np.hstack([*estimate.to_json().values()]).tolist()


def draw_losses(rng, n_rows, means, correlation=0.5):
    """Losses of deviation 1 that share what is hard about a row, shape (trials, rows)."""
    shared, own = rng.normal(size=(1, n_rows)), rng.normal(size=(len(means), n_rows))
    return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own + np.asarray(means)[:, None]


def test_trial_that_is_better_on_each_row_by_the_same_is_told_exactly():
    found = estimate_of([[2.0] * 8, [3.0] * 8, [1.5] * 8])
    assert (found.score, found.interval) == (1.5, (1.5, 1.5))
    assert (found.difference, found.difference_interval) == (0.5, (0.5, 0.5))
    assert (found.apparent, found.optimism) == (1.5, 0.0)
    assert (found.level, found.n_draws, found.n_trials) == (0.95, 1000, 3)


def test_score_is_the_mean_over_all_ways_to_draw():
    """Of five rows there are 3,125 draws; the estimate is compared with all of them, one after the other."""
    losses = np.array([[1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 3.0, 0.0, 3.0], [2.0, 0.0, 0.0, 2.0, 0.0]])
    scores, differences = [], []
    for drawn in itertools.product(range(5), repeat=5):
        left_out = [row for row in range(5) if row not in drawn]
        if left_out:
            best = min(range(3), key=lambda trial: (losses[trial, list(drawn)].sum(), trial))
            scores.append(losses[best, left_out].mean())
            differences.append(losses[0, left_out].mean() - scores[-1])
    found = estimate_of(losses, n_draws=40_000)
    assert found.score == pytest.approx(np.mean(scores), abs=5 * np.std(scores) / 200)
    assert found.difference == pytest.approx(np.mean(differences), abs=5 * np.std(differences) / 200)
    assert found.apparent == pytest.approx(0.8)
    assert found.optimism == pytest.approx(found.score - 0.8)
    # Half the width is Student's quantile times the deviation of the draws, and they have a range.
    assert found.interval == (min(scores), max(scores))
    half = student.ppf(0.75, 4) * np.std(scores)
    narrow = estimate_of(losses, n_draws=40_000, level=0.5)
    assert narrow.interval == pytest.approx((np.mean(scores) - half, np.mean(scores) + half), abs=0.03)


@pytest.fixture(scope="module")
def of_equal_trials():
    """Estimates on 200 data sets where all trials are equal, and have a true score of 0."""
    rng = np.random.default_rng(5)
    return [estimate_of(draw_losses(rng, 60, np.zeros(20)), seed=seed, n_draws=200) for seed in range(200)]


def test_equal_trials_leave_no_optimism_in_the_score(of_equal_trials):
    scores = np.array([each.score for each in of_equal_trials])
    apparent = np.array([each.apparent for each in of_equal_trials])
    error = scores.std() / np.sqrt(len(scores))
    assert abs(scores.mean()) < 3 * error
    assert apparent.mean() < -10 * error
    optimism = np.mean([each.optimism for each in of_equal_trials])
    assert optimism == pytest.approx(-apparent.mean(), rel=0.2)
    assert abs(np.mean([each.difference for each in of_equal_trials])) < 3 * error


def test_intervals_hold_the_truth_of_equal_trials(of_equal_trials):
    held = [each.interval[0] <= 0 <= each.interval[1] for each in of_equal_trials]
    gained = [each.difference_interval[0] > 0 for each in of_equal_trials]
    assert np.mean(held) > 0.95
    assert np.mean(gained) < 0.02


def test_trial_that_is_clearly_better_is_told_so():
    rng, n_held, optimism = np.random.default_rng(6), 0, []
    for seed in range(40):
        found = estimate_of(draw_losses(rng, 100, [0.0] * 19 + [-1.0]), seed=seed, n_draws=200)
        assert found.difference_interval[0] > 0
        optimism.append(found.optimism)
        n_held += found.interval[0] <= -1 <= found.interval[1]
        n_held += found.difference_interval[0] <= 1 <= found.difference_interval[1]
    assert n_held >= 76
    assert abs(np.mean(optimism)) < 0.005  # of equal trials it is 0.13


def test_score_on_few_rows_scatters_by_the_width_of_its_interval():
    """A quarter of the rows doubles it."""
    rng = np.random.default_rng(7)
    widths = {}
    for n_rows in (100, 400):
        found = [estimate_of(draw_losses(rng, n_rows, [0.0, 1.0]), seed=seed, n_draws=200) for seed in range(20)]
        widths[n_rows] = np.mean([each.interval[1] - each.interval[0] for each in found])
    assert widths[100] / widths[400] == pytest.approx(2, rel=0.1)
    # As wide as means of the rows that a draw leaves out scatter among all, 37 of 100.
    assert widths[400] == pytest.approx(2 * 1.966 * np.sqrt(0.632 / 0.368 / 400), rel=0.1)


@pytest.mark.parametrize("by_row", [True, False])
def test_order_of_rows_does_not_matter(by_row):
    rng = np.random.default_rng(8)
    target, order, names = rng.normal(size=30), rng.permutation(30), np.array([f"row {n:02}" for n in range(30)])
    predictions, weight = rng.normal(size=(7, 2, 30, 1)), rng.exponential(size=30)
    first = estimate_with("mse", predictions, target, by_row=by_row, weight=weight, groups=names)
    shuffled = {"weight": weight[order], "groups": names[order]}
    again = estimate_with("mse", predictions[:, :, order], target[order], by_row=by_row, **shuffled)
    assert numbers_of(again) == pytest.approx(numbers_of(first))
    # Without names, other rows are drawn: the same but for luck.
    many = [
        estimate_with("mse", predictions[:, :, rows], target[rows], n_draws=20_000) for rows in (np.arange(30), order)
    ]
    width = many[0].interval[1] - many[0].interval[0]
    assert abs(many[0].score - many[1].score) < 0.02 * width
    assert abs(many[0].difference - many[1].difference) < 0.02 * width


@pytest.mark.parametrize("by_row", [True, False])
def test_whole_weights_are_rows_that_come_again_together(by_row):
    rng = np.random.default_rng(9)
    target, predictions, weight = rng.normal(size=40), rng.normal(size=(5, 1, 40, 1)), rng.integers(0, 4, 40)
    again = np.repeat(np.arange(40), weight)
    weighted = estimate_with("mse", predictions, target, by_row=by_row, weight=weight)
    repeated = estimate_with("mse", predictions[:, :, again], target[again], by_row=by_row, groups=again)
    assert numbers_of(weighted) == pytest.approx(numbers_of(repeated))


def test_rows_without_weight_are_no_rows():
    rng = np.random.default_rng(10)
    losses, weight = rng.normal(size=(5, 40)), np.arange(40) % 3
    losses[:, weight == 0] = 1e9
    found = estimate_of(losses, weight=weight)
    assert found == estimate_of(losses[:, weight > 0], weight=weight[weight > 0])
    assert found != estimate_of(losses[:, weight > 0])


def test_groups_are_drawn_as_a_whole():
    """Rows that repeat each other are no evidence of their own."""
    rng = np.random.default_rng(11)
    losses = draw_losses(rng, 20, [0.0, -0.1, 0.1])
    alone, groups = estimate_of(losses), np.repeat(np.arange(20), 5)
    together = estimate_of(np.repeat(losses, 5, axis=1), groups=groups)
    assert numbers_of(together) == pytest.approx(numbers_of(alone))
    apart = estimate_of(np.repeat(losses, 5, axis=1))
    assert apart.interval[1] - apart.interval[0] < 0.6 * (alone.interval[1] - alone.interval[0])


@given(SEEDS, st.sampled_from(["log_loss", "brier", "accuracy", "mse", "mae"]), st.booleans(), st.booleans())
@settings(max_examples=25, deadline=None)
def test_scores_by_row_and_whole_scores_agree(seed, name, weighted, grouped):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(60, 2)) if "regression" in METRICS[name].tasks else rng.integers(3, size=60)
    predictions = rng.dirichlet(np.ones(3), size=(6, 2, 60)) if target.ndim == 1 else rng.normal(size=(6, 2, 60, 2))
    chosen = {
        "n_draws": 20,
        "seed": seed,
        "weight": rng.exponential(size=60) if weighted else None,
        "groups": rng.integers(20, size=60) if grouped else None,
    }
    by_row = estimate_with(name, predictions, target, **chosen)
    whole = estimate_with(name, predictions, target, by_row=False, **chosen)
    assert numbers_of(by_row) == pytest.approx(numbers_of(whole), rel=1e-9, abs=1e-9)


def test_passes_count_alike():
    rng = np.random.default_rng(12)
    passes, target = rng.normal(size=(4, 3, 30, 1)), rng.normal(size=30)
    found = estimate_with("mse", passes, target)
    assert found == estimate_of(np.square(passes[..., 0] - target).mean(axis=1))


@pytest.mark.parametrize("by_row", [True, False])
def test_high_scores_are_good_where_the_score_is_maximized(by_row):
    rng = np.random.default_rng(13)
    target = rng.integers(2, size=80)
    predictions = np.clip(target[None, None, :, None] * 0.3 + rng.random((6, 1, 80, 1)) * 0.7, 0, 1)
    hits = (predictions[:, 0, :, 0] > 0.5) == target
    found = estimate_with("accuracy", predictions, target, by_row=by_row, n_draws=50)
    errors = estimate_of(~hits, n_draws=50)
    assert found.score == pytest.approx(1 - errors.score)
    assert found.interval == pytest.approx((1 - errors.interval[1], 1 - errors.interval[0]))
    assert found.apparent == pytest.approx(hits.mean(axis=1).max())
    for name in ("difference", "difference_interval", "optimism"):
        assert getattr(found, name) == pytest.approx(getattr(errors, name))


@given(SEEDS, st.integers(0, 4), st.booleans())
@settings(max_examples=30, deadline=None)
def test_tie_chooses_the_baseline_wherever_it_stands(seed, baseline, by_row):
    rng = np.random.default_rng(seed)
    target, predictions = rng.normal(size=20), np.broadcast_to(rng.normal(size=(1, 1, 20, 1)), (5, 1, 20, 1))
    found = estimate_with("mse", predictions, target, by_row=by_row, baseline=baseline, n_draws=20)
    assert (found.difference, found.difference_interval) == (0, (0, 0))


def test_tie_of_others_chooses_the_earliest():
    rng = np.random.default_rng(14)
    losses = rng.normal(size=(2, 30)) + np.array([[5.0], [0.0]])
    found = estimate_of(losses[[0, 1, 1, 1]])
    assert found.score == pytest.approx(estimate_of(losses).score)
    assert _drawing._first_best(np.array([[2.0, 1.0 + 1e-15, 1.0], [3.0, 3.0, 3.0]])).tolist() == [1, 0]


def test_place_of_the_baseline_is_told():
    losses = np.random.default_rng(15).normal(size=(4, 30))
    assert estimate_of(losses[[1, 2, 0, 3]], baseline=2) == estimate_of(losses)


def test_equal_seeds_give_equal_estimates():
    losses = np.random.default_rng(16).normal(size=(4, 30))
    assert estimate_of(losses, seed=3) == estimate_of(losses, seed=3) != estimate_of(losses, seed=4)


def test_rows_that_are_held_at_once_do_not_matter(monkeypatch):
    losses = np.random.default_rng(17).normal(size=(4, 30))
    whole = estimate_of(losses)
    monkeypatch.setattr(_drawing, "_MOST_NUMBERS", 1000)
    assert numbers_of(estimate_of(losses)) == pytest.approx(numbers_of(whole))


def test_rows_without_a_second_class_are_drawn_anew():
    rng = np.random.default_rng(18)
    target, predictions, seen = np.array([1] * 3 + [0] * 37), rng.random((4, 1, 40, 1)), []

    def score(target, predicted, weight):
        seen.append(set(target.tolist()))
        return METRICS["roc_auc"].score(target, predicted, weight)

    found = estimate_with("roc_auc", predictions, target, by_row=False, score=score, n_draws=60)
    assert found.n_draws == 60
    assert all(classes == {0, 1} for classes in seen)


def test_class_of_a_single_row_leaves_no_draw():
    target = np.array([1] + [0] * 19)
    predictions = np.random.default_rng(19).random((2, 1, 20, 1))
    assert estimate_with("roc_auc", predictions, target, n_draws=5) is None


def test_draws_without_a_score_are_not_counted():
    """Here the metric is not defined for a fifth of the draws."""
    rng = np.random.default_rng(20)
    target, predictions = rng.normal(size=30), rng.normal(size=(3, 1, 30, 1))

    def score(target, predicted, weight):
        return float("nan") if len(target) < 30 and target[0] > target[-1] + 1 else float(np.square(predicted).mean())

    found = estimate_with("mse", predictions, target, by_row=False, score=score, n_draws=100)
    assert 2 <= found.n_draws < 100


def test_metric_that_does_not_fit_rows_is_computed_anew_for_each_draw():
    """The root of the mean is not the mean of roots: against plain loops over the same draws."""
    rng = np.random.default_rng(21)
    target, predictions = rng.normal(size=30), rng.normal(size=(6, 2, 30, 1))
    found = estimate_with("rmse", predictions, target, n_draws=40, seed=7)
    errors, scores, differences = np.square(predictions[..., 0] - target), [], []
    for drawn in np.random.default_rng(7).integers(30, size=(40, 30)):
        left_out = np.setdiff1d(np.arange(30), drawn)
        best = np.sqrt(errors[:, :, drawn].mean(axis=2)).mean(axis=1).argmin()
        of_left_out = np.sqrt(errors[:, :, left_out].mean(axis=2)).mean(axis=1)
        scores.append(of_left_out[best])
        differences.append(of_left_out[0] - of_left_out[best])
    assert (found.score, found.difference) == pytest.approx((np.mean(scores), np.mean(differences)))
    half = student.ppf(0.975, 29) * np.std(differences, ddof=1)
    assert found.difference_interval == pytest.approx(
        (max(found.difference - half, min(differences)), min(found.difference + half, max(differences)))
    )
    assert found.apparent == pytest.approx(np.sqrt(errors.mean(axis=2)).mean(axis=1).min())


def test_only_the_best_and_the_baseline_take_part_where_scores_are_expensive(monkeypatch):
    rng = np.random.default_rng(22)
    target = rng.normal(size=20)
    predictions = target[:, None] + rng.normal(size=(45, 1, 20, 1)) * np.arange(45, 0, -1)[:, None, None, None]
    cheap = estimate_with("rmse", predictions, target)
    assert (cheap.n_trials, cheap.n_draws) == (45, 200)
    monkeypatch.setattr(_drawn_trials, "_MOST_MICROSECONDS", 1.0)
    expensive = estimate_with("rmse", predictions, target)
    assert (expensive.n_trials, expensive.n_draws) == (31, 50)
    assert expensive.apparent == cheap.apparent
    assert expensive.difference == pytest.approx(cheap.difference, rel=0.2)
    assert estimate_with("rmse", predictions, target, n_draws=60).n_draws == 60


@pytest.mark.parametrize("grouped", [False, True])
def test_four_rows_or_groups_tell_nothing(grouped):
    losses = np.random.default_rng(23).normal(size=(3, 20))
    found = [estimate_of(losses, groups=np.arange(20) % n) if grouped else estimate_of(losses[:, :n]) for n in (4, 5)]
    assert found[0] is None
    assert found[1] is not None
    assert estimate_of(losses, weight=np.zeros(20)) is None


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"baseline": 3}, "expected the place of a baseline among 3 trials, received 3"),
        ({"weight": np.ones(9)}, "weights: expected one for each of 10 rows, received shape (9,)"),
        ({"groups": np.ones((10, 1))}, "groups: expected one for each of 10 rows, received shape (10, 1)"),
        (
            {"predictions": [np.zeros((1, 10, 1)), np.zeros((1, 9, 1)), np.zeros((1, 10, 1))]},
            "trial at place 1: expected predictions of shape (passes, 10, outputs), received (1, 9, 1)",
        ),
        (
            {"predictions": [np.zeros((1, 10, 1)), np.zeros((10, 1)), np.zeros((1, 10, 1))]},
            "trial at place 1: expected predictions of shape (passes, 10, outputs), received (10, 1)",
        ),
        (
            {"predictions": [np.zeros((1, 10, 1)), np.zeros((1, 10, 1)), np.full((1, 10, 1), np.nan)]},
            "trial at place 2: expected a finite score, received nan",
        ),
    ],
)
@pytest.mark.parametrize("by_row", [True, False])
def test_what_does_not_fit_is_refused(changed, sentence, by_row):
    arguments = {"predictions": np.zeros((3, 1, 10, 1)), "target": np.arange(10.0), "by_row": by_row} | changed
    with pytest.raises(ValueError, match="expected") as caught:
        estimate_with("mse", **arguments)
    assert str(caught.value) == sentence


def test_trials_need_not_all_be_in_memory():
    class Stored:
        """Trials that are read when they are asked for."""

        def __init__(self, values):
            self.values, self.n_asked = values, 0

        def __len__(self):
            return len(self.values)

        def __getitem__(self, place):
            self.n_asked += 1
            return self.values[place]

    rng = np.random.default_rng(24)
    target, values = rng.normal(size=20), rng.normal(size=(6, 1, 20, 1))
    stored = Stored(values)
    assert estimate_with("mse", stored, target) == estimate_with("mse", values, target)
    assert stored.n_asked == 6


def test_importing_the_selection_imports_no_numpy():
    code = "import search.selection, sys; sys.exit('numpy' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
