"""The map of formats; writing an export: whole or not at all, never in the place of what is no ordinary file."""

import datetime as dt
import errno
import json
import os
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from search.errors import UsageError
from search.records import Configuration, RowCounts, StudyFacts, StudyRecord, Trial, TrialState
from search.reporting.exports import EXPORTS, check_place, write_export, writing
from search.reporting.exports.chosen import Chosen
from search.reporting.exports.writing import staged
from search.spec import spec_from_json


def test_file_is_replaced_whole_and_keeps_its_mode(tmp_path):
    target = tmp_path / "model.py"
    target.write_text("old and longer than the new text")
    target.chmod(0o640)
    write_export("new\n", target)
    assert target.read_text() == "new\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [target]


def test_link_stays_a_link_and_its_target_is_written(tmp_path):
    target = tmp_path / "real.py"
    target.write_text("old")
    link = tmp_path / "link.py"
    link.symlink_to(target)
    write_export("new", link)
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_pipe_is_written_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()))
    reader.start()
    write_export("through", pipe)
    reader.join(10)
    assert received == ["through"]
    assert pipe.is_fifo()


def test_path_that_cannot_be_written_is_bad_usage(tmp_path):
    with pytest.raises(UsageError) as caught:
        write_export("text", tmp_path / "no" / "model.py")
    assert str(caught.value) == (
        f"--output: expected a path that can be written, received {tmp_path}/no/model.py: No such file or directory."
    )
    with pytest.raises(UsageError, match="Is a directory"):
        write_export("text", tmp_path)


def test_every_format_stands_under_its_own_name_in_the_order_in_which_they_are_listed():
    assert list(EXPORTS) == ["toml", "json", "yaml", "python", "keras"]
    assert all(export.name == name for name, export in EXPORTS.items())
    assert {name: export.suffix for name, export in EXPORTS.items() if export.suffix} == {"keras": ".keras"}


@pytest.mark.parametrize(("output", "received"), [(None, "none"), (Path("best.h5"), "best.h5")])
def test_format_that_is_a_file_refuses_any_other_place_before_it_reads_the_study(output, received):
    for refuse in (EXPORTS["keras"].check, lambda path: EXPORTS["keras"].write(None, "moons", path)):
        with pytest.raises(UsageError) as caught:
            refuse(output)
        assert str(caught.value) == f"--output: expected a path that ends in .keras, received {received}."
    EXPORTS["keras"].check(Path("best.keras"))
    EXPORTS["toml"].check(output)


@pytest.fixture
def make_chosen():
    """`make_chosen(facts)`: the choice of a study of such data."""

    def make_chosen(facts):
        spec = {
            "study": {"name": "s", "n_trials": 1},
            "data": {"source": "npz", "path": "d.npz"},
            "model": {"family": "mlp", "hidden": [4]},
            "space": {"l2": {"low": 1e-6, "high": 0.1, "log": True}},
        }
        record = StudyRecord("s", 1, "minimize", "log_loss", spec, "ab" * 32, facts, dt.datetime(2026, 1, 2), 1)
        return Chosen(record, spec_from_json(spec), Trial(0, TrialState.COMPLETE, Configuration(), 0.5), None, 1)

    return make_chosen


def result_of(text):
    """What an exported study file tells of its study."""
    return tomllib.loads(text)["result"]


@pytest.mark.parametrize(("format_", "read"), [("json", json.loads), ("toml", result_of), ("yaml", yaml.safe_load)])
def test_export_tells_of_the_data_what_it_always_told(make_chosen, format_, read):
    facts = StudyFacts(
        "multiclass",
        classes=("a", "b", "c"),
        input_shape=(2,),
        inputs=("size", "colour = red"),
        rows=RowCounts(19, 5, 24, 12),
        scaled_bytes=True,
        constant_scores=(0.5, 0.75),
        training_rows=(24, 24),
        validation_rows=(24, 24),
        folder="studies",
    )
    told = {
        "sha256": "ab" * 32,
        "task": "multiclass",
        "classes": ["a", "b", "c"],
        "input_shape": [2],
        "inputs": ["size", "colour = red"],
        "scaled_bytes": True,
        "n_targets": 1,
        "rows": {"train": 19, "stop": 5, "validation": 24, "test": 12},
        "constant_scores": [0.5, 0.75],
    }
    found = read(EXPORTS[format_].render(make_chosen(facts)))["data"]
    assert found == told
    tables_last = [key for key in told if key != "rows"] + ["rows"]
    assert list(found) == (tables_last if format_ == "toml" else list(told))
    own = {"model_sha256": "cd" * 32, "loss_sha256": "ef" * 32, "own_regularization": ["dropout 0.5"]}
    found = read(EXPORTS[format_].render(make_chosen(replace(facts, **own | {"own_regularization": ("dropout 0.5",)}))))
    assert found["data"] == {**told, **own}


