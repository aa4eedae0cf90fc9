"""Every command on a study that was run for real."""

import csv
import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from search.cli import cli
from search.fork_server import TRAINING

TECHNIQUES = {"l2", "dropout", "patience"}
UNTRAINED = ("-q", "--set", "training.engine=graph")


def test_run_prints_progress_to_stderr_and_the_summary_to_stdout(tiny):
    out, err = tiny.ran.out, tiny.ran.err
    assert "tiny: 5 of 5 trials ended" in out
    assert "Results are in sqlite:///regsearch.db" in out
    assert "regsearch export tiny --format keras -o best.keras" in out
    assert re.search(r"^tiny: 5 trials, 1 run each, on \d workers?; log_loss \(minimize\)", err, re.M)
    assert "[5/5] trial" in err
    assert "Traceback" not in err
    assert (tiny.folder / "regsearch.db").exists()


def test_finished_study_run_again_adds_nothing(tiny, command, search_here):
    before = command("trials", "tiny", "--format", "json", cwd=tiny.folder).out
    again = search_here("tiny.toml", cwd=tiny.folder)
    assert again.code == 0, again.err
    assert "tiny: 5 of 5 trials ended" in again.out
    assert command("trials", "tiny", "--format", "json", cwd=tiny.folder).out == before


def test_best_gives_baseline_and_best(tiny, command):
    found = json.loads(command("best", "tiny", "--format", "json", cwd=tiny.folder).out)
    assert {"study", "metric", "direction", "n_trials", "baseline", "best", "chosen"} <= set(found)
    assert found["chosen"] == found["best"]
    assert (found["study"], found["metric"], found["direction"], found["n_trials"]) == (
        "tiny",
        "log_loss",
        "minimize",
        5,
    )
    assert found["baseline"]["trial"] == 0
    assert found["baseline"]["configuration"] == {}
    assert found["best"]["score"] <= found["baseline"]["score"]
    assert set(found["best"]["configuration"]) <= TECHNIQUES


def test_trials_agree_between_formats_and_show_the_effective_configuration(tiny, command):
    rows = json.loads(command("trials", "tiny", "--format", "json", cwd=tiny.folder).out)
    table = list(csv.DictReader(io.StringIO(command("trials", "tiny", "--format", "csv", cwd=tiny.folder).out)))
    assert [int(row["trial"]) for row in table] == [row["trial"] for row in rows] == [0, 1, 2, 3, 4]
    for row, cells in zip(rows, table, strict=True):
        assert float(cells["log_loss"]) == row["score"]
        for name in TECHNIQUES:
            assert (float(cells[name]) if cells[name] else None) == row["configuration"].get(name)
    for row in rows:
        settings = row["configuration"]
        assert settings.get("l2", 1e-3) >= 1e-5
        assert 0.1 <= settings.get("dropout", 0.2) <= 0.5
        assert settings.get("patience", 1) in (1, 2)
    text = command("trials", "tiny", cwd=tiny.folder).out
    assert len([line for line in text.splitlines() if "complete" in line]) == 5


def test_status_and_studies_say_finished(tiny, command):
    status = json.loads(command("status", "tiny", "--format", "json", cwd=tiny.folder).out)
    assert status["state"] == "finished"
    assert status["ended"] == status["n_trials"] == 5
    assert status["coordinator"] is None
    assert sum(status["workers"].values()) == 5 + 5 * 5, "the search, and five repeats of all five trials"
    assert command("status", "tiny", cwd=tiny.folder).out.startswith("tiny: finished\ntrials       5 of 5 ended")
    listed = json.loads(command("studies", "--format", "json", cwd=tiny.folder).out)
    assert [study["study"] for study in listed] == ["tiny"]
    assert "tiny" in command("studies", cwd=tiny.folder).out


def test_status_and_best_tell_the_notes_of_the_study(tiny, command):
    found = json.loads(command("status", "tiny", "--format", "json", cwd=tiny.folder).out)
    assert any("is a random search" in note for note in found["notes"])
    assert json.loads(command("best", "tiny", "--format", "json", cwd=tiny.folder).out)["notes"] == found["notes"]
    lines = command("status", "tiny", cwd=tiny.folder).out.splitlines()
    assert [line for line in lines if line.startswith("note ")] == [f"note         {note}" for note in found["notes"]]


def test_best_tells_what_a_constant_guess_scores(tiny, command):
    found = json.loads(command("best", "tiny", "--format", "json", cwd=tiny.folder).out)["constant"]
    assert 0.69 < found["score"] < 0.7
    text = command("best", "tiny", cwd=tiny.folder).out
    assert text.splitlines()[2].split()[:4] == ["constant", "guess", "-", f"{found['score']:.4g}"]
    assert ("Nothing to learn" in text) == (found["learned"] is False)
    assert "constant guess" in tiny.ran.out


