"""`regsearch export`: where it writes, what it refuses before it trains, and that a study file comes out."""

import json
import os
import tomllib

import pytest

from search.followup.refit import Refitted


class Model:
    """Saves as Keras does, as far as a file can tell."""

    def save(self, path):
        path.write_bytes(b"PK\x05\x06" + bytes(18))  # an archive without members


@pytest.fixture
def export(confirmed, command, monkeypatch):
    """`export(*arguments)`: in the folder of a confirmed study, with a training that costs nothing."""
    from search.followup.prediction import ModelCard

    trained = []

    def refit(storage, name, trial=None):
        trained.append(trial)
        return Refitted(Model(), ModelCard(("a", "b")))

    monkeypatch.setattr("search.followup.refit.refit_study", refit)

    def export(*arguments, cwd=None):
        return command.in_this_process("export", "quick", *arguments, cwd=cwd or confirmed, storage=url)

    folder = getattr(confirmed, "folder", confirmed)
    url = f"sqlite:///{folder / 'regsearch.db'}"
    export.trained = trained
    return export


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--all"], "expected -o FOLDER with --all, received none."),
        (["--all", "--format", "toml", "-o", "x"], "expected --format or --all, received both."),
        (["--all", "--trial", "1", "--ensemble", "-o", "x"], "expected --trial or --ensemble, received both."),
        (["--card"], "expected -o FILE with --card, received none."),
        (
            ["--format", "keras", "-o", "no/best.keras"],
            "--output: expected a path that can be written, received no/best.keras: No such file or directory.",
        ),
        (
            ["--all", "-o", "no/all"],
            "--output: expected a path that can be written, received no/all: No such file or directory.",
        ),
        (["-o", "."], "--output: expected a path that can be written, received .: Is a directory."),
        (["--card", "-o", "/dev/null"], "--card: expected a file that a card can stand beside, received /dev/null."),
    ],
)
def test_place_that_cannot_be_is_bad_usage_before_anything_trains(arguments, sentence, export, tmp_path):
    done = export(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"{sentence}\n")
    assert export.trained == []
    assert list(tmp_path.iterdir()) == []


def test_choice_that_is_the_baseline_is_told_where_it_is_written(export, tmp_path, monkeypatch):
    # The study helps; its sentence on the baseline has a test of its own.
    monkeypatch.setattr("search.reporting.sentences.baseline_in_words", lambda found: f"told of {found.study.name}")
    told = "told of quick\n"
    assert export("--format", "keras", "-o", "best.keras", cwd=tmp_path).err == f"{told}Wrote best.keras\n"
    assert told in export("--all", "-o", "all", cwd=tmp_path).err
    assert export("--trial", "0", "-o", "plain.toml", cwd=tmp_path).err == "Wrote plain.toml\n"
    assert export("--format", "json", cwd=tmp_path).err == ""


def test_card_stands_beside_the_model(export, tmp_path):
    done = export("--format", "keras", "-o", "best.keras", "--card", cwd=tmp_path)
    assert (done.code, done.err) == (0, "Wrote best.keras\nWrote best.card.md\n")
    assert (tmp_path / "best.card.md").read_text().startswith("# Model card: quick\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.card.md", "best.keras"]


def test_folder_of_everything_is_written_again_and_again(export, tmp_path, monkeypatch):
    monkeypatch.setattr("search.reporting.report.gather_report", lambda storage, name: None)
    monkeypatch.setattr("search.reporting.report.report_html", lambda report: "<!doctype html>")
    names = "README.md, best.card.md, best.json, best.keras, best.py, best.toml, best.yaml, report.html, runs.csv, "
    for _ in range(2):
        done = export("--all", "-o", "all", cwd=tmp_path)
        assert (done.code, done.out, done.err) == (0, "", f"Wrote all: {names}trials.csv\n")
    one = export("--all", "-o", "all", "--trial", "2", cwd=tmp_path)
    assert one.code == 0
    assert (tmp_path / "all" / "trial-2.toml").is_file()
    assert export.trained == [None, None, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


def test_device_takes_text_and_stays_a_device(export):
    assert export("-o", os.devnull).code == 0
    assert not os.path.isfile(os.devnull)  # noqa: PTH113


def test_exported_study_runs_and_scores_what_the_trial_scored(tiny, command, search_here, tmp_path):
    trials = json.loads(command("trials", "tiny", "--format", "json", cwd=tiny.folder).out)
    wanted = max(trials, key=lambda trial: len(trial["configuration"]))
    assert len(wanted["configuration"]) > 1
    exported = command.in_this_process("export", "tiny", "--trial", wanted["trial"], cwd=tiny.folder)
    (tmp_path / "again.toml").write_text(exported.out)
    ran = search_here("again.toml", "-q", "--set", "confirm.finalists=0", cwd=tmp_path)
    assert ran.code == 0, ran.err
    name = tomllib.loads(exported.out)["study"]["name"]
    baseline, again = json.loads(command("trials", name, "--format", "json", cwd=tmp_path).out)
    assert (baseline["configuration"], baseline["score"]) == ({}, trials[0]["score"])
    assert (again["configuration"], again["score"]) == (wanted["configuration"], wanted["score"])
