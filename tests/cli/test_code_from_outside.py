"""Code that a study names is run from its folder alone, or where it is trusted, and is named before it is run."""

import pytest

ROWS = """
import pathlib
pathlib.Path(__file__).with_name("was_run").touch()

def load():
    return [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [1.0, 1.0]] * 10, ["a", "b", "a", "b"] * 10

def fails():
    raise ValueError("\\x1b[31mred\\x1b[0m \\x07")
"""
STUDY = """
[study]
name = "outside"
n_trials = 2
[data]
source = "{source}"
[model]
family = "mlp"
hidden = [2]
[space]
l2 = {{ low = 1e-4, high = 1e-2, log = true }}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder of a study, beside one with code of somebody else's."""
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.py").write_text(ROWS)
    (tmp_path / "mine" / "below").mkdir()
    (tmp_path / "mine" / "below" / "rows.py").write_text(ROWS)
    return tmp_path / "mine"


def checked(command, folder, source, *options):
    (folder / "study.toml").write_text(STUDY.format(source=source))
    return command.in_this_process("check", "study.toml", *options, cwd=folder)


@pytest.mark.parametrize("file", ["rows.py", "below/rows.py"])
def test_files_of_the_folder_are_run_and_named_first(command, folder, file):
    done = checked(command, folder, f"{file}:load")
    assert (done.code, done.err.splitlines()[0]) == (0, f"Runs the code of {file}, which the study names.")
    assert (folder / file).with_name("was_run").exists()


@pytest.mark.parametrize("linked", [False, True])
def test_files_elsewhere_are_run_with_trust_alone(command, folder, linked):
    other = folder.parent / "other"
    if linked:
        (folder / "link.py").symlink_to(other / "rows.py")
    file = "link.py" if linked else "../other/rows.py"
    refused = checked(command, folder, f"{file}:load")
    assert refused.code == 2
    assert (
        f'expected source to name a file in the folder of the study, or below, received "{file}". '
        "Its code would be run: read it, then copy it there or give --trust."
    ) in refused.err
    assert not (other / "was_run").exists()
    trusted = checked(command, folder, f"{file}:load", "--trust")
    assert trusted.code == 0
    assert f"Runs the code of {file}, which the study names." in trusted.err
    assert (other / "was_run").exists()


def test_what_code_says_does_nothing_to_the_terminal(command, folder):
    done = checked(command, folder, "rows.py:fails")
    assert done.code == 2
    assert "\\x1b[31mred\\x1b[0m" in done.err
    assert "\x1b" not in done.err + done.out
    assert "\x07" not in done.err


@pytest.mark.parametrize("key", ["metric", "loss", "callbacks"])
def test_functions_of_other_tables_stay_in_the_folder_too(command, folder, key):
    place = {
        "metric": 'objective.metric="../other/rows.py:load"',
        "loss": 'training.loss="../other/rows.py:load"',
        "callbacks": 'training.callbacks=["../other/rows.py:load"]',
    }[key]
    more = ["--set", 'objective.direction="minimize"'] if key == "metric" else []
    done = checked(command, folder, "sklearn.load_iris", "--set", place, *more)
    assert done.code == 2
    assert 'to name a file in the folder of the study, or below, received "../other/rows.py"' in done.err
