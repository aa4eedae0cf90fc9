"""A study that was run from Python, in this process."""

from __future__ import annotations

import pytest

import search

STUDY = """
[study]
name = "small"
n_trials = 5
window = 2

[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }

[split]
validation = { method = "kfold", folds = 2 }

[model]
family = "mlp"
hidden = [8]

[training]
epochs = 6
engine = "graph"

[space]
l2 = { low = 1e-5, high = 1e-1, log = true }
patience = { low = 1, high = 3 }
"training.optimizer" = { choices = ["sgd", "adam"] }

[confirm]
finalists = 1
repeats = 2
"""


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """Five trials with a confirmation."""
    folder = tmp_path_factory.mktemp("small")
    file = folder / "small.toml"
    file.write_text(STUDY)
    return search.run(file, storage=f"sqlite:///{folder / 'small.db'}", n_jobs=0, verbose=False)
