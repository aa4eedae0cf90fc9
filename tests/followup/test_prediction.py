"""An exported model predicts raw rows as its study would: here, from the shell, and in a process with Keras alone."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from search import Launch, open_storage, prepare_study, run_study
from search.cli import cli
from search.errors import DataError, UsageError
from search.followup.prediction import predict_rows
from search.reporting.exports import EXPORTS

pytestmark = pytest.mark.slow

N_ROWS = 120
STUDY = """
[study]
name = "rows"
n_trials = 2
[data]
source = "csv"
path = "rows.csv"
target = "{target}"
dates = ["cast", "label", "born", "sent"]
drop = ["id"]
min_frequency = 3
target_encode = ["city", "zip"]
{more}
[split]
test = 0.2
[model]
family = "mlp"
hidden = [8]
[training]
epochs = 8
engine = "graph"
[confirm]
finalists = 0
[space]
l2 = {{ choices = [1e-3] }}
patience = {{ choices = [3] }}
"""
ALONE = """
import sys, zipfile
sys.modules["search"] = None  # importing it fails
import keras, numpy as np, pandas as pd, tensorflow as tf
model = keras.models.load_model("model.keras")
inputs = model.input
rows = pd.read_csv("new.csv", dtype={name: str for name in inputs if inputs[name].dtype == "string"})
formats = {"cast": "ISO8601", "label": "ISO8601", "born": "%d/%m/%Y", "sent": "ISO8601"}
feed = {}
for name, tensor in inputs.items():
    column = rows[name]
    if tensor.dtype == "string":
        feed[name] = column.fillna("").str.strip()
    elif name in formats:
        day = pd.to_datetime(column, format=formats[name], utc=True)
        feed[name] = (day - pd.Timestamp("1970-01-01", tz="UTC")) / pd.Timedelta(days=1)
    else:
        feed[name] = column.astype(float)
# Arrays would be cast to float32 by Keras' predict, a data set is not.
out = model.predict(tf.data.Dataset.from_tensor_slices(feed).batch(16), verbose=0)
if isinstance(out, dict):
    np.savez("out.npz", probabilities=out["probabilities"], label=out["label"].astype(str))
else:
    np.savez("out.npz", prediction=out)
"""


def rows(n_rows, seed):
    """Every kind of column, named as layers of Keras are and as files of people are, with missing cells."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(n_rows)],
            "where": rng.normal(1e6, 3, n_rows),
            "cast": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(-9000, 9000, n_rows), "D"),
            "label": pd.to_datetime("2024-01-01 00:00") + pd.to_timedelta(rng.integers(0, 10**6, n_rows), "min"),
            "color (car)": rng.choice(["red", "blue", "gr\u00fcn"], n_rows),
            "street": [f"street {number}" for number in rng.integers(0, 40, n_rows)],
            "city": rng.choice(["Bonn", "K\u00f6ln", "Ulm"], n_rows),
            "sure": rng.choice([True, False], n_rows),
            "mlp": rng.integers(0, 5, n_rows),
            "born": [f"{day:02}/12/{year}" for day, year in rng.integers((1, 1400), (32, 2600), (n_rows, 2))],
            "sent": [f"2024-01-01 {hour:02}:30:00.25+09:00" for hour in rng.integers(0, 24, n_rows)],
            "zip": [f"{number:05}" for number in rng.integers(99, 105, n_rows)],
            "plan": rng.choice(["1", "02", "A", " B", "C "], n_rows),
        }
    )
    informative = frame["where"] + (frame["city"] == "Ulm") * 5
    for position, name in enumerate(frame.columns[1:]):
        frame[name] = frame[name].mask(rng.random(n_rows) < 0.1 * (position % 3))
    frame["kind"] = np.select([informative < 1e6, informative < 1e6 + 3], ["low", "mid"], "high")
    frame["answer"] = np.where(informative < 1e6, "no", "yes")
    frame["price"] = 50_000 + 1000 * (informative - 1e6)
    return frame


