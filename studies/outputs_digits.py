"""Digits, and what else can be said of a picture: how much of it is drawn, and where."""

import keras
import numpy as np
from sklearn.datasets import load_digits


def digits_and_more():
    """Pictures, shape (rows, 64), from 0 to 1; which digit each is, how much is drawn, and where its middle is."""
    images, digits = load_digits(return_X_y=True)
    pixels = images.reshape(-1, 8, 8) / 16
    ink, places = pixels.sum(axis=(1, 2)), np.arange(8)
    middle = np.stack([pixels.sum(axis=axis) @ places / ink for axis in (2, 1)], axis=1)
    return images / 16, {"digit": digits, "ink": ink / ink.mean(), "middle": middle - 3.5}


def net(input_shape, n_outputs):
    """One hidden layer, and an output for each of these."""
    pixels = keras.Input(input_shape)
    hidden = keras.layers.Dense(64, activation="relu", name="dense_1")(pixels)
    outputs = {
        "digit": keras.layers.Dense(n_outputs["digit"], activation="softmax", name="digit")(hidden),
        "ink": keras.layers.Dense(n_outputs["ink"], name="ink")(hidden),
        "middle": keras.layers.Dense(n_outputs["middle"], name="middle")(hidden),
    }
    model = keras.Model(pixels, outputs)
    losses = {"digit": "sparse_categorical_crossentropy", "ink": "mse", "middle": "mse"}
    model.compile(keras.optimizers.Adam(3e-3), losses, loss_weights={"digit": 1.0, "ink": 1e-3, "middle": 1e-3})
    return model
