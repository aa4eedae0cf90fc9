"""`regsearch export --format keras`: the model itself, trained on everything that is not sealed."""

import os
import subprocess
import sys

PREDICT = """
import sys
sys.modules["search"] = None
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
rows = np.random.default_rng(0).normal([5, 500], [1, 100], (200, 2)).astype("float32")
hits = (model(rows).numpy()[:, 0] > 0.5) == (rows[:, 0] + rows[:, 1] / 100 > 10)
print(hits.mean(), model.optimizer is not None)
"""
STUDY = """
[study]
name = "table"
n_trials = 2
[data]
source = "csv"
path = "rows.csv"
target = "label"
[model]
family = "mlp"
hidden = [8]
[training]
epochs = 60
learning_rate = 0.01
engine = "graph"
[space]
l2 = { choices = [1e-4] }
patience = { choices = [20] }
"""


def make_study(folder):
    import numpy as np

    rows = np.random.default_rng(1).normal([5, 500], [1, 100], (120, 2))
    lines = [f"{a:.4f},{b:.4f},{'yes' if a + b / 100 > 10 else 'no'}" for a, b in rows]
    (folder / "rows.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    (folder / "study.toml").write_text(STUDY)


def test_model_takes_rows_as_the_table_has_them_and_needs_keras_alone(command, tmp_path):
    make_study(tmp_path)
    assert command("run", "study.toml", "-q", "--n-jobs", "1", cwd=tmp_path).code == 0
    exported = command("export", "table", "--format", "keras", "-o", "best.keras", cwd=tmp_path)
    assert (exported.code, exported.err) == (0, "Wrote best.keras\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREDICT, "best.keras"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    accuracy, compiled = done.stdout.split()
    assert float(accuracy) > 0.9
    assert compiled == "True"

    refused = command("export", "table", "--format", "keras", "-o", "best.h5", cwd=tmp_path)
    assert (refused.code, refused.err) == (2, "--output: expected a path that ends in .keras, received best.h5.\n")
    nowhere = command("export", "table", "--format", "keras", cwd=tmp_path)
    assert nowhere.code == 2
    assert "expected -o FILE.keras with --format keras, received none." in nowhere.err

    (tmp_path / "rows.csv").write_text((tmp_path / "rows.csv").read_text() + "5.0,500.0,yes\n")
    changed = command("export", "table", "--format", "keras", "-o", "other.keras", cwd=tmp_path)
    assert changed.code == 2
    assert changed.err.startswith("table [data]: expected the data that the study was begun with (SHA-256 ")
    assert not (tmp_path / "other.keras").exists()