@pytest.fixture(scope="module", params=["answer", "kind", "price"])
def exported(request, tmp_path_factory):
    """A study of a table with its exported model, in a folder, and the study as it was prepared."""
    folder = tmp_path_factory.mktemp(request.param)
    others = [name for name in ("kind", "answer", "price") if name != request.param]
    rows(N_ROWS, 0).drop(columns=others).to_csv(folder / "rows.csv", index=False)
    # Other rows: unknown categories, missing cells where there were none, another order of columns, one more.
    new = rows(40, 1).drop(columns=["kind", "answer", "price"])
    new.loc[0, "color (car)"], new.loc[1, "city"], new.loc[2, "mlp"] = "pink", "Rom", np.nan
    new[list(reversed(new.columns))].assign(note="kept").to_csv(folder / "new.csv", index=False)
    more = "missing = 'impute'" if request.param == "kind" else ""
    (folder / "study.toml").write_text(STUDY.format(target=request.param, more=more))
    prepared = prepare_study(str(folder / "study.toml"))
    with open_storage(f"sqlite:///{folder / 'regsearch.db'}", create=True) as storage:
        run_study(prepared, storage, Launch(n_jobs=0))
        EXPORTS["keras"].write(storage, "rows", folder / "model.keras")
    return folder, request.param


def test_predictions_of_raw_rows_are_the_same_in_a_process_with_keras_alone(exported):
    folder, target = exported
    told = predict_rows(folder / "model.keras", folder / "new.csv")
    subprocess.run([sys.executable, "-c", ALONE], cwd=folder, check=True, capture_output=True)
    frame = pd.DataFrame(told.rows, columns=told.header)
    new = pd.read_csv(folder / "new.csv", dtype=str, keep_default_na=False)
    assert list(frame.columns[: new.shape[1]]) == list(new.columns)
    written = new.apply(lambda column: column.str.strip())
    pd.testing.assert_frame_equal(frame[new.columns].astype(str), written.astype(str), check_dtype=False)
    with np.load(folder / "out.npz") as alone:
        if target == "price":
            np.testing.assert_allclose(frame["prediction"].astype(float), alone["prediction"][:, 0], rtol=1e-5)
            assert 40_000 < frame["prediction"].astype(float).median() < 60_000, "in the target's own unit"
            return
        classes = {"answer": ["no", "yes"], "kind": ["high", "low", "mid"]}[target]
        assert list(frame.columns[new.shape[1] :]) == ["prediction", *(f"probability_{label}" for label in classes)]
        probabilities = frame[[f"probability_{label}" for label in classes]].to_numpy(float)
        np.testing.assert_allclose(probabilities, alone["probabilities"], atol=1e-6)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        assert frame["prediction"].tolist() == alone["label"].tolist()
        assert frame["prediction"].tolist() == [classes[index] for index in probabilities.argmax(axis=1)]


def test_model_has_learned_what_its_rows_tell(exported):
    folder, target = exported
    told = predict_rows(folder / "model.keras", folder / "rows.csv")
    frame = pd.DataFrame(told.rows, columns=told.header)
    if target == "answer":
        assert (frame["prediction"] == frame["answer"]).mean() > 0.6


def test_shell_writes_the_rows_with_what_is_predicted(exported):
    folder, _ = exported
    out = folder / "out.csv"
    said = CliRunner().invoke(cli, ["predict", str(folder / "model.keras"), str(folder / "new.csv"), "-o", str(out)])
    assert (said.exit_code, said.stdout) == (0, "")
    told = predict_rows(folder / "model.keras", folder / "new.csv")
    assert out.read_text() == told.to_csv()


def test_rows_that_the_model_does_not_take_are_refused(exported):
    folder, _ = exported
    new = pd.read_csv(folder / "new.csv")
    new.drop(columns="where").rename(columns={"city": "City"}).to_csv(folder / "bad.csv", index=False)
    with pytest.raises(DataError) as caught:
        predict_rows(folder / "model.keras", folder / "bad.csv")
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        'expected the column "where", received none. Known are "plan", "zip", "sent", "born", "mlp", "sure", '
        '"City", "street", "color (car)", "label", "cast", "id", "note".',
        'expected the column "city", received none. Did you mean "City"?',
    ]
    new.astype({"where": object}).assign(where="far").to_csv(folder / "bad.csv", index=False)
    with pytest.raises(DataError) as caught:
        predict_rows(folder / "model.keras", folder / "bad.csv")
    assert str(caught.value) == 'bad.csv, column "where": expected numbers, received "far".'
    new.astype({"where": object}).assign(where=["?", *new["where"][1:]]).to_csv(folder / "bad.csv", index=False)
    with pytest.raises(DataError) as caught:
        predict_rows(folder / "model.keras", folder / "bad.csv")
    assert str(caught.value) == (
        'bad.csv:2, column "where": expected a number as in 39 other rows, received "?". '
        "Correct the cell, or leave it empty."
    )
    new.to_csv(folder / "bad.csv", index=False, encoding="cp1252")
    with pytest.raises(DataError) as caught:
        predict_rows(folder / "model.keras", folder / "bad.csv")
    message, _, remedy = str(caught.value).partition(", received byte 0x")
    assert message.endswith("expected text in UTF-8")
    assert remedy.endswith(". Save it as the study's own file was.")


