"""What stands in none of our files, added to its one map from outside, runs through a study: a new kind of anything is
one file and one line. Sources and splitters have such tests in `tests/data/test_additions.py`.
"""

import ast
import functools
import math
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from click.testing import CliRunner

from search import Configuration, Launch, open_storage, prepare_study, run_study
from search.cli import cli
from search.errors import StudyFileError
from search.models import FAMILIES, Architecture, Family
from search.preparation.catalogue import default_catalogue
from search.records import TrialState
from search.reporting.exports import EXPORTS, FileExport, TextExport, gather_chosen
from search.spec import Domain
from search.techniques import (
    TECHNIQUES,
    AveragingTechnique,
    BatchTechnique,
    DataTechnique,
    HeadTechnique,
    LayerTechnique,
    LoopTechnique,
    Part,
    Scaling,
    StagesTechnique,
)
from search.techniques.traced import general_paths, traced_classes
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
[confirm]
finalists = 0
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
        assert {trial.state for trial in trials} == {TrialState.COMPLETE}, trials
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

    def score(self, target, predicted, weight=None):
        return float(np.average(np.abs(target - predicted[:, 0]), weights=weight))

    def traced(self, target, predicted, counts, *, weighted=True):
        import tensorflow as tf

        truth = tf.cast(tf.reshape(target, (-1, 1)), tf.float32)
        return tf.reduce_sum(tf.abs(truth - predicted)[:, 0] * counts) / tf.reduce_sum(counts)

    def constant(self, target, n_classes, weight=None):
        return np.round(np.average(target, weights=weight, keepdims=True))


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
    assert "for those who hear badly" in " ".join(CliRunner().invoke(cli, ["export", "--help"]).output.split())


class Parcel(FileExport):
    """The name of the metric in a file that is no text."""

    name = "parcel"
    suffix = ".parcel"

    def write_file(self, storage, study, path):
        path.write_bytes(storage.study(study).metric.encode())


def test_added_export_that_takes_a_file_is_written_to_one_alone(run, monkeypatch, tmp_path):
    _, _, _, url = run(L2)
    monkeypatch.setitem(EXPORTS, "parcel", Parcel())

    def export(*arguments):
        done = CliRunner().invoke(cli, ["export", "added", "--storage", url, *arguments])
        return done.exit_code, done.output.splitlines()[-1]

    file = tmp_path / "a.parcel"
    assert export("--format", "parcel", "-o", str(file)) == (0, f"Wrote {file}")
    assert file.read_bytes() == b"log_loss"
    assert export("--format", "parcel") == (2, "Error: expected -o FILE.parcel with --format parcel, received none.")
    assert export("--format", "parcle") == (
        2,
        "Error: Invalid value for '--format': 'parcle' is not one of 'toml', 'json', 'yaml', 'python', 'keras', "
        "'parcel'.",
    )


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


def test_early_stopping_that_keras_has_not_is_left_out_of_the_python_file(run, monkeypatch):
    monkeypatch.setitem(TECHNIQUES, "at_most", AtMost())
    space = "at_most = { choices = [2] }\nminimum_delta = { choices = [0.5] }\n"
    _, trials, _, url = run(space, "study.n_trials=4")
    (both,) = (trial for trial in trials if len(trial.configuration) == 2)
    with open_storage(url) as storage:
        source = EXPORTS["python"].render(replace(gather_chosen(storage, "added"), best=both))
    ast.parse(source)
    assert "EarlyStopping" not in source
    assert "training needs code of its own for it: at_most = 2, minimum_delta = 0.5." in source


def test_added_technique_that_watches_stop_rows_serves_what_requires_one_and_is_told_of(run, monkeypatch, tmp_path):
    monkeypatch.setitem(TECHNIQUES, "at_most", AtMost())
    run("at_most = { choices = [2] }\nminimum_delta = { choices = [0.5] }\n")
    assert default_catalogue().requires["minimum_delta"] == ("patience", "at_most")
    prepared = prepare_study(str(tmp_path / "added.toml"), ["split.stop=validation"])
    (note,) = (note for note in prepared.notes if note.startswith("Early stopping watches the very rows that score"))
    assert "configurations with at_most are too good" in note


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


@functools.cache
def heard_offset():
    """A stand-in for a layer of Keras that nothing else stands in for, and the names of those that were called."""
    import keras

    names = []

    class Offset(keras.layers.Rescaling):
        def call(self, inputs):
            names.append(self.name)
            return inputs + self.offset

    return Offset, names


