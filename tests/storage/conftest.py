"""An open storage on both databases, and a child process to kill."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.storages import RDBStorage

from search.records import Configuration, Curve, Parameter, RowCounts, Run, RunResult, StudyFacts, StudyRecord
from search.storage import Storage, open_storage

CHECKOUT = Path(__file__).parents[2]
UNIT = '{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0, "high": 1.0, "log": false}}'


@pytest.fixture
def storage(storage_url: str, make_tables: Callable[[str], None]) -> Iterator[Storage]:
    make_tables(storage_url)
    with open_storage(storage_url) as opened:
        yield opened


@pytest.fixture
def connection(storage_url: str) -> Iterator[sa.Connection]:
    """A connection of our own to the database, to look and to spoil."""
    engine = sa.create_engine(storage_url, poolclass=sa.NullPool)
    with engine.connect() as opened:
        yield opened


@pytest.fixture
def plain_optuna(storage_url: str) -> Iterator[RDBStorage]:
    """The same database, opened by plain Optuna."""
    opened = RDBStorage(storage_url)
    yield opened
    opened.remove_session()
    opened.engine.dispose()


@pytest.fixture
def create_study() -> Callable[..., StudyRecord]:
    """Create a study in a storage, with something in every column."""

    def create(storage: Storage, name: str = "moons", **changes: Any) -> StudyRecord:
        given = {
            "direction": "minimize",
            "metric": "log_loss",
            "spec": {"study": {"name": name, "window": 8}, "space": {"l2": {"low": 1e-6, "log": True}}},
            "data_sha256": "ab" * 32,
            "facts": StudyFacts("binary", classes=("0", "1"), input_shape=(2,), rows=RowCounts(40, 10, 25, 25)),
            "n_trials": 60,
            "notes": ("3 of 4 features never change: é.",),
        }
        return storage.create_study(name, **{**given, **changes})

    return create


@pytest.fixture
def study(storage: Storage, create_study: Callable[..., StudyRecord]) -> StudyRecord:
    return create_study(storage)


@pytest.fixture
def make_result() -> Callable[..., RunResult]:
    """A run's result, with a curve of three epochs."""

    def make(trial: int, fold: int = 0, repeat: int = 0, **changes: Any) -> RunResult:
        given: dict[str, Any] = {
            "run": Run(trial, fold, repeat, seed=7 + fold, configuration=Configuration()),
            "score": 0.25,
            "penalty": 0.5,
            "epochs_trained": 3,
            "best_epoch": 2,
            "curve": Curve((1.0, 0.5, 0.25), (1.5, 0.75, 1.0), (0.5, 0.75, 0.75), (1.25, 0.5, 0.625)),
            "weight_norms": {"dense": 1.5, "dense_1": 2.25},
            "zero_shares": {"dense": 0.5},
            "zero_weights": {"dense": 0.25, "dense_1": 0.0},
            "seconds": 0.125,
            "engine": "fit",
            "worker": "host:42",
        }
        return RunResult(**{**given, **changes})

    return make


@pytest.fixture
def parameters() -> tuple[Parameter, ...]:
    return (Parameter("l2", 0.125, UNIT), Parameter("dropout", 0.75, UNIT))


@pytest.fixture
def run_child() -> Callable[..., Any]:
    """Run Python code with arguments in a process of its own that sees the checkout."""

    @contextmanager
    def run(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-c", code, *arguments]
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child:
            try:
                yield child
            finally:
                child.kill()

    return run