def test_study_that_learned_nothing_says_so(tiny, command, search_untrained, tmp_path):
    arguments = ("--study-name", "tossed", "--n-trials", "1", *UNTRAINED)
    done = search_untrained(tiny.folder / "tiny.toml", *arguments, cwd=tmp_path)
    assert done.code == 0, done.err
    assert "No configuration beats a constant guess: the best one scores 0.3069 higher.\n" in done.out
    found = json.loads(command("best", "tossed", "--format", "json", cwd=tmp_path).out)
    assert found["constant"]["learned"] is False


def test_compare_prints_one_row_a_study(tiny, command):
    found = json.loads(command("compare", "tiny", "tiny", "--format", "json", cwd=tiny.folder).out)
    assert [row["study"] for row in found] == ["tiny", "tiny"]
    assert found[0]["gain"] == pytest.approx(found[0]["baseline"]["score"] - found[0]["best"]["score"])
    assert command("compare", "tiny", "tiny", cwd=tiny.folder).out.count("tiny") == 2


def test_compare_of_one_study_prints_one_row_a_set_of_techniques(tiny, command):
    found = json.loads(command("compare", "tiny", "--format", "json", cwd=tiny.folder).out)
    assert (found["study"], found["metric"], found["direction"]) == ("tiny", "log_loss", "minimize")
    rows = found["techniques"]
    assert sum(row["n_trials"] for row in rows) == 5
    assert [row["best"]["score"] for row in rows] == sorted(row["best"]["score"] for row in rows)
    assert all(set(row["techniques"]) == set(row["best"]["configuration"]) for row in rows)
    lines = command("compare", "tiny", cwd=tiny.folder).out.splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == [
        "techniques",
        "trials",
        "best log_loss",
        "mean log_loss",
        "gain",
        "best configuration",
    ]
    assert [re.split(r"\s{2,}", line)[0] for line in lines[2:]] == [
        " + ".join(row["techniques"]) or "baseline" for row in rows
    ]


def test_long_table_of_techniques_is_cut_and_says_so(tiny, command, search_untrained, tmp_path):
    names = ["dense_1.l2", "output.l2", "dense_1.l1", "output.l1", "dropout", "patience"]
    space = ", ".join(f'"{name}"={{choices=[{1 if name == "patience" else 0.1}]}}' for name in names)
    done = search_untrained(
        *(tiny.folder / "tiny.toml", "--study-name", "wide", "--n-trials", "64", "--set", f"space={{{space}}}"),
        *("--set", "study.sampler=grid", *UNTRAINED),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    shown = command("compare", "wide", cwd=tmp_path)
    assert len(shown.out.splitlines()) == 2 + 30
    assert shown.err == "34 more sets of techniques scored worse or not at all; --format json has all.\n"
    assert len(json.loads(command("compare", "wide", "--format", "json", cwd=tmp_path).out)["techniques"]) == 64


def test_export_in_a_format_that_there_is_not_is_bad_usage(tiny, command):
    done = command("export", "tiny", "--format", "xml", cwd=tiny.folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(
        "Error: Invalid value for '--format': 'xml' is not one of 'toml', 'json', 'yaml', 'python', 'keras'.\n"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "--ensemble: expected --format keras, received --format toml.\n"),
        (["--format", "keras", "-o", "mean.h5"], "--output: expected a path that ends in .keras, received mean.h5.\n"),
        (["--trial", "1"], "Error: expected --trial or --ensemble, received both.\n"),
    ],
)
def test_ensemble_that_cannot_be_written_is_bad_usage(options, sentence, tiny, command):
    done = command.in_this_process("export", "tiny", "--ensemble", *options, cwd=tiny.folder)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(sentence)


def test_ensemble_tells_who_is_averaged_and_what_that_is_worth(tiny, command, monkeypatch):
    from search.records import SelectionEstimate
    from search.reporting.exports import EXPORTS
    from search.selection import Ensemble

    def export(estimate):
        ensemble = Ensemble({0: 0.25, 3: 0.75}, 0.4, estimate)
        monkeypatch.setattr(type(EXPORTS["keras"]), "write_ensemble", lambda *given: ensemble)
        arguments = ("--ensemble", "--format", "keras", "-o", "mean.keras")
        return command.in_this_process("export", "tiny", *arguments, cwd=tiny.folder)

    told = "Ensemble: 25% trial 0, 75% trial 3.\n"
    assert export(None).err == (
        f"{told}Nothing here tells what such an ensemble scores on other rows.\nWrote mean.keras\n"
    )
    same = export(SelectionEstimate(0.5, (0.3, 0.7), 0.0, (0.0, 0.0), 0.4, 0.1, 0.95, 200, 5)).err
    assert "a log_loss of 0.5 (95% interval 0.3 to 0.7), the same as the baseline.\n" in same
    done = export(SelectionEstimate(0.5, (0.3, 0.7), 0.125, (-0.05, 0.25), 0.4, 0.1, 0.95, 200, 5))
    assert (done.code, done.out) == (0, "")
    assert done.err == (
        f"{told}On rows that it was not chosen on such an ensemble scores a log_loss of 0.5 (95% interval 0.3 to 0.7), "
        "0.125 lower than the baseline (95% interval of the gain -0.05 to 0.25).\nWrote mean.keras\n"
    )