def test_index_of_the_rows_goes_on(exported):
    folder, _ = exported
    new = pd.read_csv(folder / "new.csv", dtype=str)
    new.set_index(pd.Index([f"row {number}" for number in range(len(new))])).to_csv(folder / "indexed.csv")
    told = predict_rows(folder / "model.keras", folder / "indexed.csv")
    assert (told.header[:2], told.rows[3][0]) == (["", "plan"], "row 3")
    assert [row[1:] for row in told.rows] == predict_rows(folder / "model.keras", folder / "new.csv").rows


def test_what_is_no_exported_model_is_refused(exported, tmp_path):
    folder, _ = exported
    with pytest.raises(UsageError) as caught:
        predict_rows(tmp_path / "none.keras", folder / "new.csv")
    assert str(caught.value).endswith("expected a model in a .keras file, received No such file or directory.")
    (tmp_path / "text.keras").write_text("text")
    with pytest.raises(UsageError) as caught:
        predict_rows(tmp_path / "text.keras", folder / "new.csv")
    assert str(caught.value).endswith("expected a model in a .keras file, received no .keras file.")
    with zipfile.ZipFile(folder / "model.keras") as whole, zipfile.ZipFile(tmp_path / "other.keras", "w") as other:
        for name in whole.namelist():
            document = whole.read(name)
            other.writestr(name, json.dumps({"version": 99}) if name == "regsearch.json" else document)
    with pytest.raises(UsageError) as caught:
        predict_rows(tmp_path / "other.keras", folder / "new.csv")
    assert str(caught.value).endswith("expected a card of version 1, received 99.")


THRESHOLD = """
[study]
name = "threshold"
n_trials = 1
[data]
{data}
[split]
test = 0
validation = {{ method = "kfold", folds = 3 }}
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 30
learning_rate = 0.03
engine = "graph"
[objective]
metric = "{metric}"
[confirm]
finalists = 0
[space]
patience = {{ choices = [3] }}
"""


def final_run(prepared):
    """How the baseline is trained on all rows."""
    from search.records import Configuration, Purpose

    return [prepared.run(0, 0, 0, Configuration({}), Purpose.REFIT)]


@pytest.mark.parametrize("source", ["csv", "npz"])
def test_threshold_is_where_the_metric_of_validation_rows_is_best(tmp_path, source):
    """Held against scikit-learn's search over the same rows, with a class that is rare."""
    from sklearn.metrics import balanced_accuracy_score

    from search.followup.refit import refit
    from search.records import Configuration
    from search.training import WorkerSession

    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2)).astype(np.float32)
    y = (x[:, 0] + rng.normal(size=150) > 1.6).astype(int)
    assert 10 < y.sum() < 40
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y}).to_csv(tmp_path / "rows.csv", index=False)
    np.savez(tmp_path / "rows.npz", x=x, y=y)
    data = {
        "csv": 'source = "csv"\npath = "rows.csv"\ntarget = "y"',
        "npz": 'source = "npz"\npath = "rows.npz"',
    }[source]
    (tmp_path / "study.toml").write_text(THRESHOLD.format(data=data, metric="balanced_accuracy"))
    prepared = prepare_study(str(tmp_path / "study.toml"))
    refitted = refit(prepared, Configuration({}), final_run(prepared))
    threshold = refitted.card.threshold
    assert 0 < threshold < 0.5, "a rare class is claimed before its probability is one half"
    session = WorkerSession()
    told = [session.predict_validation(prepared.plan, run) for run in prepared.runs(0, Configuration({}))]
    target = np.concatenate([each.target for each in told])
    probability = np.concatenate([each.predicted[:, -1] for each in told])
    tried = np.unique(np.concatenate([probability, [0.0]]))
    best = max(balanced_accuracy_score(target, probability > each) for each in tried)
    assert balanced_accuracy_score(target, probability > threshold) == pytest.approx(best)

    refitted.model.save(tmp_path / "model.keras")
    refitted.card.write(tmp_path / "model.keras")
    pd.DataFrame(x, columns=["a", "b"]).to_csv(tmp_path / "new.csv", index=False)
    predicted = predict_rows(tmp_path / "model.keras", tmp_path / "new.csv")
    frame = pd.DataFrame(predicted.rows, columns=predicted.header)
    claimed = frame["probability_1"].astype(float) > threshold
    assert (frame["prediction"] == np.where(claimed, "1", "0")).all()
    assert (claimed != (frame["probability_1"].astype(float) > 0.5)).any()


