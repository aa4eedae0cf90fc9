"""Every command and every block of code in the documents is run, as it stands there but for smaller budgets."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import types
import urllib.request
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import yaml

import search
import tests.readme.test_machines  # noqa: F401  # which claims blocks, too
from search.preparation.catalogue import default_catalogue
from search.preparation.files import prepare_study
from search.spec import parse_study
from tests.cli.conftest import environment_of, in_this_process, keep_to_this_process
from tests.readme.documents import BLOCKS, ROOT, claimed, commands_of, runs, shown

SMALL = {
    "training.epochs": 400,
    "training.learning_rate": 0.01,  # so that the baseline overfits within them, and something is chosen before it
    "model.hidden": [100],
    "confirm.repeats": 2,
    "confirm.finalists": 2,
}
FEW = ["--n-trials", "12", *(f"--set={key}={value}" for key, value in SMALL.items())]


@pytest.fixture(scope="module")
def regsearch():
    """The command line in this process, whose only worker is a thread of it."""

    def run(line, folder):
        words = shlex.split(line)
        assert words[0] == "regsearch"
        done = in_this_process(*words[1:], cwd=folder)
        assert done.code == 0, f"{line}: {done.code}\n{done.err}"
        return done

    with pytest.MonkeyPatch.context() as patched:
        keep_to_this_process(patched)
        yield run


@pytest.fixture(scope="module")
def moons(regsearch, tmp_path_factory):
    """A folder with the study `moons`, of few trials."""
    folder = tmp_path_factory.mktemp("moons")
    regsearch(shlex.join(["regsearch", "run", "moons", *FEW]), folder)
    return folder


@pytest.fixture(scope="module")
def sonar(tmp_path_factory):
    """A folder with a table like that of the README's study, and the study with a smaller budget."""
    folder = tmp_path_factory.mktemp("sonar")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 60))
    label = np.where(rows[:, 0] + rows[:, 1] + rng.normal(size=90) > 0, "mine", "rock")
    table = pd.DataFrame(rows, columns=[f"band_{number}" for number in range(1, 61)]).assign(label=label)
    table.to_csv(folder / "sonar.csv", index=False)
    study = next(block.text for block in BLOCKS if 'name = "sonar"' in block.text)
    (folder / "sonar.toml").write_text(smaller(study))
    return folder


def smaller(study):
    """A study file with a budget for tests."""
    study = re.sub(r"n_trials = \d+", "n_trials = 4", study)
    study = re.sub(r"epochs = \d+", "epochs = 6", study)
    return study + "\n[confirm]\nrepeats = 2\nfinalists = 2\n"


def run_all(regsearch, first, folder):
    return [regsearch(line, folder) for line in commands_of(shown(first))]


def test_every_block_is_run_by_a_test():
    known = {block.first for block in BLOCKS}
    assert set(claimed) <= known, "expected tests of blocks that are there"
    assert known - set(claimed) == set(), "expected each block to be run by a test of this module"


def test_pictures_of_the_documents_are_there():
    for document in ("README.md", "studies/README.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text):
            assert (ROOT / document).parent.joinpath(picture).stat().st_size > 1000


@runs("pip install uv && uv run regsearch run moons", "uv run pytest")
def test_first_commands_are_those_that_are_run_here(moons):
    assert (moons / "regsearch.db").exists()
    assert 'stage "tests" uv run pytest' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@runs("regsearch init --model net.keras --data train.csv --target label -o study.toml")
def test_own_model_and_table_lead_to_predictions(regsearch, tmp_path):
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")])
    with mock.patch("warnings.warn"):
        model.save(tmp_path / "net.keras")
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(80, 3)).round(3)
    label = np.where(rows.sum(axis=1) > 0, "yes", "no")
    pd.DataFrame(rows, columns=["a", "b", "c"]).assign(label=label).to_csv(tmp_path / "train.csv", index=False)
    pd.DataFrame(rows[:5], columns=["a", "b", "c"]).to_csv(tmp_path / "new.csv", index=False)
    init, *others = commands_of(shown("regsearch init --model net.keras --data train.csv --target label -o study.toml"))
    regsearch(init, tmp_path)
    study = (tmp_path / "study.toml").read_text(encoding="utf-8")
    study = re.sub(r"^n_trials = \d+", "n_trials = 4", study, flags=re.M)
    study = re.sub(r"^epochs = \d+", "epochs = 6", study, flags=re.M)
    (tmp_path / "study.toml").write_text(study, encoding="utf-8")
    for line in others:
        regsearch(line, tmp_path)
    predicted = pd.read_csv(tmp_path / "predicted.csv")
    assert len(predicted) == 5
    label = next(name for name in predicted.columns if name not in ("a", "b", "c"))
    assert set(predicted[label]) <= {"yes", "no"}