def result_of(text):
    """What an exported study file tells of its study."""
    return tomllib.loads(text)["result"]


@pytest.mark.parametrize(("format_", "read"), [("toml", result_of), ("json", json.loads), ("yaml", yaml.safe_load)])
def test_export_holds_the_chosen_configuration(format_, read, tiny, command):
    best = json.loads(command("best", "tiny", "--format", "json", cwd=tiny.folder).out)["chosen"]
    done = command("export", "tiny", "--format", format_, "-o", f"best.{format_}", cwd=tiny.folder)
    assert done.code == 0, done.err
    found = read((tiny.folder / f"best.{format_}").read_text())
    assert found["configuration"] == best["configuration"]
    assert (found["trial"], found["score"]) == (best["trial"], best["score"])
    assert found["model"]["hidden"] == [4]
    assert found["training"]["learning_rate"] == 0.01
    assert found["data"]["input_shape"] == [2]


def test_exported_python_builds_the_model_without_regsearch(tiny, command, tmp_path):
    best = json.loads(command("best", "tiny", "--format", "json", cwd=tiny.folder).out)["best"]["configuration"]
    text = command("export", "tiny", "--format", "python", cwd=tiny.folder).out
    assert "search" not in re.sub(r"#.*", "", text)
    (tmp_path / "model.py").write_text(
        text + "\n    model = build_model()\n    print([layer.name for layer in model.layers], model.input_shape)\n"
    )
    done = subprocess.run(
        [sys.executable, "model.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert "(None, 2)" in done.stdout
    assert ("'dropout_1'" in done.stdout) == ("dropout" in best)


def test_stop_of_an_idle_study_says_that_nothing_runs(tiny, command):
    done = command("stop", "tiny", cwd=tiny.folder)
    assert done.code == 0
    assert done.err == "tiny: no coordinator runs this study; there is nothing to stop.\n"


def test_check_prints_the_resolved_study_and_creates_nothing(tiny, command, tmp_path):
    done = command("check", tiny.folder / "tiny.toml", "--set", "training.epochs=7", cwd=tmp_path)
    assert done.code == 0, done.err
    resolved = tomllib.loads(done.out)
    assert resolved["training"]["epochs"] == 7
    assert resolved["objective"]["metric"] == "log_loss"
    assert resolved["data"]["task"] == "classification"
    assert list(tmp_path.iterdir()) == []


def test_check_of_a_shipped_study_works_in_any_folder(command, tmp_path):
    done = command("check", "moons", cwd=tmp_path)
    assert done.code == 0, done.err
    assert tomllib.loads(done.out)["study"]["name"] == "moons"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("run", "mons"),
            'mons: expected a TOML file or the name of a shipped study, received neither. Did you mean "moons"?',
        ),
        (("check", "no.toml"), "no.toml: expected a study file, received a path without a file."),
        (("run", "moons", "--n-trials", "0"), "0 is not in the range x>=1"),
        (("run", "moons", "--set", "training.epoch=5"), 'Did you mean "epochs"?'),
        (("run", "moons", "--set", "study.sampler=gp"), "expected the package torch"),
        (("run", "moons", "--storage", "nonsense"), "storage: expected a database URL"),
        (("run", "moons", "--storage", "sqlite:///:memory:"), "received a database in memory"),
        (("run", "moons", "--timeout", "nan"), "expected a number of seconds, received nan"),
        (("run", "moons", "--study-name", "a b"), 'received "a b"'),
        (("frobnicate",), "No such command 'frobnicate'"),
    ],
)
def test_bad_usage_exits_2_with_a_clear_line_and_creates_nothing(arguments, message, command, tmp_path, servers_begun):
    done = command.in_this_process(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("mons",),
        ("no.toml",),
        ("moons", "--n-trials", "0"),
        ("moons", "--trials", "5"),
        ("moons", "--storage", "nonsense"),
        ("moons", "--storage", "sqlite:///:memory:"),
    ],
    ids=" ".join,
)
def test_run_refuses_what_a_glance_tells_before_workers_begin(arguments, command, tmp_path, servers_begun):
    assert command.in_this_process("run", *arguments, cwd=tmp_path).code == 2
    assert servers_begun == []


