"""The choice as a study file: it runs again, elsewhere, and scores what it scored."""

import datetime as dt
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from search.preparation.files import prepare_study
from search.records import Configuration, StudyFacts, StudyRecord, Trial, TrialState
from search.reporting.exports import EXPORTS
from search.reporting.exports.chosen import Chosen, gather_chosen
from search.reporting.exports.study_file import fixed_study_toml, path_from
from search.spec import spec_from_json
from search.storage import open_storage
from tests.reporting.conftest import run_fake


def test_exported_study_runs_baseline_and_choice_and_both_score_what_they_scored(storage, tmp_path):
    chosen = gather_chosen(storage, "quick")
    assert len(chosen.best.configuration) > 1
    assert chosen.best.configuration["training.learning_rate"] == 0.01  # the file has another one
    EXPORTS["toml"].write(storage, "quick", tmp_path / "best.toml")
    run_fake(tmp_path, tmp_path / "best.toml")
    with open_storage(f"sqlite:///{tmp_path / 'regsearch.db'}") as other:
        (study,) = other.studies()
        assert study.name == f"quick-trial-{chosen.best.number}"
        baseline, again = other.trials(study.study_id)
        assert (baseline.configuration, baseline.score) == (chosen.baseline.configuration, chosen.baseline.score)
        assert (again.configuration, again.score) == (chosen.best.configuration, chosen.best.score)
        verdict = gather_chosen(other, study.name).verdict
        # The same fresh divisions, with the same seeds.
        assert verdict.repeats == chosen.verdict.repeats
        assert verdict.finalist(1).score == chosen.verdict.finalist(chosen.best.number).score
        assert verdict.finalist(0).score == chosen.verdict.finalist(0).score


def test_every_trial_is_a_study_and_that_of_the_baseline_has_one_trial(storage, tmp_path):
    for number in range(8):
        chosen = gather_chosen(storage, "quick", number)
        (tmp_path / "one.toml").write_text(fixed_study_toml(chosen, tmp_path))
        prepared = prepare_study(str(tmp_path / "one.toml"))
        first, *others = list(prepared.space.points("ablation") or ())[: prepared.n_trials] if number else [None]
        if number == 0:
            assert prepared.n_trials == 1
            assert prepared.space.configuration(prepared.space.baseline()) == chosen.best.configuration
        elif chosen.best.configuration != chosen.baseline.configuration:
            assert first == prepared.space.baseline()
            (sampled,) = others
            given = {"training.learning_rate": 0.001}  # where the trial has the file's, [space] is without it
            assert Configuration({**given, **prepared.space.configuration(sampled)}) == chosen.best.configuration


def test_result_tells_what_the_other_formats_tell_and_is_not_read(storage, tmp_path):
    chosen = gather_chosen(storage, "quick")
    text = fixed_study_toml(chosen, tmp_path)
    assert tomllib.loads(text)["result"] == json.loads(EXPORTS["json"].render(chosen))
    (tmp_path / "with.toml").write_text(text)
    (tmp_path / "without.toml").write_text(text.partition("\n[result]\n")[0])
    assert prepare_study(str(tmp_path / "with.toml")).spec == prepare_study(str(tmp_path / "without.toml")).spec


def test_other_data_than_that_of_the_result_is_told(storage, tmp_path):
    text = fixed_study_toml(gather_chosen(storage, "quick"), tmp_path)
    (tmp_path / "same.toml").write_text(text)
    (tmp_path / "other.toml").write_text(text.replace("n_samples = 60", "n_samples = 61"))
    assert not any("other than" in note for note in prepare_study(str(tmp_path / "same.toml")).notes)
    found = prepare_study(str(tmp_path / "other.toml"))
    theirs = gather_chosen(storage, "quick").study.data_sha256
    assert found.notes[-1] == (
        "The data is other than that of the study which this file was exported from (SHA-256 "
        f"{theirs[:8]} there, {found.data_sha256[:8]} here): scores are not to be compared with those in [result]."
    )


@pytest.fixture
def of_files(tmp_path):
    """`of_files(**facts)`: the choice of a study that names files, which stand in `home`."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    for name in ("data/rows.npz", "net.py", "loss.py"):
        (home / name).write_text("")

    def of_files(**facts):
        spec = {
            "study": {"name": "s", "n_trials": 4},
            "data": {"source": "npz", "path": "data/rows.npz"},
            "model": {"builder": "net.py:build"},
            "training": {"loss": "loss.py:error", "callbacks": ["/no/such/calls.py:call"]},
            "objective": {"metric": "log_loss"},
            "space": {"l2": {"choices": [0.1, 0.2]}},
        }
        told = replace(StudyFacts("binary", folder=str(home)), **facts)
        record = StudyRecord("s", 1, "minimize", "log_loss", spec, "ab" * 32, told, dt.datetime(2026, 1, 2), 4)
        best = Trial(2, TrialState.COMPLETE, Configuration({"l2": 0.1}), 0.5)
        return Chosen(record, spec_from_json(spec), best, None, 4)

    return of_files


def test_paths_are_told_from_where_the_file_is_written(of_files, tmp_path):
    elsewhere = tmp_path / "out" / "deep"
    elsewhere.mkdir(parents=True)
    found = tomllib.loads(fixed_study_toml(of_files(), elsewhere))
    assert found["data"]["path"] == "../../home/data/rows.npz"
    assert found["model"]["builder"] == "../../home/net.py:build"
    assert found["training"]["loss"] == "../../home/loss.py:error"
    assert found["objective"]["metric"] == "log_loss"
    assert (elsewhere / found["data"]["path"]).is_file()
    beside = tomllib.loads(fixed_study_toml(of_files(), tmp_path / "home"))
    assert (beside["data"]["path"], beside["model"]["builder"]) == ("data/rows.npz", "net.py:build")
    assert path_from(Path("/a"), Path("/b"), "/c/rows.csv") == "/c/rows.csv"


def test_file_says_what_is_missing(of_files, tmp_path):
    head = fixed_study_toml(of_files(), tmp_path).partition("[study]")[0]
    assert head.count('# "') == 1
    assert '# "/no/such/calls.py"\n' in head
    gone = fixed_study_toml(of_files(folder=str(tmp_path / "gone")), tmp_path)
    assert tomllib.loads(gone)["data"]["path"] == "data/rows.npz"
    assert (
        "# Not to be found when this was written; put what the study was begun with beside this file:\n"
        '# "data/rows.npz"\n# "net.py"\n# "loss.py"\n# "/no/such/calls.py"\n'
        "# (`search.tune` keeps data and model only where it is given a directory.)\n"
    ) in gone
    unknown = fixed_study_toml(of_files(folder=None), tmp_path)
    assert tomllib.loads(unknown)["model"]["builder"] == "net.py:build"
    assert '# "net.py"\n' in unknown
