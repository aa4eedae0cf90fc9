"""From Enter to the end of a study of a single run, by the command line, against the import of Keras alone."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from unittest import mock

from search.training.user_cache import VARIABLE
from tests.benchmarks.comparison import Line, side_by_side, wall_seconds
from tests.benchmarks.studies import run_by_command, study_text

LIMITED_BY = (
    "the import of TensorFlow and Keras, with which the process begins that workers are forked from. On top come "
    "Dask's scheduler and workers, half a second of tracing, compilation unless the program was kept, and the end of "
    "all of them."
)

WAYS = {"cold": "compiled anew", "warm": "its program kept from before"}
FULL = {}
QUICK = {"rounds": 2}
TINY = {"rounds": 1, "n_epochs": 1, "engine": "fit", "ways": ("cold",)}


def measure(
    rounds: int = 5, n_epochs: int = 4000, engine: str = "auto", ways: Collection[str] = tuple(WAYS)
) -> list[Line]:
    text = study_text(1, n_epochs, engine=engine)

    def run_with(kept: str) -> None:
        with mock.patch.dict(os.environ, {VARIABLE: kept, "TF_XLA_FLAGS": ""}):
            run_by_command(text, 1)

    with tempfile.TemporaryDirectory() as folder:
        kept = {"cold": "", "warm": folder}
        if "warm" in ways:
            run_with(folder)
        peers = {way: wall_seconds(lambda way=way: run_with(kept[way])) for way in ways}
        peers["import"] = wall_seconds(import_keras)
        costs = side_by_side(peers, rounds, warm=False)
    return [
        Line("start", f"one run of {n_epochs:,} epochs, {WAYS[way]}", "import keras", "s", costs[way], costs["import"])
        for way in ways
    ]


def import_keras() -> None:
    subprocess.run([sys.executable, "-c", "import keras"], check=True, capture_output=True)
