"""What a worker does at its start, before any run."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from search.data import Dataset
from search.dispatch import tasks

ARRAY = np.zeros((4, 2), np.float32)
TARGET = np.array([0, 1, 0, 1])


def dataset(features, *, standardize=False):
    return Dataset(features, TARGET, "binary", ("a", "b"), standardize=standardize, sha256="0")


def plan(data, *, has_recurrent_layers=False):
    return SimpleNamespace(dataset=data, has_recurrent_layers=has_recurrent_layers)


@pytest.fixture
def session(monkeypatch):
    """Called in the place of what makes a session: it says the flags for XLA as they are then."""
    flags = []
    monkeypatch.setattr(tasks, "process_session", lambda: flags.append(os.environ.get("XLA_FLAGS", "")))
    return flags


@pytest.mark.parametrize(
    "data", [dataset(ARRAY), dataset(ARRAY, standardize=True), dataset(pd.DataFrame({"x": TARGET * 1.0}))]
)
def test_what_is_wrong_with_the_installation_is_raised_at_the_start(monkeypatch, session, data):
    tasks.KerasTrainer(plan(data))
    for name in [name for name in sys.modules if name.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    sys.path_importer_cache.clear()
    with pytest.raises(ModuleNotFoundError, match="No module named 'sklearn"):
        tasks.KerasTrainer(plan(data))


@pytest.mark.parametrize("is_recurrent", [False, True])
def test_loops_of_recurrent_nets_stay_as_xla_makes_them(monkeypatch, session, is_recurrent):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=nowhere")
    tasks.KerasTrainer(plan(dataset(ARRAY), has_recurrent_layers=is_recurrent))
    (flags,) = session
    assert flags.startswith("--xla_dump_to=nowhere")
    assert ("xla_cpu_small_while_loop_byte_threshold=1024" in flags) == is_recurrent
