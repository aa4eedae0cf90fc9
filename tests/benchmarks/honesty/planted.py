"""Studies whose verdict is known: labels tossed like coins, and nets that overfit without any doubt."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from search.coordination.launching import Launch, run_study
from search.preparation.files import prepare_study
from search.records import Verdict
from search.storage import open_storage

_MOONS = ["data.options={ n_samples = 30, noise = 0.2, random_state = SEED }", "split.test=0"]
_WIDE = [
    'data.source="sklearn.make_classification"',
    "data.options={ n_samples = 100, n_features = 20, n_informative = 5, flip_y = 0.1, random_state = SEED }",
    "split.test=0",
    "training.epochs=500",
    "study.n_trials=40",
    "objective.seeds=1",
]

PLANTED = {
    "random labels": ("random_labels", ["data.options={ n_rows = 1000, n_columns = 10, seed = SEED }"]),
    "moons, 30 rows": ("moons", _MOONS),
    "wide net, 100 rows": ("moons", _WIDE),
}
"""Name to the shipped study that it is made of, and what is changed: 500 hidden units, but for the labels."""


def find(name: str, number: int) -> dict[str, Any]:
    """What a study says.

    Args:
        name: One of `PLANTED`.
        number: From 0; the seeds of data and study.
    """
    began = time.monotonic()
    study, changes = PLANTED[name]
    changed = [change.replace("SEED", str(number + 2)) for change in changes]
    prepared = prepare_study(study, [*changed, f"study.seed={number + 2}", 'training.engine="compiled"'])
    with (
        tempfile.TemporaryDirectory() as folder,
        open_storage(f"sqlite:///{Path(folder) / 'study.db'}", create=True) as storage,
    ):
        record = run_study(prepared, storage, Launch(0))
        stored = storage.verdict(record.study_id)
    assert stored is not None
    verdict = Verdict.from_json(stored.verdict)
    return {
        "table": name,
        "split": number,
        "seconds": round(time.monotonic() - began, 1),
        "verdict": {"answer": verdict.answer, "chosen": verdict.chosen, "candidate": verdict.candidate},
        "gain": {
            "confirmed": verdict.difference.mean,
            "interval": [verdict.difference.low, verdict.difference.high],
            "expected": verdict.expected.mean,
            "expected_error": verdict.expected.standard_error,
        },
        "against_constant": None
        if verdict.against_constant is None
        else [verdict.against_constant.mean, verdict.against_constant.low, verdict.against_constant.high],
    }
