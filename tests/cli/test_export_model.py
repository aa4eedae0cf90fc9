"""`regsearch export --format keras`: the model itself, trained on everything that is not sealed."""

import json
import os
import re
import runpy
import subprocess
import sys

import pytest

from search.training.session import start_tensorflow

PREDICT = """
import sys
sys.modules["search"] = None
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
rows = np.random.default_rng(0).normal([5, 500], [1, 100], (200, 2)).astype("float32")
told = model({"a": rows[:, 0], "b": rows[:, 1]})
labels = told["label"].numpy() == b"yes"
assert ((told["probabilities"].numpy()[:, 1] > 0.5) == labels).all()
print((labels == (rows[:, 0] + rows[:, 1] / 100 > 10)).mean())
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
[confirm]
finalists = 0
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


def test_model_takes_rows_as_the_table_has_them_and_needs_keras_alone(command, search_here, tmp_path):
    make_study(tmp_path)
    assert search_here("study.toml", "-q", cwd=tmp_path).code == 0
    exported = command.in_this_process("export", "table", "--format", "keras", "-o", "best.keras", cwd=tmp_path)
    assert (exported.code, exported.err.splitlines()[-1]) == (0, "Wrote best.keras")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREDICT, "best.keras"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) > 0.9

    refused = command.in_this_process("export", "table", "--format", "keras", "-o", "best.h5", cwd=tmp_path)
    assert (refused.code, refused.err) == (2, "--output: expected a path that ends in .keras, received best.h5.\n")
    nowhere = command.in_this_process("export", "table", "--format", "keras", cwd=tmp_path)
    assert nowhere.code == 2
    assert "expected -o FILE.keras with --format keras, received none." in nowhere.err

    (tmp_path / "rows.csv").write_text((tmp_path / "rows.csv").read_text() + "5.0,500.0,yes\n")
    changed = command.in_this_process("export", "table", "--format", "keras", "-o", "other.keras", cwd=tmp_path)
    assert changed.code == 2
    assert changed.err.startswith("table [data]: expected the data that the study was begun with (SHA-256 ")
    assert not (tmp_path / "other.keras").exists()


TOLD = """
import json, runpy, sys
sys.modules["search"] = None
import keras, pandas as pd
import exported
whole = keras.saving.load_model("best.keras", compile=False)
model = exported.build_model()
model.set_weights(whole.get_layer(model.name).get_weights())
rows, y = exported.read_data("rows.csv")
preparation = exported.Preparation()
preparation.fit_transform(rows, exported.coded(y))
for new in (pd.read_csv("new.csv"), pd.read_csv("new.csv").to_dict("list")):
    labels, probabilities = exported.predict(model, preparation, new)
    print(json.dumps([labels.tolist(), probabilities.tolist()]))
exported.main("rows.csv")
try:
    runpy.run_path("exported.py", run_name="__main__")
except SystemExit as ended:
    print(ended)