@pytest.mark.parametrize(("format_", "read"), [("json", json.loads), ("toml", result_of), ("yaml", yaml.safe_load)])
def test_export_tells_what_becomes_of_raw_rows(make_chosen, format_, read):
    chosen = make_chosen(StudyFacts("binary", classes=("no", "yes"), input_shape=(2,), inputs=("a", "b")))
    told = {"standardize": True, "missing": "impute", "drop": ["id"], "dates": {"start": "%d/%m/%Y"}}
    data = chosen.spec.data.model_copy(update={**told, "drop": ("id",)})
    chosen = replace(chosen, spec=chosen.spec.model_copy(update={"data": data}))
    assert read(EXPORTS[format_].render(chosen))["preparation"] == told


def test_folder_that_a_killed_export_left_is_removed_and_that_of_a_living_one_is_not(tmp_path):
    target = tmp_path / "best.toml"
    (tmp_path / ".best.toml.abc_1.part").mkdir()
    (tmp_path / ".best.toml.abc_1.part" / "best.toml").write_text("half")
    (tmp_path / ".best.toml.notes").mkdir()  # no name of ours
    (tmp_path / ".other.toml.abc.part").mkdir()  # of another file
    with staged(target) as first:
        first.write_text("first")
        write_export("second", target)
        assert first.read_text() == "first"
    assert target.read_text() == "first"
    assert {path.name for path in tmp_path.iterdir()} == {"best.toml", ".best.toml.notes", ".other.toml.abc.part"}


def test_full_disk_leaves_the_old_file_and_is_bad_usage(tmp_path, monkeypatch):
    target = tmp_path / "best.toml"
    target.write_text("old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError) as caught:
        write_export("new", target)
    assert str(caught.value) == (
        f"--output: expected a path that can be written, received {target}: No space left on device."
    )
    assert (target.read_text(), list(tmp_path.iterdir())) == ("old", [target])


def test_place_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    def refusal(path):
        with pytest.raises(UsageError) as caught:
            check_place(path)
        return str(caught.value).removeprefix(f"--output: expected a path that can be written, received {path}: ")

    kept = tmp_path / "kept.toml"
    kept.write_text("mine")
    kept.chmod(0o444)
    assert refusal(kept) == "read-only file."
    with pytest.raises(UsageError, match="read-only file"):
        write_export("new", kept)
    assert kept.read_text() == "mine"
    assert refusal(tmp_path) == "Is a directory."
    assert refusal(tmp_path / "no" / "best.toml") == "No such file or directory."
    assert refusal(kept / "best.toml") == "Not a directory."
    circle = tmp_path / "circle.toml"
    circle.symlink_to(circle)
    assert refusal(circle) == "Too many levels of symbolic links."
    check_place(tmp_path / "new.toml")
    check_place(Path(os.devnull))


def test_model_is_not_written_to_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(UsageError) as caught:
        EXPORTS["keras"].check(tmp_path / "pipe.keras")
    assert str(caught.value) == f"--output: expected an ordinary file, received {tmp_path}/pipe.keras."


@pytest.fixture
def old_folder(tmp_path):
    """A folder that stands where another is to stand."""
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "old").write_text("old")
    return tmp_path / "all"


@pytest.mark.parametrize("swaps", [True, False])
def test_folder_is_replaced_as_a_whole(old_folder, swaps, monkeypatch):
    if not swaps:
        monkeypatch.setattr(writing, "_swap", lambda one, other: False)
    with staged(old_folder) as written:
        written.mkdir()
        (written / "new").write_text("new")
    assert [path.name for path in old_folder.iterdir()] == ["new"]
    assert list(old_folder.parent.iterdir()) == [old_folder]


def test_old_folder_stays_where_the_new_one_cannot_take_its_place(old_folder, monkeypatch):
    monkeypatch.setattr(writing, "_swap", lambda one, other: False)
    rename = Path.rename

    def refuse_new(self, target):
        if self.name == "all" and self.parent != old_folder.parent:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_new)

    def write():
        with staged(old_folder) as written:
            written.mkdir()

    with pytest.raises(UsageError, match="Device or resource busy"):
        write()
    assert [path.name for path in old_folder.iterdir()] == ["old"]


def test_folder_of_an_export_killed_between_two_renames_is_put_back(tmp_path):
    waiting = tmp_path / ".all.abc.part" / "replaced"
    waiting.mkdir(parents=True)
    (waiting / "old").write_text("old")

    def fail():
        with staged(tmp_path / "all"):
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        fail()
    assert (tmp_path / "all" / "old").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["all"]
