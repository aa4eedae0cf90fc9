"""Images are changed as Keras' own layers change them, in programs of any kind."""

from __future__ import annotations

import numpy as np
import pytest

from search.techniques import TECHNIQUES, InputTechnique
from search.techniques._images import resampled
from search.techniques.noise import noise_step, step_key
from tests.techniques.conftest import PROGRAMS, compile_as, make

SHAPE = (5, 7, 2)
IMAGE = np.random.default_rng(1).uniform(0.2, 1, SHAPE).astype(np.float32)


def image_layer(name, value, *, traced):
    technique = TECHNIQUES[name]
    assert isinstance(technique, InputTechnique)
    (part,) = technique.apply(SHAPE, value)
    return make(part if traced else part.with_arguments(seed=1), traced=traced)


def changed(name, value, n_rows=4000):
    """One image, changed by the stand-in as often as asked."""
    with noise_step(step_key(1, 2)):
        return image_layer(name, value, traced=True)(copies(n_rows), training=True).numpy()


def copies(n_rows):
    return np.broadcast_to(IMAGE, (n_rows, *SHAPE))


@pytest.mark.parametrize("program", PROGRAMS)
def test_resampling_is_that_of_keras(keras, tf, program):
    random = np.random.default_rng(2)
    images = random.normal(size=(50, *SHAPE)).astype(np.float32)
    transform = np.tile([1, 0, 0, 0, 1, 0], (50, 1)) + random.normal(0, 0.5, (50, 6))
    transform[:, [2, 5]] *= 5
    transform[0] = [1, 0, 0, 0, 1, 0]
    transform = transform.astype(np.float32)
    ours = compile_as(program, lambda images, numbers: resampled(images, tf.unstack(numbers, axis=1)))
    theirs = keras.ops.image.affine_transform(
        images, np.hstack([transform, np.zeros((50, 2), np.float32)]), fill_mode="constant", fill_value=0.0
    )
    np.testing.assert_allclose(ours(images, transform), theirs, atol=2e-5)
    np.testing.assert_array_equal(ours(images, transform)[0], images[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rotation", 0.1),
        ("shift", 0.3),
        ("zoom", 0.4),
        ("contrast", 0.5),
        ("flip", "horizontal"),
        ("flip", "vertical"),
        ("flip", "both"),
    ],
)
def test_changes_are_distributed_as_those_of_keras(keras, tf, name, value):
    ours, theirs = changed(name, value), image_layer(name, value, traced=False)(copies(4000), training=True).numpy()
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=0.03)
    np.testing.assert_allclose(ours.std(0), theirs.std(0), atol=0.03)


@pytest.mark.parametrize(("name", "value"), [("rotation", 0.1), ("shift", 0.3), ("zoom", 0.4), ("contrast", 0.5)])
def test_each_image_is_changed_by_numbers_of_its_own(keras, tf, name, value):
    assert len({image.tobytes() for image in changed(name, value, 50)}) == 50


def test_quarter_turn_is_a_quarter_turn(keras, tf):
    images = np.random.default_rng(1).normal(size=(3, 5, 5, 1)).astype(np.float32)
    turned = resampled(tf.constant(images), [tf.constant(number) for number in (0.0, -1.0, 4.0, 1.0, 0.0, 0.0)])
    np.testing.assert_allclose(turned, np.rot90(images, axes=(1, 2)), atol=1e-6)


def test_shift_moves_no_further_than_its_share(keras, tf):
    first = changed("shift", 0.2, 500)
    # One pixel of five at most up or down: the middle line of the image is always seen on one of the middle three.
    assert (first[:, 1:4].sum(axis=(1, 2, 3)) > IMAGE[2:3, 2:5].sum() * 0.5).all()
    assert (first[:, 0].sum(axis=(1, 2)) == 0).mean() < 0.05


@pytest.mark.parametrize(
    ("mode", "mirrored"),
    [("horizontal", IMAGE[:, ::-1]), ("vertical", IMAGE[::-1]), ("both", IMAGE[::-1, ::-1])],
)
def test_flip_mirrors_half_of_the_images(keras, tf, mode, mirrored):
    images = changed("flip", mode)
    is_mirrored = (images == mirrored).all(axis=(1, 2, 3))
    assert (is_mirrored | (images == IMAGE).all(axis=(1, 2, 3))).all()
    assert is_mirrored.mean() == pytest.approx(0.5, abs=0.03)


def test_contrast_keeps_the_mean_and_cuts_no_value_off(keras, tf):
    images = changed("contrast", 0.9)
    np.testing.assert_allclose(images.mean(axis=(1, 2)), np.broadcast_to(IMAGE.mean(axis=(0, 1)), (4000, 2)), rtol=1e-5)
    factors = (images - IMAGE.mean(axis=(0, 1))) / (IMAGE - IMAGE.mean(axis=(0, 1)))
    np.testing.assert_allclose(factors.std(axis=(1, 2, 3)), 0, atol=1e-3)
    assert factors.min() == pytest.approx(0.1, abs=0.01)
    assert factors.max() == pytest.approx(1.9, abs=0.01)
    own = image_layer("contrast", 0.9, traced=False)(100 * copies(500) - 50, training=True).numpy()
    assert own.min() < -50
    assert own.max() > 50
