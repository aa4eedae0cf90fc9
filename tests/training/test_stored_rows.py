"""Runs on features that stay in a file are those on features in memory, whatever acts on their rows."""

from dataclasses import replace

import numpy as np
import pytest

from search import Configuration, Launch, open_storage, prepare_study, run_study, tune
from search.data import RowsFile, is_stored
from search.data.stored_rows import RowsWriter, as_features
from search.errors import StudyFileError
from search.followup import tune_arguments
from search.followup.refit import refit_study
from search.training.engines import keep_going

SPACE = ("l2", "dropout", "mixup", "patience", "input_noise", "weight_noise")
CONFIGURATIONS = {
    "off": {},
    "stopped": {"l2": 0.01, "patience": 2},
    "noise": {"dropout": 0.3, "input_noise": 0.2, "weight_noise": 0.05, "mixup": 0.3},
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REGSEARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def plans(keras, make_plan):
    """A plan with its rows in memory, and the same with them in a file."""
    plan = make_plan("multiclass", shape=(5, 2), space=SPACE, epochs=6)
    room = RowsFile()
    writer = RowsWriter(room.path)
    writer.write(plan.dataset.features)
    rows = as_features(room.stored(writer.close()))
    return plan, replace(plan, dataset=replace(plan.dataset, features=rows))


@pytest.mark.parametrize("settings", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_run_is_the_same_to_the_last_bit(plans, make_run, train_stages, settings):
    run = replace(make_run(), configuration=Configuration(settings))
    held, stored = (train_stages(plan, run, "fit", keep_going) for plan in plans)
    assert held.curve == stored.curve
    assert held.score == stored.score
    assert all((values == stored.weights[path]).all() for path, values in held.weights.items())
    np.testing.assert_array_equal(held.predicted, stored.predicted)


def test_what_follows_a_search_is_the_same(plans, make_run, session):
    held, stored = (replace(plan, spec=_with_fit(plan.spec)) for plan in plans)
    for made in (session.predict_validation, lambda plan, run: session.predict(plan, [run], plan.dataset.take([3, 1]))):
        one, other = made(held, make_run()), made(stored, make_run())
        np.testing.assert_allclose(getattr(one, "predicted", one), getattr(other, "predicted", other), rtol=1e-6)


def _with_fit(spec):
    return spec.model_copy(update={"training": spec.training.model_copy(update={"engine": "fit"})})


PIPE = """
import numpy as np

def rows(n=300):
    import tensorflow as tf

    def batches():
        rng = np.random.default_rng(0)
        for first in range(0, n, 60):
            y = rng.integers(0, 2, 60)
            x = rng.normal(size=(60, 6)).astype("float32")
            x[:, 0] += 2 * y
            yield x, y

    kinds = tf.TensorSpec((None, 6), tf.float32), tf.TensorSpec((None,), tf.int64)
    return tf.data.Dataset.from_generator(batches, output_signature=kinds)
"""
STUDY = """
[study]
name = "pipe"
n_trials = 2
[data]
source = "pipe.py:rows"
memory_gib = 1e-6
[split]
test = 0.2
[model]
family = "mlp"
hidden = [6]
[training]
epochs = 8
[space]
l2 = { choices = [0.01] }
[confirm]
finalists = 1
repeats = 5
"""


def test_study_of_a_stream_is_searched_and_exported(tmp_path):
    (tmp_path / "pipe.py").write_text(PIPE)
    (tmp_path / "s.toml").write_text(STUDY)
    scores = []
    for name, overrides in {"file": [], "memory": ["data.memory_gib=1", "training.engine=fit"]}.items():
        prepared = prepare_study(str(tmp_path / "s.toml"), overrides)
        assert is_stored(prepared.plan.dataset.features) == (name == "file")
        assert prepared.spec.training.engine == "fit"
        with open_storage(f"sqlite:///{tmp_path}/{name}.db", create=True) as storage:
            record = run_study(prepared, storage, Launch(n_jobs=1 if name == "file" else 0))
            trials = storage.trials(record.study_id)
            model = refit_study(storage, "pipe").model
        predicted = np.asarray(model(np.eye(6, dtype=np.float32)))[:, 0]
        scores.append([*(trial.score for trial in trials), *predicted])
    np.testing.assert_allclose(*scores, rtol=1e-5)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.engine=compiled", 'expected engine = "fit" for features that do not fit into memory'),
        ("space.zca={low=0.1, high=1.0}", "expected features in memory for zca"),
    ],
)
def test_what_needs_all_rows_in_memory_is_refused(tmp_path, override, expected):
    (tmp_path / "pipe.py").write_text(PIPE)
    (tmp_path / "s.toml").write_text(STUDY)
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(tmp_path / "s.toml"), [override])
    assert expected in str(caught.value)


def test_tune_takes_a_stream_that_does_not_fit(keras, tmp_path, monkeypatch):
    import tensorflow as tf

    def few(asked_gib):
        return 100 if asked_gib is None else int(asked_gib * 2**30)

    monkeypatch.setattr(tune_arguments, "most_bytes_in_memory", few)
    monkeypatch.setattr("search.data.sources.npz_file.most_bytes_in_memory", few)
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    x = rng.normal(size=(80, 4)).astype(np.float32)
    x[:, 0] += 2 * y
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(1, "sigmoid")])
    options = {"n_trials": 2, "epochs": 4, "settings": ["confirm.finalists=0"], "verbose": False}
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    found = tune(model, stream, None, **options)
    held = tune(
        model, x, y, **options | {"settings": ["confirm.finalists=0", "training.engine=fit", "data.memory_gib=1"]}
    )
    assert [trial.score for trial in found.trials] == pytest.approx([trial.score for trial in held.trials], rel=1e-5)
