"""The exported model does to rows what training did to them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from search.followup.refit import train_final
from search.models import build_model, weights_by_path
from search.preparation.files import prepare_study
from search.records import Configuration, Curve, Purpose
from search.spec.catalogue import Domain
from search.techniques import TECHNIQUES, DataTechnique
from search.training import WorkerSession
from search.training.engines import Outcome
from search.training.engines.fit import FitEngine

RNG = np.random.default_rng(0)
N_ROWS = 60
TARGET = np.arange(N_ROWS) % 2
STUDY = """
[study]
name = "rows"
n_trials = 1
[data]
{data}
[split]
test = 0
[model]
family = "mlp"
hidden = [6]
[training]
engine = "fit"
[space]
patience = {{ choices = [5] }}
zca = {{ choices = [0.1] }}
"""


def table(folder, colors):
    numbers = RNG.normal([5, 100], [2, 30], (N_ROWS, 2))
    rows = [f"{a:.3f},{b:.3f},{c},{'yes' if y else 'no'}" for (a, b), c, y in zip(numbers, colors, TARGET, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["a,b,color,label", *rows]) + "\n")
    return 'source = "csv"\npath = "rows.csv"\ntarget = "label"'


def mixed(folder):
    """Every kind of column, with missing cells in each."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "per cent/year": rng.normal(100, 3, N_ROWS),
            "day": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(-9000, 9000, N_ROWS), "D"),
            "moment": pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, N_ROWS), "min"),
            "color": rng.choice(["red", "blue", "gr\u00fcn"], N_ROWS),
            "street": [f"street {number}" for number in rng.integers(0, 30, N_ROWS)],
            "city": rng.choice(["Bonn", "K\u00f6ln", "Ulm"], N_ROWS),
            "sure": rng.choice([True, False], N_ROWS),
        }
    )
    for position, name in enumerate(frame):
        frame[name] = frame[name].mask(rng.random(N_ROWS) < 0.1 * (position % 3))
    frame["label"] = np.where(TARGET, "yes", "no")
    frame.to_csv(folder / "rows.csv", index=False)
    return (
        'source = "csv"\npath = "rows.csv"\ntarget = "label"\ndates = ["day", "moment"]\n'
        'min_frequency = 3\ntarget_encode = ["city"]'
    )


def arrays(folder, x):
    np.savez(folder / "rows.npz", x=x, y=TARGET)
    return 'source = "npz"\npath = "rows.npz"'


# Which rows stop depends on the seed, their number and the target alone: "green" is a color of such rows only.
STOPPING_ROWS = [3, 5]
COLORS = np.where(np.arange(N_ROWS) % 3, "red", "blue").astype(object)
COLORS[STOPPING_ROWS] = "green"
SOURCES = {
    "table": lambda folder: table(folder, COLORS),
    "mixed table": mixed,
    "numbers": lambda folder: arrays(folder, RNG.normal(3, 2, (N_ROWS, 5)).astype(np.float32)),
    "bytes": lambda folder: arrays(folder, RNG.integers(0, 256, (N_ROWS, 5)).astype(np.uint8)),
    "images": lambda folder: arrays(folder, RNG.normal(3, 2, (N_ROWS, 3, 4)).astype(np.float32)),
    "images of bytes": lambda folder: arrays(folder, RNG.integers(0, 256, (N_ROWS, 3, 4, 1)).astype(np.uint8)),
}


@dataclass(frozen=True, eq=False)
class Doubling:
    """Twice a row and something that the rows told."""

    shift: float

    def __call__(self, rows):
        return (2 * rows + self.shift).astype(np.float32)

    def layers(self, shape):
        import keras

        return [keras.layers.Rescaling(2.0, self.shift)]


class Before(DataTechnique):
    """Comes before zca in a configuration, whose names are in order, and after it in TECHNIQUES."""

    name = "before"
    off = 0.0
    domain = Domain(kind="float", meaning="", source="", low=0.0, high=1.0, weak="low")

    def fit(self, x_train, value):
        return Doubling(value * float(x_train.max()))


@pytest.fixture
def trained(keras, monkeypatch):
    """What was trained on, job by job, and with which plan and run; no epoch is spent."""
    seen = []

    def train(engine, job, watch):
        weights = {path: weight.numpy() for path, weight in weights_by_path(build_model(job.regularized)).items()}
        seen.append(job.arrays)
        return Outcome(Curve((0.5,), (0.5,), (0.5,)), 0.5, 1, None, weights, 0.0, {}, np.zeros((0, 1)))

    def train_model(session, plan, run):
        seen.append((plan, run))
        return whole(session, plan, run)

    whole = WorkerSession.train_model
    monkeypatch.setattr(WorkerSession, "train_model", train_model)
    monkeypatch.setattr(FitEngine, "train", train)
    return seen