"""
NEW_ROWS = """extra,when,city,b,label,a
1,2024-02-29 06:30,Ulm,510,?,5.5
2,,Nowhere,,?,4.5
3,1999-12-31,,490,?,NA
4,2024-03-01 23:59,Bonn,0,?,-3
"""


def test_python_export_says_of_raw_rows_what_predict_says_with_the_same_weights(command, search_here, tmp_path):
    make_study(tmp_path)
    header, *lines = (tmp_path / "rows.csv").read_text().splitlines()
    for n, line in enumerate(lines):
        when = "" if n % 9 == 0 else f"2024-0{n % 9 + 1}-{n % 28 + 1:02} {n % 24:02}:15"
        lines[n] = f"{line},{('Ulm', 'Bonn', '')[n % 3]},{when}"
    (tmp_path / "rows.csv").write_text("\n".join([f"{header},city,when", *lines]))
    (tmp_path / "new.csv").write_text(NEW_ROWS)
    study = STUDY.replace('target = "label"', 'target = "label"\ndates = ["when"]').replace("epochs = 60", "epochs = 5")
    (tmp_path / "study.toml").write_text(study)
    assert search_here("study.toml", "-q", cwd=tmp_path).code == 0
    for format_, file in (("keras", "best.keras"), ("python", "exported.py")):
        arguments = ("--trial", "0", "--format", format_, "-o", file)
        exported = command.in_this_process("export", "table", *arguments, cwd=tmp_path)
        assert (exported.code, exported.err.splitlines()[-1]) == (0, f"Wrote {file}")
    predicted = command.in_this_process("predict", "best.keras", "new.csv", cwd=tmp_path)
    expected = [line.split(",")[-3:] for line in predicted.out.splitlines()[1:]]
    (tmp_path / "told.py").write_text(TOLD)
    done = subprocess.run(
        [sys.executable, "-W", "error", "told.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *told, _, of_program, most, usage = done.stdout.splitlines()
    assert len(told) == 2
    for labels, probabilities in map(json.loads, told):
        assert labels == [label for label, *_ in expected]
        for row, (_, *shares) in zip(probabilities, expected, strict=True):
            assert row == pytest.approx(list(map(float, shares)), rel=1e-5)
    assert re.fullmatch(r"24 rows that did not train: [\d.]+% of the labels are right", of_program)
    assert re.fullmatch(r"The most frequent label is that of [\d.]+%", most)
    assert usage == "Usage: python exported.py rows.csv"


NET = """
def build(input_shape):
    import keras

    rows = keras.Input(input_shape, name="rows")
    left = keras.layers.Dense(8, activation="relu", name="left")(rows)
    right = keras.layers.Dense(8, activation="tanh", kernel_regularizer=keras.regularizers.L2(1e-3), name="right")(rows)
    both = keras.layers.Concatenate(name="both")([left, right * 0.5])
    encoder = keras.Sequential([keras.Input((16,)), keras.layers.Dense(6, activation="gelu", name="inside")], name="in")
    shares = keras.layers.Dense(1, activation="sigmoid", name="shares")(encoder(both))
    model = keras.Model(rows, shares, name="net")
    loss = keras.losses.BinaryFocalCrossentropy(gamma=1.5)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    model.compile(optimizer, loss, metrics=["accuracy", keras.metrics.AUC()])
    return model
