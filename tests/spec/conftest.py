from __future__ import annotations

import pytest

from search.errors import StudyFileError
from search.preparation.catalogue import default_catalogue
from search.spec import Arguments, Catalogue, Domain, parse_study

VALID = """\
# What does each technique do for 30 rows?
[study]
name = "moons"
n_trials = 60
seed = 1
[data]
source = "sklearn.make_moons"
options = { n_samples = 100, noise = 0.2 }
[split]
test = 0.3
validation = { method = "kfold", folds = 5 }
[model]
family = "mlp"
hidden = [500]
activation = "relu"
[training]
optimizer = "adam"
learning_rate = 1e-3
[objective]
metric = "log_loss"
[space]
l2 = { low = 1e-6, high = 1e-1, log = true }
dropout = { low = 0.05, high = 0.6 }
patience = { low = 10, high = 400, log = true }
"dense_2.l1" = { choices = [1e-5, 1e-4] }
"training.learning_rate" = { low = 1e-4, high = 1e-2, log = true }
[confirm]
finalists = 0
"""


@pytest.fixture
def valid() -> str:
    """A study that the catalogue allows; the tests change one thing in it."""
    return VALID


@pytest.fixture
def catalogue() -> Catalogue:
    penalty = Domain(kind="float", low_open=True, meaning="coefficient", source="a book")
    rate = Domain(kind="float", high=1, low_open=True, high_open=True, meaning="rate", source="a paper")
    epochs = Domain(kind="int", low=1, weak="high", meaning="epochs", source="a paper")
    flip = Domain(kind="choice", names=("horizontal", "vertical", "both"), meaning="mirrored axes", source="a paper")
    return Catalogue(
        techniques={
            "l1": penalty,
            "l2": penalty,
            "dropout": rate,
            "patience": epochs,
            "start_epoch": epochs,
            "path": penalty,
            "flip": flip,
        },
        layered=frozenset({"l1", "l2", "dropout"}),
        zero_in_layers=frozenset({"l1", "l2"}),
        families={"mlp": frozenset({"hidden", "activation"}), "linear": frozenset()},
        required_keys={"mlp": frozenset({"hidden"})},
        optimizers={
            "adam": Arguments({"clipnorm": None, "amsgrad": False}),
            "sgd": Arguments({"momentum": 0.0, "nesterov": False}, refused={"use_ema": "Search swa instead."}),
        },
        schedules={"cosine_decay": Arguments({"decay_steps": None, "alpha": 0.0}, ("decay_steps",))},
        losses={"huber": Arguments({"delta": 1.0}), "hinge": Arguments()},
        activations=frozenset({"relu", "tanh"}),
        sources=default_catalogue().sources,
        metrics=("log_loss", "accuracy", "balanced_accuracy", "f1_macro", "mse", "mae", "r2"),
        splitters=default_catalogue().splitters,
        requires={"start_epoch": ("patience",), "path": ("l1", "l2")},
        missing={"cmaes": "cmaes"},
    )


@pytest.fixture
def problems_of(catalogue: Catalogue):
    """The sentences that reading a text under the name s.toml gives."""

    def sentences(text: str, *overrides: str) -> list[str]:
        try:
            parse_study(text, "s.toml", catalogue, overrides)
        except StudyFileError as error:
            return [str(problem) for problem in error.problems]
        return []

    return sentences
