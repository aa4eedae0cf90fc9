"""Code that comes with a model: run by nobody who was not told to, and then from the search to the prediction."""

import subprocess
import sys

import numpy as np
import pytest

NET = """
import pathlib
import keras

pathlib.Path(__file__ if __file__.startswith("/") else "net.py").with_name("was_run").touch()

@keras.saving.register_keras_serializable(package="mine")
class Gate(keras.layers.Layer):
    def call(self, rows):
        return rows * keras.ops.sigmoid(rows)

def build(input_shape, width=4):
    rows = keras.Input(input_shape)
    hidden = Gate(name="gate")(keras.layers.Dense(width, name="hidden")(rows))
    return keras.Model(rows, keras.layers.Dense(1, "sigmoid", name="answer")(hidden))

if __name__ == "__main__":
    build((3,)).save("net.keras")
"""
STUDY = """
[study]
name = "gated"
n_trials = 3
[data]
source = "npz"
path = "d.npz"
[model]
keras = "net.keras"
custom = "net.py"
[training]
epochs = 5
engine = "graph"
[confirm]
finalists = 0
[space]
"hidden.units" = { choices = [4, 8] }
"hidden.l2" = { choices = [0.01] }
"""
LOAD = """
import sys
sys.modules["search"] = None
import keras, numpy as np, net
model = keras.saving.load_model("best.keras")
told = model(np.load("new.npz")["x"])
print(type(model.get_layer("gate")) is net.Gate, float(np.ravel(told)[0]))
"""


def test_code_is_run_by_those_alone_who_say_so(command, process, tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=rows, y=(rows[:, 0] > 0).astype(int))
    np.savez(tmp_path / "new.npz", x=rows[:4])
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "study.toml").write_text(STUDY)
    subprocess.run([sys.executable, "-W", "ignore", "net.py"], cwd=tmp_path, capture_output=True, check=True)
    (tmp_path / "was_run").unlink()
    for arguments in (("check", "study.toml"), ("run", "study.toml"), ("predict", "net.keras", "new.npz")):
        refused = command.in_this_process(*arguments, cwd=tmp_path)
        assert refused.code == 2, refused
        assert "--trust" in refused.err
    custom = command.in_this_process("predict", "net.keras", "new.npz", "--custom", "net.py", cwd=tmp_path)
    assert custom.code == 2
    assert 'expected --trust beside custom = "net.py", received none' in custom.err
    assert not (tmp_path / "was_run").exists()

    ran = process("run", "study.toml", "--trust", "--n-jobs", "1", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "note: net.py is run, here and by every worker" in ran.err
    exported = command(
        "export", "gated", "--trial", "2", "--format", "keras", "-o", "best.keras", "--trust", cwd=tmp_path
    )
    assert exported.code == 0, exported.err
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    is_own, value = loaded.stdout.split()
    assert is_own == "True"
    told = command("predict", "best.keras", "new.npz", "--custom", "net.py", "--trust", cwd=tmp_path)
    assert float(told.out.splitlines()[1].split(",")[-1]) == pytest.approx(float(value), rel=1e-6)
