"""A net that brings regularization of its own, as a tutorial has it."""

import keras


def net(input_shape, n_outputs):
    """Two hidden layers with dropout 0.5 behind each, and an L2 of 0.01 on the second one."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Dense(64, activation="relu", name="dense_1"),
            keras.layers.Dropout(0.5, name="drop_1"),
            keras.layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01), name="dense_2"),
            keras.layers.Dropout(0.5, name="drop_2"),
            keras.layers.Dense(n_outputs, activation="softmax", name="output"),
        ]
    )