"""


def make_own_study(folder, model, training):
    """A study of the model in net.py, with labels of which a third is wrong, and early stopping."""
    make_study(folder)
    (folder / "net.py").write_text(NET)
    lines = (folder / "rows.csv").read_text().splitlines()
    swapped = {"yes": "no", "no": "yes"}
    wrong = [
        line if n % 3 else ",".join([*line.split(",")[:2], swapped[line.split(",")[2]]])
        for n, line in enumerate(lines[1:])
    ]
    (folder / "rows.csv").write_text("\n".join([lines[0], *wrong]) + "\n")
    study = STUDY.replace('family = "mlp"\nhidden = [8]', model).replace("learning_rate = 0.01", training)
    study = study.replace("n_trials = 2", "n_trials = 6").replace("epochs = 60", "epochs = 300").partition("[space]")[0]
    searched = (
        "patience = { choices = [20] }",
        "minimum_delta = { choices = [0.001] }",
        "start_epoch = { choices = [2] }",
    )
    (folder / "study.toml").write_text("\n".join([study + "[space]", *searched]))


def build_net(folder):
    """Save the model of net.py; its weights."""
    start_tensorflow()
    model = runpy.run_path(str(folder / "net.py"))["build"]((2,))
    model.save(folder / "net.keras")
    return [weight.tolist() for weight in model.get_weights()]


def find_stopped(command, folder):
    """The first trial that was stopped early: which is the choice hangs on the weights that a net begins with."""
    trials = json.loads(command("trials", "table", "--format", "json", cwd=folder).out)
    return next(trial for trial in trials if "patience" in trial["configuration"])


TRAIN = """
import json, sys
sys.modules["search"] = None
import keras, numpy as np
import exported
whole = keras.saving.load_model("best.keras")
ends = "_with_ends"
inner = whole.get_layer(whole.name.removesuffix(ends)) if whole.name.endswith(ends) else whole
model = exported.build_model()
rows = np.random.default_rng(0).normal(0, 1, (240, 2)).astype("float32")
y = (rows.sum(axis=1) > 0).astype("int64")
begun = [weight.tolist() for weight in model.get_weights()]
history = exported.train_model(model, rows[:120], y[:120], rows[120:180], y[120:180], verbose=0).history
stopping = exported.EARLY_STOPPING
print(json.dumps({
    "same": json.dumps(model.get_config()) == json.dumps(inner.get_config()),
    "optimizer": model.optimizer.get_config() | {"name": ""} == inner.optimizer.get_config() | {"name": ""}
        if inner.optimizer else None,
    "begun": begun,
    "logs": sorted(history),
    "accuracy": float(((model.predict(rows[180:], verbose=0)[:, 0] > 0.5) == y[180:]).mean()),
    "stopping": [stopping.patience, abs(stopping.min_delta), stopping.start_from_epoch, stopping.restore_best_weights],
}))
"""


def train_exported(folder):
    """What the exported file makes and trains, in a process that cannot import regsearch."""
    (folder / "train.py").write_text(TRAIN)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "train.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_python_export_of_the_users_own_model_is_the_model_of_the_keras_export_and_trains(
    command, search_here, tmp_path
):
    make_own_study(tmp_path, 'builder = "net.py:build"', 'class_weight = "balanced"')
    assert search_here("study.toml", "-q", cwd=tmp_path).code == 0
    stopped = find_stopped(command, tmp_path)
    for format_, file in (("keras", "best.keras"), ("python", "exported.py")):
        arguments = ("--trial", str(stopped["trial"]), "--format", format_, "-o", file)
        exported = command.in_this_process("export", "table", *arguments, cwd=tmp_path)
        assert (exported.code, exported.err.splitlines()[-1]) == (0, f"Wrote {file}")
    assert "class_weight=class_weight(y)," in (tmp_path / "exported.py").read_text()
    found = train_exported(tmp_path)
    assert found["same"]
    assert found["accuracy"] > 0.9
    assert {"val_binary_focal_crossentropy", "accuracy", "val_accuracy"} <= set(found["logs"])
    expected = stopped["configuration"]
    assert found["stopping"] == [20, expected.get("minimum_delta", 0), expected.get("start_epoch", 0), True]


def test_python_export_loads_the_weights_that_training_begins_with(command, search_here, tmp_path):
    make_own_study(tmp_path, 'keras = "net.keras"\nweights = "saved"', "class_weight = { yes = 2.0 }")
    weights = build_net(tmp_path)
    assert search_here("study.toml", "-q", cwd=tmp_path).code == 0
    number = str(find_stopped(command, tmp_path)["trial"])
    for format_, file in (("keras", "best.keras"), ("python", "exported.py")):
        arguments = ("--trial", number, "--format", format_, "-o", file)
        assert command.in_this_process("export", "table", *arguments, cwd=tmp_path).code == 0
    text = (tmp_path / "exported.py").read_text()
    assert "# Weights are loaded from this file.\nSAVED_MODEL = " in text
    assert "CLASS_WEIGHT = {0: 1.0, 1: 2.0}\n" in text
    found = train_exported(tmp_path)
    assert found["same"]
    assert found["begun"] == weights

    build_net(tmp_path)  # with other weights
    changed = command.in_this_process("export", "table", "--format", "python", cwd=tmp_path)
    assert changed.code == 2
    assert changed.err.startswith("table [model]: expected the model that the study was begun with (SHA-256 ")
    assert changed.err.endswith(f"Put back what the study was begun with in {tmp_path}.\n")
    (tmp_path / "net.keras").unlink()
    gone = command.in_this_process("export", "table", "--format", "python", cwd=tmp_path)
    assert gone.code == 2
    assert gone.err.startswith("table [model]: expected ")
