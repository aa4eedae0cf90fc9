"""What `ablate`, `path` and `best` say of the parts of a choice, whatever trained it: scores are made up."""

import json

import pytest

from search.coordination import launching
from search.coordination.launching import Launch, run_study
from search.dispatch import open_workers
from search.preparation.files import prepare_study
from search.storage import open_storage
from tests.followup.fakes import STUDY, Fake


@pytest.fixture
def commands(tmp_path, command, monkeypatch):
    """A function that runs a command on a confirmed study, in this process."""
    (tmp_path / "quick.toml").write_text(STUDY)
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}", create=True) as storage:
        run_study(prepare_study(str(tmp_path / "quick.toml")), storage, Launch(0), train=Fake())
    monkeypatch.setattr(launching, "open_workers", lambda plan, **ignored: open_workers(plan, n_jobs=0, train=Fake()))
    return lambda *arguments: command.in_this_process(*arguments, cwd=tmp_path)


def chosen_of(commands):
    return json.loads(commands("best", "quick", "--format", "json").out)["chosen"]


def test_ablate_prints_a_row_for_each_part_and_which_help(commands):
    chosen = chosen_of(commands)
    done = commands("ablate", "quick", "--repeats", "3")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith(f"quick: trial {chosen['trial']} is chosen (")
    assert lines[0].endswith("; on 3 fresh divisions of the rows:")
    header = lines[2].split()
    assert header[:2] == ["without", "log_loss"]
    rows = [line.split()[0].rstrip(",") for line in lines[4:] if line and ":" not in line]
    parts = [name for name, value in chosen["configuration"].items() if value != 1e-3]
    assert rows == ["(the", *[name for name in STUDY_ORDER if name in parts], "everything"]
    assert "Worth more than its uncertainty, one standard error: l2" in done.out
    assert "the ablation, repeat 3 of 3: " in done.err
    again = commands("ablate", "quick", "--repeats", "3")
    assert (again.out, again.err) == (done.out, "")


STUDY_ORDER = ["l2", "dropout", "patience", "minimum_delta", "training.learning_rate"]


def test_ablate_tells_programs_all(commands):
    told = json.loads(commands("ablate", "quick", "--repeats", "3", "--format", "json", "-q").out)
    assert (told["study"], told["metric"], told["direction"]) == ("quick", "log_loss", "minimize")
    assert (told["repeats"], told["asked_repeats"], told["level"]) == (3, 3, 0.95)
    assert told["trial"] == chosen_of(commands)["trial"]
    (part,) = [part for part in told["parts"] if part["names"] == ["l2"]]
    assert set(part["difference"]) == {"mean", "low", "high", "standard_error"}
    assert part["score"] > told["whole"]["score"]
    assert set(told["everything"]["configuration"]) == {"training.learning_rate"}


def test_path_prints_a_row_for_each_value_between_reference_lines(commands):
    asked = ["path", "quick", "--over", "l1", "--low", "1e-3", "--high", "0.1", "--points", "3", "--repeats", "2"]
    done = commands(*asked)
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines()[4:]]
    assert [row[0] for row in rows] == ["off", "0.001", "0.01", "0.1", "baseline", "constant"]
    assert rows[0][-1] == "chosen"
    header = done.out.splitlines()[2]
    for words in ("train loss", "validation loss", "log_loss", "norm dense_1", "non-zero dense_1"):
        assert words in header
    assert "75.0%" in done.out
    assert "the path over l1, repeat 2 of 2: 18 of 18 runs" in done.err
    told = json.loads(commands(*asked, "--format", "json").out)
    assert (told["over"], told["asked_values"], len(told["points"])) == ("l1", [0.001, 0.01, 0.1], 4)
    assert told["points"][0]["value"] is None
    assert told["points"][1]["weight_norms"] == {"dense_1": 4.5, "output": 1.0}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["ablate", "quack"], 2, "expected the name of a study, received 'quack'. Did you mean quick?"),
        (["path", "quick", "--over", "dropou"], 2, 'received "dropou". Did you mean "dropout"?'),
        (["path", "quick"], 2, "Missing option '--over'"),
        (["path", "quick", "--over", "l2", "--points", "1"], 2, "1 is not in the range x>=2"),
    ],
)
def test_wrong_usage_is_told(commands, arguments, code, words):
    done = commands(*arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_best_shows_advice_as_long_as_the_choice_is_that(commands, tmp_path):
    told = json.loads(commands("best", "quick", "--format", "json").out)["advice"]
    printed = commands("best", "quick").out
    assert [line.removeprefix("Advice: ") for line in printed.splitlines() if line.startswith("Advice: ")] == told
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as storage:
        study_id = storage.study("quick").study_id
        stored = storage.analysis(study_id, "advice").document
        assert (stored["n_trials"], stored["told"]) == (30, told)
        storage.keep_analysis(study_id, "advice", "", {**stored, "told": ["Widen it."]})
        assert commands("best", "quick").out.endswith("Advice: Widen it.\n")
        storage.keep_analysis(study_id, "advice", "", {**stored, "told": ["Widen it."], "n_trials": 29})
        assert "Advice" not in commands("best", "quick").out
        assert json.loads(commands("best", "quick", "--format", "json").out)["advice"] == []
