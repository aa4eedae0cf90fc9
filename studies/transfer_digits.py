"""Half of the digits teach a net, and the other half is what it is asked for then."""

import keras
import numpy as np
from sklearn.datasets import load_digits

_TAUGHT = 5
"""Digits from 0 to here, without it, are those that the net is pretrained on."""


def further_digits():
    """The digits from 5 to 9, shape (rows, 64), from 0 to 1, and which each is."""
    images, digits = load_digits(return_X_y=True)
    rows = digits >= _TAUGHT
    return images[rows] / 16, digits[rows]


def taught_net(input_shape, n_outputs):
    """A net that has learned the digits from 0 to 4, and whose last layer has learned nothing yet."""
    images, digits = load_digits(return_X_y=True)
    rows = digits < _TAUGHT
    keras.utils.set_random_seed(0)
    inputs = keras.Input(input_shape)
    features = keras.layers.Dense(64, activation="relu", name="dense_1")(inputs)
    features = keras.layers.Dense(64, activation="relu", name="dense_2")(features)
    teaching = keras.Model(inputs, keras.layers.Dense(_TAUGHT, activation="softmax")(features))
    teaching.compile("adam", "sparse_categorical_crossentropy")
    teaching.fit(np.float32(images[rows] / 16), digits[rows], batch_size=32, epochs=40, verbose=0)
    return keras.Model(inputs, keras.layers.Dense(n_outputs, activation="softmax", name="output")(features))