def test_storage_of_the_environment_is_looked_at_before_workers_begin(command, tmp_path, servers_begun):
    assert command.in_this_process("run", "moons", cwd=tmp_path, storage="mysql://here/studies").code == 2
    assert servers_begun == []


def test_study_file_is_read_while_workers_begin(command, tmp_path, servers_begun):
    done = command.in_this_process("run", "moons", "--set", "training.epoch=5", cwd=tmp_path)
    assert (done.code, servers_begun) == (2, [TRAINING])


@pytest.mark.parametrize(
    "arguments",
    [("status", "tiny"), ("best", "tiny"), ("trials", "tiny"), ("studies",), ("export", "tiny"), ("stop", "tiny")],
)
def test_missing_database_exits_3_and_stays_missing(arguments, command, tmp_path):
    done = command(*arguments, cwd=tmp_path)
    assert done.code == 3
    assert "regsearch.db" in done.err
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_unknown_study_exits_2_and_names_the_nearest(tiny, command):
    done = command("best", "tinny", cwd=tiny.folder)
    assert done.code == 2
    assert "Did you mean tiny?" in done.err


def test_storage_comes_from_the_option_then_the_environment(tiny, command, tmp_path):
    url = f"sqlite:///{tiny.folder}/regsearch.db"
    assert command("best", "tiny", cwd=tmp_path, storage=url).code == 0
    other = f"sqlite:///{tmp_path}/other.db"
    done = command("best", "tiny", "--storage", other, cwd=tmp_path, storage=url)
    assert done.code == 3
    assert "other.db" in done.err


def test_name_that_looks_like_a_number_is_a_name(tiny, search_untrained, tmp_path):
    done = search_untrained(
        tiny.folder / "tiny.toml", "--study-name", "2026", "--n-trials", "1", *UNTRAINED, cwd=tmp_path
    )
    assert done.code == 0, done.err
    assert "2026: 1 of 1 trials ended" in done.out


def test_full_disk_under_stdout_is_one_line(tiny):
    """Python meets the error when it flushes at the end."""
    code = "import sys; from search.cli import main; sys.argv = ['regsearch', 'best', 'tiny']; main()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            cwd=tiny.folder,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert (
        done.stderr == "output: expected room on the disk, received: No space left on device. What is stored is safe.\n"
    )


def test_every_command_has_help_with_an_example():
    for name, found in cli.commands.items():
        assert found.help, name
        assert f"Example: regsearch {name}" in (found.epilog or ""), name


def test_plain_optuna_reads_the_study(tiny):
    def optuna(*arguments):
        return subprocess.run(
            [str(Path(sys.executable).with_name("optuna")), *arguments],
            cwd=tiny.folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    where = ["--study-name", "tiny", "--storage", "sqlite:///regsearch.db"]
    listed = json.loads(optuna("trials", *where, "-f", "json"))
    assert [trial["number"] for trial in listed] == [0, 1, 2, 3, 4]
    assert json.loads(optuna("best-trial", *where, "-f", "json"))["state"] == "COMPLETE"


def test_best_lists_what_is_off_where_the_space_has_many_names(search_untrained, tiny, tmp_path):
    names = ("l1", "l2", "dropout", "input_noise", "label_smoothing", "weight_noise", "swa")
    space = "\n".join(f"{name} = {{ choices = [0.1] }}" for name in names)
    text = (tiny.folder / "tiny.toml").read_text()
    text = text[: text.index("[space]")] + f"[space]\n{space}\n"
    (tmp_path / "many.toml").write_text(text)
    ran = search_untrained("many.toml", "--n-trials", "1", *UNTRAINED, cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert "Searched, and off: " + ", ".join(names) + "." in ran.out.splitlines()


def test_check_of_a_function_that_hangs_ends_with_code_2(command, tmp_path):
    (tmp_path / "rows.py").write_text("import time\n\ndef load():\n    time.sleep(1e6)\n")
    (tmp_path / "s.toml").write_text(
        '[study]\nname = "s"\nn_trials = 1\n[data]\nsource = "rows.py:load"\ntimeout_seconds = 1\n'
        '[model]\nfamily = "mlp"\nhidden = [4]\n[space]\nl2 = { choices = [0.1] }\n'
    )
    checked = command("check", "s.toml", cwd=tmp_path)
    assert (checked.code, checked.out) == (2, "")
    assert checked.err == (
        "Runs the code of rows.py, which the study names.\n"
        "s.toml:4 [data]: expected an answer of rows.py:load within 1 s, received none. "
        "Raise data.timeout_seconds if it needs more time.\n"
    )
