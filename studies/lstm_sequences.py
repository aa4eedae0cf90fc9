"""Noisy signals in which one of two frequencies hums."""

import numpy as np


def hum(n_rows, n_steps, frequencies, noise, seed):
    """Signals, shape (n_rows, n_steps, 1), and which of the two frequencies each holds.

    A signal is a sine of amplitude 1 and random phase, plus normal noise of standard deviation `noise`. Frequencies
    are in periods a step.
    """
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 2, size=n_rows)
    phase = rng.uniform(size=(n_rows, 1))
    periods = np.asarray(frequencies)[which, None] * np.arange(n_steps) + phase
    signal = np.sin(2 * np.pi * periods) + noise * rng.normal(size=(n_rows, n_steps))
    return signal[..., None], which