@runs("import search")
def test_one_call_finds_a_verdict_a_configuration_and_a_model():
    import keras

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    names = {
        "model": keras.Sequential([keras.Input((4,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(1, "sigmoid")]),
        "x": x,
        "y": (x.sum(axis=1) > 0).astype(int),
    }
    exec(shown("import search").text.replace("n_trials=50", "n_trials=4, epochs=5, verbose=0"), names)
    found = names["found"]
    assert found.verdict is None or found.verdict.answer in ("helps", "no gain", "nothing to learn")
    assert found.model.predict(x, verbose=0).shape == (60, 1)


@runs("[study]", "regsearch check sonar.toml")
def test_study_of_a_table_is_checked_run_and_told(regsearch, sonar):
    *_, best = run_all(regsearch, "regsearch check sonar.toml", sonar)
    assert "log_loss" in best.out


@runs("[data]")
def test_columns_of_a_table_become_inputs(sonar):
    block = shown("[data]")
    text = f'[study]\nname = "s"\nn_trials = 2\n{block.text}\n[model]\nbuilder = "net.py:build"\n'
    builder = (
        "import keras\ndef build(input_shape, n_outputs):\n"
        "    ends = [keras.Input(shape, name=name) for name, shape in input_shape.items()]\n"
        "    out = keras.layers.Dense(n_outputs, 'sigmoid')(keras.layers.Concatenate()(ends))\n"
        "    return keras.Model(ends, out)\n"
    )
    (sonar / "net.py").write_text(builder)
    (sonar / "inputs.toml").write_text(text + "[space]\nl2 = { low = 1e-4, high = 1e-2, log = true }\n")
    prepared = prepare_study(str(sonar / "inputs.toml"))
    assert dict(prepared.plan.dataset.inputs) == {"low": (3,), "high": (2,)}


@runs("[model]", "[confirm]")
def test_tables_of_a_study_file_are_known():
    whole = (
        '[study]\nname = "s"\nn_trials = 9\n[data]\nsource = "sklearn.load_digits"\n'
        '[training]\nschedule = { name = "cosine_decay", decay_steps = 500, warmup_target = 1e-3, warmup_steps = 90 }\n'
    )
    spec = parse_study(whole + shown("[model]").text + shown("[confirm]").text, "README.md", default_catalogue())
    assert spec.model.options == {"width": 64}
    assert spec.confirm.finalists == 5


PEOPLE = """
[study]
name = "people"
n_trials = 2
[data]
source = "csv"
path = "people.csv"
target = "left"
dates = { start = "%d/%m/%Y" }
[split]
test = 0
[model]
family = "mlp"
hidden = [4]
[training]
epochs = 4
[space]
l2 = { low = 1e-4, high = 1e-2, log = true }
[confirm]
finalists = 0
"""


@runs('rows = pd.read_csv("new.csv", dtype={"city": str})')
def test_plain_keras_predicts_what_the_command_predicts(regsearch, tmp_path, monkeypatch):
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=60, freq="11D").strftime("%d/%m/%Y")
    table = pd.DataFrame(
        {"age": rng.integers(20, 70, 60), "city": rng.choice(["007", "Bern", "Oslo"], 60), "start": days}
    )
    table["left"] = np.where(rng.random(60) < 0.5, "yes", "no")
    table.to_csv(tmp_path / "people.csv", index=False)
    table.drop(columns="left").head(9).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "people.toml").write_text(PEOPLE)
    regsearch("regsearch run people.toml", tmp_path)
    regsearch("regsearch export people --format keras -o regularized.keras", tmp_path)
    regsearch("regsearch predict regularized.keras new.csv -o predicted.csv", tmp_path)
    expected = pd.read_csv(tmp_path / "predicted.csv")
    *first, last = shown('rows = pd.read_csv("new.csv", dtype={"city": str})').text.strip().splitlines()
    monkeypatch.chdir(tmp_path)
    names = {"pd": pd, "keras": keras, "tf": tf}
    exec("\n".join([*first, f"told = {last}"]), names)
    probabilities = np.reshape(names["told"]["probabilities"], (9, -1))
    column = next(name for name in expected.columns if "yes" in name)
    assert probabilities[:, -1] == pytest.approx(expected[column].to_numpy(), abs=1e-5)


@runs("def cost(y_true, y_pred, sample_weight=None):")
def test_metric_of_ones_own_scores_a_study(regsearch, tmp_path):
    (tmp_path / "costs.py").write_text(shown("def cost(y_true, y_pred, sample_weight=None):").text)
    study = (ROOT / "studies" / "moons_l2.toml").read_text(encoding="utf-8")
    study = re.sub(r"epochs = \d+", "epochs = 4", re.sub(r"hidden = \[\d+\]", "hidden = [4]", study))
    objective = '[objective]\nmetric = "costs.py:cost"\ndirection = "minimize"\n'
    study = re.sub(r"\[objective\]\n(?:[^\[\n].*\n|\n)*", objective, study)
    (tmp_path / "moons_l2.toml").write_text(study)
    regsearch("regsearch run moons_l2.toml --set confirm.finalists=0", tmp_path)
    assert "cost" in regsearch("regsearch best moons_l2", tmp_path).out


@runs("regsearch ablate moons", "regsearch plot moons -o curves.html")
def test_parts_paths_and_figures_are_found_and_drawn(regsearch, moons):
    run_all(regsearch, "regsearch ablate moons", moons)
    run_all(regsearch, "regsearch plot moons -o curves.html", moons)
    for name in ("curves", "finalists", "path"):
        assert (moons / f"{name}.html").stat().st_size > 10**6