class Moved(LayerTechnique):
    """Adds to what hidden layers give out."""

    name = "moved"
    off = 0.0
    on_output = False
    domain = domain()

    def stand_ins(self):
        return {"layers.Rescaling": heard_offset()[0]}

    def apply(self, layer, value):
        part = Part("layers.Rescaling", {"scale": 1.0, "offset": value, "name": f"moved_{layer.name}"})
        return layer, part


@pytest.mark.parametrize("engine", ENGINES)
def test_stand_ins_of_a_technique_that_is_added_late_are_used(run, monkeypatch, engine):
    traced_classes(), general_paths(), default_catalogue()  # if these were kept, they would hide what comes after them
    monkeypatch.setitem(TECHNIQUES, "moved", Moved())
    heard_offset()[1].clear()
    _, trials, _, _ = run('"dense_1.moved" = { choices = [3.0] }\n', f"training.engine={engine}", "model.hidden=[3,2]")
    assert [dict(trial.configuration) for trial in trials] == [{}, {"dense_1.moved": 3.0}]
    assert set(heard_offset()[1]) == {"moved_dense_1"}


class Rest(AveragingTechnique):
    """An average of nothing."""

    name = "rest"
    off = 0.0
    domain = domain(kind="float", low=1.0, low_open=False)

    def average(self, average, weight, value, is_first):
        import tensorflow as tf

        return tf.where(tf.equal(value, self.off), weight, tf.zeros_like(weight))


@pytest.mark.parametrize("engine", ENGINES)
def test_added_averages_are_what_is_judged_and_kept(run, monkeypatch, engine):
    monkeypatch.setitem(TECHNIQUES, "rest", Rest())
    _, trials, runs, _ = run("rest = { choices = [1.0] }\n", f"training.engine={engine}")
    assert [dict(trial.configuration) for trial in trials] == [{}, {"rest": 1.0}]
    assert trials[1].score == pytest.approx(math.log(2))
    assert [set(one.weight_norms.values()) == {0.0} for one in runs] == [False, True]


class Mirror(HeadTechnique):
    """Trains the head of the second task, and all but nothing else."""

    name = "mirror"
    off = 0.0
    domain = domain(low=1.0, low_open=False, high=1e6)

    def weigh(self, loss, value):
        import tensorflow as tf

        return tf.where(tf.equal(value, self.off), 0.0, value * loss)


def test_added_technique_of_the_head_trains_it(run, monkeypatch):
    monkeypatch.setitem(TECHNIQUES, "mirror", Mirror())
    space = "mirror = { choices = [1e6] }\n"
    _, trials, _, _ = run(space, "model={family='multitask'}")
    assert [dict(trial.configuration) for trial in trials] == [{}, {"mirror": 1e6}]
    assert trials[1].score != pytest.approx(trials[0].score, rel=1e-3)
    with pytest.raises(StudyFileError) as caught:
        run(space)
    assert "expected a model with an auxiliary head for mirror, received mlp, which has none" in str(caught.value)


def test_added_technique_of_stages_is_not_pruned(run, monkeypatch):
    monkeypatch.setitem(TECHNIQUES, "twice", Twice())
    with pytest.raises(StudyFileError) as caught:
        run("twice = { choices = [1.0] }\n", "study.pruner=median")
    assert 'expected pruner = "none" with twice in [space], received "median"' in str(caught.value)


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


class Fork(Linear):
    """One hidden layer, whose size has to be given."""

    name = "fork"
    keys = required = frozenset({"units"})

    def describe(self, section, input_shape, n_outputs, task, place):
        linear = super().describe(section, input_shape, n_outputs, task, place)
        hidden = Part("layers.Dense", {"units": section.units[0], "activation": "tanh", "name": "hidden"})
        return replace(linear, name="fork", layers=(hidden, *linear.layers))


def test_keys_that_an_added_family_requires_are_required(run, monkeypatch, tmp_path):
    monkeypatch.setitem(FAMILIES, "fork", Fork())
    _, _, runs, _ = run(L2, "model={family='fork', units=[2]}")
    assert [list(one.weight_norms) for one in runs] == [["hidden", "output"]] * 2
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(tmp_path / "added.toml"), ["model={family='fork'}"])
    assert str(caught.value) == (
        "--set model={family='fork'}: expected a list of whole numbers of at least 1, received nothing."
    )
