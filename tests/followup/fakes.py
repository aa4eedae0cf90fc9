"""A study whose runs cost nothing, for what follows its search."""

import numpy as np

from search.records import Curve, Predictions, RunResult

STUDY = """
[study]
name = "quick"
n_trials = 30
seed = 3
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[split]
test = 0
validation = { method = "kfold", folds = 3 }
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 30
engine = "fit"  # what trains here is no engine at all
[confirm]
finalists = 2
repeats = 4
[space]
l2 = { low = 1e-4, high = 1e-1, log = true }
dropout = { low = 0.1, high = 0.5 }
patience = { low = 5, high = 20 }
minimum_delta = { low = 1e-3, high = 1e-1, log = true }
"training.learning_rate" = { choices = [1e-3, 1e-2] }
"""

WORTH = {"l2": 0.10, "dropout": 0.05, "patience": 0.02, "minimum_delta": 0.01}
"""By how much each technique that is on lowers the loss of the made-up runs."""


def made_up_score(configuration, seed):
    """What a run scores: its parts add up, and differ from run to run by its seed, more so without dropout."""
    luck = np.random.default_rng(seed).normal()
    score = 0.6 - sum(worth for name, worth in WORTH.items() if name in configuration)
    score += 0.01 * np.log10(configuration.get("l2", 1.0)) ** 2 / 10
    score -= 0.03 * (configuration.get("training.learning_rate") == 1e-2)
    return score + luck * (0.004 if "dropout" in configuration else 0.01)


_ASKED = []
"""Runs that were asked for; a worker holds a copy of what trains, in this very process."""


class Fake:
    """Trains nothing, and notes what it was asked for."""

    def __init__(self):
        _ASKED.clear()  # another test's

    def __call__(self, plan, run, report):
        _ASKED.append(run)
        score = float(made_up_score(run.configuration, run.seed))
        rows = plan.fold(run).validation
        right = np.exp(-score)
        of_second = np.where(plan.dataset.target[rows] == 1, right, 1 - right)
        return RunResult(
            run,
            score,
            curve=Curve((1.0, score / 2), (1.0, score + 0.5), (1.0, score)),
            epochs_trained=2,
            best_epoch=2,
            weight_norms={"dense_1": 2.0 + run.fold, "output": 1.0},
            zero_weights={"dense_1": 0.25 if "l2" in run.configuration else 0.0, "output": 0.0},
            predictions=Predictions(of_second[:, None].astype(np.float32)),
        )

    @property
    def new(self):
        """The runs since it was last asked."""
        runs = list(_ASKED)
        _ASKED.clear()
        return runs
