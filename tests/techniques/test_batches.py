"""Techniques that change the rows and targets of a training batch."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy import stats

from search.techniques import TECHNIQUES, Batch, BatchTechnique
from search.techniques._mixing import draw_beta, draw_partners
from search.techniques.noise import step_key
from tests.techniques.conftest import PROGRAMS, compile_as

N_CLASSES = 3
BATCH_TECHNIQUES = [name for name, known in TECHNIQUES.items() if isinstance(known, BatchTechnique)]
program = pytest.mark.parametrize("program", PROGRAMS)


def images_and_labels(n_rows, n_classes=N_CLASSES):
    """Images of which each has a value of its own, and one-hot labels, or for one output zeros and ones."""
    x = np.broadcast_to(np.arange(1, n_rows + 1, dtype=np.float32)[:, None, None], (n_rows, 6, 8))
    labels = np.random.default_rng(1).integers(0, max(n_classes, 2), n_rows)
    return x, np.eye(n_classes, dtype=np.float32)[labels] if n_classes > 1 else labels[:, None].astype(np.float32)


@functools.cache
def changing(name, program):
    """The program of a technique, one for all calls."""
    import tensorflow as tf

    technique = TECHNIQUES[name]
    assert isinstance(technique, BatchTechnique)

    def change(x, y, counts, value, step):
        batch = technique.apply(Batch({"x": x}, y, tf.ones_like(counts), counts), value, step_key(1, step))
        return batch.x["x"], batch.y, batch.weight, batch.counts

    return compile_as(program, change)


def applied(name, value, *, n_rows=7, n_counting=5, n_classes=N_CLASSES, step=2, program="graph"):
    """A batch before and after a technique: x, y and x, y."""
    import tensorflow as tf

    counts = (np.arange(n_rows) < n_counting).astype(np.float32)
    before = images_and_labels(n_rows, n_classes)
    arguments = (*before, counts, tf.constant(value, tf.float32), tf.constant(step))
    x, y, weight, same = changing(name, program)(*arguments)
    np.testing.assert_array_equal(weight, np.ones(n_rows))
    np.testing.assert_array_equal(same, counts)
    return *before, x.numpy(), y.numpy()


@program
@pytest.mark.parametrize("n_classes", [1, N_CLASSES])
@pytest.mark.parametrize("name", BATCH_TECHNIQUES)
def test_off_leaves_the_batch_bit_identical(tf, program, name, n_classes):
    off = TECHNIQUES[name].off
    x, y, new_x, new_y = applied(name, off, n_classes=n_classes, program=program)
    assert (new_x.tobytes(), new_y.tobytes()) == (x.tobytes(), y.tobytes())


@pytest.mark.parametrize("name", BATCH_TECHNIQUES)
def test_programs_of_any_kind_give_the_same(tf, name):
    _, _, *graph = applied(name, 0.7)
    _, _, *xla = applied(name, 0.7, program="xla")
    for one, other in zip(graph, xla, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("name", BATCH_TECHNIQUES)
@pytest.mark.parametrize("n_classes", [1, N_CLASSES])
def test_targets_stay_a_distribution(tf, name, n_classes):
    _, y, _, new_y = applied(name, 0.7, n_classes=n_classes)
    assert new_y.min() >= 0
    assert new_y.max() <= 1
    if n_classes > 1:
        np.testing.assert_allclose(new_y.sum(axis=1), 1, rtol=1e-6)
    assert new_y.shape == y.shape


def test_mixup_mixes_features_and_targets_of_two_rows_in_the_same_share(tf):
    for step in range(20):
        x, y, new_x, new_y = applied("mixup", 1.0, step=step)
        distance = next(d for d in range(1, 5) if is_mixture(x, y, new_x, new_y, (np.arange(5) + d) % 5))
        assert 1 <= distance <= 4
        np.testing.assert_allclose(new_x[5:], x[5:], rtol=1e-6)
        np.testing.assert_allclose(new_y[5:], y[5:], rtol=1e-6)


def is_mixture(x, y, new_x, new_y, partner):
    """Whether one share mixes all of the first rows with these partners, labels too."""
    share = ((new_x[0] - x[partner[0]]) / (x[0] - x[partner[0]])).mean()
    mixed = [share * rows[:5] + (1 - share) * rows[partner] for rows in (x, y)]
    return np.allclose(mixed[0], new_x[:5], atol=1e-4) and np.allclose(mixed[1], new_y[:5], atol=1e-4)


def test_mixup_mixes_numbers_to_predict_too(tf):
    mixup = TECHNIQUES["mixup"]
    y = tf.constant([[1.0, 10.0], [3.0, 30.0]])
    batch = mixup.apply(Batch({"x": tf.constant([[1.0], [3.0]])}, y, tf.ones(2), tf.ones(2)), 1.0, step_key(1, 1))
    np.testing.assert_allclose(batch.y, batch.x["x"] * [[1, 10]], rtol=1e-5)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_weights_are_mixed_as_labels_are_and_equal_ones_stay(tf, name):
    x, y = images_and_labels(7, N_CLASSES)
    counts = tf.constant((np.arange(7) < 5).astype(np.float32))
    own = np.array([1, 2, 3, 4, 5, 6, 7], np.float32)
    with_own, alike = (
        TECHNIQUES[name].apply(Batch({"x": tf.constant(x)}, tf.constant(y), weight, counts), 1.0, step_key(1, 5))
        for weight in (tf.constant(own), tf.fill((7,), 0.7))
    )
    np.testing.assert_array_equal(alike.weight, np.full(7, 0.7, np.float32))
    # A label is the mean of its row's and its partner's: the same shares mix the weights.
    labels = tf.constant(np.eye(7, dtype=np.float32))
    shares = TECHNIQUES[name].apply(Batch({"x": tf.constant(x)}, labels, counts, counts), 1.0, step_key(1, 5)).y
    np.testing.assert_allclose(with_own.weight, shares.numpy() @ own, rtol=1e-6)


def test_cutmix_pastes_a_box_of_another_row_and_mixes_labels_by_its_area(tf):
    areas = []
    for step in range(40):
        x, y, new_x, new_y = applied("cutmix", 1.0, step=step)
        pasted = new_x != x
        areas.append(pasted[0].mean())
        lines, columns = pasted[0].any(axis=1), pasted[0].any(axis=0)
        np.testing.assert_array_equal(pasted[0], lines[:, None] & columns)
        assert all((np.diff(np.flatnonzero(side)) == 1).all() for side in (lines, columns))
        if areas[-1] > 0:
            partner = (new_x[:5][pasted[:5]].reshape(5, -1)[:, 0] - 1).astype(int)
            assert (partner != np.arange(5)).all()
            np.testing.assert_allclose(new_y[:5], (1 - areas[-1]) * y[:5] + areas[-1] * y[partner], atol=1e-6)
        assert not pasted[5:].any()
    assert min(areas) < 0.1
    assert max(areas) > 0.4


def test_cutmix_takes_images_with_channels(tf):
    cutmix, x = TECHNIQUES["cutmix"], np.random.default_rng(1).normal(size=(4, 6, 8, 3)).astype(np.float32)
    batch = cutmix.apply(Batch({"x": tf.constant(x)}, tf.eye(4), tf.ones(4), tf.ones(4)), 1.0, step_key(1, 3))
    pasted = batch.x["x"].numpy() != x
    assert pasted.any()
    assert (pasted == pasted[..., :1]).all()


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 8.0])
def test_shares_are_of_the_beta_distribution(tf, alpha):
    def draw(alpha):
        steps = tf.range(4000)
        return tf.map_fn(lambda step: draw_beta(step_key(1, step), alpha), steps, fn_output_signature=tf.float32)

    shares = compile_as("xla", draw)(tf.constant(alpha)).numpy()
    assert np.isfinite(shares).all()
    lower = shares[shares < 0.5]  # near 1 float32 is too coarse for a small alpha
    assert stats.kstest(lower, lambda share: 2 * stats.beta(alpha, alpha).cdf(share)).pvalue > 0.01
    assert stats.binomtest(len(lower), len(shares)).pvalue > 0.01


@pytest.mark.parametrize("n_counting", [1, 2, 5, 7])
def test_partners_are_all_rows_that_count_and_never_the_row_itself(tf, n_counting):
    weight = tf.constant((np.arange(7) < n_counting).astype(np.float32))
    draws = [draw_partners(step_key(1, step), weight).numpy() for step in range(60)]
    for partner in draws:
        np.testing.assert_array_equal(np.sort(partner[:n_counting]), np.arange(n_counting))
        np.testing.assert_array_equal(partner[n_counting:], np.arange(n_counting, 7))
        assert n_counting == 1 or (partner[:n_counting] != np.arange(n_counting)).all()
    assert {int(partner[0]) for partner in draws} == set(range(min(n_counting - 1, 1), n_counting))


@pytest.mark.parametrize("n_classes", [1, 2, N_CLASSES])
def test_label_noise_replaces_its_share_of_labels_evenly_by_all_classes(tf, n_classes):
    x, y, new_x, new_y = applied("label_noise", 0.6, n_rows=20_000, n_counting=20_000, n_classes=n_classes)
    np.testing.assert_array_equal(new_x, x)
    other = (new_y != y).any(axis=1).mean()
    n_labels = max(n_classes, 2)
    assert other == pytest.approx(0.6 * (1 - 1 / n_labels), abs=0.01)
    assert set(np.unique(new_y)) == {0, 1}
    drawn = new_y[(new_y != y).any(axis=1)]
    assert drawn.mean(axis=0) == pytest.approx(np.full(n_classes, 1 / n_labels), abs=0.03)


@pytest.mark.parametrize("n_classes", [1, N_CLASSES])
def test_label_smoothing_gives_the_loss_of_keras(keras, tf, n_classes):
    _, y, _, new_y = applied("label_smoothing", 0.2, n_classes=n_classes)
    name = "binary_crossentropy" if n_classes == 1 else "categorical_crossentropy"
    loss = getattr(keras.losses, name)
    predicted = np.random.default_rng(2).dirichlet(np.ones(max(n_classes, 2)), 7).astype(np.float32)[:, -n_classes:]
    np.testing.assert_allclose(loss(new_y, predicted), loss(y, predicted, label_smoothing=0.2), rtol=1e-5)
    np.testing.assert_allclose(new_y, 0.8 * y + 0.2 / max(n_classes, 2), rtol=1e-6)
