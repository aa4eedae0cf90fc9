"""What is looked up in a study's database comes at once: a read command imports nothing that it does not need."""

import importlib.metadata
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from search.records import Configuration, Run, RunResult, StudyFacts, TrialState
from search.storage import Ended, Started, open_storage

CHECKOUT = Path(__file__).parents[2]
LIGHT = {"click", "greenlet", "markdown_it", "mdurl", "pygments", "rich", "search", "sqlalchemy", "typing_extensions"}
COMMANDS = [
    ["best", "s"],
    ["best", "s", "--format", "json"],
    ["status", "s"],
    ["status", "s", "--format", "json"],
    ["trials", "s"],
    ["trials", "s", "--format", "csv"],
    ["studies"],
    ["watch", "s"],
    ["compare", "s"],
    ["compare", "s", "s", "--format", "json"],
]
MOST_TIMES_THE_LEAST = 3
"""The processor time of a read command, in that of a process that imports what all of them need.

It was measured at 1.1 to 1.8; with SciPy's statistics at 4 and more.
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a stored study of two folds, which best compares with a constant guess."""
    made = tmp_path_factory.mktemp("read")
    spec = {
        "space": {"l2": {"choices": [0.1]}, "training.epochs": {"choices": [3, 5]}},
        "split": {"validation": {"method": "kfold", "folds": 2}},
    }
    facts = StudyFacts("binary", constant_scores=(0.7, 0.5), training_rows=(80, 80), validation_rows=(20, 20))
    with open_storage(f"sqlite:///{made / 'regsearch.db'}", create=True) as storage:
        study = storage.create_study("s", "minimize", "log_loss", spec, "ab" * 32, facts, 2)
        for number, scores in enumerate([(0.8, 0.6), (0.4, 0.25)]):
            configuration = Configuration({"training.epochs": 3} | ({"l2": 0.1} if number else {}))
            runs = [RunResult(Run(number, fold, 0, 7 + fold, configuration), s) for fold, s in enumerate(scores)]
            entries = [
                Started(number, configuration, baseline=not number),
                Ended(number, TrialState.COMPLETE, sum(scores) / 2, results=runs),
            ]
            storage.write(study.study_id, entries)
    return made


def run(folder, *arguments):
    """Run Python; the finished process, and the seconds of processor time that it took."""
    environment = {k: v for k, v in os.environ.items() if k != "OPTUNA_STORAGE"} | {"PYTHONPATH": str(CHECKOUT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.fixture(scope="module")
def least(folder):
    """Seconds of a process that imports what every read command needs, the least of three."""
    return min(run(folder, "-c", "import click, sqlalchemy, rich")[1] for _ in range(3))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_read_command_imports_nothing_heavy(folder, command):
    done, _ = run(folder, "-X", "importtime", "-m", "search", *command)
    lines = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.partition(".")[0] for line in lines}
    assert "sqlalchemy" in imported  # the command did read the database
    installed = {name for name in importlib.metadata.packages_distributions() if not name.startswith("_")}
    assert imported & installed <= LIGHT


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_read_command_costs_little_more_than_its_imports(folder, least, command):
    most = MOST_TIMES_THE_LEAST * least
    assert any(run(folder, "-m", "search", *command)[1] < most for _ in range(3)), "expected one of three below it"


def test_best_still_says_what_a_constant_guess_is_worth(folder):
    """The number for which SciPy was imported."""
    done, _ = run(folder, "-m", "search", "best", "s", "--format", "json")
    assert '"learned": ' in done.stdout
