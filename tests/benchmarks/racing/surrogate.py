"""Races on LCBench: what nets of 2,000 configurations scored on 34 tables after each epoch, learned by a model.

The model is YAHPO Gym's (Pfisterer et al. 2022, "YAHPO Gym: an efficient multi-objective multi-fidelity benchmark"; the
curves are those of Zimmer et al. 2021, "Auto-PyTorch tabular"): `lcbench/model.onnx` of github.com/slds-lmu/yahpo_data,
2 MB, Apache 2.0.
"""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from search.records import Configuration, Trial, TrialState
from search.spec import Range
from search.tuning.dimensions import Dimension, setting_dimension
from search.tuning.history import History
from search.tuning.pruners import Judge, PruningRule, make_pruner
from search.tuning.space import SearchSpace
from tests.benchmarks.racing.races import Found, steps_of

N_TRIALS = 100
N_EPOCHS = 52
WINDOW = 8

INPUTS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
"""What the model takes behind the epoch, in its order."""

_OUTPUT = 2
"""Where the cross-entropy of validation rows is among what it tells."""


def race_on_curves(folder: str, task: str, seed: int, pruner: str = "racing") -> Found:
    """Search a table of LCBench without a pruner and with one.

    Args:
        folder: Where `model.onnx`, `config_space.json` and `encoding.json` are.
        task: The table's number at OpenML.
        seed: Seed of the search.
        pruner: The pruner.
    """
    curves = Curves.read(folder)
    return {
        "task": f"lcbench {task}",
        "seed": seed,
        "ways": {each: _search(curves, task, seed, each) for each in ("none", pruner)},
        "seconds": 0.0,
    }


def tasks_of(folder: str) -> list[str]:
    """The tables that there are."""
    return Curves.read(folder).tasks


def _search(curves: Curves, task: str, seed: int, pruner: str) -> dict[str, Any]:
    rule = PruningRule(pruner, n_runs=1, n_epochs=N_EPOCHS)
    history = History(curves.space, "tpe", seed, "minimize", pruner=make_pruner(rule), study_name=task)
    trials, epochs, final = list[Trial](), dict[int, int](), dict[Configuration, float]()
    for number in itertools.count():
        if sum(epochs.values()) >= N_TRIALS * N_EPOCHS:
            break
        while history.told <= number - WINDOW:
            oldest = trials[history.told]
            history.tell(oldest.state, oldest.score)
        sampled = history.ask()
        configuration = curves.space.configuration(sampled)
        curve = curves.of(task, sampled)
        given_up = None if pruner == "none" else Judge(history, number, rule).observe(0, curve, float(curve[-1]))
        final[configuration] = float(curve[-1])
        epochs[number] = given_up or N_EPOCHS
        state = TrialState.COMPLETE if given_up is None else TrialState.PRUNED
        trials.append(Trial(number, state, configuration, score=None if given_up else final[configuration]))
    return {"epochs": sum(epochs.values()), "steps": steps_of(trials, epochs, final.__getitem__)}


class Curves:
    """What configurations score after each epoch."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        asked = {
            each["name"]: each for each in json.loads((folder / "config_space.json").read_text())["hyperparameters"]
        }
        self.tasks: list[str] = asked["OpenML_task_id"]["choices"]
        self.space = space_of(asked)
        self._numbers = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", sess_options=options)

    @staticmethod
    @functools.cache
    def read(folder: str) -> Curves:
        """The curves that a folder holds."""
        return Curves(Path(folder))

    def of(self, task: str, sampled: dict[str, Any]) -> Any:
        """The loss on validation rows after each epoch, shape (epochs,)."""
        epochs = np.arange(1, N_EPOCHS + 1, dtype=np.float32)
        others = np.tile(np.array([sampled[name] for name in INPUTS], dtype=np.float32), (N_EPOCHS, 1))
        given = {
            "x_cat": np.full((N_EPOCHS, 1), self._numbers[task], dtype=np.int32),
            "x_cont": np.column_stack([epochs, others]),
        }
        (told,) = self._session.run(None, given)
        return told[:, _OUTPUT]


def space_of(asked: dict[str, dict[str, Any]]) -> SearchSpace:
    """The space of ranges by name, as `config_space.json` has them."""
    return SearchSpace(tuple(_dimension(asked[name]) for name in INPUTS))


def _dimension(asked: dict[str, Any]) -> Dimension:
    kind = int if asked["type"] == "uniform_int" else float
    entry = Range(low=kind(asked["lower"]), high=kind(asked["upper"]), log=asked["log"])
    return setting_dimension(asked["name"], entry, kind(asked["default"]))
