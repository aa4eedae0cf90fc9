"""A study file and its data are checked against each other before anything runs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.data import read_data
from search.errors import DataError, StudyFileError
from search.preparation.files import prepare_study
from search.preparation.preparing import prepare_data, prepare_spec
from search.preparation.shipped import find_study_file, shipped_studies
from search.preparation.study import run_seed
from search.records import Configuration

CHECKOUT = Path(__file__).parents[2]

TABLE = """
[study]
name = "s"
n_trials = 2
[data]
source = "npz"
path = "d.npz"
[model]
family = "mlp"
hidden = [4]
[space]
l2 = { choices = [0.1] }
"""


@pytest.fixture
def study_of(tmp_path):
    """`study_of(x, y)`: the path of a study of these rows, named s.toml."""

    def study_of(x, y):
        np.savez(tmp_path / "d.npz", x=x, y=y)
        (tmp_path / "s.toml").write_text(TABLE)
        return str(tmp_path / "s.toml")

    return study_of


@pytest.mark.parametrize("name", ["moons", "digits", "breast_cancer"])
def test_shipped_study_is_ready_to_run(name):
    prepared = prepare_study(name)
    assert prepared.spec.study.name == name
    assert prepared.n_trials > 1
    assert prepared.space.configuration(prepared.space.baseline()) == Configuration()


@pytest.mark.parametrize("path", sorted(shipped_studies().values()), ids=lambda path: path.stem)
def test_shipped_study_opens_with_its_question_source_and_cost(path):
    opening = path.read_text(encoding="utf-8").partition("[study]")[0]
    assert opening.startswith("# Question: ")
    assert "\n# Source: " in opening
    assert "\n# Cost: " in opening
    assert "PLACEHOLDER" not in opening


def test_shipped_studies_are_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(shipped_studies()) == {path.stem for path in (CHECKOUT / "studies").glob("*.toml")}
    assert find_study_file("moons").is_file()


def test_file_in_the_current_folder_wins_over_a_shipped_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "moons.toml").write_text("")
    assert find_study_file("moons.toml") == Path("moons.toml")


def test_moons_grid_is_the_published_one():
    prepared = prepare_study("moons_grid")
    settings = [prepared.space.configuration(point).get("l2") for point in prepared.space.points("grid")]
    assert settings == [None, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
    (fold,) = prepared.plan.folds
    np.testing.assert_array_equal(np.union1d(fold.train, fold.stop), np.arange(30))
    np.testing.assert_array_equal(fold.validation, np.arange(30, 100))


def test_workers_never_receive_sealed_rows():
    sealed = prepare_study("moons")
    whole = prepare_study("moons", ["split.test=0"])
    kept = {row.tobytes() for row in sealed.plan.dataset.features}
    everything = [row.tobytes() for row in whole.plan.dataset.features]
    assert len(everything) == 100
    assert sealed.facts.rows.test == 30
    assert len(kept) == len(sealed.plan.dataset) == 70
    assert len(set(everything) - kept) == 30
    rows = np.concatenate([np.concatenate([f.train, f.stop, f.validation]) for f in sealed.plan.folds])
    assert rows.max() < 70


def test_seeds_depend_on_study_fold_and_repeat_alone():
    seeds = {(s, f, r): run_seed(s, f, r) for s in range(3) for f in range(3) for r in range(3)}
    assert len(set(seeds.values())) == 27
    assert all(0 <= seed < 2**31 for seed in seeds.values())
    prepared = prepare_study("moons", ["objective.seeds=2"])
    one, other = (prepared.runs(n, Configuration(c)) for n, c in ((0, {}), (9, {"l2": 0.1})))
    assert [run.seed for run in one] == [run.seed for run in other]


def test_defaults_that_depend_on_the_data_are_filled_in(tmp_path):
    rows = "\n".join(f"{i},{i * 0.37 % 5:.3f}" for i in range(60))
    (tmp_path / "r.csv").write_text(f"a,y\n{rows}\n")
    study = tmp_path / "r.toml"
    study.write_text(
        '[study]\nname = "r"\nn_trials = 2\n[data]\nsource = "csv"\npath = "r.csv"\ntarget = "y"\n'
        '[model]\nfamily = "mlp"\nhidden = [4]\n[space]\nl2 = { choices = [0.1] }\n'
    )
    spec = prepare_study(str(study)).spec
    assert (spec.data.task, spec.data.standardize, spec.objective.metric) == ("regression", True, "mse")
    with pytest.raises(StudyFileError) as caught:
        prepare_study(str(study), ["objective.metric=accuracy"])
    assert str(caught.value) == (
        "--set objective.metric=accuracy: expected a metric for regression (the target is a number), "
        'received "accuracy". '
        "Choose one of mse, rmse, mae, r2; or set data.task when the target was taken for the wrong kind."
    )


def test_what_happens_to_rows_is_kept_for_exports(tmp_path):
    (tmp_path / "c.csv").write_text(
        "size,colour,y\n" + "\n".join(f"{i % 7},{('red', 'blue')[i % 2]},{'ab'[i % 3 > 0]}" for i in range(60)) + "\n"
    )
    study = tmp_path / "c.toml"
    study.write_text(
        '[study]\nname = "c"\nn_trials = 2\n[data]\nsource = "csv"\npath = "c.csv"\ntarget = "y"\n'
        '[model]\nfamily = "mlp"\nhidden = [4]\n[space]\nl2 = { choices = [0.1] }\n'
    )
    prepared = prepare_study(str(study))
    assert prepared.facts.inputs == ("size", "colour = blue", "colour = red")
    assert prepared.facts.input_shape == (3,)
    assert prepared.spec.model.activation == "relu"
    np.savez(tmp_path / "d.npz", x=np.arange(120, dtype=np.uint8).reshape(60, 2), y=np.arange(60) % 2)
    study.write_text(study.read_text().replace('"csv"', '"npz"').replace("c.csv", "d.npz").replace('target = "y"', ""))
    assert prepare_study(str(study)).facts.scaled_bytes
    np.savez(tmp_path / "d.npz", x=np.arange(120, dtype=np.uint8).reshape(60, 2) % 2, y=np.arange(60) % 2)
    assert not prepare_study(str(study)).facts.scaled_bytes


def test_note_that_speaks_of_bytes_makes_none_of_a_table(tmp_path):
    name = "columns (uint8) and were scaled"
    rows = "\n".join(f"{i},7,{i % 2}" for i in range(60))
    (tmp_path / "t.csv").write_text(f"a,{name},y\n{rows}\n")
    study = tmp_path / "s.toml"
    study.write_text(TABLE.replace('"npz"', '"csv"').replace('"d.npz"', '"t.csv"\ntarget = "y"'))
    prepared = prepare_study(str(study))
    assert f'1 of 2 features never change: "{name}".' in prepared.notes
    assert not prepared.facts.scaled_bytes


def test_facts_count_the_rows_of_every_fold_as_a_run_without_early_stopping_uses_them():
    prepared = prepare_study("moons", ['split.validation={method="kfold", folds=4}'])
    folds = prepared.plan.folds
    assert prepared.facts.training_rows == tuple(len(fold.train) + len(fold.stop) for fold in folds)
    assert prepared.facts.validation_rows == (18, 18, 17, 17)
    assert prepared.facts.rows.train < prepared.facts.training_rows[0] == 70 - 18
    biased = prepare_study("moons", ["split.stop=validation"])
    assert biased.facts.training_rows == tuple(len(fold.train) for fold in biased.plan.folds)


def test_short_tpe_study_is_told_that_it_is_a_random_search():
    told = (
        "TPE proposes at random until 10 trials have been told, here up to trial 12: a study of 13 trials is a random "
        "search. Raise n_trials, or lower study.window or study.n_startup_trials."
    )
    assert told in prepare_study("moons", ["study.n_trials=13"]).notes
    assert not any("is a random search" in note for note in prepare_study("moons").notes)


def test_pattern_that_matches_no_layer_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(StudyFileError) as caught:
        prepare_study("moons", ['space."dense_2.l2"={choices=[0.1]}'])
    assert str(caught.value).startswith(
        '--set space."dense_2.l2"={choices=[0.1]}: expected a pattern that matches one of dense_1, output, '
        'received "dense_2".'
    )
    assert 'Did you mean "dense_1.l2"?' in str(caught.value)


def test_biased_stop_rows_are_said_to_be_biased():
    biased = prepare_study("moons", ["split.stop=validation"])
    assert any("watches the very rows that score" in note for note in biased.notes)
    assert not any("watches the very rows" in note for note in prepare_study("moons").notes)


def test_coordinator_never_imports_tensorflow(tmp_path):
    code = (
        "import sys\n"
        "from search.cli import cli\n"
        "if __name__ == '__main__':\n"
        "    cli.main(['run', 'moons', '--n-trials', '1', '--n-jobs', '1', '-q', '--set', 'training.epochs=1',\n"
        "              '--set', 'training.engine=graph'],\n"
        "             standalone_mode=False)\n"
        "    cli.main(['export', 'moons', '--format', 'python', '-o', 'model.py'], standalone_mode=False)\n"
        "    print(sorted({'keras', 'tensorflow', 'torch'} & set(sys.modules)))\n"
    )
    (tmp_path / "coordinate.py").write_text(code)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "coordinate.py"],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "1 of 1 trials ended" in done.stdout
    assert done.stdout.endswith("[]\n")


def test_weight_decay_beside_an_l2_penalty_is_explained():
    said = (
        "weight_decay and l2 both shrink weights, but not alike: l2 is part of the loss, whose gradients an adaptive "
        "optimizer rescales; weight_decay takes its share off the weights themselves. With both on, neither "
        "coefficient tells its own effect."
    )
    assert said in prepare_study("moons", ["space.weight_decay={choices=[0.01]}"]).notes
    assert said not in prepare_study("moons").notes


def test_wilcoxon_pruner_with_too_few_runs_is_told():
    said = (
        "The Wilcoxon test can tell nothing from fewer than four runs: a study of 3 runs a trial prunes none. Raise "
        'objective.seeds or the folds, or choose pruner = "median".'
    )
    assert said in prepare_study("moons", ["study.pruner=wilcoxon", "objective.seeds=1"]).notes
    assert said not in prepare_study("moons", ["study.pruner=wilcoxon", "objective.seeds=4"]).notes
    assert said not in prepare_study("moons", ["objective.seeds=1"]).notes


def test_longer_training_along_a_path_is_said():
    assert (
        "A run along a path trains up to 4000 epochs at each of its stages: part of what it gains over the baseline "
        "may be longer training. `regsearch compare` with a study of more epochs tells."
    ) in prepare_study("moons_path").notes
    assert not any("path" in note for note in prepare_study("moons_grid").notes)


def test_paths_are_not_pruned():
    with pytest.raises(StudyFileError) as caught:
        prepare_study("moons_path", ["study.pruner=median"])
    assert str(caught.value) == (
        '--set study.pruner=median: expected pruner = "none" with path in [space], received "median": runs along a '
        "path are longer than others, so that their epochs tell nothing of one another. Leave out one of the two."
    )


def test_data_in_memory_is_prepared_like_a_file(study_of):
    study = study_of(np.arange(120, dtype=np.float32).reshape(60, 2), np.arange(60) % 2)
    read = prepare_study(study)
    folder = Path(study).parent
    again = prepare_spec(read.spec, folder)
    held = prepare_data(read.spec, read_data(read.spec.data, folder))
    assert read.spec == again.spec == held.spec
    assert read.facts == again.facts == replace(held.facts, folder=str(folder))
    assert read.plan.identity == again.plan.identity == held.plan.identity


def test_problem_of_a_study_in_memory_stands_in_its_table(study_of):
    study = study_of(np.arange(120, dtype=np.float32).reshape(60, 2), np.arange(60) % 2)
    spec = prepare_study(study).spec
    wrong = spec.model_copy(update={"objective": spec.objective.model_copy(update={"metric": "mse"})})
    with pytest.raises(StudyFileError) as caught:
        prepare_spec(wrong, Path(study).parent)
    assert str(caught.value) == (
        '[objective.metric]: expected a metric for classification (the target has 2 classes), received "mse". '
        "Choose one of log_loss, brier, accuracy, balanced_accuracy, f1_macro, roc_auc, average_precision; or set "
        "data.task when the target was taken for the wrong kind."
    )


def test_constant_guess_of_two_classes_is_their_shares(study_of):
    y = np.repeat([0, 1], [45, 15])
    prepared = prepare_study(
        study_of(np.arange(120.0).reshape(60, 2), y), ['split.validation={method="kfold", folds=3}']
    )
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    np.testing.assert_allclose(prepared.facts.constant_scores, [entropy] * 3, rtol=1e-12)
    accuracy = prepare_study(study_of(np.arange(120.0).reshape(60, 2), y), ["objective.metric=accuracy"])
    np.testing.assert_allclose(accuracy.facts.constant_scores, [0.75], atol=0.02)


def test_constant_guess_of_many_classes_is_their_shares(study_of):
    prepared = prepare_study(study_of(np.arange(120.0).reshape(60, 2), np.repeat([0, 1, 2], 20)))
    np.testing.assert_allclose(prepared.facts.constant_scores, [np.log(3)], rtol=1e-12)


@pytest.mark.parametrize("shape", [(60,), (60, 2)])
def test_constant_guess_of_quantities_is_their_mean(study_of, shape):
    y = np.random.default_rng(1).normal(5, 2, shape)
    prepared = prepare_study(study_of(np.arange(120.0).reshape(60, 2), y))
    (fold,) = prepared.plan.folds
    target = prepared.plan.dataset.target.astype(np.float64)
    mean = target[np.union1d(fold.train, fold.stop)].mean(axis=0)
    expected = np.square(target[fold.validation] - mean).mean()
    np.testing.assert_allclose(prepared.facts.constant_scores, [expected], rtol=1e-12)


def test_constant_guess_of_quantities_is_their_median_for_absolute_errors(study_of):
    y = np.exp(np.random.default_rng(1).normal(0, 2, 60))
    prepared = prepare_study(study_of(np.arange(120.0).reshape(60, 2), y), ["objective.metric=mae"])
    (fold,) = prepared.plan.folds
    target = prepared.plan.dataset.target.astype(np.float64)
    median = np.median(target[np.union1d(fold.train, fold.stop)])
    expected = np.abs(target[fold.validation] - median).mean()
    np.testing.assert_allclose(prepared.facts.constant_scores, [expected], rtol=1e-12)


def test_rows_that_stop_and_score_are_no_part_of_the_constant_guess(study_of):
    y = np.random.default_rng(1).normal(5, 2, 60)
    study = study_of(np.arange(120.0).reshape(60, 2), y)
    biased = prepare_study(study, ["split.stop=validation"])
    assert biased.facts.constant_scores == prepare_study(study).facts.constant_scores


def test_rows_are_given_the_shape_that_the_study_says(study_of):
    x = np.arange(60 * 12, dtype=np.float32).reshape(60, 12)
    prepared = prepare_study(study_of(x, np.arange(60) % 2), ["data.shape=[2, 3, 2]"])
    assert prepared.facts.input_shape == (2, 3, 2)
    assert prepared.spec.data.standardize is False
    np.testing.assert_array_equal(prepared.plan.dataset.features, x.reshape(60, 2, 3, 2))


def test_rows_of_another_size_than_the_shape_are_refused(study_of):
    study = study_of(np.arange(60 * 12, dtype=np.float32).reshape(60, 12), np.arange(60) % 2)
    with pytest.raises(DataError) as caught:
        prepare_study(study, ["data.shape=[8, 8]"])
    assert str(caught.value) == (
        "--set data.shape=[8, 8]: expected rows of 64 numbers, since shape = [8, 8], received rows of 12. "
        "The numbers of shape multiply to the numbers of a row."
    )


def test_numeric_table_with_a_shape_becomes_an_array(tmp_path):
    (tmp_path / "t.csv").write_text(
        "a,b,c,d,y\n" + "\n".join(f"{i},{2 * i},3.5,{-i},{i % 2}" for i in range(60)) + "\n"
    )
    study = tmp_path / "s.toml"
    study.write_text(TABLE.replace('"npz"', '"csv"').replace('"d.npz"', '"t.csv"\ntarget = "y"\nshape = [2, 2]'))
    prepared = prepare_study(str(study))
    features = prepared.plan.dataset.features
    np.testing.assert_array_equal(features[3], [[3, 6], [3.5, -3]])
    assert (features.shape, features.dtype) == ((60, 2, 2), np.float32)
    assert prepared.spec.data.standardize is False
    assert prepare_study(str(study), ["data.standardize=true"]).facts.input_shape == (2, 2)


def test_text_column_has_no_place_in_a_shape(tmp_path):
    (tmp_path / "t.csv").write_text("a,colour,y\n" + "\n".join(f"{i},red,{i % 2}" for i in range(60)) + "\n")
    study = tmp_path / "s.toml"
    study.write_text(TABLE.replace('"npz"', '"csv"').replace('"d.npz"', '"t.csv"\ntarget = "y"\nshape = [1, 2]'))
    with pytest.raises(DataError) as caught:
        prepare_study(str(study))
    assert str(caught.value) == (
        f'{study}:5 [data]: expected columns of numbers, since shape = [1, 2], received text in "colour". '
        "Leave the columns out of the file, or leave shape out."
    )


def test_walk_ends_by_itself_or_sooner():
    ablation = ["study.sampler=ablation", "space={l2={choices=[0.1, 0.01]}, dropout={choices=[0.2]}}"]
    assert prepare_study("moons_grid", ablation).n_trials == 5
    assert prepare_study("moons_grid", [*ablation, "study.n_trials=3"]).n_trials == 3
    assert prepare_study("moons_grid", [*ablation, "study.n_trials=99"]).n_trials == 5


def test_walk_that_nobody_lives_to_see_the_end_of_is_refused():
    with pytest.raises(StudyFileError) as caught:
        prepare_study(
            "moons_grid", ["space.patience={low=1, high=999}", "space.dropout={low=0.001, high=0.9, step=0.001}"]
        )
    (problem,) = caught.value.problems
    assert problem.place.endswith("[study.sampler]")
    assert problem.message == "expected at most 1,000,000 points for the sampler to walk, received more"
    assert problem.remedy == 'Shorten the lists in [space], or choose sampler = "tpe".'
