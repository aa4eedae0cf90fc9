"""Folders that are known for leftovers once the process that made them was killed."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from search.locked_folders import locked_folder

HOLDER = """
import sys, time
from pathlib import Path
from search.locked_folders import locked_folder
with locked_folder(Path(sys.argv[1]), prefix="ours-", suffix=".part") as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    time.sleep(600)
"""


def test_folder_goes_with_its_block(tmp_path):
    with contextlib.suppress(KeyError), locked_folder(tmp_path, prefix="ours-") as folder:
        (folder / "file").touch()
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_killed_process_is_removed_and_none_of_anybody_else(tmp_path):
    others = {tmp_path / "ours-and more", tmp_path / "theirs-abc", tmp_path / "ours-link"}
    for other in others - {tmp_path / "ours-link"}:
        other.mkdir()
    (tmp_path / "ours-link").symlink_to(tmp_path / "theirs-abc")
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        left = tmp_path / holder.stdout.readline().strip()
        with locked_folder(tmp_path, prefix="ours-", suffix=".part") as folder:
            assert set(tmp_path.iterdir()) == {*others, left, folder}
        holder.send_signal(signal.SIGKILL)
    assert (left / "file").exists()
    with locked_folder(tmp_path, prefix="ours-", suffix=".part") as folder:
        assert set(tmp_path.iterdir()) == {*others, folder}


def test_leftover_that_cannot_be_rescued_stays(tmp_path):
    (left := tmp_path / "ours-abc").mkdir()
    seen = []

    def fail(folder):
        seen.append(folder)
        raise PermissionError

    with locked_folder(tmp_path, prefix="ours-", rescue=fail):
        assert seen == [left]
    assert list(tmp_path.iterdir()) == [left]


def test_folder_is_made_where_nobody_may_look(tmp_path, monkeypatch):
    def refuse(self):
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    with locked_folder(tmp_path, prefix="ours-") as folder:
        assert folder.is_dir()