def test_metrics_of_probabilities_leave_the_threshold_alone(tmp_path):
    from search.followup.refit import refit
    from search.records import Configuration

    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).normal(size=(40, 2)), y=np.arange(40) % 2)
    data = 'source = "npz"\npath = "rows.npz"'
    (tmp_path / "study.toml").write_text(THRESHOLD.format(data=data, metric="roc_auc"))
    prepared = prepare_study(str(tmp_path / "study.toml"))
    assert refit(prepared, Configuration({}), final_run(prepared)).card.threshold == 0.5


TWO = """
[study]
name = "two"
n_trials = 2
[data]
source = "npz"
path = "rows.npz"
[split]
test = 0
validation = { method = "holdout" }
[model]
builder = "net.py:build"
[training]
epochs = 3
engine = "graph"
[objective]
seeds = 1
[confirm]
finalists = 0
refit_seeds = 2
[space]
l2 = { choices = [1e-3] }
"""
NET = """
import keras

def build(input_shape, n_outputs):
    left, right = (keras.Input(shape, name=name) for name, shape in input_shape.items())
    joined = keras.layers.Concatenate()([left, keras.layers.Flatten()(right)])
    return keras.Model([left, right], keras.layers.Dense(n_outputs, "sigmoid")(keras.layers.Dense(4, "relu")(joined)))
"""


def test_model_of_several_inputs_predicts_arrays_of_their_names(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {"x_left": generator.normal(size=(50, 3)), "x_right": generator.normal(size=(50, 2, 2))}
    labels = np.where(arrays["x_left"][:, 0] > 0, "yes", "no")
    np.savez(tmp_path / "rows.npz", **arrays, y=labels)
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "two.toml").write_text(TWO)
    with open_storage(f"sqlite:///{tmp_path}/two.db", create=True) as storage:
        run_study(prepare_study(str(tmp_path / "two.toml")), storage, Launch(0))
        EXPORTS["keras"].write(storage, "two", tmp_path / "two.keras")
    told = predict_rows(tmp_path / "two.keras", tmp_path / "rows.npz")
    assert told.header == ["prediction", "probability_no", "probability_yes"]
    import keras

    model = keras.models.load_model(tmp_path / "two.keras")
    expected = model.predict({name.removeprefix("x_"): rows for name, rows in arrays.items()}, verbose=0)
    assert [float(row[2]) for row in told.rows] == pytest.approx(expected[:, 0].tolist(), rel=1e-5)
    np.savez(tmp_path / "new.npz", x_left=arrays["x_left"])
    with pytest.raises(DataError, match="expected the arrays x_left, x_right, received x_left"):
        predict_rows(tmp_path / "two.keras", tmp_path / "new.npz")
    np.savez(tmp_path / "new.npz", x_left=arrays["x_right"], x_right=arrays["x_left"])
    with pytest.raises(DataError, match=r"expected rows of shape \(3,\), received \(50, 2, 2\)"):
        predict_rows(tmp_path / "two.keras", tmp_path / "new.npz")
    (tmp_path / "new.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="expected an NPZ file with an array for each input"):
        predict_rows(tmp_path / "two.keras", tmp_path / "new.csv")
