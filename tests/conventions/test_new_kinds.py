"""What stands in none of our files, added to its one map from outside, runs through a study: a new kind of anything is
one file and one line. Sources and splitters have such tests in `tests/data/test_additions.py`.
"""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from click.testing import CliRunner

from search import Configuration, Launch, open_storage, prepare_study, run_study
from search.cli import cli
from search.errors import StudyFileError
from search.models import FAMILIES, Architecture, Family
from search.records import TrialState
from search.reporting.exports import EXPORTS, TextExport
from search.spec import Domain
from search.techniques import (
    TECHNIQUES,
    BatchTechnique,
    DataTechnique,
    LayerTechnique,
    LoopTechnique,
    Part,
    Scaling,
    StagesTechnique,
)
from search.training import METRICS, Metric

STUDY = """
[study]
name = "added"
n_trials = 2
sampler = "grid"
[data]
source = "sklearn.make_moons"
options = { n_samples = 60, noise = 0.2, random_state = 1 }
[model]
family = "mlp"
hidden = [3]
[training]
epochs = 4
engine = "graph"
[space]
"""
L2 = "l2 = { choices = [0.01] }\n"
ENGINES = ["graph", "fit"]


@pytest.fixture
def run(tmp_path):
    """A function that runs a study over a space; its record, trials and runs, and the storage's URL."""

    def run_space(space, *overrides):
        path = tmp_path / "added.toml"
        path.write_text(STUDY + space)
        url = f"sqlite:///{tmp_path}/added.db"
        with open_storage(url, create=True) as storage:
            record = run_study(prepare_study(str(path), overrides), storage, Launch(n_jobs=0))
            trials, runs = storage.trials(record.study_id), storage.runs(record.study_id)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2, trials
        return record, trials, runs, url

    return run_space


def domain(**changes):
    return Domain(
        **{"kind": "float", "low": 0.0, "low_open": True, "high": 10.0, "meaning": "a number", "source": "-"} | changes
    )


class Doubtful(Metric):
    """The mean probability of the class that is not the true one."""

    name = "doubt"
    direction = "minimize"
    tasks = frozenset({"binary"})

    def score(self, target, predicted):
        return float(np.abs(target - predicted[:, 0]).mean())

    def traced(self, target, predicted, counts):
        import tensorflow as tf

        truth = tf.cast(tf.reshape(target, (-1, 1)), tf.float32)
        return tf.reduce_sum(tf.abs(truth - predicted)[:, 0] * counts) / tf.reduce_sum(counts)

    def constant(self, target, n_classes):
        return np.round(target.mean(keepdims=True))


def test_added_metric_scores_a_study(run, monkeypatch):
    with pytest.raises(StudyFileError, match='received "doubt"'):
        run(L2, "objective.metric=doubt")
    monkeypatch.setitem(METRICS, "doubt", Doubtful())
    record, trials, runs, _ = run(L2, "objective.metric=doubt")
    assert record.metric == "doubt"
    assert all(0 < trial.score < 1 for trial in trials)
    assert record.facts.constant_scores == (pytest.approx(0.5, abs=0.2),)
    assert {one.trial for one in runs} == {0, 1}


class Shout(TextExport):
    """The chosen configuration, loud."""

    name = "shout"
    help = "for those who hear badly"

    def render(self, chosen):
        return f"{chosen.study.name} {dict(chosen.best.configuration)}".upper() + "\n"


def test_added_export_is_offered_and_written(run, monkeypatch):
    _, _, _, url = run(L2)
    assert CliRunner().invoke(cli, ["export", "added", "--storage", url, "--format", "shout"]).exit_code == 2
    monkeypatch.setitem(EXPORTS, "shout", Shout())
    done = CliRunner().invoke(cli, ["export", "added", "--storage", url, "--format", "shout"])
    assert (done.exit_code, done.stdout) in [(0, "ADDED {}\n"), (0, "ADDED {'L2': 0.01}\n")]
    assert "for those who hear badly" in CliRunner().invoke(cli, ["export", "--help"]).output


class AtMost(LoopTechnique):
    """Ends a run after so many epochs without improvement, whatever patience is."""

    name = "at_most"
    off = 0.0
    watches_stop_rows = True
    domain = domain(kind="int", low=1, low_open=False, high=100)

    def apply(self, stopping, value):
        return replace(stopping, patience=int(value), minimum_delta=100.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_added_technique_of_the_loop_ends_runs(run, monkeypatch, engine):
    monkeypatch.setitem(TECHNIQUES, "at_most", AtMost())
    _, trials, runs, _ = run("at_most = { choices = [2] }\n", f"training.engine={engine}")
    assert [trial.configuration for trial in trials] == [Configuration(), Configuration({"at_most": 2})]
    # No epoch improves by 100 upon the first one, which improves upon nothing.
    assert [one.epochs_trained for one in runs] == [4, 3]


class Narrow(LayerTechnique):
    """Puts a layer that scales behind each hidden one."""

    name = "narrow"
    off = 1.0
    on_output = False
    domain = domain(weak="high")

    def stand_ins(self):
        import keras

        class Scaled(keras.layers.Layer):
            def __init__(self, scale, **options):
                super().__init__(**options)
                self.scale = scale

            def call(self, inputs):
                return inputs * self.scale

        return {"layers.Rescaling": Scaled}

    def apply(self, layer, value):
        return layer, Part("layers.Rescaling", {"scale": value, "name": f"narrow_{layer.name}"})


class Inverted(BatchTechnique):
    """Trains on inputs with the opposite sign."""

    name = "inverted"
    off = 0.0
    domain = domain(high=1.0)

    def apply(self, batch, value, key):
        return replace(batch, x={name: rows * (1 - 2 * value) for name, rows in batch.x.items()})


class Stretched(DataTechnique):
    """Multiplies all rows."""

    name = "stretched"
    off = 1.0
    domain = domain()

    def fit(self, x_train, value):
        shape = x_train.shape[1:]
        return Scaling(np.zeros(shape), np.full(shape, 1 / value))


class Twice(StagesTechnique):
    """Trains a run twice, on from where it ended."""

    name = "twice"
    off = 0.0
    domain = domain()

    def stages(self, configuration, value, penalties):
        return [dict(configuration), dict(configuration)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("technique", "value"),
    [(Narrow(), 0.5), (Inverted(), 1.0), (Stretched(), 4.0), (Twice(), 1.0)],
    ids=lambda one: getattr(one, "name", one),
)
def test_added_technique_changes_its_trial_and_no_other(run, monkeypatch, technique, value, engine):
    monkeypatch.setitem(TECHNIQUES, technique.name, technique)
    _, trials, runs, _ = run(f"{technique.name} = {{ choices = [{value}] }}\n", f"training.engine={engine}")
    assert [dict(trial.configuration) for trial in trials] == [{}, {technique.name: value}]
    assert trials[0].score != trials[1].score
    assert [one.epochs_trained for one in runs] == [4, 8 if technique.name == "twice" else 4]


class Linear(Family):
    """No hidden layer."""

    name = "linear"
    keys = frozenset()
    defaults = MappingProxyType({})

    def describe(self, section, input_shape, n_outputs, task, place):
        output = Part("layers.Dense", {"units": 1, "activation": "sigmoid", "name": "output"})
        return Architecture("linear", {"x": input_shape}, (output,), "binary_crossentropy")


def test_added_family_is_trained(run, monkeypatch, tmp_path):
    monkeypatch.setitem(FAMILIES, "linear", Linear())
    _, _, runs, _ = run(L2, "model={family='linear'}")
    assert [list(one.weight_norms) for one in runs] == [["output"], ["output"]]
