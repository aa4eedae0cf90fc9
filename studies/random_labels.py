"""Rows with labels that have nothing to do with them."""

import numpy as np


def toss_labels(n_rows, n_columns, seed):
    """Uniform inputs, shape (n_rows, n_columns), and for each row the toss of a fair coin."""
    rng = np.random.default_rng(seed)
    return rng.uniform(size=(n_rows, n_columns)), rng.integers(0, 2, size=n_rows)
