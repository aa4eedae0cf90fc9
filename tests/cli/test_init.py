"""`regsearch init` as a user types it."""

import tomllib

import numpy as np
import pytest


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{int(a * b > 0)}" for a, b in rng.normal(size=(80, 2))]
    (tmp_path / "train.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")
    return tmp_path


GIVEN = ("init", "--model", "mlp", "--data", "train.csv", "--target", "label")


def test_study_is_written_and_the_next_commands_are_named(folder, command):
    done = command(*GIVEN, "-o", "my moons.toml", cwd=folder)
    assert (done.code, done.err) == (0, "")
    first, *following = done.out.splitlines()
    assert first == "Wrote my moons.toml. Next:"
    assert [line.split("  ")[1].strip() for line in following] == [
        "regsearch check 'my moons.toml'",
        "regsearch run 'my moons.toml'",
        "regsearch export my_moons --format keras -o regularized.keras",
        "regsearch predict regularized.keras new.csv",
    ]
    checked = command("check", "my moons.toml", cwd=folder)
    assert checked.code == 0, checked.err
    assert tomllib.loads(checked.out)["space"].keys() == {"l2", "dropout", "label_smoothing", "patience"}


def test_existing_file_is_kept_unless_forced(folder, command):
    (folder / "study.toml").write_text("mine")
    refused = command(*GIVEN, cwd=folder)
    assert refused.code == 2
    assert refused.err == (
        "--output: expected a path where nothing is yet, received study.toml. Add --force to replace it.\n"
    )
    assert (folder / "study.toml").read_text() == "mine"
    assert command(*GIVEN, "--force", cwd=folder).code == 0
    assert (folder / "study.toml").read_text().startswith("# Question: ")


def test_what_cannot_be_drafted_leaves_no_file(folder, command):
    done = command("init", "--model", "mlp", "--data", "train.csv", "--target", "lable", cwd=folder)
    assert done.code == 2
    assert done.err == (
        '--data: expected target to name a column of "train.csv", received "lable". Did you mean "label"?\n'
    )
    assert [path.name for path in folder.iterdir()] == ["train.csv"]


def test_saved_model_is_read_without_keras(folder, process):
    from search.training.session import start_tensorflow

    start_tensorflow()
    import keras

    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    keras.Sequential([keras.Input((2,)), *layers]).save(folder / "net.keras")
    given = ("init", "--model", "net.keras", "--data", "train.csv", "--target", "label")
    # A module of this name in the way would be imported instead of Keras, and fail.
    (folder / "keras.py").write_text("raise ImportError('keras is not to be imported')")
    (folder / "tensorflow.py").write_text("raise ImportError('tensorflow is not to be imported')")
    done = process(*given, cwd=folder)
    assert done.code == 0, done.err
    assert "regsearch export study --format keras -o regularized.keras" in done.out
    assert 'keras = "net.keras"' in (folder / "study.toml").read_text()
    assert process("check", "study.toml", cwd=folder).code == 0
