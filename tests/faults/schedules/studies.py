"""The studies that are searched in a world: small ones, each of a kind that goes its own way."""

import functools

import numpy as np

from search.data import Dataset
from search.preparation.preparing import prepare_data
from search.spec import Choices, Range, StudySpec, Validation
from tests.faults.schedules.workers import N_EPOCHS, N_SCORING

NAME = "quick"
_N_ROWS = 2 * N_SCORING
_DROPOUT, _L2 = Range(low=0.1, high=0.5), Range(low=1e-6, high=1e-1, log=True)
_ALIKE = {"dropout": Choices(choices=(0.2, 0.3)), "l2": Choices(choices=(0.01,))}

_KINDS = {
    "random": {"study": {"window": 3}},
    "grid": {
        "study": {"sampler": "grid", "window": 3},
        "space": {"dropout": Choices(choices=(0.2, 0.3, 0.4)), "l2": Choices(choices=(0.01, 0.02))},
    },
    "alike": {"study": {"window": 4}, "space": _ALIKE},
    "failing": {"study": {"window": 3}, "space": {"dropout": _DROPOUT, "l1": Range(low=1e-6, high=1e-2)}},
    "forgetful": {"study": {"window": 3}, "confirm": {"keep_predictions_mib": 400 / 2**20}},
    "tpe": {"study": {"sampler": "tpe", "window": 2, "n_startup_trials": 2}},
    "racing": {"study": {"pruner": "racing", "window": 2}},
    "hyperband": {"study": {"pruner": "hyperband", "window": 2}},
    "alike and raced": {"study": {"pruner": "racing", "window": 3}, "space": _ALIKE},
    "measured": {
        "study": {"window": 3},
        "training": {"engine": "auto"},
        "space": {"dropout": _DROPOUT, "model.hidden": Choices(choices=((4,), (64,)))},
    },
    "measured and raced": {
        "study": {"pruner": "racing", "window": 4},
        "training": {"engine": "auto"},
        "space": {"dropout": _DROPOUT, "model.hidden": Choices(choices=((4,), (64,)))},
    },
}
KINDS = tuple(_KINDS)


TOTALS = (4, 6)
"""Trials that sessions ask for: a study may be extended."""


class Study:
    """A study to be searched.

    Args:
        kind: One of `KINDS`.
        seed: The study's own.
    """

    def __init__(self, kind, seed):
        self.kind, self.seed, self.name = kind, seed, NAME
        self.undisturbed = {}
        """Trials in all to what is stored in the end where nothing goes wrong, once that is known."""
        self._prepared = {}

    @property
    def learns(self):
        """Whether what trials come to decides what others are, or how far they get."""
        study = self.prepared(TOTALS[-1]).spec.study
        return study.sampler == "tpe" or study.pruner != "none"

    def prepared(self, n_trials):
        """The study, ready to run."""
        if n_trials not in self._prepared:
            self._prepared[n_trials] = _prepare(self.kind, self.seed, n_trials)
        return self._prepared[n_trials]


def _prepare(kind, seed, n_trials):
    asked = {
        "study": {"name": NAME, "n_trials": n_trials, "seed": seed, "sampler": "random"},
        "data": {"source": "csv"},
        "split": {"validation": Validation(method="kfold", folds=2)},
        "model": {"family": "mlp", "hidden": (4,)},
        "training": {"epochs": N_EPOCHS, "engine": "fit"},  # what trains here is no engine at all
        "confirm": {"finalists": 0},
        "space": {"dropout": _DROPOUT, "l2": _L2},
    }
    for table, values in _KINDS[kind].items():
        asked[table] = values if table == "space" else {**asked[table], **values}
    return prepare_data(StudySpec(**asked), _dataset())


@functools.cache
def _dataset():
    features = np.random.default_rng(1).normal(size=(_N_ROWS, 3)).astype(np.float32)
    return Dataset(features, np.arange(_N_ROWS) % 2, "binary", ("no", "yes"), standardize=True, sha256="0")