@pytest.fixture(scope="module")
def keras():
    from search.training import start_tensorflow

    start_tensorflow()
    import keras

    return keras


def raw_rows(prepared, rows):
    """Some rows as the source gives them."""
    features = prepared.plan.dataset.take(rows).features
    if isinstance(features, np.ndarray):
        return features * np.float32(255) if prepared.facts.scaled_bytes else features
    return {name: tensor_of(features[name]) for name in features}


def tensor_of(column):
    import tensorflow as tf

    if column.dtype == object:
        return tf.constant(column.fillna("").tolist())
    if column.dtype.kind == "M":
        return tf.constant((column - pd.Timestamp(0)) / pd.Timedelta(days=1))
    return tf.constant(column.to_numpy())


@pytest.mark.parametrize("standardize", ["true", "false"])
@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("source", SOURCES)
def test_exported_model_predicts_from_raw_rows_what_the_trained_one_does_from_prepared_ones(
    trained, monkeypatch, tmp_path, source, stops, standardize
):
    monkeypatch.setitem(TECHNIQUES, "before", Before())
    (tmp_path / "study.toml").write_text(STUDY.format(data=SOURCES[source](tmp_path)))
    prepared = prepare_study(str(tmp_path / "study.toml"), [f"data.standardize={standardize}"])
    assert prepared.facts.scaled_bytes == ("bytes" in source)
    on = {"patience": 5} if stops else {}
    changes = {name: 0.1 for name, known in TECHNIQUES.items() if isinstance(known, DataTechnique)}
    assert list(changes) == ["zca", "before"]
    for chosen in ({}, {"zca": 0.1}, changes):
        model = train_final(prepared, Configuration(on | chosen))
        (plan, run), prepared_rows = trained[-2:]
        fold = plan.fold(run)
        assert (run.purpose, fold.purpose) == (Purpose.REFIT, Purpose.REFIT)
        inner = model.get_layer(model.name.removesuffix("_with_ends")) if "_with_ends" in model.name else model
        for name in ("train", "stop", "validation"):
            rows = getattr(prepared_rows, name).array
            assert len(rows) == len(getattr(fold, name))
            # Statistics of the target are those of other rows, where a row trains.
            if len(rows) and (name, source) != ("train", "mixed table"):
                expected = inner(rows).numpy()
                found = model(raw_rows(prepared, getattr(fold, name)))
                if isinstance(found, dict):
                    labels = np.where(expected[:, 0] > 0.5, b"yes", b"no")
                    np.testing.assert_array_equal(found["label"].numpy(), labels)
                    found = found["probabilities"][:, 1:]
                # Days and numbers that are not scaled are whitened in float32 by Keras, in float64 by NumPy.
                atol = 1e-4 if source == "mixed table" and standardize == "false" else 1e-6
                np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=f"{name} {chosen}")


def test_category_that_only_stop_rows_have_is_masked(trained, tmp_path):
    """The case above says nothing of categories unless its rows are those that stop."""
    (tmp_path / "study.toml").write_text(STUDY.format(data=SOURCES["table"](tmp_path)))
    prepared = prepare_study(str(tmp_path / "study.toml"))
    train_final(prepared, Configuration({"patience": 5}))
    (plan, run), rows = trained[-2:]
    assert set(STOPPING_ROWS) <= set(plan.fold(run).stop)
    names = prepared.facts.inputs
    assert names[3] == "color = green"
    assert not rows.stop.array[:, 3].any()


def test_data_techniques_act_in_one_order_wherever_they_stand_in_a_configuration(trained, monkeypatch, tmp_path):
    monkeypatch.setitem(TECHNIQUES, "before", Before())
    (tmp_path / "study.toml").write_text(STUDY.format(data=SOURCES["numbers"](tmp_path)))
    prepared = prepare_study(str(tmp_path / "study.toml"))
    configuration = Configuration({"before": 0.5, "zca": 0.1})
    assert list(configuration) == ["before", "zca"]
    train_final(prepared, configuration)
    raw = prepared.plan.dataset.features
    whitened = TECHNIQUES["zca"].fit(raw, 0.1)(raw)
    np.testing.assert_allclose(trained[-1].train.array, 2 * whitened + 0.5 * whitened.max(), rtol=1e-5, atol=1e-5)
