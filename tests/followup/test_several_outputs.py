"""What is exported of a model of several outputs predicts all of them, by their names."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from search import Launch, open_storage, prepare_study, run_study, tune
from search.cli import cli
from search.errors import DataError, StudyFileError

STUDY = """
[study]
name = "outputs"
n_trials = 2
[data]
{data}
[split]
validation = {{ method = "holdout", fraction = 0.25 }}
[model]
keras = "net.keras"
[training]
epochs = 60
batch_size = 128
engine = "graph"
[space]
l2 = {{ choices = [0.001] }}
[confirm]
finalists = 0
refit_seeds = {seeds}
"""
ARRAYS = 'source = "npz"\npath = "rows.npz"'
TABLE = 'source = "csv"\npath = "rows.csv"\ntarget = { kind = "kind", size = "size", sign = "sign" }'


@pytest.fixture(scope="module")
def keras():
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    return keras


@pytest.fixture(scope="module")
def rows():
    x = np.random.default_rng(0).normal(size=(160, 4)).astype(np.float32)
    return {"x": x, "kind": x[:, :3].argmax(axis=1), "size": 1000 + 50 * x.sum(axis=1), "sign": (x[:, 3] > 0) * 1}


@pytest.fixture(scope="module")
def folder(keras, rows, tmp_path_factory):
    """A model of three outputs, one of them logits, and its rows as arrays and as a table."""
    path, layers = tmp_path_factory.mktemp("outputs"), keras.layers
    given = keras.Input((4,))
    hidden = layers.Dense(16, "tanh", name="hidden")(given)
    ends = [layers.Dense(1, name="sign")(hidden), layers.Dense(3, "softmax", name="kind")(hidden)]
    model = keras.Model(given, [*ends, layers.Dense(1, name="size")(hidden)])
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    losses = {"sign": logits, "kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile(keras.optimizers.Adam(0.05), losses, loss_weights={"sign": 1.0, "kind": 1.0, "size": 0.5})
    model.save(path / "net.keras")
    size = (rows["size"] - 1000) / 50  # of arrays nothing is scaled beside a classification
    np.savez(path / "rows.npz", x=rows["x"], y_kind=rows["kind"], y_size=size, y_sign=rows["sign"])
    with (path / "rows.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "c", "d", "kind", "size", "sign"])
        names = [f"k{index}" for index in rows["kind"]]
        signs = np.where(rows["sign"], "plus", "minus")
        writer.writerows(zip(*rows["x"].T, names, rows["size"], signs, strict=True))
    return path


@pytest.fixture
def export(folder, tmp_path):
    """A function that runs a study of some data and exports its model; the path."""

    def run(data, seeds):
        study, url, path = folder / f"{tmp_path.name}.toml", f"sqlite:///{tmp_path}/s.db", tmp_path / "model.keras"
        study.write_text(STUDY.format(data=data, seeds=seeds))
        with open_storage(url, create=True) as storage:
            run_study(prepare_study(str(study)), storage, Launch(n_jobs=0))
        done = CliRunner().invoke(cli, ["export", "outputs", "--storage", url, "--format", "keras", "-o", str(path)])
        assert done.exit_code == 0, done.output
        return path

    return run


def predictions_of(path, given, tmp_path):
    out = tmp_path / "predicted.csv"
    done = CliRunner().invoke(cli, ["predict", str(path), str(given), "-o", str(out)])
    assert done.exit_code == 0, done.output
    with out.open() as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("seeds", [1, 2])
def test_model_of_arrays_gives_a_dictionary(keras, rows, folder, export, tmp_path, seeds):
    path = export(ARRAYS, seeds)
    told = keras.models.load_model(path, compile=False).predict(rows["x"], verbose=0)
    assert list(told) == ["kind", "size", "sign"]
    assert (told["kind"].argmax(axis=1) == rows["kind"]).mean() > 0.8
    assert np.corrcoef(told["size"][:, 0], rows["size"])[0, 1] > 0.9
    chance = told["sign"][:, 0] if seeds > 1 else 1 / (1 + np.exp(-told["sign"][:, 0]))  # one gives what it gave
    assert ((chance > 0.5) == rows["sign"]).mean() > 0.8
    said = predictions_of(path, folder / "rows.npz", tmp_path)
    assert list(said[0])[-4:] == ["size", "sign", "sign_probability_0", "sign_probability_1"]
    np.testing.assert_allclose([float(row["sign_probability_1"]) for row in said], chance, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose([float(row["size"]) for row in said], told["size"][:, 0], rtol=1e-4)


@pytest.mark.parametrize("seeds", [1, 2])
def test_model_of_a_table_gives_classes_and_numbers_in_their_own_unit(rows, folder, export, tmp_path, seeds):
    said = predictions_of(export(TABLE, seeds), folder / "rows.csv", tmp_path)
    assert np.mean([row["prediction"] == row["kind"] for row in said]) > 0.8
    assert np.mean([row["sign_"] == row["sign"] for row in said]) > 0.8
    assert np.mean(np.abs([float(row["size_"]) - float(row["size"]) for row in said])) < 40


def test_tune_gives_a_model_of_all_outputs(keras, rows, folder):
    model = keras.models.load_model(folder / "net.keras", compile=False)
    y = {name: rows[name] for name in ("sign", "kind")} | {"size": (rows["size"] - 1000) / 50}
    settings = [
        "confirm.finalists=0",
        'objective.output="kind"',
        "training.learning_rate=0.05",
        'training.engine="graph"',
    ]
    settings.append('training.loss="sparse_categorical_crossentropy"')
    listed = [y[name] for name in model.output_names]
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("adam", {"sign": logits, "kind": "sparse_categorical_crossentropy", "size": "mse"})
    for targets in (y, listed):
        found = tune(model, rows["x"], targets, n_trials=2, epochs=30, settings=settings, verbose=False)
        told = found.model.predict(rows["x"], verbose=0)
        assert set(told) == {"kind", "sign", "size"}
        assert (told["kind"].argmax(axis=1) == rows["kind"]).mean() > 0.7


SUM = "objective.outputs={kind=1.0, size=0.1}"


def test_sum_over_outputs_is_confirmed_and_looked_at(folder, tmp_path):
    study = folder / "sum.toml"
    study.write_text(STUDY.format(data=ARRAYS, seeds=1))
    overrides = [SUM, "split.test=0.25", "confirm.finalists=2", "confirm.repeats=5", "study.sampler=grid"]
    prepared = prepare_study(str(study), overrides)
    assert (prepared.metric, prepared.direction) == ("weighted_sum", "minimize")
    note = 'The score is 1 times the log_loss of kind + 0.1 times the mse of size; "kind" stops runs'
    assert any(each.startswith(note) for each in prepared.notes)
    url = f"sqlite:///{tmp_path}/s.db"
    with open_storage(url, create=True) as storage:
        record = run_study(prepared, storage, Launch(n_jobs=0))
        trials = storage.trials(record.study_id)
        (look,) = storage.looks(record.study_id)
    assert all(trial.score < prepared.facts.constant_scores[0] for trial in trials)
    assert look.result["metric"] == "weighted_sum"
    assert 0 < look.result["baseline"]["score"] < prepared.facts.constant_scores[0]
    again = CliRunner().invoke(cli, ["best", "outputs", "--storage", url])
    assert "weighted_sum" in again.output


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["objective.outputs={kinds=1.0}"], 'expected output to be one of "kind", "size", "sign", received "kinds"'),
        (["objective.outputs={size=1.0}", 'objective.output="kind"'], "expected the output that the study is about"),
        ([SUM, "objective.metric=accuracy"], 'expected no metric beside outputs, received "accuracy"'),
        ([SUM, "study.pruner=median"], 'expected pruner = "none" or "wilcoxon" beside outputs'),
        (["training.loss_weights={kinds=1.0}"], 'expected loss_weights of "sign", "kind", "size", received "kinds"'),
    ],
)
def test_sums_and_weights_of_what_is_not_there_are_refused(folder, overrides, expected):
    study = folder / "refused.toml"
    study.write_text(STUDY.format(data=ARRAYS, seeds=1))
    with pytest.raises((StudyFileError, DataError)) as caught:
        prepare_study(str(study), overrides)
    assert expected in str(caught.value)