@runs("regsearch dashboard")
def test_studies_are_browsed_and_exported(regsearch, moons):
    dashboard, *exports = commands_of(shown("regsearch dashboard"))
    for line in exports:
        regsearch(line, moons)
    assert (moons / "best.keras").exists()
    # On another port than the one that it has by itself: that may be taken where tests run.
    command = [sys.executable, "-m", "search", *shlex.split(dashboard)[1:], "--port", "0"]
    environment = environment_of(None, {"PYTHONUNBUFFERED": "1"})
    with subprocess.Popen(
        command, cwd=moons, env=environment, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            address = next(found[0] for line in serving.stdout if (found := re.findall(r"http://\S+/", line)))
            with urllib.request.urlopen(f"{address}api/studies", timeout=60) as answer:
                assert b'"moons"' in answer.read()
        finally:
            serving.send_signal(signal.SIGTERM)
        assert serving.wait(60) == 143


@runs("regsearch logs moons")
def test_study_goes_to_a_file_and_comes_back(regsearch, moons, tmp_path):
    shutil.copy(moons / "regsearch.db", tmp_path / "regsearch.db")
    run_all(regsearch, "regsearch logs moons", tmp_path)
    assert (tmp_path / "moons.backup.db").exists()
    studies = json.loads(regsearch("regsearch studies --format json", tmp_path).out)
    assert [each["study"] for each in studies] == ["moons"]


@runs("docker compose up -d --scale worker=4")
def test_services_of_the_commands_are_those_of_the_file():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    for line in commands_of(shown("docker compose up -d --scale worker=4")):
        words = shlex.split(line)
        assert words[:2] == ["docker", "compose"]
        named = [word.partition("=")[0] for word in words if word in services or "=" in word]
        assert named
        assert set(named) <= set(services)


@runs('study = search.run("moons", n_trials=20)')
def test_study_is_an_object(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = shown('study = search.run("moons", n_trials=20)').text
    few = '["training.epochs=40", "confirm.repeats=2", "confirm.finalists=2"]'
    names = {"search": search}
    exec(block.replace("n_trials=20", f"{few}, n_trials=4, n_jobs=0, verbose=False"), names)
    assert len(names["study"].trials) == 4
    assert (tmp_path / "moons.html").exists()
    assert names["model"].input_shape == (None, 2)


@runs("net = search.RegularizedClassifier(n_trials=20, random_state=1).fit(x, y)")
def test_estimator_is_fitted_and_predicts():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    names = {"search": search, "x": x, "y": np.where(x.sum(axis=1) > 0, "up", "down")}
    block = shown("net = search.RegularizedClassifier(n_trials=20, random_state=1).fit(x, y)").text
    exec(block.replace("n_trials=20", "n_trials=3, epochs=4"), names)
    assert set(names["net"].predict(x)) <= {"up", "down"}


@runs("from search import open_storage, prepare_study, run_study")
def test_study_is_run_by_a_program(tmp_path):
    text = shown("from search import open_storage, prepare_study, run_study").text
    (tmp_path / "program.py").write_text(
        text.replace('"study.n_trials=20"', '"study.n_trials=2", "training.epochs=20"')
    )
    environment = environment_of(None, {"REGSEARCH_CACHE": os.environ.get("REGSEARCH_CACHE", "")})
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Trial(number=0" in done.stdout


@runs("def build_model(hp):")
def test_calls_of_keras_tuner_are_what_its_users_write():
    import keras

    class Parameters:
        def Int(self, name, low, high):
            return low

        def Choice(self, name, values):
            return values[0]

        def Float(self, name, low, high, sampling="linear"):
            return low

    class Tuner:
        def __init__(self, build_model, **settings):
            self.model = build_model(Parameters())

        def search(self, x, y, *, epochs, validation_split, callbacks):
            self.model.fit(x, y, epochs=1, validation_split=validation_split, callbacks=callbacks, verbose=0)

        def get_best_models(self):
            return [self.model]

    names = {
        "keras": keras,
        "keras_tuner": types.SimpleNamespace(BayesianOptimization=Tuner),
        "x": np.zeros((10, 64), np.float32),
        "y": np.arange(10),
    }
    exec(shown("def build_model(hp):").text, names)
    assert names["best"].output_shape == (None, 10)


@runs("import keras", "regsearch run study.toml")
def test_builder_and_study_for_those_who_come_from_keras_tuner_lead_to_a_model(regsearch, tmp_path):
    (tmp_path / "net.py").write_text(shown("import keras").text)
    study = next(block.text for block in BLOCKS if 'name = "digits_by_builder"' in block.text)
    study = study.replace("[32, 64, 128, 256]", "[32, 64]").replace("high = 3 }", "high = 2 }")
    (tmp_path / "study.toml").write_text(smaller(study))
    run_all(regsearch, "regsearch run study.toml", tmp_path)
    assert Path(tmp_path / "best.keras").exists()
