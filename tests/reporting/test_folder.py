"""`export --all`: everything in one folder, which is nobody else's."""

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from search.errors import Problem, UsageError
from search.reporting.exports import EXPORTS, FileExport, TextExport
from search.reporting.exports.folder import check_folder, export_folder
from search.reporting.exports.writing import staged

TEXTS = {name: export for name, export in EXPORTS.items() if isinstance(export, TextExport)}


class Model(FileExport):
    """A format that trains, without the training."""

    name = "keras"
    help = "the model"
    suffix = ".keras"

    def write_file(self, storage, study, path, trial=None):
        path.write_text(f"model of {trial}")


class Refusing(TextExport):
    """A format that does not suit the study."""

    name = "python"

    def render(self, chosen):
        raise UsageError(Problem("--format", "expected <this>, received\nthat"))


@pytest.fixture(scope="module", autouse=True)
def _no_report():
    """The report takes seconds, and is tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.reporting.report.gather_report", lambda storage, name: None)
        patch.setattr("search.reporting.report.report_html", lambda report: "<!doctype html>")
        yield


def test_folder_holds_every_format_with_checksums_that_hold(storage, tmp_path):
    folder = tmp_path / "all"
    written = export_folder({**TEXTS, "keras": Model()}, storage, "quick", folder)
    names = {"best.toml", "best.json", "best.yaml", "best.py", "best.keras", "best.card.md"}
    names |= {"report.html", "trials.csv", "runs.csv", "README.md"}
    assert set(written.files) == names
    assert {path.name for path in folder.iterdir()} == names | {"SHA256SUMS"}
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert sums == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    listed = (folder / "README.md").read_text()
    assert all(f"| [{name}]({name}) | " in listed for name in names)
    assert json.loads((folder / "best.json").read_text())["study"] == "quick"
    assert (folder / "runs.csv").read_text().startswith("trial,fold,repeat,seed,score,epochs,best_epoch,seconds,engine")
    n_runs = len(storage.runs(storage.study("quick").study_id))
    assert len((folder / "runs.csv").read_text().splitlines()) == 1 + n_runs
    assert "best.keras" in (folder / "best.card.md").read_text()
    # Once more, of another trial: what the last one wrote is gone.
    export_folder({"toml": EXPORTS["toml"], "keras": Model()}, storage, "quick", folder, 3)
    assert (folder / "trial-3.keras").read_text() == "model of 3"
    assert not (folder / "best.keras").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["all"]


def test_format_that_does_not_suit_the_study_is_left_out_and_said(storage, tmp_path):
    written = export_folder({"json": EXPORTS["json"], "python": Refusing()}, storage, "quick", tmp_path / "all")
    assert written.left_out == {"python": "expected <this>, received\nthat"}
    assert "- python: expected &lt;this>, received that\n" in (tmp_path / "all" / "README.md").read_text()


def test_training_that_fails_leaves_nothing(storage, tmp_path):
    class Failing(Model):
        def write_file(self, storage, study, path, trial=None):
            path.write_text("half")
            raise UsageError(Problem("data", "expected the same"))

    with pytest.raises(UsageError, match="expected the same"):
        export_folder({"json": EXPORTS["json"], "keras": Failing()}, storage, "quick", tmp_path / "all")
    assert list(tmp_path.iterdir()) == []


def test_folder_of_somebody_else_is_refused(storage, tmp_path):
    def refusal(folder):
        with pytest.raises(UsageError) as caught:
            check_folder(folder)
        return str(caught.value)

    folder = tmp_path / "mine"
    folder.mkdir()
    check_folder(folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "SHA256SUMS").write_text(f"{hashlib.sha256(b'mine').hexdigest()}  notes.txt\n")
    assert refusal(folder) == (
        f"--output: expected an empty folder, or one that export --all wrote, received {folder} with 'SHA256SUMS'. "
        "Name a folder that is not there yet."
    )
    export_folder({"json": EXPORTS["json"]}, storage, "quick", tmp_path / "ours")
    check_folder(tmp_path / "ours")
    (tmp_path / "ours" / "notes.txt").write_text("mine")
    assert "with 'notes.txt'" in refusal(tmp_path / "ours")
    assert refusal(folder / "notes.txt") == (
        f"--output: expected a folder, or a path where there is nothing, received {folder}/notes.txt."
    )
    assert "No such file or directory" in refusal(tmp_path / "no" / "all")
    with contextlib.chdir(tmp_path):
        assert refusal(Path()) == "--output: expected another folder than the current one, received .."


def test_full_disk_is_told_of_the_folder(storage, tmp_path):
    class Full(Model):
        def write_file(self, storage, study, path, trial=None):
            with staged(path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UsageError) as caught:
        export_folder({"keras": Full()}, storage, "quick", tmp_path / "all")
    assert str(caught.value) == (
        f"--output: expected a path that can be written, received {tmp_path}/all: No space left on device."
    )
    assert list(tmp_path.iterdir()) == []
